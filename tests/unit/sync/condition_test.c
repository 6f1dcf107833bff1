/* SPDX-License-Identifier: Apache-2.0 */
/* kk_condition: what it promises. Kills at every instruction: kill_test.c; at random: torment_test.c. */
#include "crew.h"
#include <kakehi/condition.h>

#include <signal.h>
#include <stdlib.h>

static struct kk_condition *condition;
static struct kk_lock *lock, *its_own;

static int begin(bool recursive)
{
	struct kk_error error = {0};
	crew_begin(16);
	its_own = recursive ? NULL : kk_lock_create(crew_family, &error);
	condition = kk_condition_create(crew_family, its_own, &error);
	if (!condition)
		fail_msg("%s", error.text);
	lock = kk_condition_lock(condition);
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
	kk_condition_destroy(condition);
	kk_lock_destroy(its_own);
	crew_end();
	return 0;
}

static unsigned waiting(void *arg)
{
	(void)arg;
	return kk_condition_waiting(condition);
}

/* ---- one thread */

static bool never(void *arg)
{
	++*(int *)arg;
	return false;
}

static bool always(void *arg)
{
	++*(int *)arg;
	return true;
}

static void test_without_lock(void **state)
{
	(void)state;
	int asked = 0;
	assert_int_equal(kk_condition_wait(condition, 0), KK_ERR_NOT_OWNER);
	assert_int_equal(kk_condition_wait(condition, -1), KK_ERR_NOT_OWNER);
	assert_int_equal(kk_condition_wait_for(condition, always, &asked, -1), KK_ERR_NOT_OWNER);
	assert_int_equal(asked, 0);
	assert_int_equal(kk_condition_notify(condition, 1), KK_ERR_NOT_OWNER);
	assert_int_equal(kk_condition_notify_all(condition), KK_ERR_NOT_OWNER);
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	assert_int_equal(kk_condition_notify(condition, -1), KK_ERR_INVALID);
	assert_int_equal(kk_condition_notify(condition, 1), 0);
	assert_int_equal(kk_condition_notify_all(condition), 0);
}

static void test_timeout(void **state)
{
	(void)state;
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	uint64_t began = harness_now_ms();
	assert_int_equal(kk_condition_wait(condition, 0), KK_ERR_TIMEOUT);
	assert_int_equal(kk_condition_wait(condition, 60), KK_ERR_TIMEOUT);
	assert_true(harness_now_ms() - began >= 59);
	assert_int_equal(kk_condition_waiting(condition), 0);
	/* It has the lock again. */
	assert_int_equal(kk_lock_release(lock), KK_OK);
}

static void test_wait_for(void **state)
{
	(void)state;
	int asked = 0;
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	assert_int_equal(kk_condition_wait_for(condition, always, &asked, 0), KK_OK);
	assert_int_equal(asked, 1);
	uint64_t began = harness_now_ms();
	assert_int_equal(kk_condition_wait_for(condition, never, &asked, 40), KK_ERR_TIMEOUT);
	assert_true(harness_now_ms() - began >= 39);
	assert_true(asked >= 3);
	assert_int_equal(kk_lock_release(lock), KK_OK);
}

