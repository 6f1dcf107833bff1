/* SPDX-License-Identifier: Apache-2.0 */
/* kk_queue: order, bounds, waiting, the end, what is unfinished, who died; by one thread, by threads, by processes. */
#include "others.h"
#include "queue/layout.h"
#include "sanitizers.h"
#include <kakehi/queue.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kk_queue *make(const struct kk_queue_spec *spec)
{
	static const struct kk_family_spec small = {.bytes = 4 << 20, .seats = 12, .objects = 8};
	struct kk_error error = {0};
	if (!family)
		family = kk_family_create(&small, &error);
	assert_non_null(family);
	struct kk_queue *queue = kk_queue_create(family, spec, &error);
	if (!queue)
		fail_msg("%s", error.text);
	return queue;
}

static void drop(struct kk_queue *queue)
{
	struct kk_error error = {0};
	if (kk_queue_check(queue, &error) < 0)
		fail_msg("%s", error.text);
	kk_queue_destroy(queue);
	kk_family_close(family);
	family = NULL;
}

static int put(struct kk_queue *queue, const char *text)
{
	return kk_queue_put(queue, text, strlen(text), 0);
}

/* The next item, as text; or "EMPTY" and so on. */
static const char *next(struct kk_queue *queue)
{
	static char text[64];
	int64_t bytes = kk_queue_get(queue, text, sizeof(text) - 1, 0);
	switch (bytes) {
	case KK_ERR_EMPTY:
		return "EMPTY";
	case KK_ERR_CLOSED:
		return "CLOSED";
	case KK_ERR_DIED:
		return "DIED";
	default:
		assert_true(bytes >= 0);
		text[bytes] = '\0';
		return text;
	}
}

/* ---- order and bounds */

static void test_order_and_bounds(void **state)
{
	(void)state;
	static const uint32_t capacities[] = {1, 2, 3, 4, 5, 7, 100};
	for (size_t c = 0; c < sizeof(capacities) / sizeof(capacities[0]); c++) {
		struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = capacities[c], .item_max = 8});
		uint64_t in = 0, out = 0, got;
		for (int round = 0; round < 30; round++) {
			assert_true(kk_queue_empty(queue));
			assert_false(kk_queue_full(queue));
			for (uint32_t i = 0; i < capacities[c]; i++) {
				assert_int_equal(kk_queue_size(queue), i);
				assert_int_equal(kk_queue_put(queue, &in, sizeof(in), 0), KK_OK);
				in++;
			}
			assert_true(kk_queue_full(queue));
			assert_int_equal(kk_queue_put(queue, &in, sizeof(in), 0), KK_ERR_FULL);
			for (uint32_t i = 0; i < capacities[c]; i++, out++) {
				assert_int_equal(kk_queue_get(queue, &got, sizeof(got), 0), sizeof(got));
				assert_int_equal(got, out);
			}
			assert_int_equal(kk_queue_get(queue, &got, sizeof(got), 0), KK_ERR_EMPTY);
		}
		drop(queue);
	}
}

static void test_sizes(void **state)
{
	(void)state;
	static const uint32_t largest[] = {1, 8, 40, 41, 64, 1000, 100000};
	static char data[100000], got[100000];
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 31);
	for (size_t l = 0; l < sizeof(largest) / sizeof(largest[0]); l++) {
		struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 3, .item_max = largest[l]});
		const size_t sizes[] = {0, 1, largest[l] / 2, largest[l]};
		for (size_t s = 0; s < 4; s++) {
			assert_int_equal(kk_queue_put(queue, data, sizes[s], 0), KK_OK);
			assert_int_equal(kk_queue_get(queue, got, sizeof(got), 0), sizes[s]);
			assert_memory_equal(data, got, sizes[s]);
		}
		assert_int_equal(kk_queue_put(queue, data, largest[l] + 1, 0), KK_ERR_INVALID);
		assert_true(kk_queue_empty(queue));
		drop(queue);
	}
}

static void test_too_large_for_the_getter(void **state)
{
	(void)state;
	char little[2];
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 4, .item_max = 8});
	assert_int_equal(put(queue, "first"), KK_OK);
	assert_int_equal(put(queue, "2"), KK_OK);
	for (int i = 0; i < 10; i++)
		assert_int_equal(kk_queue_get(queue, little, sizeof(little), 0), KK_ERR_NO_ROOM);
	assert_int_equal(kk_queue_size(queue), 2);
	assert_string_equal(next(queue), "first");
	assert_string_equal(next(queue), "2");
	drop(queue);
}

