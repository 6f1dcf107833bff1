/* SPDX-License-Identifier: Apache-2.0 */
/* Branches of one item whose workers are slow at the worst moment: between settling a lane and parking its header. The
 * workers are played one after the other in this process; whoever is to be stopped or killed at a point leaves it by a
 * jump and does not come back. */
#include "played.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h" /* last: it takes the word `fail` */

enum { SOURCE = 1, LEFT, RIGHT, RECORDER, STAGES = 3, PAYLOAD = 100 };

static struct {
	const char *site; /* where `act` is called; NULL: nowhere */
	void (*act)(void);
} strike;
static jmp_buf out;

void kk_point(const char *site);
void kk_point(const char *site)
{
	if (!strike.site || strcmp(strike.site, site) != 0)
		return;
	strike.site = NULL;
	strike.act();
}

static void jump_out(void)
{
	longjmp(out, 1);
}

/* ---- a source and two sinks beside each other */

static struct kk_plan plan;
static struct kk_run *run;
static struct worker *worker[RECORDER + 1];
static unsigned to_make, made;

static enum kk_verdict next(struct kk_context *context, struct kk_item *item)
{
	char key[16];
	(void)context;
	if (--to_make == 0)
		kk_run_stop_source(run); /* or it would wait for a header when all are under way */
	snprintf(key, sizeof(key), "%u", made++);
	if (kk_set_key(item, key, strlen(key)) < 0)
		return KK_FAIL;
	char *to = kk_reserve(item, PAYLOAD);
	if (!to)
		return KK_FAIL;
	memset(to, key[0], PAYLOAD);
	kk_commit(item, PAYLOAD);
	return KK_PASS;
}

static const struct kk_stage source_stage = {.kind = KK_SOURCE, .next = next};

static int set_up(void **state)
{
	struct kk_error error = {.code = 0};
	(void)state;
	made = 0;
	plan = (struct kk_plan){.bytes = sizeof(plan), .stage_count = STAGES, .edge_count = 2, .role_count = RECORDER};
	plan.groups = 2;
	plan.lanes = 2;
	plan.record_bytes = 256;
	plan.attempts = 3;
	plan.duplicates = KK_DUPLICATES_NONE;
	plan.edge[0] = (struct kk_plan_edge){0, 0, 1, 0};
	plan.edge[1] = (struct kk_plan_edge){0, 0, 2, 1};
	for (unsigned s = 0; s < STAGES; s++)
		plan.stage[s] =
		    (struct kk_plan_stage){.workers = 1, .first_role = s + 1, .in_flight = 1, .ring_slots = s ? 4 : 0};
	plan.stage[0].region_bytes = 4096;
	plan.stage[0].big_bytes = 4096;
	plan.stage[0].largest = PAYLOAD;
	plan.stage[0].blocks = 4;
	run = kk_run_create(&plan, &error);
	if (!run)
		fail_msg("%s", error.text);
	for (unsigned role = SOURCE; role <= RECORDER; role++) {
		worker[role] = played_start(&plan, run, role, &source_stage);
		assert_int_equal(inherit(worker[role]), KK_OK);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned role = SOURCE; role <= RECORDER; role++)
		played_stop(worker[role]);
	kk_run_free(run);
	return 0;
}

static void make_items(unsigned count)
{
	to_make = count;
	kk_word_store(&run->header->stop, 0);
	assert_int_equal(work_source(worker[SOURCE]), KK_WORKER_DRAINED);
	assert_int_equal(to_make, 0);
}

/* The sink of `role` takes one item and lets it end so. False: there was none. */
static bool finish_one(unsigned role, enum kk_verdict verdict)
{
	struct worker *w = worker[role];
	uint32_t handle;
	if (kk_ring_take(w->in, &handle, 1) != 1)
		return false;
	assert_int_equal(hand_take(&w->hand, w, handle), 0);
	assert_int_equal(w->hand.item.size, PAYLOAD);
	assert_int_equal(((const char *)w->hand.item.data)[PAYLOAD - 1], w->hand.item.key[0]);
	hand_settle(&w->hand, verdict == KK_FAIL ? hand_fail(&w->hand, KK_FAIL_IO, "marked") : verdict);
	assert_true(deliver(w, handle, true));
	return true;
}

static void finish_one_but_for_parking(unsigned role, enum kk_verdict verdict)
{
	strike.site = "park: read own";
	strike.act = jump_out;
	if (setjmp(out) == 0) {
		finish_one(role, verdict);
		fail_msg("it has parked");
	}
}

