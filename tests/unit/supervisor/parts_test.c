/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's parts that are arithmetic: set-backs, the stopping ladder, outcomes, log lines, environment. */
#include "supervisor/environment.h"
#include "supervisor/log.h"
#include "supervisor/outcome.h"
#include "supervisor/setback.h"
#include "supervisor/shutdown.h"

/* After all of ours: cmocka makes a macro of the word `fail`. */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define S 1000000000ull

/* ---- set-backs */

static void test_delays(void **state)
{
	static const uint64_t expected_ms[] = {0, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
	struct kk_setbacks setbacks;

	(void)state;
	kk_setbacks_init(&setbacks, 100);
	for (size_t i = 0; i < sizeof(expected_ms) / sizeof(*expected_ms); i++) {
		assert_false(kk_setbacks_add(&setbacks, &(struct kk_setback){.now_ns = i * S}));
		assert_int_equal(kk_setbacks_delay_ns(&setbacks), expected_ms[i] * 1000000);
	}
	kk_setbacks_add(&setbacks, &(struct kk_setback){.now_ns = 100 * S, .items = 1});
	assert_int_equal(kk_setbacks_delay_ns(&setbacks), 0);
}

static unsigned deaths_until_loop(unsigned attempts, uint64_t apart_ns, uint64_t items_each, bool from_outside,
                                  uint64_t run_moved_ns)
{
	struct kk_setbacks setbacks;

	kk_setbacks_init(&setbacks, attempts);
	for (unsigned n = 1; n <= 1000; n++) {
		if (kk_setbacks_add(&setbacks, &(struct kk_setback){.now_ns = 50 * S + n * apart_ns,
		                                                    .items = n * items_each,
		                                                    .run_moved_ns = run_moved_ns,
		                                                    .from_outside = from_outside}))
			return n;
	}
	return 0;
}

static void test_crash_loops(void **state)
{
	(void)state;
	assert_int_equal(deaths_until_loop(3, S, 0, false, 0), 6);
	assert_int_equal(deaths_until_loop(3, 6 * S, 0, false, 0), 6);
	assert_int_equal(deaths_until_loop(3, 7 * S, 0, false, 0), 0); /* five in thirty seconds, for ever */
	assert_int_equal(deaths_until_loop(9, S, 0, false, 0), 10);    /* an item may use up its attempts  */
	assert_int_equal(deaths_until_loop(3, S, 1, false, 0), 0);
	/* Killed from outside: not while the run moves, and only after it has stood for long. */
	assert_int_equal(deaths_until_loop(3, S, 0, true, 5000 * S), 0);
	assert_int_equal(deaths_until_loop(3, S, 0, true, 50 * S), 31);
	assert_int_equal(deaths_until_loop(3, S, 0, true, 0), 6);
}

/* ---- the ladder */

static void test_ladder(void **state)
{
	struct kk_shutdown once = {.timeout_ns = 20 * S}, twice = once, fails = once, hangup = once;

	(void)state;
	assert_false(kk_shutdown_tick(&once, 1000 * S));
	assert_true(kk_shutdown_signal(&once, SIGTERM, 5 * S));
	assert_int_equal(once.rung, KK_SHUTDOWN_DRAINING);
	assert_false(kk_shutdown_tick(&once, 25 * S - 1));
	assert_true(kk_shutdown_tick(&once, 25 * S));
	assert_int_equal(once.rung, KK_SHUTDOWN_KILLING);
	assert_false(kk_shutdown_tick(&once, 26 * S));
	assert_int_equal(once.signal, SIGTERM);

	assert_true(kk_shutdown_signal(&twice, SIGINT, 0));
	assert_false(kk_shutdown_signal(&twice, SIGINT, S / 100));
	assert_true(kk_shutdown_signal(&twice, SIGTERM, S / 10));
	assert_int_equal(twice.rung, KK_SHUTDOWN_KILLING);
	assert_int_equal(twice.signal, SIGINT);
	assert_false(kk_shutdown_signal(&twice, SIGINT, S));

	assert_false(kk_shutdown_is_over(&fails, 100 * S));
	assert_true(kk_shutdown_fail(&fails, 7 * S));
	assert_false(kk_shutdown_fail(&fails, 8 * S));
	assert_false(kk_shutdown_is_over(&fails, 7 * S));
	assert_true(kk_shutdown_is_over(&fails, 8 * S));
	assert_int_equal(fails.signal, 0);
	assert_true(kk_shutdown_signal(&hangup, SIGHUP, 0));
	assert_int_equal(hangup.signal, SIGTERM);
}

/* ---- outcomes */

static void test_exit_codes(void **state)
{
	static const struct {
		struct kk_outcome outcome;
		uint64_t limit, failed;
		bool source_ended;
		int code;
	} rows[] = {
	    {.outcome = {.complete = true}, .source_ended = true, .code = 0},
	    {.outcome = {.complete = true}, .source_ended = true, .failed = 1, .code = 1},
	    {.outcome = {.complete = true}, .code = 70},
	    {.outcome = {.complete = true}, .limit = 5, .code = 75},
	    {.outcome = {.complete = true}, .limit = 5, .failed = 1, .code = 75},
	    {.outcome = {.complete = true}, .limit = 5, .source_ended = true, .code = 0},
	    {.outcome = {.complete = true, .too_many = true}, .failed = 9, .code = 1},
	    {.outcome = {.complete = true, .signal = SIGINT}, .code = 130},
	    {.outcome = {.signal = SIGTERM}, .failed = 1, .code = 143},
	    {.outcome = {.failure = 70, .signal = SIGTERM}, .code = 70},
	    {.outcome = {.failure = 74}, .code = 74},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct kk_plan plan = {.limit = rows[i].limit};
		struct kk_run_counts counts = {.failed = rows[i].failed, .source_ended = rows[i].source_ended};
		struct kk_outcome outcome = rows[i].outcome;
		if (kk_outcome_exit(&outcome, &plan, &counts) != rows[i].code)
			fail_msg("row %zu", i);
	}
}

static void test_too_many(void **state)
{
	struct kk_plan count = {.max_failures = 3}, share = {.max_failures_share = 0.05}, never = {0};

	(void)state;
	assert_false(kk_outcome_too_many(&count, &(struct kk_run_counts){.failed = 2}));
	assert_true(kk_outcome_too_many(&count, &(struct kk_run_counts){.failed = 3}));
	assert_false(kk_outcome_too_many(&share, &(struct kk_run_counts){.failed = 99}));
	assert_true(kk_outcome_too_many(&share, &(struct kk_run_counts){.failed = 100}));
	assert_false(kk_outcome_too_many(&share, &(struct kk_run_counts){.done = 95, .failed = 5}));
	assert_true(kk_outcome_too_many(&share, &(struct kk_run_counts){.done = 94, .failed = 6}));
	assert_false(kk_outcome_too_many(&never, &(struct kk_run_counts){.failed = 1000}));
}

/* ---- log lines */

struct heard {
	char text[8192];
};

static void hear(void *argument, const char *line, size_t length)
{
	struct heard *heard = argument;
	size_t used = strlen(heard->text);

	snprintf(heard->text + used, sizeof(heard->text) - used, "[%.*s]", (int)length, line);
}

static void test_lines_are_whole(void **state)
{
	struct kk_log_pipe log;
	struct heard heard = {""};
	int writer;

	(void)state;
	assert_int_equal(kk_log_open(&log, &writer), 0);
	kk_log_read(&log, hear, &heard);
	assert_int_equal(write(writer, "one\ntw", 6), 6);
	kk_log_read(&log, hear, &heard);
	assert_string_equal(heard.text, "[one]");
	assert_int_equal(write(writer, "o\n\nthree", 8), 8);
	kk_log_read(&log, hear, &heard);
	assert_string_equal(heard.text, "[one][two][]");
	close(writer);
	kk_log_close(&log, hear, &heard);
	assert_string_equal(heard.text, "[one][two][][three]");
	kk_log_close(&log, hear, &heard);
}

static void test_endless_lines_are_cut(void **state)
{
	char many[KK_LOG_LINE_MAX + 10];
	struct kk_log_pipe log;
	struct heard heard = {""};
	int writer;

	(void)state;
	memset(many, 'x', sizeof(many));
	assert_int_equal(kk_log_open(&log, &writer), 0);
	assert_int_equal(write(writer, many, sizeof(many)), sizeof(many));
	close(writer);
	kk_log_close(&log, hear, &heard);
	assert_int_equal(strlen(heard.text), sizeof(many) + 4);
	assert_non_null(strstr(heard.text, "x][xxxxxxxxxx]"));
}

static void test_levels(void **state)
{
	static const struct {
		const char *line;
		enum kk_log_level level;
		const char *rest;
	} rows[] = {{"0 bad", KK_LOG_ERROR, "bad"},    {"3 detail", KK_LOG_DEBUG, "detail"},
	            {"4 what", KK_LOG_INFO, "4 what"}, {"plain", KK_LOG_INFO, "plain"},
	            {"1", KK_LOG_INFO, "1"},           {"", KK_LOG_INFO, ""}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *line = rows[i].line;
		size_t length = strlen(line);
		assert_int_equal(kk_log_level(&line, &length), rows[i].level);
		assert_string_equal(line, rows[i].rest);
		assert_int_equal(length, strlen(rows[i].rest));
	}
}

static void test_last_lines(void **state)
{
	struct kk_last_lines last = {0};
	char line[8];

	(void)state;
	assert_string_equal(kk_last_lines_get(&last, 0), "");
	for (int i = 1; i <= 7; i++) {
		snprintf(line, sizeof(line), "%d", i);
		kk_last_lines_add(&last, line, 1);
	}
	kk_last_lines_add(&last, "", 0);
	assert_string_equal(kk_last_lines_get(&last, 0), "7");
	assert_string_equal(kk_last_lines_get(&last, 4), "3");
	assert_string_equal(kk_last_lines_get(&last, 5), "");
}

static void test_environment(void **state)
{
	char *const from[] = {"HOME=/root",   "PATH=/bin",          "LC_ALL=C",    "LANG=C",
	                      "LANGUAGE=de",  "AWS_SECRET_KEY=abc", "TZ=UTC",      "MALLOC_ARENA_MAX=1",
	                      "http_proxy=x", "LD_PRELOAD=x",       "TMPDIR=/tmp", NULL};
	static const char *const expected[] = {"PATH=/bin", "LC_ALL=C", "LANG=C", "TZ=UTC", "TMPDIR=/tmp", "X=1"};
	const char **made = kk_environment_make(from, "X=1");

	(void)state;
	assert_non_null(made);
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		assert_string_equal(made[i], expected[i]);
	assert_null(made[sizeof(expected) / sizeof(*expected)]);
	free(made);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_delays),
    cmocka_unit_test(test_crash_loops),
    cmocka_unit_test(test_ladder),
    cmocka_unit_test(test_exit_codes),
    cmocka_unit_test(test_too_many),
    cmocka_unit_test(test_lines_are_whole),
    cmocka_unit_test(test_endless_lines_are_cut),
    cmocka_unit_test(test_levels),
    cmocka_unit_test(test_last_lines),
    cmocka_unit_test(test_environment),
};

HARNESS_MAIN(tests)
