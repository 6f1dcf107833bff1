/* SPDX-License-Identifier: Apache-2.0 */
/* kk_array and kk_value in a family: all C types, ranges, text, locks. */
#include "harness.h"
#include "killing.h"
#include <kakehi/value.h>

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kk_family *family;

static void make_family(void)
{
	static const struct kk_family_spec spec = {.bytes = 65536, .seats = 8, .objects = 8};
	family = kk_family_create(&spec, NULL);
	assert_non_null(family);
}

static void drop_family(void)
{
	struct kk_family_usage usage;
	kk_family_usage(family, &usage);
	assert_int_equal(usage.objects_used, 0);
	kk_family_close(family);
}

static const struct {
	enum kk_number kind;
	size_t width;
	int64_t least, most;
} integers[] = {
    {KK_NUMBER_BOOL, 1, 0, 1},
    {KK_NUMBER_CHAR, 1, 0, UINT8_MAX},
    {KK_NUMBER_I8, 1, INT8_MIN, INT8_MAX},
    {KK_NUMBER_I16, 2, INT16_MIN, INT16_MAX},
    {KK_NUMBER_I32, 4, INT32_MIN, INT32_MAX},
    {KK_NUMBER_I64, 8, INT64_MIN, INT64_MAX},
    {KK_NUMBER_U8, 1, 0, UINT8_MAX},
    {KK_NUMBER_U16, 2, 0, UINT16_MAX},
    {KK_NUMBER_U32, 4, 0, UINT32_MAX},
};

/* Each kind holds its range, and beyond it begins anew. The neighbours are not touched. */
static void test_integers(void **state)
{
	(void)state;
	make_family();
	for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
		struct kk_array *array = kk_array_create(family, integers[i].kind, 3, false, NULL);
		int64_t most = integers[i].most, least = integers[i].least, got = 1, expected;
		bool done;
		assert_non_null(array);
		assert_int_equal(kk_array_width(array), integers[i].width);
		assert_int_equal(kk_array_get_int(array, 1, &got), KK_OK);
		assert_int_equal(got, 0);
		assert_int_equal(kk_array_set_int(array, 1, most), KK_OK);
		assert_int_equal(kk_array_get_int(array, 1, &got), KK_OK);
		assert_int_equal(got, most);
		assert_int_equal(kk_array_set_int(array, 1, least), KK_OK);
		assert_int_equal(kk_array_get_int(array, 1, &got), KK_OK);
		assert_int_equal(got, least);
		assert_int_equal(kk_array_set_int(array, 1, most), KK_OK);
		assert_int_equal(kk_array_add_int(array, 1, 1, &got), KK_OK);
		/* A truth value stays true. */
		assert_int_equal(got, integers[i].kind == KK_NUMBER_BOOL ? 1 : least);
		expected = got;
		assert_int_equal(kk_array_cas_int(array, 1, &expected, 1, &done), KK_OK);
		assert_true(done);
		expected = 0;
		assert_int_equal(kk_array_cas_int(array, 1, &expected, 7, &done), KK_OK);
		assert_false(done);
		assert_int_equal(expected, 1);
		assert_int_equal(kk_array_add_int(array, 1, -1, NULL), KK_OK);
		for (uint64_t n = 0; n < 3; n++) {
			assert_int_equal(kk_array_get_int(array, n, &got), KK_OK);
			assert_int_equal(got, 0);
		}
		double real;
		assert_int_equal(kk_array_get_float(array, 1, &real), KK_ERR_INVALID);
		assert_int_equal(kk_array_set_int(array, 3, 0), KK_ERR_INVALID);
		assert_int_equal(kk_array_check(array, NULL), KK_OK);
		kk_array_destroy(array);
	}
	drop_family();
}

