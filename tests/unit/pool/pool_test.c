/* SPDX-License-Identifier: Apache-2.0 */
/* kk_pool: what Python's tests ask of multiprocessing.Pool, and that pools leave nothing behind. */
#include "harness.h"
#include <kakehi/pool.h>

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef THREADS
#define THREADS false
#endif

static _Atomic int *shared; /* of all workers */
static int gate[2];

static int open_gate(void **state)
{
	(void)state;
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return shared == MAP_FAILED || pipe(gate) < 0;
}

static int close_gate(void **state)
{
	(void)state;
	close(gate[0]);
	close(gate[1]);
	/* Workers that ended just before their server did. */
	return (int)harness_wait_orphans(10000);
}

/* ---- functions */

static int square(struct kk_call *call)
{
	long n = *(const long *)call->args;
	n *= n;
	return kk_call_return(call, &n, sizeof(n));
}

struct pair {
	long a, b;
};

static int multiply(struct kk_call *call)
{
	const struct pair *pair = call->args;
	long product = pair->a * pair->b;
	return kk_call_return(call, &product, sizeof(product));
}

/* The number as text: answers of different lengths. */
static int print(struct kk_call *call)
{
	char text[24];
	int length = snprintf(text, sizeof(text), "%ld", *(const long *)call->args);
	return kk_call_return(call, text, (size_t)length);
}

static int fail_at_three(struct kk_call *call)
{
	long n = *(const long *)call->args;
	atomic_fetch_add(shared, 1);
	if (n == 3)
		return kk_call_fail(call, 0, "not %ld", n);
	return kk_call_return(call, &n, sizeof(n));
}

static int pass_gate(struct kk_call *call)
{
	char byte;
	return read(gate[0], &byte, 1) == 1 ? kk_call_return(call, call->args, call->args_bytes) : KK_ERR_SYSTEM;
}

static int whoami(struct kk_call *call)
{
	long me = THREADS ? (long)gettid() : (long)getpid();
	return kk_call_return(call, &me, sizeof(me));
}

static void let_go_on(int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(write(gate[1], "x", 1), 1);
}

static struct kk_pool *make(unsigned workers)
{
	const struct kk_executor_spec spec = {.workers = workers, .threads = THREADS};
	struct kk_error error = {0};
	struct kk_pool *pool = kk_pool_create_spec(NULL, &spec, &error);
	if (!pool)
		fail_msg("%s", error.text);
	return pool;
}

static void end(struct kk_pool *pool)
{
	assert_int_equal(kk_pool_close(pool), KK_OK);
	assert_int_equal(kk_pool_join(pool), KK_OK);
	kk_pool_free(pool);
}

enum { ITEMS = 1000 };
static long numbers[ITEMS];

static void count_numbers(void)
{
	for (long i = 0; i < ITEMS; i++)
		numbers[i] = i;
}

/* ---- apply */

static void test_apply(void **state)
{
	(void)state;
	struct kk_pool *pool = make(2);
	struct kk_error error = {0};
	long n = 5, answer = 0;
	assert_int_equal(kk_pool_apply(pool, square, &n, sizeof(n), &answer, sizeof(answer), &error), sizeof(long));
	assert_int_equal(answer, 25);
	/* Cut, and not wanted. */
	unsigned char first = 0;
	assert_int_equal(kk_pool_apply(pool, square, &n, sizeof(n), &first, 1, &error), sizeof(long));
	assert_int_equal(first, 25);
	assert_int_equal(kk_pool_apply(pool, square, &n, sizeof(n), NULL, 0, NULL), sizeof(long));
	n = 3;
	assert_int_equal(kk_pool_apply(pool, fail_at_three, &n, sizeof(n), NULL, 0, &error), KK_ERR_FAILED);
	assert_string_equal(error.text, "not 3");
	end(pool);
}

static _Atomic int good, bad;

