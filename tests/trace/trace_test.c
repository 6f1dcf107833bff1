/* SPDX-License-Identifier: Apache-2.0 */
/* The library as it is delivered, killed at every instruction of every operation that touches shared memory. */
#include "harness.h"
#include "operation.h"
#include "sanitizers.h"
#include "step.h"
#include "world.h"
#include <stdlib.h>

/* Sanitizers make ten instructions of one, and processes slow to start: a sample has to do there. */
#define INSTRUMENTED (WITH_ASAN || WITH_TSAN)

enum { NEVER = -1, AT_ITS_END = 1000000, GO_ON, RIVAL_PLACES = 5, RIVAL_PLACES_FULL = 60 };

/* One death: where, and what happens besides. */
struct death {
	long kill_at, rival_at;
	bool asleep, survivors;
};

static struct {
	unsigned long kills, steps;
	unsigned operations;
} total;

static bool full_tier(void)
{
	const char *tier = getenv("KAKEHI_TRACE");
	return tier && tier[0] == 'f';
}

/* What follows a death, in the order in which it would. */
static const char *aftermath(const struct operation *o, const struct death *death, enum step_end end)
{
	const char *bad = NULL;
	if (end == STEP_KILLED)
		world_bury();
	else if (o->wakes)
		bad = world_sleeper_ends();
	if (!bad && death->survivors && !o->keeps)
		world_survivors(!o->closes);
	if (!bad)
		world_heir();
	if (!bad && o->closes)
		world_close();
	if (!bad && !o->for_room)
		bad = world_sleeper_ends();
	return bad ? bad : world_verdict(o->closes);
}

static enum step_end die(const struct operation *o, const struct death *death, long *steps)
{
	const struct step_plan plan = {
	    .run = o->run,
	    .expected = o->expected,
	    .wrong = BROKEN,
	    .any_result = death->rival_at != NEVER,
	    .may_sleep = o->wake != NULL,
	    .die_asleep = death->asleep,
	    .wake = o->wake,
	    .rival = death->rival_at == NEVER ? NULL : o->rival,
	    .rival_at = death->rival_at,
	    .kill_at = death->kill_at,
	    /* All of it is stepped in the full tier; what has a rival in between would take hours. */
	    .remember = death->kill_at == AT_ITS_END,
	    .jump = (!full_tier() || death->rival_at != NEVER) && !o->wake && !o->keeps,
	};
	world_begin(o->start);
	o->arrange();
	enum step_end end = step_run(&plan, steps);
	const char *bad = end == STEP_WRONG ? "it did not do what it should" : aftermath(o, death, end);
	if (bad)
		fail_msg("%s, killed after %ld instructions%s%s: %s", o->name, death->kill_at,
		         death->rival_at == NEVER ? "" : ", a rival in between",
		         death->survivors ? ", survivors go on" : "", bad);
	world_end();
	total.steps += (unsigned long)*steps;
	total.kills += end == STEP_KILLED;
	return end;
}

/* Kills at all instructions from `from` on; returns how many the operation has. */
static long die_everywhere(const struct operation *o, struct death death, long from, long stride)
{
	long steps, length;
	death.kill_at = AT_ITS_END;
	assert_int_equal(die(o, &death, &length), STEP_FINISHED);
	for (death.kill_at = from; death.kill_at < length; death.kill_at += stride)
		(void)die(o, &death, &steps);
	return length;
}

/* The rival comes at every instruction; the worker goes on to the end or dies at any of those that follow. */
static void meet_rivals(const struct operation *o, struct death death, long length, long stride, long places)
{
	long steps;
	die_everywhere(o, death, length, 1); /* the way without a rival, once more */
	death.kill_at = GO_ON;
	for (death.rival_at = 0; death.rival_at < length; death.rival_at += stride)
		assert_int_equal(die(o, &death, &steps), STEP_FINISHED);
	for (death.rival_at = 0; death.rival_at < length; death.rival_at += places)
		die_everywhere(o, death, death.rival_at, stride);
}

static void trace_operation(const struct operation *o)
{
	unsigned long before = total.kills;
	struct death death = {.kill_at = AT_ITS_END, .rival_at = NEVER};
	long length = 0, stride, places;
	assert_int_equal(die(o, &death, &length), STEP_FINISHED);
	stride = INSTRUMENTED ? length / 20 + 1 : 1;
	die_everywhere(o, death, 0, stride);
	if (!o->keeps) {
		death.survivors = true;
		die_everywhere(o, death, 0, stride);
	}
	if (o->wake) {
		long steps;
		death.asleep = true;
		death.kill_at = AT_ITS_END;
		assert_int_equal(die(o, &death, &steps), STEP_KILLED);
		death.asleep = false;
	}
	places = length / (full_tier() && !INSTRUMENTED ? RIVAL_PLACES_FULL : RIVAL_PLACES) + 1;
	death.survivors = false;
	if (o->rival)
		meet_rivals(o, death, length, stride, places);
	total.operations++;
	print_message("%-34s %8ld %10lu  all sound\n", o->name, length, total.kills - before);
}

static void trace_all(const struct operation *operations, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (full_tier() || !operations[i].full_only)
			trace_operation(&operations[i]);
}

static void test_every_instruction(void **state)
{
	(void)state;
	print_message("%-34s %8s %10s\n", "operation", "instr.", "kills");
	trace_all(ring_operations, ring_operation_count);
	trace_all(block_operations, block_operation_count);
	print_message(
	    "%u operations, %lu kills, %lu instructions before them, nothing lost, doubled, leaked or stuck\n",
	    total.operations, total.kills, total.steps);
	assert_true(total.kills > (INSTRUMENTED ? 500 : 5000));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_instruction),
};
HARNESS_MAIN(tests)
