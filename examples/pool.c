/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c - a pool of worker processes: apply, apply_async, get with a time-out, map, imap; and a worker that is killed.
 */
#include <kakehi/pool.h>

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int square(struct kk_call *call)
{
	long n = *(const long *)call->args;
	n *= n;
	return kk_call_return(call, &n, sizeof(n));
}

/* Nobody waits for its end. */
static int sleep_long(struct kk_call *call)
{
	(void)call;
	sleep(60);
	return 0;
}

static int die(struct kk_call *call)
{
	(void)call;
	raise(SIGKILL);
	return 0;
}

static long number_of(struct kk_future *future)
{
	const void *data;
	return kk_future_result(future, -1, &data, NULL, NULL) == KK_OK ? *(const long *)data : -1;
}

static void apply(struct kk_pool *pool)
{
	long n = 10, answer = 0;
	if (kk_pool_apply(pool, square, &n, sizeof(n), &answer, sizeof(answer), NULL) > 0)
		printf("apply: %ld\n", answer);

	n = 20;
	struct kk_future *future = kk_pool_apply_async(pool, square, &n, sizeof(n), NULL, NULL);
	printf("apply_async: %ld\n", number_of(future));
	kk_future_free(future);

	future = kk_pool_apply_async(pool, sleep_long, NULL, 0, NULL, NULL);
	if (kk_future_result(future, 100, NULL, NULL, NULL) == KK_ERR_TIMEOUT)
		printf("get with a time-out: it sleeps still\n");
	kk_future_free(future);
}

static void map(struct kk_pool *pool)
{
	long numbers[10], squares[10];
	for (long i = 0; i < 10; i++)
		numbers[i] = i;
	if (kk_pool_map(pool, square, numbers, sizeof(long), 10, squares, sizeof(long), NULL) != KK_OK)
		return;
	printf("map:");
	for (int i = 0; i < 10; i++)
		printf(" %ld", squares[i]);
	printf("\nimap:");
	struct kk_results *results = kk_pool_imap(pool, square, numbers, sizeof(long), 10, 0, NULL);
	const void *data;
	while (kk_results_next(results, -1, &data, NULL, NULL) == 1)
		printf(" %ld", *(const long *)data);
	printf("\n");
	kk_results_free(results);
}

static void lose_a_worker(struct kk_pool *pool)
{
	struct kk_error error;
	struct kk_future *future = kk_pool_apply_async(pool, die, NULL, 0, NULL, NULL);
	if (kk_future_result(future, -1, NULL, NULL, &error) == KK_ERR_DIED)
		printf("a task that kills: %s\n", error.text);
	kk_future_free(future);
	long n = 30, answer = 0;
	if (kk_pool_apply(pool, square, &n, sizeof(n), &answer, sizeof(answer), NULL) > 0)
		printf("and the next: %ld\n", answer);
}

int main(int argc, char **argv)
{
	kk_function_main(argc, argv);
	struct kk_error error;
	struct kk_pool *pool = kk_pool_create(NULL, 4, &error);
	if (!pool) {
		fprintf(stderr, "%s\n", error.text);
		return 1;
	}
	apply(pool);
	map(pool);
	lose_a_worker(pool);
	/* One of them sleeps. */
	kk_pool_terminate(pool);
	kk_pool_join(pool);
	kk_pool_free(pool);
	return 0;
}
