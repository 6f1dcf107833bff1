/* SPDX-License-Identifier: Apache-2.0 */
/* kk_dict of a family: its handles, its members, and members that are killed at every instruction. */
#include "harness.h"
#include "killing.h"
#include <kakehi/dict.h>
#include <kakehi/family.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct kk_dict_shape shape = {.keys = 8, .key_max = 8, .value_max = 24};
static const struct kk_family_spec few = {.bytes = 1 << 20, .seats = 8, .objects = 4};

static struct kk_family *family;
static struct kk_dict *dict;

static void begin(void)
{
	struct kk_error error = {0};
	family = kk_family_create(&few, &error);
	if (!family)
		fail_msg("%s", error.text);
	dict = kk_dict_create(family, &shape, &error);
	if (!dict)
		fail_msg("%s", error.text);
	assert_int_equal(kk_dict_set(dict, KK_TEXT("old"), KK_TEXT("1")), KK_OK);
	assert_int_equal(kk_dict_set(dict, KK_TEXT("older"), KK_TEXT("2")), KK_OK);
	assert_int_equal(kk_dict_add(dict, KK_TEXT("count"), 41, NULL), KK_OK);
}

static void end(void)
{
	kk_dict_close(dict);
	kk_family_close(family);
}

static void test_handles(void **state)
{
	(void)state;
	static const struct kk_dict_shape none = {0}, large = {.keys = 1 << 20, .key_max = 1 << 10};
	struct kk_error error = {0};
	struct kk_family_usage before, after;
	begin();
	kk_family_usage(family, &before);
	struct kk_dict *second = kk_dict_open(family, kk_dict_ref(dict), &error);
	assert_non_null(second);
	assert_int_equal(kk_dict_contains(second, KK_TEXT("old")), 1);
	assert_int_equal(kk_dict_inherit(second, 1), KK_ERR_INVALID);
	assert_int_equal(kk_dict_set(second, KK_TEXT("new"), KK_TEXT("3")), KK_OK);
	assert_int_equal(kk_dict_contains(dict, KK_TEXT("new")), 1);
	kk_dict_close(second);
	kk_dict_close(NULL);
	assert_null(kk_dict_create(family, &none, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_dict_create(family, &large, &error));
	assert_int_equal(error.code, KK_ERR_NO_ROOM);
	assert_null(kk_dict_open(family, 0, &error));
	uint64_t ref = kk_dict_ref(dict);
	assert_int_equal(kk_dict_destroy(dict), KK_OK);
	assert_null(kk_dict_open(family, ref, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	kk_family_usage(family, &after);
	assert_int_equal(after.objects_used, before.objects_used - 1);
	assert_int_equal(kk_family_check(family, NULL), KK_OK);
	kk_family_close(family);
}

/* ---- many members */

enum { MEMBERS = 4, THREADS = 2, ROUNDS = 2000 };

static void *work(void *argument)
{
	unsigned seed = (unsigned)(uintptr_t)argument;
	for (int i = 0; i < ROUNDS; i++) {
		char key[9];
		int length = snprintf(key, sizeof(key), "k%u", rand_r(&seed) % 4);
		if (kk_dict_add(dict, KK_TEXT("count"), 1, NULL) < 0 ||
		    kk_dict_set(dict, key, (size_t)length, key, (size_t)length) < 0)
			return "cannot write";
		if (rand_r(&seed) % 4 == 0 && kk_dict_remove(dict, key, (size_t)length) == KK_ERR_CORRUPT)
			return "damaged";
	}
	return NULL;
}

static int member(unsigned number)
{
	pthread_t thread[THREADS];
	void *fault = NULL;
	int rc = 0;
	for (unsigned i = 0; i < THREADS; i++)
		rc |= pthread_create(&thread[i], NULL, work, (void *)(uintptr_t)(number * THREADS + i + 1));
	for (unsigned i = 0; i < THREADS; i++) {
		rc |= pthread_join(thread[i], &fault);
		rc |= fault != NULL;
	}
	return rc;
}

static void test_members_and_threads(void **state)
{
	(void)state;
	static const struct kk_family_spec spec = {.bytes = 1 << 20, .seats = 32, .objects = 4};
	pid_t child[MEMBERS];
	int64_t count = 0;
	struct kk_dict_usage usage;
	family = kk_family_create(&spec, NULL);
	assert_non_null(family);
	dict = kk_dict_create(family, &shape, NULL);
	assert_non_null(dict);
	for (unsigned i = 0; i < MEMBERS; i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i] == 0)
			_exit(member(i));
	}
	for (unsigned i = 0; i < MEMBERS; i++) {
		int status;
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	assert_true(kk_family_bury(family) >= 0);
	assert_int_equal(kk_dict_add(dict, KK_TEXT("count"), 0, &count), KK_OK);
	assert_int_equal(count, MEMBERS * THREADS * ROUNDS);
	kk_dict_usage(dict, &usage);
	assert_int_equal(usage.in_hand, 0);
	assert_int_equal(kk_family_check(family, NULL), KK_OK);
	end();
}

static int64_t counted(void)
{
	int64_t now = 0;
	assert_int_equal(kk_dict_add(dict, KK_TEXT("count"), 0, &now), KK_OK);
	return now;
}

/* A stopped writer, wherever it stands, holds up nobody. */
static void test_stopped_writer(void **state)
{
	(void)state;
	begin();
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		for (;;)
			(void)work((void *)(uintptr_t)1);
	for (int i = 0; i < 50; i++) {
		int status;
		int64_t now = counted();
		while (counted() == now)
			sched_yield();
		assert_int_equal(kill(child, SIGSTOP), 0);
		assert_int_equal(waitpid(child, &status, WUNTRACED), child);
		for (int k = 0; k < 20; k++)
			assert_int_equal(kk_dict_add(dict, KK_TEXT("count"), 1, &now), KK_OK);
		assert_int_equal(kk_dict_set(dict, KK_TEXT("k1"), KK_TEXT("x")), KK_OK);
		assert_int_equal(kk_dict_contains(dict, KK_TEXT("k1")), 1);
		assert_int_equal(kill(child, SIGCONT), 0);
	}
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(kk_family_bury(family) >= 0);
	assert_int_equal(kk_family_check(family, NULL), KK_OK);
	end();
}

/* ---- deaths */

static const char *sound(void)
{
	struct kk_dict_usage usage;
	kk_dict_usage(dict, &usage);
	KILLING_CHECK(usage.in_hand == 0);
	KILLING_CHECK(kk_dict_check(dict, NULL) == KK_OK);
	KILLING_CHECK(kk_dict_contains(dict, KK_TEXT("older")) == 1);
	/* As many as were promised find room. */
	for (char key = 'a'; kk_dict_len(dict) < shape.keys; key++)
		KILLING_CHECK(kk_dict_set(dict, &key, 1, &key, 1) == KK_OK);
	return NULL;
}

static bool is(const char *key, const char *value)
{
	char to[24];
	int64_t bytes = kk_dict_get(dict, KK_TEXT(key), to, sizeof(to));
	return value ? bytes == (int64_t)strlen(value) && memcmp(to, value, strlen(value)) == 0
	             : bytes == KK_ERR_MISSING;
}

static int act_insert(void)
{
	return kk_dict_set(dict, KK_TEXT("new"), KK_TEXT("a rather long value"));
}

static const char *verify_insert(const struct killing_death *death)
{
	KILLING_CHECK(is("new", "a rather long value") || (!death->finished && is("new", NULL)));
	KILLING_CHECK(is("old", "1"));
	return sound();
}

static int act_replace(void)
{
	return kk_dict_set(dict, KK_TEXT("old"), KK_TEXT("another"));
}

static const char *verify_replace(const struct killing_death *death)
{
	KILLING_CHECK(is("old", "another") || (!death->finished && is("old", "1")));
	return sound();
}

static int act_remove(void)
{
	return kk_dict_remove(dict, KK_TEXT("old"));
}

static const char *verify_remove(const struct killing_death *death)
{
	KILLING_CHECK(is("old", NULL) || (!death->finished && is("old", "1")));
	return sound();
}

static int act_add(void)
{
	return kk_dict_add(dict, KK_TEXT("count"), 1, NULL);
}

static const char *verify_add(const struct killing_death *death)
{
	int64_t count = 0;
	KILLING_CHECK(kk_dict_add(dict, KK_TEXT("count"), 0, &count) == KK_OK);
	KILLING_CHECK(count == 42 || (!death->finished && count == 41));
	return sound();
}

static int act_clear(void)
{
	return kk_dict_clear(dict);
}

static const char *verify_clear(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || kk_dict_len(dict) == 0);
	KILLING_CHECK(kk_dict_set(dict, KK_TEXT("older"), KK_TEXT("2")) == KK_OK);
	return sound();
}

#define DEATH(what)                                                                                                    \
	static void test_deaths_of_##what(void **state)                                                                \
	{                                                                                                              \
		static const struct killing killing = {.name = #what,                                                  \
		                                       .family = &family,                                              \
		                                       .setup = begin,                                                 \
		                                       .act = act_##what,                                              \
		                                       .verify = verify_##what,                                        \
		                                       .teardown = end,                                                \
		                                       .most = 100};                                                   \
		(void)state;                                                                                           \
		(void)killing_sweep(&killing);                                                                         \
	}
DEATH(insert)
DEATH(replace)
DEATH(remove)
DEATH(add)
DEATH(clear)

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_handles),           cmocka_unit_test(test_members_and_threads),
    cmocka_unit_test(test_stopped_writer),    cmocka_unit_test(test_deaths_of_insert),
    cmocka_unit_test(test_deaths_of_replace), cmocka_unit_test(test_deaths_of_remove),
    cmocka_unit_test(test_deaths_of_add),     cmocka_unit_test(test_deaths_of_clear),
};
HARNESS_MAIN(tests)
