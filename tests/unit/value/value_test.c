/* SPDX-License-Identifier: Apache-2.0 */
/* kk_value: one number, of either kind. */
#include "harness.h"
#include <kakehi/value.h>

#include <stdlib.h>
#include <string.h>

static void *memory_for(uint64_t bytes)
{
	return harness_keep(aligned_alloc(64, bytes));
}

static void test_integer(void **state)
{
	(void)state;
	void *memory = memory_for(kk_value_size());
	int64_t got = -1, expected = 5;
	bool done = true;
	assert_int_equal(kk_value_init(memory, kk_value_size(), KK_NUMBER_INT, NULL), KK_OK);
	struct kk_value *value = kk_value_attach(memory, kk_value_size(), NULL);
	assert_non_null(value);
	assert_int_equal(kk_value_kind(value), KK_NUMBER_INT);
	assert_int_equal(kk_value_get_int(value, &got), KK_OK);
	assert_int_equal(got, 0);
	assert_int_equal(kk_value_set_int(value, INT64_MIN), KK_OK);
	assert_int_equal(kk_value_add_int(value, -1, &got), KK_OK);
	assert_true(got == INT64_MAX);
	assert_int_equal(kk_value_cas_int(value, &expected, 7, &done), KK_OK);
	assert_false(done);
	assert_true(expected == INT64_MAX);
	assert_int_equal(kk_value_cas_int(value, &expected, 7, &done), KK_OK);
	assert_true(done);
	assert_int_equal(kk_value_add_int(value, 1, NULL), KK_OK);
	assert_int_equal(kk_value_get_int(value, &got), KK_OK);
	assert_int_equal(got, 8);
	kk_value_detach(value);
}

static void test_float(void **state)
{
	(void)state;
	void *memory = memory_for(kk_value_size());
	double got = -1, expected = -0.0;
	bool done = true;
	assert_int_equal(kk_value_init(memory, kk_value_size(), KK_NUMBER_FLOAT, NULL), KK_OK);
	struct kk_value *value = kk_value_attach(memory, kk_value_size(), NULL);
	assert_non_null(value);
	assert_int_equal(kk_value_cas_float(value, &expected, 1, &done), KK_OK);
	assert_false(done); /* -0.0 has other bits than 0.0 */
	assert_int_equal(kk_value_cas_float(value, &expected, 1.5, &done), KK_OK);
	assert_true(done);
	assert_int_equal(kk_value_add_float(value, 0.25, &got), KK_OK);
	assert_true(got == 1.75);
	assert_int_equal(kk_value_set_float(value, -2), KK_OK);
	assert_int_equal(kk_value_get_float(value, &got), KK_OK);
	assert_true(got == -2);
	kk_value_detach(value);
}

static void test_the_other_kind_is_refused(void **state)
{
	(void)state;
	void *memory = memory_for(kk_value_size());
	int64_t integer = 3;
	double real = 3;
	bool done;
	assert_int_equal(kk_value_init(memory, kk_value_size(), KK_NUMBER_FLOAT, NULL), KK_OK);
	struct kk_value *value = kk_value_attach(memory, kk_value_size(), NULL);
	assert_int_equal(kk_value_get_int(value, &integer), KK_ERR_INVALID);
	assert_int_equal(kk_value_set_int(value, 1), KK_ERR_INVALID);
	assert_int_equal(kk_value_add_int(value, 1, NULL), KK_ERR_INVALID);
	assert_int_equal(kk_value_cas_int(value, &integer, 1, &done), KK_ERR_INVALID);
	assert_int_equal(kk_value_get_float(value, &real), KK_OK);
	assert_true(real == 0);
	kk_value_detach(value);
}

static void test_attach_checks(void **state)
{
	(void)state;
	void *memory = memory_for(kk_array_size(3));
	struct kk_error error = {0};
	memset(memory, 0, kk_array_size(3));
	assert_null(kk_value_attach(memory, kk_value_size(), &error));
	assert_int_equal(error.code, KK_ERR_CORRUPT);
	assert_int_equal(kk_array_init(memory, kk_array_size(3), KK_NUMBER_INT, 3, NULL), KK_OK);
	assert_null(kk_value_attach(memory, kk_array_size(3), &error));
	assert_int_equal(error.code, KK_ERR_CORRUPT);
	assert_int_equal(kk_value_init(memory, kk_value_size() - 1, KK_NUMBER_INT, &error), KK_ERR_INVALID);
	assert_int_equal(kk_value_init(memory, kk_value_size(), KK_NUMBER_INT, &error), KK_OK);
	struct kk_value *value = kk_value_attach(memory, kk_value_size(), &error);
	assert_int_equal(kk_value_check(value, NULL), KK_OK);
	memset(memory, 0, 4);
	assert_int_equal(kk_value_check(value, NULL), KK_ERR_CORRUPT);
	kk_value_detach(value);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_integer),
    cmocka_unit_test(test_float),
    cmocka_unit_test(test_the_other_kind_is_refused),
    cmocka_unit_test(test_attach_checks),
};
HARNESS_MAIN(tests)
