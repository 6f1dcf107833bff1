/* SPDX-License-Identifier: Apache-2.0 */
/* kk_shareable: items of all types, threads that read while others set, setters that are killed. */
#include "harness.h"
#include "killing.h"
#include <kakehi/shareable.h>
#include <kakehi/shm.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kk_family *family;

static struct kk_item str(const char *text)
{
	return (struct kk_item){.type = KK_ITEM_STR, .data = text, .bytes = strlen(text)};
}

static struct kk_item integer(int64_t number)
{
	return (struct kk_item){.type = KK_ITEM_INT, .as_int = number};
}

static struct kk_shareable *make(const struct kk_item *items, size_t count)
{
	static const struct kk_family_spec spec = {.bytes = 65536, .seats = 8, .objects = 4};
	struct kk_error error = {0};
	family = kk_family_create(&spec, NULL);
	assert_non_null(family);
	struct kk_shareable *list = kk_shareable_create(family, items, count, &error);
	if (!list)
		fail_msg("%s", error.text);
	return list;
}

static void drop(struct kk_shareable *list)
{
	struct kk_family_usage usage;
	kk_shareable_destroy(list);
	kk_family_usage(family, &usage);
	assert_int_equal(usage.objects_used, 0);
	kk_family_close(family);
}

/* The items of Python's own example. */
static struct kk_item items[] = {
    {.type = KK_ITEM_STR, .data = "howdy", .bytes = 5},
    {.type = KK_ITEM_BYTES, .data = "HoWdY\0", .bytes = 6},
    {.type = KK_ITEM_FLOAT, .as_float = -273.154},
    {.type = KK_ITEM_INT, .as_int = 100},
    {.type = KK_ITEM_NONE},
    {.type = KK_ITEM_BOOL, .as_bool = true},
    {.type = KK_ITEM_INT, .as_int = 42},
};
enum { ITEMS = sizeof(items) / sizeof(items[0]) };

static void check_items(const struct kk_shareable *list)
{
	char text[20];
	struct kk_item got;
	assert_int_equal(kk_shareable_length(list), ITEMS);
	for (size_t i = 0; i < ITEMS; i++) {
		assert_int_equal(kk_shareable_get(list, i, &got, text, sizeof(text)), KK_OK);
		assert_int_equal(got.type, items[i].type);
		assert_int_equal(got.bytes, items[i].bytes);
	}
	assert_int_equal(kk_shareable_get(list, 0, &got, text, sizeof(text)), KK_OK);
	assert_string_equal(got.data, "howdy");
	/* A NUL at the end of bytes is one of them. */
	assert_int_equal(kk_shareable_get(list, 1, &got, text, 6), KK_OK);
	assert_memory_equal(text, "HoWdY\0", 6);
	assert_int_equal(kk_shareable_get(list, 2, &got, NULL, 0), KK_OK);
	assert_true(got.as_float == -273.154);
	assert_int_equal(kk_shareable_get(list, 5, &got, NULL, 0), KK_OK);
	assert_true(got.as_bool);
	assert_int_equal(kk_shareable_get(list, 6, &got, NULL, 0), KK_OK);
	assert_int_equal(got.as_int, 42);
}

static void test_items(void **state)
{
	(void)state;
	struct kk_item got, other;
	char text[20];
	struct kk_shareable *list = make(items, ITEMS);
	check_items(list);
	assert_int_equal(kk_shareable_get(list, ITEMS, &got, text, sizeof(text)), KK_ERR_INVALID);
	assert_int_equal(kk_shareable_get(list, 0, &got, text, 4), KK_ERR_NO_ROOM);
	assert_int_equal(got.bytes, 5);
	/* Of another type, and back. */
	other = integer(-7);
	assert_int_equal(kk_shareable_set(list, 0, &other), KK_OK);
	assert_int_equal(kk_shareable_get(list, 0, &got, text, sizeof(text)), KK_OK);
	assert_true(got.type == KK_ITEM_INT && got.as_int == -7);
	other = str("eight888");
	assert_int_equal(kk_shareable_room(list, 0), 8);
	assert_int_equal(kk_shareable_set(list, 0, &other), KK_OK);
	assert_int_equal(kk_shareable_get(list, 0, &got, text, sizeof(text)), KK_OK);
	assert_string_equal(text, "eight888");
	/* What does not fit changes nothing. */
	other = str("nine99999");
	assert_int_equal(kk_shareable_set(list, 0, &other), KK_ERR_NO_ROOM);
	assert_int_equal(kk_shareable_get(list, 0, &got, text, sizeof(text)), KK_OK);
	assert_string_equal(text, "eight888");
	assert_int_equal(kk_shareable_set(list, ITEMS, &other), KK_ERR_INVALID);
	other.type = (enum kk_item_type)6;
	assert_int_equal(kk_shareable_set(list, 0, &other), KK_ERR_INVALID);
	assert_int_equal(kk_shareable_room(list, ITEMS), 0);
	drop(list);
}

