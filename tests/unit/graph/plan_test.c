/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/build.h"
#include "graph/plan.h"
#include "harness.h"
#include "parsed.h"

#include <kakehi/stage.h>
#include <stdlib.h>
#include <string.h>

static const char text[] = "pipeline: x\n"
                           "memory: 64MiB\n"
                           "seed: 9\n"
                           "groups: 64\n"
                           "shared: { v: { type: value, of: double, initial: 1.5 }, d: { type: dict, length: 7 } }\n"
                           "source: { use: source }\n"
                           "stages:\n"
                           "- { name: a, use: flight, workers: 3, queue: 64 }\n"
                           "- { name: b, use: transform, timeout: 5s, heap: 2MiB }\n"
                           "- { name: c, use: sink, from: a, workers: 2 }\n"
                           "- { name: d, use: sink, from: b }\n"
                           "errors: { file: e.ndjson, max_failures: 50% }\n";

static struct kk_plan *build(void)
{
	struct parsed parsed;

	parsed_config(&parsed, text);
	parsed.config->stages[0].demand.largest = 100000;
	parsed.config->stages[0].demand.needs = KK_NEED_NETWORK;
	parsed.config->stages[0].demand.permits = 3;
	parsed.config->stages[0].demand.cached = 7;
	parsed.config->stages[0].demand.key_rate = 0.5;
	parsed.config->stages[0].demand.rate = 100;
	parsed.config->stages[3].demand.takes_ms = 90000;
	parsed.config->stages[1].options = "k\0v";
	parsed.config->stages[1].options_bytes = 4;
	parsed.config->selection = (struct kk_selection){.limit = 5, .shard = 2, .shards = 3, .only = "k"};
	struct kk_plan *plan = kk_plan_build(parsed.config, "dir/x.yaml", parsed.diagnostics);
	assert_string_equal(parsed_messages(&parsed), "");
	assert_non_null(plan);
	parsed_free(&parsed);
	return plan;
}

/* The plan needs nothing of what it was made from. */
static void test_round_trip(void **state)
{
	struct kk_plan *made = build();

	(void)state;
	struct kk_plan *plan = harness_keep(malloc(made->bytes));
	memcpy(plan, made, made->bytes);
	free(made);
	assert_int_equal(kk_plan_check(plan, plan->bytes), 0);
	assert_string_equal(kk_plan_text(plan, plan->name), "x");
	assert_string_equal(kk_plan_text(plan, plan->config), "dir/x.yaml");
	assert_string_equal(kk_plan_text(plan, plan->errors_file), "e.ndjson");
	assert_int_equal(plan->memory, 64 << 20);
	assert_int_equal(plan->seed, 9);
	assert_int_equal(plan->limit, 5);
	assert_int_equal(plan->groups, 64);
	assert_int_equal(plan->lanes, 2);
	assert_int_equal(plan->attempts, 3);
	assert_true(plan->max_failures_share == 0.5);
	assert_int_equal(plan->shutdown_timeout_ms, 20000);
	assert_int_equal(plan->stage_count, 5);
	assert_int_equal(plan->edge_count, 4);
	assert_int_equal(plan->role_count, 9);
	assert_int_equal(plan->shared_count, 2);
	assert_string_equal(kk_plan_text(plan, plan->shared[0].name), "v");
	assert_int_equal(plan->shared[0].kind, KK_SHARED_VALUE);
	assert_int_equal(plan->shared[0].is_float, 1);
	assert_true(plan->shared[0].initial == 1.5);
	assert_int_equal(plan->shared[1].kind, KK_SHARED_DICT);
	assert_int_equal(plan->shared[1].length, 7);
}

