/* SPDX-License-Identifier: Apache-2.0 */
/* kk_priority_queue: the order of its items against a simple model, ids, and many threads and processes at once. */
#include "others.h"
#include "queue/pile.h"
#include <kakehi/memory.h>
#include <kakehi/priority_queue.h>

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kk_priority_queue *make(const struct kk_queue_spec *spec)
{
	static const struct kk_family_spec small = {.bytes = 4 << 20, .seats = 12, .objects = 8};
	struct kk_error error = {0};
	if (!family)
		family = kk_family_create(&small, &error);
	assert_non_null(family);
	struct kk_priority_queue *queue = kk_priority_queue_create(family, spec, &error);
	if (!queue)
		fail_msg("%s", error.text);
	return queue;
}

static void drop(struct kk_priority_queue *queue)
{
	struct kk_error error = {0};
	if (kk_priority_queue_check(queue, &error) < 0)
		fail_msg("%s", error.text);
	kk_priority_queue_destroy(queue);
	kk_family_close(family);
	family = NULL;
}

/* ---- against a model */

enum { CAPACITY = 50 };

struct model_item {
	int64_t priority, number;
	uint64_t id;
	bool waits;
};

static struct model_item model[4000];
static int64_t model_count;

/* The one that must come next; NULL: none. */
static struct model_item *model_first(void)
{
	struct model_item *first = NULL;
	for (int64_t i = 0; i < model_count; i++)
		if (model[i].waits && (!first || model[i].priority < first->priority))
			first = &model[i];
	return first;
}

static struct model_item *model_any(void)
{
	return model_count > 0 ? &model[rand() % model_count] : NULL;
}

static void put_random(struct kk_priority_queue *queue)
{
	struct model_item *item = &model[model_count];
	*item = (struct model_item){.priority = rand() % 20 - 10, .number = model_count};
	bool full = kk_priority_queue_full(queue);
	int rc = kk_priority_queue_put(queue, item->priority, &item->number, sizeof(item->number), 0, &item->id);
	assert_int_equal(rc, full ? KK_ERR_FULL : KK_OK);
	if (!full) {
		assert_true(item->id != 0);
		item->waits = true;
		model_count++;
	}
}

static void get_first(struct kk_priority_queue *queue, bool take)
{
	struct model_item *first = model_first();
	int64_t priority = 0, number = 0;
	uint64_t id = first ? first->id : 0;
	int64_t bytes = take ? kk_priority_queue_get(queue, &priority, &number, sizeof(number), 0)
	                     : kk_priority_queue_peek(queue, &priority, &number, sizeof(number), 0, &id);
	assert_int_equal(bytes, first ? (int64_t)sizeof(number) : KK_ERR_EMPTY);
	if (first) {
		assert_int_equal(number, first->number);
		assert_int_equal(priority, first->priority);
		assert_int_equal(id, first->id);
		first->waits = !take;
	}
}

static void change_any(struct kk_priority_queue *queue, bool remove)
{
	struct model_item *item = model_any();
	if (!item)
		return;
	int64_t priority = rand() % 20 - 10;
	int rc =
	    remove ? kk_priority_queue_remove(queue, item->id) : kk_priority_queue_update(queue, item->id, priority);
	assert_int_equal(rc, item->waits ? KK_OK : KK_ERR_MISSING);
	if (item->waits && !remove)
		item->priority = priority;
	if (remove)
		item->waits = false;
}

static void test_model(void **state)
{
	(void)state;
	struct kk_priority_queue *queue = make(&(struct kk_queue_spec){.capacity = CAPACITY, .item_max = 8});
	srand(3);
	for (int phase = 0; phase < 40; phase++) {
		for (int i = 0; i < 200 && model_count < 3999; i++) {
			int what = rand() % 10;
			if (what < (phase % 2 ? 6 : 3))
				put_random(queue);
			else if (what < 7)
				get_first(queue, true);
			else if (what == 7)
				get_first(queue, false);
			else
				change_any(queue, what == 8);
			if (i % 20 == 0)
				assert_int_equal(kk_priority_queue_check(queue, NULL), KK_OK);
		}
	}
	assert_true(model_count > 2000);
	while (model_first())
		get_first(queue, true);
	assert_true(kk_priority_queue_empty(queue));
	drop(queue);
}

