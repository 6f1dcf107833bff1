/* SPDX-License-Identifier: Apache-2.0 */
/* kk_barrier: what it promises. Kills at every instruction: kill_test.c. */
#include "crew.h"
#include <kakehi/barrier.h>

#include <signal.h>
#include <stdlib.h>

enum { PARTIES = 5 };

static struct kk_barrier *barrier;

static void make(unsigned parties)
{
	struct kk_error error = {0};
	kk_barrier_destroy(barrier);
	barrier = kk_barrier_create(crew_family, parties, &error);
	if (!barrier)
		fail_msg("%s", error.text);
}

static int setup(void **state)
{
	(void)state;
	crew_begin(16);
	make(PARTIES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kk_barrier_destroy(barrier);
	barrier = NULL;
	crew_end();
	return 0;
}

static unsigned waiting(void *arg)
{
	(void)arg;
	return kk_barrier_waiting(barrier);
}

static void start_all(int (*run)(int), pid_t *child, int count)
{
	for (int i = 0; i < count; i++)
		child[i] = crew_start(run, i);
}

static void finish_all(const pid_t *child, int count)
{
	for (int i = 0; i < count; i++)
		crew_finish(child[i]);
}

/* ---- whole */

static void test_single_thread(void **state)
{
	(void)state;
	make(1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(kk_barrier_wait(barrier, i - 1), 0);
	assert_int_equal(kk_barrier_parties(barrier), 1);
	assert_int_equal(kk_barrier_waiting(barrier), 0);
}

static void test_create_and_open(void **state)
{
	(void)state;
	struct kk_error error = {0};
	assert_null(kk_barrier_create(crew_family, 0, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_barrier_create(crew_family, 17, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	struct kk_barrier *again = kk_barrier_open(crew_family, kk_barrier_ref(barrier), &error);
	assert_non_null(again);
	assert_int_equal(kk_barrier_parties(again), PARTIES);
	kk_barrier_abort(again);
	kk_barrier_close(again);
	assert_true(kk_barrier_is_broken(barrier));
	assert_null(kk_barrier_open(crew_family, 0, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	kk_barrier_close(NULL);
	kk_barrier_destroy(NULL);
}

enum { PASSES = 200 };

/* Nobody is a turn ahead of anybody. */
static int pass(int number)
{
	(void)number;
	for (int i = 0; i < PASSES; i++) {
		atomic_fetch_add(&crew_board->of[0], 1);
		crew_must(kk_barrier_wait(barrier, -1) >= 0);
		crew_must(atomic_load(&crew_board->of[0]) >= (long)(i + 1) * PARTIES);
		atomic_fetch_add(&crew_board->of[1], 1);
		crew_must(kk_barrier_wait(barrier, -1) >= 0);
		crew_must(atomic_load(&crew_board->of[1]) >= (long)(i + 1) * PARTIES);
	}
	return 0;
}

static void *pass_thread(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)pass(0);
}

static void test_passes(void **state)
{
	(void)state;
	pid_t child[3];
	start_all(pass, child, 3);
	pthread_t one = crew_thread(pass_thread, NULL), two = crew_thread(pass_thread, NULL);
	(void)crew_join(one);
	(void)crew_join(two);
	finish_all(child, 3);
	assert_false(kk_barrier_is_broken(barrier));
	assert_int_equal(kk_barrier_waiting(barrier), 0);
}

static int note_place(int number)
{
	(void)number;
	int place = kk_barrier_wait(barrier, -1);
	crew_must(place >= 0 && place < PARTIES);
	atomic_fetch_add(&crew_board->of[place], 1);
	return 0;
}

static void test_places(void **state)
{
	(void)state;
	pid_t child[PARTIES];
	start_all(note_place, child, PARTIES);
	finish_all(child, PARTIES);
	for (int i = 0; i < PARTIES; i++)
		assert_int_equal(atomic_load(&crew_board->of[i]), 1);
}

/* ---- the action */

static int count_action(void *arg)
{
	crew_must(arg == &barrier);
	crew_must(kk_barrier_waiting(barrier) == PARTIES);
	atomic_fetch_add(&crew_board->count, 1);
	return 0;
}

static int pass_with_action(int number)
{
	(void)number;
	for (int i = 1; i <= 20; i++) {
		crew_must(kk_barrier_wait(barrier, -1) >= 0);
		crew_must(atomic_load(&crew_board->count) >= i);
	}
	return 0;
}

static void test_action(void **state)
{
	(void)state;
	pid_t child[PARTIES];
	kk_barrier_action(barrier, count_action, &barrier);
	start_all(pass_with_action, child, PARTIES);
	finish_all(child, PARTIES);
	assert_int_equal(atomic_load(&crew_board->count), 20);
}

static int fail_action(void *arg)
{
	(void)arg;
	return 1;
}

static int meet_failure(int number)
{
	(void)number;
	int rc = kk_barrier_wait(barrier, -1);
	crew_must(rc == KK_ERR_BROKEN || rc == KK_ERR_FAILED);
	atomic_fetch_add(rc == KK_ERR_FAILED ? &crew_board->count : &crew_board->other, 1);
	return 0;
}

static void test_action_fails(void **state)
{
	(void)state;
	pid_t child[PARTIES];
	kk_barrier_action(barrier, fail_action, NULL);
	start_all(meet_failure, child, PARTIES);
	finish_all(child, PARTIES);
	assert_int_equal(atomic_load(&crew_board->count), 1);
	assert_int_equal(atomic_load(&crew_board->other), PARTIES - 1);
	assert_true(kk_barrier_is_broken(barrier));
}

/* ---- broken */

static int meet_broken(int number)
{
	(void)number;
	crew_must(kk_barrier_wait(barrier, -1) == KK_ERR_BROKEN);
	return 0;
}

static int meet_broken_again(int number)
{
	(void)number;
	crew_must(kk_barrier_wait(barrier, -1) >= 0);
	crew_must(kk_barrier_wait(barrier, -1) == KK_ERR_BROKEN);
	return 0;
}

static void test_abort(void **state)
{
	(void)state;
	pid_t child[PARTIES - 1];
	start_all(meet_broken, child, PARTIES - 1);
	crew_until_count(waiting, NULL, PARTIES - 1);
	kk_barrier_abort(barrier);
	finish_all(child, PARTIES - 1);
	assert_true(kk_barrier_is_broken(barrier));
	assert_int_equal(kk_barrier_wait(barrier, -1), KK_ERR_BROKEN);
	kk_barrier_abort(barrier);
	assert_int_equal(kk_barrier_wait(barrier, 0), KK_ERR_BROKEN);
}

static void test_reset(void **state)
{
	(void)state;
	pid_t child[PARTIES];
	start_all(meet_broken, child, PARTIES - 1);
	crew_until_count(waiting, NULL, PARTIES - 1);
	kk_barrier_reset(barrier);
	finish_all(child, PARTIES - 1);
	assert_false(kk_barrier_is_broken(barrier));
	start_all(note_place, child, PARTIES);
	finish_all(child, PARTIES);
	kk_barrier_abort(barrier);
	kk_barrier_reset(barrier);
	start_all(note_place, child, PARTIES);
	finish_all(child, PARTIES);
}

static void test_timeout(void **state)
{
	(void)state;
	pid_t child[PARTIES - 2];
	start_all(meet_broken, child, PARTIES - 2);
	crew_until_count(waiting, NULL, PARTIES - 2);
	uint64_t began = harness_now_ms();
	assert_int_equal(kk_barrier_wait(barrier, 60), KK_ERR_TIMEOUT);
	assert_true(harness_now_ms() - began >= 59);
	finish_all(child, PARTIES - 2);
	assert_true(kk_barrier_is_broken(barrier));
}

/* ---- deaths */

static int wait_and_stay(int number)
{
	(void)number;
	crew_must(kk_barrier_wait(barrier, -1) >= 0);
	atomic_fetch_add(&crew_board->ready, 1);
	return crew_stay();
}

static void test_waiting_party_killed(void **state)
{
	(void)state;
	pid_t child[PARTIES - 1];
	child[0] = crew_start(wait_and_stay, 0);
	for (int i = 1; i < PARTIES - 1; i++)
		child[i] = crew_start(meet_broken, i);
	crew_until_count(waiting, NULL, PARTIES - 1);
	crew_kill(child[0]);
	finish_all(child + 1, PARTIES - 2);
	assert_int_equal(kk_barrier_wait(barrier, -1), KK_ERR_BROKEN);
	kk_barrier_reset(barrier);
	/* The dead breaks it once. */
	assert_int_equal(kk_family_bury(crew_family), 0);
	assert_false(kk_barrier_is_broken(barrier));
}

/* Its death came before the barrier began anew, and nobody had settled it by then. */
static void test_killed_before_reset(void **state)
{
	(void)state;
	pid_t child = crew_start(wait_and_stay, 0);
	crew_until_count(waiting, NULL, 1);
	crew_kill(child);
	kk_barrier_abort(barrier);
	kk_barrier_reset(barrier);
	assert_true(kk_family_bury(crew_family) >= 0);
	assert_false(kk_barrier_is_broken(barrier));
	assert_int_equal(kk_barrier_waiting(barrier), 0);
}

/* It took part once and was killed on its way to the next turn, which nobody could complete. */
static void test_former_party_killed(void **state)
{
	(void)state;
	pid_t child[PARTIES];
	child[0] = crew_start(wait_and_stay, 0);
	for (int i = 1; i < PARTIES; i++)
		child[i] = crew_start(meet_broken_again, i);
	crew_until(&crew_board->ready, 1);
	crew_until_count(waiting, NULL, PARTIES - 1);
	crew_kill(child[0]);
	finish_all(child + 1, PARTIES - 1);
}

static int stay(int number)
{
	(void)number;
	crew_must(kk_family_seat(crew_family) > 0);
	atomic_fetch_add(&crew_board->ready, 1);
	return crew_stay();
}

/* It never took part, but now there are not enough left. */
static void test_too_few_left(void **state)
{
	(void)state;
	pid_t child[2], killed[2];
	make(4);
	start_all(stay, killed, 2);
	crew_until(&crew_board->ready, 2);
	start_all(meet_broken, child, 2);
	crew_until_count(waiting, NULL, 2);
	/* Four are left: two that wait, one that may come, and we. */
	crew_kill(killed[0]);
	assert_int_equal(kk_family_bury(crew_family) >= 0, true);
	assert_false(kk_barrier_is_broken(barrier));
	assert_int_equal(kk_barrier_waiting(barrier), 2);
	crew_kill(killed[1]);
	finish_all(child, 2);
	assert_true(kk_barrier_is_broken(barrier));
}

static int only_sit(int number)
{
	(void)number;
	crew_must(kk_family_seat(crew_family) > 0);
	atomic_fetch_add(&crew_board->ready, 1);
	return crew_stay();
}

/* Who goes in peace breaks nothing: another one may come in his place, and be killed without having taken part. */
static void test_leaving_breaks_nothing(void **state)
{
	(void)state;
	pid_t child[PARTIES];
	for (int turn = 0; turn < 2; turn++) {
		start_all(note_place, child, PARTIES);
		finish_all(child, PARTIES);
	}
	for (int i = 0; i < PARTIES; i++)
		child[i] = crew_start(only_sit, i);
	crew_until(&crew_board->ready, PARTIES);
	for (int i = 0; i < PARTIES; i++)
		crew_kill(child[i]);
	assert_int_equal(kk_family_bury(crew_family), PARTIES);
	assert_false(kk_barrier_is_broken(barrier));
}

static int stay_in_action(void *arg)
{
	(void)arg;
	atomic_fetch_add(&crew_board->ready, 1);
	return crew_stay();
}

static void test_killed_in_action(void **state)
{
	(void)state;
	pid_t child[PARTIES];
	start_all(meet_broken, child, PARTIES - 1);
	crew_until_count(waiting, NULL, PARTIES - 1);
	kk_barrier_action(barrier, stay_in_action, NULL);
	child[PARTIES - 1] = crew_start(wait_and_stay, 0);
	crew_until(&crew_board->ready, 1);
	crew_kill(child[PARTIES - 1]);
	finish_all(child, PARTIES - 1);
}

/* One too many comes while the action runs: it belongs to the next turn. */
static int slow_action(void *arg)
{
	(void)arg;
	atomic_fetch_add(&crew_board->ready, 1);
	crew_until(&crew_board->go, 1);
	return 0;
}

static void test_one_too_many(void **state)
{
	(void)state;
	pid_t child[4];
	make(2);
	kk_barrier_action(barrier, slow_action, NULL);
	start_all(note_place, child, 2);
	crew_until(&crew_board->ready, 1);
	child[2] = crew_start(note_place, 2);
	crew_until_asleep(child[2]);
	assert_int_equal(kk_barrier_waiting(barrier), 2);
	atomic_store(&crew_board->go, 1);
	finish_all(child, 2);
	child[3] = crew_start(note_place, 3);
	finish_all(child + 2, 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(atomic_load(&crew_board->of[i]), 2);
}

#define BARRIER_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static const struct CMUnitTest tests[] = {
    BARRIER_TEST(test_single_thread),
    BARRIER_TEST(test_create_and_open),
    BARRIER_TEST(test_passes),
    BARRIER_TEST(test_places),
    BARRIER_TEST(test_action),
    BARRIER_TEST(test_action_fails),
    BARRIER_TEST(test_abort),
    BARRIER_TEST(test_reset),
    BARRIER_TEST(test_timeout),
    BARRIER_TEST(test_waiting_party_killed),
    BARRIER_TEST(test_killed_before_reset),
    BARRIER_TEST(test_former_party_killed),
    BARRIER_TEST(test_too_few_left),
    BARRIER_TEST(test_leaving_breaks_nothing),
    BARRIER_TEST(test_killed_in_action),
    BARRIER_TEST(test_one_too_many),
};
HARNESS_MAIN(tests)
