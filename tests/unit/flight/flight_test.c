/* SPDX-License-Identifier: Apache-2.0 */
/* A worker with many items in flight, played in this process: does it wait only for what it has asked to be told of? */
#include "played.h"

#include "harness.h" /* last: it takes the word `fail` */

enum { SOURCE = 1, FETCH, SINK, ROLES, STAGES = 3, ARENA = 4096 };

static struct kk_plan plan;
static struct kk_run *run;
static struct worker *fetch;
static struct kk_block_ref held[2]; /* all the room there is */
static struct kk_item *pending;
static unsigned polls, waits;

static enum kk_verdict one_item(struct kk_context *context, struct kk_item *item)
{
	(void)context;
	return kk_set_key(item, "0", 1) == 0 ? KK_PASS : KK_FAIL;
}

static enum kk_verdict keep(struct kk_context *context, struct kk_item *item)
{
	(void)context;
	pending = item;
	return KK_PENDING;
}

/* Its answer comes while it looks for the last time before it waits, and only then it wants memory. */
static int poll_item(struct kk_context *context)
{
	(void)context;
	if (++polls < 3 || !pending || !kk_reserve(pending, 10))
		return 0;
	kk_commit(pending, 10);
	kk_finish(pending, KK_PASS);
	pending = NULL;
	return 0;
}

/* Meanwhile others give the room back, and nothing more will come. */
static int wait_for_item(struct kk_context *context, int *timeout_ms)
{
	(void)context;
	(void)timeout_ms;
	waits++;
	assert_true(kk_event_waited(kk_arena_room_event(fetch->arena)));
	kk_block_release(fetch->arena, &held[0], 0);
	assert_int_equal(kk_run_put_sentinel(run, 1), KK_OK);
	return -1;
}

static const struct kk_stage source_stage = {.kind = KK_SOURCE, .next = one_item};
static const struct kk_stage fetch_stage = {
    .kind = KK_TRANSFORM, .submit = keep, .poll = poll_item, .wait = wait_for_item};

static struct worker *start(unsigned role, const struct kk_stage *module)
{
	struct worker *w = played_start(&plan, run, role, module);
	assert_int_equal(inherit(w), KK_OK);
	return w;
}

static void make_run(void)
{
	struct kk_error error = {.code = 0};
	plan = (struct kk_plan){.bytes = sizeof(plan), .stage_count = STAGES, .edge_count = 2, .role_count = ROLES};
	plan.groups = 2;
	plan.lanes = 1;
	plan.record_bytes = 256;
	plan.attempts = 3;
	plan.duplicates = KK_DUPLICATES_NONE;
	plan.limit = 1;
	plan.edge[0] = (struct kk_plan_edge){0, 0, 1, 0};
	plan.edge[1] = (struct kk_plan_edge){1, 0, 2, 0};
	for (unsigned s = 0; s < STAGES; s++)
		plan.stage[s] =
		    (struct kk_plan_stage){.workers = 1, .first_role = s + 1, .in_flight = 2, .ring_slots = s ? 2 : 0};
	plan.stage[1].asynchronous = 1;
	plan.stage[1].region_bytes = ARENA;
	plan.stage[1].big_bytes = ARENA;
	plan.stage[1].largest = 100;
	plan.stage[1].blocks = 4;
	run = kk_run_create(&plan, &error);
	if (!run)
		fail_msg("%s", error.text);
}

/* A need that comes up in the very last turn before waiting: whoever meets it must know that somebody waits for it. */
static void test_late_need(void **state)
{
	(void)state;
	make_run();
	struct worker *source = start(SOURCE, &source_stage);
	fetch = start(FETCH, &fetch_stage);
	assert_int_equal(work_source(source), KK_WORKER_DRAINED);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kk_block_alloc(fetch->arena, ARENA, true, &held[i]), KK_OK);
		kk_block_share(fetch->arena, &held[i], 1);
	}
	assert_int_equal(work_flight(fetch), KK_WORKER_DRAINED);
	assert_int_equal(waits, 1);
	assert_int_equal(kk_run_queue(run, 2), 1);
	played_stop(source);
	played_stop(fetch);
	kk_run_free(run);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_late_need),
};
HARNESS_MAIN(tests)