static void test_largest_unsigned(void **state)
{
	(void)state;
	make_family();
	struct kk_value *value = kk_value_create(family, KK_NUMBER_U64, false, NULL);
	int64_t got;
	assert_int_equal(kk_value_set_int(value, (int64_t)UINT64_MAX), KK_OK);
	assert_true(*(uint64_t *)kk_value_data(value) == UINT64_MAX);
	assert_int_equal(kk_value_get_int(value, &got), KK_OK);
	assert_true((uint64_t)got == UINT64_MAX);
	assert_int_equal(kk_value_add_int(value, 2, &got), KK_OK);
	assert_int_equal(got, 1);
	kk_value_destroy(value);
	drop_family();
}

static void test_floats(void **state)
{
	(void)state;
	make_family();
	struct kk_array *narrow = kk_array_create(family, KK_NUMBER_F32, 2, false, NULL);
	struct kk_array *wide = kk_array_create(family, KK_NUMBER_F64, 2, false, NULL);
	double got, expected;
	bool done;
	assert_int_equal(kk_array_set_float(narrow, 1, 0.1), KK_OK);
	assert_int_equal(kk_array_get_float(narrow, 1, &got), KK_OK);
	assert_true(got == (double)0.1F);
	assert_true(((float *)kk_array_data(narrow))[1] == 0.1F);
	assert_int_equal(kk_array_add_float(narrow, 1, 1.5, &got), KK_OK);
	assert_true(got == (double)(float)((double)0.1F + 1.5));
	assert_int_equal(kk_array_set_float(narrow, 0, DBL_MAX), KK_OK);
	assert_int_equal(kk_array_get_float(narrow, 0, &got), KK_OK);
	assert_true(isinf(got));
	expected = INFINITY;
	assert_int_equal(kk_array_cas_float(narrow, 0, &expected, 2.5, &done), KK_OK);
	assert_true(done);
	assert_int_equal(kk_array_set_float(wide, 1, 0.1), KK_OK);
	assert_int_equal(kk_array_get_float(wide, 1, &got), KK_OK);
	assert_true(got == 0.1);
	expected = 0.25;
	assert_int_equal(kk_array_cas_float(wide, 1, &expected, 1, &done), KK_OK);
	assert_false(done);
	assert_true(expected == 0.1);
	assert_int_equal(kk_array_set_int(wide, 1, 1), KK_ERR_INVALID);
	kk_array_destroy(narrow);
	kk_array_destroy(wide);
	drop_family();
}

static void test_ranges(void **state)
{
	(void)state;
	make_family();
	static const int16_t numbers[] = {-1, 2, -3, 4, -5};
	int16_t got[5] = {0};
	struct kk_array *array = kk_array_create(family, KK_NUMBER_I16, 10, false, NULL);
	assert_int_equal(kk_array_write(array, 3, 5, numbers), KK_OK);
	assert_int_equal(kk_array_read(array, 4, 3, got), KK_OK);
	assert_memory_equal(got, numbers + 1, 6);
	/* A slice without a copy. */
	int16_t *slice = (int16_t *)kk_array_data(array) + 3;
	assert_memory_equal(slice, numbers, sizeof(numbers));
	slice[0] = 77;
	int64_t one;
	assert_int_equal(kk_array_get_int(array, 3, &one), KK_OK);
	assert_int_equal(one, 77);
	assert_int_equal(kk_array_write(array, 10, 0, NULL), KK_OK);
	assert_int_equal(kk_array_write(array, 6, 5, numbers), KK_ERR_INVALID);
	assert_int_equal(kk_array_read(array, 11, 0, got), KK_ERR_INVALID);
	assert_int_equal(kk_array_read(array, 1, UINT64_MAX, got), KK_ERR_INVALID);
	kk_array_destroy(array);
	drop_family();
}

