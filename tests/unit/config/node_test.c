/* SPDX-License-Identifier: Apache-2.0 */
#include "config/node.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parsed {
	struct kk_diagnostics *diagnostics;
	struct kk_document *document;
	char *messages;
};

static void parse_bytes(struct parsed *parsed, const char *text, size_t size)
{
	size_t length;
	FILE *to = open_memstream(&parsed->messages, &length);

	assert_non_null(to);
	parsed->diagnostics = kk_diagnostics_new("t", text, size);
	assert_non_null(parsed->diagnostics);
	parsed->document = kk_document_parse(text, size, parsed->diagnostics);
	assert_int_equal(kk_diagnostics_write(parsed->diagnostics, to), 0);
	fclose(to);
}

static void parse(struct parsed *parsed, const char *text)
{
	parse_bytes(parsed, text, strlen(text));
}

static void finish(struct parsed *parsed)
{
	kk_document_free(parsed->document);
	kk_diagnostics_free(parsed->diagnostics);
	free(parsed->messages);
}

static void expect_place(struct kk_place place, unsigned line, unsigned column)
{
	if (place.line != line || place.column != column)
		fail_msg("%u:%u is not %u:%u", place.line, place.column, line, column);
}

/* Every node and key knows where it stands; columns count characters. */
static void test_places(void **state)
{
	struct parsed parsed;

	(void)state;
	parse(&parsed, "a: 1\nübel: {x: [p, \"q\"],\ty: 'z'}\nempty:\nlist:\n  - r\n  - s: t\n");
	assert_string_equal(parsed.messages, "");
	const struct kk_node *root = kk_document_root(parsed.document);
	assert_int_equal(kk_node_kind(root), KK_NODE_MAP);
	assert_int_equal(kk_node_count(root), 4);
	expect_place(kk_node_place(root), 1, 1);
	const struct kk_node *a = kk_node_first(root);
	assert_string_equal(kk_node_key(a), "a");
	assert_string_equal(kk_node_text(a), "1");
	expect_place(kk_node_key_place(a), 1, 1);
	expect_place(kk_node_place(a), 1, 4);
	const struct kk_node *map = kk_node_find(root, "übel");
	expect_place(kk_node_key_place(map), 2, 1);
	expect_place(kk_node_place(map), 2, 7);
	const struct kk_node *x = kk_node_find(map, "x");
	assert_int_equal(kk_node_kind(x), KK_NODE_SEQUENCE);
	assert_int_equal(kk_node_count(x), 2);
	assert_null(kk_node_text(x));
	assert_null(kk_node_key(kk_node_first(x)));
	expect_place(kk_node_place(kk_node_next(kk_node_first(x))), 2, 15);
	expect_place(kk_node_place(kk_node_find(map, "y")), 2, 24);
	const struct kk_node *empty = kk_node_find(root, "empty");
	assert_true(kk_node_blank(empty));
	expect_place(kk_node_place(empty), 3, 1);
	const struct kk_node *second = kk_node_next(kk_node_first(kk_node_find(root, "list")));
	expect_place(kk_node_place(second), 6, 5);
	assert_string_equal(kk_node_text(kk_node_find(second, "s")), "t");
	assert_null(kk_node_next(second));
	assert_null(kk_node_find(root, "none"));
	assert_null(kk_node_find(a, "none"));
	assert_null(kk_node_find(NULL, "none"));
	finish(&parsed);
}

static void test_texts(void **state)
{
	struct parsed parsed;

	(void)state;
	parse(&parsed, "a: one two\nb: \"x\\ty\\u00e4\"\nc: |\n  l1\n  l2\nd: ''\r\ne: # nothing\r\n");
	const struct kk_node *root = kk_document_root(parsed.document);
	assert_string_equal(kk_node_text(kk_node_find(root, "a")), "one two");
	assert_string_equal(kk_node_text(kk_node_find(root, "b")), "x\tyä");
	assert_string_equal(kk_node_text(kk_node_find(root, "c")), "l1\nl2\n");
	assert_string_equal(kk_node_text(kk_node_find(root, "d")), "");
	assert_false(kk_node_blank(kk_node_find(root, "d")));
	assert_true(kk_node_blank(kk_node_find(root, "e")));
	finish(&parsed);
}

static void test_variables(void **state)
{
	struct parsed parsed;

	(void)state;
	assert_int_equal(setenv("KAKEHI_TEST_A", "va lue", 1), 0);
	assert_int_equal(setenv("KAKEHI_TEST_EMPTY", "", 1), 0);
	assert_int_equal(unsetenv("KAKEHI_TEST_NONE"), 0);
	parse(&parsed, "a: ${KAKEHI_TEST_A}\n"
	               "b: x${KAKEHI_TEST_NONE:-y:-z}w$\n"
	               "c: '[${KAKEHI_TEST_EMPTY}|${KAKEHI_TEST_EMPTY:-d}|${KAKEHI_TEST_NONE:-}]'\n"
	               "d: $${KAKEHI_TEST_A} $X $$\n"
	               "${KAKEHI_TEST_A}: key\n");
	assert_string_equal(parsed.messages, "");
	const struct kk_node *root = kk_document_root(parsed.document);
	assert_string_equal(kk_node_text(kk_node_find(root, "a")), "va lue");
	assert_string_equal(kk_node_text(kk_node_find(root, "b")), "xy:-zw$");
	assert_string_equal(kk_node_text(kk_node_find(root, "c")), "[|d|]");
	assert_string_equal(kk_node_text(kk_node_find(root, "d")), "${KAKEHI_TEST_A} $X $$");
	assert_non_null(kk_node_find(root, "${KAKEHI_TEST_A}"));
	finish(&parsed);
}

