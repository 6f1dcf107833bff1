/* SPDX-License-Identifier: Apache-2.0 */
/* The stage ABI does not change by accident: layouts, numbers and what a module exports and links.
 *
 * If a row below fails, either the change was not meant, or a field was added at the end of a struct: then modules of
 * the version before must still be taken, the history in stage.h gets a line, and the rows here follow.
 */
#include <kakehi/stage.h> /* first: cmocka makes a macro of `fail` */

#include "harness.h"
#include <string.h>

/* ABI 1 on machines with 64-bit pointers. */
static const struct {
	const char *what;
	size_t is, was;
} layout[] = {
#define FIELD(type, field, offset)                                                                                     \
	{                                                                                                              \
#type "." #field, offsetof(struct type, field), offset                                                 \
	}
#define SIZE(type, bytes)                                                                                              \
	{                                                                                                              \
		"sizeof " #type, sizeof(struct type), bytes                                                            \
	}
    /* clang-format off */
    FIELD(kk_option, name, 0),
    FIELD(kk_option, type, 8),
    FIELD(kk_option, flags, 12),
    FIELD(kk_option, at, 16),
    FIELD(kk_option, def, 24),
    FIELD(kk_option, min, 32),
    FIELD(kk_option, max, 40),
    FIELD(kk_option, words, 48),
    FIELD(kk_option, unit, 56),
    FIELD(kk_option, text, 64),
    SIZE(kk_option, 72),
    FIELD(kk_strings, at, 0),
    FIELD(kk_strings, count, 8),
    SIZE(kk_strings, 16),
    FIELD(kk_position, at, 0),
    FIELD(kk_position, extra, 8),
    SIZE(kk_position, 16),
    FIELD(kk_context, host, 0),
    FIELD(kk_context, options, 8),
    FIELD(kk_context, state, 16),
    FIELD(kk_context, stage, 24),
    FIELD(kk_context, worker, 32),
    FIELD(kk_context, workers, 36),
    FIELD(kk_context, seed, 40),
    FIELD(kk_context, position, 48),
    FIELD(kk_context, alone, 64),
    SIZE(kk_context, 72),
    FIELD(kk_item, context, 0),
    FIELD(kk_item, sequence, 8),
    FIELD(kk_item, key, 16),
    FIELD(kk_item, data, 24),
    FIELD(kk_item, size, 32),
    FIELD(kk_item, user, 40),
    FIELD(kk_item, position, 48),
    SIZE(kk_item, 64),
    FIELD(kk_demand, struct_size, 0),
    FIELD(kk_demand, largest, 8),
    FIELD(kk_demand, heap, 16),
    FIELD(kk_demand, in_flight, 24),
    FIELD(kk_demand, needs, 28),
    FIELD(kk_demand, permits, 32),
    FIELD(kk_demand, cached, 36),
    FIELD(kk_demand, key_rate, 40),
    FIELD(kk_demand, rate, 48),
    FIELD(kk_demand, unique, 56),
    FIELD(kk_demand, takes_ms, 64),
    FIELD(kk_demand, fields, 72),
    SIZE(kk_demand, 80),
    FIELD(kk_stage, struct_size, 0),
    FIELD(kk_stage, abi_version, 4),
    FIELD(kk_stage, option_size, 8),
    FIELD(kk_stage, kind, 12),
    FIELD(kk_stage, name, 16),
    FIELD(kk_stage, text, 24),
    FIELD(kk_stage, options, 32),
    FIELD(kk_stage, options_size, 40),
    FIELD(kk_stage, plan, 48),
    FIELD(kk_stage, prepare, 56),
    FIELD(kk_stage, open, 64),
    FIELD(kk_stage, next, 72),
    FIELD(kk_stage, process, 80),
    FIELD(kk_stage, submit, 88),
    FIELD(kk_stage, poll, 96),
    FIELD(kk_stage, wait, 104),
    FIELD(kk_stage, drain, 112),
    FIELD(kk_stage, close, 120),
    SIZE(kk_stage, 128),
    FIELD(kk_host, struct_size, 0),
    FIELD(kk_host, abi_version, 4),
    FIELD(kk_host, reserve, 8),
    FIELD(kk_host, grow, 16),
    FIELD(kk_host, commit, 24),
    FIELD(kk_host, set_key, 32),
    FIELD(kk_host, set_field, 40),
    FIELD(kk_host, field, 48),
    FIELD(kk_host, expand, 56),
    FIELD(kk_host, fail, 64),
    FIELD(kk_host, finish, 72),
    FIELD(kk_host, log, 80),
    FIELD(kk_host, random, 88),
    FIELD(kk_host, shared, 96),
    FIELD(kk_host, value_get, 104),
    FIELD(kk_host, value_set, 112),
    FIELD(kk_host, value_add, 120),
    FIELD(kk_host, dict_get, 128),
    FIELD(kk_host, dict_set, 136),
    FIELD(kk_host, allow_write, 144),
    FIELD(kk_host, admit, 152),
    FIELD(kk_host, leave, 160),
    FIELD(kk_host, hold_off, 168),
    FIELD(kk_host, remember, 176),
    FIELD(kk_host, recall, 184),
    FIELD(kk_host, keep, 192),
    FIELD(kk_host, release, 200),
    FIELD(kk_host, list_length, 208),
    FIELD(kk_host, list_get, 216),
    FIELD(kk_host, list_append, 224),
    FIELD(kk_host, list_pop, 232),
    SIZE(kk_host, 240),
/* clang-format on */
#undef FIELD
#undef SIZE
};

