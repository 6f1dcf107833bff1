/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/build.h"
#include "graph/condition.h"
#include "graph/when.h"
#include "harness.h"
#include "parsed.h"

#include <kakehi/error.h>
#include <stdlib.h>
#include <string.h>

/* ---- a condition and the plan it lies in */

struct compiled {
	struct kk_plan plan;
	char behind[16384]; /* texts, then the words */
	uint32_t used, when, words;
};

static uint32_t put(struct compiled *c, const void *bytes, size_t count)
{
	assert_true(count <= sizeof(c->behind) - c->used);
	memcpy(c->behind + c->used, bytes, count);
	c->used += (uint32_t)count;
	return (uint32_t)(sizeof(c->plan) + c->used - count);
}

static uint32_t put_text(void *arg, const char *text)
{
	return put(arg, text, strlen(text) + 1);
}

/* What is said about `when: TEXT`, "" if nothing. */
static const char *compile(struct compiled *c, const char *text)
{
	char *config =
	    harness_text("pipeline: x\nsource: { use: source }\nstages:\n- name: a\n  use: sink\n  when: %s\n", text);
	static struct kk_when_code code;
	struct parsed parsed;

	memset(c, 0, sizeof(*c));
	parsed_config(&parsed, config);
	if (!parsed.config || !parsed.config->stages[0].when.text)
		fail_msg("no text: %s", parsed_messages(&parsed));
	code.add_text = put_text;
	code.arg = c;
	if (kk_when_compile(&parsed.config->stages[0], &code, parsed.diagnostics) == KK_OK) {
		c->words = code.count;
		c->when = put(c, code.word, code.count * sizeof(code.word[0]));
		c->plan.bytes = sizeof(c->plan) + c->used + 1;
		assert_true(kk_condition_check(&c->plan, c->when, c->words));
	}
	const char *messages = harness_text("%s", parsed_messages(&parsed));
	parsed_free(&parsed);
	return messages;
}

static const char *field(void *arg, const char *name)
{
	static const char *const fields[][2] = {
	    {"key", "a/b.jpg"},   {"ext", "jpg"}, {"bytes", "10240"}, {"width", "640"},  {"ratio", "-0.5"},
	    {"licence", "CC-BY"}, {"ok", "true"}, {"empty", ""},      {"my field", "x"}, {"quoted", "it's \"so\""},
	};
	(void)arg;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(fields[i][0], name) == 0)
			return fields[i][1];
	return NULL;
}

static const struct kk_when_item item = {.field = field};

static void test_answers(void **state)
{
	static const struct {
		const char *text;
		bool holds;
	} rows[] = {
	    {"width == 640", true},
	    {"width != 640", false},
	    {"width < 641", true},
	    {"width <= 640", true},
	    {"width > 640.5", false},
	    {"width >= +640", true},
	    {"bytes >= 10KiB", true},
	    {"bytes > 10KB and bytes < 1MiB", true},
	    {"ratio < 0", true},
	    {"ratio == -.5", true},
	    {"width>600 and(width<700)", true},
	    {"ext == \"jpg\"", true},
	    {"'ext == \"png\"'", false},
	    {"ext in (\"png\", \"jpg\")", true},
	    {"ext in [\"png\", 'gif']", false},
	    {"width in (1, 640)", true},
	    {"key contains \"/b\"", true},
	    {"not key contains \"/c\"", true},
	    {"licence == 'CC-BY'", true},
	    {"licence > \"CC\" and licence < \"CD\"", true},
	    {"ok == true", true},
	    {"ok != false", true},
	    {"empty == \"\"", true},
	    {"empty == 0", false},
	    {"licence == 1", false},
	    {"licence != 1", false}, /* no number at all */
	    {"none == 1", false},
	    {"none != 1", false},
	    {"not none == 1", true},
	    {"none contains \"\"", false},
	    {"\"{my field} == 'x'\"", true},
	    {"quoted contains \"\\\"so\\\"\"", true},
	    {"width == 1 or width == 640 and ext == \"png\"", false},
	    {"(width == 1 or width == 640) and ext == \"jpg\"", true},
	    {"not (width == 1 or not width == 640)", true},
	    {"not not width == 640", true},
	    {"width == 1 or width == 2 or width == 640 or width == 3", true},
	};
	struct compiled *c = harness_keep(malloc(sizeof(*c)));

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *says = compile(c, rows[i].text);
		if (*says)
			fail_msg("%s: %s", rows[i].text, says);
		if (kk_condition_holds(&c->plan, c->when, c->words, &item) != rows[i].holds)
			fail_msg("%s is not %s", rows[i].text, rows[i].holds ? "true" : "false");
	}
}