static void test_create_and_open(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_condition *own = kk_condition_create(crew_family, NULL, &error);
	assert_non_null(own);
	assert_int_equal(kk_lock_ref(kk_condition_lock(own)), 0);
	assert_true(kk_lock_is_recursive(kk_condition_lock(own)));
	assert_null(kk_condition_create(crew_family, kk_condition_lock(own), &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	struct kk_condition *again = kk_condition_open(crew_family, kk_condition_ref(own), &error);
	assert_non_null(again);
	assert_int_equal(kk_lock_acquire(kk_condition_lock(again), -1), KK_OK);
	assert_int_equal(kk_lock_owner(kk_condition_lock(own)), kk_family_seat(crew_family));
	kk_condition_close(again);
	kk_condition_destroy(own);
	/* One whose lock is gone cannot be opened. */
	struct kk_lock *brief = kk_lock_create(crew_family, &error);
	struct kk_condition *orphan = kk_condition_create(crew_family, brief, &error);
	assert_non_null(orphan);
	kk_lock_destroy(brief);
	assert_null(kk_condition_open(crew_family, kk_condition_ref(orphan), &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	kk_condition_destroy(orphan);
	kk_condition_close(NULL);
	kk_condition_destroy(NULL);
}

/* ---- notifying */

/* Waits once; says so when it is through. */
static int wait_once(int number)
{
	(void)number;
	crew_must(kk_lock_acquire(lock, -1) == KK_OK);
	crew_must(kk_condition_wait(condition, -1) == KK_OK);
	crew_must(kk_lock_owner(lock) == (unsigned)kk_family_seat(crew_family));
	atomic_fetch_add(&crew_board->gone, 1);
	crew_must(kk_lock_release(lock) == KK_OK);
	return 0;
}

static void *wait_once_thread(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)wait_once(0);
}

static int notify(int count)
{
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	int told = kk_condition_notify(condition, count);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	return told;
}

/* Processes and threads: as many as are notified wake up, no more and no others. */
static void test_notify(void **state)
{
	(void)state;
	pid_t child[3];
	pthread_t thread[3];
	for (int i = 0; i < 3; i++) {
		child[i] = crew_start(wait_once, i);
		thread[i] = crew_thread(wait_once_thread, NULL);
	}
	crew_until_count(waiting, NULL, 6);
	assert_int_equal(atomic_load(&crew_board->gone), 0);
	int expected = 0;
	for (int count = 1; count <= 3; count++) {
		assert_int_equal(notify(count), count);
		expected += count;
		crew_until(&crew_board->gone, expected);
		assert_int_equal(kk_condition_waiting(condition), 6 - expected);
		assert_int_equal(atomic_load(&crew_board->gone), expected);
	}
	assert_int_equal(notify(1), 0);
	for (int i = 0; i < 3; i++) {
		(void)crew_join(thread[i]);
		crew_finish(child[i]);
	}
}

static void test_notify_all(void **state)
{
	(void)state;
	pid_t child[5];
	for (int i = 0; i < 5; i++)
		child[i] = crew_start(wait_once, i);
	crew_until_count(waiting, NULL, 5);
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	assert_int_equal(kk_condition_notify_all(condition), 5);
	assert_int_equal(kk_condition_notify_all(condition), 0);
	/* Nobody is through before the lock is free. */
	assert_int_equal(atomic_load(&crew_board->gone), 0);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	for (int i = 0; i < 5; i++)
		crew_finish(child[i]);
	/* What nobody waited for is gone: it is not kept for who comes later. */
	assert_int_equal(notify(3), 0);
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	assert_int_equal(kk_condition_wait(condition, 0), KK_ERR_TIMEOUT);
}

static int wait_in_order(int number)
{
	crew_must(kk_lock_acquire(lock, -1) == KK_OK);
	crew_must(kk_condition_wait(condition, -1) == KK_OK);
	crew_must(atomic_fetch_add(&crew_board->gone, 1) == number);
	crew_must(kk_lock_release(lock) == KK_OK);
	return 0;
}

/* Who has waited longest goes first. */
static void test_order(void **state)
{
	(void)state;
	pid_t child[4];
	for (int i = 0; i < 4; i++) {
		child[i] = crew_start(wait_in_order, i);
		crew_until_count(waiting, NULL, (unsigned)i + 1);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(notify(1), 1);
		crew_finish(child[i]);
	}
}

/* However often a recursive lock is held, others have it meanwhile, and it is held as often afterwards. */
static int wait_deep(int number)
{
	(void)number;
	for (int i = 0; i < 3; i++)
		crew_must(kk_lock_acquire(lock, -1) == KK_OK);
	crew_must(kk_condition_wait(condition, -1) == KK_OK);
	for (int i = 0; i < 3; i++)
		crew_must(kk_lock_release(lock) == KK_OK);
	crew_must(kk_lock_release(lock) == KK_ERR_NOT_OWNER);
	return 0;
}

static void test_recursive(void **state)
{
	(void)state;
	pid_t child = crew_start(wait_deep, 0);
	crew_until_count(waiting, NULL, 1);
	assert_int_equal(notify(1), 1);
	crew_finish(child);
}

static bool reached_four(void *arg)
{
	(void)arg;
	return crew_board->plain == 4;
}

static int count_to_four(int number)
{
	(void)number;
	crew_must(kk_lock_acquire(lock, -1) == KK_OK);
	for (int i = 0; i < 4; i++) {
		crew_board->plain++;
		crew_must(kk_condition_notify(condition, 1) >= 0);
		crew_must(kk_lock_release(lock) == KK_OK);
		crew_must(kk_lock_acquire(lock, -1) == KK_OK);
	}
	crew_must(kk_lock_release(lock) == KK_OK);
	return 0;
}

static void test_wait_for_another(void **state)
{
	(void)state;
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	pid_t child = crew_start(count_to_four, 0);
	assert_int_equal(kk_condition_wait_for(condition, reached_four, NULL, CREW_LIMIT_MS), KK_OK);
	assert_int_equal(crew_board->plain, 4);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	crew_finish(child);
}

/* ---- deaths */

/* A predicate as everybody should have one: takes a thing if there is one. */
static bool take_thing(void *arg)
{
	(void)arg;
	return crew_board->plain > 0;
}

static int consume(int number)
{
	(void)number;
	int rc = kk_lock_acquire(lock, -1);
	do
		rc = kk_condition_wait_for(condition, take_thing, NULL, -1);
	while (rc == KK_OWNER_DIED);
	crew_must(rc == KK_OK);
	crew_board->plain--;
	atomic_fetch_add(&crew_board->gone, 1);
	crew_must(kk_lock_release(lock) == KK_OK);
	return 0;
}

/* The one that was notified is killed before it could act: the notification goes on to another one. */
static void test_notified_one_killed(void **state)
{
	(void)state;
	pid_t first = crew_start(consume, 0);
	crew_until_count(waiting, NULL, 1);
	pid_t second = crew_start(consume, 1);
	crew_until_count(waiting, NULL, 2);
	assert_int_equal(kill(first, SIGSTOP), 0);
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
	crew_board->plain = 1;
	assert_int_equal(kk_condition_notify(condition, 1), 1);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	crew_kill(first);
	crew_finish(second);
	assert_int_equal(atomic_load(&crew_board->gone), 1);
	assert_int_equal(kk_condition_waiting(condition), 0);
}

static int change_and_stay(int number)
{
	(void)number;
	crew_must(kk_lock_acquire(lock, -1) == KK_OK);
	crew_board->plain = 1;
	atomic_store(&crew_board->ready, 1);
	return crew_stay();
}

static int wait_for_dead(int number)
{
	(void)number;
	crew_must(kk_lock_acquire(lock, -1) == KK_OK);
	crew_must(kk_condition_wait_for(condition, take_thing, NULL, -1) == KK_OWNER_DIED);
	crew_must(kk_condition_wait_for(condition, take_thing, NULL, 0) == KK_OK);
	crew_must(kk_lock_release(lock) == KK_OK);
	return 0;
}

/* Killed after the change and before the notification: who waits is told of the death. */
static void test_notifier_killed(void **state)
{
	(void)state;
	pid_t waiter = crew_start(wait_for_dead, 0);
	crew_until_count(waiting, NULL, 1);
	pid_t notifier = crew_start(change_and_stay, 0);
	crew_until(&crew_board->ready, 1);
	crew_kill(notifier);
	crew_finish(waiter);
}

static int change_and_leave(int number)
{
	(void)number;
	crew_must(kk_lock_acquire(lock, -1) == KK_OK);
	crew_board->plain = 1;
	return 0;
}

static void test_notifier_leaves(void **state)
{
	(void)state;
	pid_t waiter = crew_start(wait_for_dead, 0);
	crew_until_count(waiting, NULL, 1);
	crew_finish(crew_start(change_and_leave, 0));
	crew_finish(waiter);
}

/* In that seat, or in any. */
static int do_nothing(int number)
{
	int seat = kk_family_seat(crew_family);
	crew_must(number > 0 ? seat == number : seat > 0);
	return 0;
}

static int stay_seated(int number)
{
	crew_must(kk_family_seat(crew_family) == number);
	atomic_store(&crew_board->ready, 1);
	return crew_stay();
}

/* Who leaves in peace, with nothing in hand, wakes nobody. */
static void test_leaving_wakes_nobody(void **state)
{
	(void)state;
	pid_t waiter = crew_start(wait_once, 0);
	crew_until_count(waiting, NULL, 1);
	for (int i = 0; i < 5; i++)
		crew_finish(crew_start(do_nothing, 0));
	assert_int_equal(kk_condition_waiting(condition), 1);
	assert_int_equal(notify(1), 1);
	crew_finish(waiter);
}

/* Nor does the next sitter of one who was killed while he waited. */
static void test_next_sitter_wakes_nobody(void **state)
{
	(void)state;
	assert_int_equal(kk_family_seat(crew_family), 1);
	pid_t first = crew_start(stay_seated, 2);
	crew_until(&crew_board->ready, 1);
	pid_t killed = crew_start(wait_once, 0);
	crew_until_count(waiting, NULL, 1);
	crew_kill(killed);
	crew_kill(first);
	assert_int_equal(kk_family_bury(crew_family), 2);
	pid_t waiter = crew_start(wait_once, 0);
	crew_until_count(waiting, NULL, 1);
	crew_finish(crew_start(do_nothing, 3));
	assert_int_equal(kk_condition_waiting(condition), 1);
	assert_int_equal(notify(1), 1);
	crew_finish(waiter);
}

#define CONDITION_TEST(test)           cmocka_unit_test_setup_teardown(test, setup, teardown)
#define RECURSIVE_CONDITION_TEST(test) cmocka_unit_test_setup_teardown(test, setup_recursive, teardown)

static const struct CMUnitTest tests[] = {
    CONDITION_TEST(test_without_lock),
    CONDITION_TEST(test_timeout),
    RECURSIVE_CONDITION_TEST(test_timeout),
    CONDITION_TEST(test_wait_for),
    CONDITION_TEST(test_create_and_open),
    CONDITION_TEST(test_notify),
    CONDITION_TEST(test_notify_all),
    CONDITION_TEST(test_order),
    RECURSIVE_CONDITION_TEST(test_recursive),
    CONDITION_TEST(test_wait_for_another),
    CONDITION_TEST(test_notified_one_killed),
    CONDITION_TEST(test_notifier_killed),
    RECURSIVE_CONDITION_TEST(test_notifier_killed),
    CONDITION_TEST(test_notifier_leaves),
    RECURSIVE_CONDITION_TEST(test_notifier_leaves),
    CONDITION_TEST(test_leaving_wakes_nobody),
    CONDITION_TEST(test_next_sitter_wakes_nobody),
};
HARNESS_MAIN(tests)
