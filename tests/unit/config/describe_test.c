/* SPDX-License-Identifier: Apache-2.0 */
#include "config/describe.h"
#include "graph/plan.h"
#include "harness.h"

#include <stdlib.h>
#include <string.h>

struct described {
	int code;
	struct kk_plan *plan;
	char *text;
};

static struct described describe(const char *with, uint32_t deadline)
{
	struct described described = {0};
	struct kk_describe_request request = {
	    .file = harness_path("c.yaml"), .selection = {.limit = 17}, .deadline = deadline};

	assert_int_equal(setenv("KAKEHI_STAGES", PROBE_DIR ":" KAKEHI_BUILD_DIR "/stages", 1), 0);
	harness_write_text(request.file,
	                   "pipeline: p\n"
	                   "source: { use: generate, with: { count: 3 } }\n"
	                   "stages:\n"
	                   "  - { name: suspect, use: probe, with: { %s } }\n"
	                   "  - { name: end, use: discard }\n",
	                   with);
	described.code = kk_describe(&request, &described.plan, &described.text);
	assert_non_null(described.text);
	harness_keep(described.text);
	return described;
}

static void test_plan_arrives(void **state)
{
	struct described described = describe("word: a b, list: [x, y]", 0);
	static const char options[] = "word\0a b\0list\0x\0list\0y";

	(void)state;
	assert_string_equal(described.text, "");
	assert_int_equal(described.code, 0);
	const struct kk_plan *plan = described.plan;
	assert_int_equal(kk_plan_check(plan, plan->bytes), 0);
	assert_int_equal(plan->limit, 17);
	assert_string_equal(kk_plan_text(plan, plan->name), "p");
	assert_int_equal(plan->stage_count, 3);
	assert_string_equal(kk_plan_text(plan, plan->stage[1].name), "suspect");
	assert_string_equal(kk_plan_text(plan, plan->stage[1].use), "probe");
	assert_int_equal(kk_plan_text(plan, plan->stage[1].module)[0], '/');
	assert_int_equal(plan->stage[1].options_bytes, sizeof(options));
	assert_memory_equal(kk_plan_text(plan, plan->stage[1].options), options, sizeof(options));
	assert_int_equal(plan->stage[1].largest, 65536);
	free(described.plan);
}

static void test_crash_is_told(void **state)
{
	struct described described = describe("act: crash", 0);

	(void)state;
	assert_int_equal(described.code, 70);
	assert_null(described.plan);
	assert_non_null(strstr(described.text, "stage \"suspect\""));
}

/* By whoever is short of memory, say: that is no fault of the config. */
static void test_who_is_killed_is_asked_again(void **state)
{
	struct described described = describe(harness_text("act: killed, word: %s", harness_path("killed")), 0);

	(void)state;
	assert_string_equal(described.text, "");
	assert_int_equal(described.code, 0);
	free(described.plan);
	described = describe("act: killed", 0);
	assert_int_equal(described.code, 70);
	assert_null(described.plan);
	assert_non_null(strstr(described.text, "stage \"suspect\" ended the check of its options: killed by SIGKILL"));
}

static void test_hang_is_ended(void **state)
{
	uint64_t start = harness_now_ms();
	struct described described = describe("act: hang", 300);

	(void)state;
	assert_int_equal(described.code, 70);
	assert_null(described.plan);
	assert_non_null(strstr(described.text, "stage \"suspect\" did not answer in time"));
	assert_true(harness_now_ms() - start < 10000);
}

static void test_leaving_is_no_success(void **state)
{
	struct described described = describe("act: leave", 0);

	(void)state;
	assert_int_equal(described.code, 70);
	assert_null(described.plan);
}

static void test_wrong_config(void **state)
{
	struct described described = describe("nubmer: 1", 0);

	(void)state;
	assert_int_equal(described.code, 78);
	assert_null(described.plan);
	assert_non_null(strstr(described.text, "c.yaml:4:42: error: stage \"suspect\": unknown option \"nubmer\"\n"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_plan_arrives),
    cmocka_unit_test(test_crash_is_told),
    cmocka_unit_test(test_who_is_killed_is_asked_again),
    cmocka_unit_test(test_hang_is_ended),
    cmocka_unit_test(test_leaving_is_no_success),
    cmocka_unit_test(test_wrong_config),
};
HARNESS_MAIN(tests)
