/* SPDX-License-Identifier: Apache-2.0 */
/* kk_list: members that are killed at every instruction of a write, stopped in one, and killed at random. */
#include "harness.h"
#include "killing.h"
#include <kakehi/dict.h>
#include <kakehi/family.h>
#include <kakehi/list.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ITEMS = 64, BEGIN = 40, CHUNK = 16 };

static const struct kk_family_spec few = {.bytes = 1 << 20, .seats = 8, .objects = 4};

static struct kk_family *family;
static struct kk_list *list;

static int append(const char *format, int number)
{
	char text[16];
	int length = snprintf(text, sizeof(text), format, number);
	return kk_list_append(list, text, (size_t)length);
}

static void begin_with(const struct kk_family_spec *spec, int count)
{
	static const struct kk_list_shape shape = {.items = ITEMS, .item_max = 15};
	struct kk_error error = {0};
	family = kk_family_create(spec, &error);
	list = family ? kk_list_create(family, &shape, &error) : NULL;
	if (!list)
		fail_msg("%s", error.text);
	for (int i = 0; i < count; i++)
		assert_int_equal(append("%d", i), KK_OK);
}

static void begin(void)
{
	begin_with(&few, BEGIN);
}

/* The next item needs a chunk of its own. */
static void begin_full_chunk(void)
{
	begin_with(&few, 3 * CHUNK);
}

/* The last item is alone in its chunk, in front of which there is an empty one's worth of room. */
static void begin_lone_last(void)
{
	begin_with(&few, 2 * CHUNK + 1);
	assert_int_equal(kk_list_pop(list, -1, NULL, 0), 2);
}

static void end(void)
{
	kk_list_close(list);
	kk_family_close(family);
}

/* ---- deaths: the list is the one before or the one after */

/* All items as one text. */
static char *text_of(void)
{
	struct kk_list_item *items = NULL;
	int64_t count = kk_list_slice(list, 0, KK_LIST_END, &items);
	char *text = calloc(1, ITEMS * 17 + 1), *at = text;
	for (int64_t i = 0; i < count && text; i++)
		at += sprintf(at, "%.*s ", (int)items[i].bytes, (const char *)items[i].data);
	free(items);
	return text;
}

static char *before, *after;

/* What the operation makes of the list, seen once on one of its own. */
static void expect(void (*setup)(void), int (*act)(void))
{
	setup();
	before = harness_keep(text_of());
	assert_true(act() >= 0);
	after = harness_keep(text_of());
	end();
}

static const char *verify(const struct killing_death *death)
{
	char *now = text_of();
	bool is_before = now && strcmp(now, before) == 0, is_after = now && strcmp(now, after) == 0;
	free(now);
	KILLING_CHECK(is_after || (is_before && !death->finished));
	KILLING_CHECK(kk_list_check(list, NULL) == KK_OK);
	/* Nothing is lost: there is room for all, and everything may go. */
	while (kk_list_len(list) < ITEMS)
		KILLING_CHECK(kk_list_insert(list, 1, "x", 1) == KK_OK);
	KILLING_CHECK(kk_list_reverse(list) == KK_OK);
	KILLING_CHECK(kk_list_clear(list) == KK_OK);
	KILLING_CHECK(kk_list_check(list, NULL) == KK_OK);
	return NULL;
}

static int act_append(void)
{
	return append("new %d", 1);
}

static int act_insert(void)
{
	return kk_list_insert(list, 20, KK_TEXT("new"));
}

static int act_set(void)
{
	return kk_list_set(list, 20, KK_TEXT("another"));
}

static int act_pop_last(void)
{
	return (int)kk_list_pop(list, -1, NULL, 0);
}

static int act_pop(void)
{
	return (int)kk_list_pop(list, 3, NULL, 0);
}

static int act_extend(void)
{
	static const struct kk_list_item items[] = {{"a", 1}, {"b", 1}, {"c", 1}};
	return kk_list_extend(list, items, 3);
}

static int act_delete(void)
{
	return kk_list_delete(list, 5, 35);
}

static int act_sort(void)
{
	return kk_list_sort(list, NULL, NULL);
}