static void test_refused_specs(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_queue *queue = make(NULL);
	struct kk_queue_usage usage;
	kk_queue_usage(queue, &usage);
	assert_int_equal(usage.capacity, KK_QUEUE_CAPACITY);
	assert_int_equal(usage.item_max, KK_QUEUE_ITEM_MAX);
	static const struct kk_queue_spec wrong[] = {
	    {.capacity = KK_QUEUE_MAX_CAPACITY + 1},
	    {.in_hand = KK_QUEUE_MAX_CAPACITY + 1},
	    {.item_max = KK_QUEUE_MAX_ITEM + 1},
	    {.redeliver = 1},
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_null(kk_queue_create(family, &wrong[i], &error));
		assert_int_equal(error.code, KK_ERR_INVALID);
	}
	assert_null(kk_queue_create(family, &(struct kk_queue_spec){.item_max = 1 << 20}, &error));
	assert_int_equal(error.code, KK_ERR_NO_ROOM);
	uint64_t ref = kk_queue_ref(queue);
	struct kk_queue *other = kk_queue_open(family, ref, &error);
	assert_non_null(other);
	assert_int_equal(put(queue, "x"), KK_OK);
	assert_string_equal(next(other), "x");
	kk_queue_close(other);
	kk_queue_destroy(queue);
	assert_null(kk_queue_open(family, ref, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	kk_queue_close(NULL);
	kk_queue_destroy(NULL);
	kk_family_close(family);
	family = NULL;
}

/* ---- waiting */

static void test_time_outs(void **state)
{
	(void)state;
	char got[8];
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 1, .item_max = 8, .joinable = true});
	uint64_t before = harness_now_ms();
	assert_int_equal(kk_queue_get(queue, got, sizeof(got), 60), KK_ERR_TIMEOUT);
	assert_true(harness_now_ms() - before >= 59);
	assert_int_equal(kk_queue_join(queue, 0), KK_OK);
	assert_int_equal(put(queue, "1"), KK_OK);
	before = harness_now_ms();
	assert_int_equal(kk_queue_put(queue, "2", 1, 60), KK_ERR_TIMEOUT);
	assert_true(harness_now_ms() - before >= 59);
	before = harness_now_ms();
	assert_int_equal(kk_queue_join(queue, 60), KK_ERR_TIMEOUT);
	assert_true(harness_now_ms() - before >= 59);
	assert_int_equal(kk_queue_join(queue, 0), KK_ERR_TIMEOUT);
	drop(queue);
}

static int get_one(void *queue)
{
	char got[8];
	return (int)kk_queue_get(queue, got, sizeof(got), -1);
}

static int put_one(void *queue)
{
	return kk_queue_put(queue, "one", 3, -1);
}

static int join(void *queue)
{
	return kk_queue_join(queue, -1);
}

static int get_for_a_while(void *queue)
{
	char got[8];
	return (int)kk_queue_get(queue, got, sizeof(got), 400);
}

static int put_for_a_while(void *queue)
{
	return kk_queue_put(queue, "x", 1, 400);
}

static int join_for_a_while(void *queue)
{
	return kk_queue_join(queue, 400);
}

static int64_t cpu_us(void)
{
	struct rusage usage;
	assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) + usage.ru_utime.tv_usec +
	       usage.ru_stime.tv_usec;
}

/* Who waits sleeps, with room for nothing, and with room only for an entry. */
static void test_waiting_costs_nothing(void **state)
{
	(void)state;
	static int (*const acts[])(void *) = {get_for_a_while, put_for_a_while, join_for_a_while, put_for_a_while};
	struct kk_queue *queue =
	    make(&(struct kk_queue_spec){.capacity = 2, .item_max = 8, .in_hand = 1, .joinable = true});
	for (int i = 0; i < 4; i++) {
		int64_t before = cpu_us();
		assert_int_equal(acts[i](queue), KK_ERR_TIMEOUT);
		assert_in_range(cpu_us() - before, 0, 60000);
		for (int more = 0; i == 0 && more < 2; more++)
			assert_int_equal(put(queue, "x"), KK_OK);
		for (int more = 0; i == 2 && more < 2; more++)
			assert_string_equal(next(queue), "x");
		if (i == 2)
			assert_int_equal(put(queue, "x"), KK_OK);
	}
	drop(queue);
}

/* Both ways round, often: each time either side may come first. */
static void test_wait_for_each_other(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 1, .item_max = 8});
	struct task task[2];
	for (int i = 0; i < 200; i++) {
		start(&task[0], queue, get_one);
		start(&task[1], queue, put_one);
		assert_int_equal(finish(&task[1]), KK_OK);
		assert_int_equal(finish(&task[0]), 3);
		assert_int_equal(put(queue, "full"), KK_OK);
		start(&task[0], queue, put_one);
		assert_int_equal(get_one(queue), 4);
		assert_int_equal(finish(&task[0]), KK_OK);
		assert_string_equal(next(queue), "one");
	}
	drop(queue);
}

static void test_wait_any(void **state)
{
	(void)state;
	struct kk_queue *one = make(&(struct kk_queue_spec){.capacity = 2, .item_max = 8});
	struct kk_queue *other = make(&(struct kk_queue_spec){.capacity = 2, .item_max = 8});
	struct kk_waitable items[2] = {kk_queue_waitable(one), kk_queue_waitable(other)};
	struct task task;
	assert_int_equal(kk_wait_any(items, 2, 0), KK_ERR_TIMEOUT);
	for (int i = 0; i < 50; i++) {
		start(&task, i % 2 ? one : other, put_one);
		assert_int_equal(kk_wait_any(items, 2, -1), 1);
		assert_int_equal(items[0].is_ready, i % 2);
		assert_string_equal(next(i % 2 ? one : other), "one");
		assert_int_equal(finish(&task), KK_OK);
	}
	assert_int_equal(kk_queue_shutdown(other), KK_OK);
	assert_int_equal(kk_wait_any(items, 2, -1), 1);
	assert_true(items[1].is_ready);
	assert_string_equal(next(other), "CLOSED");
	kk_queue_destroy(one);
	drop(other);
}

