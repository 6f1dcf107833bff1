/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/budget.h"
#include "run/run.h"

#include "harness.h"

#include <kakehi/error.h>
#include <kakehi/stage.h>
#include <stdlib.h>
#include <string.h>

#define MIB   (UINT64_C(1) << 20)
#define TRIES 300

static const struct kk_budget_sizes sizes = {
    .control = kk_run_control_bytes, .arena = kk_run_arena_bytes, .counters = kk_run_counters_bytes};

/* A reproducible stream of numbers below `limit`. */
static uint64_t below(uint64_t *seed, uint64_t limit)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*seed >> 33) % limit;
}

static void random_stage(struct kk_plan_stage *stage, uint64_t *seed, bool source)
{
	bool many = !source && below(seed, 3) == 0;

	*stage = (struct kk_plan_stage){
	    .kind = source ? KK_SOURCE : KK_TRANSFORM,
	    .workers = source ? 1 : 1 + (uint32_t)below(seed, 8),
	    .in_flight = many ? 1 + (uint32_t)below(seed, 256) : 1,
	    .asynchronous = many,
	    .ring_slots = source ? 0 : 2U << below(seed, 11),
	    .largest = below(seed, 2) ? 1 + below(seed, UINT64_C(1) << (1 + below(seed, 27))) : 0,
	    .heap = below(seed, 8 * MIB),
	};
}

static void random_plan(struct kk_plan *plan, uint64_t *seed)
{
	*plan = (struct kk_plan){.record_bytes = 2048, .attempts = 3};
	plan->stage_count = 2 + (uint32_t)below(seed, 8);
	plan->lanes = 1 + (uint32_t)below(seed, 4);
	uint32_t role = 1;
	for (uint32_t i = 0; i < plan->stage_count; i++) {
		random_stage(&plan->stage[i], seed, i == 0);
		plan->stage[i].first_role = role;
		role += plan->stage[i].workers;
	}
	plan->role_count = role;
}

static void check_sizes(const struct kk_plan *plan)
{
	uint32_t workers = plan->role_count - 1;

	assert_true(plan->groups >= 2 * workers || plan->groups == 0);
	assert_int_equal(plan->groups & (plan->groups - 1), 0);
	for (uint32_t i = 0; i < plan->stage_count; i++) {
		const struct kk_plan_stage *stage = &plan->stage[i];
		if (!stage->largest) {
			assert_int_equal(stage->region_bytes + stage->big_bytes + stage->blocks, 0);
			continue;
		}
		assert_true(stage->big_bytes >= stage->largest + 4096);
		assert_int_equal(stage->big_bytes % 4096, 0);
		assert_int_equal(stage->region_bytes % 4096, 0);
		assert_true(stage->region_bytes >= (stage->largest < 65536 ? stage->largest : 65536));
		assert_true(stage->blocks >= 16);
		assert_true(stage->blocks <= plan->groups + stage->in_flight + 16);
	}
}

/* For any pipeline: the smallest budget that is told is admitted, one byte less is refused, and no division ever takes
 * more than it was given. */
static void test_smallest_is_exact(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < TRIES; i++) {
		struct kk_plan plan, again;
		struct kk_budget budget;
		random_plan(&plan, &seed);
		again = plan;
		plan.memory = 1;
		assert_int_equal(kk_budget_divide(&plan, &sizes, &budget), KK_ERR_NO_ROOM);
		uint64_t smallest = plan.smallest;
		assert_true(budget.total == smallest);

		plan = again;
		plan.memory = smallest;
		if (kk_budget_divide(&plan, &sizes, &budget) != KK_OK || budget.total > smallest)
			fail_msg("pipeline %u: the smallest budget %llu is refused", i, (unsigned long long)smallest);
		check_sizes(&plan);

		plan = again;
		plan.memory = smallest - 1;
		if (kk_budget_divide(&plan, &sizes, &budget) != KK_ERR_NO_ROOM)
			fail_msg("pipeline %u: less than the smallest budget %llu is admitted", i,
			         (unsigned long long)smallest);

		plan = again;
		plan.memory = smallest + below(&seed, 1024 * MIB);
		assert_int_equal(kk_budget_divide(&plan, &sizes, &budget), KK_OK);
		assert_true(plan.smallest == smallest);
		assert_true(budget.total <= plan.memory);
		check_sizes(&plan);
	}
}

/* What is above the smallest is used: more memory never gives any stage less room, and most of it is given out as long
 * as the stages have a use for it. */
