/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi validate: every wrong config of configs/broken says exactly what NAME.expected says. */
#include "harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KAKEHI KAKEHI_BUILD_DIR "/kakehi"
#define BROKEN KAKEHI_SOURCE_DIR "/configs/broken"

enum { CONFIG_WRONG = 78, INTERNAL = 70 };

static struct harness_result validate_in(const char *dir, const char *file, const char *stages)
{
	const char *const argv[] = {KAKEHI, "validate", file, NULL};
	const char *const env[] = {stages, NULL};

	return harness_exec(argv, &(struct harness_options){.dir = dir, .env = stages ? env : NULL});
}

/* `pattern` is the text, in which <...> stands for anything within a line. */
static bool matches(const char *text, const char *pattern)
{
	while (*pattern) {
		if (strncmp(pattern, "<...>", 5) != 0) {
			if (*text++ != *pattern++)
				return false;
			continue;
		}
		for (pattern += 5; *text && *text != '\n'; text++) {
			if (matches(text, pattern))
				return true;
		}
	}
	return !*text;
}

static void check_broken(const char *file)
{
	char *expected =
	    harness_read(harness_text("%s/%.*s.expected", BROKEN, (int)(strlen(file) - strlen(".yaml")), file), NULL);
	struct harness_result result = validate_in(BROKEN, file, NULL);

	if (result.exit_code != CONFIG_WRONG)
		fail_msg("%s: exit %d, signal %d", file, result.exit_code, result.signal);
	if (*result.out)
		fail_msg("%s: something on stdout: %s", file, result.out);
	if (!matches(result.err, expected))
		fail_msg("%s: it says\n%s\nbut is expected to say\n%s", file, result.err, expected);
}

static void test_broken_configs(void **state)
{
	DIR *dir = opendir(BROKEN);
	unsigned count = 0;
	struct dirent *entry;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		const char *suffix = strrchr(entry->d_name, '.');
		if (!suffix || strcmp(suffix, ".yaml") != 0)
			continue;
		check_broken(entry->d_name);
		count++;
	}
	closedir(dir);
	assert_true(count >= 80);
}

/* The comparison above must be able to fail. */
static void test_matching(void **state)
{
	(void)state;
	assert_true(matches("a 12 b\n", "a <...> b\n"));
	assert_true(matches("a 12 b\n", "a 12 b\n"));
	assert_false(matches("a 12 b\nc\n", "a <...> b\n"));
	assert_false(matches("a 12\n b\n", "a <...> b\n"));
	assert_false(matches("", "a"));
	assert_false(matches("a 12 b", "a <...> c"));
}

static const char good[] = "pipeline: good\n"
                           "memory: 64MiB\n"
                           "source: { use: generate, with: { count: 10, size: 1KiB } }\n"
                           "stages:\n"
                           "  - { name: one, use: pass, workers: 3 }\n"
                           "  - { name: two, use: discard, workers: 2 }\n";

static void test_good_config(void **state)
{
	(void)state;
	harness_write_text(harness_path("good.yaml"), "%s", good);
	struct harness_result result = validate_in(NULL, "good.yaml", NULL);
	assert_string_equal(result.err, "");
	assert_int_equal(result.exit_code, 0);
	assert_true(matches(result.out, "good.yaml: ok: source and 2 stages, 6 workers, 8 processes; memory 64MiB: "
	                                "fixed <...>, arenas <...>, heaps <...> MiB; smallest <...>MiB\n"));
}

/* The smallest budget that is told is one that is admitted. */
static void test_smallest_is_enough(void **state)
{
	(void)state;
	harness_write_text(harness_path("good.yaml"), "%s", good);
	char *told = strstr(validate_in(NULL, "good.yaml", NULL).out, "smallest ");
	assert_non_null(told);
	char *smallest = harness_text("%.*s", (int)strcspn(told + 9, "\n"), told + 9);
	char *changed = harness_text("pipeline: good\nmemory: %s\n%s", smallest, strstr(good, "source:"));
	harness_write_text(harness_path("small.yaml"), "%s", changed);
	assert_int_equal(validate_in(NULL, "small.yaml", NULL).exit_code, 0);
}

static void test_several_files(void **state)
{
	const char *const argv[] = {KAKEHI, "validate", "good.yaml", "none.yaml", "good.yaml", NULL};

	(void)state;
	harness_write_text(harness_path("good.yaml"), "%s", good);
	struct harness_result result = harness_exec(argv, NULL);
	assert_int_equal(result.exit_code, CONFIG_WRONG);
	assert_int_equal(harness_count_lines(result.out), 2);
	assert_string_equal(result.err, "none.yaml: error: cannot read the config: No such file or directory\n");
}

