/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that only tell something: list, help, version, and what happens to a wrong command line. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KAKEHI KAKEHI_BUILD_DIR "/kakehi"

static struct harness_result kakehi(const char *one, const char *two, const char *env)
{
	const char *const argv[] = {KAKEHI, one, two, NULL};
	const char *const variables[] = {"KAKEHI_STAGES=" PROBE_DIR, env, NULL};

	return harness_exec(argv, &(struct harness_options){.env = variables});
}

static void test_usage(void **state)
{
	static const char *const asked[] = {"--help", "-h", "help"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct harness_result result = kakehi(asked[i], NULL, NULL);
		assert_int_equal(result.exit_code, 0);
		assert_string_equal(result.err, "");
		assert_int_equal(strncmp(result.out, "usage: kakehi VERB", 18), 0);
	}
	struct harness_result none = kakehi(NULL, NULL, NULL);
	assert_int_equal(none.exit_code, 2);
	assert_string_equal(none.out, "");
	assert_int_equal(strncmp(none.err, "usage: ", 7), 0);
}

static void test_help_of_each_verb(void **state)
{
	static const char *const verbs[] = {"run",    "validate", "init", "config", "graph",
	                                    "schema", "list",     "help", "version"};

	(void)state;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		struct harness_result flag = kakehi(verbs[i], "--help", NULL), verb = kakehi("help", verbs[i], NULL);
		char *start = harness_text("usage: kakehi %s", verbs[i]);
		assert_int_equal(flag.exit_code, 0);
		assert_int_equal(verb.exit_code, 0);
		assert_string_equal(flag.out, verb.out);
		assert_int_equal(strncmp(flag.out, start, strlen(start)), 0);
	}
}

/* The first word that begins with two dashes in a line of `help`, as the manual page writes it; NULL: there is none. */
static const char *option_in(const char *line)
{
	const char *dashes = strncmp(line, "  -", 3) == 0 ? strstr(line, "--") : NULL;

	return dashes ? harness_text("Fl -%.*s", (int)strcspn(dashes + 2, " "), dashes + 2) : NULL;
}

/* kakehi(1) names all verbs and their options. */
static void test_manual(void **state)
{
	const char *page = harness_read(KAKEHI_SOURCE_DIR "/docs/kakehi.1", NULL),
	           *usage = kakehi("help", NULL, NULL).out;
	unsigned verbs = 0, options = 0;

	(void)state;
	for (const char *line = usage; (line = strstr(line, "\n  ")); verbs++) {
		line += 3;
		const char *verb = harness_text("%.*s", (int)strcspn(line, " "), line);
		if (!strstr(page, harness_text(".It Cm %s", verb)))
			fail_msg("the manual has no verb %s", verb);
		for (const char *at = kakehi(verb, "--help", NULL).out; at; at = strchr(at, '\n')) {
			at += *at == '\n';
			const char *option = option_in(at);
			if (option && !strstr(page, option))
				fail_msg("the manual has no option %s", option);
			options += option != NULL;
		}
	}
	assert_true(verbs > 5 && options > 5);
}

static void test_unknown_verb(void **state)
{
	struct harness_result result = kakehi("vaildate", NULL, NULL);

	(void)state;
	assert_int_equal(result.exit_code, 2);
	assert_non_null(strstr(result.err, "there is no verb \"vaildate\""));
	assert_non_null(strstr(result.err, "did you mean \"validate\"?"));
	assert_null(strstr(kakehi("qqqqqqqq", NULL, NULL).err, "did you mean"));
}

static void test_version(void **state)
{
	(void)state;
	struct harness_result verb = kakehi("version", NULL, NULL), flag = kakehi("--version", NULL, NULL);
	assert_int_equal(verb.exit_code, 0);
	assert_int_equal(strncmp(verb.out, "kakehi 0.", 9), 0);
	assert_string_equal(verb.out, flag.out);
	assert_int_equal(kakehi("version", "please", NULL).exit_code, 2);
}

