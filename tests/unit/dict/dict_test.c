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
	assert_int_equal(kk_dict_inherit(dict, 1), KK_OK);
	return dict;
}

static int set(struct kk_dict *dict, const char *key, const char *value)
{
	return kk_dict_set(dict, key, strlen(key), value, strlen(value));
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
	assert_int_equal(kk_dict_remove(dict, "a", 1), KK_ERR_MISSING);
	assert_int_equal(set(dict, "a", "one"), KK_OK);
	assert_string_equal(get(dict, "a"), "one");
	assert_int_equal(set(dict, "a", "another one"), KK_OK);
	assert_string_equal(get(dict, "a"), "another one");
	assert_int_equal(set(dict, "b", ""), KK_OK);
	assert_string_equal(get(dict, "b"), "");
	assert_int_equal(kk_dict_remove(dict, "a", 1), KK_OK);
	assert_int_equal(kk_dict_remove(dict, "a", 1), KK_ERR_MISSING);
	assert_null(get(dict, "a"));
	kk_dict_usage(dict, &usage);
	assert_int_equal(usage.keys, 1);
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
	assert_int_equal(kk_dict_set(dict, "a\0b", 3, "c\0d", 3), KK_OK);
	assert_int_equal(kk_dict_get(dict, "a\0b", 3, to, sizeof(to)), 3);
	assert_memory_equal(to, "c\0d", 3);
	assert_int_equal(kk_dict_get(dict, "a", 1, to, sizeof(to)), KK_ERR_MISSING);
	assert_int_equal(kk_dict_set(dict, text, 11, text, 21), KK_OK);
	assert_int_equal(kk_dict_set(dict, text, 12, text, 1), KK_ERR_INVALID);
	assert_int_equal(kk_dict_set(dict, text, 1, text, 22), KK_ERR_INVALID);
	assert_int_equal(kk_dict_set(dict, text, 0, text, 1), KK_ERR_INVALID);
	assert_int_equal(kk_dict_inherit(dict, 0), KK_ERR_INVALID);
	assert_int_equal(kk_dict_inherit(dict, 4), KK_ERR_INVALID);
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
	/* Nobody else has anything in hand: there is room for `roles` more than `keys`. */
	for (; key[0] < 'a' + 8; key[0]++)
		assert_int_equal(set(dict, key, key), KK_OK);
	assert_int_equal(set(dict, "x", "no room"), KK_ERR_FULL);
	assert_null(get(dict, "x"));
	/* Removing a key makes room for another. */
	assert_int_equal(kk_dict_remove(dict, "a", 1), KK_OK);
	assert_int_equal(set(dict, "x", "room"), KK_OK);
	assert_int_equal(set(dict, "a", "no room"), KK_ERR_FULL);
	assert_int_equal(kk_dict_remove(dict, "x", 1), KK_OK);
	for (int i = 0; i < 1000; i++)
		for (key[0] = 'a'; key[0] < 'a' + 8; key[0]++)
			assert_int_equal(set(dict, key, key), KK_OK);
	kk_dict_usage(dict, &usage);
	assert_int_equal(usage.keys, 8);
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
	assert_int_equal(kk_dict_remove(dict, "1", 1), KK_OK);
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
	assert_int_equal(set(dict, "b", ""), KK_OK);
	assert_int_equal(set(dict, "c", ""), KK_ERR_FULL);
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
			(void)kk_dict_set(dict, key, 1, "other", 5);
			(void)kk_dict_remove(dict, key, 1);
		}
		(void)kk_dict_inherit(dict, 1);
		(void)kk_dict_check(dict, NULL);
		kk_dict_usage(dict, &usage);
		while (kk_dict_next(dict, &cursor, &entry) == 1)
			;
		(void)kk_dict_clear(dict);
		kk_dict_detach(dict);
		free(memory);
	}
}

