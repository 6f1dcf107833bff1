/* SPDX-License-Identifier: Apache-2.0 */
/* kk_lifo: order, bounds, waiting, the end, what is unfinished. What it has in common with kk_priority_queue is tested
 * here; who waits and who dies is tested with it. */
#include "others.h"
#include <kakehi/lifo.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kk_lifo *make(const struct kk_queue_spec *spec)
{
	static const struct kk_family_spec small = {.bytes = 4 << 20, .seats = 12, .objects = 8};
	struct kk_error error = {0};
	if (!family)
		family = kk_family_create(&small, &error);
	assert_non_null(family);
	struct kk_lifo *lifo = kk_lifo_create(family, spec, &error);
	if (!lifo)
		fail_msg("%s", error.text);
	return lifo;
}

static void drop(struct kk_lifo *lifo)
{
	struct kk_error error = {0};
	if (kk_lifo_check(lifo, &error) < 0)
		fail_msg("%s", error.text);
	kk_lifo_destroy(lifo);
	kk_family_close(family);
	family = NULL;
}

static int put(struct kk_lifo *lifo, const char *text)
{
	return kk_lifo_put(lifo, text, strlen(text), 0);
}

static const char *next(struct kk_lifo *lifo)
{
	static char text[64];
	int64_t bytes = kk_lifo_get(lifo, text, sizeof(text) - 1, 0);
	if (bytes == KK_ERR_EMPTY || bytes == KK_ERR_CLOSED)
		return bytes == KK_ERR_EMPTY ? "EMPTY" : "CLOSED";
	assert_true(bytes >= 0);
	text[bytes] = '\0';
	return text;
}

static void test_order_and_bounds(void **state)
{
	(void)state;
	static const uint32_t capacities[] = {1, 2, 3, 7, 100};
	for (size_t c = 0; c < sizeof(capacities) / sizeof(capacities[0]); c++) {
		struct kk_lifo *lifo = make(&(struct kk_queue_spec){.capacity = capacities[c], .item_max = 8});
		for (int round = 0; round < 20; round++) {
			assert_true(kk_lifo_empty(lifo));
			for (uint64_t i = 0; i < capacities[c]; i++) {
				assert_false(kk_lifo_full(lifo));
				assert_int_equal(kk_lifo_size(lifo), i);
				assert_int_equal(kk_lifo_put(lifo, &i, sizeof(i), 0), KK_OK);
			}
			assert_true(kk_lifo_full(lifo));
			assert_int_equal(put(lifo, "more"), KK_ERR_FULL);
			for (uint64_t i = capacities[c], got; i-- > 0;) {
				assert_int_equal(kk_lifo_get(lifo, &got, sizeof(got), 0), sizeof(got));
				assert_int_equal(got, i);
			}
			assert_string_equal(next(lifo), "EMPTY");
		}
		drop(lifo);
	}
}

static void test_sizes(void **state)
{
	(void)state;
	static const uint32_t largest[] = {1, 20, 21, 64, 100000};
	static char data[100000], got[100000];
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 31);
	for (size_t l = 0; l < sizeof(largest) / sizeof(largest[0]); l++) {
		struct kk_lifo *lifo = make(&(struct kk_queue_spec){.capacity = 3, .item_max = largest[l]});
		const size_t sizes[] = {0, 1, largest[l]};
		for (size_t s = 0; s < 3; s++)
			assert_int_equal(kk_lifo_put(lifo, data, sizes[s], 0), KK_OK);
		for (size_t s = 3; s-- > 0;) {
			if (sizes[s] > 0)
				assert_int_equal(kk_lifo_get(lifo, got, sizes[s] - 1, 0), KK_ERR_NO_ROOM);
			assert_int_equal(kk_lifo_get(lifo, got, sizeof(got), 0), sizes[s]);
			assert_memory_equal(data, got, sizes[s]);
		}
		assert_int_equal(kk_lifo_put(lifo, data, largest[l] + 1, 0), KK_ERR_INVALID);
		drop(lifo);
	}
}

