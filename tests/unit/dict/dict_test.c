/* SPDX-License-Identifier: Apache-2.0 */
/* kk_dict: what one process, and what many threads at once, may expect of it. */
#include "harness.h"
#include <kakehi/dict.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct kk_dict_shape small = {.keys = 5, .roles = 3, .key_max = 11, .value_max = 21};

static unsigned char *memory;

/* A dict in memory of the test. */
static struct kk_dict *dict_of(const struct kk_dict_shape *shape)
{
	uint64_t bytes = kk_dict_size(shape);
	assert_true(bytes > 0);
	memory = harness_keep(aligned_alloc(64, bytes));
	assert_int_equal(kk_dict_init(memory, bytes, shape, NULL), KK_OK);
	struct kk_dict *dict = kk_dict_attach(memory, bytes, NULL);
	assert_non_null(dict);
	return dict;
}

static int set(struct kk_dict *dict, const char *key, const char *value)
{
	return kk_dict_set(dict, 1, key, strlen(key), value, strlen(value));
}

static char *get(const struct kk_dict *dict, const char *key)
{
	static char to[100];
	int64_t bytes = kk_dict_get(dict, key, strlen(key), to, sizeof(to) - 1);
	if (bytes < 0)
		return NULL;
	to[bytes] = '\0';
	return to;
}

static void test_set_get_remove(void **state)
{
	(void)state;
	struct kk_dict *dict = dict_of(&small);
	struct kk_dict_usage usage;
	assert_null(get(dict, "a"));
	assert_int_equal(kk_dict_remove(dict, 1, "a", 1), KK_ERR_MISSING);
	assert_int_equal(set(dict, "a", "one"), KK_OK);
	assert_string_equal(get(dict, "a"), "one");
	assert_int_equal(set(dict, "a", "another one"), KK_OK);
	assert_string_equal(get(dict, "a"), "another one");
	assert_int_equal(set(dict, "b", ""), KK_OK);
	assert_string_equal(get(dict, "b"), "");
	assert_int_equal(kk_dict_remove(dict, 2, "a", 1), KK_OK);
	assert_int_equal(kk_dict_remove(dict, 2, "a", 1), KK_ERR_MISSING);
	assert_null(get(dict, "a"));
	kk_dict_usage(dict, &usage);
	assert_int_equal(usage.keys, 2);
	assert_int_equal(usage.present, 1);
	assert_int_equal(usage.in_hand, 0);
	assert_int_equal(set(dict, "a", "back"), KK_OK);
	assert_string_equal(get(dict, "a"), "back");
	assert_int_equal(kk_dict_check(dict, NULL), KK_OK);
	kk_dict_detach(dict);
}

static void test_bytes_and_lengths(void **state)
{
	(void)state;
	struct kk_dict *dict = dict_of(&small);
	char text[22], to[22];
	memset(text, 'x', sizeof(text));
	assert_int_equal(kk_dict_set(dict, 1, "a\0b", 3, "c\0d", 3), KK_OK);
	assert_int_equal(kk_dict_get(dict, "a\0b", 3, to, sizeof(to)), 3);
	assert_memory_equal(to, "c\0d", 3);
	assert_int_equal(kk_dict_get(dict, "a", 1, to, sizeof(to)), KK_ERR_MISSING);
	assert_int_equal(kk_dict_set(dict, 1, text, 11, text, 21), KK_OK);
	assert_int_equal(kk_dict_set(dict, 1, text, 12, text, 1), KK_ERR_INVALID);
	assert_int_equal(kk_dict_set(dict, 1, text, 1, text, 22), KK_ERR_INVALID);
	assert_int_equal(kk_dict_set(dict, 1, text, 0, text, 1), KK_ERR_INVALID);
	assert_int_equal(kk_dict_set(dict, 0, text, 1, text, 1), KK_ERR_INVALID);
	assert_int_equal(kk_dict_set(dict, 4, text, 1, text, 1), KK_ERR_INVALID);
	assert_int_equal(kk_dict_get(dict, text, 12, to, sizeof(to)), KK_ERR_MISSING);
	for (size_t size = 0; size <= 22; size++) {
		memset(to, '.', sizeof(to));
		assert_int_equal(kk_dict_get(dict, text, 11, to, size), 21);
		for (size_t i = 0; i < sizeof(to); i++)
			assert_int_equal(to[i], i < size && i < 21 ? 'x' : '.');
	}
	kk_dict_detach(dict);
}

