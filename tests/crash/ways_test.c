/* SPDX-License-Identifier: Apache-2.0 */
/* A stage that feeds three others, each of which takes only what it wants: its worker is killed at every point of
 * handing an item on, and its heir at every point of inheriting. Whatever happens, each of them gets the item at most
 * once, gets it if it wants it, and the item ends once. The workers are played one after the other in this process; a
 * kill is a jump that does not come back.
 */
#include "graph/condition.h"
#include "played.h"
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h" /* last: it takes the word `fail` */

enum { SOURCE = 1, MIDDLE, LEFT, RIGHT, LAST, RECORDER, STAGES = 5, PAYLOAD = 100 };

static unsigned long points_left; /* until the strike; 0: none                   */
static void (*meanwhile)(void);   /* what happens then; NULL: the worker is killed */
static jmp_buf out;

void kk_point(const char *site);
void kk_point(const char *site)
{
	(void)site;
	if (points_left == 0 || --points_left > 0)
		return;
	if (!meanwhile)
		longjmp(out, 1);
	meanwhile();
}

/* ---- the run */

static struct {
	struct kk_plan plan;
	char texts[64];
	uint32_t word[9];
	char end;
} image;
static struct kk_run *run;
static struct worker *worker[RECORDER + 1];
static const char *key;
static unsigned seen; /* by all sinks */

static enum kk_verdict next(struct kk_context *context, struct kk_item *item)
{
	(void)context;
	if (item->sequence + 1 == image.plan.limit)
		kk_run_stop_source(run); /* or it would wait for a header when all are under way */
	if (kk_set_key(item, key, strlen(key)) < 0)
		return KK_FAIL;
	void *to = kk_reserve(item, PAYLOAD);
	if (!to)
		return KK_FAIL;
	memset(to, 's', PAYLOAD);
	kk_commit(item, PAYLOAD);
	return KK_PASS;
}

static const struct kk_stage source_stage = {.kind = KK_SOURCE, .next = next};

/* key contains TEXT, at word `at`. */
static void set_when(unsigned stage, unsigned at, const char *text, unsigned text_at)
{
	const uint32_t texts = offsetof(__typeof__(image), texts);
	strcpy(image.texts + text_at, text);
	strcpy(image.texts, "key");
	image.word[at] = KK_WHEN_COMPARE | KK_WHEN_CONTAINS << 8;
	image.word[at + 1] = texts;
	image.word[at + 2] = texts + text_at;
	image.plan.stage[stage].when = (uint32_t)(offsetof(__typeof__(image), word) + at * sizeof(image.word[0]));
	image.plan.stage[stage].when_words = 3;
	assert_true(kk_condition_check(&image.plan, image.plan.stage[stage].when, 3));
}

static void make_plan(void)
{
	struct kk_plan *plan = &image.plan;
	memset(&image, 0, sizeof(image));
	plan->bytes = sizeof(image);
	plan->stage_count = STAGES;
	plan->edge_count = 4;
	plan->role_count = RECORDER;
	plan->groups = 2;
	plan->lanes = 3;
	plan->record_bytes = 256;
	plan->attempts = 3;
	plan->limit = 1;
	plan->duplicates = KK_DUPLICATES_NONE;
	plan->edge[0] = (struct kk_plan_edge){0, 0, 1, 0};
	plan->edge[1] = (struct kk_plan_edge){1, 0, 2, 0};
	plan->edge[2] = (struct kk_plan_edge){1, 0, 3, 1};
	plan->edge[3] = (struct kk_plan_edge){1, 0, 4, 2};
	for (unsigned s = 0; s < STAGES; s++) {
		plan->stage[s] =
		    (struct kk_plan_stage){.workers = 1, .first_role = s + 1, .in_flight = 1, .ring_slots = s ? 4 : 0};
		if (s > 1)
			continue;
		plan->stage[s].region_bytes = plan->stage[s].big_bytes = 4096;
		plan->stage[s].largest = PAYLOAD;
		plan->stage[s].blocks = 4;
	}
	set_when(2, 0, "l", 8);
	set_when(3, 3, "r", 16);
	set_when(4, 6, "z", 24);
}

static void begin_run(const char *item_key)
{
	struct kk_error error = {.code = 0};
	key = item_key;
	seen = 0;
	make_plan();
	run = kk_run_create(&image.plan, &error);
	if (!run)
		fail_msg("%s", error.text);
	for (unsigned role = SOURCE; role <= RECORDER; role++) {
		worker[role] = played_start(&image.plan, run, role, &source_stage);
		assert_int_equal(inherit(worker[role]), KK_OK);
	}
	assert_int_equal(work_source(worker[SOURCE]), KK_WORKER_DRAINED);
}

/* ---- its stages */

static void hand_on(struct worker *w, uint32_t handle, bool replace)
{
	assert_int_equal(hand_take(&w->hand, w, handle), 0);
	if (replace) {
		void *to = hand_reserve(&w->hand, PAYLOAD);
		assert_non_null(to);
		memset(to, 'm', PAYLOAD);
		hand_commit(&w->hand, PAYLOAD);
	}
	hand_settle(&w->hand, KK_PASS);
	assert_true(deliver(w, handle, true));
}