/* A value is put in as a text: it cannot become structure. */
static void test_variable_is_text(void **state)
{
	struct parsed parsed;

	(void)state;
	assert_int_equal(setenv("KAKEHI_TEST_A", "{x: ${KAKEHI_TEST_A}}\nb: 2", 1), 0);
	parse(&parsed, "a: ${KAKEHI_TEST_A}\n");
	const struct kk_node *root = kk_document_root(parsed.document);
	assert_int_equal(kk_node_count(root), 1);
	assert_string_equal(kk_node_text(kk_node_first(root)), "{x: ${KAKEHI_TEST_A}}\nb: 2");
	finish(&parsed);
}

struct wrong {
	const char *text, *says;
	bool tree; /* is there something to go on with? */
};

static void test_mistakes(void **state)
{
	static const struct wrong rows[] = {
	    {"", "t:1:1: error: the config is empty\n", false},
	    {"a: 1\na: 2\n", "t:2:1: error: \"a\" is given twice; the first time on line 1\n", true},
	    {"a: &x 1\n", "anchors", true},
	    {"a: *x\n", "t:1:4: error: aliases", true},
	    {"*x : 1\n", "error: aliases", true},
	    {"a: !t 1\n", "tags", true},
	    {"? [a]\n: 1\n", "t:1:3: error: a field's name must be a plain word\n", false},
	    {"{ : 1}\n", "a field's name", false},
	    {"a: 1\n---\nb: 2\n", "t:2:1: error: a second document", false},
	    {"a: ${}\n", "t:1:4: error: \"${}\" is not a variable", true},
	    {"a: ${X-1}\n", "is not a variable", true},
	    {"a: ${X\n", "without a closing", true},
	    {"a: ${KAKEHI_TEST_NONE}\n", "KAKEHI_TEST_NONE is not set", true},
	    {"a: [1\n", "t:2:1: error: ", false},
	    {"a: \"\\0\"\n", "t:1:4: error: a text may not contain a NUL character\n", true},
	    {"a: \x1b[31m\n", "t:1:4: error: control character 0x1b", false},
	    {"ä: \xc3\n", "t:1:4: error: byte 0xc3 is not UTF-8", false},
	    {"a: \xed\xa0\x80\n", "is not UTF-8", false},
	    {"a: 1\rb: 2\n", "t:1:5: error: control character 0x0d", false},
	    {"%YAML 9.9\n---\na: 1\n", "error: ", false},
	    {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "t:1:17: error: more than 16 levels deep\n", false},
	};

	(void)state;
	assert_int_equal(unsetenv("KAKEHI_TEST_NONE"), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parsed parsed;
		parse(&parsed, rows[i].text);
		if (!strstr(parsed.messages, rows[i].says) || (parsed.document != NULL) != rows[i].tree)
			fail_msg("%s says %s", rows[i].text, parsed.messages);
		finish(&parsed);
	}
}

/* What a bomb is made of is refused before it can go off. */
static void test_sizes(void **state)
{
	size_t size = 1024 * 1024 + 1;
	char *text = harness_keep(malloc(size));
	struct parsed parsed;

	(void)state;
	memset(text, ' ', size);
	memcpy(text, "a: 1", 4);
	parse_bytes(&parsed, text, size);
	assert_string_equal(parsed.messages, "t: error: the file is larger than 1 MiB\n");
	finish(&parsed);
	parse_bytes(&parsed, text, size - 1);
	assert_string_equal(parsed.messages, "");
	finish(&parsed);
	memset(text, '[', size);
	parse_bytes(&parsed, text, size - 1);
	assert_non_null(strstr(parsed.messages, "levels deep"));
	finish(&parsed);
	size_t used = 0;
	for (unsigned i = 0; i < 1001; i++)
		used += (size_t)sprintf(text + used, "k%u: 1\n", i);
	parse_bytes(&parsed, text, used);
	assert_non_null(strstr(parsed.messages, "t:1001:1: error: more than 1000 fields"));
	finish(&parsed);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_places),           cmocka_unit_test(test_texts),    cmocka_unit_test(test_variables),
    cmocka_unit_test(test_variable_is_text), cmocka_unit_test(test_mistakes), cmocka_unit_test(test_sizes),
};
HARNESS_MAIN(tests)
