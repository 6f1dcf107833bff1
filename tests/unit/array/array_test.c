/* SPDX-License-Identifier: Apache-2.0 */
/* kk_array: elements are counted up by many processes at once, and damage is noticed. */
#include "harness.h"
#include <kakehi/array.h>
#include <kakehi/shm.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Shared memory with an array in it, mapped; the descriptors are closed. */
static void *array_memory(enum kk_number kind, uint64_t length)
{
	uint64_t bytes = kk_array_size(length);
	struct kk_shm *shm = kk_shm_create(bytes, "a test", 0, NULL);
	assert_non_null(shm);
	void *memory = kk_shm_map(kk_shm_fd(shm, true), bytes, true, NULL);
	assert_non_null(memory);
	kk_shm_free(shm);
	assert_int_equal(kk_array_init(memory, bytes, kind, length, NULL), KK_OK);
	return memory;
}

enum { CHILDREN = 4, ROUNDS = 20000, LENGTH = 7 };

/* One process's share: adds 1 to every element in turn, once in a while by compare-and-swap. */
static int count_up(struct kk_array *array)
{
	for (int64_t i = 0; i < ROUNDS; i++) {
		uint64_t at = (uint64_t)i % LENGTH;
		bool done = false;
		int64_t integer = 0;
		double real = 0;
		if (kk_array_kind(array) == KK_NUMBER_FLOAT && i % 3) {
			if (kk_array_add_float(array, at, 0.5, NULL) < 0)
				return 1;
		} else if (kk_array_kind(array) == KK_NUMBER_FLOAT) {
			while (!done)
				if (kk_array_cas_float(array, at, &real, real + 0.5, &done) < 0)
					return 1;
		} else if (i % 3) {
			if (kk_array_add_int(array, at, 1, NULL) < 0)
				return 1;
		} else {
			while (!done)
				if (kk_array_cas_int(array, at, &integer, integer + 1, &done) < 0)
					return 1;
		}
	}
	return 0;
}

static void count_in_processes(enum kk_number kind)
{
	struct kk_array *array = kk_array_attach(array_memory(kind, LENGTH), kk_array_size(LENGTH), NULL);
	double sum = 0;
	assert_non_null(array);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			_exit(count_up(array));
	}
	for (int i = 0; i < CHILDREN; i++) {
		int status;
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	for (uint64_t i = 0; i < LENGTH; i++) {
		int64_t integer = 0;
		double real = 0;
		assert_int_equal(kind == KK_NUMBER_INT ? kk_array_get_int(array, i, &integer)
		                                       : kk_array_get_float(array, i, &real),
		                 KK_OK);
		sum += (double)integer + 2 * real;
	}
	assert_true(sum == (double)CHILDREN * ROUNDS);
	assert_int_equal(kk_array_check(array, NULL), KK_OK);
	kk_array_detach(array);
}

static void test_integers_of_many_processes(void **state)
{
	(void)state;
	count_in_processes(KK_NUMBER_INT);
}

static void test_floats_of_many_processes(void **state)
{
	(void)state;
	count_in_processes(KK_NUMBER_FLOAT);
}

static void test_bounds(void **state)
{
	(void)state;
	struct kk_array *array = kk_array_attach(array_memory(KK_NUMBER_INT, 3), kk_array_size(3), NULL);
	int64_t got = 0;
	assert_int_equal(kk_array_length(array), 3);
	assert_int_equal(kk_array_set_int(array, 2, 9), KK_OK);
	assert_int_equal(kk_array_set_int(array, 3, 9), KK_ERR_INVALID);
	assert_int_equal(kk_array_get_int(array, UINT64_MAX, &got), KK_ERR_INVALID);
	assert_int_equal(kk_array_get_int(array, 2, &got), KK_OK);
	assert_int_equal(got, 9);
	kk_array_detach(array);
	assert_int_equal(kk_array_size(UINT64_MAX), 0);
	assert_int_equal(kk_array_size(UINT64_MAX / 8), 0);
}

static void test_attach_checks(void **state)
{
	(void)state;
	unsigned char *memory = array_memory(KK_NUMBER_INT, 3);
	struct kk_error error = {0};
	assert_null(kk_array_attach(memory, kk_array_size(3) - 64, &error));
	assert_int_equal(error.code, KK_ERR_CORRUPT);
	assert_null(kk_array_attach(NULL, 4096, NULL));
	memory[16] = 200; /* the length */
	assert_null(kk_array_attach(memory, kk_array_size(3), &error));
	memory[16] = 3;
	struct kk_array *array = kk_array_attach(memory, kk_array_size(3), NULL);
	assert_non_null(array);
	memory[16] = 200;
	assert_int_equal(kk_array_check(array, NULL), KK_ERR_CORRUPT);
	assert_int_equal(kk_array_set_int(array, 3, 1), KK_ERR_INVALID);
	kk_array_detach(array);
	memory[16] = 3;
	memory[4] = 77; /* the version */
	assert_null(kk_array_attach(memory, kk_array_size(3), &error));
	assert_int_equal(error.code, KK_ERR_VERSION);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_integers_of_many_processes),
    cmocka_unit_test(test_floats_of_many_processes),
    cmocka_unit_test(test_bounds),
    cmocka_unit_test(test_attach_checks),
};
HARNESS_MAIN(tests)