static struct kk_run_counts the_end(uint64_t in)
{
	struct kk_run_counts counts;
	struct kk_error error = {.code = 0};
	assert_int_equal(kk_run_put_sentinel(run, STAGES), KK_OK);
	assert_int_equal(recorder_open(worker[RECORDER]), 0);
	assert_int_equal(work_recorder(worker[RECORDER]), KK_WORKER_DRAINED);
	if (kk_run_unfinished_check(run, &error) != KK_OK)
		fail_msg("%s", error.text);
	kk_run_counts(run, &counts);
	assert_int_equal(counts.in, in);
	assert_int_equal(counts.left, 0);
	return counts;
}

/* The one lane has failed, but its header is not parked yet: the recorder must write it down all the same. */
static void test_recorder_before_parking(void **state)
{
	(void)state;
	make_items(1);
	finish_one_but_for_parking(LEFT, KK_FAIL);
	assert_true(finish_one(RIGHT, KK_PASS));
	struct kk_run_counts counts = the_end(1);
	assert_int_equal(counts.failed, 1);
	assert_int_equal(counts.by_class[KK_FAIL_IO], 1);
}

static void go_on_without_the_heir(void)
{
	make_items(2);
}

/* The heir reads that its predecessor had decided about a lane, and is stopped; meanwhile the item ends, and its
 * headers begin a new life. Nothing of that may be touched by the heir. */
static void test_late_heir(void **state)
{
	(void)state;
	make_items(1);
	finish_one_but_for_parking(LEFT, KK_PASS);
	assert_true(finish_one(RIGHT, KK_PASS));
	played_stop(worker[LEFT]);
	worker[LEFT] = played_start(&plan, run, LEFT, &source_stage);
	strike.site = "look: copy";
	strike.act = go_on_without_the_heir;
	assert_int_equal(inherit(worker[LEFT]), KK_OK);
	assert_null(strike.site);
	for (int i = 0; i < 2; i++) {
		assert_true(finish_one(LEFT, KK_PASS));
		assert_true(finish_one(RIGHT, KK_PASS));
	}
	struct kk_run_counts counts = the_end(3);
	assert_int_equal(counts.done, 3);
}

/* Both branches read the one payload, where the source made it. */
static void test_branches_share(void **state)
{
	ptrdiff_t offset[2];
	(void)state;
	make_items(1);
	for (unsigned i = 0; i < 2; i++) {
		struct worker *w = worker[LEFT + i];
		uint32_t handle;
		assert_int_equal(kk_ring_take(w->in, &handle, 1), 1);
		assert_int_equal(hand_take(&w->hand, w, handle), 0);
		offset[i] = (const unsigned char *)w->hand.item.data - w->run->arena_memory[0];
		assert_int_equal(kk_arena_used(w->run->arena[0]), 1);
	}
	assert_int_equal(offset[0], offset[1]);
	for (unsigned i = 0; i < 2; i++) {
		struct worker *w = worker[LEFT + i];
		assert_int_equal(kk_arena_used(w->run->arena[0]), 1);
		hand_settle(&w->hand, KK_PASS);
		assert_true(deliver(w, w->hand.handle, true));
	}
	assert_int_equal(the_end(1).done, 1);
}

/* Whatever a broken process writes into a header, it is noticed before it is used as an index. */
static void test_broken_header(void **state)
{
	(void)state;
	uint32_t handle;
	make_items(1);
	struct worker *w = worker[LEFT];
	assert_int_equal(kk_ring_take(w->in, &handle, 1), 1);
	struct item_head *head = run_head(w->run, handle);
	const struct item_head sound = *head;
	head->lane = 200;
	assert_int_equal(hand_take(&w->hand, w, handle), -1);
	assert_false(deliver(w, handle, true));
	*head = sound;
	w->corrupt = false;
	head->pay_stage[0] = 200;
	assert_int_equal(hand_take(&w->hand, w, handle), -1);
	assert_false(deliver(w, handle, true));
	*head = sound;
	w->corrupt = false;
	head->pay[0].extra = 3000;
	assert_int_equal(hand_take(&w->hand, w, handle), -1);
	*head = sound;
	assert_int_equal(hand_take(&w->hand, w, handle), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_recorder_before_parking, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_branches_share, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_late_heir, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_broken_header, set_up, tear_down),
};
HARNESS_MAIN(tests)