static void test_making(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_lifo *lifo = make(NULL);
	struct kk_queue_usage usage;
	kk_lifo_usage(lifo, &usage);
	assert_int_equal(usage.capacity, KK_QUEUE_CAPACITY);
	assert_int_equal(usage.item_max, KK_QUEUE_ITEM_MAX);
	assert_null(kk_lifo_create(family, &(struct kk_queue_spec){.redeliver = 1}, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_lifo_create(family, &(struct kk_queue_spec){.item_max = 1 << 20}, &error));
	assert_int_equal(error.code, KK_ERR_NO_ROOM);
	uint64_t ref = kk_lifo_ref(lifo);
	assert_null(kk_queue_open(family, ref, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	struct kk_lifo *other = kk_lifo_open(family, ref, &error);
	assert_non_null(other);
	assert_int_equal(put(lifo, "x"), KK_OK);
	assert_string_equal(next(other), "x");
	kk_lifo_close(other);
	kk_lifo_destroy(lifo);
	assert_null(kk_lifo_open(family, ref, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	kk_lifo_close(NULL);
	kk_lifo_destroy(NULL);
	kk_family_close(family);
	family = NULL;
}

static void test_time_outs(void **state)
{
	(void)state;
	char got[8];
	struct kk_lifo *lifo = make(&(struct kk_queue_spec){.capacity = 1, .item_max = 8, .joinable = true});
	uint64_t before = harness_now_ms();
	assert_int_equal(kk_lifo_get(lifo, got, sizeof(got), 60), KK_ERR_TIMEOUT);
	assert_true(harness_now_ms() - before >= 59);
	assert_int_equal(put(lifo, "1"), KK_OK);
	before = harness_now_ms();
	assert_int_equal(kk_lifo_put(lifo, "2", 1, 60), KK_ERR_TIMEOUT);
	assert_int_equal(kk_lifo_join(lifo, 60), KK_ERR_TIMEOUT);
	assert_true(harness_now_ms() - before >= 118);
	assert_int_equal(kk_lifo_join(lifo, 0), KK_ERR_TIMEOUT);
	drop(lifo);
}

static void test_task_done(void **state)
{
	(void)state;
	struct kk_lifo *lifo =
	    make(&(struct kk_queue_spec){.capacity = 3, .item_max = 8, .in_hand = 3, .joinable = true});
	struct kk_queue_usage usage;
	assert_int_equal(kk_lifo_task_done(lifo), KK_ERR_NOT_OWNER);
	assert_int_equal(kk_lifo_join(lifo, 0), KK_OK);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(put(lifo, "1"), KK_OK);
		assert_int_equal(put(lifo, "2"), KK_OK);
		assert_int_equal(put(lifo, "3"), KK_OK);
		assert_string_equal(next(lifo), "3");
		assert_string_equal(next(lifo), "2");
		assert_string_equal(next(lifo), "1");
		for (int i = 0; i < 3; i++)
			assert_int_equal(put(lifo, "4"), KK_OK);
		assert_int_equal(put(lifo, "5"), KK_ERR_FULL);
		kk_lifo_usage(lifo, &usage);
		assert_int_equal(usage.waiting, 3);
		assert_int_equal(usage.in_hand, 3);
		assert_int_equal(usage.unfinished, 6);
		for (int i = 0; i < 3; i++)
			assert_int_equal(kk_lifo_task_done(lifo), KK_OK);
		assert_int_equal(kk_lifo_task_done(lifo), KK_ERR_NOT_OWNER);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(kk_lifo_join(lifo, 0), KK_ERR_TIMEOUT);
			assert_string_equal(next(lifo), "4");
			assert_int_equal(kk_lifo_task_done(lifo), KK_OK);
		}
		assert_int_equal(kk_lifo_join(lifo, 0), KK_OK);
	}
	drop(lifo);
	lifo = make(NULL);
	assert_int_equal(kk_lifo_join(lifo, 0), KK_ERR_INVALID);
	assert_int_equal(kk_lifo_task_done(lifo), KK_ERR_INVALID);
	drop(lifo);
}

/* ---- threads */

static int get_one(void *lifo)
{
	char got[8];
	return (int)kk_lifo_get(lifo, got, sizeof(got), -1);
}

static int put_one(void *lifo)
{
	return kk_lifo_put(lifo, "one", 3, -1);
}

static int join(void *lifo)
{
	return kk_lifo_join(lifo, -1);
}

static void test_wait_for_each_other(void **state)
{
	(void)state;
	struct kk_lifo *lifo = make(&(struct kk_queue_spec){.capacity = 1, .item_max = 8, .joinable = true});
	struct task task[2];
	for (int i = 0; i < 100; i++) {
		start(&task[0], lifo, get_one);
		start(&task[1], lifo, put_one);
		assert_int_equal(finish(&task[1]), KK_OK);
		assert_int_equal(finish(&task[0]), 3);
		assert_int_equal(put(lifo, "full"), KK_OK);
		start(&task[0], lifo, put_one);
		assert_int_equal(get_one(lifo), 4);
		assert_int_equal(finish(&task[0]), KK_OK);
		start(&task[0], lifo, join);
		assert_string_equal(next(lifo), "one");
		assert_int_equal(kk_lifo_task_done(lifo), KK_OK);
		assert_int_equal(kk_lifo_task_done(lifo), KK_OK);
		/* What the first thread got went with it. */
		assert_int_equal(finish(&task[0]), KK_OWNER_DIED);
	}
	drop(lifo);
}

static void test_shutdown(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++) {
		struct kk_lifo *lifo = make(&(struct kk_queue_spec){.capacity = 1, .item_max = 8});
		struct task task[2];
		for (int t = 0; t < 2; t++)
			start(&task[t], lifo, get_one);
		assert_int_equal(kk_lifo_shutdown(lifo), KK_OK);
		for (int t = 0; t < 2; t++)
			assert_int_equal(finish(&task[t]), KK_ERR_CLOSED);
		drop(lifo);
		lifo = make(&(struct kk_queue_spec){.capacity = 1, .item_max = 8});
		assert_int_equal(put(lifo, "1"), KK_OK);
		for (int t = 0; t < 2; t++)
			start(&task[t], lifo, put_one);
		assert_int_equal(kk_lifo_shutdown(lifo), KK_OK);
		for (int t = 0; t < 2; t++)
			assert_int_equal(finish(&task[t]), KK_ERR_CLOSED);
		assert_int_equal(kk_lifo_shutdown(lifo), KK_OK);
		assert_int_equal(put(lifo, "2"), KK_ERR_CLOSED);
		assert_string_equal(next(lifo), "1");
		assert_string_equal(next(lifo), "CLOSED");
		drop(lifo);
	}
}

/* ---- deaths */

static void take_one(void *lifo)
{
	next(lifo);
}

static void take_two(void *lifo)
{
	next(lifo);
	next(lifo);
}

static void test_unfinished_items_come_again(void **state)
{
	(void)state;
	struct kk_lifo *lifo =
	    make(&(struct kk_queue_spec){.capacity = 8, .item_max = 8, .joinable = true, .redeliver = 2});
	struct kk_queue_usage usage;
	assert_int_equal(put(lifo, "1"), KK_OK);
	assert_int_equal(put(lifo, "2"), KK_OK);
	assert_int_equal(put(lifo, "3"), KK_OK);
	with_child(lifo, take_two, true);
	with_child(lifo, take_one, true);
	with_child(lifo, take_two, false);
	kk_lifo_usage(lifo, &usage);
	assert_int_equal(usage.waiting, 3);
	assert_int_equal(usage.lost, 0);
	/* The third death with 3, the second with 2. */
	with_child(lifo, take_two, true);
	kk_lifo_usage(lifo, &usage);
	assert_int_equal(usage.lost, 1);
	assert_string_equal(next(lifo), "2");
	assert_string_equal(next(lifo), "1");
	assert_string_equal(next(lifo), "EMPTY");
	assert_int_equal(kk_lifo_task_done(lifo), KK_OK);
	assert_int_equal(kk_lifo_task_done(lifo), KK_OK);
	assert_int_equal(kk_lifo_join(lifo, 0), KK_OWNER_DIED);
	drop(lifo);
}

static int get_forever(void *lifo)
{
	int64_t rc;
	char got[8];
	int count = 0;
	while ((rc = kk_lifo_get(lifo, got, sizeof(got), -1)) >= 0) {
		count++;
		if (kk_lifo_task_done(lifo) < 0)
			return -100;
	}
	return rc == KK_ERR_CLOSED ? count : (int)rc;
}

static void test_last_item_comes_again(void **state)
{
	(void)state;
	struct kk_lifo *lifo =
	    make(&(struct kk_queue_spec){.capacity = 8, .item_max = 8, .joinable = true, .redeliver = KK_QUEUE_ALWAYS});
	struct task task;
	assert_int_equal(put(lifo, "1"), KK_OK);
	pid_t child = start_child(lifo, take_one);
	assert_int_equal(kk_lifo_shutdown(lifo), KK_OK);
	start(&task, lifo, get_forever);
	end_child(child);
	assert_int_equal(kk_lifo_join(lifo, -1), KK_OK);
	assert_int_equal(finish(&task), 1);
	drop(lifo);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_order_and_bounds),
    cmocka_unit_test(test_sizes),
    cmocka_unit_test(test_making),
    cmocka_unit_test(test_time_outs),
    cmocka_unit_test(test_task_done),
    cmocka_unit_test(test_wait_for_each_other),
    cmocka_unit_test(test_shutdown),
    cmocka_unit_test(test_unfinished_items_come_again),
    cmocka_unit_test(test_last_item_comes_again),
};
HARNESS_MAIN(tests)