/* Another process takes the only item, says so, and is through with it when it is told. */
static pid_t hold_one(struct kk_queue *queue, const int *said, const int *told)
{
	struct kk_queue_item item;
	char word = 'w';
	pid_t child = fork();
	if (child != 0)
		return child;
	bool works = kk_queue_get_item(queue, &item, 0) == KK_OK && write(said[1], &word, 1) == 1 &&
	             read(told[0], &word, 1) == 1 && kk_queue_done(queue, &item) == KK_OK;
	_exit(!works);
}

/* At the end a queue is ready when nothing will come back any more, and says so by the one event that is slept on. */
static void test_wait_any_at_the_end(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 4, .item_max = 8});
	struct kk_waitable end = kk_queue_waitable(queue);
	int said[2], told[2], status;
	char word;
	assert_int_equal(put(queue, "1"), KK_OK);
	assert_int_equal(pipe(said), 0);
	assert_int_equal(pipe(told), 0);
	pid_t child = hold_one(queue, said, told);
	assert_int_equal(read(said[0], &word, 1), 1);
	assert_int_equal(kk_queue_shutdown(queue), KK_OK);
	uint32_t ticket = kk_event_prepare(end.event);
	assert_int_equal(kk_wait_any(&end, 1, 0), KK_ERR_TIMEOUT);
	assert_false(was_woken(end.event, ticket));
	assert_int_equal(write(told[1], "w", 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(was_woken(end.event, ticket));
	assert_int_equal(kk_wait_any(&end, 1, -1), 1);
	for (int i = 0; i < 2; i++) {
		close(said[i]);
		close(told[i]);
	}
	drop(queue);
}

/* Who holds the last item himself does not wait for himself. */
static void test_wait_any_by_the_last_holder(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 4, .item_max = 8});
	struct kk_waitable end = kk_queue_waitable(queue);
	struct kk_queue_item item;
	assert_int_equal(put(queue, "1"), KK_OK);
	assert_int_equal(kk_queue_get_item(queue, &item, 0), KK_OK);
	assert_int_equal(kk_wait_any(&end, 1, 0), KK_ERR_TIMEOUT);
	assert_int_equal(kk_queue_shutdown(queue), KK_OK);
	assert_int_equal(kk_wait_any(&end, 1, 0), 1);
	assert_string_equal(next(queue), "CLOSED");
	drop(queue);
}

/* ---- many at once */

static void test_many(void **state)
{
	(void)state;
	char data[150][8], got[150][8];
	struct iovec in[150], out[150];
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 100, .item_max = 8});
	for (int i = 0; i < 150; i++)
		in[i] = (struct iovec){data[i], (size_t)snprintf(data[i], sizeof(data[i]), "%d", i)};
	assert_int_equal(kk_queue_put_many(queue, in, 0, 0), 0);
	assert_int_equal(kk_queue_put_many(queue, in, 150, 0), 100);
	assert_int_equal(kk_queue_put_many(queue, in, 1, 0), KK_ERR_FULL);
	assert_int_equal(kk_queue_get_many(queue, out, 0, 0), KK_ERR_INVALID);
	for (int begin = 0; begin < 100; begin += 80) {
		for (int i = 0; i < 80; i++)
			out[i] = (struct iovec){got[i], sizeof(got[i])};
		int count = kk_queue_get_many(queue, out, 80, 0);
		assert_int_equal(count, begin ? 20 : 80);
		for (int i = 0; i < count; i++) {
			assert_int_equal(out[i].iov_len, in[begin + i].iov_len);
			assert_memory_equal(got[i], data[begin + i], out[i].iov_len);
		}
	}
	assert_int_equal(kk_queue_get_many(queue, out, 80, 0), KK_ERR_EMPTY);
	/* One that is too large for its place ends the batch and stays the first; those behind it keep their order. */
	assert_int_equal(put(queue, "1"), KK_OK);
	assert_int_equal(put(queue, "large"), KK_OK);
	assert_int_equal(put(queue, "3"), KK_OK);
	for (int i = 0; i < 3; i++)
		out[i] = (struct iovec){got[i], 2};
	assert_int_equal(kk_queue_get_many(queue, out, 3, 0), 1);
	assert_int_equal(kk_queue_get_many(queue, out, 3, 0), KK_ERR_NO_ROOM);
	assert_int_equal(put(queue, "4"), KK_OK);
	assert_string_equal(next(queue), "large");
	assert_string_equal(next(queue), "3");
	assert_string_equal(next(queue), "4");
	in[1].iov_len = 9;
	assert_int_equal(kk_queue_put_many(queue, in, 2, 0), KK_ERR_INVALID);
	assert_true(kk_queue_empty(queue));
	drop(queue);
}

/* ---- in place */