static void test_full(void **state)
{
	(void)state;
	struct kk_dict *dict = dict_of(&small);
	struct kk_dict_usage usage;
	char key[2] = "a";
	for (; key[0] < 'a' + 5; key[0]++)
		assert_int_equal(set(dict, key, key), KK_OK);
	assert_int_equal(set(dict, "f", "no room"), KK_ERR_FULL);
	assert_null(get(dict, "f"));
	/* Removing a key makes no room for another, but the key itself may come back. */
	assert_int_equal(kk_dict_remove(dict, 1, "a", 1), KK_OK);
	assert_int_equal(set(dict, "f", "no room"), KK_ERR_FULL);
	for (int i = 0; i < 1000; i++)
		for (key[0] = 'a'; key[0] < 'a' + 5; key[0]++)
			assert_int_equal(set(dict, key, key), KK_OK);
	kk_dict_usage(dict, &usage);
	assert_int_equal(usage.keys, 5);
	assert_int_equal(usage.present, 5);
	assert_int_equal(usage.in_hand, 0);
	assert_int_equal(kk_dict_check(dict, NULL), KK_OK);
	kk_dict_detach(dict);
}

static void test_next(void **state)
{
	(void)state;
	struct kk_dict *dict = dict_of(&small);
	char key[4], value[4];
	struct kk_dict_entry entry = {.key = key, .key_size = 4, .value = value, .value_size = 4};
	uint32_t cursor = 0;
	unsigned seen = 0;
	assert_int_equal(kk_dict_next(dict, &cursor, &entry), 0);
	set(dict, "0", "zero");
	set(dict, "1", "one");
	set(dict, "2", "two");
	assert_int_equal(kk_dict_remove(dict, 1, "1", 1), KK_OK);
	for (cursor = 0; kk_dict_next(dict, &cursor, &entry) == 1;) {
		assert_int_equal(entry.key_bytes, 1);
		seen |= 1U << (key[0] - '0');
		assert_memory_equal(value, key[0] == '0' ? "zero" : "two", entry.value_bytes);
	}
	assert_int_equal(seen, 5);
	kk_dict_detach(dict);
}

static void test_shapes(void **state)
{
	(void)state;
	static const struct kk_dict_shape bad[] = {
	    {.keys = 0, .roles = 1, .key_max = 1, .value_max = 1},
	    {.keys = KK_DICT_MAX_KEYS + 1, .roles = 1, .key_max = 1, .value_max = 1},
	    {.keys = 1, .roles = 0, .key_max = 1, .value_max = 1},
	    {.keys = 1, .roles = 512, .key_max = 1, .value_max = 1},
	    {.keys = 1, .roles = 1, .key_max = 0, .value_max = 1},
	    {.keys = 1, .roles = 1, .key_max = 1, .value_max = KK_DICT_MAX_BYTES + 1},
	};
	struct kk_dict_shape least = {.keys = 1, .roles = 1, .key_max = 1, .value_max = 0};
	struct kk_dict_shape most = {.keys = KK_DICT_MAX_KEYS,
	                             .roles = KK_DICT_MAX_ROLES,
	                             .key_max = KK_DICT_MAX_BYTES,
	                             .value_max = KK_DICT_MAX_BYTES};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(kk_dict_size(&bad[i]), 0);
	assert_true(kk_dict_size(&most) > (uint64_t)KK_DICT_MAX_KEYS * KK_DICT_MAX_BYTES * 2);
	struct kk_dict *dict = dict_of(&least);
	assert_int_equal(set(dict, "a", ""), KK_OK);
	assert_int_equal(set(dict, "a", ""), KK_OK);
	assert_int_equal(set(dict, "b", ""), KK_ERR_FULL);
	kk_dict_detach(dict);
}