#define DEATH(what, starts)                                                                                            \
	static void test_deaths_of_##what(void **state)                                                                \
	{                                                                                                              \
		static const struct killing killing = {.name = #what,                                                  \
		                                       .family = &family,                                              \
		                                       .setup = starts,                                                \
		                                       .act = act_##what,                                              \
		                                       .verify = verify,                                               \
		                                       .teardown = end,                                                \
		                                       .most = 60};                                                    \
		(void)state;                                                                                           \
		expect(starts, act_##what);                                                                            \
		(void)killing_sweep(&killing);                                                                         \
	}
#define act_append_a_chunk act_append
#define act_pop_a_chunk    act_pop_last
DEATH(append, begin)
DEATH(append_a_chunk, begin_full_chunk)
DEATH(insert, begin)
DEATH(set, begin)
DEATH(pop_last, begin)
DEATH(pop_a_chunk, begin_lone_last)
DEATH(pop, begin)
DEATH(extend, begin)
DEATH(delete, begin)
DEATH(sort, begin)

/* ---- the lock */

static int act_wait(void)
{
	return append("waited %d", 1);
}

static int never(const struct kk_list_item *one, const struct kk_list_item *other, void *arg)
{
	(void)one;
	(void)other;
	ssize_t done = write(*(int *)arg, "", 1);
	(void)done;
	while (done == 1)
		pause();
	return 0;
}

/* A child that holds the lock and does nothing. */
static pid_t start_holder(void)
{
	int ready[2];
	char byte;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(kk_list_sort(list, never, &ready[1]) < 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return child;
}

/* Readers do not wait for a holder that is stopped; a writer goes on as soon as he is dead, although nobody reaps him.
 */
static void test_stopped_then_dead_holder(void **state)
{
	(void)state;
	char to[16];
	struct kk_list_item *items;
	begin();
	pid_t holder = start_holder();
	assert_int_equal(kill(holder, SIGSTOP), 0);
	assert_int_equal(kk_list_get(list, 7, to, sizeof(to)), 1);
	assert_int_equal(kk_list_slice(list, 0, KK_LIST_END, &items), BEGIN);
	free(items);
	assert_int_equal(kk_list_index(list, "39", 2), 39);
	assert_int_equal(kk_list_check(list, NULL), KK_OK);
	assert_int_equal(kill(holder, SIGKILL), 0);
	assert_int_equal(act_wait(), KK_OK);
	assert_int_equal(kk_list_len(list), BEGIN + 1);
	assert_int_equal(waitpid(holder, NULL, 0), holder);
	assert_int_equal(kk_list_check(list, NULL), KK_OK);
	end();
}

static pid_t held_by;

static void begin_held(void)
{
	begin();
	held_by = start_holder();
}

static const char *verify_held(const struct killing_death *death)
{
	KILLING_CHECK(death->asleep);
	KILLING_CHECK(kill(held_by, SIGKILL) == 0);
	KILLING_CHECK(waitpid(held_by, NULL, 0) == held_by);
	KILLING_CHECK(act_wait() == KK_OK);
	KILLING_CHECK(kk_list_len(list) == BEGIN + 1);
	KILLING_CHECK(kk_list_check(list, NULL) == KK_OK);
	return NULL;
}

static void test_death_of_a_waiter(void **state)
{
	static const struct killing killing = {.name = "waits for the lock",
	                                       .family = &family,
	                                       .setup = begin_held,
	                                       .act = act_wait,
	                                       .verify = verify_held,
	                                       .teardown = end,
	                                       .seats_may_stay = true};
	(void)state;
	killing_asleep(&killing);
}

/* ---- torment */

enum { WRITERS = 4, KILLS = 150 };

/* Always in threes of the same text, which are put and taken as wholes. */
static void torment(unsigned seed)
{
	for (;;) {
		char text[16];
		int length = snprintf(text, sizeof(text), "%u", (unsigned)rand_r(&seed));
		struct kk_list_item three[3] = {{text, (size_t)length}, {text, (size_t)length}, {text, (size_t)length}};
		int rc = kk_list_extend(list, three, 3);
		if (rc == KK_ERR_FULL)
			rc = kk_list_delete(list, 3 * (rand_r(&seed) % 5), 3 * (5 + rand_r(&seed) % 10));
		if (rand_r(&seed) % 16 == 0)
			rc = kk_list_reverse(list);
		if (rc < 0)
			_exit(1);
	}
}

static pid_t start_writer(unsigned seed)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		torment(seed);
	return child;
}

static void check_threes(void)
{
	struct kk_list_item *items;
	int64_t count = kk_list_slice(list, 0, KK_LIST_END, &items);
	assert_true(count >= 0 && count % 3 == 0);
	for (int64_t i = 0; i < count; i++) {
		const struct kk_list_item *first = &items[i - i % 3];
		assert_int_equal(items[i].bytes, first->bytes);
		assert_memory_equal(items[i].data, first->data, first->bytes);
	}
	free(items);
}

static bool has_items(void *unused)
{
	(void)unused;
	return kk_list_len(list) > 0;
}

static void test_torment(void **state)
{
	(void)state;
	static const struct kk_family_spec spec = {.bytes = 1 << 20, .seats = 32, .objects = 4};
	pid_t writer[WRITERS];
	int status;
	begin_with(&spec, 0);
	srand(5);
	for (unsigned i = 0; i < WRITERS; i++)
		writer[i] = start_writer(i);
	for (unsigned i = 0; i < KILLS; i++) {
		pid_t *victim = &writer[rand() % WRITERS];
		bool only_stop = rand() % 3 == 0;
		assert_int_equal(kill(*victim, only_stop ? SIGSTOP : SIGKILL), 0);
		for (int k = rand() % 20; k >= 0; k--)
			check_threes();
		if (only_stop) {
			assert_int_equal(kill(*victim, SIGCONT), 0);
			continue;
		}
		assert_int_equal(waitpid(*victim, &status, 0), *victim);
		if (WIFEXITED(status))
			fail_msg("a writer failed");
		*victim = start_writer(100 + i);
	}
	assert_true(harness_wait_until(has_items, NULL, 30000));
	for (unsigned i = 0; i < WRITERS; i++) {
		assert_int_equal(kill(writer[i], SIGKILL), 0);
		assert_int_equal(waitpid(writer[i], &status, 0), writer[i]);
	}
	assert_true(kk_family_bury(family) >= 0);
	check_threes();
	assert_int_equal(kk_family_check(family, NULL), KK_OK);
	assert_int_equal(kk_list_clear(list), KK_OK);
	assert_int_equal(kk_list_check(list, NULL), KK_OK);
	end();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_deaths_of_append),
    cmocka_unit_test(test_deaths_of_append_a_chunk),
    cmocka_unit_test(test_deaths_of_insert),
    cmocka_unit_test(test_deaths_of_set),
    cmocka_unit_test(test_deaths_of_pop_last),
    cmocka_unit_test(test_deaths_of_pop_a_chunk),
    cmocka_unit_test(test_deaths_of_pop),
    cmocka_unit_test(test_deaths_of_extend),
    cmocka_unit_test(test_deaths_of_delete),
    cmocka_unit_test(test_deaths_of_sort),
    cmocka_unit_test(test_stopped_then_dead_holder),
    cmocka_unit_test(test_death_of_a_waiter),
    cmocka_unit_test(test_torment),
};
HARNESS_MAIN(tests)
