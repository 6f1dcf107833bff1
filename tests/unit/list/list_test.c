/* SPDX-License-Identifier: Apache-2.0 */
/* kk_list: what one process, and what many threads at once, may expect of it. */
#include "harness.h"
#include <kakehi/dict.h>
#include <kakehi/family.h>
#include <kakehi/list.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kk_family *family;

static struct kk_list *list_of(uint32_t items, uint32_t item_max)
{
	struct kk_list_shape shape = {.items = items, .item_max = item_max};
	struct kk_error error = {0};
	family = kk_family_create(NULL, &error);
	struct kk_list *list = family ? kk_list_create(family, &shape, &error) : NULL;
	if (!list)
		fail_msg("%s", error.text);
	return list;
}

static void end(struct kk_list *list)
{
	struct kk_error error = {0};
	if (kk_list_check(list, &error) < 0 || kk_family_check(family, &error) < 0)
		fail_msg("%s", error.text);
	kk_list_close(list);
	kk_family_close(family);
}

/* All items, joined by blanks. */
static char *text_of(struct kk_list *list)
{
	struct kk_list_item *items;
	int64_t count = kk_list_slice(list, 0, KK_LIST_END, &items);
	char *text = harness_keep(calloc(1, 4096)), *at = text;
	assert_true(count >= 0);
	for (int64_t i = 0; i < count; i++)
		at += sprintf(at, "%s%.*s", i ? " " : "", (int)items[i].bytes, (const char *)items[i].data);
	free(items);
	return text;
}

static struct kk_list *filled(const char *words)
{
	struct kk_list *list = list_of(40, 20);
	char *copy = harness_text("%s", words), *at;
	for (char *word = strtok_r(copy, " ", &at); word; word = strtok_r(NULL, " ", &at))
		assert_int_equal(kk_list_append(list, KK_TEXT(word)), KK_OK);
	return list;
}

