/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever starts a child is killed after every so many instructions of it: no child outlives it. */
#include "sanitizers.h"
#include "shell.h"
#include "step.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Instrumented, everything takes ten times as many instructions. */
enum { DEATHS = WITH_ASAN ? 8 : 40, LONG_MS = 20000 };

/* A child that would never end, and a child of its own. */
static int start_child(void)
{
	static const char *const args[] = {"/bin/sh", "-c", "sleep 1000 & exec sleep 1000", NULL};
	const struct kk_command command = {
	    .args = args, .in = {KK_STREAM_PIPE, 0}, .out = {KK_STREAM_PIPE, 0}, .err = {KK_STREAM_NULL, 0}};
	struct kk_popen *popen = kk_popen(&command, NULL);

	return popen ? kk_popen_communicate(popen, NULL, 0, 0, NULL) : -1;
}

static void test_no_child_outlives_its_starter(void **state)
{
	struct step_plan plan = {
	    .run = start_child, .expected = KK_ERR_TIMEOUT, .may_sleep = true, .kill_at = LONG_MAX};
	const char *all = getenv("KAKEHI_KILLS");
	long count, steps, deaths;

	(void)state;
	if (WITH_TSAN)
		skip();
	assert_int_equal(step_run(&plan, &count), STEP_FINISHED);
	assert_int_equal(harness_wait_orphans(LONG_MS), 0);
	deaths = all && strcmp(all, "all") == 0 ? count : DEATHS;
	for (long i = 0; i < deaths; i++) {
		plan.kill_at = count * i / deaths;
		assert_true(step_run(&plan, &steps) != STEP_WRONG);
		if (harness_wait_orphans(LONG_MS) > 0)
			fail_msg("a child lives whose starter died after %ld of %ld instructions", plan.kill_at, count);
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_no_child_outlives_its_starter),
};

HARNESS_MAIN(tests)
