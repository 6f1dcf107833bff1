/* SPDX-License-Identifier: Apache-2.0 */
/* kk_lifo and kk_priority_queue: whoever is inside, killed at every instruction. */
#include "harness.h"
#include "killing.h"
#include <kakehi/lifo.h>
#include <kakehi/memory.h>
#include <kakehi/priority_queue.h>

#include <string.h>

static struct kk_family *family;
static struct kk_lifo *lifo;
static struct kk_priority_queue *queue;
static struct kk_memory *memory;
static char *got; /* shared */
static uint64_t ids[3];

/* a 1, b 2, c 3, and d, once it is put. */
static void make(bool joinable, uint32_t redeliver)
{
	static const struct kk_family_spec small = {.bytes = 16384, .seats = 3, .objects = 3};
	const struct kk_queue_spec spec = {
	    .capacity = 4, .item_max = 8, .in_hand = 1, .joinable = joinable, .redeliver = redeliver};
	family = kk_family_create(&small, NULL);
	assert_non_null(family);
	lifo = kk_lifo_create(family, &spec, NULL);
	queue = kk_priority_queue_create(family, &spec, NULL);
	memory = kk_memory_create(family, 64, NULL);
	assert_true(lifo && queue && memory);
	got = kk_memory_data(memory);
	for (int i = 2; i >= 0; i--) {
		assert_int_equal(kk_lifo_put(lifo, &"abc"[i], 1, 0), KK_OK);
		assert_int_equal(kk_priority_queue_put(queue, 10 * i, &"abc"[i], 1, 0, &ids[i]), KK_OK);
	}
}

static void make_plain(void)
{
	make(false, 0);
}

static void make_losing(void)
{
	make(true, 0);
}

/* One death may not count for two. */
static void make_redelivering(void)
{
	make(true, 1);
}

static void make_empty(void)
{
	make(true, KK_QUEUE_ALWAYS);
	for (int i = 0; i < 3; i++)
		assert_true(kk_priority_queue_get(queue, NULL, got, 8, 0) == 1 &&
		            kk_priority_queue_task_done(queue) == KK_OK);
	*got = '\0';
}

static void drop(void)
{
	kk_memory_destroy(memory);
	kk_lifo_destroy(lifo);
	kk_priority_queue_destroy(queue);
	kk_family_close(family);
}

static void sit(void)
{
	killing_must(kk_family_seat(family) == 2);
}

static const char *drain_lifo(void)
{
	static char text[16];
	size_t length = 0;
	while (length < 8 && kk_lifo_get(lifo, text + length, 1, 0) == 1) {
		length++;
		(void)kk_lifo_task_done(lifo);
	}
	text[length] = '\0';
	return text;
}

static const char *drain_queue(void)
{
	static char text[16];
	size_t length = 0;
	while (length < 8 && kk_priority_queue_get(queue, NULL, text + length, 1, 0) == 1) {
		length++;
		(void)kk_priority_queue_task_done(queue);
	}
	text[length] = '\0';
	return text;
}

/* Nothing leaked. */
static const char *works(void)
{
	struct kk_queue_usage usage;
	KILLING_CHECK(kk_lifo_check(lifo, NULL) == KK_OK && kk_priority_queue_check(queue, NULL) == KK_OK);
	kk_lifo_usage(lifo, &usage);
	KILLING_CHECK(usage.unfinished == 0 && usage.in_hand == 0);
	kk_priority_queue_usage(queue, &usage);
	KILLING_CHECK(usage.unfinished == 0 && usage.in_hand == 0);
	for (int i = 0; i < 5; i++) {
		KILLING_CHECK(kk_lifo_put(lifo, "x", 1, 0) == (i < 4 ? KK_OK : KK_ERR_FULL));
		KILLING_CHECK(kk_priority_queue_put(queue, i, "x", 1, 0, NULL) == (i < 4 ? KK_OK : KK_ERR_FULL));
	}
	KILLING_CHECK(strcmp(drain_lifo(), "xxxx") == 0 && strcmp(drain_queue(), "xxxx") == 0);
	return NULL;
}

static bool is(const char *text, const char *should)
{
	return strcmp(text, should) == 0;
}

typedef const char *verify_death(const struct killing_death *death);

static void sweep(const char *name, void (*setup)(void), int (*act)(void), verify_death *verify)
{
	const struct killing killing = {.name = name,
	                                .family = &family,
	                                .setup = setup,
	                                .join = sit,
	                                .act = act,
	                                .verify = verify,
	                                .teardown = drop};
	killing_sweep(&killing);
}

/* It sleeps until `wake` lets it go on; and it is killed asleep. */
static void sweep_waiter(const char *name, void (*setup)(void), int (*act)(void), void (*wake)(void),
                         verify_death *verify)
{
	const struct killing killing = {.name = name,
	                                .family = &family,
	                                .setup = setup,
	                                .join = sit,
	                                .act = act,
	                                .wake = wake,
	                                .verify = verify,
	                                .teardown = drop};
	killing_sweep(&killing);
	killing_asleep(&killing);
}

/* ---- lifo */

static int lifo_put(void)
{
	return kk_lifo_put(lifo, "d", 1, 0);
}

static const char *d_on_top_or_not(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	const char *left = drain_lifo();
	KILLING_CHECK(is(left, "dabc") || (is(left, "abc") && !death->finished));
	(void)drain_queue();
	return works();
}

