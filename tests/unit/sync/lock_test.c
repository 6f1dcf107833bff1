/* SPDX-License-Identifier: Apache-2.0 */
/* kk_lock: what it promises. Kills at every instruction: kill_test.c; at random: torment_test.c. */
#include "crew.h"
#include "sync/lock.h"
#include <kakehi/flag.h>
#include <kakehi/lock.h>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static struct kk_lock *lock;

static int begin(bool recursive)
{
	struct kk_error error = {0};
	crew_begin(16);
	lock = recursive ? kk_rlock_create(crew_family, &error) : kk_lock_create(crew_family, &error);
	if (!lock)
		fail_msg("%s", error.text);
	return 0;
}

static int end(void)
{
	kk_lock_destroy(lock);
	crew_end();
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return begin(false);
}

static int setup_recursive(void **state)
{
	(void)state;
	return begin(true);
}

static int teardown(void **state)
{
	(void)state;
	return end();
}

/* ---- one thread */

static void test_acquire_release(void **state)
{
	(void)state;
	assert_int_equal(kk_lock_owner(lock), 0);
	assert_false(kk_lock_is_recursive(lock));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(kk_lock_acquire(lock, i - 1), KK_OK);
		assert_int_equal(kk_lock_owner(lock), kk_family_seat(crew_family));
		assert_int_equal(kk_lock_release(lock), KK_OK);
		assert_int_equal(kk_lock_owner(lock), 0);
	}
}

static void test_release_unowned(void **state)
{
	(void)state;
	assert_int_equal(kk_lock_release(lock), KK_ERR_NOT_OWNER);
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	assert_int_equal(kk_lock_release(lock), KK_ERR_NOT_OWNER);
}

/* It would wait for itself: told at once, however long it was willing to wait. */
static void test_acquire_twice(void **state)
{
	(void)state;
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	assert_int_equal(kk_lock_acquire(lock, 0), KK_ERR_TIMEOUT);
	assert_int_equal(kk_lock_acquire(lock, 1), KK_ERR_INVALID);
	assert_int_equal(kk_lock_acquire(lock, -1), KK_ERR_INVALID);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	assert_int_equal(kk_lock_owner(lock), 0);
}

