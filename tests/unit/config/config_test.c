/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "harness.h"
#include "parsed.h"

#include <kakehi/cpus.h>
#include <string.h>

static const char full[] = "pipeline: photos\n"
                           "memory: 64MiB\n"
                           "seed: 18446744073709551615\n"
                           "groups: 128\n"
                           "shutdown_timeout: 5s\n"
                           "shared:\n"
                           "  n: { type: value, initial: -3 }\n"
                           "  a: { type: array, of: double, length: 10, initial: 0.5 }\n"
                           "  d: { type: dict, item_max: 1KiB }\n"
                           "source: { use: source, with: { path: x } }\n"
                           "stages:\n"
                           "  - { name: one, use: transform, workers: auto, timeout: 0, heap: 1MiB, queue: 64 }\n"
                           "  - { use: sink, from: [one, source] }\n"
                           "errors: { file: e, attempts: 5, max_failures: 2.5% }\n";

static void test_all_fields(void **state)
{
	struct parsed parsed;

	(void)state;
	parsed_config(&parsed, full);
	assert_string_equal(parsed_messages(&parsed), "");
	const struct kk_config *config = parsed.config;
	assert_string_equal(config->pipeline.text, "photos");
	assert_int_equal(config->memory.value, 64 << 20);
	assert_int_equal(config->memory.place.line, 2);
	assert_true(config->seed.value == UINT64_MAX);
	assert_int_equal(config->groups.value, 128);
	assert_int_equal(config->shutdown_timeout.value, 5000);
	assert_int_equal(config->attempts.value, 5);
	assert_true(config->max_failures_share == 0.025);
	assert_int_equal(config->max_failures.value, 0);
	assert_string_equal(config->errors_file.text, "e");
	assert_string_equal(config->source.name.text, "source");
	assert_int_equal(config->source.workers.value, 1);
	assert_string_equal(kk_node_text(kk_node_find(config->source.with, "path")), "x");
	assert_int_equal(config->stage_count, 2);
	const struct kk_config_stage *one = &config->stages[0], *two = &config->stages[1];
	assert_int_equal(one->workers.value, kk_cpus());
	assert_int_equal(one->timeout.value, 0);
	assert_int_equal(one->timeout.place.line, 12);
	assert_int_equal(one->heap.value, 1 << 20);
	assert_int_equal(one->queue.value, 64);
	assert_int_equal(one->from_place.line, 0);
	assert_string_equal(two->name.text, "sink");
	assert_int_equal(two->from_count, 2);
	assert_string_equal(two->from[1].text, "source");
	assert_int_equal(two->from[1].place.column, 30);
	parsed_free(&parsed);
}

static void test_shared_fields(void **state)
{
	struct parsed parsed;

	(void)state;
	parsed_config(&parsed, full);
	const struct kk_config_shared *shared = parsed.config->shared;
	assert_int_equal(parsed.config->shared_count, 3);
	assert_int_equal(shared[0].kind, KK_CONFIG_VALUE);
	assert_false(shared[0].is_float);
	assert_true(shared[0].initial == -3);
	assert_int_equal(shared[0].length.value, 1);
	assert_int_equal(shared[1].kind, KK_CONFIG_ARRAY);
	assert_true(shared[1].is_float);
	assert_int_equal(shared[1].length.value, 10);
	assert_int_equal(shared[2].kind, KK_CONFIG_DICT);
	assert_int_equal(shared[2].length.value, 1024);
	assert_int_equal(shared[2].item_max.value, 1024);
	parsed_free(&parsed);
}

static void test_defaults(void **state)
{
	struct parsed parsed;

	(void)state;
	parsed_config(&parsed,
	              "pipeline: x\nsource:\n  use: source\n  with:\nstages:\n- use: sink\nerrors:\nshared:\n");
	assert_string_equal(parsed_messages(&parsed), "");
	const struct kk_config *config = parsed.config;
	assert_int_equal(config->memory.value, 512 << 20);
	assert_int_equal(config->memory.place.line, 0);
	assert_int_equal(config->attempts.value, 3);
	assert_int_equal(config->shutdown_timeout.value, 20000);
	assert_int_equal(config->stages[0].workers.value, 1);
	assert_int_equal(config->stages[0].timeout.place.line, 0);
	assert_null(config->errors_file.text);
	parsed_free(&parsed);
}

static void test_max_failures_number(void **state)
{
	struct parsed parsed;

	(void)state;
	parsed_config(&parsed,
	              "pipeline: x\nsource: { use: source }\nstages: [use: sink]\nerrors: { max_failures: 10 }\n");
	assert_string_equal(parsed_messages(&parsed), "");
	assert_int_equal(parsed.config->max_failures.value, 10);
	assert_true(parsed.config->max_failures_share == 0);
	parsed_free(&parsed);
}

/* The second of two equal fields is a mistake and otherwise ignored, whatever it holds. */
static void test_field_given_twice(void **state)
{
	struct parsed parsed;

	(void)state;
	parsed_config(&parsed, "pipeline: x\nsource: { use: source }\nstages: [use: sink]\n"
	                       "stages: [use: a, use: b, use: c]\nshared: { a: { type: value } }\n"
	                       "shared: { b: { type: value }, c: { type: value } }\n");
	assert_int_equal(kk_diagnostics_count(parsed.diagnostics), 2);
	assert_int_equal(parsed.config->stage_count, 1);
	assert_int_equal(parsed.config->shared_count, 1);
	parsed_free(&parsed);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_all_fields),        cmocka_unit_test(test_shared_fields),
    cmocka_unit_test(test_defaults),          cmocka_unit_test(test_max_failures_number),
    cmocka_unit_test(test_field_given_twice),
};
HARNESS_MAIN(tests)