static void test_stages(void **state)
{
	struct kk_plan *plan = build();
	const struct kk_plan_stage *stage = plan->stage;

	(void)state;
	assert_int_equal(stage[0].kind, KK_SOURCE);
	assert_int_equal(stage[0].ring_slots, 0);
	assert_int_equal(stage[0].first_role, 1);
	assert_int_equal(stage[0].item_timeout_ms, 0);
	assert_int_equal(stage[1].first_role, 2);
	assert_int_equal(stage[1].workers, 3);
	assert_int_equal(stage[1].asynchronous, 1);
	assert_int_equal(stage[1].in_flight, 64);
	assert_int_equal(stage[1].ring_slots, 64);
	assert_int_equal(stage[1].needs, KK_NEED_NETWORK);
	assert_int_equal(stage[1].item_timeout_ms, 0);
	assert_true(stage[1].region_bytes >= 65536 && stage[1].big_bytes >= 104096 && stage[1].blocks >= 16);
	assert_int_equal(stage[2].first_role, 5);
	assert_int_equal(stage[2].item_timeout_ms, 5000);
	assert_int_equal(stage[2].heap, 2 << 20);
	assert_int_equal(stage[2].options_bytes, 4);
	assert_string_equal(kk_plan_text(plan, stage[2].options), "k");
	assert_int_equal(stage[2].region_bytes, 0);
	assert_int_equal(stage[3].item_timeout_ms, 60000);
	assert_int_equal(stage[4].item_timeout_ms, 120000); /* behind the stage's own */
	assert_int_equal(stage[1].permits, 3);
	assert_int_equal(stage[1].cached, 7);
	assert_true(stage[1].key_rate == 0.5 && stage[1].rate == 100);
	assert_int_equal(stage[3].ring_slots, 1024);
	assert_int_equal(stage[3].options, 0);
	assert_string_equal(kk_plan_text(plan, 0), "");
	assert_string_equal(kk_plan_text(plan, UINT32_MAX), "");
	assert_string_equal(kk_plan_text(plan, 8), "");
	free(plan);
}