static void test_in_place(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 2, .item_max = 100, .in_hand = 2});
	struct kk_queue_item item, second, third;
	assert_int_equal(kk_queue_reserve(queue, &item, 0), KK_OK);
	assert_int_equal(item.bytes, 100);
	assert_int_equal((uintptr_t)item.data % 64, 0);
	assert_true(kk_queue_empty(queue));
	memcpy(item.data, "placed", 6);
	item.bytes = 6;
	assert_int_equal(kk_queue_put_item(queue, &item, 0), KK_OK);
	assert_int_equal(kk_queue_put_item(queue, &item, 0), KK_ERR_NOT_OWNER);
	assert_int_equal(kk_queue_cancel(queue, &item), KK_ERR_NOT_OWNER);
	assert_int_equal(put(queue, "next"), KK_OK);
	assert_int_equal(kk_queue_reserve(queue, &item, 0), KK_OK);
	assert_int_equal(kk_queue_put_item(queue, &item, 0), KK_ERR_FULL);
	assert_int_equal(kk_queue_put_item(queue, &item, 10), KK_ERR_TIMEOUT);
	assert_int_equal(kk_queue_reserve(queue, &second, 0), KK_OK);
	assert_int_equal(kk_queue_reserve(queue, &third, 0), KK_ERR_FULL);
	assert_int_equal(kk_queue_done(queue, &second), KK_ERR_NOT_OWNER);
	assert_int_equal(kk_queue_cancel(queue, &second), KK_OK);
	assert_int_equal(kk_queue_cancel(queue, &item), KK_OK);

	assert_int_equal(kk_queue_get_item(queue, &item, 0), KK_OK);
	assert_int_equal(item.bytes, 6);
	assert_memory_equal(item.data, "placed", 6);
	assert_int_equal(kk_queue_put_item(queue, &item, 0), KK_ERR_NOT_OWNER);
	assert_int_equal(kk_queue_give_back(queue, &item), KK_OK);
	assert_int_equal(kk_queue_done(queue, &item), KK_ERR_NOT_OWNER);
	assert_int_equal(kk_queue_get_item(queue, &item, 0), KK_OK);
	assert_memory_equal(item.data, "placed", 6);
	assert_int_equal(item.deaths, 0);
	assert_int_equal(kk_queue_done(queue, &item), KK_OK);
	assert_int_equal(kk_queue_give_back(queue, &item), KK_ERR_NOT_OWNER);
	assert_string_equal(next(queue), "next");
	assert_int_equal(kk_queue_get_item(queue, &item, 0), KK_ERR_EMPTY);
	item.bytes = 101;
	assert_int_equal(kk_queue_put_item(queue, &item, 0), KK_ERR_INVALID);
	drop(queue);
}

/* ---- the end */

static void test_shutdown(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 2, .item_max = 8});
	struct kk_queue_item item;
	struct kk_queue_usage usage;
	assert_int_equal(kk_queue_reserve(queue, &item, 0), KK_OK);
	assert_int_equal(put(queue, "1"), KK_OK);
	assert_int_equal(put(queue, "2"), KK_OK);
	/* Also when it is full, and twice. */
	assert_int_equal(kk_queue_shutdown(queue), KK_OK);
	assert_int_equal(kk_queue_shutdown(queue), KK_OK);
	kk_queue_usage(queue, &usage);
	assert_true(usage.shut);
	assert_int_equal(usage.waiting, 2);
	assert_int_equal(usage.in_hand, 1);
	assert_int_equal(put(queue, "3"), KK_ERR_CLOSED);
	assert_int_equal(kk_queue_put(queue, "3", 1, -1), KK_ERR_CLOSED);
	assert_int_equal(kk_queue_put_item(queue, &item, -1), KK_ERR_CLOSED);
	assert_int_equal(kk_queue_cancel(queue, &item), KK_OK);
	assert_string_equal(next(queue), "1");
	assert_string_equal(next(queue), "2");
	for (int i = 0; i < 3; i++) {
		assert_string_equal(next(queue), "CLOSED");
		assert_int_equal(get_one(queue), KK_ERR_CLOSED);
	}
	drop(queue);
}

static void test_shutdown_tells_those_who_wait(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 1, .item_max = 8});
		struct task task[3];
		start(&task[0], queue, get_one);
		start(&task[1], queue, get_one);
		assert_int_equal(kk_queue_shutdown(queue), KK_OK);
		assert_int_equal(finish(&task[0]), KK_ERR_CLOSED);
		assert_int_equal(finish(&task[1]), KK_ERR_CLOSED);
		drop(queue);

		queue = make(&(struct kk_queue_spec){.capacity = 1, .item_max = 8});
		assert_int_equal(put(queue, "full"), KK_OK);
		for (int t = 0; t < 3; t++)
			start(&task[t], queue, put_one);
		assert_int_equal(kk_queue_shutdown(queue), KK_OK);
		for (int t = 0; t < 3; t++)
			assert_int_equal(finish(&task[t]), KK_ERR_CLOSED);
		drop(queue);
	}
}

/* Another one has the last item: it may come back, so the end is not yet. */
static void test_end_waits_for_those_who_hold(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 4, .item_max = 8});
	struct kk_queue_item item;
	struct task task;
	for (int again = 0; again < 2; again++) {
		assert_int_equal(again ? KK_OK : put(queue, "1"), KK_OK);
		assert_int_equal(kk_queue_get_item(queue, &item, 0), KK_OK);
		assert_int_equal(kk_queue_shutdown(queue), KK_OK);
		/* Who has it himself does not wait. */
		assert_string_equal(next(queue), "CLOSED");
		start(&task, queue, get_one);
		assert_int_equal(again ? kk_queue_done(queue, &item) : kk_queue_give_back(queue, &item), KK_OK);
		assert_int_equal(finish(&task), again ? KK_ERR_CLOSED : 1);
		if (!again) {
			kk_queue_destroy(queue);
			queue = make(&(struct kk_queue_spec){.capacity = 4, .item_max = 8});
			assert_int_equal(put(queue, "1"), KK_OK);
		}
	}
	drop(queue);
}

/* ---- joinable */

