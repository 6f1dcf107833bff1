/* SPDX-License-Identifier: Apache-2.0 */
#include "config/diagnostic.h"
#include "config/nearest.h"
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static char *written(struct kk_diagnostics *diagnostics)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	assert_int_equal(kk_diagnostics_write(diagnostics, to), 0);
	fclose(to);
	kk_diagnostics_free(diagnostics);
	return harness_keep(text);
}

static struct kk_diagnostics *about(const char *source)
{
	struct kk_diagnostics *diagnostics = kk_diagnostics_new("f.yaml", source, strlen(source));

	assert_non_null(diagnostics);
	return diagnostics;
}

static void test_form_and_order(void **state)
{
	struct kk_diagnostics *diagnostics = about("first\r\n\tsecönd: x\nthird");

	(void)state;
	kk_diagnostic_error(diagnostics, (struct kk_place){.line = 3, .column = 1}, NULL, "number %d", 3);
	kk_diagnostic_error(diagnostics, (struct kk_place){.line = 2, .column = 10},
	                    &(struct kk_hint){.nearest = "y", .note = "a\nb"}, "two");
	kk_diagnostic_error(diagnostics, (struct kk_place){.line = 2, .column = 2}, NULL, "one");
	kk_diagnostic_error(diagnostics, (struct kk_place){.line = 2, .column = 2}, NULL, "one, found later");
	kk_diagnostic_error(diagnostics, (struct kk_place){.line = 9, .column = 1}, NULL, "beyond");
	kk_diagnostic_error(diagnostics, (struct kk_place){0}, NULL, "whole file");
	kk_diagnostic_error(diagnostics, (struct kk_place){.line = 1, .column = 1}, &(struct kk_hint){.secret = true},
	                    "hidden");
	assert_int_equal(kk_diagnostics_count(diagnostics), 7);
	assert_string_equal(written(diagnostics), "f.yaml: error: whole file\n"
	                                          "f.yaml:1:1: error: hidden\n"
	                                          "f.yaml:2:2: error: one\n"
	                                          "    2 | \tsecönd: x\n"
	                                          "      | \t^\n"
	                                          "f.yaml:2:2: error: one, found later\n"
	                                          "    2 | \tsecönd: x\n"
	                                          "      | \t^\n"
	                                          "f.yaml:2:10: error: two\n"
	                                          "    2 | \tsecönd: x\n"
	                                          "      | \t        ^\n"
	                                          "        did you mean \"y\"?\n"
	                                          "        a\n"
	                                          "        b\n"
	                                          "f.yaml:3:1: error: number 3\n"
	                                          "    3 | third\n"
	                                          "      | ^\n"
	                                          "f.yaml:9:1: error: beyond\n");
}

/* Nothing that a file or a variable holds may reach the terminal as a control sequence. */
static void test_harmless(void **state)
{
	struct kk_diagnostics *diagnostics = about("a\x1b[31m\xff\xc2\x9b");

	(void)state;
	kk_diagnostic_error(diagnostics, (struct kk_place){.line = 1, .column = 2},
	                    &(struct kk_hint){.nearest = "\x1b]"}, "quoted \x1b\x7f\xc2\x85");
	assert_string_equal(written(diagnostics), "f.yaml:1:2: error: quoted ???\n"
	                                          "    1 | a?[31m??\n"
	                                          "      |  ^\n"
	                                          "        did you mean \"?]\"?\n");
}

static void test_long_line(void **state)
{
	char source[1000];

	(void)state;
	memset(source, 'x', sizeof(source) - 1);
	source[sizeof(source) - 1] = '\0';
	source[499] = '!';
	struct kk_diagnostics *diagnostics = about(source);
	kk_diagnostic_error(diagnostics, (struct kk_place){.line = 1, .column = 500}, NULL, "here");
	const char *text = written(diagnostics);
	char *line = harness_line(text, 1), *caret = harness_line(text, 2);
	assert_true(strlen(line) < 130);
	assert_int_equal(line[strlen(caret) - 1], '!');
	assert_int_equal(caret[strlen(caret) - 1], '^');
}

