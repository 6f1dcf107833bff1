/* SPDX-License-Identifier: Apache-2.0 */
/* toolkit NAME COUNT - one measurement of the toolkit, the same work as in python.py; prints operations a second. */
#include <kakehi/dict.h>
#include <kakehi/lock.h>
#include <kakehi/pipe.h>
#include <kakehi/pool.h>
#include <kakehi/process.h>
#include <kakehi/queue.h>
#include <kakehi/value.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WORKERS = 2, KEYS = 100, MESSAGE = 64 };

static struct kk_family *family;

static void must(bool fine, const char *what, const struct kk_error *error)
{
	if (fine)
		return;
	fprintf(stderr, "toolkit: %s: %s\n", what, error && error->code ? error->text : "failed");
	exit(EXIT_FAILURE);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Starts a call of a forked child, which finds at `pointer` what its parent has there. */
static struct kk_process *start(kk_function *function, void *pointer)
{
	struct kk_error error = {0};
	struct kk_process *process = kk_process_spawn(
	    &(struct kk_process_spec){
	        .call = function, .args = &pointer, .args_bytes = sizeof(pointer), .family = family},
	    &error);

	must(process, "a process", &error);
	return process;
}

static void finish(struct kk_process *process)
{
	struct kk_process_end end;

	must(kk_process_wait(process, -1, &end) == KK_OK && end.exited && end.code == 0, "a process", NULL);
	kk_process_free(process);
}

static void *pointer_of(const struct kk_call *call)
{
	return *(void *const *)call->args;
}

static int nothing(struct kk_call *call)
{
	(void)call;
	return 0;
}

/* ---- queue: one process puts, one gets */

static long items;

static int consume(struct kk_call *call)
{
	struct kk_queue *queue = pointer_of(call);
	char item[MESSAGE];

	for (long i = 0; i < items; i++)
		if (kk_queue_get(queue, item, sizeof(item), -1) != MESSAGE)
			return 1;
	return 0;
}

static double measure_queue(long count)
{
	static const char item[MESSAGE] = "x";
	struct kk_error error = {0};
	struct kk_queue *queue = kk_queue_create(family, &(struct kk_queue_spec){.item_max = MESSAGE}, &error);
	struct kk_process *getter;
	double begin;

	must(queue, "a queue", &error);
	items = count;
	getter = start(consume, queue);
	begin = now();
	for (long i = 0; i < count; i++)
		must(kk_queue_put(queue, item, sizeof(item), -1) == KK_OK, "put", NULL);
	finish(getter);
	return (double)count / (now() - begin);
}

/* ---- pool */

static struct kk_pool *pool_of_two(void)
{
	struct kk_error error = {0};
	struct kk_pool *pool = kk_pool_create(NULL, WORKERS, &error);

	must(pool, "a pool", &error);
	must(kk_pool_apply(pool, nothing, NULL, 0, NULL, 0, &error) == 0, "apply", &error);
	return pool;
}

static double measure_apply(long count)
{
	struct kk_future **futures = calloc((size_t)count, sizeof(struct kk_future *));
	struct kk_pool *pool = pool_of_two();
	struct kk_error error = {0};
	double begin = now(), end;

	must(futures, "memory", NULL);
	for (long i = 0; i < count; i++) {
		futures[i] = kk_pool_apply_async(pool, nothing, NULL, 0, NULL, &error);
		must(futures[i], "apply_async", &error);
	}
	for (long i = 0; i < count; i++)
		must(kk_future_result(futures[i], -1, NULL, NULL, &error) == KK_OK, "get", &error);
	end = now();
	for (long i = 0; i < count; i++)
		kk_future_free(futures[i]);
	free(futures);
	kk_pool_free(pool);
	return (double)count / (end - begin);
}

static double measure_map(long count)
{
	int64_t *numbers = malloc((size_t)count * sizeof(*numbers));
	struct kk_pool *pool = pool_of_two();
	struct kk_error error = {0};
	double begin, end;

	must(numbers, "memory", NULL);
	for (long i = 0; i < count; i++)
		numbers[i] = i;
	begin = now();
	must(kk_pool_map(pool, nothing, numbers, sizeof(*numbers), (size_t)count, NULL, 0, &error) == KK_OK, "map",
	     &error);
	end = now();
	free(numbers);
	kk_pool_free(pool);
	return (double)count / (end - begin);
}

/* ---- value: two processes count one number up under its lock */

struct counting {
	struct kk_value *value;
	long count;
};

static int count_up(struct kk_call *call)
{
	struct counting *counting = pointer_of(call);
	int64_t number;

	for (long i = 0; i < counting->count; i++) {
		if (kk_value_lock(counting->value, -1) != KK_OK ||
		    kk_value_get_int(counting->value, &number) != KK_OK ||
		    kk_value_set_int(counting->value, number + 1) != KK_OK || kk_value_unlock(counting->value) != KK_OK)
			return 1;
	}
	return 0;
}

static double measure_value(long count)
{
	struct kk_error error = {0};
	struct counting counting = {.value = kk_value_create(family, KK_NUMBER_INT, true, &error), .count = count / 2};
	struct kk_process *both[2];
	int64_t number;
	double begin = now(), end;

	must(counting.value, "a value", &error);
	for (int i = 0; i < 2; i++)
		both[i] = start(count_up, &counting);
	for (int i = 0; i < 2; i++)
		finish(both[i]);
	end = now();
	must(kk_value_get_int(counting.value, &number) == KK_OK && number == count / 2 * 2, "the sum", NULL);
	return (double)count / (end - begin);
}

/* ---- dict */

static struct kk_dict *dict_with_keys(void)
{
	struct kk_error error = {0};
	struct kk_dict *dict =
	    kk_dict_create(family, &(struct kk_dict_shape){.keys = 2 * KEYS, .key_max = 16, .value_max = 16}, &error);
	char key[16];

	must(dict, "a dict", &error);
	for (int64_t i = 0; i < KEYS; i++) {
		int length = snprintf(key, sizeof(key), "key %d", (int)i);
		must(kk_dict_set(dict, key, (size_t)length, &i, sizeof(i)) == KK_OK, "set", NULL);
	}
	return dict;
}

static double measure_dict_get(long count)
{
	struct kk_dict *dict = dict_with_keys();
	double begin = now();

	for (long i = 0; i < count; i++) {
		char key[16];
		int length = snprintf(key, sizeof(key), "key %ld", i % KEYS);
		int64_t number;
		must(kk_dict_get(dict, key, (size_t)length, &number, sizeof(number)) == sizeof(number), "get", NULL);
	}
	return (double)count / (now() - begin);
}

static double measure_dict_set(long count)
{
	struct kk_dict *dict = dict_with_keys();
	double begin = now();

	for (int64_t i = 0; i < count; i++) {
		char key[16];
		int length = snprintf(key, sizeof(key), "key %d", (int)(i % KEYS));
		must(kk_dict_set(dict, key, (size_t)length, &i, sizeof(i)) == KK_OK, "set", NULL);
	}
	return (double)count / (now() - begin);
}

/* ---- process */

static double measure_process(long count)
{
	double begin = now();

	for (long i = 0; i < count; i++)
		finish(start(nothing, NULL));
	return (double)count / (now() - begin);
}

/* ---- pipe: 64 bytes there and back */

static int echo(struct kk_call *call)
{
	struct kk_connection *connection = pointer_of(call);
	char message[MESSAGE];
	size_t bytes;
	int status;

	while ((status = kk_connection_recv_bytes_into(connection, message, sizeof(message), &bytes, -1)) == KK_OK)
		if (kk_connection_send_bytes(connection, message, bytes, -1) != KK_OK)
			return 1;
	return status == KK_ERR_CLOSED ? 0 : 2;
}

static double measure_pipe(long count)
{
	struct kk_connection *ends[2];
	struct kk_error error = {0};
	char message[MESSAGE] = "x";
	struct kk_process *other;
	double begin, end;
	size_t bytes;

	must(kk_pipe_create(family, true, 0, ends, &error) == KK_OK, "a pipe", &error);
	other = start(echo, ends[1]);
	begin = now();
	for (long i = 0; i < count; i++)
		must(kk_connection_send_bytes(ends[0], message, sizeof(message), -1) == KK_OK &&
		         kk_connection_recv_bytes_into(ends[0], message, sizeof(message), &bytes, -1) == KK_OK,
		     "a round trip", NULL);
	end = now();
	kk_connection_shut(ends[0]);
	finish(other);
	return (double)count / (end - begin);
}

static double measure_pipe_parked(long count)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	must(sched_setaffinity(0, sizeof(one), &one) == 0, "one processor", NULL);
	return measure_pipe(count);
}

static const struct {
	const char *name;
	double (*measure)(long count);
} rows[] = {
    {"queue", measure_queue},     {"apply", measure_apply},       {"map", measure_map},
    {"value", measure_value},     {"dict-get", measure_dict_get}, {"dict-set", measure_dict_set},
    {"process", measure_process}, {"pipe", measure_pipe},         {"pipe-parked", measure_pipe_parked},
};

int main(int argc, char **argv)
{
	struct kk_error error = {0};

	family = kk_family_create(NULL, &error);
	must(family, "a family", &error);
	for (size_t i = 0; argc == 3 && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(argv[1], rows[i].name) == 0) {
			printf("%.0f\n", rows[i].measure(atol(argv[2])));
			return EXIT_SUCCESS;
		}
	fputs("usage: toolkit NAME COUNT\n", stderr);
	return EXIT_FAILURE;
}
