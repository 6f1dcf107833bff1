/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"
#include "harness.h"

#include <stdio.h>
#include <string.h>

struct options {
	bool flag;
	int64_t count, secret;
	double ratio;
	uint64_t bytes, wait_ms;
	const char *word;
	int choice;
	struct kk_strings list, none;
};

static const char *const choices[] = {"inside", "cover", "fill", NULL};

#define AT(field) offsetof(struct options, field)
static const struct kk_option rows[] = {
    {.name = "flag", .type = KK_OPTION_BOOL, .at = AT(flag), .def = "true", .text = "t"},
    {.name = "count",
     .type = KK_OPTION_INT,
     .at = AT(count),
     .def = "7",
     .min = 1,
     .max = 10,
     .unit = "dogs",
     .text = "t"},
    {.name = "ratio", .type = KK_OPTION_FLOAT, .at = AT(ratio), .max = 1, .text = "t"},
    {.name = "bytes", .type = KK_OPTION_SIZE, .at = AT(bytes), .def = "64KiB", .min = 1024, .max = 1e18, .text = "t"},
    {.name = "wait", .type = KK_OPTION_DURATION, .at = AT(wait_ms), .def = "30s", .min = 1, .max = 60000, .text = "t"},
    {.name = "word", .type = KK_OPTION_STRING, .at = AT(word), .text = "t"},
    {.name = "token", .type = KK_OPTION_INT, .flags = KK_OPTION_SECRET, .at = AT(secret), .def = "7", .text = "t"},
    {.name = "choice", .type = KK_OPTION_ENUM, .at = AT(choice), .def = "cover", .words = choices, .text = "t"},
    {.name = "list", .type = KK_OPTION_LIST, .at = AT(list), .def = "[a, b c]", .text = "t"},
    {.name = "none", .type = KK_OPTION_LIST, .at = AT(none), .text = "t"},
    {0},
};

/* What was reported, as one text. */
struct report {
	char text[2000];
	long last_pair;
	enum kk_option_part last_part;
};

static void note(void *user, const struct kk_option_mistake *mistake)
{
	struct report *report = user;
	size_t used = strlen(report->text);

	snprintf(report->text + used, sizeof(report->text) - used, "%ld %s [%s]%s\n", mistake->pair, mistake->sentence,
	         mistake->nearest ? mistake->nearest : "", mistake->secret ? " secret" : "");
	report->last_pair = mistake->pair;
	report->last_part = mistake->part;
}

struct filled {
	struct options options;
	struct report report;
	struct kk_store *store;
	int mistakes;
};

static void fill(struct filled *filled, const struct kk_option_pair *pairs, size_t count)
{
	*filled = (struct filled){.store = kk_store_new()};
	assert_non_null(filled->store);
	memset(&filled->options, 0xee, sizeof(filled->options));
	filled->mistakes = kk_options_fill(rows, &filled->options, sizeof(filled->options), pairs, count, filled->store,
	                                   note, &filled->report);
}

static void test_defaults(void **state)
{
	struct filled filled;

	(void)state;
	fill(&filled, NULL, 0);
	assert_int_equal(filled.mistakes, 0);
	assert_true(filled.options.flag);
	assert_int_equal(filled.options.count, 7);
	assert_true(filled.options.ratio == 0);
	assert_int_equal(filled.options.bytes, 65536);
	assert_int_equal(filled.options.wait_ms, 30000);
	assert_string_equal(filled.options.word, "");
	assert_int_equal(filled.options.choice, 1);
	assert_int_equal(filled.options.list.count, 2);
	assert_string_equal(filled.options.list.at[0], "a");
	assert_string_equal(filled.options.list.at[1], "b c");
	assert_int_equal(filled.options.none.count, 0);
	kk_store_free(filled.store);
}

static void test_given(void **state)
{
	static const struct kk_option_pair pairs[] = {
	    {"list", "x"},     {"flag", "false"}, {"list", "[y, z]"}, {"count", "10"},    {"ratio", "0.25"},
	    {"bytes", "1MiB"}, {"wait", "1ms"},   {"word", "ä b"},    {"choice", "fill"},
	};
	struct filled filled;

	(void)state;
	fill(&filled, pairs, sizeof(pairs) / sizeof(pairs[0]));
	assert_string_equal(filled.report.text, "");
	assert_int_equal(filled.mistakes, 0);
	assert_false(filled.options.flag);
	assert_true(filled.options.ratio == 0.25);
	assert_int_equal(filled.options.bytes, 1 << 20);
	assert_int_equal(filled.options.wait_ms, 1);
	assert_string_equal(filled.options.word, "ä b");
	assert_int_equal(filled.options.choice, 2);
	assert_int_equal(filled.options.list.count, 2);
	assert_string_equal(filled.options.list.at[0], "x");
	assert_string_equal(filled.options.list.at[1], "[y, z]");
	kk_store_free(filled.store);
}