static void test_without_file(void **state)
{
	static const char *const words[][3] = {{NULL}, {"--", NULL}, {"--json", "good.yaml", NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *const argv[] = {KAKEHI, "validate", words[i][0], words[i][0] ? words[i][1] : NULL, NULL};
		assert_int_equal(harness_exec(argv, NULL).exit_code, 2);
	}
}

/* ---- stages that misbehave when they are asked */

static struct harness_result probe(const char *with)
{
	harness_write_text(harness_path("probe.yaml"),
	                   "pipeline: probe\n"
	                   "source: { use: generate, with: { count: 1 } }\n"
	                   "stages:\n"
	                   "  - { name: suspect, use: probe, with: { %s } }\n"
	                   "  - { name: end, use: discard }\n",
	                   with);
	return validate_in(NULL, "probe.yaml", "KAKEHI_STAGES=/nowhere:" PROBE_DIR);
}

static void test_stage_refuses(void **state)
{
	struct harness_result result = probe("act: refuse");

	(void)state;
	assert_int_equal(result.exit_code, CONFIG_WRONG);
	assert_non_null(strstr(result.err, "probe.yaml:4:34: error: stage \"suspect\": \"number\" and \"ratio\" do not "
	                                   "go together\n"));
}

static void test_stage_crashes(void **state)
{
	struct harness_result result = probe("act: crash");

	(void)state;
	assert_int_equal(result.exit_code, INTERNAL);
	assert_non_null(strstr(result.err, "probe.yaml: error: stage \"suspect\" "));
	assert_non_null(strstr(result.err, "SIGSEGV"));
}

static void test_stage_leaves(void **state)
{
	(void)state;
	assert_int_equal(probe("act: leave").exit_code, INTERNAL);
}

static void test_stage_asks_for_nonsense(void **state)
{
	struct harness_result result = probe("act: absurd");

	(void)state;
	assert_int_equal(result.exit_code, CONFIG_WRONG);
	assert_non_null(strstr(result.err, "probe.yaml:4:27: error: "));
}

/* What a stage prints is shown; it never gets into the plan. */
static void test_stage_prints(void **state)
{
	struct harness_result result = probe("act: print");

	(void)state;
	assert_int_equal(result.exit_code, 0);
	assert_string_equal(result.err, "probe: a line on stderr\n");
	assert_null(strstr(result.out, "probe: a line"));
}

static void test_secret_is_not_shown(void **state)
{
	struct harness_result result = probe("token: [hunter2, hunter3]");

	(void)state;
	assert_int_equal(result.exit_code, CONFIG_WRONG);
	assert_null(strstr(result.err, "hunter"));
}

static void test_unsound_modules(void **state)
{
	static const struct {
		const char *use, *says;
	} modules[] = {{"foreign", "built for stage ABI 1001"},
	               {"hollow", "does not export kk_stage"},
	               {PROBE_DIR "/none.so", "No such file"},
	               {"/dev/null", "cannot load the stage"}};

	(void)state;
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		harness_write_text(harness_path("bad.yaml"),
		                   "pipeline: bad\n"
		                   "source: { use: generate, with: { count: 1 } }\n"
		                   "stages: [ { name: end, use: \"%s\" } ]\n",
		                   modules[i].use);
		struct harness_result result = validate_in(NULL, "bad.yaml", "KAKEHI_STAGES=" PROBE_DIR);
		assert_int_equal(result.exit_code, CONFIG_WRONG);
		if (!strstr(result.err, modules[i].says) || strncmp(result.err, "bad.yaml:3:29: error: ", 22) != 0)
			fail_msg("%s", result.err);
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_broken_configs),  cmocka_unit_test(test_matching),
    cmocka_unit_test(test_good_config),     cmocka_unit_test(test_smallest_is_enough),
    cmocka_unit_test(test_several_files),   cmocka_unit_test(test_without_file),
    cmocka_unit_test(test_stage_refuses),   cmocka_unit_test(test_stage_crashes),
    cmocka_unit_test(test_stage_leaves),    cmocka_unit_test(test_stage_asks_for_nonsense),
    cmocka_unit_test(test_stage_prints),    cmocka_unit_test(test_secret_is_not_shown),
    cmocka_unit_test(test_unsound_modules),
};
HARNESS_MAIN(tests)