static void on_good(struct kk_future *future, void *arg)
{
	const void *data;
	if (kk_future_result(future, 0, &data, NULL, NULL) == KK_OK)
		*(long *)arg = *(const long *)data;
	atomic_fetch_add(&good, 1);
}

static void on_bad(struct kk_future *future, void *arg)
{
	(void)future;
	(void)arg;
	atomic_fetch_add(&bad, 1);
}

static bool both_told(void *arg)
{
	(void)arg;
	return atomic_load(&good) == 1 && atomic_load(&bad) == 1;
}

static void test_apply_async(void **state)
{
	(void)state;
	struct kk_pool *pool = make(2);
	long n = 7, told = 0;
	const struct kk_pool_callbacks callbacks = {on_good, on_bad, &told};
	struct kk_future *one = kk_pool_apply_async(pool, square, &n, sizeof(n), &callbacks, NULL);
	n = 3;
	struct kk_future *two = kk_pool_apply_async(pool, fail_at_three, &n, sizeof(n), &callbacks, NULL);
	const struct kk_pool_callbacks none = {0};
	struct kk_future *three = kk_pool_apply_async(pool, square, &n, sizeof(n), &none, NULL);
	assert_true(one && two && three);
	assert_true(harness_wait_until(both_told, NULL, 10000));
	assert_int_equal(told, 49);
	assert_int_equal(kk_future_result(three, -1, NULL, NULL, NULL), KK_OK);
	kk_future_free(one);
	kk_future_free(two);
	kk_future_free(three);
	end(pool);
}

static void test_apply_async_timeout(void **state)
{
	(void)state;
	struct kk_pool *pool = make(1);
	struct kk_future *future = kk_pool_apply_async(pool, pass_gate, "", 0, NULL, NULL);
	assert_int_equal(kk_future_result(future, 20, NULL, NULL, NULL), KK_ERR_TIMEOUT);
	assert_false(kk_future_done(future));
	let_go_on(1);
	assert_int_equal(kk_future_result(future, -1, NULL, NULL, NULL), KK_OK);
	kk_future_free(future);
	end(pool);
}

/* ---- map */

static void test_map(void **state)
{
	(void)state;
	static long answers[ITEMS];
	struct kk_pool *pool = make(2);
	struct kk_error error = {0};
	count_numbers();
	assert_int_equal(kk_pool_map(pool, square, numbers, sizeof(long), ITEMS, answers, sizeof(long), &error), KK_OK);
	for (long i = 0; i < ITEMS; i++)
		assert_int_equal(answers[i], i * i);
	assert_int_equal(kk_pool_map(pool, square, numbers, sizeof(long), ITEMS, NULL, 0, &error), KK_OK);
	assert_int_equal(kk_pool_map(pool, square, NULL, 0, 0, NULL, 0, &error), KK_OK);
	assert_int_equal(kk_pool_map(pool, square, NULL, 8, 1, NULL, 0, &error), KK_ERR_INVALID);
	assert_int_equal(kk_pool_map(pool, NULL, numbers, 8, 1, NULL, 0, &error), KK_ERR_INVALID);
	/* Answers of different lengths; one for which there is no room. */
	char texts[ITEMS][4];
	assert_int_equal(kk_pool_map(pool, print, numbers, sizeof(long), ITEMS, texts, 4, &error), KK_OK);
	assert_memory_equal(texts[7], "7\0\0\0", 4);
	assert_memory_equal(texts[999], "999\0", 4);
	assert_int_equal(kk_pool_map(pool, print, numbers, sizeof(long), ITEMS, texts, 2, &error), KK_ERR_NO_ROOM);
	assert_string_equal(error.text, "an answer of 3 bytes: there is room for 2");
	end(pool);
}

static void test_starmap(void **state)
{
	(void)state;
	static const struct pair pairs[] = {{1, 2}, {3, 4}, {5, 6}};
	long products[3];
	struct kk_pool *pool = make(2);
	assert_int_equal(kk_pool_map(pool, multiply, pairs, sizeof(pairs[0]), 3, products, sizeof(long), NULL), KK_OK);
	assert_true(products[0] == 2 && products[1] == 12 && products[2] == 30);
	end(pool);
}

