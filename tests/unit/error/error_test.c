/* SPDX-License-Identifier: Apache-2.0 */
/* kk_error: every code has a text, sentences are formatted, wrapped and cut, errno is kept. */
#include "harness.h"
#include <kakehi/error.h>

#include <errno.h>
#include <string.h>

static void test_status_text(void **state)
{
	(void)state;
	static const int codes[] = {KK_OK,
#define KK_X(name, code, text) name,
	                            KK_ERRORS(KK_X)
#undef KK_X
	};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(kk_status_text(codes[i]), kk_status_text(codes[j]));
		assert_string_not_equal(kk_status_text(codes[i]), kk_status_text(-1000));
	}
	assert_string_equal(kk_status_text(KK_ERR_FULL), "full");
	assert_string_equal(kk_status_text(12345), "unknown error");
}

static void test_set(void **state)
{
	(void)state;
	struct kk_error error = {0};
	errno = EACCES;
	assert_int_equal(kk_error_set(&error, KK_ERR_FULL, "dict %s has %d keys", "seen", 7), KK_ERR_FULL);
	assert_int_equal(error.code, KK_ERR_FULL);
	assert_int_equal(error.system, 0);
	assert_string_equal(error.text, "dict seen has 7 keys");
	assert_int_equal(kk_error_set(NULL, KK_ERR_CLOSED, "%s", "nobody listens"), KK_ERR_CLOSED);
}

static void test_set_system(void **state)
{
	(void)state;
	struct kk_error error = {0};
	errno = ENOENT;
	assert_int_equal(kk_error_set(&error, KK_ERR_SYSTEM, "open %s", "x"), KK_ERR_SYSTEM);
	assert_int_equal(error.system, ENOENT);
	assert_string_equal(error.text, "open x: No such file or directory");
	assert_int_equal(errno, ENOENT);
}

static void test_wrap(void **state)
{
	(void)state;
	struct kk_error error = {0};
	(void)kk_error_set(&error, KK_ERR_CORRUPT, "bad magic");
	assert_int_equal(kk_error_wrap(&error, "ring %d", 3), KK_ERR_CORRUPT);
	assert_string_equal(error.text, "ring 3: bad magic");
	assert_int_equal(kk_error_wrap(NULL, "ring %d", 3), KK_OK);
}

static void test_long_texts_are_cut(void **state)
{
	(void)state;
	struct kk_error error = {0};
	char text[2000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	errno = EIO;
	(void)kk_error_set(&error, KK_ERR_SYSTEM, "%s", text);
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
	(void)kk_error_wrap(&error, "%s", text);
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
	(void)kk_error_set(&error, KK_ERR_FULL, "short");
	(void)kk_error_wrap(&error, "%.*s", (int)sizeof(error.text) - 4, text);
	assert_string_equal(error.text + sizeof(error.text) - 4, ": s");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_status_text),        cmocka_unit_test(test_set),
    cmocka_unit_test(test_set_system),         cmocka_unit_test(test_wrap),
    cmocka_unit_test(test_long_texts_are_cut),
};
HARNESS_MAIN(tests)