static void test_all_mistakes(void **state)
{
	static const struct kk_option_pair pairs[] = {
	    {"cuont", "3"}, {"count", "11"}, {"wait", "2h"},       {"choice", "insid"}, {"bytes", "1"},
	    {"flag", "no"}, {"ratio", "2"},  {"token", "hunter2"}, {"wait", "1s"},
	};
	static const char expected[] =
	    "0 unknown option \"cuont\" [count]\n"
	    "5 option \"flag\": \"no\" is not a truth value: write true or false []\n"
	    "1 option \"count\": 11 is out of range: 1 to 10 dogs []\n"
	    "6 option \"ratio\": 2 is out of range: 0 to 1 []\n"
	    "4 option \"bytes\": 1 is out of range: at least 1KiB []\n"
	    "8 option \"wait\": it takes one value, not several []\n"
	    "7 option \"token\": its value is not a valid integer [] secret\n"
	    "3 option \"choice\": \"insid\" is not one of the choices: inside, cover or fill [inside]\n";
	struct filled filled;

	(void)state;
	fill(&filled, pairs, sizeof(pairs) / sizeof(pairs[0]));
	assert_string_equal(filled.report.text, expected);
	assert_int_equal(filled.mistakes, 8);
	assert_int_equal(filled.options.wait_ms, 1000);
	kk_store_free(filled.store);
}

static void test_required(void **state)
{
	static const struct kk_option required[] = {
	    {.name = "to", .type = KK_OPTION_STRING, .flags = KK_OPTION_REQUIRED, .at = AT(word), .text = "t"}, {0}};
	struct options options;
	struct report report = {0};
	struct kk_store *store = kk_store_new();

	(void)state;
	assert_non_null(store);
	assert_int_equal(kk_options_fill(required, &options, sizeof(options), NULL, 0, store, note, &report), 1);
	assert_string_equal(report.text, "-1 option \"to\" is missing: it has no default []\n");
	kk_store_free(store);
}

static void test_unpack(void **state)
{
	static const char block[] = "count\0"
	                            "3\0"
	                            "list\0"
	                            "x\0"
	                            "list\0"
	                            "\0"
	                            "word\0"
	                            "w";
	struct options options;
	struct kk_error error = {0};
	struct kk_store *store = kk_store_new();

	(void)state;
	assert_non_null(store);
	assert_int_equal(kk_options_unpack(rows, &options, sizeof(options), block, sizeof(block), store, &error),
	                 KK_OK);
	assert_int_equal(options.count, 3);
	assert_int_equal(options.list.count, 2);
	assert_string_equal(options.list.at[1], "");
	assert_string_equal(options.word, "w");
	assert_int_equal(kk_options_unpack(rows, &options, sizeof(options), NULL, 0, store, &error), KK_OK);
	assert_int_equal(options.count, 7);
	/* torn: without its end, or a name without a text */
	assert_int_equal(kk_options_unpack(rows, &options, sizeof(options), block, sizeof(block) - 1, store, &error),
	                 KK_ERR_CORRUPT);
	assert_int_equal(kk_options_unpack(rows, &options, sizeof(options), "word", 5, store, &error), KK_ERR_CORRUPT);
	error = (struct kk_error){0};
	assert_int_equal(kk_options_unpack(rows, &options, sizeof(options),
	                                   "count\0"
	                                   "99",
	                                   9, store, &error),
	                 KK_ERR_INVALID);
	assert_string_equal(error.text, "option \"count\": 99 is out of range: 1 to 10 dogs");
	kk_store_free(store);
}

static void test_wrong_rows(void **state)
{
	static const struct {
		struct kk_option row;
		const char *says;
	} wrong[] = {
	    {{.name = "x", .type = 99, .text = "t"}, "unknown type"},
	    {{.name = "x", .type = KK_OPTION_INT}, "no text"},
	    {{.name = "x", .type = KK_OPTION_LIST, .at = sizeof(struct options) - 8, .text = "t"}, "outside"},
	    {{.name = "x", .type = KK_OPTION_INT, .at = SIZE_MAX, .text = "t"}, "outside"},
	    {{.name = "x", .type = KK_OPTION_INT, .at = 3, .text = "t"}, "outside"},
	    {{.name = "x", .type = KK_OPTION_ENUM, .text = "t"}, "no words"},
	    {{.name = "x", .type = KK_OPTION_INT, .min = 2, .max = 1, .text = "t"}, "minimum"},
	    {{.name = "x", .type = KK_OPTION_INT, .min = 1, .max = 2, .def = "3", .text = "t"}, "the default"},
	    {{.name = "x", .type = KK_OPTION_INT, .flags = KK_OPTION_REQUIRED, .def = "3", .text = "t"}, "required"},
	};

	(void)state;
	assert_int_equal(kk_options_check_rows(rows, sizeof(struct options), NULL), KK_OK);
	assert_int_equal(kk_options_check_rows(NULL, 0, NULL), KK_OK);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct kk_option one[] = {wrong[i].row, {0}};
		struct kk_error error = {0};
		if (kk_options_check_rows(one, sizeof(struct options), &error) != KK_ERR_INVALID ||
		    !strstr(error.text, wrong[i].says))
			fail_msg("row %zu: \"%s\"", i, error.text);
	}
	struct kk_option twice[] = {rows[0], rows[0], {0}};
	assert_int_equal(kk_options_check_rows(twice, sizeof(struct options), NULL), KK_ERR_INVALID);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_defaults), cmocka_unit_test(test_given),  cmocka_unit_test(test_all_mistakes),
    cmocka_unit_test(test_required), cmocka_unit_test(test_unpack), cmocka_unit_test(test_wrong_rows),
};
HARNESS_MAIN(tests)