/* Any single wrong field is noticed. */
static void test_check_refuses(void **state)
{
	struct kk_plan *plan = build();
	uint64_t bytes = plan->bytes;

	(void)state;
	assert_int_equal(kk_plan_check(plan, bytes), 0);
	assert_int_equal(kk_plan_check(plan, bytes - 1), -1);
	assert_int_equal(kk_plan_check(plan, 10), -1);
	assert_int_equal(kk_plan_check(NULL, 0), -1);
#define REFUSED(field, value)                                                                                          \
	do {                                                                                                           \
		__typeof__(plan->field) kept = plan->field;                                                            \
		plan->field = value;                                                                                   \
		if (kk_plan_check(plan, bytes) != -1)                                                                  \
			fail_msg("%s = %s is let through", #field, #value);                                            \
		plan->field = kept;                                                                                    \
		assert_int_equal(kk_plan_check(plan, bytes), 0);                                                       \
	} while (0)
	REFUSED(magic, 1);
	REFUSED(version, KK_PLAN_VERSION + 1);
	REFUSED(bytes, bytes + 1);
	REFUSED(name, (uint32_t)bytes);
	REFUSED(config, 4);
	REFUSED(only, (uint32_t)bytes);
	REFUSED(shard, 4);
	REFUSED(shard, 0);
	REFUSED(shards, 0);
	REFUSED(duplicates, 3);
	REFUSED(manifest_csv, 2);
	REFUSED(errors_file, UINT32_MAX);
	REFUSED(stage_count, 0);
	REFUSED(stage_count, KK_PLAN_MAX_STAGES + 1);
	REFUSED(edge_count, KK_PLAN_MAX_EDGES + 1);
	REFUSED(shared_count, KK_PLAN_MAX_SHARED + 1);
	REFUSED(role_count, 8);
	REFUSED(role_count, UINT32_MAX);
	REFUSED(lanes, 0);
	REFUSED(lanes, 1);
	REFUSED(lanes, KK_PLAN_MAX_LANES + 1);
	REFUSED(groups, 0);
	REFUSED(groups, 65);
	REFUSED(groups, UINT32_C(1) << 31);
	REFUSED(record_bytes, 0);
	REFUSED(record_bytes, UINT32_MAX);
	REFUSED(attempts, 0);
	REFUSED(stage[0].kind, KK_SINK);
	REFUSED(stage[1].kind, KK_SOURCE);
	REFUSED(stage[1].kind, 9);
	REFUSED(stage[1].workers, 4);
	REFUSED(stage[1].workers, 0);
	REFUSED(stage[1].first_role, 3);
	REFUSED(stage[1].in_flight, 0);
	REFUSED(stage[1].asynchronous, 2);
	REFUSED(stage[0].ring_slots, 2);
	REFUSED(stage[1].ring_slots, 0);
	REFUSED(stage[1].ring_slots, 3);
	REFUSED(stage[1].ring_slots, UINT32_C(1) << 31);
	REFUSED(stage[1].region_bytes, 0);
	REFUSED(stage[1].region_bytes, 65);
	REFUSED(stage[1].region_bytes, UINT64_MAX - 63);
	REFUSED(stage[1].big_bytes, 4096);
	REFUSED(stage[1].big_bytes, UINT64_C(1) << 32);
	REFUSED(stage[1].largest, UINT64_C(1) << 32);
	REFUSED(stage[1].blocks, UINT32_C(1) << 24);
	REFUSED(stage[1].blocks, 0);
	REFUSED(stage[1].heap, UINT64_MAX);
	REFUSED(stage[1].cached, KK_PLAN_MAX_CACHED + 1);
	REFUSED(stage[1].rate, -1);
	REFUSED(stage[1].rate, 1e10);
	REFUSED(stage[1].key_rate, 1e-9);
	REFUSED(stage[1].key_rate, __builtin_nan(""));
	REFUSED(stage[1].module, 1);
	REFUSED(stage[2].options, (uint32_t)bytes - 2);
	REFUSED(stage[2].options_bytes, UINT32_MAX);
	REFUSED(stage[2].options_bytes, 3);
	REFUSED(edge[0].to, 0);
	REFUSED(edge[0].to, 5);
	REFUSED(edge[0].to_lane, 1);
	REFUSED(edge[0].lane, 9);
	REFUSED(edge[1].to_lane, 2);
	REFUSED(edge[3].stage, 0);
	REFUSED(shared[0].kind, 0);
	REFUSED(shared[0].length, 0);
	REFUSED(shared[1].item_max, UINT32_MAX);
	REFUSED(shared[1].name, 2);
#undef REFUSED
	((char *)plan)[bytes - 1] = 'x';
	assert_int_equal(kk_plan_check(plan, bytes), -1);
	free(plan);
}

/* `workers: auto` is as many as there are CPUs, or as many as the memory has room for: then it is said. */
static void test_auto_workers(void **state)
{
	static const char config[] = "pipeline: x\n"
	                             "memory: 64MiB\n"
	                             "source: { use: source }\n"
	                             "stages:\n"
	                             "- { name: a, use: transform, workers: auto }\n"
	                             "- { name: b, use: sink, workers: 2 }\n";
	struct parsed parsed;

	(void)state;
	for (unsigned cpus = 1; cpus <= 64; cpus *= 4) {
		parsed_config(&parsed, config);
		assert_true(parsed.config->stages[0].workers_auto);
		parsed.config->stages[0].workers.value = cpus;
		parsed.config->stages[0].demand.heap = 10 << 20;
		struct kk_plan *plan = kk_plan_build(parsed.config, "x", parsed.diagnostics);
		assert_non_null(plan);
		assert_int_equal(kk_plan_check(plan, plan->bytes), 0);
		assert_int_equal(plan->stage[1].workers, cpus < 5 ? cpus : 5);
		assert_int_equal(plan->stage[2].workers, 2);
		assert_true(plan->smallest < 20 << 20);
		bool told = strstr(parsed_messages(&parsed), "t:5:39: warning: stage \"a\" gets 5 workers") != NULL;
		assert_true(told == (cpus > 5));
		free(plan);
		parsed_free(&parsed);
	}
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_stages),
                                          cmocka_unit_test(test_check_refuses), cmocka_unit_test(test_auto_workers)};
HARNESS_MAIN(tests)