static void test_open_and_destroy(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_lock *again = kk_lock_open(crew_family, kk_lock_ref(lock), &error);
	assert_non_null(again);
	assert_int_equal(kk_lock_ref(again), kk_lock_ref(lock));
	assert_int_equal(kk_lock_acquire(again, -1), KK_OK);
	assert_int_equal(kk_lock_acquire(lock, 0), KK_ERR_TIMEOUT);
	kk_lock_close(again);
	/* A handle has nothing to do with who has it. */
	assert_int_equal(kk_lock_owner(lock), kk_family_seat(crew_family));
	assert_int_equal(kk_lock_release(lock), KK_OK);

	struct kk_flag *flag = kk_flag_create(crew_family, &error);
	assert_non_null(flag);
	assert_null(kk_lock_open(crew_family, kk_flag_ref(flag), &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	uint64_t ref = kk_flag_ref(flag);
	kk_flag_destroy(flag);
	assert_null(kk_flag_open(crew_family, ref, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	kk_lock_close(NULL);
	kk_lock_destroy(NULL);
}

static void test_no_room(void **state)
{
	(void)state;
	struct kk_lock *more[16];
	struct kk_error error = {0};
	int count = 0;
	while (count < 16 && (more[count] = kk_lock_create(crew_family, &error)))
		count++;
	assert_true(count < 16);
	assert_int_equal(error.code, KK_ERR_NO_ROOM);
	while (count > 0)
		kk_lock_destroy(more[--count]);
}

/* ---- recursive */

static void *try_once(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)kk_lock_acquire(lock, 0);
}

static void test_recursive(void **state)
{
	(void)state;
	assert_true(kk_lock_is_recursive(lock));
	for (int i = 0; i < 3; i++)
		assert_int_equal(kk_lock_acquire(lock, i - 1), KK_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal((intptr_t)crew_join(crew_thread(try_once, NULL)), KK_ERR_TIMEOUT);
		assert_int_equal(kk_lock_release(lock), KK_OK);
	}
	assert_int_equal(kk_lock_owner(lock), 0);
	assert_int_equal(kk_lock_release(lock), KK_ERR_NOT_OWNER);
}

static int hold_thrice(int number)
{
	(void)number;
	for (int i = 0; i < 3; i++)
		crew_must(kk_lock_acquire(lock, -1) == KK_OK);
	atomic_store(&crew_board->ready, 1);
	return crew_stay();
}

/* How often the dead had it is nothing to the next owner. */
static void test_recursive_owner_died(void **state)
{
	(void)state;
	pid_t child = crew_start(hold_thrice, 0);
	crew_until(&crew_board->ready, 1);
	assert_int_equal(kk_lock_acquire(lock, 0), KK_ERR_TIMEOUT);
	crew_kill(child);
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OWNER_DIED);
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	assert_int_equal(kk_lock_release(lock), KK_ERR_NOT_OWNER);
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
}

/* ---- others */

static int hold(int number)
{
	int rc = kk_lock_acquire(lock, -1);
	crew_must(rc == (number ? KK_OWNER_DIED : KK_OK));
	atomic_store(&crew_board->ready, 1);
	crew_until(&crew_board->go, 1);
	crew_must(kk_lock_release(lock) == KK_OK);
	return 0;
}

static void test_held_by_another(void **state)
{
	(void)state;
	pid_t child = crew_start(hold, 0);
	crew_until(&crew_board->ready, 1);
	struct kk_sitter sitter;
	assert_int_equal(kk_family_sitter(crew_family, kk_lock_owner(lock), &sitter), KK_OK);
	assert_int_equal(sitter.pid, child);
	uint64_t began = harness_now_ms();
	assert_int_equal(kk_lock_acquire(lock, 0), KK_ERR_TIMEOUT);
	assert_int_equal(kk_lock_acquire(lock, 60), KK_ERR_TIMEOUT);
	assert_true(harness_now_ms() - began >= 59);
	assert_int_equal(kk_lock_release(lock), KK_ERR_NOT_OWNER);
	atomic_store(&crew_board->go, 1);
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	/* Whoever gave up waiting has left nothing behind. */
	assert_int_equal(kk_lock_release(lock), KK_OK);
	crew_finish(child);
}

static int acquire_and_tell(int number)
{
	(void)number;
	int rc = kk_lock_acquire(lock, -1);
	crew_must(rc >= 0);
	crew_must(kk_lock_release(lock) == KK_OK);
	return rc;
}

static void test_owner_died(void **state)
{
	(void)state;
	pid_t child = crew_start(hold, 0);
	crew_until(&crew_board->ready, 1);
	crew_kill(child);
	/* Also to somebody who does not wait, and to nobody after him. */
	assert_int_equal(kk_lock_acquire(lock, 0), KK_OWNER_DIED);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	assert_int_equal(kk_lock_acquire(lock, 0), KK_OK);
	assert_int_equal(kk_lock_release(lock), KK_OK);
}

/* Who was told and dies as well has not repaired it. */
static void test_owner_died_twice(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		atomic_store(&crew_board->ready, 0);
		pid_t child = crew_start(hold, i);
		crew_until(&crew_board->ready, 1);
		crew_kill(child);
	}
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OWNER_DIED);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	crew_finish(crew_start(acquire_and_tell, 0));
}

/* Those that sleep find out by themselves: nobody reaps the dead, or buries it for them. */
static int wait_for_dead(int number)
{
	int rc = kk_lock_acquire(lock, -1);
	crew_must(rc >= 0);
	atomic_fetch_add(&crew_board->of[rc == KK_OWNER_DIED], 1);
	(void)number;
	crew_must(kk_lock_release(lock) == KK_OK);
	return 0;
}

static void test_waiters_of_dead(void **state)
{
	(void)state;
	pid_t waiter[4], owner = crew_start(hold, 0);
	crew_until(&crew_board->ready, 1);
	for (int i = 0; i < 4; i++) {
		waiter[i] = crew_start(wait_for_dead, i);
		crew_until_asleep(waiter[i]);
	}
	crew_kill(owner);
	for (int i = 0; i < 4; i++)
		crew_finish(waiter[i]);
	assert_int_equal(atomic_load(&crew_board->of[0]), 3);
	assert_int_equal(atomic_load(&crew_board->of[1]), 1);
}

static int leave_with_it(int number)
{
	(void)number;
	return kk_lock_acquire(lock, -1) == KK_OK ? 0 : 1;
}

static void *end_with_it(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)kk_lock_acquire(lock, -1);
}

/* A process that exits with it, and a thread that ends with it, are as dead. */
static void test_left_with_it(void **state)
{
	(void)state;
	crew_finish(crew_start(leave_with_it, 0));
	assert_int_equal(kk_lock_acquire(lock, 0), KK_OWNER_DIED);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	assert_int_equal((intptr_t)crew_join(crew_thread(end_with_it, NULL)), KK_OK);
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OWNER_DIED);
	assert_int_equal(kk_family_leave(crew_family), KK_OK);
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OWNER_DIED);
	assert_int_equal(kk_lock_release(lock), KK_OK);
}