static void test_conditions(void **state)
{
	(void)state;
	struct kk_dict *dict = dict_of(&small);
	char to[22];
	assert_int_equal(kk_dict_replace(dict, KK_TEXT("a"), KK_TEXT("no")), KK_ERR_MISSING);
	assert_int_equal(kk_dict_contains(dict, KK_TEXT("a")), 0);
	assert_int_equal(kk_dict_insert(dict, KK_TEXT("a"), KK_TEXT("one")), KK_OK);
	assert_int_equal(kk_dict_insert(dict, KK_TEXT("a"), KK_TEXT("two")), KK_ERR_EXISTS);
	assert_int_equal(kk_dict_contains(dict, KK_TEXT("a")), 1);
	assert_int_equal(kk_dict_replace(dict, KK_TEXT("a"), KK_TEXT("three")), KK_OK);
	assert_string_equal(get(dict, "a"), "three");
	assert_int_equal(kk_dict_swap(dict, KK_TEXT("b"), KK_TEXT("x"), KK_TEXT("y")), KK_ERR_MISSING);
	assert_int_equal(kk_dict_swap(dict, KK_TEXT("a"), KK_TEXT("thr"), KK_TEXT("y")), KK_ERR_EXISTS);
	assert_int_equal(kk_dict_swap(dict, KK_TEXT("a"), KK_TEXT("threE"), KK_TEXT("y")), KK_ERR_EXISTS);
	assert_int_equal(kk_dict_swap(dict, KK_TEXT("a"), to, 22, KK_TEXT("y")), KK_ERR_INVALID);
	assert_int_equal(kk_dict_swap(dict, KK_TEXT("a"), KK_TEXT("three"), KK_TEXT("four")), KK_OK);
	assert_string_equal(get(dict, "a"), "four");
	assert_int_equal(kk_dict_setdefault(dict, KK_TEXT("a"), KK_TEXT("other"), to, 3), 4);
	assert_memory_equal(to, "fou", 3);
	assert_int_equal(kk_dict_setdefault(dict, KK_TEXT("b"), KK_TEXT("other"), to, 3), 5);
	assert_memory_equal(to, "oth", 3);
	assert_string_equal(get(dict, "b"), "other");
	assert_int_equal(kk_dict_setdefault(dict, "", 0, KK_TEXT("other"), to, 3), KK_ERR_INVALID);
	assert_int_equal(kk_dict_len(dict), 2);
	kk_dict_detach(dict);
}

static void test_pop_and_clear(void **state)
{
	(void)state;
	static const struct kk_dict_item items[] = {
	    {"a", 1, "one", 3}, {"b", 1, "two", 3}, {"c", 1, "three", 5}, {"a", 1, "four", 4}};
	struct kk_dict *dict = dict_of(&small);
	struct kk_dict_usage usage;
	char key[4], value[22];
	struct kk_dict_entry entry = {.key = key, .key_size = 4, .value = value, .value_size = 22};
	unsigned seen = 0;
	assert_int_equal(kk_dict_popitem(dict, &entry), KK_ERR_EMPTY);
	assert_int_equal(kk_dict_update(dict, items, 4), KK_OK);
	assert_int_equal(kk_dict_len(dict), 3);
	assert_int_equal(kk_dict_pop(dict, KK_TEXT("a"), value, 2), 4);
	assert_memory_equal(value, "fo", 2);
	assert_int_equal(kk_dict_pop(dict, KK_TEXT("a"), value, 2), KK_ERR_MISSING);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kk_dict_popitem(dict, &entry), KK_OK);
		assert_int_equal(entry.key_bytes, 1);
		assert_int_equal(entry.value_bytes, key[0] == 'b' ? 3 : 5);
		assert_memory_equal(value, key[0] == 'b' ? "two" : "three", entry.value_bytes);
		seen |= 1U << (key[0] - 'a');
	}
	assert_int_equal(seen, 6);
	assert_int_equal(kk_dict_popitem(dict, &entry), KK_ERR_EMPTY);
	assert_int_equal(kk_dict_update(dict, items, 4), KK_OK);
	assert_int_equal(kk_dict_clear(dict), KK_OK);
	assert_int_equal(kk_dict_clear(dict), KK_OK);
	kk_dict_usage(dict, &usage);
	assert_int_equal(usage.keys, 0);
	assert_int_equal(usage.in_hand, 0);
	assert_int_equal(kk_dict_check(dict, NULL), KK_OK);
	kk_dict_detach(dict);
}

