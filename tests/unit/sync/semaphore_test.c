/* SPDX-License-Identifier: Apache-2.0 */
/* kk_semaphore: what it promises. Kills at every instruction: kill_test.c; at random: torment_test.c. */
#include "crew.h"
#include "family/object.h"
#include "sync/turnstile.h"
#include <kakehi/lock.h>
#include <kakehi/semaphore.h>

#include <signal.h>
#include <stdlib.h>

static struct kk_semaphore *semaphore;

static struct kk_semaphore *make(uint32_t value, uint32_t max)
{
	struct kk_error error = {0};
	struct kk_semaphore *made = kk_semaphore_create(crew_family, value, max, &error);
	if (!made)
		fail_msg("%s", error.text);
	return made;
}

static int setup(void **state)
{
	(void)state;
	crew_begin(16);
	semaphore = make(3, 3);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kk_semaphore_destroy(semaphore);
	crew_end();
	return 0;
}

static unsigned me(void)
{
	return (unsigned)kk_family_seat(crew_family);
}

/* ---- one thread */

static void test_bounded(void **state)
{
	(void)state;
	assert_int_equal(kk_semaphore_value(semaphore), 3);
	assert_int_equal(kk_semaphore_release(semaphore), KK_ERR_INVALID);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(kk_semaphore_acquire(semaphore, (int)i - 2), KK_OK);
		assert_int_equal(kk_semaphore_value(semaphore), 3 - i);
		assert_int_equal(kk_semaphore_held(semaphore, me()), i);
	}
	assert_int_equal(kk_semaphore_acquire(semaphore, 0), KK_ERR_TIMEOUT);
	uint64_t began = harness_now_ms();
	assert_int_equal(kk_semaphore_acquire(semaphore, 40), KK_ERR_TIMEOUT);
	assert_true(harness_now_ms() - began >= 39);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(kk_semaphore_release(semaphore), KK_OK);
		assert_int_equal(kk_semaphore_value(semaphore), i);
	}
	assert_int_equal(kk_semaphore_release(semaphore), KK_ERR_INVALID);
	assert_int_equal(kk_semaphore_value(semaphore), 3);
	assert_int_equal(kk_semaphore_held(semaphore, 0), 0);
}

/* Without a bound but its maximum. */
static void test_unbounded(void **state)
{
	(void)state;
	struct kk_semaphore *other = make(0, 5);
	assert_int_equal(kk_semaphore_acquire(other, 0), KK_ERR_TIMEOUT);
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(kk_semaphore_release(other), KK_OK);
		assert_int_equal(kk_semaphore_value(other), i);
	}
	assert_int_equal(kk_semaphore_release(other), KK_ERR_INVALID);
	for (unsigned i = 1; i <= 5; i++)
		assert_int_equal(kk_semaphore_acquire(other, -1), KK_OK);
	assert_int_equal(kk_semaphore_acquire(other, 0), KK_ERR_TIMEOUT);
	kk_semaphore_destroy(other);
	other = make(2, 0);
	for (unsigned i = 3; i <= 10000; i++)
		assert_int_equal(kk_semaphore_release(other), KK_OK);
	assert_int_equal(kk_semaphore_value(other), 10000);
	kk_semaphore_destroy(other);
}