static int child_of_owner(int number)
{
	(void)number;
	crew_must(kk_lock_release(lock) == KK_ERR_NOT_OWNER);
	crew_must(kk_lock_acquire(lock, 0) == KK_ERR_TIMEOUT);
	crew_must(kk_lock_acquire(lock, 10) == KK_ERR_TIMEOUT);
	return 0;
}

static void test_fork_while_holding(void **state)
{
	(void)state;
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	crew_finish(crew_start(child_of_owner, 0));
	assert_int_equal(kk_lock_release(lock), KK_OK);
}

/* ---- many */

enum { TURNS = 20000, PLAYERS = 4 };

static int count_up(int number)
{
	(void)number;
	for (int i = 0; i < TURNS; i++) {
		crew_must(kk_lock_acquire(lock, -1) == KK_OK);
		crew_board->plain++;
		crew_must(kk_lock_release(lock) == KK_OK);
	}
	return 0;
}

static void *count_up_thread(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)count_up(0);
}

static void test_exclusion(void **state)
{
	(void)state;
	pid_t child[PLAYERS];
	pthread_t thread[PLAYERS];
	for (int i = 0; i < PLAYERS; i++)
		child[i] = crew_start(count_up, i);
	for (int i = 0; i < PLAYERS; i++)
		thread[i] = crew_thread(count_up_thread, NULL);
	for (int i = 0; i < PLAYERS; i++)
		(void)crew_join(thread[i]);
	for (int i = 0; i < PLAYERS; i++)
		crew_finish(child[i]);
	assert_int_equal(crew_board->plain, 2 * PLAYERS * TURNS);
}

/* Takes and gives back without a pause, and notes the longest wait. */
static int be_greedy(int number)
{
	while (!atomic_load(&crew_board->stop)) {
		uint64_t began = harness_now_ms();
		crew_must(kk_lock_acquire(lock, -1) >= 0);
		long waited = (long)(harness_now_ms() - began);
		if (waited > crew_board->plain)
			crew_board->plain = waited;
		crew_must(kk_lock_release(lock) == KK_OK);
		atomic_fetch_add(&crew_board->of[number], 1);
	}
	return 0;
}

enum { GREEDY = 8, GREEDY_MS = 10000 };

static bool all_had(void *arg)
{
	long least = *(long *)arg;
	for (int i = 0; i < GREEDY; i++)
		if (atomic_load(&crew_board->of[i]) < least)
			return false;
	return true;
}

/* Eight that never pause on few processors: each gets it again and again, and none waits for seconds. */
static void test_nobody_starves(void **state)
{
	(void)state;
	pid_t child[GREEDY];
	long least = 100;
	for (int i = 0; i < GREEDY; i++)
		child[i] = crew_start(be_greedy, i);
	bool had = harness_wait_until(all_had, &least, CREW_LIMIT_MS);
	atomic_store(&crew_board->stop, 1);
	for (int i = 0; i < GREEDY; i++)
		crew_finish(child[i]);
	assert_true(had);
	if (crew_board->plain >= GREEDY_MS)
		fail_msg("somebody waited for %ld ms", crew_board->plain);
}

/* Holds the lock, lets go of it for a moment. Does the other one, whom this has woken again and again, go first now? */
static bool is_other_favoured(void *arg)
{
	(void)arg;
	assert_int_equal(kk_lock_release(lock), KK_OK);
	if (kk_lock_acquire(lock, 0) != KK_OK)
		assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	return !turnstile_is_clear(&lock->memory->turnstile);
}

/* The lock is ours, and a child asleep that will be the next. */
static pid_t start_favourite(void)
{
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	pid_t child = crew_start(be_greedy, 0);
	assert_true(harness_wait_until(is_other_favoured, NULL, CREW_LIMIT_MS));
	crew_until_asleep(child);
	return child;
}

/* Who has waited long goes first, and is told by himself when he may. */
static void test_favourite(void **state)
{
	(void)state;
	pid_t child = start_favourite();
	long had = atomic_load(&crew_board->of[0]);
	atomic_store(&crew_board->stop, 1);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	crew_finish(child);
	assert_int_equal(atomic_load(&crew_board->of[0]), had + 1);
}