/* ---- ids */

static void test_ids(void **state)
{
	(void)state;
	struct kk_priority_queue *queue =
	    make(&(struct kk_queue_spec){.capacity = 2, .item_max = 8, .in_hand = 1, .joinable = true});
	uint64_t first, second, third, seen;
	char got[8];
	assert_int_equal(kk_priority_queue_put(queue, 1, "a", 1, 0, &first), KK_OK);
	assert_int_equal(kk_priority_queue_put(queue, 2, "b", 1, 0, &second), KK_OK);
	assert_int_equal(kk_priority_queue_remove(queue, 0), KK_ERR_MISSING);
	assert_int_equal(kk_priority_queue_remove(queue, 77), KK_ERR_MISSING);
	assert_int_equal(kk_priority_queue_remove(queue, UINT64_MAX), KK_ERR_MISSING);
	assert_int_equal(kk_priority_queue_remove(queue, second), KK_OK);
	assert_int_equal(kk_priority_queue_remove(queue, second), KK_ERR_MISSING);
	assert_int_equal(kk_priority_queue_size(queue), 1);
	/* What was removed takes nobody's room, though it has not come up yet. */
	for (int i = 0; i < 10; i++) {
		assert_int_equal(kk_priority_queue_put(queue, 3, "c", 1, 0, &third), KK_OK);
		assert_true(third != second);
		assert_int_equal(kk_priority_queue_put(queue, 3, "d", 1, 0, NULL), KK_ERR_FULL);
		assert_int_equal(kk_priority_queue_remove(queue, third), KK_OK);
	}
	assert_int_equal(kk_priority_queue_peek(queue, NULL, got, sizeof(got), 0, &seen), 1);
	assert_int_equal(seen, first);
	assert_int_equal(kk_priority_queue_get(queue, NULL, got, sizeof(got), 0), 1);
	/* In a hand it does not wait. */
	assert_int_equal(kk_priority_queue_update(queue, first, 5), KK_ERR_MISSING);
	assert_int_equal(kk_priority_queue_remove(queue, first), KK_ERR_MISSING);
	assert_int_equal(kk_priority_queue_task_done(queue), KK_OK);
	assert_int_equal(kk_priority_queue_join(queue, 0), KK_OK);
	/* Removing the last one that is unfinished finishes as well. */
	assert_int_equal(kk_priority_queue_put(queue, 3, "e", 1, 0, &third), KK_OK);
	assert_int_equal(kk_priority_queue_join(queue, 0), KK_ERR_TIMEOUT);
	assert_int_equal(kk_priority_queue_remove(queue, third), KK_OK);
	assert_int_equal(kk_priority_queue_join(queue, 0), KK_OK);
	assert_int_equal(kk_priority_queue_shutdown(queue), KK_OK);
	assert_int_equal(kk_priority_queue_peek(queue, NULL, got, sizeof(got), -1, NULL), KK_ERR_CLOSED);
	drop(queue);
}

static void test_doubles(void **state)
{
	(void)state;
	static const double row[] = {-INFINITY, -1e300, -2.5, -2, -1e-300, 0, 1e-300, 0.1, 1, 1.5, 1e300, INFINITY};
	enum { COUNT = sizeof(row) / sizeof(row[0]) };
	struct kk_priority_queue *queue = make(&(struct kk_queue_spec){.capacity = COUNT, .item_max = 8});
	assert_int_equal(kk_priority_of_double(-0.0), kk_priority_of_double(0.0));
	for (int i = 0; i < COUNT; i++) {
		double one = row[i * 5 % COUNT];
		assert_int_equal(kk_priority_queue_put(queue, kk_priority_of_double(one), NULL, 0, 0, NULL), KK_OK);
	}
	for (int i = 0; i < COUNT; i++) {
		int64_t priority;
		assert_int_equal(kk_priority_queue_get(queue, &priority, NULL, 0, 0), 0);
		assert_true(kk_priority_to_double(priority) == row[i]);
	}
	drop(queue);
}