static void test_task_done(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 4, .item_max = 8, .joinable = true});
	struct kk_queue_usage usage;
	struct kk_queue_item item;
	assert_int_equal(kk_queue_task_done(queue), KK_ERR_NOT_OWNER);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 4; i++)
			assert_int_equal(put(queue, "x"), KK_OK);
		/* What was got does not count for the capacity. */
		for (int i = 0; i < 3; i++)
			assert_string_equal(next(queue), "x");
		assert_int_equal(kk_queue_get_item(queue, &item, 0), KK_OK);
		assert_int_equal(put(queue, "y"), KK_OK);
		kk_queue_usage(queue, &usage);
		assert_int_equal(usage.waiting, 1);
		assert_int_equal(usage.in_hand, 4);
		assert_int_equal(usage.unfinished, 5);
		assert_int_equal(kk_queue_join(queue, 0), KK_ERR_TIMEOUT);
		for (int i = 0; i < 3; i++)
			assert_int_equal(kk_queue_task_done(queue), KK_OK);
		assert_int_equal(kk_queue_task_done(queue), KK_ERR_NOT_OWNER);
		assert_int_equal(kk_queue_done(queue, &item), KK_OK);
		assert_string_equal(next(queue), "y");
		assert_int_equal(kk_queue_join(queue, 0), KK_ERR_TIMEOUT);
		assert_int_equal(kk_queue_task_done(queue), KK_OK);
		assert_int_equal(kk_queue_join(queue, 0), KK_OK);
	}
	drop(queue);
	queue = make(NULL);
	assert_int_equal(kk_queue_join(queue, 0), KK_ERR_INVALID);
	assert_int_equal(kk_queue_task_done(queue), KK_ERR_INVALID);
	drop(queue);
}

/* Each number n puts two of n - 1 before it is done: the queue is never finished in between. */
static _Atomic long through;

static int grow(void *queue)
{
	int n, rc;
	while ((rc = (int)kk_queue_get(queue, &n, sizeof(n), -1)) == sizeof(n)) {
		for (int i = 0; n > 0 && i < 2; i++) {
			int less = n - 1;
			if (kk_queue_put(queue, &less, sizeof(less), -1) < 0)
				return -100;
		}
		atomic_fetch_add(&through, 1);
		if (kk_queue_task_done(queue) < 0)
			return -101;
	}
	return rc;
}

static void test_join_sees_children(void **state)
{
	(void)state;
	enum { DEPTH = 9 };
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 2000, .item_max = 8, .joinable = true});
	struct task task[3];
	for (int i = 0; i < 3; i++)
		start(&task[i], queue, grow);
	for (int round = 1; round <= 10; round++) {
		int depth = DEPTH;
		assert_int_equal(kk_queue_put(queue, &depth, sizeof(depth), -1), KK_OK);
		assert_int_equal(kk_queue_join(queue, -1), KK_OK);
		assert_int_equal(atomic_load(&through), round * ((1 << (DEPTH + 1)) - 1));
	}
	assert_int_equal(kk_queue_shutdown(queue), KK_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(finish(&task[i]), KK_ERR_CLOSED);
	drop(queue);
}

static void test_join_waits(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 4, .item_max = 8, .joinable = true});
	for (int i = 0; i < 100; i++) {
		struct task task[2];
		assert_int_equal(put(queue, "x"), KK_OK);
		start(&task[0], queue, join);
		start(&task[1], queue, join);
		assert_string_equal(next(queue), "x");
		assert_int_equal(kk_queue_task_done(queue), KK_OK);
		assert_int_equal(finish(&task[0]), KK_OK);
		assert_int_equal(finish(&task[1]), KK_OK);
	}
	drop(queue);
}

/* ---- deaths */

static void put_two(void *queue)
{
	if (put(queue, "c1") < 0 || put(queue, "c2") < 0)
		_exit(9);
}

static void only_register(void *queue)
{
	if (kk_queue_producer(queue) < 0)
		_exit(9);
}

static void get_one_at_once(void *queue)
{
	next(queue);
}

static void get_two(void *queue)
{
	next(queue);
	next(queue);
}

static void get_in_place(void *queue)
{
	struct kk_queue_item item;
	if (kk_queue_get_item(queue, &item, 0) < 0)
		_exit(9);
}

static void reserve_one(void *queue)
{
	struct kk_queue_item item;
	if (kk_queue_reserve(queue, &item, 0) < 0)
		_exit(9);
}

static void test_dead_producer(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 8, .item_max = 8});
	struct kk_casualty casualty;
	assert_int_equal(kk_queue_casualty(queue, &casualty), KK_ERR_MISSING);
	assert_int_equal(put(queue, "p1"), KK_OK);
	pid_t child = with_child(queue, put_two, true);
	assert_int_equal(put(queue, "p2"), KK_OK);
	assert_string_equal(next(queue), "p1");
	assert_string_equal(next(queue), "c1");
	assert_string_equal(next(queue), "c2");
	assert_string_equal(next(queue), "DIED");
	assert_int_equal(kk_queue_casualty(queue, &casualty), KK_OK);
	assert_int_equal(casualty.pid, child);
	assert_int_equal(casualty.seat, 2);
	struct kk_sitter sitter;
	assert_int_equal(kk_family_sitter(family, 2, &sitter), KK_OK);
	assert_string_equal(casualty.name, sitter.name);
	assert_string_equal(next(queue), "p2");
	assert_string_equal(next(queue), "EMPTY");
	child = with_child(queue, only_register, true);
	assert_string_equal(next(queue), "DIED");
	assert_int_equal(kk_queue_casualty(queue, &casualty), KK_OK);
	assert_int_equal(casualty.pid, child);
	/* Nobody is told of an end in peace, nor of the death of one who only gets. */
	with_child(queue, put_two, false);
	with_child(queue, get_two, true);
	assert_string_equal(next(queue), "EMPTY");
	drop(queue);
}