static int lifo_get(void)
{
	return (int)kk_lifo_get(lifo, got, 8, 0);
}

static const char *a_or_got(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == 1);
	const char *left = drain_lifo();
	KILLING_CHECK((is(left, "abc") && !death->finished) || (is(left, "bc") && *got == 'a'));
	(void)drain_queue();
	return works();
}

static void test_lifo(void **state)
{
	(void)state;
	sweep("put on a lifo", make_plain, lifo_put, d_on_top_or_not);
	sweep("get from a lifo", make_plain, lifo_get, a_or_got);
}

/* ---- priority queue */

static int queue_put(void)
{
	return kk_priority_queue_put(queue, 5, "d", 1, 0, NULL);
}

static const char *d_second_or_not(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	const char *left = drain_queue();
	KILLING_CHECK(is(left, "adbc") || (is(left, "abc") && !death->finished));
	(void)drain_lifo();
	return works();
}

static int queue_get(void)
{
	return (int)kk_priority_queue_get(queue, NULL, got, 8, 0);
}

static const char *smallest_or_got(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == 1);
	const char *left = drain_queue();
	KILLING_CHECK((is(left, "abc") && !death->finished) || (is(left, "bc") && *got == 'a'));
	(void)drain_lifo();
	return works();
}

static int remove_middle(void)
{
	return kk_priority_queue_remove(queue, ids[1]);
}

static const char *middle_or_not(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	uint32_t size = kk_priority_queue_size(queue);
	const char *left = drain_queue();
	KILLING_CHECK(is(left, "ac") || (is(left, "abc") && !death->finished));
	KILLING_CHECK(size == strlen(left));
	(void)drain_lifo();
	return works();
}

static int update_last(void)
{
	return kk_priority_queue_update(queue, ids[2], -1);
}

static const char *last_or_first(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	const char *left = drain_queue();
	KILLING_CHECK(is(left, "cab") || (is(left, "abc") && !death->finished));
	(void)drain_lifo();
	return works();
}

static void test_priority_queue(void **state)
{
	(void)state;
	sweep("put into a priority queue", make_plain, queue_put, d_second_or_not);
	sweep("get from a priority queue", make_plain, queue_get, smallest_or_got);
	sweep("remove", make_plain, remove_middle, middle_or_not);
	sweep("update", make_plain, update_last, last_or_first);
}

/* ---- joinable */

static int get_and_be_done(void)
{
	int rc = queue_get();
	return rc < 0 ? rc : kk_priority_queue_task_done(queue);
}

static const char *again_lost_or_done(const struct killing_death *death)
{
	struct kk_queue_usage usage;
	kk_priority_queue_usage(queue, &usage);
	KILLING_CHECK(!death->finished || (death->result == KK_OK && usage.lost == 0));
	KILLING_CHECK(usage.lost <= 1);
	const char *left = drain_queue();
	KILLING_CHECK((is(left, "abc") && !death->finished && usage.lost == 0) || (is(left, "bc") && *got == 'a'));
	KILLING_CHECK(kk_priority_queue_join(queue, 0) == (usage.lost ? KK_OWNER_DIED : KK_OK));
	(void)drain_lifo();
	return works();
}

static const char *again_or_done(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	const char *left = drain_queue();
	KILLING_CHECK((is(left, "abc") && !death->finished) || (is(left, "bc") && *got == 'a'));
	KILLING_CHECK(kk_priority_queue_join(queue, 0) == KK_OK);
	(void)drain_lifo();
	return works();
}

static void test_task_done(void **state)
{
	(void)state;
	sweep("get and done, else lost", make_losing, get_and_be_done, again_lost_or_done);
	sweep("get and done, else again", make_redelivering, get_and_be_done, again_or_done);
}

/* ---- waiting */

static int get_waiting(void)
{
	return (int)kk_priority_queue_get(queue, NULL, got, 8, -1);
}

static void let_get(void)
{
	assert_int_equal(kk_priority_queue_put(queue, 1, "z", 1, 0, NULL), KK_OK);
}

static const char *z_again(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || (death->result == 1 && *got == 'z'));
	KILLING_CHECK(is(drain_queue(), death->woken ? "z" : ""));
	(void)drain_lifo();
	return works();
}

static void test_waiting(void **state)
{
	(void)state;
	sweep_waiter("wait for an item", make_empty, get_waiting, let_get, z_again);
}

static int shut(void)
{
	return kk_priority_queue_shutdown(queue);
}

static const char *shut_or_not(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	KILLING_CHECK(kk_priority_queue_shutdown(queue) == KK_OK);
	KILLING_CHECK(kk_priority_queue_put(queue, 1, "d", 1, -1, NULL) == KK_ERR_CLOSED);
	KILLING_CHECK(is(drain_queue(), "abc"));
	KILLING_CHECK(kk_priority_queue_get(queue, NULL, got, 8, -1) == KK_ERR_CLOSED);
	return kk_priority_queue_check(queue, NULL) == KK_OK ? NULL : "not sound";
}

static void test_shutdown(void **state)
{
	(void)state;
	sweep("shut down", make_plain, shut, shut_or_not);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_lifo),    cmocka_unit_test(test_priority_queue), cmocka_unit_test(test_task_done),
    cmocka_unit_test(test_waiting), cmocka_unit_test(test_shutdown),
};
HARNESS_MAIN(tests)