/* One who is stopped then goes first no longer. */
static void test_stopped_favourite(void **state)
{
	(void)state;
	pid_t child = start_favourite();
	assert_int_equal(kill(child, SIGSTOP), 0);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	assert_int_equal(kk_lock_acquire(lock, CREW_LIMIT_MS), KK_OK);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	crew_kill(child);
}

static int ask_again_and_again(int number)
{
	(void)number;
	while (!atomic_load(&crew_board->stop))
		crew_must(kk_lock_acquire(lock, 100) == KK_ERR_TIMEOUT || kk_lock_release(lock) == KK_OK);
	return 0;
}

static bool is_nobody_favoured(void *arg)
{
	(void)arg;
	return turnstile_is_clear(&lock->memory->turnstile);
}

/* One who gives up then tells those who stood back for him. */
static void test_impatient_favourite(void **state)
{
	(void)state;
	struct kk_event *waiting = &lock->memory->turnstile.waiting;
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	pid_t child = crew_start(ask_again_and_again, 0);
	assert_true(harness_wait_until(is_other_favoured, NULL, CREW_LIMIT_MS));
	uint32_t ticket = kk_event_prepare(waiting);
	assert_true(harness_wait_until(is_nobody_favoured, NULL, CREW_LIMIT_MS));
	assert_int_equal(kk_event_sleep(waiting, ticket, CREW_LIMIT_MS * INT64_C(1000000)), KK_OK);
	atomic_store(&crew_board->stop, 1);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	crew_finish(child);
}

/* One who dies then makes way for those who wait behind him. */
static void test_dead_favourite(void **state)
{
	(void)state;
	pid_t child = start_favourite(), other = crew_start(acquire_and_tell, 0);
	crew_until_asleep(other);
	crew_kill(child);
	assert_int_equal(kk_family_bury(crew_family), 1);
	crew_until_asleep(other);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	crew_finish(other);
}

/* Who dies may have been told in the place of anybody. */
static void test_burial_wakes_all(void **state)
{
	(void)state;
	struct turnstile *turnstile = &lock->memory->turnstile;
	pid_t child = crew_start(hold, 0);
	crew_until(&crew_board->ready, 1);
	crew_kill(child);
	uint32_t waiting = kk_event_prepare(&turnstile->waiting), favoured = kk_event_prepare(&turnstile->favoured);
	assert_int_equal(kk_family_bury(crew_family), 1);
	assert_int_equal(kk_event_sleep(&turnstile->waiting, waiting, 0), KK_OK);
	assert_int_equal(kk_event_sleep(&turnstile->favoured, favoured, 0), KK_OK);
}

/* Processes that were stopped while they waited hold up nobody, whatever they were about to do. */
static void test_stopped_waiters(void **state)
{
	(void)state;
	pid_t child[3];
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	for (int i = 0; i < 3; i++) {
		child[i] = crew_start(acquire_and_tell, i);
		crew_until_asleep(child[i]);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(kill(child[i], SIGSTOP), 0);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	crew_finish(child[2]);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
		assert_int_equal(kk_lock_release(lock), KK_OK);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(kill(child[i], SIGCONT), 0);
	for (int i = 0; i < 2; i++)
		crew_finish(child[i]);
}

#define LOCK_TEST(test)           cmocka_unit_test_setup_teardown(test, setup, teardown)
#define RECURSIVE_LOCK_TEST(test) cmocka_unit_test_setup_teardown(test, setup_recursive, teardown)

static const struct CMUnitTest tests[] = {
    LOCK_TEST(test_acquire_release),
    LOCK_TEST(test_release_unowned),
    LOCK_TEST(test_acquire_twice),
    LOCK_TEST(test_open_and_destroy),
    LOCK_TEST(test_no_room),
    RECURSIVE_LOCK_TEST(test_recursive),
    RECURSIVE_LOCK_TEST(test_recursive_owner_died),
    LOCK_TEST(test_held_by_another),
    LOCK_TEST(test_owner_died),
    LOCK_TEST(test_owner_died_twice),
    LOCK_TEST(test_waiters_of_dead),
    LOCK_TEST(test_left_with_it),
    LOCK_TEST(test_fork_while_holding),
    LOCK_TEST(test_exclusion),
    LOCK_TEST(test_nobody_starves),
    LOCK_TEST(test_favourite),
    LOCK_TEST(test_stopped_favourite),
    LOCK_TEST(test_impatient_favourite),
    LOCK_TEST(test_dead_favourite),
    LOCK_TEST(test_burial_wakes_all),
    LOCK_TEST(test_stopped_waiters),
};
HARNESS_MAIN(tests)
