/* SPDX-License-Identifier: Apache-2.0 */
/* kk_name: patterns, what they expand to, and what foreign text cannot do to a file name. */
#include "harness.h"
#include "worker/name.h"

#include <string.h>

static const char *field(void *arg, const char *name)
{
	return strcmp(name, "caption") == 0 ? arg : NULL;
}

/* Expands for an item with this key; NULL if that fails. */
static const char *expand(const char *pattern, const char *key)
{
	static char to[1000];
	struct kk_name_item item = {.source = "urls", .key = key, .sequence = 42, .field = field, .arg = "a/../b\n"};
	int length = kk_name_expand(pattern, &item, to, sizeof(to));
	if (length < 0) {
		assert_string_equal(to, "");
		return NULL;
	}
	assert_int_equal(length, strlen(to));
	return to;
}

static void test_names(void **state)
{
	(void)state;
	static const char url[] = "https://host.example/a/b/photo.one.jpg?size=2/3#x.y";
	assert_string_equal(expand("out/{name}.{ext}", url), "out/photo.one.jpg");
	assert_string_equal(expand("{n}", url), "000000042");
	assert_string_equal(expand("{key}", "a b"), "a b");
	assert_string_equal(expand("{caption}", url), "a_.._b_");
	assert_string_equal(expand("{{{n}}}", url), "{000000042}");
	assert_string_equal(expand("", url), "");
	assert_null(expand("{nothing}", url));
	assert_null(expand("{n", url));
	/* printf 'urls\0a' | xxh128sum */
	assert_string_equal(expand("{id}", "a"), "5d8584ecf19a988632f965209dfd8ab3");
	assert_string_not_equal(expand("{id}", "b"), "5d8584ecf19a988632f965209dfd8ab3");
}

/* RFC 1321's own examples, and every length around the end of a block against `md5sum`. */
static void test_hashes_of_the_payload(void **state)
{
	static const char *const cases[][2] = {
	    {"", "d41d8cd98f00b204e9800998ecf8427e"},
	    {"abc", "900150983cd24fb0d6963f7d28e17f72"},
	    {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
	    {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
	     "57edf4a22be3c955ac49da2e2107b67a"},
	};
	char to[100], data[130];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kk_name_item item = {.key = "a", .data = cases[i][0], .size = strlen(cases[i][0])};
		assert_int_equal(kk_name_expand("{md5}", &item, to, sizeof(to)), 32);
		assert_string_equal(to, cases[i][1]);
	}
	memset(data, 'x', sizeof(data));
	for (size_t size = 50; size <= 130; size++) {
		struct kk_name_item item = {.key = "a", .data = data, .size = size};
		const char *const argv[] = {"md5sum", NULL};
		char *input = harness_text("%.*s", (int)size, data);
		struct harness_result result = harness_exec(argv, &(struct harness_options){.input = input});
		assert_int_equal(kk_name_expand("{md5}", &item, to, sizeof(to)), 32);
		assert_memory_equal(to, result.out, 32);
		size += size < 54 || (size > 66 && size < 117) ? 10 : 0;
	}
	/* printf abc | xxh128sum */
	struct kk_name_item item = {.key = "a", .data = "abc", .size = 3};
	assert_int_equal(kk_name_expand("{xxh3}", &item, to, sizeof(to)), 32);
	assert_string_equal(to, "06b05ab6733a618578af5f94892f3950");
}

static void test_name_and_ext(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
	    {"/data/x.tar.gz", "x.tar|gz"},
	    {"x", "x|_"},
	    {"x.", "x|_"},
	    {".hidden", "_hidden|_"},
	    {"http://host", "_|_"},
	    {"http://host/", "_|_"},
	    {"http://host?a/b.c", "_|_"},
	    {"http://host/dir.d/", "_|_"},
	    {"a/b/..", "_|_"},
	    {"file:///x/y.PNG#frag", "y|PNG"},
	    {"https://h/a.b/c", "c|_"},
	    {"https://h/a?u=http://z/q.png", "a|_"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(expand("{name}|{ext}", cases[i][0]), cases[i][1]);
	/* A dot of the pattern is there for the suffix alone. */
	assert_string_equal(expand("out/{name}.{ext}", "http://host/photo"), "out/photo");
	assert_string_equal(expand("{name}.{ext}", "x."), "x");
	assert_string_equal(expand("{name}.{ext}", ".hidden"), "_hidden");
	assert_string_equal(expand("{name}.small.{ext}/{n}", "x"), "x.small/000000042");
	assert_string_equal(expand("{name}.{ext}", "x. "), "x._");
	assert_string_equal(expand("{ext}/{name}", "x"), "_/x");
	assert_string_equal(expand("{name}.{key}", ""), "_._");
}

static void test_components_are_harmless(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
	    {"", "_"},
	    {".", "_"},
	    {"..", "_"},
	    {"...", "_"},
	    {"../../etc/passwd", "_._.._etc_passwd"},
	    {"/", "_"},
	    {" . . ", "_"},
	    {"a. .", "a"},
	    {"a\tb\nc\x7f", "a_b_c_"},
	    {"a\\b", "a_b"},
	    {"\xc3\xa4\xe6\xb0\xb4", "\xc3\xa4\xe6\xb0\xb4"},
	    {"\xc2\x9b"
	     "31m",
	     "_31m"},
	    {"\xff\xc0\xaf", "___"},
	    {"\xc3", "_"},
	    {"\xed\xa0\x80", "___"},
	    {"\xf4\x90\x80\x80", "____"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(expand("{key}", cases[i][0]), cases[i][1]);
}

static void test_long_texts(void **state)
{
	(void)state;
	char key[1000], to[300];
	struct kk_name_item item = {.source = "s", .key = key};
	memset(key, 'x', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	memcpy(key + 199, "\xe6\xb0\xb4", 3); /* would be cut in its middle */
	assert_int_equal(kk_name_expand("{key}", &item, to, sizeof(to)), 199);
	memcpy(key + 199, "xxx", 3);
	assert_int_equal(kk_name_expand("{key}", &item, to, sizeof(to)), 200);
	assert_int_equal(kk_name_expand("{key}", &item, to, 201), 200);
	assert_int_equal(kk_name_expand("{key}", &item, to, 200), -1);
	assert_int_equal(kk_name_expand("{key}{key}", &item, to, sizeof(to)), -1);
	assert_int_equal(kk_name_expand("a", &item, to, 1), -1);
	assert_int_equal(kk_name_expand("", &item, to, 1), 0);
	assert_int_equal(kk_name_expand("", &item, to, 0), -1);
	item.key = NULL;
	assert_int_equal(kk_name_expand("{key}{name}{ext}", &item, to, sizeof(to)), 3);
	assert_int_equal(kk_name_expand("{field}", &item, to, sizeof(to)), -1);
}

static void test_check(void **state)
{
	(void)state;
	static const char *const good[] = {"a", "{id}.jpg", "{{", "}}", "{any field: at all}", "/x/{n}/{key}"};
	static const char *const bad[] = {"", "{", "}", "{}", "{a", "{a/b}", "a}b", "{{}", "{a{b}}", "{\xc3\xa4}"};
	char why[100];
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(kk_name_check(good[i], why, sizeof(why)), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		assert_int_equal(kk_name_check(bad[i], why, sizeof(why)), -1);
		assert_true(strlen(why) > 10);
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_names),        cmocka_unit_test(test_hashes_of_the_payload),
    cmocka_unit_test(test_name_and_ext), cmocka_unit_test(test_components_are_harmless),
    cmocka_unit_test(test_long_texts),   cmocka_unit_test(test_check),
};
HARNESS_MAIN(tests)