/* What it inherited, and what there is. */
static void work_middle(bool replace)
{
	struct worker *w = worker[MIDDLE];
	uint32_t handle;
	for (int64_t inherited; (inherited = handles_shift(&w->redo)) >= 0;)
		hand_on(w, (uint32_t)inherited, replace);
	while (kk_ring_take(w->in, &handle, 1) == 1)
		hand_on(w, handle, replace);
}

/* Takes all that came to a sink; returns how many. */
static unsigned work_sink(unsigned role, char filled)
{
	struct worker *w = worker[role];
	unsigned count = 0;
	for (uint32_t handle; kk_ring_take(w->in, &handle, 1) == 1; count++) {
		assert_int_equal(hand_take(&w->hand, w, handle), 0);
		assert_int_equal(w->hand.item.size, PAYLOAD);
		assert_int_equal(((const char *)w->hand.item.data)[PAYLOAD - 1], filled);
		hand_settle(&w->hand, KK_PASS);
		assert_true(deliver(w, handle, true));
	}
	return count;
}

static unsigned work_sinks(bool replace)
{
	static const char wants[] = {[LEFT] = 'l', [RIGHT] = 'r', [LAST] = 'z'};
	unsigned count = 0;
	for (unsigned role = LEFT; role <= LAST; role++) {
		unsigned got = work_sink(role, replace ? 'm' : 's');
		assert_true(got == 0 || strchr(key, wants[role]));
		count += got;
	}
	return count;
}

static void end_run(bool replace)
{
	const unsigned items = (unsigned)image.plan.limit, takers = *key == '-' ? 0 : (unsigned)strlen(key);
	struct kk_run_counts counts;
	struct kk_error error = {.code = 0};
	assert_int_equal(seen + work_sinks(replace), items * takers);
	if (kk_run_unfinished_check(run, &error) != KK_OK)
		fail_msg("%s", error.text);
	kk_run_counts(run, &counts);
	assert_int_equal(counts.in, items);
	assert_int_equal(counts.done, takers ? items : 0);
	assert_int_equal(counts.skipped, takers ? 0 : items);
	for (unsigned role = SOURCE; role <= RECORDER; role++)
		played_stop(worker[role]);
	kk_run_free(run);
}

/* ---- the deaths */

/* The middle worker dies at its `n`-th point. False: it had none so late. */
static bool die(unsigned long n, bool replace)
{
	volatile bool died = true;
	points_left = n;
	if (setjmp(out) == 0) {
		work_middle(replace);
		died = false;
	}
	points_left = 0;
	return died;
}

/* A new process of the role. */
static void replace_middle(void)
{
	played_stop(worker[MIDDLE]);
	worker[MIDDLE] = played_start(&image.plan, run, MIDDLE, &source_stage);
}

/* An heir is started, which dies at its `n`-th point of inheriting; 0: it does not. False: it did not. */
static bool inherit_dying(unsigned long n)
{
	volatile bool died = true;
	replace_middle();
	points_left = n;
	if (setjmp(out) == 0) {
		assert_int_equal(inherit(worker[MIDDLE]), KK_OK);
		died = false;
	}
	points_left = 0;
	return died;
}

static const char *const keys[] = {"l", "r", "z", "rz", "lrz", "-"};

static void test_every_death(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		const bool replace = i & 1;
		unsigned long n = 0;
		for (bool died = true; died;) {
			begin_run(keys[i / 2]);
			died = die(++n, replace);
			inherit_dying(0);
			work_middle(replace);
			end_run(replace);
		}
		assert_true(n > 5);
	}
}

/* Lane 0 ends where lane 1 begins: here an heir must not begin anything that its predecessor has ended. */
static void test_every_death_of_the_heir(void **state)
{
	(void)state;
	unsigned long heirs = 0;
	bool died = true;
	for (unsigned long n = 1; died; n++) {
		bool heir_died = true;
		for (unsigned long m = 1; heir_died; m++) {
			begin_run("rz");
			died = die(n, true);
			heir_died = inherit_dying(m);
			heirs += died && heir_died;
			inherit_dying(0);
			work_middle(true);
			end_run(true);
		}
	}
	assert_true(heirs > 20);
}

static unsigned went_on;

/* The item ends, and the source begins its headers anew. */
static void go_on_without_the_heir(void)
{
	struct kk_run_counts counts;
	seen = work_sinks(true);
	kk_run_counts(run, &counts);
	if (counts.left > 0)
		return; /* a part of it still is in the heir's hand */
	image.plan.limit = 3;
	went_on++;
	kk_word_store(&run->header->stop, 0);
	assert_int_equal(work_source(worker[SOURCE]), KK_WORKER_DRAINED);
}

/* Whenever the heir is stopped, and for however long: it touches nothing of what has begun meanwhile. */
static void test_every_late_heir(void **state)
{
	(void)state;
	bool died = true;
	for (unsigned long n = 1; died; n++) {
		bool was_late = true;
		for (unsigned long m = 1; was_late; m++) {
			begin_run("rz");
			died = die(n, true);
			replace_middle();
			meanwhile = go_on_without_the_heir;
			points_left = m;
			assert_int_equal(inherit(worker[MIDDLE]), KK_OK);
			was_late = points_left == 0;
			points_left = 0;
			meanwhile = NULL;
			work_middle(true);
			end_run(true);
		}
	}
	assert_true(went_on > 5);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_death),
    cmocka_unit_test(test_every_death_of_the_heir),
    cmocka_unit_test(test_every_late_heir),
};
HARNESS_MAIN(tests)
