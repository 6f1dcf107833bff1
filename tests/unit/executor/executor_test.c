/* SPDX-License-Identifier: Apache-2.0 */
/* kk_executor and kk_future, with processes or (THREADS) threads as workers: what both have in common. */
#include "executor/handle.h"
#include "harness.h"
#include <kakehi/cpus.h>
#include <kakehi/executor.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef THREADS
#define THREADS false
#endif

/* ---- what workers do; made before them, so they all have it */

static int begun[2], gate[2]; /* pipes: a task has begun; it may go on */
static _Atomic int *counter;  /* in memory that all share */

static int open_gates(void **state)
{
	(void)state;
	assert_int_equal(pipe2(begun, O_CLOEXEC), 0);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(counter, MAP_FAILED);
	return 0;
}

static int close_gates(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		close(begun[i]);
		close(gate[i]);
	}
	/* Workers that ended just before their server did. */
	return (int)harness_wait_orphans(10000);
}

static void await_begun(int count)
{
	char byte;
	for (int i = 0; i < count; i++)
		assert_int_equal(read(begun[0], &byte, 1), 1);
}

static void let_go_on(int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(write(gate[1], "x", 1), 1);
}

static int square(struct kk_call *call)
{
	long n = *(const long *)call->args;
	n *= n;
	return kk_call_return(call, &n, sizeof(n));
}

static int count_up(struct kk_call *call)
{
	(void)call;
	atomic_fetch_add(counter, 1);
	return 0;
}

static int pass_gate(struct kk_call *call)
{
	char byte;
	if (write(begun[1], "b", 1) != 1 || read(gate[0], &byte, 1) != 1)
		return KK_ERR_SYSTEM;
	return kk_call_return(call, call->args, call->args_bytes);
}

static int fail_so(struct kk_call *call)
{
	return kk_call_fail(call, *(const int *)call->args, "no luck with %d", *(const int *)call->args);
}

static int fail_dumb(struct kk_call *call)
{
	return *(const int *)call->args;
}

/* As many bytes as it is told, that follow from the number. */
static int make_bytes(struct kk_call *call)
{
	size_t bytes = *(const size_t *)call->args;
	unsigned char *data = malloc(bytes + 1);
	if (!data)
		return KK_ERR_MEMORY;
	for (size_t i = 0; i < bytes; i++)
		data[i] = (unsigned char)(i * 31 + bytes);
	int rc = kk_call_return(call, data, bytes);
	free(data);
	return rc;
}

static int sum_bytes(struct kk_call *call)
{
	unsigned long sum = call->args_bytes;
	for (size_t i = 0; i < call->args_bytes; i++)
		sum = sum * 31 + ((const unsigned char *)call->args)[i];
	return (uintptr_t)call->args % 16 ? KK_ERR_INVALID : kk_call_return(call, &sum, sizeof(sum));
}

static int root(struct kk_call *call)
{
	long n = *(const long *)call->args, r = 0;
	while (r * r < n)
		r++;
	if (r * r != n)
		return kk_call_fail(call, 0, "%ld is no square", n);
	return kk_call_return(call, &r, sizeof(r));
}

/* ---- shorthand */

static struct kk_executor *make(const struct kk_executor_spec *given)
{
	struct kk_executor_spec spec = given ? *given : (struct kk_executor_spec){.workers = 2};
	struct kk_error error = {0};
	spec.threads = THREADS;
	struct kk_executor *executor = kk_executor_create(NULL, &spec, &error);
	if (!executor)
		fail_msg("%s", error.text);
	return executor;
}

static struct kk_future *submit(struct kk_executor *executor, kk_function *function, const void *args, size_t bytes)
{
	struct kk_error error = {0};
	struct kk_future *future = kk_executor_submit(executor, function, args, bytes, -1, &error);
	if (!future)
		fail_msg("%s", error.text);
	return future;
}

static struct kk_future *submit_long(struct kk_executor *executor, kk_function *function, long n)
{
	return submit(executor, function, &n, sizeof(n));
}

static long result_long(struct kk_future *future)
{
	const void *data;
	size_t bytes;
	struct kk_error error = {0};
	if (kk_future_result(future, -1, &data, &bytes, &error) != KK_OK)
		fail_msg("%s", error.text);
	assert_int_equal(bytes, sizeof(long));
	return *(const long *)data;
}

static bool begun_by(struct kk_executor *executor, uint64_t done)
{
	struct kk_executor_usage usage;
	kk_executor_usage(executor, &usage);
	return usage.done >= done;
}

/* ---- submit, result, exception */

static void test_submit(void **state)
{
	(void)state;
	struct kk_executor *executor = make(NULL);
	struct kk_future *future = submit_long(executor, square, 7);
	assert_int_equal(result_long(future), 49);
	assert_int_equal(result_long(future), 49);
	assert_true(kk_future_done(future));
	assert_false(kk_future_running(future));
	assert_false(kk_future_cancelled(future));
	assert_int_equal(kk_future_exception(future, -1, NULL, NULL), KK_OK);
	kk_future_free(future);
	kk_executor_close(executor);
}