/* What says who died stands in the place of an item: who waits for room is woken when it is told. */
static void test_told_makes_room(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 1, .item_max = 8});
	struct queue_memory *memory = queue->object.memory;
	with_child(queue, only_register, true);
	assert_int_equal(put(queue, "x"), KK_ERR_FULL);
	uint32_t ticket = kk_event_prepare(&memory->room);
	assert_string_equal(next(queue), "DIED");
	assert_true(was_woken(&memory->room, ticket));
	assert_int_equal(put(queue, "x"), KK_OK);
	drop(queue);
}

static void put_x(void *queue)
{
	assert_true(put(queue, "x") == KK_OK || kk_queue_full(queue));
}

static void be_done(void *queue)
{
	assert_int_equal(kk_queue_task_done(queue), KK_OK);
}

static void get_and_give_back(void *queue)
{
	struct kk_queue_item item;
	assert_int_equal(kk_queue_get_item(queue, &item, 0), KK_OK);
	assert_int_equal(kk_queue_give_back(queue, &item), KK_OK);
}

static void shut(void *queue)
{
	assert_int_equal(kk_queue_shutdown(queue), KK_OK);
}

/* Whatever changes tells all those who may wait for it, whom nobody else would tell. */
static void test_wake_ups(void **state)
{
	(void)state;
	struct kk_queue *queue =
	    make(&(struct kk_queue_spec){.capacity = 2, .item_max = 8, .joinable = true, .redeliver = 1});
	struct queue_memory *memory = queue->object.memory;
	struct kk_event *items = kk_ring_items_event(queue->looker->ring[QUEUE_WORK]);
	struct kk_event *stream = kk_ring_room_event(queue->looker->ring[QUEUE_WORK]);
	struct kk_event *const to_get[] = {items, NULL}, *const to_put[] = {&memory->room, NULL};
	struct kk_event *const to_join[] = {&memory->done, NULL}, *const freed[] = {&memory->room, &memory->done, NULL};
	struct kk_event *const come_back[] = {items, &memory->room, NULL};
	struct kk_event *const all[] = {items, stream, &memory->room, &memory->done, NULL};
	must_wake(to_get, put_x, queue);
	/* Not done yet, but there is room; done, it makes room in hands. */
	must_wake(to_put, get_one_at_once, queue);
	must_wake(freed, be_done, queue);
	put_x(queue);
	must_wake(come_back, get_and_give_back, queue);
	while (!kk_queue_full(queue))
		put_x(queue);
	/* What does not fit was counted for a moment. */
	must_wake(to_join, put_x, queue);
	end_child(start_child(queue, get_one_at_once));
	must_wake(all, bury, queue);
	must_wake(all, shut, queue);
	drop(queue);
}

/* Also when nobody gets: as many as there are seats. */
static void test_many_dead_producers(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 2, .item_max = 8});
	for (int i = 0; i < 15; i++)
		with_child(queue, only_register, true);
	/* What is to be told takes the places of items. */
	assert_int_equal(put(queue, "1"), KK_ERR_FULL);
	for (int i = 0; i < 12; i++) {
		assert_string_equal(next(queue), "DIED");
		assert_int_equal(put(queue, "1"), i < 10 ? KK_ERR_FULL : KK_OK);
	}
	assert_string_equal(next(queue), "1");
	assert_string_equal(next(queue), "1");
	assert_string_equal(next(queue), "EMPTY");
	with_child(queue, only_register, true);
	assert_string_equal(next(queue), "DIED");
	drop(queue);
}

static void test_death_after_the_end(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 8, .item_max = 8});
	pid_t child = start_child(queue, put_two);
	assert_int_equal(kk_queue_shutdown(queue), KK_OK);
	end_child(child);
	assert_int_equal(kk_family_bury(family), 1);
	assert_string_equal(next(queue), "c1");
	assert_string_equal(next(queue), "c2");
	assert_string_equal(next(queue), "DIED");
	assert_string_equal(next(queue), "CLOSED");
	drop(queue);
}

static void test_dead_consumer(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 8, .item_max = 8});
	struct kk_queue_item item;
	struct kk_queue_usage usage;
	assert_int_equal(put(queue, "1"), KK_OK);
	assert_int_equal(put(queue, "2"), KK_OK);
	for (uint32_t deaths = 1; deaths < 4; deaths++) {
		with_child(queue, get_in_place, true);
		assert_int_equal(kk_queue_get_item(queue, &item, 0), KK_OK);
		assert_memory_equal(item.data, "1", 1);
		assert_int_equal(item.deaths, deaths);
		assert_int_equal(kk_queue_give_back(queue, &item), KK_OK);
	}
	with_child(queue, get_in_place, false);
	with_child(queue, reserve_one, true);
	with_child(queue, reserve_one, false);
	assert_string_equal(next(queue), "1");
	assert_string_equal(next(queue), "2");
	kk_queue_usage(queue, &usage);
	assert_int_equal(usage.in_hand, 0);
	assert_int_equal(usage.lost, 0);
	drop(queue);
}

