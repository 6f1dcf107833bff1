/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs, shared objects, limits and refusals, on generated items. */
#include "pipeline.h"

#include <string.h>

static void test_generate_to_discard(void **state)
{
	struct run run;

	(void)state;
	pipeline_config("pipeline: plain\nmemory: 32MiB\n"
	                "source: { use: generate, with: { count: 10000, size: 100 } }\n"
	                "stages:\n"
	                "  - { name: a, use: pass, workers: 3 }\n"
	                "  - { name: end, use: discard, with: { verify: true } }\n");
	run = pipeline_run();
	pipeline_expect(&run, 0, 10000, 0);
}

static void test_no_items(void **state)
{
	struct run run;

	(void)state;
	pipeline_config("pipeline: none\nmemory: 32MiB\n"
	                "source: { use: generate, with: { count: 0 } }\n"
	                "stages: [ { name: end, use: discard } ]\n");
	run = pipeline_run();
	pipeline_expect(&run, 0, 0, 0);
}

static void test_branches_both_get_every_item(void **state)
{
	struct run run;

	(void)state;
	harness_make_dir(harness_path("words"));
	for (int i = 0; i < 20; i++)
		harness_write_text(harness_path("words/%d.txt", i), "word %d", i);
	pipeline_config("pipeline: branches\nmemory: 64MiB\n"
	                "source: { name: words, use: files, with: { paths: words, max_bytes: 1MiB } }\n"
	                "stages:\n"
	                "  - { name: first, use: template, from: words, with: { prefix: \"1 \" } }\n"
	                "  - { name: one, use: upload, with: { to: \"one/{name}\" } }\n"
	                "  - { name: second, use: template, from: words, with: { prefix: \"2 \" } }\n"
	                "  - { name: two, use: upload, with: { to: \"two/{name}\" } }\n");
	run = pipeline_run();
	pipeline_expect(&run, 0, 20, 0);
	assert_int_equal(harness_count_files(harness_path("one")), 20);
	assert_int_equal(harness_count_files(harness_path("two")), 20);
	assert_string_equal(harness_read(harness_path("one/7"), NULL), "1 WORD 7");
	assert_string_equal(harness_read(harness_path("two/7"), NULL), "2 WORD 7");
}

static void test_shared_objects_are_printed(void **state)
{
	struct run run;

	(void)state;
	pipeline_config("pipeline: shared\nmemory: 32MiB\n"
	                "shared:\n"
	                "  seen: { type: value, of: int64 }\n"
	                "source: { use: generate, with: { count: 1000 } }\n"
	                "stages:\n"
	                "  - { name: count, use: " KAKEHI_BUILD_DIR
	                "/tests/plugins/count.so, workers: 3, with: { shared: seen } }\n"
	                "  - { name: end, use: discard }\n");
	run = pipeline_run();
	pipeline_expect(&run, 0, 1000, 0);
	assert_non_null(strstr(run.err, "seen = 1000"));
}

static void test_invalid_config_is_78(void **state)
{
	struct harness_result result;

	(void)state;
	pipeline_config("pipeline: wrong\nmemory: 32MiB\n"
	                "source: { use: generate, with: { count: 10 } }\n"
	                "stages:\n"
	                "  - { name: end, use: discard, wokers: 2 }\n");
	result = pipeline_verb("validate", "pipeline.yaml");
	assert_int_equal(result.exit_code, 78);
	assert_non_null(strstr(result.err, "pipeline.yaml:5:32: error: "));
	assert_non_null(strstr(result.err, "workers"));
	assert_int_equal(pipeline_verb("run", "pipeline.yaml").exit_code, 78);
	assert_int_equal(pipeline_verb("run", "none.yaml").exit_code, 78);
	assert_int_equal(pipeline_verb("no-such-verb", "x").exit_code, 2);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_generate_to_discard),          cmocka_unit_test(test_no_items),
    cmocka_unit_test(test_branches_both_get_every_item), cmocka_unit_test(test_shared_objects_are_printed),
    cmocka_unit_test(test_invalid_config_is_78),
};

HARNESS_MAIN(tests)