static void test_too_many(void **state)
{
	struct kk_diagnostics *diagnostics = about("");

	(void)state;
	for (unsigned i = 0; i < 150; i++)
		kk_diagnostic_error(diagnostics, (struct kk_place){.line = i + 1, .column = 1}, NULL, "m%u", i);
	const char *text = written(diagnostics);
	assert_int_equal(harness_count_lines(text), 101);
	assert_string_equal(harness_line(text, 100), "f.yaml: error: and 50 more mistakes");
}

static void test_nearest(void **state)
{
	static const char *const words[] = {"workers", "use", "with", "name", "from", "timeout", NULL};
	static const char *const slips[][2] = {{"wokers", "workers"},  {"worker", "workers"}, {"WORKERS", "workers"},
	                                       {"owrkers", "workers"}, {"usr", "use"},        {"nmae", "name"},
	                                       {"form", "from"},       {"tiemout", "timeout"}};

	(void)state;
	for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++) {
		const char *found = kk_nearest_of(slips[i][0], words);
		assert_non_null(found);
		assert_string_equal(found, slips[i][1]);
	}
	assert_null(kk_nearest_of("colour", words));
	assert_null(kk_nearest_of("", words));
	assert_null(kk_nearest_of("x", words));
	assert_null(kk_nearest_of("wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww", words));
}

/* Everything but the secrets keeps its place; what is hidden later is hidden, too. */
static void test_hiding(void **state)
{
	static const char *const set[] = {"a.token=sécret", "b=3"};
	struct kk_diagnostics *diagnostics = about("k: { t: \"sécret\", u: http://m:p@h/?sig=x&y=z#pwd=q }\nlong: 1\n");

	(void)state;
	kk_diagnostics_set(diagnostics, set, 2);
	kk_diagnostic_error(diagnostics, (struct kk_place){.line = 1, .column = 19}, NULL, "bad http://m:p@h/?key=x");
	kk_diagnostic_error(diagnostics, (struct kk_place){.line = 2, .column = 1}, NULL, "\"%.18s\" is not it",
	                    "0123456789abcdefghij");
	kk_diagnostic_error(diagnostics, (struct kk_place){.line = 1, .column = 9, .set = true}, NULL, "not sécret");
	kk_diagnostic_error(diagnostics, (struct kk_place){.line = 3, .column = 1, .set = true}, NULL, "none");
	kk_diagnostics_hide_place(diagnostics, (struct kk_place){.line = 1, .column = 9},
	                          (struct kk_place){.line = 1, .column = 17});
	kk_diagnostics_hide_place(diagnostics, (struct kk_place){.line = 1, .column = 9, .set = true},
	                          (struct kk_place){.line = 1, .column = 15, .set = true});
	kk_diagnostics_hide_text(diagnostics, "sécret");
	kk_diagnostics_hide_text(diagnostics, "0123456789abcdefghij");
	kk_diagnostics_hide_text(diagnostics, "b");
	assert_string_equal(written(diagnostics), "f.yaml:1:19: error: bad http://***@h/?key=*\n"
	                                          "    1 | k: { t: ********, u: http://***@h/?sig=*&y=z#pwd=* }\n"
	                                          "      |                   ^\n"
	                                          "f.yaml:2:1: error: \"***\" is not it\n"
	                                          "    2 | long: 1\n"
	                                          "      | ^\n"
	                                          "--set:1:9: error: not ***\n"
	                                          "    1 | a.token=******\n"
	                                          "      |         ^\n"
	                                          "--set:3:1: error: none\n");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_hiding),    cmocka_unit_test(test_form_and_order), cmocka_unit_test(test_harmless),
    cmocka_unit_test(test_long_line), cmocka_unit_test(test_too_many),       cmocka_unit_test(test_nearest),
};
HARNESS_MAIN(tests)