static void test_mistakes(void **state)
{
	static const char *const rows[][2] = {
	    {"width = 640", "t:6:15: error: \"when\" of stage \"a\": expected ==, !=, <, <=, >, >=, in or contains "
	                    "behind the field, got ="},
	    {"width", "t:6:14: error: \"when\" of stage \"a\": expected ==, !=, <, <=, >, >=, in or contains behind "
	              "the field, got nothing"},
	    {"640 < width", "t:6:9: error: \"when\" of stage \"a\": expected the name of a field, got 640"},
	    {"ext == jpg", "t:6:16: error: \"when\" of stage \"a\": a text stands in quotes; without them is jpg"},
	    {"'ext == \"jpg'", "t:6:17: error: \"when\" of stage \"a\": the quotes of this text are not closed"},
	    {"width == 12px",
	     "t:6:18: error: \"when\" of stage \"a\": expected a number or a size such as 10KiB, got 12px"},
	    {"width == 1 width",
	     "t:6:20: error: \"when\" of stage \"a\": expected and, or or the end of the condition, got width"},
	    {"width == 1 && width == 2", "did you mean \"and\"?"},
	    {"width == 1 or", "t:6:22: error: \"when\" of stage \"a\": expected the name of a field, got nothing"},
	    {"(width == 1", "t:6:20: error: \"when\" of stage \"a\": expected and, or or \")\", got nothing"},
	    {"width == 1)",
	     "t:6:19: error: \"when\" of stage \"a\": expected and, or or the end of the condition, got )"},
	    {"bytes == \"x\"",
	     "t:6:18: error: \"when\" of stage \"a\": \"bytes\" is a number and cannot be compared with \"x\""},
	    {"bytes contains \"1\"", "\"bytes\" is a number"},
	    {"ok < true", "t:6:14: error: \"when\" of stage \"a\": true and false are only equal or not, neither more "
	                  "nor less: true"},
	    {"key contains 5",
	     "t:6:22: error: \"when\" of stage \"a\": \"contains\" looks for a text in quotes, not for 5"},
	    {"ext in \"jpg\"", "t:6:16: error: \"when\" of stage \"a\": expected a list such as (\"a\", \"b\") behind "
	                       "\"in\", got \"jpg\""},
	    {"ext in (\"jpg\"", "expected \",\" or the end of the list, got nothing"},
	    {"ext in (\"jpg\"]", "expected \",\" or the end of the list, got ]"},
	    {"ext in ()", "expected a number, a text in quotes, true or false, got )"},
	    {"'{} == 1'", "expected the name of a field and \"}\" behind \"{\""},
	    {"'! width == 1'", "did you mean \"not\"?"},
	    {"width == \xc3\xa9", "got \xc3\xa9"},
	};
	struct compiled *c = harness_keep(malloc(sizeof(*c)));

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *says = compile(c, rows[i][0]);
		if (!strstr(says, rows[i][1]))
			fail_msg("%s: expected %s, got %s", rows[i][0], rows[i][1], says);
	}
}