static void test_unfinished_items_are_lost(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 8, .item_max = 8, .joinable = true});
	struct kk_queue_usage usage;
	for (int i = 0; i < 5; i++)
		assert_int_equal(put(queue, "x"), KK_OK);
	with_child(queue, get_two, true);
	with_child(queue, get_two, false);
	kk_queue_usage(queue, &usage);
	assert_int_equal(usage.lost, 4);
	assert_int_equal(usage.unfinished, 1);
	assert_int_equal(kk_queue_join(queue, 0), KK_ERR_TIMEOUT);
	assert_string_equal(next(queue), "x");
	assert_int_equal(kk_queue_task_done(queue), KK_OK);
	assert_int_equal(kk_queue_join(queue, -1), KK_OWNER_DIED);
	drop(queue);
}

static void test_unfinished_items_come_again(void **state)
{
	(void)state;
	struct kk_queue *queue =
	    make(&(struct kk_queue_spec){.capacity = 8, .item_max = 8, .joinable = true, .redeliver = 2});
	struct kk_queue_usage usage;
	assert_int_equal(put(queue, "1"), KK_OK);
	assert_int_equal(put(queue, "2"), KK_OK);
	assert_int_equal(put(queue, "3"), KK_OK);
	for (int i = 0; i < 2; i++) {
		with_child(queue, get_two, true);
		kk_queue_usage(queue, &usage);
		assert_int_equal(usage.waiting, 3);
	}
	/* Who ends in peace has not died with it. */
	with_child(queue, get_two, false);
	with_child(queue, get_two, true);
	kk_queue_usage(queue, &usage);
	assert_int_equal(usage.lost, 2);
	assert_int_equal(usage.unfinished, 1);
	assert_string_equal(next(queue), "3");
	assert_int_equal(kk_queue_task_done(queue), KK_OK);
	assert_int_equal(kk_queue_join(queue, -1), KK_OWNER_DIED);
	drop(queue);
}

/* In a child: takes all memory that the process can have, and then looks after the dead. */
static void bury_without_memory(void)
{
	static const struct rlimit nothing_more = {0, 0};
	static void **taken; /* each leads to the one before */
	void **block;
	if (setrlimit(RLIMIT_AS, &nothing_more) < 0)
		_exit(1);
	for (size_t bytes = 1 << 20; bytes >= 16; bytes /= 2) {
		while ((block = malloc(bytes))) {
			*block = taken;
			taken = block;
		}
	}
	_exit(kk_family_bury(family) == KK_ERR_MEMORY ? 0 : 2);
}

/* Then the death stays due, and the next one settles it. */
static void test_undertaker_without_memory(void **state)
{
	(void)state;
	if (WITH_ASAN || WITH_TSAN)
		skip();
	struct kk_queue *queue =
	    make(&(struct kk_queue_spec){.capacity = 8, .item_max = 8, .joinable = true, .redeliver = 1});
	struct kk_queue_usage usage;
	int status;
	assert_int_equal(put(queue, "1"), KK_OK);
	assert_int_equal(put(queue, "2"), KK_OK);
	end_child(start_child(queue, get_two));
	pid_t undertaker = fork();
	assert_true(undertaker >= 0);
	if (undertaker == 0)
		bury_without_memory();
	assert_int_equal(waitpid(undertaker, &status, 0), undertaker);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(kk_family_bury(family), 1);
	kk_queue_usage(queue, &usage);
	assert_int_equal(usage.waiting, 2);
	assert_string_equal(next(queue), "1");
	drop(queue);
}

static int get_forever(void *queue)
{
	char got[8];
	int count = 0;
	int64_t rc;
	while ((rc = kk_queue_get(queue, got, sizeof(got), -1)) >= 0) {
		count++;
		if (kk_queue_task_done(queue) < 0)
			return -100;
	}
	return rc == KK_ERR_CLOSED ? count : (int)rc;
}

/* The last item is in the hand of one who dies, after the sentinel: the one who waits at the end gets it. Nobody calls
 * kk_family_bury: who waits finds out. */
static void test_last_item_comes_again(void **state)
{
	(void)state;
	struct kk_queue *queue =
	    make(&(struct kk_queue_spec){.capacity = 8, .item_max = 8, .joinable = true, .redeliver = KK_QUEUE_ALWAYS});
	struct task task;
	assert_int_equal(put(queue, "1"), KK_OK);
	pid_t child = start_child(queue, get_one_at_once);
	assert_int_equal(kk_queue_shutdown(queue), KK_OK);
	start(&task, queue, get_forever);
	end_child(child);
	assert_int_equal(kk_queue_join(queue, -1), KK_OK);
	assert_int_equal(finish(&task), 1);
	drop(queue);
}

/* A seat's next sitter has nothing of what the last one got. */
static int get_and_end(void *queue)
{
	return kk_queue_task_done(queue) != KK_ERR_NOT_OWNER ? -100 : (next(queue), 0);
}

static void test_next_sitter(void **state)
{
	(void)state;
	struct kk_queue *queue =
	    make(&(struct kk_queue_spec){.capacity = 8, .item_max = 8, .joinable = true, .redeliver = KK_QUEUE_ALWAYS});
	assert_int_equal(put(queue, "1"), KK_OK);
	for (int i = 0; i < 5; i++) {
		struct task task;
		start(&task, queue, get_and_end);
		assert_int_equal(finish(&task), 0);
	}
	assert_string_equal(next(queue), "1");
	assert_int_equal(kk_queue_task_done(queue), KK_OK);
	drop(queue);
}