static void test_append_get_set(void **state)
{
	(void)state;
	struct kk_list *list = list_of(3, 5);
	char to[8];
	assert_int_equal(kk_list_len(list), 0);
	assert_int_equal(kk_list_get(list, 0, to, sizeof(to)), KK_ERR_MISSING);
	assert_int_equal(kk_list_get(list, -1, to, sizeof(to)), KK_ERR_MISSING);
	assert_int_equal(kk_list_set(list, 0, "x", 1), KK_ERR_MISSING);
	assert_int_equal(kk_list_append(list, KK_TEXT("one")), KK_OK);
	assert_int_equal(kk_list_append(list, KK_TEXT("")), KK_OK);
	assert_int_equal(kk_list_append(list, KK_TEXT("toolong")), KK_ERR_INVALID);
	assert_int_equal(kk_list_append(list, KK_TEXT("three")), KK_OK);
	assert_int_equal(kk_list_append(list, KK_TEXT("four")), KK_ERR_FULL);
	assert_int_equal(kk_list_len(list), 3);
	assert_int_equal(kk_list_get(list, -1, to, 2), 5);
	assert_memory_equal(to, "th", 2);
	assert_int_equal(kk_list_get(list, 1, to, sizeof(to)), 0);
	assert_int_equal(kk_list_get(list, -3, to, sizeof(to)), 3);
	assert_memory_equal(to, "one", 3);
	assert_int_equal(kk_list_get(list, 3, to, sizeof(to)), KK_ERR_MISSING);
	assert_int_equal(kk_list_get(list, -4, to, sizeof(to)), KK_ERR_MISSING);
	/* A full list can still be changed. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(kk_list_set(list, -2, KK_TEXT("two")), KK_OK);
	assert_int_equal(kk_list_set(list, 0, KK_TEXT("toolong")), KK_ERR_INVALID);
	assert_string_equal(text_of(list), "one two three");
	end(list);
}

static void test_insert_and_extend(void **state)
{
	(void)state;
	static const struct kk_list_item more[] = {{"x", 1}, {"y", 1}, {"z", 1}};
	static const struct kk_list_item bad[] = {{"x", 1}, {"more than twenty bytes", 22}};
	struct kk_list *list = filled("b d");
	assert_int_equal(kk_list_insert(list, 0, KK_TEXT("a")), KK_OK);
	assert_int_equal(kk_list_insert(list, -1, KK_TEXT("c")), KK_OK);
	assert_int_equal(kk_list_insert(list, 100, KK_TEXT("e")), KK_OK);
	assert_int_equal(kk_list_insert(list, -100, KK_TEXT("_")), KK_OK);
	assert_string_equal(text_of(list), "_ a b c d e");
	assert_int_equal(kk_list_extend(list, more, 3), KK_OK);
	assert_int_equal(kk_list_extend(list, NULL, 0), KK_OK);
	assert_int_equal(kk_list_extend(list, bad, 2), KK_ERR_INVALID);
	assert_string_equal(text_of(list), "_ a b c d e x y z");
	struct kk_list_item many[41];
	for (int i = 0; i < 41; i++)
		many[i] = more[0];
	assert_int_equal(kk_list_extend(list, many, 32), KK_ERR_FULL);
	assert_int_equal(kk_list_extend(list, many, 41), KK_ERR_FULL);
	assert_string_equal(text_of(list), "_ a b c d e x y z");
	assert_int_equal(kk_list_extend(list, many, 31), KK_OK);
	assert_int_equal(kk_list_len(list), 40);
	assert_int_equal(kk_list_count(list, "x", 1), 32);
	end(list);
}

static void test_pop_remove_delete(void **state)
{
	(void)state;
	struct kk_list *list = filled("a b c d e f g b");
	char to[20];
	assert_int_equal(kk_list_pop(list, -1, to, 20), 1);
	assert_int_equal(to[0], 'b');
	assert_int_equal(kk_list_pop(list, 0, to, 20), 1);
	assert_int_equal(to[0], 'a');
	assert_int_equal(kk_list_pop(list, 6, to, 20), KK_ERR_MISSING);
	assert_int_equal(kk_list_pop(list, -7, to, 20), KK_ERR_MISSING);
	assert_int_equal(kk_list_remove(list, KK_TEXT("d")), KK_OK);
	assert_int_equal(kk_list_remove(list, KK_TEXT("d")), KK_ERR_MISSING);
	assert_int_equal(kk_list_remove(list, KK_TEXT("a word that is far too long")), KK_ERR_MISSING);
	assert_string_equal(text_of(list), "b c e f g");
	assert_int_equal(kk_list_delete(list, 1, -2), KK_OK);
	assert_string_equal(text_of(list), "b f g");
	assert_int_equal(kk_list_delete(list, 2, 1), KK_OK);
	assert_int_equal(kk_list_delete(list, 5, 9), KK_OK);
	assert_string_equal(text_of(list), "b f g");
	assert_int_equal(kk_list_clear(list), KK_OK);
	assert_int_equal(kk_list_clear(list), KK_OK);
	assert_int_equal(kk_list_pop(list, -1, to, 20), KK_ERR_MISSING);
	assert_string_equal(text_of(list), "");
	assert_int_equal(kk_list_append(list, KK_TEXT("again")), KK_OK);
	assert_string_equal(text_of(list), "again");
	end(list);
}

static void test_slice_index_count(void **state)
{
	(void)state;
	struct kk_list *list = filled("a b c b");
	struct kk_list_item *items;
	static const struct {
		int64_t from, to, count;
	} slices[] = {{0, 4, 4}, {1, 3, 2}, {-2, KK_LIST_END, 2}, {-9, -1, 3}, {3, 1, 0}, {4, 9, 0}, {2, 2, 0}};
	for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++) {
		assert_int_equal(kk_list_slice(list, slices[i].from, slices[i].to, &items), slices[i].count);
		free(items);
	}
	assert_int_equal(kk_list_index(list, "b", 1), 1);
	assert_int_equal(kk_list_index(list, "x", 1), KK_ERR_MISSING);
	assert_int_equal(kk_list_index(list, "bb", 2), KK_ERR_MISSING);
	assert_int_equal(kk_list_count(list, "b", 1), 2);
	assert_int_equal(kk_list_count(list, "", 0), 0);
	end(list);
}

/* Longer words are less; says so to whom it may concern. */
static int by_length(const struct kk_list_item *one, const struct kk_list_item *other, void *arg)
{
	struct kk_list *list = arg;
	if (list && kk_list_append(list, "x", 1) != KK_ERR_INVALID)
		return 0;
	return (one->bytes < other->bytes) - (one->bytes > other->bytes);
}

static void test_order(void **state)
{
	(void)state;
	struct kk_list *list = filled("pear fig apple plum date nut");
	assert_int_equal(kk_list_reverse(list), KK_OK);
	assert_string_equal(text_of(list), "nut date plum apple fig pear");
	assert_int_equal(kk_list_sort(list, NULL, NULL), KK_OK);
	assert_string_equal(text_of(list), "apple date fig nut pear plum");
	assert_int_equal(kk_list_sort(list, by_length, list), KK_OK);
	assert_string_equal(text_of(list), "apple date pear plum fig nut");
	assert_int_equal(kk_list_clear(list), KK_OK);
	assert_int_equal(kk_list_sort(list, NULL, NULL), KK_OK);
	assert_int_equal(kk_list_reverse(list), KK_OK);
	end(list);
}

static int64_t shout(void *arg, const void *item, int64_t bytes, void *to, size_t size)
{
	if (arg)
		return *(const int *)arg;
	if ((size_t)bytes < size) {
		memcpy(to, item, (size_t)bytes);
		((char *)to)[bytes] = '!';
	}
	return bytes + 1;
}

static void test_change_and_refs(void **state)
{
	(void)state;
	struct kk_list *list = filled("a b 12345678901234567890");
	int stop = KK_ERR_CANCELLED;
	uint64_t ref = 0;
	assert_int_equal(kk_list_change(list, 1, shout, NULL), KK_OK);
	assert_int_equal(kk_list_change(list, 0, shout, &stop), KK_ERR_CANCELLED);
	assert_int_equal(kk_list_change(list, 2, shout, NULL), KK_ERR_INVALID);
	assert_int_equal(kk_list_change(list, 3, shout, NULL), KK_ERR_MISSING);
	assert_string_equal(text_of(list), "a b! 12345678901234567890");
	assert_int_equal(kk_list_append_ref(list, kk_list_ref(list)), KK_OK);
	assert_int_equal(kk_list_get_ref(list, -1, &ref), KK_OK);
	assert_true(ref == kk_list_ref(list));
	assert_int_equal(kk_list_get_ref(list, 0, &ref), KK_ERR_INVALID);
	assert_int_equal(kk_list_get_ref(list, 9, &ref), KK_ERR_MISSING);
	end(list);
}

static void test_handles(void **state)
{
	(void)state;
	static const struct kk_list_shape bad[] = {{0, 1}, {KK_LIST_MAX_ITEMS + 1, 1}, {1, KK_LIST_MAX_BYTES + 1}};
	static const struct kk_list_shape large = {1 << 20, 100};
	struct kk_error error = {0};
	struct kk_list *list = list_of(5, 0);
	for (size_t i = 0; i < 3; i++) {
		assert_null(kk_list_create(family, &bad[i], &error));
		assert_int_equal(error.code, KK_ERR_INVALID);
	}
	assert_null(kk_list_create(family, &large, &error));
	assert_int_equal(error.code, KK_ERR_NO_ROOM);
	struct kk_list *second = kk_list_open(family, kk_list_ref(list), &error);
	assert_non_null(second);
	assert_int_equal(kk_list_append(second, NULL, 0), KK_OK);
	assert_int_equal(kk_list_len(list), 1);
	uint64_t ref = kk_list_ref(second);
	assert_int_equal(kk_list_destroy(second), KK_OK);
	assert_null(kk_list_open(family, ref, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	static const struct kk_dict_shape shape = {.keys = 1, .key_max = 1};
	struct kk_dict *dict = kk_dict_create(family, &shape, NULL);
	assert_non_null(dict);
	assert_null(kk_list_open(family, kk_dict_ref(dict), &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	kk_dict_close(dict);
	kk_list_close(list);
	kk_list_close(NULL);
	kk_family_close(family);
}

/* ---- against an array */

enum { MODEL = 700, STEPS = 30000 };

static void check_model(struct kk_list *list, const uint32_t *model, uint32_t length)
{
	struct kk_list_item *items;
	struct kk_error error = {0};
	assert_int_equal(kk_list_slice(list, 0, KK_LIST_END, &items), length);
	for (uint32_t i = 0; i < length; i++) {
		assert_int_equal(items[i].bytes, 4);
		assert_memory_equal(items[i].data, &model[i], 4);
	}
	free(items);
	if (kk_list_check(list, &error) < 0)
		fail_msg("%s", error.text);
}

static void model_move(uint32_t *model, uint32_t from, uint32_t to, uint32_t length)
{
	memmove(model + to, model + from, (length - from) * sizeof(*model));
}

/* One operation on both; the new length. */
static uint32_t model_step(struct kk_list *list, uint32_t *model, uint32_t length, uint32_t number)
{
	unsigned what = (unsigned)rand() % 100;
	uint32_t at = length ? (uint32_t)rand() % length : 0, to = at + (uint32_t)rand() % 20, got = 0;
	struct kk_list_item many[100];
	if (what < 30 && length < MODEL) {
		assert_int_equal(kk_list_append(list, &number, 4), KK_OK);
		model[length++] = number;
	} else if (what < 60 && length < MODEL) {
		assert_int_equal(kk_list_insert(list, at, &number, 4), KK_OK);
		model_move(model, at, at + 1, length++);
		model[at] = number;
	} else if (what < 70 && length > 0) {
		assert_int_equal(kk_list_set(list, at, &number, 4), KK_OK);
		model[at] = number;
	} else if (what < 80 && length > 0) {
		at = what < 75 ? length - 1 : at;
		assert_int_equal(kk_list_pop(list, at, &got, 4), 4);
		assert_int_equal(got, model[at]);
		model_move(model, at + 1, at, length--);
	} else if (what < 85) {
		to = to > length ? length : to;
		assert_int_equal(kk_list_delete(list, at, to), KK_OK);
		model_move(model, to, at, length);
		length -= to - at;
	} else if (what < 88 && length + 100 <= MODEL) {
		for (unsigned i = 0; i < 100; i++) {
			model[length + i] = number + i;
			many[i] = (struct kk_list_item){&model[length + i], 4};
		}
		assert_int_equal(kk_list_extend(list, many, 100), KK_OK);
		length += 100;
	} else if (what == 99 && rand() % 20 == 0) {
		assert_int_equal(kk_list_clear(list), KK_OK);
		length = 0;
	} else if (length > 0) {
		assert_int_equal(kk_list_get(list, at, &got, 4), 4);
		assert_int_equal(got, model[at]);
	}
	return length;
}

static void test_against_an_array(void **state)
{
	(void)state;
	struct kk_list *list = list_of(MODEL, 4);
	uint32_t model[MODEL + 1], length = 0;
	srand(3);
	for (uint32_t i = 0; i < STEPS; i++) {
		length = model_step(list, model, length, i);
		assert_int_equal(kk_list_len(list), length);
		if (i % 100 == 0)
			check_model(list, model, length);
	}
	check_model(list, model, length);
	end(list);
}

/* ---- threads */

enum { THREADS = 4, ROUNDS = 3000 };

static struct kk_list *busy;

/* Writers put pairs at the end and take them from the front, as wholes; readers see nothing but whole pairs. */
static void *hammer(void *argument)
{
	unsigned me = (unsigned)(uintptr_t)argument, seed = me;
	for (int i = 0; i < ROUNDS; i++) {
		char text[32];
		memset(text, rand_r(&seed), sizeof(text));
		size_t bytes = 1 + (size_t)rand_r(&seed) % 32;
		struct kk_list_item pair[2] = {{text, bytes}, {text, bytes}}, *items;
		if (me % 2 == 0) {
			int rc = kk_list_extend(busy, pair, 2);
			if (rc == KK_ERR_FULL)
				rc = kk_list_delete(busy, 0, 2 * (1 + rand_r(&seed) % 5));
			if (rc < 0)
				return "cannot write";
			continue;
		}
		int64_t count = kk_list_slice(busy, 0, KK_LIST_END, &items);
		if (count < 0 || count % 2 != 0)
			return "half a pair";
		for (int64_t k = 0; k < count; k += 2)
			if (items[k].bytes != items[k + 1].bytes ||
			    memcmp(items[k].data, items[k + 1].data, items[k].bytes) != 0)
				return "a torn pair";
		free(items);
	}
	return NULL;
}

static void test_threads(void **state)
{
	(void)state;
	pthread_t thread[THREADS];
	busy = list_of(60, 32);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, hammer, (void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++) {
		void *fault;
		assert_int_equal(pthread_join(thread[i], &fault), 0);
		if (fault)
			fail_msg("%s", (const char *)fault);
	}
	end(busy);
}

static int64_t one_more(void *arg, const void *item, int64_t bytes, void *to, size_t size)
{
	int64_t number = 0;
	(void)arg;
	if (bytes != 8 || size < 8)
		return KK_ERR_INVALID;
	memcpy(&number, item, 8);
	number++;
	memcpy(to, &number, 8);
	return 8;
}

static void *count_up(void *argument)
{
	(void)argument;
	for (int i = 0; i < ROUNDS; i++)
		if (kk_list_change(busy, i % 2, one_more, NULL) < 0)
			return "cannot count";
	return NULL;
}

static void test_counters(void **state)
{
	(void)state;
	pthread_t thread[THREADS];
	int64_t zero = 0, sum = 0;
	busy = list_of(2, 8);
	assert_int_equal(kk_list_append(busy, &zero, 8), KK_OK);
	assert_int_equal(kk_list_append(busy, &zero, 8), KK_OK);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, count_up, NULL), 0);
	for (int i = 0; i < THREADS; i++) {
		void *fault;
		assert_int_equal(pthread_join(thread[i], &fault), 0);
		assert_null(fault);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kk_list_get(busy, i, &zero, 8), 8);
		sum += zero;
	}
	assert_int_equal(sum, THREADS * ROUNDS);
	end(busy);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_append_get_set),
    cmocka_unit_test(test_insert_and_extend),
    cmocka_unit_test(test_pop_remove_delete),
    cmocka_unit_test(test_slice_index_count),
    cmocka_unit_test(test_order),
    cmocka_unit_test(test_change_and_refs),
    cmocka_unit_test(test_handles),
    cmocka_unit_test(test_against_an_array),
    cmocka_unit_test(test_threads),
    cmocka_unit_test(test_counters),
};
HARNESS_MAIN(tests)