static void test_text(void **state)
{
	(void)state;
	make_family();
	struct kk_array *array = kk_array_create(family, KK_NUMBER_CHAR, 5, false, NULL);
	char text[10];
	assert_int_equal(kk_array_get_text(array, text, 1), KK_OK);
	assert_string_equal(text, "");
	assert_int_equal(kk_array_set_text(array, "abcde"), KK_OK);
	assert_int_equal(kk_array_get_text(array, text, sizeof(text)), KK_OK);
	assert_string_equal(text, "abcde");
	assert_int_equal(kk_array_get_text(array, text, 5), KK_ERR_NO_ROOM);
	assert_int_equal(kk_array_get_text(array, text, 6), KK_OK);
	assert_int_equal(kk_array_set_text(array, "xy"), KK_OK);
	assert_int_equal(kk_array_get_text(array, text, sizeof(text)), KK_OK);
	assert_string_equal(text, "xy");
	/* What is behind the NUL stays, as in Python. */
	assert_int_equal(kk_array_read(array, 0, 5, text), KK_OK);
	assert_memory_equal(text, "xy\0de", 5);
	assert_int_equal(kk_array_set_text(array, "abcdef"), KK_ERR_NO_ROOM);
	kk_array_destroy(array);
	array = kk_array_create(family, KK_NUMBER_U8, 5, false, NULL);
	assert_int_equal(kk_array_set_text(array, "x"), KK_ERR_INVALID);
	assert_int_equal(kk_array_get_text(array, text, sizeof(text)), KK_ERR_INVALID);
	kk_array_destroy(array);
	drop_family();
}

