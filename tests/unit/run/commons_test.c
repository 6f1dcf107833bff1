/* SPDX-License-Identifier: Apache-2.0 */
/* What the workers of a stage have in common lies where only they can write, and is given back by heirs. */
#include "run/commons.h"
#include "run/layout.h"
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h" /* last: it takes the word `fail` */

enum { SOURCE, FETCH, PLAIN, STORE, STAGES };
enum { FETCH1 = 2, FETCH2, PLAIN1, STORE1 };

static struct kk_plan plan;
static struct kk_run *run;

static int set_up(void **state)
{
	static const struct kk_plan_edge edges[] = {{SOURCE, 0, FETCH, 0}, {FETCH, 0, PLAIN, 0}, {PLAIN, 0, STORE, 0}};
	struct kk_error error = {.code = 0};
	(void)state;
	plan = (struct kk_plan){.bytes = sizeof(plan), .stage_count = STAGES, .edge_count = 3, .role_count = 6};
	plan.groups = 2;
	plan.lanes = 1;
	plan.record_bytes = 256;
	plan.attempts = 3;
	memcpy(plan.edge, edges, sizeof(edges));
	for (unsigned s = 0, role = 1; s < STAGES; role += plan.stage[s++].workers)
		plan.stage[s] = (struct kk_plan_stage){
		    .workers = s == FETCH ? 2 : 1, .first_role = role, .in_flight = 1, .ring_slots = s ? 2 : 0};
	/* One beside payloads, one without any. */
	plan.stage[FETCH].permits = 1;
	plan.stage[FETCH].cached = 10;
	plan.stage[FETCH].largest = 100;
	plan.stage[FETCH].region_bytes = plan.stage[FETCH].big_bytes = 4096;
	plan.stage[FETCH].blocks = 4;
	plan.stage[STORE].rate = 0.5;
	run = kk_run_create(&plan, &error);
	if (!run)
		fail_msg("%s", error.text);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kk_run_free(run);
	return 0;
}

static struct kk_run *attach(unsigned role)
{
	struct kk_run_fds fds;
	struct kk_error error = {.code = 0};
	kk_run_fds(run, role, &fds);
	struct kk_run *worker = kk_run_attach(&plan, role, &fds, &error);
	if (!worker)
		fail_msg("%s", error.text);
	return worker;
}

static void test_workers_share_them(void **state)
{
	(void)state;
	char to[8] = "";
	struct kk_run *one = attach(FETCH1), *two = attach(FETCH2);
	assert_int_equal(run_admit(one, "host"), 0);
	assert_true(run_admit(two, "host") >= 10);
	run_leave(one, "host");
	assert_int_equal(run_admit(two, "host"), 0);
	run_leave(two, "host");
	run_hold_off(one, "host", 60000);
	assert_in_range(run_admit(two, "host"), 50000, 60000);
	assert_int_equal(run_remember(one, "name", "where", 5, 60000), 0);
	assert_int_equal(run_recall(two, "name", to, sizeof(to)), 5);
	assert_string_equal(to, "where");
	assert_int_equal(run_recall(two, "name", to, 4), -1);
	kk_run_free(one);
	kk_run_free(two);
}

static void test_a_stage_without_payloads(void **state)
{
	(void)state;
	struct kk_run *store = attach(STORE1);
	assert_int_equal(run_admit(store, "a"), 0);
	assert_in_range(run_admit(store, "b"), 1000, 2000);
	assert_int_equal(run_remember(store, "a", "b", 1, 1000), -1);
	kk_run_free(store);
}

static void test_a_stage_that_asked_for_nothing(void **state)
{
	(void)state;
	char to[8];
	struct kk_run *plain = attach(PLAIN1);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(run_admit(plain, "a"), 0);
	run_hold_off(plain, "a", 1000);
	assert_int_equal(run_admit(plain, "a"), 0);
	run_leave(plain, "a");
	assert_int_equal(run_recall(plain, "a", to, sizeof(to)), -1);
	kk_run_free(plain);
}

static void test_the_heir_gives_back(void **state)
{
	(void)state;
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct kk_run *dies = attach(FETCH1);
		_exit(run_admit(dies, "host") == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	struct kk_run *two = attach(FETCH2), *heir = attach(FETCH1);
	assert_true(run_admit(two, "host") > 0);
	assert_int_equal(run_commons_inherit(two), KK_OK); /* what is not his stays */
	assert_true(run_admit(two, "host") > 0);
	assert_int_equal(run_commons_inherit(heir), KK_OK);
	assert_int_equal(run_admit(two, "host"), 0);
	kk_run_free(two);
	kk_run_free(heir);
}

/* Downstream sees the payloads of the stage, but gets no descriptor by which it could write what it remembers. */
static void test_nobody_else_can_write_them(void **state)
{
	struct kk_run_fds fds;
	(void)state;
	kk_run_fds(run, PLAIN1, &fds);
	assert_true(fds.arena_read[FETCH] >= 0);
	assert_int_equal(write(fds.arena_read[FETCH], "x", 1), -1);
	assert_int_equal(fds.arena_write, -1);
	assert_int_equal(fds.arena_read[STORE], -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    TEST(test_workers_share_them),  TEST(test_a_stage_without_payloads),   TEST(test_a_stage_that_asked_for_nothing),
    TEST(test_the_heir_gives_back), TEST(test_nobody_else_can_write_them),
};
HARNESS_MAIN(tests)
