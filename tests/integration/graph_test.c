/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs, shared objects, limits and refusals, on generated items. */
#include "pipeline.h"

#include <signal.h>
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

#define COUNT(name) KAKEHI_BUILD_DIR "/tests/plugins/count.so, with: { shared: " name " }"

/* Each branch takes its own, some take the same, one takes what the other does not, and some items nobody takes. */
static void test_branches_take_what_they_want(void **state)
{
	struct run run;

	(void)state;
	pipeline_config(
	    "pipeline: when\nmemory: 48MiB\n"
	    "shared: { sevens: { type: value }, small: { type: value }, both: { type: value } }\n"
	    "source: { name: src, use: generate, with: { count: 1000, size: 100 } }\n"
	    "stages:\n"
	    "  - { name: a, use: pass, workers: 2, when: not key contains \"9\" }\n"
	    "  - { name: sevens, from: a, when: key contains \"7\", use: " COUNT(
	        "sevens") " }\n"
	                  "  - { name: small, from: a, when: 'key < \"5\" and bytes == 100', use: " COUNT(
	                      "small") " }\n"
	                               "  - { name: both, from: [sevens, small], workers: 2, use: " COUNT(
	                                   "both") " }\n"
	                                           "  - { name: none, from: both, when: width > 0, use: discard }\n"
	                                           "  - { name: end, from: both, use: discard }\n");
	run = pipeline_run();
	/* The keys are the numbers. */
	unsigned sevens = 0, small = 0, any = 0;
	for (unsigned i = 0; i < 1000; i++) {
		char *key = harness_text("%u", i);
		bool nine = strchr(key, '9'), seven = strchr(key, '7'), low = strcmp(key, "5") < 0;
		sevens += !nine && seven;
		small += !nine && low;
		any += !nine && (seven || low);
	}
	assert_int_equal(run.exit_code, 0);
	assert_int_equal(run.done, any);
	assert_int_equal(run.skipped, 1000 - any);
	assert_non_null(strstr(run.err, harness_text("sevens = %u", sevens)));
	assert_non_null(strstr(run.err, harness_text("small = %u", small)));
	assert_non_null(strstr(run.err, harness_text("both = %u", sevens + small)));
}

/* A way that fails has its line, the item is failed once; the other ways go on. */
static void test_each_failed_way_has_a_line(void **state)
{
	struct run run;

	(void)state;
	pipeline_config("pipeline: ways\nmemory: 48MiB\n"
	                "shared: { seen: { type: value } }\n"
	                "errors: { file: errors.ndjson }\n"
	                "source: { name: src, use: generate, with: { count: 100 } }\n"
	                "stages:\n"
	                "  - { name: one, from: src, use: " KAKEHI_BUILD_DIR
	                "/tests/plugins/jitter.so, with: { max_us: 10, every: 10 } }\n"
	                "  - { name: two, from: src, use: " KAKEHI_BUILD_DIR
	                "/tests/plugins/jitter.so, with: { max_us: 10, every: 20 } }\n"
	                "  - { name: three, from: src, use: " COUNT("seen") " }\n");
	run = pipeline_run();
	pipeline_expect(&run, 1, 90, 10);
	assert_int_equal(pipeline_errors("stage", "one"), 10);
	assert_int_equal(pipeline_errors("stage", "two"), 5);
	assert_non_null(strstr(run.err, "seen = 100"));
}

/* One item takes its time. The few that its worker had taken with it wait; all others are done by the other one. */
static void test_a_slow_item_holds_up_few_others(void **state)
{
	enum { TAKEN_TOGETHER = 8 };
	struct harness_program *program;
	struct run run;

	(void)state;
	pipeline_config("pipeline: slow\nmemory: 48MiB\nshutdown_timeout: 200ms\n"
	                "source: { use: generate, with: { count: 2000, size: 10 } }\n"
	                "stages:\n"
	                "  - { name: a, use: pass, workers: 2 }\n"
	                "  - { name: b, use: " KAKEHI_BUILD_DIR
	                "/tests/plugins/hang.so, workers: 2, timeout: 60s, with: { match: \"1000\" } }\n"
	                "  - { name: end, use: upload, with: { to: \"out/{n}\" } }\n");
	program = pipeline_start(60000);
	pipeline_wait_outputs(program, harness_path("out"), 2000 - TAKEN_TOGETHER);
	assert_true(harness_running(program));
	kill(harness_pid(program), SIGINT);
	run = pipeline_end(program);
	assert_in_range(run.done, 2000 - TAKEN_TOGETHER, 1999);
	assert_int_equal(run.in, 2000);
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

/* By three workers; what does not fit is told to the stage. */
static void test_a_list_is_shared(void **state)
{
	struct run run;

	(void)state;
	pipeline_config("pipeline: shared\nmemory: 32MiB\n"
	                "shared: { list: { type: list, length: 999, item_max: 16 } }\n"
	                "source: { use: generate, with: { count: 1000 } }\n"
	                "stages:\n"
	                "  - { name: count, use: " KAKEHI_BUILD_DIR "/tests/plugins/count.so, workers: 3 }\n"
	                "  - { name: end, use: discard }\n"
	                "errors: { file: errors.ndjson }\n");
	run = pipeline_run();
	pipeline_expect(&run, 1, 999, 1);
	assert_int_equal(pipeline_errors("error", "cannot append to \"list\""), 1);
	assert_non_null(strstr(run.err, "list = ["));
	assert_non_null(strstr(run.err, "...\n")); /* it is longer than what is shown */
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
    cmocka_unit_test(test_generate_to_discard),
    cmocka_unit_test(test_no_items),
    cmocka_unit_test(test_branches_take_what_they_want),
    cmocka_unit_test(test_each_failed_way_has_a_line),
    cmocka_unit_test(test_a_slow_item_holds_up_few_others),
    cmocka_unit_test(test_branches_both_get_every_item),
    cmocka_unit_test(test_shared_objects_are_printed),
    cmocka_unit_test(test_a_list_is_shared),
    cmocka_unit_test(test_invalid_config_is_78),
};

HARNESS_MAIN(tests)