static void test_layout(void **state)
{
	(void)state;
	if (sizeof(void *) != 8)
		skip();
	for (size_t i = 0; i < sizeof(layout) / sizeof(layout[0]); i++)
		if (layout[i].is != layout[i].was)
			fail_msg("%s: %zu, in ABI 1 it is %zu", layout[i].what, layout[i].is, layout[i].was);
}

static void test_numbers(void **state)
{
	(void)state;
	assert_int_equal(KK_STAGE_ABI, 1);
	assert_int_equal(KK_SOURCE, 1);
	assert_int_equal(KK_SINK, 3);
	assert_int_equal(KK_PASS, 0);
	assert_int_equal(KK_LATER, 5);
	assert_int_equal(KK_NEED_NETWORK, 1);
	assert_int_equal(KK_NEED_EXEC, 8);
	assert_int_equal(KK_OPTION_BOOL, 1);
	assert_int_equal(KK_OPTION_LIST, 8);
	assert_int_equal(KK_OPTION_PATH, 8);
	assert_int_equal(KK_FAIL_OTHER, 0);
	assert_int_equal(KK_FAIL_MEMORY, 20);
	assert_int_equal(KK_LOG_DEBUG, 3);
}

static char *output_of(const char *const argv[])
{
	struct harness_result result = harness_exec(argv, NULL);
	if (result.exit_code != 0)
		fail_msg("%s: %s", argv[0], result.err);
	return result.out;
}

/* Sanitizers and coverage bring symbols and libraries of their own. */
static bool instrumented(const char *symbols)
{
	return strstr(symbols, "__asan") || strstr(symbols, "__tsan") || strstr(symbols, "gcov");
}

static void test_modules_export_one_symbol_and_link_nothing_of_ours(void **state)
{
	static const char *const stages[] = {"list",    "files",  "generate", "pass",
	                                     "discard", "resize", "template", "exec"};
	(void)state;
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		const char *path = harness_text("%s/stages/%s.so", KAKEHI_BUILD_DIR, stages[i]);
		char *all = output_of((const char *const[]){"nm", "-D", path, NULL});
		char *defined = output_of((const char *const[]){"nm", "-D", "--defined-only", path, NULL});
		if (instrumented(all))
			skip();
		assert_int_equal(harness_count_lines(defined), 1);
		assert_non_null(strstr(defined, " kk_stage\n"));
		assert_null(strstr(output_of((const char *const[]){"readelf", "-d", path, NULL}), "libkakehi"));
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_layout),
    cmocka_unit_test(test_numbers),
    cmocka_unit_test(test_modules_export_one_symbol_and_link_nothing_of_ours),
};
HARNESS_MAIN(tests)