/* Doubles the value; an empty one, and one that is not there, are left alone. */
static int64_t twice(void *arg, const void *value, int64_t bytes, void *to, size_t size)
{
	++*(int *)arg;
	if (bytes <= 0)
		return bytes == KK_ERR_MISSING ? KK_ERR_CANCELLED : KK_ERR_EMPTY;
	if ((size_t)bytes * 2 <= size) {
		memcpy(to, value, (size_t)bytes);
		memcpy((char *)to + bytes, value, (size_t)bytes);
	}
	return bytes * 2;
}

static void test_change(void **state)
{
	(void)state;
	struct kk_dict *dict = dict_of(&small);
	int calls = 0;
	int64_t now = 0;
	assert_int_equal(kk_dict_change(dict, KK_TEXT("a"), twice, &calls), KK_ERR_CANCELLED);
	assert_int_equal(set(dict, "a", ""), KK_OK);
	assert_int_equal(kk_dict_change(dict, KK_TEXT("a"), twice, &calls), KK_ERR_EMPTY);
	assert_int_equal(set(dict, "a", "123456"), KK_OK);
	assert_int_equal(kk_dict_change(dict, KK_TEXT("a"), twice, &calls), KK_OK);
	assert_string_equal(get(dict, "a"), "123456123456");
	assert_int_equal(kk_dict_change(dict, KK_TEXT("a"), twice, &calls), KK_ERR_INVALID);
	assert_string_equal(get(dict, "a"), "123456123456");
	assert_int_equal(calls, 4);
	assert_int_equal(kk_dict_add(dict, KK_TEXT("a"), 1, &now), KK_ERR_INVALID);
	assert_int_equal(kk_dict_add(dict, KK_TEXT("n"), 3, NULL), KK_OK);
	assert_int_equal(kk_dict_add(dict, KK_TEXT("n"), INT64_MAX, &now), KK_OK);
	assert_true(now == INT64_MIN + 2);
	assert_int_equal(kk_dict_change(dict, "", 0, twice, &calls), KK_ERR_INVALID);
	kk_dict_detach(dict);
}

static void test_refs(void **state)
{
	(void)state;
	struct kk_dict *dict = dict_of(&small);
	uint64_t ref = 0;
	assert_int_equal(kk_dict_ref(dict), 0);
	assert_int_equal(kk_dict_get_ref(dict, KK_TEXT("a"), &ref), KK_ERR_MISSING);
	assert_int_equal(kk_dict_set_ref(dict, KK_TEXT("a"), 77), KK_OK);
	assert_int_equal(kk_dict_get_ref(dict, KK_TEXT("a"), &ref), KK_OK);
	assert_int_equal(ref, 77);
	assert_int_equal(set(dict, "a", "no ref"), KK_OK);
	assert_int_equal(kk_dict_get_ref(dict, KK_TEXT("a"), &ref), KK_ERR_INVALID);
	kk_dict_detach(dict);
}

/* A handle that acts as nobody reads, and writes nothing. */
static void test_without_a_role(void **state)
{
	(void)state;
	struct kk_dict *dict = dict_of(&small);
	struct kk_dict *reader = kk_dict_attach(memory, kk_dict_size(&small), NULL);
	assert_int_equal(set(dict, "a", "one"), KK_OK);
	assert_string_equal(get(reader, "a"), "one");
	assert_int_equal(set(reader, "a", "two"), KK_ERR_INVALID);
	assert_int_equal(kk_dict_remove(reader, "a", 1), KK_ERR_INVALID);
	assert_int_equal(kk_dict_clear(reader), KK_ERR_INVALID);
	assert_int_equal(kk_dict_popitem(reader, NULL), KK_ERR_INVALID);
	kk_dict_detach(reader);
	kk_dict_detach(dict);
}