static void test_count_and_index(void **state)
{
	(void)state;
	struct kk_shareable *list = make(items, ITEMS);
	struct kk_item one = integer(42);
	assert_int_equal(kk_shareable_count(list, &one), 1);
	assert_int_equal(kk_shareable_index(list, &one), 6);
	assert_int_equal(kk_shareable_set(list, 2, &one), KK_OK);
	assert_int_equal(kk_shareable_count(list, &one), 2);
	assert_int_equal(kk_shareable_index(list, &one), 2);
	one = integer(43);
	assert_int_equal(kk_shareable_count(list, &one), 0);
	assert_int_equal(kk_shareable_index(list, &one), KK_ERR_MISSING);
	one = str("howdy");
	assert_int_equal(kk_shareable_index(list, &one), 0);
	one = str("HoWdY");
	assert_int_equal(kk_shareable_index(list, &one), KK_ERR_MISSING);
	one = (struct kk_item){.type = KK_ITEM_NONE};
	assert_int_equal(kk_shareable_index(list, &one), 4);
	one = (struct kk_item){.type = KK_ITEM_BOOL, .as_bool = true};
	assert_int_equal(kk_shareable_index(list, &one), 5);
	drop(list);
}

static void test_room(void **state)
{
	(void)state;
	struct kk_error error = {0};
	char text[100] = "";
	struct kk_item got, many[3] = {str("1234567"), str("12345678"), str("1")};
	many[2].room = 60;
	struct kk_shareable *list = make(many, 3);
	assert_int_equal(kk_shareable_room(list, 0), 8);
	assert_int_equal(kk_shareable_room(list, 1), 16);
	assert_int_equal(kk_shareable_room(list, 2), 64);
	memset(text, 'x', 64);
	many[0] = str(text);
	assert_int_equal(kk_shareable_set(list, 2, &many[0]), KK_OK);
	assert_int_equal(kk_shareable_get(list, 2, &got, text, sizeof(text)), KK_OK);
	assert_int_equal(got.bytes, 64);
	many[0].room = (size_t)KK_ITEM_BYTES_MAX + 1;
	assert_null(kk_shareable_create(family, many, 1, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	many[0].room = 1000000;
	assert_null(kk_shareable_create(family, many, 1, &error));
	assert_int_equal(error.code, KK_ERR_NO_ROOM);
	drop(list);
	list = make(NULL, 0);
	assert_int_equal(kk_shareable_length(list), 0);
	drop(list);
}

static void test_ref(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_shareable *list = make(items, ITEMS);
	uint64_t ref = kk_shareable_ref(list);
	assert_null(kk_shareable_name(list));
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct kk_item other = str("child");
		struct kk_shareable *same = kk_shareable_open(family, ref, NULL);
		_exit(!same || kk_shareable_set(same, 0, &other) != KK_OK);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	struct kk_item one = str("child");
	assert_int_equal(kk_shareable_index(list, &one), 0);
	kk_shareable_destroy(list);
	assert_null(kk_shareable_open(family, ref, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	kk_shareable_close(NULL);
	kk_shareable_destroy(NULL);
	kk_family_close(family);
}

static void test_named(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_shareable *list = kk_shareable_create_named(NULL, items, ITEMS, &error);
	assert_non_null(list);
	assert_int_equal(kk_shareable_ref(list), 0);
	const char *name = harness_text("%s", kk_shareable_name(list));
	struct kk_shareable *same = kk_shareable_open_named(name, &error);
	assert_non_null(same);
	check_items(same);
	struct kk_item one = integer(1);
	assert_int_equal(kk_shareable_set(same, 3, &one), KK_OK);
	assert_int_equal(kk_shareable_index(list, &one), 3);
	assert_null(kk_shareable_create_named(name, items, ITEMS, &error));
	assert_int_equal(error.code, KK_ERR_EXISTS);
	kk_shareable_destroy(list);
	/* Who has it open keeps it. */
	assert_int_equal(kk_shareable_index(same, &one), 3);
	kk_shareable_close(same);
	assert_null(kk_shareable_open_named(name, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	/* Another kind of segment. */
	struct kk_shm_named *named = kk_shm_open_named(name, KK_SHM_CREATE, 1000, NULL);
	assert_null(kk_shareable_open_named(name, &error));
	assert_int_equal(error.code, KK_ERR_CORRUPT);
	assert_int_equal(kk_shm_unlink_named(name, NULL), KK_OK);
	kk_shm_close_named(named);
}

/* ---- never torn */

static struct kk_shareable *busy;
static _Atomic bool enough;

/* A text of one letter, as often as the letter says. */
static void *set_letters(void *argument)
{
	unsigned seed = (unsigned)(uintptr_t)argument;
	char text[30];
	for (int i = 0; i < 20000; i++) {
		int n = rand_r(&seed) % 26;
		memset(text, 'a' + n, sizeof(text));
		struct kk_item item = {.type = KK_ITEM_STR, .data = text, .bytes = (size_t)n};
		if (n % 5 == 0)
			item = integer(n);
		if (kk_shareable_set(busy, 0, &item) != KK_OK)
			return "cannot set";
	}
	return NULL;
}

static void *read_letters(void *unused)
{
	(void)unused;
	while (!enough) {
		char text[32];
		struct kk_item got;
		if (kk_shareable_get(busy, 0, &got, text, sizeof(text)) != KK_OK)
			return "cannot get";
		if (got.type == KK_ITEM_INT && (got.as_int % 5 != 0 || got.as_int > 25))
			return "a torn number";
		for (size_t i = 0; got.type == KK_ITEM_STR && i < got.bytes; i++)
			if (text[i] != (char)('a' + got.bytes))
				return "a torn text";
	}
	return NULL;
}

static void test_readers_and_setters(void **state)
{
	(void)state;
	pthread_t setter[2], reader[2];
	void *fault;
	struct kk_item first = {.type = KK_ITEM_INT, .room = 32};
	busy = make(&first, 1);
	for (uintptr_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&setter[i], NULL, set_letters, (void *)i), 0);
		assert_int_equal(pthread_create(&reader[i], NULL, read_letters, NULL), 0);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(setter[i], &fault), 0);
		assert_null(fault);
	}
	enough = true;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(reader[i], &fault), 0);
		if (fault)
			fail_msg("%s", (char *)fault);
	}
	drop(busy);
}

/* ---- deaths */

static void setup(void)
{
	struct kk_item first = str("the item before");
	busy = make(&first, 1);
}

static void teardown(void)
{
	drop(busy);
}

static int set_it(void)
{
	struct kk_item item = str("and after it");
	return kk_shareable_set(busy, 0, &item);
}

static const char *before_or_after(const struct killing_death *death)
{
	char text[32];
	struct kk_item got, next = str("somebody else's");
	KILLING_CHECK(kk_shareable_get(busy, 0, &got, text, sizeof(text)) == KK_OK);
	bool after = strcmp(text, "and after it") == 0;
	KILLING_CHECK(after || strcmp(text, "the item before") == 0);
	KILLING_CHECK(!death->finished || (after && death->result == KK_OK));
	KILLING_CHECK(kk_shareable_set(busy, 0, &next) == KK_OK);
	KILLING_CHECK(kk_shareable_get(busy, 0, &got, text, sizeof(text)) == KK_OK);
	KILLING_CHECK(strcmp(text, "somebody else's") == 0);
	return NULL;
}

static void test_kill_setter(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "set an item",
	                                       .family = &family,
	                                       .setup = setup,
	                                       .act = set_it,
	                                       .verify = before_or_after,
	                                       .teardown = teardown,
	                                       .no_undertakers = true};
	killing_sweep(&killing);
}

/* A setter that is stopped in the middle holds up no reader. */
static void test_stopped_setter(void **state)
{
	(void)state;
	struct kk_item first = {.type = KK_ITEM_INT, .room = 30};
	busy = make(&first, 1);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		for (;;)
			(void)set_letters(NULL);
	for (int i = 0; i < 200; i++) {
		char text[32];
		struct kk_item got;
		int status;
		assert_int_equal(kill(child, SIGSTOP), 0);
		assert_int_equal(waitpid(child, &status, WUNTRACED), child);
		assert_true(WIFSTOPPED(status));
		assert_int_equal(kk_shareable_get(busy, 0, &got, text, sizeof(text)), KK_OK);
		assert_int_equal(kill(child, SIGCONT), 0);
	}
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(set_it(), KK_OK);
	drop(busy);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_items),       cmocka_unit_test(test_count_and_index),
    cmocka_unit_test(test_room),        cmocka_unit_test(test_ref),
    cmocka_unit_test(test_named),       cmocka_unit_test(test_readers_and_setters),
    cmocka_unit_test(test_kill_setter), cmocka_unit_test(test_stopped_setter),
};
HARNESS_MAIN(tests)
