/* SPDX-License-Identifier: Apache-2.0 */
/* Locks and their kin under eight processes, of which any is killed or stopped at any time: holders, waiters and those
 * who bury them. KAKEHI_TORMENT_MS: how long each test goes on. */
#include "crew.h"
#include <kakehi/barrier.h>
#include <kakehi/condition.h>
#include <kakehi/lock.h>
#include <kakehi/semaphore.h>

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PLAYERS = 8, PERMITS = 3, MOST_STOPPED_MS = 20 };

static struct kk_lock *lock;
static struct kk_semaphore *semaphore;
static struct kk_condition *condition;

static long torment_ms(void)
{
	const char *text = getenv("KAKEHI_TORMENT_MS");
	return text ? strtol(text, NULL, 10) : 1200;
}

static int setup(void **state)
{
	(void)state;
	crew_begin(24);
	lock = kk_lock_create(crew_family, NULL);
	semaphore = kk_semaphore_create(crew_family, PERMITS, PERMITS, NULL);
	condition = kk_condition_create(crew_family, NULL, NULL);
	assert_true(lock && semaphore && condition);
	srand(7);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kk_condition_destroy(condition);
	kk_semaphore_destroy(semaphore);
	kk_lock_destroy(lock);
	crew_end();
	return 0;
}

/* ---- killing and stopping */

static void nap(int us)
{
	struct timespec time = {0, us * 1000L};
	(void)nanosleep(&time, NULL);
}

/* Whom it hits is not told. */
static void hit(pid_t *player, int (*play)(int), int number)
{
	if (rand() % 3 == 0) {
		assert_int_equal(kill(player[number], SIGSTOP), 0);
		nap(rand() % (MOST_STOPPED_MS * 1000));
		/* Killed, some of them, where they stood still. */
		if (rand() % 2 == 0) {
			assert_int_equal(kill(player[number], SIGCONT), 0);
			return;
		}
	}
	crew_kill(player[number]);
	atomic_fetch_add(&crew_board->gone, 1);
	/* Sometimes the others are left alone with it for a while. */
	if (rand() % 3 == 0)
		nap(rand() % 5000);
	player[number] = crew_start(play, number);
}

/* Has each had its turn? On a busy machine that takes longer than the time that was asked for. */
static bool all_played(void)
{
	for (int i = 0; i < PLAYERS; i++)
		if (atomic_load(&crew_board->of[i]) == 0)
			return false;
	return true;
}

/* Plays with all, hits whom it likes, and in the end lets all of them play to the end. */
static void torment(int (*play)(int))
{
	pid_t player[PLAYERS];
	uint64_t until = harness_now_ms() + (uint64_t)torment_ms();
	for (int i = 0; i < PLAYERS; i++)
		player[i] = crew_start(play, i);
	while (harness_now_ms() < until || !all_played()) {
		nap(rand() % 4000);
		hit(player, play, rand() % PLAYERS);
	}
	atomic_store(&crew_board->stop, 1);
	for (int i = 0; i < PLAYERS; i++)
		crew_finish(player[i]);
	assert_true(kk_family_bury(crew_family) >= 0);
	print_message("%ld rounds, %d kills, %ld of them in the middle\n", atomic_load(&crew_board->count),
	              atomic_load(&crew_board->gone), atomic_load(&crew_board->other));
}

static void count_round(int number)
{
	atomic_fetch_add(&crew_board->count, 1);
	atomic_fetch_add(&crew_board->of[number], 1);
}

/* ---- a lock: two numbers that are equal whenever nobody has it, unless one died in the middle */

static void change_both(int rc)
{
	crew_must(rc == KK_OK || rc == KK_OWNER_DIED);
	if (rc == KK_OWNER_DIED) {
		atomic_fetch_add(&crew_board->other, 1);
		crew_board->plain_too = crew_board->plain;
	}
	crew_must(crew_board->plain == crew_board->plain_too);
	crew_board->plain++;
	if (crew_board->plain % 16 == 0)
		sched_yield();
	crew_board->plain_too++;
}

static int play_with_lock(int number)
{
	while (!atomic_load(&crew_board->stop)) {
		int rc = kk_lock_acquire(lock, number == 0 ? 3 : -1);
		if (number == 0 && rc == KK_ERR_TIMEOUT)
			continue;
		change_both(rc);
		crew_must(kk_lock_release(lock) == KK_OK);
		count_round(number);
	}
	return 0;
}

static void test_lock(void **state)
{
	(void)state;
	torment(play_with_lock);
	assert_int_equal(kk_lock_owner(lock), 0);
	assert_true(atomic_load(&crew_board->other) <= atomic_load(&crew_board->gone));
	change_both(kk_lock_acquire(lock, 0));
	assert_int_equal(kk_lock_release(lock), KK_OK);
}

/* ---- a semaphore: three places, in each of which there is one that lives */

static bool sit_in(_Atomic long *place)
{
	long who = atomic_load(place);
	return (who == 0 || !harness_alive((pid_t)who)) && atomic_compare_exchange_strong(place, &who, getpid());
}