/* More keys come and go than there is room for at a time. */
static void test_places_come_back(void **state)
{
	(void)state;
	static const struct kk_dict_shape shape = {.keys = 99, .roles = 1, .key_max = 8, .value_max = 8};
	struct kk_dict *dict = dict_of(&shape);
	struct kk_dict_usage usage;
	char key[9];
	for (int i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "%d", i);
		assert_int_equal(set(dict, key, key), KK_OK);
		assert_string_equal(get(dict, key), key);
		if (i < 99)
			continue;
		assert_int_equal(set(dict, "one more", key), KK_ERR_FULL);
		snprintf(key, sizeof(key), "%d", i - 99);
		assert_int_equal(kk_dict_remove(dict, KK_TEXT(key)), KK_OK);
		assert_null(get(dict, key));
	}
	kk_dict_usage(dict, &usage);
	assert_int_equal(usage.in_hand, 0);
	kk_dict_detach(dict);
}

enum { THREADS = 4, ROUNDS = 5000 };

static const struct kk_dict_shape busy = {.keys = 9, .roles = THREADS, .key_max = 8, .value_max = 100};

/* Sets, removes and reads the same few keys as its siblings; each value is one byte repeated. */
static void *hammer(void *argument)
{
	unsigned role = (unsigned)(uintptr_t)argument, seed = role;
	struct kk_dict *dict = kk_dict_attach(memory, kk_dict_size(&busy), NULL);
	const char *fault = dict && kk_dict_inherit(dict, role) == KK_OK ? NULL : "cannot attach";
	char value[100];
	for (int i = 0; i < ROUNDS && !fault; i++) {
		if (kk_dict_add(dict, "count", 5, 1, NULL) < 0)
			fault = "cannot count";
		char key[2] = {(char)('a' + rand_r(&seed) % 8), '\0'};
		int64_t bytes = kk_dict_get(dict, key, 1, value, sizeof(value));
		for (int64_t j = 1; j < bytes; j++)
			if (value[j] != value[0])
				fault = "a torn value";
		memset(value, rand_r(&seed), sizeof(value));
		if (rand_r(&seed) % 5 == 0)
			(void)kk_dict_remove(dict, key, 1);
		else if (kk_dict_set(dict, key, 1, value, (size_t)rand_r(&seed) % 100) < 0)
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
	int64_t count;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, hammer, (void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++) {
		void *fault;
		assert_int_equal(pthread_join(thread[i], &fault), 0);
		assert_null(fault);
	}
	kk_dict_usage(dict, &usage);
	assert_int_equal(usage.in_hand, 0);
	assert_in_range(usage.keys, 1, 9);
	assert_int_equal(kk_dict_inherit(dict, 1), KK_OK);
	assert_int_equal(kk_dict_add(dict, "count", 5, 0, &count), KK_OK);
	assert_int_equal(count, THREADS * ROUNDS);
	assert_int_equal(kk_dict_check(dict, NULL), KK_OK);
	kk_dict_detach(dict);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_set_get_remove), cmocka_unit_test(test_bytes_and_lengths),
    cmocka_unit_test(test_full),           cmocka_unit_test(test_next),
    cmocka_unit_test(test_shapes),         cmocka_unit_test(test_attach_and_check_damage),
    cmocka_unit_test(test_random_damage),  cmocka_unit_test(test_threads),
    cmocka_unit_test(test_conditions),     cmocka_unit_test(test_pop_and_clear),
    cmocka_unit_test(test_change),         cmocka_unit_test(test_refs),
    cmocka_unit_test(test_without_a_role), cmocka_unit_test(test_places_come_back),
};
HARNESS_MAIN(tests)