static void test_invalid(void **state)
{
	(void)state;
	struct kk_executor *executor = make(NULL);
	struct kk_error error = {0};
	assert_null(kk_executor_submit(executor, NULL, NULL, 0, -1, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_executor_submit(executor, square, NULL, 8, -1, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_executor_submit(executor, square, &error, KK_EXECUTOR_ROOM + 1, -1, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_non_null(strstr(error.text, "there is room for 2097152"));
	kk_executor_close(executor);
	const struct kk_executor_spec wrong[] = {
	    {.workers = KK_EXECUTOR_WORKERS + 1},
	    {.tasks = (1U << 20) + 1},
	    {.retries = 255},
	    {.init_bytes = KK_EXECUTOR_INIT_MAX + 1, .init_args = &wrong},
	    {.init_bytes = 1},
	    {.args_room = UINT64_C(1) << 32},
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_null(kk_executor_create(NULL, &wrong[i], &error));
		assert_int_equal(error.code, KK_ERR_INVALID);
	}
}

static void test_default_workers(void **state)
{
	(void)state;
	const struct kk_executor_spec spec = {0};
	struct kk_executor *executor = make(&spec);
	kk_future_free(submit_long(executor, square, 1));
	struct kk_executor_usage usage;
	kk_executor_usage(executor, &usage);
	assert_true(usage.workers <= kk_cpus());
	assert_int_equal(usage.places, KK_EXECUTOR_TASKS);
	kk_executor_close(executor);
}

static void test_fail(void **state)
{
	(void)state;
	static const struct {
		kk_function *function;
		int code;
		const char *text;
	} row[] = {
	    {fail_so, 5, "no luck with 5"},
	    {fail_so, KK_ERR_NO_ROOM, "no luck with -3"},
	    {fail_so, KK_ERR_TIMEOUT, "no luck with -7"},
	    {fail_dumb, 77, "the function returned 77"},
	    {fail_dumb, KK_ERR_EMPTY, "the function failed: empty"},
	};
	struct kk_executor *executor = make(NULL);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct kk_error error = {0};
		const void *data = &error;
		size_t bytes = 1;
		int code = 0;
		struct kk_future *future = submit(executor, row[i].function, &row[i].code, sizeof(int));
		assert_int_equal(kk_future_result(future, -1, &data, &bytes, &error), KK_ERR_FAILED);
		assert_null(data);
		assert_int_equal(bytes, 0);
		assert_string_equal(error.text, row[i].text);
		assert_int_equal(kk_future_exception(future, 0, &code, NULL), KK_ERR_FAILED);
		assert_int_equal(code, row[i].code);
		kk_future_free(future);
	}
	kk_executor_close(executor);
}

static void test_sizes(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 63, 64, 255, 256, 257, 4095, 4096, 4097, 100000, KK_EXECUTOR_ROOM};
	struct kk_executor *executor = make(NULL);
	unsigned char *data = harness_keep(calloc(1, KK_EXECUTOR_ROOM));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned long sum = sizes[i];
		const void *answer;
		size_t bytes;
		for (size_t k = 0; k < sizes[i]; k++) {
			data[k] = (unsigned char)(k * 31 + sizes[i]);
			sum = sum * 31 + data[k];
		}
		struct kk_future *future = submit(executor, sum_bytes, data, sizes[i]);
		assert_int_equal((unsigned long)result_long(future), sum);
		kk_future_free(future);
		future = submit(executor, make_bytes, &sizes[i], sizeof(sizes[i]));
		assert_int_equal(kk_future_result(future, -1, &answer, &bytes, NULL), KK_OK);
		assert_int_equal(bytes, sizes[i]);
		assert_memory_equal(answer, data, bytes);
		kk_future_free(future);
	}
	size_t too_long = KK_EXECUTOR_ROOM + 1;
	int code;
	struct kk_future *future = submit(executor, make_bytes, &too_long, sizeof(too_long));
	assert_int_equal(kk_future_exception(future, -1, &code, NULL), KK_ERR_FAILED);
	assert_int_equal(code, KK_ERR_NO_ROOM);
	kk_future_free(future);
	kk_executor_close(executor);
}

static void test_timeout(void **state)
{
	(void)state;
	struct kk_executor *executor = make(NULL);
	struct kk_future *future = submit(executor, pass_gate, "12345678", 8);
	uint64_t before = harness_now_ms();
	assert_int_equal(kk_future_result(future, 0, NULL, NULL, NULL), KK_ERR_TIMEOUT);
	assert_int_equal(kk_future_result(future, 30, NULL, NULL, NULL), KK_ERR_TIMEOUT);
	assert_int_equal(kk_future_exception(future, 1, NULL, NULL), KK_ERR_TIMEOUT);
	assert_true(harness_now_ms() - before >= 30);
	let_go_on(1);
	assert_int_equal(kk_future_result(future, -1, NULL, NULL, NULL), KK_OK);
	kk_future_free(future);
	kk_executor_close(executor);
}

/* ---- states */

static void test_states(void **state)
{
	(void)state;
	const struct kk_executor_spec spec = {.workers = 1};
	struct kk_executor *executor = make(&spec);
	struct kk_future *runs = submit(executor, pass_gate, "", 0), *waits = submit_long(executor, square, 2);
	struct kk_error error = {0};
	int code;
	await_begun(1);
	assert_true(kk_future_running(runs));
	assert_false(kk_future_done(runs));
	assert_false(kk_future_cancel(runs));
	assert_false(kk_future_running(waits) || kk_future_done(waits));
	assert_true(kk_future_cancel(waits));
	assert_true(kk_future_cancel(waits));
	assert_true(kk_future_cancelled(waits) && kk_future_done(waits));
	assert_int_equal(kk_future_result(waits, -1, NULL, NULL, &error), KK_ERR_CANCELLED);
	assert_int_equal(kk_future_exception(waits, -1, &code, NULL), KK_ERR_CANCELLED);
	assert_int_equal(code, KK_ERR_CANCELLED);
	assert_true(kk_future_cancel(waits) && kk_future_cancelled(waits));
	let_go_on(1);
	assert_int_equal(kk_future_result(runs, -1, NULL, NULL, NULL), KK_OK);
	assert_false(kk_future_cancel(runs));
	/* The worker comes past the cancelled one. */
	struct kk_future *last = submit_long(executor, square, 3);
	assert_int_equal(result_long(last), 9);
	kk_future_free(last);
	kk_future_free(waits);
	kk_future_free(runs);
	kk_executor_close(executor);
}

/* One that is freed at once is run all the same. */
static void test_free_at_once(void **state)
{
	(void)state;
	struct kk_executor *executor = make(NULL);
	for (int i = 0; i < 50; i++)
		kk_future_free(submit(executor, count_up, NULL, 0));
	kk_executor_close(executor);
	assert_int_equal(atomic_load(counter), 50);
}

static void *free_when_closed(void *arg)
{
	struct kk_future *future = arg;
	while (!atomic_load(&future->executor->closed))
		sched_yield();
	kk_future_free(future);
	return NULL;
}

/* The last future outlives its executor, as it should, and takes the handle with it: while that is still closing. */
static void test_free_while_closing(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		struct kk_executor *executor = make(NULL);
		struct kk_future *future = submit_long(executor, square, 2);
		pthread_t thread;
		assert_int_equal(result_long(future), 4);
		assert_int_equal(pthread_create(&thread, NULL, free_when_closed, future), 0);
		kk_executor_close(executor);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
}

/* ---- callbacks */

struct heard {
	_Atomic int count;
	int result; /* of the last one */
	int order[4];
	pthread_t thread;
};

static void hear(struct kk_future *future, void *arg)
{
	struct heard *heard = arg;
	heard->result = kk_future_exception(future, 0, NULL, NULL);
	heard->thread = pthread_self();
	atomic_fetch_add(&heard->count, 1);
}

static bool has_heard(void *arg)
{
	return atomic_load(&((struct heard *)arg)->count) > 0;
}

static void hear_of(struct kk_future *future, struct heard *heard)
{
	*heard = (struct heard){0};
	assert_int_equal(kk_future_add_done_callback(future, hear, heard), KK_OK);
}

static void test_callback(void **state)
{
	(void)state;
	const struct kk_executor_spec spec = {.workers = 1};
	struct kk_executor *executor = make(&spec);
	struct kk_future *blocks = submit(executor, pass_gate, "", 0);
	int code = 3;
	struct kk_future *good = submit_long(executor, square, 2),
	                 *bad = submit(executor, fail_dumb, &code, sizeof(code));
	struct kk_future *off = submit_long(executor, square, 2);
	struct heard heard[4];
	hear_of(good, &heard[0]);
	hear_of(bad, &heard[1]);
	hear_of(off, &heard[2]);
	assert_true(kk_future_cancel(off));
	assert_true(harness_wait_until(has_heard, &heard[2], 10000));
	assert_int_equal(heard[2].result, KK_ERR_CANCELLED);
	assert_false(has_heard(&heard[0]) || has_heard(&heard[1]));
	let_go_on(1);
	assert_true(harness_wait_until(has_heard, &heard[0], 10000));
	assert_true(harness_wait_until(has_heard, &heard[1], 10000));
	assert_int_equal(heard[0].result, KK_OK);
	assert_int_equal(heard[1].result, KK_ERR_FAILED);
	assert_false(pthread_equal(heard[0].thread, pthread_self()));
	/* Those that have ended: at once, by the caller. */
	hear_of(good, &heard[3]);
	assert_true(has_heard(&heard[3]) && heard[3].result == KK_OK);
	assert_true(pthread_equal(heard[3].thread, pthread_self()));
	hear_of(bad, &heard[3]);
	assert_true(has_heard(&heard[3]) && heard[3].result == KK_ERR_FAILED);
	hear_of(off, &heard[3]);
	assert_true(has_heard(&heard[3]) && heard[3].result == KK_ERR_CANCELLED);
	kk_future_free(blocks);
	kk_future_free(good);
	kk_future_free(bad);
	kk_future_free(off);
	kk_executor_close(executor);
	for (int i = 0; i < 4; i++)
		assert_int_equal(atomic_load(&heard[i].count), 1);
}

static struct heard ordered;

static void note_first(struct kk_future *future, void *arg)
{
	(void)future;
	ordered.order[atomic_fetch_add(&ordered.count, 1)] = *(int *)arg;
}

static bool all_noted(void *arg)
{
	(void)arg;
	return atomic_load(&ordered.count) == 4;
}

/* In the order of adding; also if the future was freed meanwhile. */
static void test_callback_order(void **state)
{
	(void)state;
	static int numbers[] = {1, 2, 3, 4};
	struct kk_executor *executor = make(NULL);
	struct kk_future *future = submit(executor, pass_gate, "", 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(kk_future_add_done_callback(future, note_first, &numbers[i]), KK_OK);
	kk_future_free(future);
	let_go_on(1);
	assert_true(harness_wait_until(all_noted, NULL, 10000));
	assert_memory_equal(ordered.order, numbers, sizeof(numbers));
	kk_executor_close(executor);
}

static void submit_another(struct kk_future *future, void *arg)
{
	struct kk_executor *executor = arg;
	(void)future;
	struct kk_future *next = kk_executor_submit(executor, count_up, NULL, 0, -1, NULL);
	if (next)
		(void)kk_future_result(next, -1, NULL, NULL, NULL);
	kk_future_free(next);
	atomic_fetch_add(&ordered.count, 1);
}

static bool one_counted(void *arg)
{
	(void)arg;
	return atomic_load(&ordered.count) == 1;
}

static void test_callback_submits(void **state)
{
	(void)state;
	struct kk_executor *executor = make(NULL);
	struct kk_future *future = submit(executor, pass_gate, "", 0);
	assert_int_equal(kk_future_add_done_callback(future, submit_another, executor), KK_OK);
	let_go_on(1);
	assert_true(harness_wait_until(one_counted, NULL, 10000));
	assert_int_equal(atomic_load(counter), 1);
	kk_future_free(future);
	kk_executor_close(executor);
}

/* ---- wait */

static void test_first_completed(void **state)
{
	(void)state;
	struct kk_executor *executor = make(NULL);
	struct kk_future *future[] = {submit_long(executor, square, 21), submit(executor, pass_gate, "", 0)};
	long done = kk_future_wait(future, 2, KK_FIRST_COMPLETED, -1);
	assert_int_equal(done, 1);
	assert_true(kk_future_done(future[0]) && !kk_future_done(future[1]));
	/* One has ended already. */
	assert_int_equal(kk_future_wait(future, 2, KK_FIRST_COMPLETED, -1), 1);
	assert_int_equal(kk_future_wait(&future[1], 1, KK_FIRST_COMPLETED, 10), 0);
	let_go_on(1);
	assert_int_equal(kk_future_wait(&future[1], 1, KK_FIRST_COMPLETED, -1), 1);
	assert_int_equal(kk_future_wait(NULL, 0, KK_FIRST_COMPLETED, -1), 0);
	assert_int_equal(kk_future_wait(NULL, 1, KK_FIRST_COMPLETED, -1), KK_ERR_INVALID);
	kk_future_free(future[0]);
	kk_future_free(future[1]);
	kk_executor_close(executor);
}

static void test_first_exception(void **state)
{
	(void)state;
	int code = 1;
	struct kk_executor *executor = make(NULL);
	struct kk_future *future[] = {submit_long(executor, square, 21), submit(executor, pass_gate, "", 0),
	                              submit(executor, fail_dumb, &code, sizeof(code))};
	assert_true(kk_future_wait(future, 3, KK_FIRST_EXCEPTION, -1) >= 1);
	assert_true(kk_future_done(future[2]) && !kk_future_done(future[1]));
	/* It has failed already. */
	assert_true(kk_future_wait(future, 3, KK_FIRST_EXCEPTION, -1) >= 1);
	/* Nobody fails: all have to end. */
	assert_int_equal(kk_future_wait(future, 2, KK_FIRST_EXCEPTION, 10), 1);
	let_go_on(1);
	assert_int_equal(kk_future_wait(future, 2, KK_FIRST_EXCEPTION, -1), 2);
	for (int i = 0; i < 3; i++)
		kk_future_free(future[i]);
	kk_executor_close(executor);
}

static void test_all_completed(void **state)
{
	(void)state;
	int code = 1;
	struct kk_executor *executor = make(NULL);
	struct kk_future *future[] = {submit_long(executor, square, 21), submit(executor, pass_gate, "", 0),
	                              submit(executor, fail_dumb, &code, sizeof(code)),
	                              submit_long(executor, square, 2)};
	assert_true(kk_future_wait(future, 4, KK_ALL_COMPLETED, 20) < 4);
	assert_int_equal(kk_future_wait(future, 4, KK_ALL_COMPLETED, 0),
	                 kk_future_wait(future, 4, KK_ALL_COMPLETED, 0));
	let_go_on(1);
	assert_int_equal(kk_future_wait(future, 4, KK_ALL_COMPLETED, -1), 4);
	for (int i = 0; i < 4; i++)
		kk_future_free(future[i]);
	kk_executor_close(executor);
}

static void *let_two_on(void *arg)
{
	(void)arg;
	await_begun(2);
	let_go_on(2);
	return NULL;
}

/* Futures of two executors. */
static void test_wait_of_two(void **state)
{
	(void)state;
	const struct kk_executor_spec spec = {.workers = 1};
	struct kk_executor *one = make(&spec), *other = make(&spec);
	struct kk_future *future[] = {submit(one, pass_gate, "", 0), submit(other, pass_gate, "", 0)};
	pthread_t thread;
	assert_int_equal(kk_future_wait(future, 2, KK_FIRST_COMPLETED, 5), 0);
	assert_int_equal(pthread_create(&thread, NULL, let_two_on, NULL), 0);
	assert_true(kk_future_wait(future, 2, KK_FIRST_COMPLETED, -1) >= 1);
	assert_int_equal(kk_future_wait(future, 2, KK_FIRST_EXCEPTION, -1), 2);
	pthread_join(thread, NULL);
	kk_future_free(future[0]);
	kk_future_free(future[1]);
	kk_executor_close(other);
	kk_executor_close(one);
}

static void test_as_completed(void **state)
{
	(void)state;
	struct kk_executor *executor = make(NULL);
	struct kk_future *late = submit(executor, pass_gate, "", 0), *early = submit_long(executor, square, 7), *next;
	struct kk_future *futures[] = {late, early, late, early};
	struct kk_as_completed *iterator = kk_as_completed(futures, 4, NULL);
	assert_non_null(iterator);
	assert_int_equal(kk_as_completed_next(iterator, -1, &next), 1);
	assert_ptr_equal(next, early);
	assert_int_equal(kk_as_completed_next(iterator, 0, &next), KK_ERR_TIMEOUT);
	assert_int_equal(kk_as_completed_next(iterator, 10, &next), KK_ERR_TIMEOUT);
	let_go_on(1);
	assert_int_equal(kk_as_completed_next(iterator, -1, &next), 1);
	assert_ptr_equal(next, late);
	assert_int_equal(kk_as_completed_next(iterator, -1, &next), 0);
	assert_null(next);
	kk_as_completed_free(iterator);
	iterator = kk_as_completed(NULL, 0, NULL);
	assert_int_equal(kk_as_completed_next(iterator, -1, &next), 0);
	kk_as_completed_free(iterator);
	kk_future_free(late);
	kk_future_free(early);
	kk_executor_close(executor);
}

/* ---- map */

enum { ITEMS = 1000 };

static void check_map(struct kk_results *results, size_t count, bool ordered_too)
{
	bool *seen = harness_keep(calloc(count + 1, sizeof(bool)));
	const void *data;
	size_t bytes, got = 0;
	struct kk_error error = {0};
	int rc;
	assert_non_null(results);
	while ((rc = kk_results_next(results, -1, &data, &bytes, &error)) == 1) {
		size_t item = kk_results_item(results);
		assert_int_equal(bytes, sizeof(long));
		assert_true(item < count && !seen[item]);
		assert_int_equal(*(const long *)data, (long)item * (long)item);
		assert_true(!ordered_too || item == got);
		seen[item] = true;
		got++;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(got, count);
	kk_results_free(results);
}

static void test_map(void **state)
{
	(void)state;
	static long numbers[ITEMS];
	struct kk_executor *executor = make(NULL);
	static const size_t chunks[] = {0, 1, 7, 100, ITEMS, ITEMS * 2};
	for (long i = 0; i < ITEMS; i++)
		numbers[i] = i;
	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		check_map(kk_executor_map(executor, square, numbers, sizeof(long), ITEMS, chunks[i], NULL), ITEMS,
		          true);
		check_map(kk_executor_map_unordered(executor, square, numbers, sizeof(long), ITEMS, chunks[i], NULL),
		          ITEMS, false);
	}
	check_map(kk_executor_map(executor, square, NULL, 0, 0, 0, NULL), 0, true);
	assert_null(kk_executor_map(executor, NULL, numbers, 8, 1, 0, NULL));
	assert_null(kk_executor_map(executor, square, NULL, 8, 1, 0, NULL));
	assert_null(kk_executor_map(executor, square, numbers, 0, 1, 0, NULL));
	kk_executor_close(executor);
}

static void test_map_few_places(void **state)
{
	(void)state;
	static long numbers[ITEMS];
	const struct kk_executor_spec spec = {.workers = 2, .tasks = 1};
	struct kk_executor *executor = make(&spec);
	for (long i = 0; i < ITEMS; i++)
		numbers[i] = i;
	check_map(kk_executor_map(executor, square, numbers, sizeof(long), ITEMS, 3, NULL), ITEMS, true);
	/* Two at a time over one place. */
	struct kk_results *one = kk_executor_map(executor, square, numbers, sizeof(long), 10, 1, NULL);
	check_map(kk_executor_map(executor, square, numbers, sizeof(long), 10, 1, NULL), 10, true);
	check_map(one, 10, true);
	kk_executor_close(executor);
}

static void test_map_fails(void **state)
{
	(void)state;
	static const long numbers[] = {0, 1, 4, 5, 9, 16};
	struct kk_executor *executor = make(NULL);
	struct kk_results *results = kk_executor_map(executor, root, numbers, sizeof(long), 6, 1, NULL);
	const void *data;
	struct kk_error error = {0};
	for (long i = 0; i < 6; i++) {
		int rc = kk_results_next(results, -1, &data, NULL, &error);
		assert_int_equal(kk_results_item(results), i);
		assert_int_equal(rc, i == 3 ? KK_ERR_FAILED : 1);
		if (i == 3)
			assert_string_equal(error.text, "5 is no square");
	}
	assert_int_equal(kk_results_next(results, -1, &data, NULL, &error), 0);
	kk_results_free(results);
	/* In a chunk it takes the others of it with it. */
	results = kk_executor_map(executor, root, numbers, sizeof(long), 6, 3, NULL);
	for (long i = 0; i < 3; i++)
		assert_int_equal(kk_results_next(results, -1, &data, NULL, &error), 1);
	assert_int_equal(kk_results_next(results, -1, &data, NULL, &error), KK_ERR_FAILED);
	assert_int_equal(kk_results_item(results), 3);
	assert_int_equal(kk_results_next(results, -1, &data, NULL, &error), 0);
	kk_results_free(results);
	kk_executor_close(executor);
}

static void test_map_timeout(void **state)
{
	(void)state;
	struct kk_executor *executor = make(NULL);
	const void *data;
	struct kk_results *results = kk_executor_map(executor, pass_gate, "ab", 1, 2, 1, NULL);
	assert_int_equal(kk_results_next(results, 5, &data, NULL, NULL), KK_ERR_TIMEOUT);
	/* They were begun, though nobody iterates. */
	await_begun(2);
	let_go_on(2);
	assert_int_equal(kk_results_next(results, -1, &data, NULL, NULL), 1);
	assert_memory_equal(data, "a", 1);
	kk_results_free(results);
	kk_executor_close(executor);
}

static bool all_counted(void *executor)
{
	return begun_by(executor, 20);
}

static void test_map_without_iterating(void **state)
{
	(void)state;
	static const char items[20];
	struct kk_executor *executor = make(NULL);
	struct kk_results *results = kk_executor_map(executor, count_up, items, 1, 20, 1, NULL);
	assert_true(harness_wait_until(all_counted, executor, 10000));
	kk_results_free(results);
	kk_executor_close(executor);
	assert_int_equal(atomic_load(counter), 20);
}

/* ---- the end */

static void test_shutdown(void **state)
{
	(void)state;
	const struct kk_executor_spec spec = {.workers = 1};
	struct kk_executor *executor = make(&spec);
	struct kk_error error = {0};
	struct kk_future *first = submit(executor, pass_gate, "", 0), *second = submit_long(executor, square, 5);
	await_begun(1);
	assert_int_equal(kk_executor_shutdown(executor, false, false), KK_OK);
	assert_null(kk_executor_submit(executor, square, "12345678", 8, -1, &error));
	assert_int_equal(error.code, KK_ERR_CLOSED);
	let_go_on(1);
	assert_int_equal(kk_executor_shutdown(executor, true, false), KK_OK);
	assert_int_equal(kk_executor_shutdown(executor, true, true), KK_OK);
	assert_int_equal(result_long(second), 25);
	kk_future_free(first);
	kk_future_free(second);
	kk_executor_close(executor);
}

static void test_shutdown_cancels(void **state)
{
	(void)state;
	const struct kk_executor_spec spec = {.workers = 2};
	struct kk_executor *executor = make(&spec);
	struct kk_future *future[20];
	int cancelled = 0;
	for (int i = 0; i < 20; i++)
		future[i] = submit(executor, pass_gate, "", 0);
	await_begun(2);
	assert_int_equal(kk_executor_shutdown(executor, false, true), KK_OK);
	let_go_on(2);
	kk_executor_shutdown(executor, true, false);
	for (int i = 0; i < 20; i++) {
		assert_true(kk_future_done(future[i]));
		cancelled += kk_future_cancelled(future[i]);
		kk_future_free(future[i]);
	}
	assert_int_equal(cancelled, 18);
	kk_executor_close(executor);
}

static void test_terminate(void **state)
{
	(void)state;
	struct kk_executor *executor = make(NULL);
	struct kk_future *future[20];
	for (int i = 0; i < 20; i++)
		future[i] = submit(executor, pass_gate, "", 0);
	await_begun(2);
	/* Threads cannot be killed: they end their task. */
	if (THREADS)
		let_go_on(20);
	assert_int_equal(kk_executor_terminate(executor), KK_OK);
	for (int i = 0; i < 20; i++) {
		assert_true(kk_future_done(future[i]));
		int rc = kk_future_result(future[i], 0, NULL, NULL, NULL);
		assert_true(rc == KK_ERR_CANCELLED || (THREADS && rc == KK_OK));
		kk_future_free(future[i]);
	}
	kk_executor_close(executor);
}

static void *close_soon(void *executor)
{
	kk_executor_shutdown(executor, false, false);
	return NULL;
}

/* Submitting while somebody closes: each is run or refused. */
static void test_shutdown_race(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		struct kk_executor *executor = make(NULL);
		pthread_t thread;
		int taken = 0;
		atomic_store(counter, 0);
		assert_int_equal(pthread_create(&thread, NULL, close_soon, executor), 0);
		for (;; taken++) {
			struct kk_error error = {0};
			struct kk_future *future = kk_executor_submit(executor, count_up, NULL, 0, -1, &error);
			if (!future) {
				assert_int_equal(error.code, KK_ERR_CLOSED);
				break;
			}
			kk_future_free(future);
		}
		pthread_join(thread, NULL);
		kk_executor_close(executor);
		assert_int_equal(atomic_load(counter), taken);
	}
}

/* ---- limits */

static void test_saturation(void **state)
{
	(void)state;
	enum { MANY = 500 };
	const struct kk_executor_spec spec = {.workers = 2, .tasks = 4};
	struct kk_executor *executor = make(&spec);
	struct kk_future *future[MANY];
	for (long i = 0; i < MANY; i++)
		future[i] = submit_long(executor, square, i);
	for (long i = 0; i < MANY; i++) {
		assert_int_equal(result_long(future[i]), i * i);
		kk_future_free(future[i]);
	}
	kk_executor_close(executor);
}

static void test_no_place(void **state)
{
	(void)state;
	const struct kk_executor_spec spec = {.workers = 1, .tasks = 2};
	struct kk_executor *executor = make(&spec);
	struct kk_error error = {0};
	struct kk_future *one = submit(executor, pass_gate, "", 0), *two = submit(executor, pass_gate, "", 0);
	assert_null(kk_executor_submit(executor, count_up, NULL, 0, 0, &error));
	assert_int_equal(error.code, KK_ERR_TIMEOUT);
	assert_null(kk_executor_submit(executor, count_up, NULL, 0, 20, &error));
	assert_int_equal(error.code, KK_ERR_TIMEOUT);
	assert_string_equal(error.text, "all 2 places for tasks are taken");
	let_go_on(2);
	struct kk_future *three = submit(executor, count_up, NULL, 0);
	assert_int_equal(kk_future_result(three, -1, NULL, NULL, NULL), KK_OK);
	kk_future_free(one);
	kk_future_free(two);
	kk_future_free(three);
	kk_executor_close(executor);
}

/* Nobody fetches the answers: they make room for one another, in private memory. */
static void test_room(void **state)
{
	(void)state;
	enum { MANY = 60 };
	const struct kk_executor_spec spec = {.workers = 2, .args_room = 16384, .answer_room = 16384};
	struct kk_executor *executor = make(&spec);
	struct kk_future *future[MANY];
	unsigned char data[9000];
	memset(data, 1, sizeof(data));
	for (int i = 0; i < MANY; i++) {
		size_t bytes = 9000;
		future[i] = i % 2 ? submit(executor, make_bytes, &bytes, sizeof(bytes))
		                  : submit(executor, sum_bytes, data, sizeof(data));
	}
	assert_int_equal(kk_future_wait(future, MANY, KK_ALL_COMPLETED, -1), MANY);
	for (int i = 0; i < MANY; i++) {
		size_t bytes;
		assert_int_equal(kk_future_result(future[i], -1, NULL, &bytes, NULL), KK_OK);
		assert_int_equal(bytes, i % 2 ? 9000 : 8);
		kk_future_free(future[i]);
	}
	struct kk_executor_usage usage;
	kk_executor_usage(executor, &usage);
	assert_int_equal(usage.pages_used, 0);
	assert_int_equal(usage.kept, 0);
	kk_executor_close(executor);
}

/* ---- event loops */

static void test_poll(void **state)
{
	(void)state;
	struct kk_executor *executor = make(NULL);
	struct pollfd polled = {.fd = kk_executor_fd(executor), .events = POLLIN};
	struct kk_future *future = submit(executor, pass_gate, "", 0), *early = submit_long(executor, square, 1);
	assert_true(polled.fd >= 0);
	assert_int_equal(kk_executor_fd(executor), polled.fd);
	assert_int_equal(result_long(early), 1);
	assert_int_equal(kk_future_watch(future), KK_OK);
	assert_int_equal(kk_future_watch(future), KK_OK);
	assert_int_equal(poll(&polled, 1, 0), 0);
	assert_null(kk_executor_next_done(executor));
	let_go_on(1);
	assert_int_equal(poll(&polled, 1, 10000), 1);
	assert_ptr_equal(kk_executor_next_done(executor), future);
	assert_null(kk_executor_next_done(executor));
	assert_int_equal(poll(&polled, 1, 0), 0);
	/* One that has ended already. */
	assert_int_equal(kk_future_watch(early), KK_OK);
	assert_int_equal(poll(&polled, 1, 0), 1);
	assert_ptr_equal(kk_executor_next_done(executor), early);
	/* One that is freed is not returned. */
	assert_int_equal(kk_future_watch(early), KK_OK);
	kk_future_free(early);
	assert_null(kk_executor_next_done(executor));
	kk_future_free(future);
	kk_executor_close(executor);
}

/* ---- workers */

static int prepare(struct kk_call *call)
{
	static _Thread_local int session;
	session = *(const int *)call->args;
	call->state = &session;
	atomic_fetch_add(counter, 1);
	return 0;
}

static int ask_session(struct kk_call *call)
{
	return kk_call_return(call, call->state, sizeof(int));
}

static int clean_up(struct kk_call *call)
{
	return *(int *)call->state == 42 && atomic_fetch_add(&counter[1], 1) >= 0 ? 0 : 1;
}

static void test_init(void **state)
{
	(void)state;
	int session = 42;
	const struct kk_executor_spec spec = {
	    .workers = 2, .init = prepare, .init_args = &session, .init_bytes = sizeof(session), .fini = clean_up};
	struct kk_executor *executor = make(&spec);
	for (int i = 0; i < 10; i++) {
		const void *data;
		struct kk_future *future = submit(executor, ask_session, NULL, 0);
		assert_int_equal(kk_future_result(future, -1, &data, NULL, NULL), KK_OK);
		assert_int_equal(*(const int *)data, 42);
		kk_future_free(future);
	}
	kk_executor_close(executor);
	assert_in_range(atomic_load(counter), 1, 2);
	assert_int_equal(atomic_load(&counter[1]), atomic_load(counter));
}

static int refuse(struct kk_call *call)
{
	return kk_call_fail(call, 3, "no database");
}

static void test_init_fails(void **state)
{
	(void)state;
	const struct kk_executor_spec spec = {.workers = 2, .init = refuse, .threads = THREADS};
	struct kk_error error = {0};
	struct kk_executor *executor = kk_executor_create(NULL, &spec, &error);
	assert_non_null(executor);
	struct kk_future *future = kk_executor_submit(executor, square, "12345678", 8, -1, &error);
	if (future)
		assert_int_equal(kk_future_result(future, -1, NULL, NULL, &error), KK_ERR_BROKEN);
	assert_int_equal(error.code, KK_ERR_BROKEN);
	assert_string_equal(error.text, "init failed in a worker: no database");
	kk_future_free(future);
	kk_executor_close(executor);
}

static int whoami(struct kk_call *call)
{
	long me = THREADS ? (long)gettid() : (long)getpid();
	return kk_call_return(call, &me, sizeof(me));
}

static void test_share(void **state)
{
	(void)state;
	const struct kk_executor_spec spec = {
	    .workers = 1, .tasks_per_worker = 3, .init = prepare, .init_args = &spec, .init_bytes = 4};
	long worker[10];
	int changes = 0;
	struct kk_executor *executor = make(&spec);
	for (int i = 0; i < 10; i++) {
		struct kk_future *future = submit(executor, whoami, NULL, 0);
		worker[i] = result_long(future);
		kk_future_free(future);
		changes += i > 0 && worker[i] != worker[i - 1];
	}
	kk_executor_close(executor);
	assert_int_equal(changes, THREADS ? 0 : 3);
	/* A thread begins anew without ending. */
	assert_int_equal(atomic_load(counter), 4);
}

static void *submit_many(void *arg)
{
	struct kk_executor *executor = arg;
	for (long i = 0; i < 200; i++) {
		struct kk_future *future = submit_long(executor, square, i);
		assert_int_equal(result_long(future), i * i);
		kk_future_free(future);
	}
	return NULL;
}

static void test_many_threads(void **state)
{
	(void)state;
	const struct kk_executor_spec spec = {.workers = 3, .tasks = 5};
	struct kk_executor *executor = make(&spec);
	pthread_t thread[6];
	for (int i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, submit_many, executor), 0);
	for (int i = 0; i < 6; i++)
		pthread_join(thread[i], NULL);
	struct kk_executor_usage usage;
	kk_executor_usage(executor, &usage);
	assert_int_equal(usage.done, 1200);
	assert_int_equal(usage.pending + usage.running + usage.kept, 0);
	kk_executor_close(executor);
}