static void test_making(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_priority_queue *queue = make(NULL);
	uint64_t ref = kk_priority_queue_ref(queue);
	char got[8];
	struct kk_queue_usage usage;
	assert_int_equal(kk_priority_queue_put(queue, 0, got, KK_QUEUE_ITEM_MAX + 1, 0, NULL), KK_ERR_INVALID);
	struct kk_priority_queue *other = kk_priority_queue_open(family, ref, &error);
	assert_non_null(other);
	assert_int_equal(kk_priority_queue_put(queue, 7, "x", 1, 0, NULL), KK_OK);
	kk_priority_queue_usage(other, &usage);
	assert_int_equal(usage.waiting, 1);
	assert_int_equal(kk_priority_queue_get(other, NULL, got, 0, 0), KK_ERR_NO_ROOM);
	assert_int_equal(kk_priority_queue_get(other, NULL, got, sizeof(got), 0), 1);
	kk_priority_queue_close(other);
	kk_priority_queue_destroy(queue);
	assert_null(kk_priority_queue_open(family, ref, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	assert_null(kk_priority_queue_create(family, &(struct kk_queue_spec){.redeliver = 1}, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	kk_family_close(family);
	family = NULL;
}

/* ---- many at once */

enum { THREADS = 3, EACH = 3000 };

static _Atomic uint32_t seen[THREADS * EACH];
static _Atomic uint32_t given;

static void *put_all(void *arg)
{
	struct kk_priority_queue *queue = arg;
	for (int i = 0; i < EACH; i++) {
		uint32_t number = atomic_fetch_add(&given, 1);
		uint64_t id;
		assert_int_equal(kk_priority_queue_put(queue, number % 7, &number, sizeof(number), -1, &id), KK_OK);
		if (i % 5 == 0)
			(void)kk_priority_queue_update(queue, id, 3);
		if (i % 11 == 0 && kk_priority_queue_remove(queue, id) == KK_OK)
			atomic_fetch_add(&seen[number], 1);
	}
	return NULL;
}

static void *get_all(void *arg)
{
	struct kk_priority_queue *queue = arg;
	uint32_t number;
	int64_t rc;
	while ((rc = kk_priority_queue_get(queue, NULL, &number, sizeof(number), -1)) >= 0) {
		assert_int_equal(rc, sizeof(number));
		assert_in_range(number, 0, THREADS * EACH - 1);
		atomic_fetch_add(&seen[number], 1);
	}
	assert_int_equal(rc, KK_ERR_CLOSED);
	return NULL;
}

static void test_threads(void **state)
{
	(void)state;
	struct kk_priority_queue *queue = make(&(struct kk_queue_spec){.capacity = 9, .item_max = 8});
	pthread_t thread[2 * THREADS];
	for (int i = 0; i < 2 * THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, i < THREADS ? put_all : get_all, queue), 0);
	for (int i = 0; i < 2 * THREADS; i++) {
		if (i == THREADS)
			assert_int_equal(kk_priority_queue_shutdown(queue), KK_OK);
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	}
	for (int i = 0; i < THREADS * EACH; i++)
		assert_int_equal(atomic_load(&seen[i]), 1);
	drop(queue);
}

/* ---- killed and stopped at random */

enum { MEMBERS = 5, KILLS = 200, NUMBERS = 1000000 };

/* Shared: each number is taken from `next`, put once it is `put`, and seen. */
static struct board {
	_Atomic uint32_t next, moves, wrong;
	_Atomic uint8_t put[NUMBERS], seen[NUMBERS];
} * board;

static void live(struct kk_priority_queue *queue, bool producer)
{
	while (!producer || atomic_load(&board->next) < NUMBERS - MEMBERS) {
		uint32_t number;
		int64_t rc;
		if (producer) {
			number = atomic_fetch_add(&board->next, 1);
			rc = kk_priority_queue_put(queue, number % 13, &number, sizeof(number), -1, NULL);
			atomic_store(&board->put[number], 1);
		} else {
			rc = kk_priority_queue_get(queue, NULL, &number, sizeof(number), -1);
			if (rc == KK_ERR_CLOSED)
				_exit(0);
			if (rc == sizeof(number) && number < NUMBERS)
				atomic_fetch_add(&board->seen[number], 1);
			rc = rc < 0 ? rc : kk_priority_queue_task_done(queue);
		}
		if (rc < 0)
			_exit(1);
		atomic_fetch_add(&board->moves, 1);
	}
	_exit(0);
}

static pid_t be_born(struct kk_priority_queue *queue, bool producer)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		live(queue, producer);
	return child;
}

static void let_move(void)
{
	uint64_t begin = harness_now_ms();
	uint32_t until = atomic_load(&board->moves) + (uint32_t)rand() % 100;
	while ((int32_t)(atomic_load(&board->moves) - until) < 0 && harness_now_ms() - begin < 5)
		sched_yield();
}

/* A busy machine may have let nobody move between the kills. */
static bool much_was_done(void *unused)
{
	(void)unused;
	return atomic_load(&board->moves) >= 1000;
}

static void end(pid_t child, bool kill_it)
{
	int status;
	if (kill_it)
		assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
}

static void test_torment(void **state)
{
	(void)state;
	struct kk_priority_queue *queue =
	    make(&(struct kk_queue_spec){.capacity = 6, .item_max = 8, .joinable = true, .redeliver = KK_QUEUE_ALWAYS});
	struct kk_memory *memory = kk_memory_create(family, sizeof(*board), NULL);
	assert_non_null(memory);
	board = kk_memory_data(memory);
	pid_t member[MEMBERS];
	for (int i = 0; i < MEMBERS; i++)
		member[i] = be_born(queue, i % 2);
	srand(11);
	uint32_t consumers_killed = 0;
	for (int i = 0; i < KILLS; i++) {
		int victim = rand() % MEMBERS, stopped = rand() % MEMBERS;
		assert_int_equal(kill(member[stopped], SIGSTOP), 0);
		let_move();
		end(member[victim], true);
		if (stopped != victim)
			assert_int_equal(kill(member[stopped], SIGCONT), 0);
		consumers_killed += victim % 2 == 0;
		member[victim] = be_born(queue, victim % 2);
		let_move();
	}
	assert_true(harness_wait_until(much_was_done, NULL, 30000));
	for (int i = 1; i < MEMBERS; i += 2)
		end(member[i], true);
	assert_int_equal(kk_priority_queue_join(queue, -1), KK_OK);
	assert_int_equal(kk_priority_queue_shutdown(queue), KK_OK);
	for (int i = 0; i < MEMBERS; i += 2)
		end(member[i], false);
	uint32_t doubled = 0;
	for (uint32_t number = 0; number < NUMBERS; number++) {
		uint32_t times = atomic_load(&board->seen[number]);
		assert_true(times > 0 || !atomic_load(&board->put[number]));
		doubled += times > 1 ? times - 1 : 0;
	}
	assert_in_range(doubled, 0, consumers_killed);
	kk_memory_destroy(memory);
	drop(queue);
}

static void put_x(void *queue)
{
	assert_int_equal(kk_priority_queue_put(queue, 1, "x", 1, 0, NULL), KK_OK);
}

static void take_x(void *queue)
{
	char got[8];
	assert_int_equal(kk_priority_queue_get(queue, NULL, got, sizeof(got), 0), 1);
}

/* Whoever looks may have been woken in the place of one who takes. */
static void look_at_x(void *queue)
{
	char got[8];
	assert_int_equal(kk_priority_queue_peek(queue, NULL, got, sizeof(got), 0, NULL), 1);
}

static void be_done(void *queue)
{
	assert_int_equal(kk_priority_queue_task_done(queue), KK_OK);
}

static void put_and_remove(void *queue)
{
	uint64_t id;
	assert_int_equal(kk_priority_queue_put(queue, 1, "x", 1, 0, &id), KK_OK);
	assert_int_equal(kk_priority_queue_remove(queue, id), KK_OK);
}

static void shut(void *queue)
{
	assert_int_equal(kk_priority_queue_shutdown(queue), KK_OK);
}

/* Whatever changes tells all those who may wait for it, whom nobody else would tell. */
static void test_wake_ups(void **state)
{
	(void)state;
	struct kk_priority_queue *queue =
	    make(&(struct kk_queue_spec){.capacity = 4, .item_max = 8, .joinable = true, .redeliver = 1});
	/* A handle begins with its object. */
	const struct kk_object *object = (const struct kk_object *)(const void *)queue;
	struct pile_memory *memory = object->memory;
	struct kk_event *const to_get[] = {&memory->items, NULL}, *const to_put[] = {&memory->room, NULL};
	struct kk_event *const freed[] = {&memory->room, &memory->done, NULL};
	struct kk_event *const at_the_end[] = {&memory->items, &memory->room, NULL};
	struct kk_event *const all[] = {&memory->items, &memory->room, &memory->done, NULL};
	must_wake(to_get, put_x, queue);
	must_wake(to_get, look_at_x, queue);
	must_wake(to_put, take_x, queue);
	must_wake(freed, be_done, queue);
	must_wake(freed, put_and_remove, queue);
	put_x(queue);
	end_child(start_child(queue, take_x));
	must_wake(all, bury, queue);
	take_x(queue);
	must_wake(at_the_end, shut, queue);
	/* At the end, who waits for what others have in hand. */
	must_wake(all, be_done, queue);
	drop(queue);
}

/* A guard of a seat that there is not would never be given up: nobody waits for that. */
static void test_wild_guard(void **state)
{
	(void)state;
	struct kk_priority_queue *queue = make(&(struct kk_queue_spec){.capacity = 4, .item_max = 8});
	struct kk_error error = {0};
	/* A handle begins with its object. */
	const struct kk_object *object = (const struct kk_object *)(const void *)queue;
	struct pile_memory *memory = object->memory;
	char got[8];
	int64_t priority;
	assert_int_equal(kk_priority_queue_check(queue, &error), KK_OK);
	atomic_store(&memory->guard.owner, 0xffff);
	assert_int_equal(kk_priority_queue_check(queue, &error), KK_ERR_CORRUPT);
	assert_int_equal(kk_priority_queue_put(queue, 1, "x", 1, -1, NULL), KK_ERR_CORRUPT);
	assert_int_equal(kk_priority_queue_get(queue, &priority, got, sizeof(got), -1), KK_ERR_CORRUPT);
	atomic_store(&memory->guard.owner, 0);
	drop(queue);
}

static void test_buried_guard(void **state)
{
	(void)state;
	struct kk_guard guard = {.owner = 3};
	uint32_t ticket = kk_event_prepare(&guard.freed);
	kk_guard_bury(&guard, 3);
	assert_true(kk_guard_try(&guard, 4));
	assert_true(was_woken(&guard.freed, ticket));
	/* Nobody's burial but the owner's frees it. */
	kk_guard_bury(&guard, 3);
	assert_true(kk_guard_is_of(&guard, 4));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_model),      cmocka_unit_test(test_ids),      cmocka_unit_test(test_doubles),
    cmocka_unit_test(test_making),     cmocka_unit_test(test_threads),  cmocka_unit_test(test_torment),
    cmocka_unit_test(test_wild_guard), cmocka_unit_test(test_wake_ups), cmocka_unit_test(test_buried_guard),
};
HARNESS_MAIN(tests)