static void test_attach_and_check_damage(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_dict *dict = dict_of(&small);
	uint64_t bytes = kk_dict_size(&small);
	set(dict, "a", "one");
	assert_null(kk_dict_attach(memory, bytes - 64, &error));
	assert_int_equal(error.code, KK_ERR_CORRUPT);
	memory[4]++;
	assert_null(kk_dict_attach(memory, bytes, &error));
	assert_int_equal(error.code, KK_ERR_VERSION);
	assert_int_equal(kk_dict_check(dict, &error), KK_ERR_CORRUPT);
	memory[4]--;
	assert_int_equal(kk_dict_check(dict, &error), KK_OK);
	assert_null(kk_dict_attach(memory + 8, bytes - 64, &error));
	kk_dict_detach(dict);
}

/* Whatever stands in the memory, no operation leaves it. (Address sanitizer would tell.) */
static void test_random_damage(void **state)
{
	(void)state;
	uint64_t bytes = kk_dict_size(&small);
	srand(7);
	for (int round = 0; round < 3000; round++) {
		struct kk_dict *dict = dict_of(&small);
		char key[2] = "a", to[32];
		struct kk_dict_usage usage;
		struct kk_dict_entry entry = {.key = key, .key_size = 1, .value = to, .value_size = sizeof(to)};
		uint32_t cursor = 0;
		for (; key[0] < 'a' + 4; key[0]++)
			set(dict, key, "value");
		for (int i = 0; i < 1 + round % 40; i++)
			memory[64 + (uint64_t)rand() % (bytes - 64)] = (unsigned char)rand();
		for (key[0] = 'a'; key[0] < 'a' + 6; key[0]++) {
			(void)kk_dict_get(dict, key, 1, to, sizeof(to));
			(void)kk_dict_set(dict, 2, key, 1, "other", 5);
			(void)kk_dict_remove(dict, 3, key, 1);
		}
		(void)kk_dict_inherit(dict, 1);
		(void)kk_dict_check(dict, NULL);
		kk_dict_usage(dict, &usage);
		while (kk_dict_next(dict, &cursor, &entry) == 1)
			;
		kk_dict_detach(dict);
		free(memory);
	}
}

enum { THREADS = 4, ROUNDS = 5000 };

static const struct kk_dict_shape busy = {.keys = 8, .roles = THREADS, .key_max = 8, .value_max = 100};

/* Sets, removes and reads the same few keys as its siblings; each value is one byte repeated. */
static void *hammer(void *argument)
{
	unsigned role = (unsigned)(uintptr_t)argument, seed = role;
	struct kk_dict *dict = kk_dict_attach(memory, kk_dict_size(&busy), NULL);
	const char *fault = dict ? NULL : "cannot attach";
	char value[100];
	for (int i = 0; i < ROUNDS && !fault; i++) {
		char key[2] = {(char)('a' + rand_r(&seed) % 8), '\0'};
		int64_t bytes = kk_dict_get(dict, key, 1, value, sizeof(value));
		for (int64_t j = 1; j < bytes; j++)
			if (value[j] != value[0])
				fault = "a torn value";
		memset(value, rand_r(&seed), sizeof(value));
		if (rand_r(&seed) % 5 == 0)
			(void)kk_dict_remove(dict, role, key, 1);
		else if (kk_dict_set(dict, role, key, 1, value, (size_t)rand_r(&seed) % 100) < 0)
			fault = "cannot set";
	}
	kk_dict_detach(dict);
	return (void *)fault;
}

static void test_threads(void **state)
{
	(void)state;
	struct kk_dict *dict = dict_of(&busy);
	struct kk_dict_usage usage;
	pthread_t thread[THREADS];
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, hammer, (void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++) {
		void *fault;
		assert_int_equal(pthread_join(thread[i], &fault), 0);
		assert_null(fault);
	}
	kk_dict_usage(dict, &usage);
	assert_int_equal(usage.in_hand, 0);
	assert_int_equal(usage.keys, 8);
	assert_int_equal(kk_dict_check(dict, NULL), KK_OK);
	kk_dict_detach(dict);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_set_get_remove), cmocka_unit_test(test_bytes_and_lengths),
    cmocka_unit_test(test_full),           cmocka_unit_test(test_next),
    cmocka_unit_test(test_shapes),         cmocka_unit_test(test_attach_and_check_damage),
    cmocka_unit_test(test_random_damage),  cmocka_unit_test(test_threads),
};
HARNESS_MAIN(tests)