static void test_map_chunks(void **state)
{
	(void)state;
	static const size_t chunks[] = {0, 1, 3, 100, ITEMS, ITEMS * 3};
	static long answers[ITEMS];
	struct kk_pool *pool = make(3);
	count_numbers();
	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		memset(answers, 0, sizeof(answers));
		struct kk_pool_map *map =
		    kk_pool_map_async(pool, square, numbers, sizeof(long), ITEMS, chunks[i], NULL);
		assert_non_null(map);
		assert_int_equal(kk_pool_map_get(map, -1, answers, sizeof(long), NULL), KK_OK);
		assert_true(kk_pool_map_ready(map));
		assert_int_equal(kk_pool_map_successful(map), 1);
		for (long n = 0; n < ITEMS; n++)
			assert_int_equal(answers[n], n * n);
		kk_pool_map_free(map);
	}
	end(pool);
}

/* All items are worked on, although one fails, and get waits for them. */
static void test_map_fails(void **state)
{
	(void)state;
	struct kk_pool *pool = make(2);
	struct kk_error error = {0};
	count_numbers();
	struct kk_pool_map *map = kk_pool_map_async(pool, fail_at_three, numbers, sizeof(long), 20, 1, NULL);
	assert_int_equal(kk_pool_map_get(map, -1, NULL, 0, &error), KK_ERR_FAILED);
	assert_string_equal(error.text, "not 3");
	assert_int_equal(atomic_load(shared), 20);
	assert_int_equal(kk_pool_map_successful(map), 0);
	kk_pool_map_free(map);
	end(pool);
}

static void test_map_timeout(void **state)
{
	(void)state;
	struct kk_pool *pool = make(2);
	struct kk_pool_map *map = kk_pool_map_async(pool, pass_gate, "abc", 1, 3, 1, NULL);
	char answers[3];
	assert_int_equal(kk_pool_map_wait(map, 10), KK_ERR_TIMEOUT);
	assert_int_equal(kk_pool_map_get(map, 0, answers, 1, NULL), KK_ERR_TIMEOUT);
	assert_false(kk_pool_map_ready(map));
	assert_int_equal(kk_pool_map_successful(map), KK_ERR_INVALID);
	let_go_on(3);
	assert_int_equal(kk_pool_map_get(map, -1, answers, 1, NULL), KK_OK);
	assert_memory_equal(answers, "abc", 3);
	kk_pool_map_free(map);
	end(pool);
}

static void on_map(struct kk_pool_map *map, void *arg)
{
	*(int *)arg = kk_pool_map_successful(map);
	atomic_fetch_add(&good, 1);
}

static bool map_told(void *arg)
{
	return atomic_load(&good) == *(int *)arg;
}

static void test_map_callback(void **state)
{
	(void)state;
	struct kk_pool *pool = make(2);
	int successful = -1, times = 1;
	struct kk_pool_map *map = kk_pool_map_async(pool, pass_gate, "abc", 1, 3, 1, NULL);
	assert_int_equal(kk_pool_map_on_done(map, on_map, &successful), KK_OK);
	assert_int_equal(kk_pool_map_on_done(map, on_map, &successful), KK_ERR_EXISTS);
	assert_int_equal(atomic_load(&good), 0);
	let_go_on(3);
	assert_true(harness_wait_until(map_told, &times, 10000));
	assert_int_equal(successful, 1);
	kk_pool_map_free(map);
	/* One that has ended, one that failed, one of nothing. */
	count_numbers();
	map = kk_pool_map_async(pool, fail_at_three, numbers, sizeof(long), 20, 1, NULL);
	assert_int_equal(kk_pool_map_wait(map, -1), KK_OK);
	assert_int_equal(kk_pool_map_on_done(map, on_map, &successful), KK_OK);
	assert_int_equal(atomic_load(&good), 2);
	assert_int_equal(successful, 0);
	kk_pool_map_free(map);
	map = kk_pool_map_async(pool, square, NULL, 0, 0, 0, NULL);
	assert_int_equal(kk_pool_map_on_done(map, on_map, &successful), KK_OK);
	assert_int_equal(successful, 1);
	kk_pool_map_free(map);
	end(pool);
}