/* As deep as it may be, and deeper; as long as it may be, and longer. */
static void test_limits(void **state)
{
	struct compiled *c = harness_keep(malloc(sizeof(*c)));
	char *open = "", *close = "", *lots = "width == 1";

	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		open = harness_text("%swidth == 1 or width == 640 and (", open);
		close = harness_text("%s)", close);
	}
	assert_string_equal(compile(c, harness_text("%swidth in (1, 640)%s", open, close)), "");
	assert_true(kk_condition_holds(&c->plan, c->when, c->words, &item));
	assert_non_null(strstr(compile(c, harness_text("(%swidth == 1%s)", open, close)), "too many parentheses"));
	for (unsigned i = 0; i < 250; i++)
		lots = harness_text("%s or width == 1", lots);
	assert_non_null(strstr(compile(c, lots), "too long"));
}

/* Whatever the words are, neither the check nor the evaluation leaves the plan, and both come to an end. */
static void test_corrupt(void **state)
{
	struct compiled *c = harness_keep(malloc(sizeof(*c)));
	uint32_t words[64];

	(void)state;
	srandom(3);
	assert_string_equal(compile(c, "not (width == 640 or ext in (\"a\", \"b\")) and bytes > 1"), "");
	for (unsigned round = 0; round < 20000; round++) {
		struct compiled *broken = malloc(sizeof(*c));
		assert_non_null(broken);
		memcpy(broken, c, sizeof(*c));
		for (unsigned i = 0; i <= round % 3; i++)
			broken->behind[c->used - 1 - (unsigned)random() % (c->words * 4)] ^= (char)(1 << random() % 8);
		kk_condition_check(&broken->plan, broken->when, broken->words);
		kk_condition_holds(&broken->plan, broken->when, broken->words, &item);
		free(broken);
	}
	for (unsigned i = 0; i < 64; i++)
		words[i] = KK_WHEN_OR;
	uint32_t ors = put(c, words, sizeof(words));
	c->plan.bytes = sizeof(c->plan) + c->used;
	assert_false(kk_condition_check(&c->plan, ors, 64));
	assert_false(kk_condition_holds(&c->plan, ors, 64, &item));
	assert_false(kk_condition_check(&c->plan, ors, 65)); /* beyond the end */
	assert_false(kk_condition_check(&c->plan, 8, 4));    /* within the fixed part */
	assert_false(kk_condition_holds(&c->plan, UINT32_MAX, UINT32_MAX, &item));
}

/* It comes into the plan of its stage, and only there; all mistakes are told at once. */
static void test_plan(void **state)
{
	static const char text[] = "pipeline: x\nsource: { use: source }\nstages:\n"
	                           "- { name: a, use: transform, when: width > 5 }\n"
	                           "- { name: b, use: sink }\n";
	static const char wrong[] = "pipeline: x\nsource: { use: source }\nstages:\n"
	                            "- { name: a, use: transform, from: nobody, when: width => 5 }\n"
	                            "- { name: b, use: sink, when: width }\n";
	struct parsed parsed;

	(void)state;
	parsed_config(&parsed, text);
	struct kk_plan *plan = kk_plan_build(parsed.config, "x.yaml", parsed.diagnostics);
	assert_string_equal(parsed_messages(&parsed), "");
	assert_non_null(plan);
	assert_true(kk_condition_holds(plan, plan->stage[1].when, plan->stage[1].when_words, &item));
	assert_int_equal(plan->stage[2].when_words, 0);
	plan->stage[1].when_words++;
	assert_int_equal(kk_plan_check(plan, plan->bytes), -1);
	free(plan);
	parsed_free(&parsed);
	parsed_config(&parsed, wrong);
	assert_null(kk_plan_build(parsed.config, "x.yaml", parsed.diagnostics));
	assert_int_equal(kk_diagnostics_count(parsed.diagnostics), 3);
	parsed_free(&parsed);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_answers), cmocka_unit_test(test_mistakes), cmocka_unit_test(test_limits),
    cmocka_unit_test(test_corrupt), cmocka_unit_test(test_plan),
};
HARNESS_MAIN(tests)