static void test_refs(void **state)
{
	(void)state;
	struct kk_error error = {0};
	make_family();
	struct kk_array *array = kk_array_create(family, KK_NUMBER_I8, 4, true, &error);
	struct kk_value *value = kk_value_create(family, KK_NUMBER_F64, true, &error);
	struct kk_array *same = kk_array_open(family, kk_array_ref(array), &error);
	int64_t got;
	assert_int_equal(kk_array_set_int(array, 3, -9), KK_OK);
	assert_int_equal(kk_array_get_int(same, 3, &got), KK_OK);
	assert_int_equal(got, -9);
	assert_int_equal(kk_array_length(same), 4);
	assert_int_equal(kk_array_kind(same), KK_NUMBER_I8);
	kk_array_close(same);
	/* A value is not an array. */
	assert_null(kk_array_open(family, kk_value_ref(value), &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_value_open(family, kk_array_ref(array), &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	uint64_t ref = kk_array_ref(array);
	kk_array_destroy(array);
	assert_null(kk_array_open(family, ref, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	kk_value_destroy(value);
	assert_null(kk_array_create(family, (enum kk_number)0, 1, false, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_array_create(family, (enum kk_number)99, 1, false, &error));
	assert_null(kk_array_create(family, KK_NUMBER_I8, 0, false, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_array_create(family, KK_NUMBER_I8, UINT64_MAX, false, &error));
	assert_null(kk_array_create(family, KK_NUMBER_I64, 100000, false, &error));
	assert_int_equal(error.code, KK_ERR_NO_ROOM);
	kk_array_destroy(NULL);
	kk_value_close(NULL);
	drop_family();
}

/* ---- locks */

static struct kk_value *counter;

enum { COUNTERS = 4, ROUNDS = 2000 };

/* In two steps, so that only the lock keeps them together. */
static void *count_up(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		int64_t now;
		if (kk_value_lock(counter, -1) != KK_OK || kk_value_get_int(counter, &now) != KK_OK ||
		    kk_value_set_int(counter, now + 1) != KK_OK || kk_value_unlock(counter) != KK_OK)
			return "cannot count";
	}
	return NULL;
}

static void test_counting_under_the_lock(void **state)
{
	(void)state;
	pthread_t thread[COUNTERS];
	int64_t got;
	make_family();
	counter = kk_value_create(family, KK_NUMBER_I32, true, NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(count_up(NULL) != NULL);
	for (int i = 0; i < COUNTERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, count_up, NULL), 0);
	for (int i = 0; i < COUNTERS; i++) {
		void *fault;
		assert_int_equal(pthread_join(thread[i], &fault), 0);
		assert_null(fault);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(kk_value_get_int(counter, &got), KK_OK);
	assert_int_equal(got, (COUNTERS + 1) * ROUNDS);
	kk_value_destroy(counter);
	drop_family();
}

static void test_lock_rules(void **state)
{
	(void)state;
	make_family();
	struct kk_value *bare = kk_value_create(family, KK_NUMBER_I32, false, NULL);
	assert_int_equal(kk_value_lock(bare, 0), KK_ERR_INVALID);
	assert_int_equal(kk_value_unlock(bare), KK_ERR_INVALID);
	kk_value_destroy(bare);
	counter = kk_value_create(family, KK_NUMBER_I32, true, NULL);
	assert_int_equal(kk_value_unlock(counter), KK_ERR_NOT_OWNER);
	/* Recursive, as get_lock() in Python. */
	assert_int_equal(kk_value_lock(counter, -1), KK_OK);
	assert_int_equal(kk_value_lock(counter, -1), KK_OK);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(-kk_value_lock(counter, 0));
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), -KK_ERR_TIMEOUT);
	assert_int_equal(kk_value_unlock(counter), KK_OK);
	assert_int_equal(kk_value_unlock(counter), KK_OK);
	/* Who dies in it tells the next one. */
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(kk_value_lock(counter, -1));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(kk_value_lock(counter, -1), KK_OWNER_DIED);
	assert_int_equal(kk_value_unlock(counter), KK_OK);
	assert_int_equal(kk_value_lock(counter, -1), KK_OK);
	assert_int_equal(kk_value_unlock(counter), KK_OK);
	kk_value_destroy(counter);
	drop_family();
}

/* ---- deaths */

static void setup(void)
{
	make_family();
	counter = kk_value_create(family, KK_NUMBER_I16, true, NULL);
	assert_non_null(counter);
	assert_int_equal(kk_value_set_int(counter, 0x0fff), KK_OK);
}

static void teardown(void)
{
	kk_value_destroy(counter);
	drop_family();
}

static void sit(void)
{
	killing_must(kk_family_seat(family) == 2);
}

static int add_under_the_lock(void)
{
	int rc = kk_value_lock(counter, -1);
	if (rc == KK_OK)
		rc = kk_value_add_int(counter, 1, NULL);
	return rc == KK_OK ? kk_value_unlock(counter) : rc;
}

static const char *added_or_not(const struct killing_death *death)
{
	int64_t got = 0;
	int rc = kk_value_lock(counter, -1);
	KILLING_CHECK(rc == KK_OK || (rc == KK_OWNER_DIED && !death->finished));
	KILLING_CHECK(kk_value_get_int(counter, &got) == KK_OK && (got == 0x0fff || got == 0x1000));
	KILLING_CHECK(!death->finished || (got == 0x1000 && death->result == KK_OK));
	KILLING_CHECK(kk_value_unlock(counter) == KK_OK);
	KILLING_CHECK(kk_value_lock(counter, 0) == KK_OK && kk_value_unlock(counter) == KK_OK);
	return NULL;
}

static void test_kill_under_the_lock(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "add to a value under its lock",
	                                       .family = &family,
	                                       .setup = setup,
	                                       .join = sit,
	                                       .act = add_under_the_lock,
	                                       .verify = added_or_not,
	                                       .teardown = teardown};
	killing_sweep(&killing);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_integers),
    cmocka_unit_test(test_largest_unsigned),
    cmocka_unit_test(test_floats),
    cmocka_unit_test(test_ranges),
    cmocka_unit_test(test_text),
    cmocka_unit_test(test_refs),
    cmocka_unit_test(test_counting_under_the_lock),
    cmocka_unit_test(test_lock_rules),
    cmocka_unit_test(test_kill_under_the_lock),
};
HARNESS_MAIN(tests)