/* A forked child hears nothing of it, and does not wait for that. */
static void test_map_free_in_a_child(void **state)
{
	(void)state;
	struct kk_pool *pool = make(2);
	int successful, status, times = 1;
	struct kk_pool_map *map = kk_pool_map_async(pool, pass_gate, "ab", 1, 2, 1, NULL);
	assert_int_equal(kk_pool_map_on_done(map, on_map, &successful), KK_OK);
	pid_t child = fork();
	if (child == 0) {
		kk_pool_map_free(map);
		_exit(3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	let_go_on(2);
	assert_true(harness_wait_until(map_told, &times, 10000));
	kk_pool_map_free(map);
	end(pool);
}

/* ---- imap */

static void test_imap(void **state)
{
	(void)state;
	struct kk_pool *pool = make(2);
	const void *data;
	long sum = 0;
	count_numbers();
	struct kk_results *results = kk_pool_imap(pool, square, numbers, sizeof(long), ITEMS, 0, NULL);
	for (long i = 0; i < ITEMS; i++) {
		assert_int_equal(kk_results_next(results, -1, &data, NULL, NULL), 1);
		assert_int_equal(*(const long *)data, i * i);
	}
	assert_int_equal(kk_results_next(results, -1, &data, NULL, NULL), 0);
	assert_int_equal(kk_results_next(results, -1, &data, NULL, NULL), 0);
	kk_results_free(results);
	results = kk_pool_imap_unordered(pool, square, numbers, sizeof(long), ITEMS, 100, NULL);
	while (kk_results_next(results, -1, &data, NULL, NULL) == 1)
		sum += *(const long *)data;
	assert_int_equal(sum, 332833500);
	kk_results_free(results);
	end(pool);
}

static void test_imap_fails(void **state)
{
	(void)state;
	struct kk_pool *pool = make(2);
	const void *data;
	int failed = 0, right = 0, rc;
	count_numbers();
	struct kk_results *results = kk_pool_imap(pool, fail_at_three, numbers, sizeof(long), 10, 1, NULL);
	for (long i = 0; i < 10; i++)
		assert_int_equal(kk_results_next(results, -1, &data, NULL, NULL), i == 3 ? KK_ERR_FAILED : 1);
	assert_int_equal(kk_results_next(results, -1, &data, NULL, NULL), 0);
	kk_results_free(results);
	results = kk_pool_imap_unordered(pool, fail_at_three, numbers, sizeof(long), 10, 1, NULL);
	while ((rc = kk_results_next(results, -1, &data, NULL, NULL)) != 0) {
		failed += rc == KK_ERR_FAILED;
		right += rc == 1;
	}
	assert_int_equal(failed, 1);
	assert_int_equal(right, 9);
	kk_results_free(results);
	end(pool);
}

/* ---- the end */

static void test_invalid(void **state)
{
	(void)state;
	struct kk_error error = {0};
	const struct kk_executor_spec spec = {.workers = 1000};
	assert_null(kk_pool_create_spec(NULL, &spec, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	struct kk_pool *pool = make(1);
	assert_int_equal(kk_pool_join(pool), KK_ERR_INVALID);
	assert_int_equal(kk_pool_close(pool), KK_OK);
	assert_null(kk_pool_apply_async(pool, square, "12345678", 8, NULL, &error));
	assert_int_equal(error.code, KK_ERR_CLOSED);
	assert_int_equal(kk_pool_apply(pool, square, "12345678", 8, NULL, 0, &error), KK_ERR_CLOSED);
	assert_int_equal(kk_pool_map(pool, square, "12345678", 8, 1, NULL, 0, &error), KK_ERR_CLOSED);
	assert_null(kk_pool_imap(pool, square, "12345678", 8, 1, 0, &error));
	assert_int_equal(error.code, KK_ERR_CLOSED);
	kk_pool_free(pool);
	kk_pool_free(NULL);
}

static void test_terminate(void **state)
{
	(void)state;
	struct kk_pool *pool = make(2);
	struct kk_pool_map *map = kk_pool_map_async(pool, pass_gate, "0123456789", 1, 10, 1, NULL);
	if (THREADS)
		let_go_on(10);
	uint64_t before = harness_now_ms();
	assert_int_equal(kk_pool_terminate(pool), KK_OK);
	assert_int_equal(kk_pool_join(pool), KK_OK);
	assert_true(harness_now_ms() - before < 10000);
	assert_true(kk_pool_map_ready(map));
	int rc = kk_pool_map_get(map, 0, NULL, 0, NULL);
	assert_true(rc == KK_ERR_CANCELLED || (THREADS && rc == KK_OK));
	kk_pool_map_free(map);
	kk_pool_free(pool);
}

static void test_worker_lifetime(void **state)
{
	(void)state;
	const struct kk_executor_spec spec = {.workers = 3, .tasks_per_worker = 10, .threads = THREADS};
	struct kk_pool *pool = kk_pool_create_spec(NULL, &spec, NULL);
	long worker[100], first = 0;
	assert_non_null(pool);
	struct kk_pool_map *map = kk_pool_map_async(pool, whoami, worker, sizeof(long), 100, 1, NULL);
	assert_int_equal(kk_pool_map_get(map, -1, worker, sizeof(long), NULL), KK_OK);
	kk_pool_map_free(map);
	for (int i = 0; i < 100; i++) {
		int times = 0;
		for (int k = 0; k < 100; k++)
			times += worker[k] == worker[i];
		assert_true(THREADS || times <= 10);
		first = worker[0];
	}
	assert_true(first != 0);
	/* Closed early: those that are replaced by then finish the rest. */
	map = kk_pool_map_async(pool, whoami, worker, sizeof(long), 100, 1, NULL);
	end(pool);
	assert_int_equal(kk_pool_map_successful(map), 1);
	kk_pool_map_free(map);
}

static size_t count_entries(const char *path)
{
	size_t count = 0;
	DIR *directory = opendir(path);
	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void test_many_pools(void **state)
{
	(void)state;
	size_t fds = 0, maps = 0;
	for (int i = 0; i < 200; i++) {
		struct kk_pool *pool = make(1);
		long n = i, answer = 0;
		assert_int_equal(kk_pool_apply(pool, square, &n, sizeof(n), &answer, sizeof(answer), NULL),
		                 sizeof(long));
		assert_int_equal(answer, n * n);
		if (i % 2)
			assert_int_equal(kk_pool_terminate(pool), KK_OK);
		kk_pool_free(pool);
		assert_int_equal(harness_wait_orphans(10000), 0);
		if (i == 20)
			fds = count_entries("/proc/self/fd"), maps = count_entries("/proc/self/map_files");
	}
	assert_int_equal(count_entries("/proc/self/fd"), fds);
	/* Stacks of threads and arenas of malloc come and go. */
	assert_true(count_entries("/proc/self/map_files") < maps + 20);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_gate, close_gate)

static const struct CMUnitTest tests[] = {
    TEST(test_apply),
    TEST(test_apply_async),
    TEST(test_apply_async_timeout),
    TEST(test_map),
    TEST(test_starmap),
    TEST(test_map_chunks),
    TEST(test_map_fails),
    TEST(test_map_timeout),
    TEST(test_map_callback),
    TEST(test_map_free_in_a_child),
    TEST(test_imap),
    TEST(test_imap_fails),
    TEST(test_invalid),
    TEST(test_terminate),
    TEST(test_worker_lifetime),
    TEST(test_many_pools),
};
HARNESS_MAIN(tests)