static int play_with_semaphore(int number)
{
	_Atomic long *places = &crew_board->of[PLAYERS];
	while (!atomic_load(&crew_board->stop)) {
		int rc = kk_semaphore_acquire(semaphore, number == 0 ? 3 : -1), place = 0;
		if (number == 0 && rc == KK_ERR_TIMEOUT)
			continue;
		crew_must(rc == KK_OK);
		/* Others come and go meanwhile, but there always is one for us. */
		for (int tries = 0; !sit_in(&places[place]); place = (place + 1) % PERMITS)
			crew_must(++tries < 10000);
		atomic_store(&places[place], 0);
		crew_must(kk_semaphore_release(semaphore) == KK_OK);
		count_round(number);
	}
	return 0;
}

static void test_semaphore(void **state)
{
	(void)state;
	torment(play_with_semaphore);
	assert_int_equal(kk_semaphore_value(semaphore), PERMITS);
	assert_int_equal(kk_semaphore_held(semaphore, 0), 0);
	assert_int_equal(kk_semaphore_release(semaphore), KK_ERR_INVALID);
}

/* ---- a condition: a store of at most four, half of the players bring and half take, each notifies the others */

static bool has_room(void *arg)
{
	(void)arg;
	return crew_board->plain < 4 || atomic_load(&crew_board->stop);
}

static bool has_some(void *arg)
{
	(void)arg;
	return crew_board->plain > 0 || atomic_load(&crew_board->stop);
}

/* The lock is ours, perhaps from a dead one. Whatever he did to the number, it is a number. */
static void trade(int number)
{
	int rc;
	do
		rc = kk_condition_wait_for(condition, number % 2 ? has_some : has_room, NULL, -1);
	while (rc == KK_OWNER_DIED);
	crew_must(rc == KK_OK);
	if (!atomic_load(&crew_board->stop))
		crew_board->plain += number % 2 ? -1 : 1;
	/* Two kinds of waiters: one that is told might be of the wrong kind. */
	crew_must(kk_condition_notify_all(condition) >= 0);
}

static int play_with_condition(int number)
{
	struct kk_lock *its = kk_condition_lock(condition);
	while (!atomic_load(&crew_board->stop)) {
		int rc = kk_lock_acquire(its, -1);
		crew_must(rc >= 0);
		atomic_fetch_add(&crew_board->other, rc == KK_OWNER_DIED);
		trade(number);
		crew_must(crew_board->plain >= 0 && crew_board->plain <= 4);
		crew_must(kk_lock_release(its) == KK_OK);
		count_round(number);
	}
	/* Whoever waits learns of the end from those who have seen it. */
	crew_must(kk_lock_acquire(its, -1) >= 0 && kk_condition_notify_all(condition) >= 0);
	crew_must(kk_lock_release(its) == KK_OK);
	return 0;
}

static void test_condition(void **state)
{
	(void)state;
	torment(play_with_condition);
	assert_int_equal(kk_condition_waiting(condition), 0);
	assert_int_equal(kk_lock_owner(kk_condition_lock(condition)), 0);
}

/* ---- the same, one thing and one notification at a time: none is swallowed by a death */

static int play_with_things(int number)
{
	struct kk_lock *its = kk_condition_lock(condition);
	while (!atomic_load(&crew_board->stop)) {
		crew_must(kk_lock_acquire(its, -1) >= 0);
		if (number == 0 && crew_board->plain < 1000) {
			crew_board->plain++;
			crew_must(kk_condition_notify(condition, 1) >= 0);
		} else if (number != 0) {
			int rc;
			do
				rc = kk_condition_wait_for(condition, has_some, NULL, -1);
			while (rc == KK_OWNER_DIED);
			crew_must(rc == KK_OK);
			crew_board->plain -= crew_board->plain > 0;
		}
		crew_must(kk_lock_release(its) == KK_OK);
		count_round(number);
	}
	crew_must(kk_lock_acquire(its, -1) >= 0 && kk_condition_notify_all(condition) >= 0);
	crew_must(kk_lock_release(its) == KK_OK);
	return 0;
}

static void test_notifications(void **state)
{
	(void)state;
	torment(play_with_things);
	assert_int_equal(kk_condition_waiting(condition), 0);
}

/* ---- a barrier: whoever is broken resets it and comes again */

static struct kk_barrier *barrier;

static int play_with_barrier(int number)
{
	while (!atomic_load(&crew_board->stop)) {
		int place = kk_barrier_wait(barrier, number == 0 ? 200 : -1);
		crew_must(place == KK_ERR_BROKEN || place == KK_ERR_TIMEOUT || (place >= 0 && place < PLAYERS));
		if (place < 0)
			kk_barrier_reset(barrier);
		else
			count_round(number);
	}
	kk_barrier_abort(barrier);
	return 0;
}

static void test_barrier(void **state)
{
	(void)state;
	barrier = kk_barrier_create(crew_family, PLAYERS, NULL);
	assert_non_null(barrier);
	torment(play_with_barrier);
	kk_barrier_destroy(barrier);
}

#define TORMENT_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static const struct CMUnitTest tests[] = {
    TORMENT_TEST(test_lock),          TORMENT_TEST(test_semaphore), TORMENT_TEST(test_condition),
    TORMENT_TEST(test_notifications), TORMENT_TEST(test_barrier),
};
HARNESS_MAIN(tests)
