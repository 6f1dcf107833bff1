/* SPDX-License-Identifier: Apache-2.0 */
#include "config/quantity.h"
#include "harness.h"

#include <string.h>

typedef int (*parse)(const char *text, uint64_t *to, struct kk_error *error);

struct row {
	const char *text;
	uint64_t value;
	const char *says; /* NULL: it is fine */
};

static void check(parse function, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct kk_error error = {0};
		uint64_t value = 12345;
		int status = function(rows[i].text, &value, &error);
		if (rows[i].says) {
			if (status != KK_ERR_INVALID || !strstr(error.text, rows[i].says) || value != 12345)
				fail_msg("\"%s\": %d, \"%s\"", rows[i].text, status, error.text);
		} else if (status != KK_OK || value != rows[i].value) {
			fail_msg("\"%s\": %d, %llu", rows[i].text, status, (unsigned long long)value);
		}
		assert_int_equal(function(rows[i].text, &value, NULL), status);
	}
}

#define CHECK(function, rows) check(function, rows, sizeof(rows) / sizeof((rows)[0]))

static void test_sizes(void **state)
{
	static const struct row rows[] = {
	    {"0", 0, NULL},
	    {"4096", 4096, NULL},
	    {"1B", 1, NULL},
	    {"64KiB", 65536, NULL},
	    {"50MiB", 50 << 20, NULL},
	    {"1GB", 1000000000, NULL},
	    {"16777215TiB", UINT64_C(16777215) << 40, NULL},
	    {"18446744073709551615", UINT64_MAX, NULL},
	    {"16777216TiB", 0, "too large"},
	    {"18446744073709551616", 0, "too large"},
	    {"99999999999999999999999KiB", 0, "too large"},
	    {"", 0, "is not a size"},
	    {"KiB", 0, "is not a size"},
	    {"-1", 0, "negative"},
	    {"+1", 0, "is not a size"},
	    {"1.5MiB", 0, "whole number"},
	    {"1 MiB", 0, "blank"},
	    {"1MiB ", 0, "unknown unit"},
	    {" 1", 0, "is not a size"},
	    {"10M", 0, "unknown unit \"M\""},
	    {"10mib", 0, "unknown unit"},
	    {"0x10", 0, "unknown unit"},
	};

	(void)state;
	CHECK(kk_quantity_size, rows);
}

static void test_durations(void **state)
{
	static const struct row rows[] = {
	    {"0", 0, NULL},         {"500ms", 500, NULL},
	    {"30s", 30000, NULL},   {"5m", 300000, NULL},
	    {"2h", 7200000, NULL},  {"00001s", 1000, NULL},
	    {"30", 0, "no unit"},   {"1.5s", 0, "whole number"},
	    {"-5s", 0, "negative"}, {"5sec", 0, "unknown"},
	    {"5 s", 0, "blank"},    {"s", 0, "is not a duration"},
	    {"", 0, "is not a"},    {"5124095576031h", 0, "too large"},
	};

	(void)state;
	CHECK(kk_quantity_duration, rows);
}

static void test_unsigned(void **state)
{
	static const struct row rows[] = {
	    {"0", 0, NULL},
	    {"18446744073709551615", UINT64_MAX, NULL},
	    {"18446744073709551616", 0, "too large"},
	    {"-1", 0, "negative"},
	    {"1e3", 0, "not a whole number"},
	    {"", 0, "not a whole number"},
	    {"12a", 0, "not a whole number"},
	};

	(void)state;
	CHECK(kk_quantity_unsigned, rows);
}

static void test_ints(void **state)
{
	int64_t value;

	(void)state;
	assert_int_equal(kk_quantity_int("-9223372036854775808", &value, NULL), KK_OK);
	assert_true(value == INT64_MIN);
	assert_int_equal(kk_quantity_int("+9223372036854775807", &value, NULL), KK_OK);
	assert_true(value == INT64_MAX);
	assert_int_equal(kk_quantity_int("9223372036854775808", &value, NULL), KK_ERR_INVALID);
	assert_int_equal(kk_quantity_int("-9223372036854775809", &value, NULL), KK_ERR_INVALID);
	assert_int_equal(kk_quantity_int("--1", &value, NULL), KK_ERR_INVALID);
	assert_int_equal(kk_quantity_int("-", &value, NULL), KK_ERR_INVALID);
	assert_int_equal(kk_quantity_int("1 ", &value, NULL), KK_ERR_INVALID);
	assert_true(value == INT64_MAX);
}

static void test_floats(void **state)
{
	static const char *const wrong[] = {"",    ".",     "-",  "e5", "1,5", "0x1p3", "inf",
	                                    "nan", "1e999", "1e", " 1", "1 ",  "1-2"};
	double value = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (kk_quantity_float(wrong[i], &value, NULL) != KK_ERR_INVALID)
			fail_msg("\"%s\"", wrong[i]);
	}
	assert_true(value == 7);
	assert_int_equal(kk_quantity_float("-2.5e3", &value, NULL), KK_OK);
	assert_true(value == -2500);
	assert_int_equal(kk_quantity_float(".5", &value, NULL), KK_OK);
	assert_true(value == 0.5);
	assert_int_equal(kk_quantity_float("1.", &value, NULL), KK_OK);
	assert_true(value == 1);
}

static void test_bools(void **state)
{
	bool value = false;

	(void)state;
	assert_int_equal(kk_quantity_bool("true", &value, NULL), KK_OK);
	assert_true(value);
	assert_int_equal(kk_quantity_bool("yes", &value, NULL), KK_ERR_INVALID);
	assert_int_equal(kk_quantity_bool("", &value, NULL), KK_ERR_INVALID);
	assert_true(value);
	assert_int_equal(kk_quantity_bool("false", &value, NULL), KK_OK);
	assert_false(value);
}

/* Whatever is written is read back as the same value. */
static void test_writing(void **state)
{
	static const uint64_t values[] = {0,    1,     999,      1000,       1024,       65536,      1500,
	                                  3600, 60000, 90000000, 50u << 20u, 1000000000, UINT64_MAX, 7200000};
	char text[40];
	uint64_t back;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		kk_quantity_size_text(values[i], text, sizeof(text));
		assert_int_equal(kk_quantity_size(text, &back, NULL), KK_OK);
		assert_true(back == values[i]);
		kk_quantity_duration_text(values[i], text, sizeof(text));
		assert_int_equal(kk_quantity_duration(text, &back, NULL), KK_OK);
		assert_true(back == values[i]);
	}
	assert_string_equal(kk_quantity_size_text(64 << 10, text, sizeof(text)), "64KiB");
	assert_string_equal(kk_quantity_size_text(2000000, text, sizeof(text)), "2MB");
	assert_string_equal(kk_quantity_duration_text(90000, text, sizeof(text)), "90s");
	assert_string_equal(kk_quantity_duration_text(7200000, text, sizeof(text)), "2h");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_sizes),   cmocka_unit_test(test_durations), cmocka_unit_test(test_unsigned),
    cmocka_unit_test(test_ints),    cmocka_unit_test(test_floats),    cmocka_unit_test(test_bools),
    cmocka_unit_test(test_writing),
};
HARNESS_MAIN(tests)