static int be_told(void *queue)
{
	struct kk_casualty casualty;
	return strcmp(next(queue), "DIED") == 0 ? kk_queue_casualty(queue, &casualty) : -100;
}

static int know_nothing(void *queue)
{
	struct kk_casualty casualty;
	return kk_queue_casualty(queue, &casualty) == KK_ERR_MISSING ? 0 : -100;
}

/* Nor of what the last one was told. */
static void test_next_sitter_was_not_told(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 8, .item_max = 8});
	struct task task;
	with_child(queue, only_register, true);
	start(&task, queue, be_told);
	assert_int_equal(finish(&task), 0);
	start(&task, queue, know_nothing);
	assert_int_equal(finish(&task), 0);
	drop(queue);
}

/* ---- threads */

enum { PUTTERS = 3, GETTERS = 3, EACH = 4000 };

struct numbered {
	uint32_t who, number;
	char pad[50];
};
static _Atomic uint32_t seen[PUTTERS][EACH];
static _Atomic int putter_count;

static int put_numbers(void *queue)
{
	struct numbered one = {.who = (uint32_t)atomic_fetch_add(&putter_count, 1)}, many[5];
	memset(one.pad, 'p', sizeof(one.pad));
	for (uint32_t i = 0; i < EACH; i++) {
		struct iovec vector[5];
		int count = i % 7 == 0 && EACH - i >= 5 ? 5 : 1;
		for (int j = 0; j < count; j++) {
			one.number = i + (uint32_t)j;
			many[j] = one;
			vector[j] = (struct iovec){&many[j], sizeof(one)};
		}
		if (count == 1 ? kk_queue_put(queue, &many[0], sizeof(one), -1) < 0
		               : kk_queue_put_many(queue, vector, count, -1) != count)
			return -1;
		i += (uint32_t)count - 1;
	}
	return 0;
}

static int get_numbers(void *queue)
{
	uint32_t last[PUTTERS] = {0};
	struct numbered one[5];
	for (int turn = 0;; turn++) {
		struct iovec vector[5];
		for (int i = 0; i < 5; i++)
			vector[i] = (struct iovec){&one[i], sizeof(one[i])};
		int count = kk_queue_get_many(queue, vector, turn % 3 ? 1 : 5, -1);
		if (count < 0)
			return count;
		for (int i = 0; i < count; i++) {
			/* Of one putter, each getter sees a growing row. */
			if (vector[i].iov_len != sizeof(one[i]) || one[i].who >= PUTTERS || one[i].number >= EACH ||
			    one[i].number + 1 <= last[one[i].who] || one[i].pad[49] != 'p')
				return -100;
			last[one[i].who] = one[i].number + 1;
			atomic_fetch_add(&seen[one[i].who][one[i].number], 1);
		}
	}
}

static void test_threads(void **state)
{
	(void)state;
	struct kk_queue *queue = make(&(struct kk_queue_spec){.capacity = 10, .item_max = sizeof(struct numbered)});
	struct task task[PUTTERS + GETTERS];
	for (int i = 0; i < PUTTERS + GETTERS; i++)
		start(&task[i], queue, i < PUTTERS ? put_numbers : get_numbers);
	for (int i = 0; i < PUTTERS; i++)
		assert_int_equal(finish(&task[i]), 0);
	assert_int_equal(kk_queue_shutdown(queue), KK_OK);
	for (int i = PUTTERS; i < PUTTERS + GETTERS; i++)
		assert_int_equal(finish(&task[i]), KK_ERR_CLOSED);
	for (int p = 0; p < PUTTERS; p++)
		for (int n = 0; n < EACH; n++)
			assert_int_equal(atomic_load(&seen[p][n]), 1);
	drop(queue);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_order_and_bounds),
    cmocka_unit_test(test_sizes),
    cmocka_unit_test(test_too_large_for_the_getter),
    cmocka_unit_test(test_refused_specs),
    cmocka_unit_test(test_time_outs),
    cmocka_unit_test(test_waiting_costs_nothing),
    cmocka_unit_test(test_wait_for_each_other),
    cmocka_unit_test(test_wait_any),
    cmocka_unit_test(test_wait_any_at_the_end),
    cmocka_unit_test(test_wait_any_by_the_last_holder),
    cmocka_unit_test(test_many),
    cmocka_unit_test(test_in_place),
    cmocka_unit_test(test_shutdown),
    cmocka_unit_test(test_shutdown_tells_those_who_wait),
    cmocka_unit_test(test_end_waits_for_those_who_hold),
    cmocka_unit_test(test_task_done),
    cmocka_unit_test(test_join_sees_children),
    cmocka_unit_test(test_join_waits),
    cmocka_unit_test(test_dead_producer),
    cmocka_unit_test(test_told_makes_room),
    cmocka_unit_test(test_wake_ups),
    cmocka_unit_test(test_many_dead_producers),
    cmocka_unit_test(test_death_after_the_end),
    cmocka_unit_test(test_dead_consumer),
    cmocka_unit_test(test_unfinished_items_are_lost),
    cmocka_unit_test(test_unfinished_items_come_again),
    cmocka_unit_test(test_undertaker_without_memory),
    cmocka_unit_test(test_last_item_comes_again),
    cmocka_unit_test(test_next_sitter),
    cmocka_unit_test(test_next_sitter_was_not_told),
    cmocka_unit_test(test_threads),
};
HARNESS_MAIN(tests)