/* Is there a line with this name, blanks, and this kind? */
static bool lists(const char *out, const char *name, const char *kind)
{
	for (const char *line = out; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		size_t length = strlen(name), gap = strspn(line + length * (strncmp(line, name, length) == 0), " ");
		if (strncmp(line, name, length) == 0 && gap && strncmp(line + length + gap, kind, strlen(kind)) == 0)
			return true;
	}
	return false;
}

static void test_list(void **state)
{
	struct harness_result result = kakehi("list", NULL, NULL);
	static const char *const lines[][2] = {
	    {"generate", "source "}, {"pass", "transform "}, {"probe", "transform "}, {"discard", "sink "}};

	(void)state;
	assert_int_equal(result.exit_code, 0);
	assert_false(lists(result.out, "probe", "sink "));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!lists(result.out, lines[i][0], lines[i][1]))
			fail_msg("no line \"%s\" in\n%s", lines[i][0], result.out);
	}
	/* what cannot be used is said, and does not hide the rest */
	assert_non_null(strstr(result.err, "foreign.so: built for stage ABI 1001"));
	assert_non_null(strstr(result.err, "hollow.so: no stage"));
}

static void test_help_of_a_stage(void **state)
{
	static const char expected[] =
	    "probe (transform)\n"
	    "  Misbehaves when it is asked what it needs, for\n"
	    "  the tests of the command line and of the\n"
	    "  configuration.\n"
	    "\n"
	    "Options, under `with:`\n"
	    "\n"
	    "  act: well | refuse | crash | hang | leave | print | absurd | killed; default well\n"
	    "      What to do.\n"
	    "\n"
	    "  number: integer, -5 to 5 items; default none\n"
	    "      A number.\n"
	    "\n"
	    "  ratio: number, 0 to 1; default 0.5\n"
	    "      A share.\n"
	    "\n"
	    "  largest: size; default 64KiB\n"
	    "      Bytes of a payload.\n"
	    "\n"
	    "  wait: duration, 0 to 1m; default 1s\n"
	    "      A time.\n"
	    "\n"
	    "  word: text; default none\n"
	    "      A text.\n"
	    "\n"
	    "  token: text; default none; secret\n"
	    "      A secret.\n"
	    "\n"
	    "  list: list of texts; default [a, b c]\n"
	    "      Some texts.\n"
	    "\n"
	    "  flag: true or false; default true\n"
	    "      Yes or no.\n";
	struct harness_result result = kakehi("help", "probe", "COLUMNS=48");

	(void)state;
	assert_int_equal(result.exit_code, 0);
	assert_string_equal(result.out, expected);
	assert_string_equal(kakehi("help", PROBE_DIR "/probe.so", "COLUMNS=48").out, expected);
}

static void test_help_of_no_stage(void **state)
{
	struct harness_result result = kakehi("help", "porbe", NULL);

	(void)state;
	assert_int_equal(result.exit_code, 2);
	assert_non_null(strstr(result.err, "did you mean \"probe\"?"));
}

/* Output that could not be written is not success. */
static void test_full_disk(void **state)
{
	const char *const argv[] = {"/bin/sh", "-c", "exec \"$0\" version >/dev/full", KAKEHI, NULL};

	(void)state;
	assert_int_equal(harness_exec(argv, NULL).exit_code, 74);
}

/* Somebody who sets the workers' variable by hand gets an error, not a crash. */
static void test_worker_variable(void **state)
{
	static const char *const values[] = {"KAKEHI_WORKER=", "KAKEHI_WORKER=x", "KAKEHI_WORKER=-1",
	                                     "KAKEHI_WORKER=99"};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct harness_result result = kakehi("version", NULL, values[i]);
		assert_int_equal(result.signal, 0);
		assert_int_not_equal(result.exit_code, 0);
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_usage),           cmocka_unit_test(test_help_of_each_verb), cmocka_unit_test(test_manual),
    cmocka_unit_test(test_unknown_verb),    cmocka_unit_test(test_version),           cmocka_unit_test(test_list),
    cmocka_unit_test(test_help_of_a_stage), cmocka_unit_test(test_help_of_no_stage),  cmocka_unit_test(test_full_disk),
    cmocka_unit_test(test_worker_variable),
};
HARNESS_MAIN(tests)