enum { KEPT = 30000 };

static _Atomic bool freeing, forking;

static void *free_all_but_one(void *arg)
{
	struct kk_future **future = arg;
	for (int i = 1; i < KEPT; i++)
		kk_future_free(future[i]);
	atomic_store(&freeing, false);
	/* ThreadSanitizer takes a thread that has ended, but was not joined, for one that a child has forgotten. */
	while (atomic_load(&forking))
		sched_yield();
	return NULL;
}

/* Futures outlive their executor; a child is forked while another thread frees some. */
static void test_fork_beside_futures_of_a_closed_one(void **state)
{
	(void)state;
	struct kk_executor *executor = make(&(struct kk_executor_spec){.workers = 2});
	struct kk_future **future = calloc(KEPT, sizeof(*future));
	pthread_t thread;
	assert_non_null(future);
	for (long i = 0; i < KEPT; i++)
		future[i] = submit_long(executor, square, i);
	assert_int_equal(kk_future_wait(future, KEPT, KK_ALL_COMPLETED, -1), KEPT);
	kk_executor_close(executor);
	atomic_store(&freeing, true);
	atomic_store(&forking, true);
	assert_int_equal(pthread_create(&thread, NULL, free_all_but_one, future), 0);
	do {
		int status = 1;
		pid_t child = fork();
		if (child == 0) {
			alarm(10);
			kk_future_free(future[0]);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	} while (atomic_load(&freeing));
	atomic_store(&forking, false);
	assert_int_equal(pthread_join(thread, NULL), 0);
	kk_future_free(future[0]);
	free(future);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_gates, close_gates)

static const struct CMUnitTest tests[] = {
    TEST(test_submit),
    TEST(test_invalid),
    TEST(test_default_workers),
    TEST(test_fail),
    TEST(test_sizes),
    TEST(test_timeout),
    TEST(test_states),
    TEST(test_free_at_once),
    TEST(test_free_while_closing),
    TEST(test_callback),
    TEST(test_callback_order),
    TEST(test_callback_submits),
    TEST(test_first_completed),
    TEST(test_first_exception),
    TEST(test_all_completed),
    TEST(test_wait_of_two),
    TEST(test_as_completed),
    TEST(test_map),
    TEST(test_map_few_places),
    TEST(test_map_fails),
    TEST(test_map_timeout),
    TEST(test_map_without_iterating),
    TEST(test_shutdown),
    TEST(test_shutdown_cancels),
    TEST(test_terminate),
    TEST(test_shutdown_race),
    TEST(test_saturation),
    TEST(test_no_place),
    TEST(test_room),
    TEST(test_poll),
    TEST(test_init),
    TEST(test_init_fails),
    TEST(test_share),
    TEST(test_many_threads),
    TEST(test_fork_beside_futures_of_a_closed_one),
};
HARNESS_MAIN(tests)
