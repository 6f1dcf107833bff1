/* SPDX-License-Identifier: Apache-2.0 */
/* links: libuv */
/* loop.c - an event loop (libuv) that awaits futures: tasks, a gather of several, and a blocking call that runs in an
 * executor of threads, while the loop goes on. */
#include <kakehi/executor.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

/* ---- what is called in the executors */

static int square(struct kk_call *call)
{
	long n = *(const long *)call->args;
	n *= n;
	return kk_call_return(call, &n, sizeof(n));
}
KK_FUNCTION(square)

/* A call that blocks whoever makes it. */
static int block(struct kk_call *call)
{
	const struct timespec time = {.tv_nsec = *(const long *)call->args * 1000000};
	nanosleep(&time, NULL);
	return kk_call_return(call, call->args, call->args_bytes);
}

/* ---- awaiting: what is to be called when a future has ended */

struct awaited {
	struct kk_future *future;
	void (*then)(struct awaited *awaited, long answer);
	void *context;
	struct awaited *next;
};

static struct awaited *all;
static int left; /* of them */
static uv_poll_t polls[2];
static uv_timer_t heart;
static int beats;

static void await(struct kk_executor *executor, kk_function *function, long argument,
                  void (*then)(struct awaited *awaited, long answer), void *context)
{
	struct awaited *awaited = calloc(1, sizeof(*awaited));
	struct kk_future *future = kk_executor_submit(executor, function, &argument, sizeof(argument), -1, NULL);
	if (!awaited || !future || kk_future_watch(future) < 0)
		abort();
	*awaited = (struct awaited){future, then, context, all};
	all = awaited;
	left++;
}

static void finish(struct kk_future *future)
{
	struct awaited **at = &all;
	const void *data;
	while ((*at)->future != future)
		at = &(*at)->next;
	struct awaited *awaited = *at;
	*at = awaited->next;
	/* It has ended: this does not wait. */
	int rc = kk_future_result(future, 0, &data, NULL, NULL);
	awaited->then(awaited, rc == KK_OK ? *(const long *)data : -1);
	kk_future_free(future);
	free(awaited);
	if (--left > 0)
		return;
	for (int i = 0; i < 2; i++)
		uv_poll_stop(&polls[i]);
	uv_timer_stop(&heart);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct kk_future *future;
	(void)status;
	(void)events;
	while ((future = kk_executor_next_done(poll->data)))
		finish(future);
}

static void on_heart(uv_timer_t *timer)
{
	(void)timer;
	beats++;
}

/* ---- the program */

struct gather {
	long answer[3];
	int missing;
};

static void gathered(struct awaited *awaited, long answer)
{
	struct gather *gather = awaited->context;
	long root = 3;
	while (root * root != answer)
		root++;
	gather->answer[root - 3] = answer;
	if (--gather->missing == 0)
		printf("gather: %ld %ld %ld\n", gather->answer[0], gather->answer[1], gather->answer[2]);
}

static void unblocked(struct awaited *awaited, long answer)
{
	(void)awaited;
	printf("a blocking call of %ld ms is over; meanwhile the loop %s\n", answer,
	       beats > 3 ? "went on" : "stood still");
}

static struct kk_executor *processes, *threads;

static void first_task(struct awaited *awaited, long answer)
{
	static struct gather gather = {.missing = 3};
	(void)awaited;
	printf("a task: %ld\n", answer);
	for (long n = 3; n < 6; n++)
		await(processes, square, n, gathered, &gather);
	await(threads, block, 300, unblocked, NULL);
}

static void watch(uv_poll_t *poll, struct kk_executor *executor)
{
	poll->data = executor;
	uv_poll_init(uv_default_loop(), poll, kk_executor_fd(executor));
	uv_poll_start(poll, UV_READABLE, on_readable);
}

int main(int argc, char **argv)
{
	kk_function_main(argc, argv);
	const struct kk_executor_spec two_processes = {.workers = 2}, a_thread = {.workers = 1, .threads = true};
	/* The processes first: they are forked while there are no threads. */
	processes = kk_executor_create(NULL, &two_processes, NULL);
	threads = kk_executor_create(NULL, &a_thread, NULL);
	if (!processes || !threads)
		return 1;
	watch(&polls[0], processes);
	watch(&polls[1], threads);
	uv_timer_init(uv_default_loop(), &heart);
	uv_timer_start(&heart, on_heart, 10, 10);
	await(processes, square, 2, first_task, NULL);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	for (int i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&polls[i], NULL);
	uv_close((uv_handle_t *)&heart, NULL);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	uv_loop_close(uv_default_loop());
	kk_executor_close(threads);
	kk_executor_close(processes);
	return 0;
}
