/* SPDX-License-Identifier: Apache-2.0 */
/* kk_flag: what it promises. Kills at every instruction: kill_test.c. */
#include "crew.h"
#include <kakehi/flag.h>

#include <stdlib.h>

static struct kk_flag *flag;

static int setup(void **state)
{
	struct kk_error error = {0};
	(void)state;
	crew_begin(8);
	flag = kk_flag_create(crew_family, &error);
	if (!flag)
		fail_msg("%s", error.text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kk_flag_destroy(flag);
	crew_end();
	return 0;
}

static void test_set_and_clear(void **state)
{
	(void)state;
	assert_false(kk_flag_is_set(flag));
	assert_int_equal(kk_flag_wait(flag, 0), KK_ERR_TIMEOUT);
	uint64_t began = harness_now_ms();
	assert_int_equal(kk_flag_wait(flag, 40), KK_ERR_TIMEOUT);
	assert_true(harness_now_ms() - began >= 39);
	for (int i = 0; i < 2; i++) {
		kk_flag_set(flag);
		assert_true(kk_flag_is_set(flag));
		assert_int_equal(kk_flag_wait(flag, 0), KK_OK);
		assert_int_equal(kk_flag_wait(flag, -1), KK_OK);
	}
	for (int i = 0; i < 2; i++) {
		kk_flag_clear(flag);
		assert_false(kk_flag_is_set(flag));
		assert_int_equal(kk_flag_wait(flag, 0), KK_ERR_TIMEOUT);
	}
}

static void test_open(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_flag *again = kk_flag_open(crew_family, kk_flag_ref(flag), &error);
	assert_non_null(again);
	kk_flag_set(again);
	kk_flag_close(again);
	assert_true(kk_flag_is_set(flag));
	assert_null(kk_flag_open(crew_family, 12345, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	kk_flag_close(NULL);
	kk_flag_destroy(NULL);
}

static int wait_for_it(int number)
{
	crew_must(kk_flag_wait(flag, -1) == KK_OK);
	if (number == 0)
		crew_must(kk_flag_is_set(flag));
	return 0;
}

static void test_wakes_all(void **state)
{
	(void)state;
	pid_t child[4];
	for (int i = 0; i < 4; i++) {
		child[i] = crew_start(wait_for_it, 0);
		crew_until_asleep(child[i]);
	}
	kk_flag_set(flag);
	for (int i = 0; i < 4; i++)
		crew_finish(child[i]);
}

/* Set and cleared at once: all that were waiting go on. */
static void test_pulse(void **state)
{
	(void)state;
	pid_t child[4];
	for (int i = 0; i < 4; i++) {
		child[i] = crew_start(wait_for_it, 1);
		crew_until_asleep(child[i]);
	}
	kk_flag_set(flag);
	kk_flag_clear(flag);
	for (int i = 0; i < 4; i++)
		crew_finish(child[i]);
	assert_int_equal(kk_flag_wait(flag, 0), KK_ERR_TIMEOUT);
}

static void *publish(void *arg)
{
	(void)arg;
	crew_board->plain = 42;
	kk_flag_set(flag);
	return NULL;
}

static void test_publishes(void **state)
{
	(void)state;
	pthread_t thread = crew_thread(publish, NULL);
	assert_int_equal(kk_flag_wait(flag, -1), KK_OK);
	assert_int_equal(crew_board->plain, 42);
	(void)crew_join(thread);
}

static int wait_and_stay(int number)
{
	(void)number;
	(void)kk_flag_wait(flag, -1);
	return crew_stay();
}

/* A waiter that is killed is missed by nobody. */
static void test_waiter_killed(void **state)
{
	(void)state;
	pid_t child = crew_start(wait_and_stay, 0), other = crew_start(wait_for_it, 0);
	crew_until_asleep(child);
	crew_until_asleep(other);
	crew_kill(child);
	kk_flag_set(flag);
	crew_finish(other);
}

#define FLAG_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static const struct CMUnitTest tests[] = {
    FLAG_TEST(test_set_and_clear), FLAG_TEST(test_open),      FLAG_TEST(test_wakes_all),
    FLAG_TEST(test_pulse),         FLAG_TEST(test_publishes), FLAG_TEST(test_waiter_killed),
};
HARNESS_MAIN(tests)