static void test_create_and_open(void **state)
{
	(void)state;
	struct kk_error error = {0};
	assert_null(kk_semaphore_create(crew_family, 4, 3, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_semaphore_create(crew_family, 4, KK_SEMAPHORE_MAX + 1, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	struct kk_semaphore *again = kk_semaphore_open(crew_family, kk_semaphore_ref(semaphore), &error);
	assert_non_null(again);
	assert_int_equal(kk_semaphore_acquire(again, -1), KK_OK);
	assert_int_equal(kk_semaphore_value(semaphore), 2);
	kk_semaphore_close(again);
	assert_int_equal(kk_semaphore_value(semaphore), 2);
	assert_null(kk_lock_open(crew_family, kk_semaphore_ref(semaphore), &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_semaphore_open(crew_family, 0, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	kk_semaphore_close(NULL);
	kk_semaphore_destroy(NULL);
}

/* ---- others */

static int take_two(int number)
{
	crew_must(kk_semaphore_acquire(semaphore, -1) == KK_OK);
	crew_must(kk_semaphore_acquire(semaphore, -1) == KK_OK);
	atomic_fetch_add(&crew_board->ready, 1);
	return number ? 0 : crew_stay();
}

static void test_permits_come_back(void **state)
{
	(void)state;
	pid_t child = crew_start(take_two, 0);
	crew_until(&crew_board->ready, 1);
	assert_int_equal(kk_semaphore_value(semaphore), 1);
	assert_int_equal(kk_semaphore_acquire(semaphore, 0), KK_OK);
	crew_kill(child);
	/* Also for who does not wait. */
	assert_int_equal(kk_semaphore_acquire(semaphore, 0), KK_OK);
	assert_int_equal(kk_semaphore_value(semaphore), 1);
	assert_int_equal(kk_semaphore_held(semaphore, 0), 2);
	assert_int_equal(kk_semaphore_release(semaphore), KK_OK);
	assert_int_equal(kk_semaphore_release(semaphore), KK_OK);
	/* Exactly once. */
	assert_int_equal(kk_semaphore_release(semaphore), KK_ERR_INVALID);
	/* And from who leaves with them. */
	crew_finish(crew_start(take_two, 1));
	assert_int_equal(kk_semaphore_value(semaphore), 3);
}

static int take_one(int number)
{
	(void)number;
	crew_must(kk_semaphore_acquire(semaphore, -1) == KK_OK);
	atomic_fetch_add(&crew_board->gone, 1);
	crew_until(&crew_board->stop, 1);
	return 0;
}

/* Several come back at once: all for whom there are some are woken. */
static void test_waiters_of_dead(void **state)
{
	(void)state;
	pid_t child[2], waiter[4];
	assert_int_equal(kk_semaphore_acquire(semaphore, -1), KK_OK);
	child[0] = crew_start(take_two, 0);
	crew_until(&crew_board->ready, 1);
	for (int i = 0; i < 4; i++) {
		waiter[i] = crew_start(take_one, i);
		crew_until_asleep(waiter[i]);
	}
	crew_kill(child[0]);
	crew_until(&crew_board->gone, 2);
	assert_int_equal(kk_semaphore_value(semaphore), 0);
	assert_int_equal(kk_semaphore_release(semaphore), KK_OK);
	atomic_store(&crew_board->stop, 1);
	for (int i = 0; i < 4; i++)
		crew_finish(waiter[i]);
	assert_int_equal(atomic_load(&crew_board->gone), 4);
	assert_int_equal(kk_semaphore_value(semaphore), 3);
}

/* How the shared memory of a semaphore begins. */
struct semaphore_head {
	uint64_t now;
	uint32_t max, reserved;
	struct turnstile turnstile;
};

/* Two are given back, of which only the first is told: who takes that one tells the next who waits. */
static void test_told_for_two(void **state)
{
	(void)state;
	/* A handle begins with its object. */
	const struct kk_object *object = (const struct kk_object *)(const void *)semaphore;
	struct kk_event *waiting = &((struct semaphore_head *)object->memory)->turnstile.waiting;
	for (int i = 0; i < 3; i++)
		assert_int_equal(kk_semaphore_acquire(semaphore, -1), KK_OK);
	pid_t child = crew_start(take_one, 0);
	crew_until_asleep(child);
	assert_int_equal(kill(child, SIGSTOP), 0);
	assert_int_equal(kk_semaphore_release(semaphore), KK_OK);
	uint32_t ticket = kk_event_prepare(waiting);
	assert_int_equal(kk_semaphore_release(semaphore), KK_OK);
	assert_int_equal(kk_event_sleep(waiting, ticket, 0), KK_ERR_TIMEOUT);
	assert_int_equal(kill(child, SIGCONT), 0);
	assert_int_equal(kk_event_sleep(waiting, ticket, CREW_LIMIT_MS * INT64_C(1000000)), KK_OK);
	atomic_store(&crew_board->stop, 1);
	crew_finish(child);
}

static int signal_two(int number)
{
	(void)number;
	crew_must(kk_semaphore_release(semaphore) == KK_OK);
	crew_must(kk_semaphore_release(semaphore) == KK_OK);
	return 0;
}

/* One takes, another gives back on its behalf: in all there are never more than there were. */
static void test_release_for_another(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(kk_semaphore_acquire(semaphore, -1), KK_OK);
	crew_finish(crew_start(signal_two, 0));
	assert_int_equal(kk_semaphore_value(semaphore), 2);
	assert_int_equal(kk_semaphore_held(semaphore, me()), 1);
	assert_int_equal(kk_family_leave(crew_family), KK_OK);
	assert_int_equal(kk_semaphore_value(semaphore), 3);
}

enum { SIGNALS = 3000 };

static int signal_many(int number)
{
	(void)number;
	for (int i = 0; i < SIGNALS; i++)
		crew_must(kk_semaphore_release(semaphore) == KK_OK);
	return 0;
}

/* Two signal, this one waits: each signal is received. */
static void test_signalling(void **state)
{
	(void)state;
	kk_semaphore_destroy(semaphore);
	semaphore = make(0, 0);
	pid_t child[2];
	for (int i = 0; i < 2; i++)
		child[i] = crew_start(signal_many, i);
	for (int i = 0; i < 2 * SIGNALS; i++)
		assert_int_equal(kk_semaphore_acquire(semaphore, CREW_LIMIT_MS), KK_OK);
	assert_int_equal(kk_semaphore_acquire(semaphore, 0), KK_ERR_TIMEOUT);
	for (int i = 0; i < 2; i++)
		crew_finish(child[i]);
	assert_int_equal(kk_semaphore_value(semaphore), 0);
}

/* ---- many */

enum { PLAYERS = 4, TURNS = 5000 };

static int play(int number)
{
	(void)number;
	for (int i = 0; i < TURNS; i++) {
		crew_must(kk_semaphore_acquire(semaphore, -1) == KK_OK);
		long inside = atomic_fetch_add(&crew_board->count, 1) + 1;
		crew_must(inside <= 3);
		if (inside > atomic_load(&crew_board->worst))
			atomic_store(&crew_board->worst, inside);
		atomic_fetch_sub(&crew_board->count, 1);
		crew_must(kk_semaphore_release(semaphore) == KK_OK);
	}
	return 0;
}

static void *play_thread(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)play(0);
}

static void test_never_too_many(void **state)
{
	(void)state;
	pid_t child[PLAYERS];
	pthread_t thread[PLAYERS];
	for (int i = 0; i < PLAYERS; i++)
		child[i] = crew_start(play, i);
	for (int i = 0; i < PLAYERS; i++)
		thread[i] = crew_thread(play_thread, NULL);
	for (int i = 0; i < PLAYERS; i++)
		(void)crew_join(thread[i]);
	for (int i = 0; i < PLAYERS; i++)
		crew_finish(child[i]);
	assert_int_equal(kk_semaphore_value(semaphore), 3);
	assert_int_equal(kk_semaphore_held(semaphore, 0), 0);
}

/* What one semaphore of a single permit guards needs no atomics: it is a lock that anybody may give back. */
static int guard(int number)
{
	(void)number;
	for (int i = 0; i < TURNS; i++) {
		crew_must(kk_semaphore_acquire(semaphore, -1) == KK_OK);
		crew_board->plain++;
		crew_must(kk_semaphore_release(semaphore) == KK_OK);
	}
	return 0;
}

static void *guard_thread(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)guard(0);
}

static void test_guards(void **state)
{
	(void)state;
	pthread_t thread[PLAYERS];
	kk_semaphore_destroy(semaphore);
	semaphore = make(1, 1);
	for (int i = 0; i < PLAYERS; i++)
		thread[i] = crew_thread(guard_thread, NULL);
	for (int i = 0; i < PLAYERS; i++)
		(void)crew_join(thread[i]);
	assert_int_equal(crew_board->plain, PLAYERS * TURNS);
}

#define SEMAPHORE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static const struct CMUnitTest tests[] = {
    SEMAPHORE_TEST(test_bounded),         SEMAPHORE_TEST(test_unbounded),
    SEMAPHORE_TEST(test_create_and_open), SEMAPHORE_TEST(test_permits_come_back),
    SEMAPHORE_TEST(test_waiters_of_dead), SEMAPHORE_TEST(test_release_for_another),
    SEMAPHORE_TEST(test_signalling),      SEMAPHORE_TEST(test_never_too_many),
    SEMAPHORE_TEST(test_guards),          SEMAPHORE_TEST(test_told_for_two),
};
HARNESS_MAIN(tests)