static void test_more_is_more(void **state)
{
	struct kk_plan plan = {.record_bytes = 2048, .lanes = 1, .stage_count = 3, .role_count = 6};
	struct kk_budget budget;
	uint64_t before = 0;

	(void)state;
	plan.stage[0] = (struct kk_plan_stage){.kind = KK_SOURCE, .workers = 1, .first_role = 1, .in_flight = 1};
	plan.stage[1] = (struct kk_plan_stage){.kind = KK_TRANSFORM,
	                                       .workers = 2,
	                                       .first_role = 2,
	                                       .in_flight = 64,
	                                       .ring_slots = 1024,
	                                       .largest = 50 * MIB,
	                                       .heap = 4 * MIB};
	plan.stage[2] = (struct kk_plan_stage){.kind = KK_TRANSFORM,
	                                       .workers = 2,
	                                       .first_role = 4,
	                                       .in_flight = 1,
	                                       .ring_slots = 1024,
	                                       .largest = MIB,
	                                       .heap = 4 * MIB};
	for (plan.memory = 100 * MIB; plan.memory <= 1000 * MIB; plan.memory += 50 * MIB) {
		plan.groups = 512;
		assert_int_equal(kk_budget_divide(&plan, &sizes, &budget), KK_OK);
		assert_true(plan.stage[1].region_bytes >= before);
		before = plan.stage[1].region_bytes;
		assert_true(budget.total > plan.memory - MIB);
		/* many in flight: more room */
		assert_true(plan.stage[1].region_bytes > 2 * plan.stage[2].region_bytes || before < MIB);
	}
}

/* A pipeline of small things does not take what it cannot use. */
static void test_no_more_than_useful(void **state)
{
	struct kk_plan plan = {
	    .record_bytes = 2048, .lanes = 1, .stage_count = 2, .role_count = 3, .memory = 1024 * MIB};
	struct kk_budget budget;

	(void)state;
	plan.stage[0] =
	    (struct kk_plan_stage){.kind = KK_SOURCE, .workers = 1, .first_role = 1, .in_flight = 1, .largest = 100};
	plan.stage[1] =
	    (struct kk_plan_stage){.kind = KK_SINK, .workers = 1, .first_role = 2, .in_flight = 1, .ring_slots = 64};
	assert_int_equal(kk_budget_divide(&plan, &sizes, &budget), KK_OK);
	assert_int_equal(plan.groups, 256);
	assert_true(budget.total < 8 * MIB);
	assert_true(plan.stage[0].region_bytes >= 257 * 100);
	/* Long queues alone do not put more items under way than can be finished after a ^C ... */
	plan.groups = 0;
	plan.stage[1].ring_slots = 4096;
	assert_int_equal(kk_budget_divide(&plan, &sizes, &budget), KK_OK);
	assert_int_equal(plan.groups, 512);
	/* ... but many hands do. */
	plan.groups = 0;
	plan.stage[1].in_flight = 500;
	assert_int_equal(kk_budget_divide(&plan, &sizes, &budget), KK_OK);
	assert_int_equal(plan.groups, 1024);
}

/* `groups:` of the config is kept, whatever the memory. */
static void test_fixed_groups(void **state)
{
	uint64_t seed = 77;
	struct kk_plan plan;
	struct kk_budget budget;

	(void)state;
	random_plan(&plan, &seed);
	plan.groups = 4096;
	plan.memory = 8192 * MIB;
	assert_int_equal(kk_budget_divide(&plan, &sizes, &budget), KK_OK);
	assert_int_equal(plan.groups, 4096);
	plan.memory = plan.smallest;
	assert_int_equal(kk_budget_divide(&plan, &sizes, &budget), KK_OK);
	assert_int_equal(plan.groups, 4096);
}

/* The largest values that a config and a stage can give do not overflow. */
static void test_extremes(void **state)
{
	struct kk_plan plan = {.record_bytes = 2048,
	                       .lanes = 16,
	                       .stage_count = 2,
	                       .role_count = 482,
	                       .groups = 65536,
	                       .memory = UINT64_C(1) << 40};
	struct kk_budget budget;

	(void)state;
	plan.stage[0] = (struct kk_plan_stage){.kind = KK_SOURCE, .workers = 1, .first_role = 1, .in_flight = 1};
	plan.stage[1] = (struct kk_plan_stage){.kind = KK_TRANSFORM,
	                                       .workers = 480,
	                                       .first_role = 2,
	                                       .in_flight = 65536,
	                                       .ring_slots = 65536,
	                                       .largest = KK_PLAN_MAX_LARGEST,
	                                       .heap = MIB};
	assert_int_equal(kk_budget_divide(&plan, &sizes, &budget), KK_OK);
	assert_true(budget.total <= plan.memory);
	assert_true(budget.total > plan.memory - plan.memory / 100);
	assert_true(plan.stage[1].big_bytes <= UINT32_MAX);
	assert_true((uint64_t)plan.stage[1].blocks * 480 <= KK_PLAN_MAX_BLOCKS);
	plan.stage[1].heap = UINT64_C(1) << 40;
	assert_int_equal(kk_budget_divide(&plan, &sizes, &budget), KK_ERR_NO_ROOM);
	assert_true(plan.smallest > UINT64_C(480) << 40 && plan.smallest < UINT64_C(481) << 40);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_smallest_is_exact),
    cmocka_unit_test(test_more_is_more),
    cmocka_unit_test(test_no_more_than_useful),
    cmocka_unit_test(test_fixed_groups),
    cmocka_unit_test(test_extremes),
};
HARNESS_MAIN(tests)
