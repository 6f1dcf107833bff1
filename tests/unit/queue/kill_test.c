/* SPDX-License-Identifier: Apache-2.0 */
/* kk_queue: whoever puts, gets, is through, joins or shuts it down, killed at every instruction. */
#include "harness.h"
#include "killing.h"
#include "queue/layout.h"
#include "sanitizers.h"
#include "step.h"
#include <kakehi/memory.h>
#include <kakehi/queue.h>

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kk_family *family;
static struct kk_queue *queue;
static struct kk_memory *memory;
static char (*got)[8]; /* shared: what the child got */

static struct kk_queue_item item;

static void make(const struct kk_queue_spec *spec)
{
	static const struct kk_family_spec small = {.bytes = 16384, .seats = 3, .objects = 2};
	struct kk_error error = {0};
	family = kk_family_create(&small, &error);
	if (!family)
		fail_msg("%s", error.text);
	queue = kk_queue_create(family, spec, &error);
	if (!queue)
		fail_msg("%s", error.text);
	memory = kk_memory_create(family, 64, &error);
	assert_non_null(memory);
	got = kk_memory_data(memory);
}

static int put(const char *text)
{
	return kk_queue_put(queue, text, strlen(text), 0);
}

static void make_plain(void)
{
	make(&(struct kk_queue_spec){.capacity = 3, .item_max = 8, .in_hand = 2});
	assert_int_equal(put("a"), KK_OK);
	assert_int_equal(put("b"), KK_OK);
}

static void make_full(void)
{
	make_plain();
	assert_int_equal(put("c"), KK_OK);
}

static void make_empty(void)
{
	make(&(struct kk_queue_spec){.capacity = 3, .item_max = 8, .in_hand = 2});
}

static void make_losing(void)
{
	make(&(struct kk_queue_spec){.capacity = 3, .item_max = 8, .in_hand = 3, .joinable = true});
	assert_int_equal(put("a"), KK_OK);
	assert_int_equal(put("b"), KK_OK);
}

/* One death may not count for two. */
static void make_redelivering(void)
{
	make(&(struct kk_queue_spec){.capacity = 3, .item_max = 8, .in_hand = 3, .joinable = true, .redeliver = 1});
	assert_int_equal(put("a"), KK_OK);
	assert_int_equal(put("b"), KK_OK);
}

static void drop(void)
{
	kk_memory_destroy(memory);
	kk_queue_destroy(queue);
	kk_family_close(family);
}

/* Also makes what the first operation of a seat makes, privately. */
static void sit(void)
{
	struct kk_casualty casualty;
	killing_must(kk_family_seat(family) == 2);
	killing_must(kk_queue_casualty(queue, &casualty) == KK_ERR_MISSING);
}

/* All items that are in the queue, as one text, with ! for a death that is told. Leaves the queue empty. */
static const char *drain(void)
{
	static char text[64];
	size_t length = 0;
	int64_t bytes;
	while ((bytes = kk_queue_get(queue, text + length, sizeof(text) - length - 1, 0)) != KK_ERR_EMPTY &&
	       bytes != KK_ERR_CLOSED) {
		if (bytes == KK_ERR_DIED)
			text[length] = '!';
		else if (bytes < 0)
			return "an error";
		length += bytes < 0 ? 1 : (size_t)bytes;
		if (bytes >= 0)
			(void)kk_queue_task_done(queue);
	}
	text[length] = '\0';
	return text;
}

/* Nothing leaked: the queue holds as much as before, and nobody has anything. Says why it does not. */
static const char *works(uint32_t capacity, uint32_t in_hand)
{
	struct kk_queue_usage usage;
	struct kk_queue_item more[3];
	KILLING_CHECK(kk_queue_check(queue, NULL) == KK_OK);
	kk_queue_usage(queue, &usage);
	KILLING_CHECK(usage.in_hand == 0 && usage.waiting == 0 && usage.unfinished == 0);
	for (uint32_t i = 0; i < capacity; i++)
		KILLING_CHECK(put("x") == KK_OK);
	KILLING_CHECK(put("x") == KK_ERR_FULL);
	for (uint32_t i = 0; i < in_hand; i++)
		KILLING_CHECK(kk_queue_reserve(queue, &more[i], 0) == KK_OK);
	KILLING_CHECK(kk_queue_reserve(queue, &item, 0) == KK_ERR_FULL);
	for (uint32_t i = 0; i < in_hand; i++)
		KILLING_CHECK(kk_queue_cancel(queue, &more[i]) == KK_OK);
	KILLING_CHECK(strspn(drain(), "x") == capacity);
	return NULL;
}

static bool is(const char *text, const char *should)
{
	return strcmp(text, should) == 0;
}

typedef const char *verify_death(const struct killing_death *death);

static void sweep(const char *name, void (*setup)(void), void (*join)(void), int (*act)(void), verify_death *verify)
{
	const struct killing killing = {.name = name,
	                                .family = &family,
	                                .setup = setup,
	                                .join = join,
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

/* ---- putting */

static int put_c(void)
{
	return put("c");
}

/* Whole or not at all; if it was put, the death is told, behind it. */
static const char *c_or_not(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	const char *left = drain();
	KILLING_CHECK(is(left, "abc!") || (!death->finished && (is(left, "ab!") || is(left, "ab"))));
	return works(3, 2);
}

static void reserve_c(void)
{
	sit();
	killing_must(kk_queue_reserve(queue, &item, 0) == KK_OK);
	memcpy(item.data, "c", 1);
	item.bytes = 1;
}

static int put_item(void)
{
	return kk_queue_put_item(queue, &item, 0);
}

static int reserve_and_cancel(void)
{
	int rc = kk_queue_reserve(queue, &item, 0);
	return rc < 0 ? rc : kk_queue_cancel(queue, &item);
}

static const char *as_before(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	KILLING_CHECK(is(drain(), "ab"));
	return works(3, 2);
}

static int put_waiting(void)
{
	return kk_queue_put(queue, "d", 1, -1);
}

static void let_put(void)
{
	char first[8];
	assert_int_equal(kk_queue_get(queue, first, sizeof(first), 0), 1);
}

/* "a" was taken to let it go on. */
static const char *d_or_not(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	const char *left = drain();
	KILLING_CHECK(death->woken ? left[0] == 'b' : left[0] == 'a');
	left += !death->woken;
	KILLING_CHECK(is(left, "bcd!") || (!death->finished && (is(left, "bc!") || is(left, "bc"))));
	return works(3, 2);
}

static int put_three(void)
{
	struct iovec items[3] = {{(void *)"c", 1}, {(void *)"d", 1}, {(void *)"e", 1}};
	return kk_queue_put_many(queue, items, 3, 0);
}

static const char *some_of_three(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == 3);
	const char *left = drain();
	KILLING_CHECK(is(left, "cde!") ||
	              (!death->finished && (is(left, "cd!") || is(left, "c!") || is(left, "!") || is(left, ""))));
	return works(3, 2);
}

static void test_put(void **state)
{
	(void)state;
	sweep("put", make_plain, sit, put_c, c_or_not);
	sweep("put many", make_empty, sit, put_three, some_of_three);
}

static void test_put_in_place(void **state)
{
	(void)state;
	sweep("put an item in place", make_plain, reserve_c, put_item, c_or_not);
	sweep("reserve and cancel", make_plain, sit, reserve_and_cancel, as_before);
}

static void test_put_into_a_full_queue(void **state)
{
	(void)state;
	sweep_waiter("wait for room", make_full, put_waiting, let_put, d_or_not);
}

/* ---- getting */

static int get_a(void)
{
	return (int)kk_queue_get(queue, got[0], 8, -1);
}

/* Either it is in the queue, or who was killed had it: it was copied. */
static const char *a_or_got(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == 1);
	const char *left = drain();
	KILLING_CHECK((is(left, "ab") && !death->finished) || (is(left, "b") && got[0][0] == 'a'));
	return works(3, 2);
}

static int get_two(void)
{
	struct iovec items[2] = {{got[0], 8}, {got[1], 8}};
	return kk_queue_get_many(queue, items, 2, 0);
}

static const char *some_of_two(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == 2);
	const char *left = drain();
	KILLING_CHECK((is(left, "ab") && !death->finished) || (is(left, "b") && got[0][0] == 'a' && !death->finished) ||
	              (is(left, "") && got[0][0] == 'a' && got[1][0] == 'b'));
	return works(3, 2);
}

static void test_get(void **state)
{
	(void)state;
	sweep("get", make_plain, sit, get_a, a_or_got);
	sweep("get many", make_plain, sit, get_two, some_of_two);
}

static void let_get(void)
{
	assert_int_equal(put("z"), KK_OK);
}

static const char *z_or_got(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || (death->result == 1 && got[0][0] == 'z'));
	const char *left = drain();
	KILLING_CHECK((is(left, "z") && !death->finished) || (is(left, "") && (!death->woken || got[0][0] == 'z')));
	return works(3, 2);
}

static void test_get_from_an_empty_queue(void **state)
{
	(void)state;
	sweep_waiter("wait for an item", make_empty, get_a, let_get, z_or_got);
}

static int get_item_and_give_back(void)
{
	int rc = kk_queue_get_item(queue, &item, 0);
	return rc < 0 ? rc : kk_queue_give_back(queue, &item);
}

static int get_without_room(void)
{
	return (int)kk_queue_get(queue, got[0], 0, 0);
}

static const char *as_before_without_room(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_ERR_NO_ROOM);
	KILLING_CHECK(is(drain(), "ab"));
	return works(3, 2);
}

static void test_give_back(void **state)
{
	(void)state;
	sweep("get in place and give back", make_plain, sit, get_item_and_give_back, as_before);
	sweep("get without room", make_plain, sit, get_without_room, as_before_without_room);
}

/* ---- joinable */

static int get_and_be_done(void)
{
	int rc = get_a();
	return rc < 0 ? rc : kk_queue_task_done(queue);
}

static struct kk_queue_usage usage(void)
{
	struct kk_queue_usage now;
	kk_queue_usage(queue, &now);
	return now;
}

/* Before it is delivered it comes again; then it is lost, and counted; then it is done. */
static const char *again_lost_or_done(const struct killing_death *death)
{
	uint64_t lost = usage().lost;
	KILLING_CHECK(!death->finished || (death->result == KK_OK && lost == 0));
	const char *left = drain();
	KILLING_CHECK((is(left, "ab") && lost == 0 && !death->finished) || (is(left, "b") && got[0][0] == 'a'));
	KILLING_CHECK(kk_queue_join(queue, 0) == (lost ? KK_OWNER_DIED : KK_OK));
	return works(3, 3);
}

static const char *again_or_done(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	KILLING_CHECK(usage().lost == 0 && usage().unfinished == usage().waiting);
	const char *left = drain();
	KILLING_CHECK((is(left, "ab") && !death->finished) || (is(left, "b") && got[0][0] == 'a'));
	KILLING_CHECK(kk_queue_join(queue, 0) == KK_OK);
	return works(3, 3);
}

static void test_task_done(void **state)
{
	(void)state;
	sweep("get and done, else lost", make_losing, sit, get_and_be_done, again_lost_or_done);
	sweep("get and done, else again", make_redelivering, sit, get_and_be_done, again_or_done);
}

static int join(void)
{
	return kk_queue_join(queue, -1);
}

static void let_join(void)
{
	(void)drain();
}

static const char *all_there(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	KILLING_CHECK(is(drain(), death->woken ? "" : "ab"));
	return works(3, 3);
}

static void test_join(void **state)
{
	(void)state;
	sweep_waiter("join", make_redelivering, join, let_join, all_there);
}

/* ---- the end, and being told */

static int shut(void)
{
	return kk_queue_shutdown(queue);
}

static const char *shut_or_not(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || (death->result == KK_OK && usage().shut));
	KILLING_CHECK(kk_queue_shutdown(queue) == KK_OK);
	KILLING_CHECK(put("c") == KK_ERR_CLOSED);
	KILLING_CHECK(is(drain(), "ab"));
	KILLING_CHECK(kk_queue_get(queue, got[0], 8, -1) == KK_ERR_CLOSED);
	KILLING_CHECK(kk_queue_check(queue, NULL) == KK_OK);
	return NULL;
}

/* With the note of a producer that was killed. */
static void make_told(void)
{
	int status;
	make_empty();
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (put("a") == KK_OK)
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(kk_family_bury(family), 1);
	assert_int_equal(kk_queue_get(queue, got[0], 8, 0), 1);
}

static int be_told(void)
{
	struct kk_casualty casualty;
	if (kk_queue_get(queue, got[0], 8, 0) != KK_ERR_DIED)
		return KK_ERR_INVALID;
	int rc = kk_queue_casualty(queue, &casualty);
	memcpy(got[1], &casualty.pid, sizeof(casualty.pid));
	return rc;
}

/* Once, whoever it is. */
static const char *told_once(const struct killing_death *death)
{
	pid_t pid;
	memcpy(&pid, got[1], sizeof(pid));
	KILLING_CHECK(!death->finished || (death->result == KK_OK && pid > 0));
	const char *left = drain();
	KILLING_CHECK(is(left, "") || (is(left, "!") && pid == 0));
	return works(3, 2);
}

static int put_at_the_end(void)
{
	return put("c") == KK_ERR_CLOSED ? KK_OK : KK_ERR_INVALID;
}

static void make_shut(void)
{
	make_plain();
	assert_int_equal(kk_queue_shutdown(queue), KK_OK);
}

/* A producer that met the end has put nothing, but is one. */
static const char *nothing_put(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	const char *left = drain();
	KILLING_CHECK(is(left, "ab!") || (is(left, "ab") && !death->finished));
	KILLING_CHECK(kk_queue_get(queue, got[0], 8, -1) == KK_ERR_CLOSED);
	KILLING_CHECK(usage().in_hand == 0 && usage().unfinished == 0);
	return NULL;
}

static void test_shutdown(void **state)
{
	(void)state;
	sweep("shut down", make_plain, sit, shut, shut_or_not);
	sweep("put behind the end", make_shut, sit, put_at_the_end, nothing_put);
}

static void test_being_told(void **state)
{
	(void)state;
	sweep("be told of a death", make_told, sit, be_told, told_once);
}

/* ---- burials that die right after what must not be done twice: no sample of instructions is sure to hit them */

static int bury(void)
{
	return kk_family_bury(family);
}

static bool is_charged(void)
{
	for (uint32_t handle = 0; handle < queue->looker->items; handle++)
		if (queue_entry_of(queue->looker, handle)->deaths != 0)
			return true;
	return false;
}

static bool is_posted(void)
{
	return kk_queue_size(queue) == 3;
}

/* A child does something as the seat 2 and dies, and so does who buries it, as soon as it is `done`. */
static void bury_half(int (*act)(void), bool (*done)(void))
{
	const struct step_plan plan = {
	    .run = bury, .wrong = KK_ERR_CORRUPT, .any_result = true, .until = done, .kill_at = LONG_MAX};
	long steps;
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		sit();
		killing_must(act() >= 0);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_false(done());
	assert_int_equal(step_run(&plan, &steps), STEP_KILLED);
	assert_true(done());
}

static void test_charged_once(void **state)
{
	(void)state;
	if (WITH_TSAN)
		skip();
	make_redelivering();
	bury_half(get_a, is_charged);
	assert_true(kk_family_bury(family) > 0);
	assert_int_equal(usage().lost, 0);
	assert_int_equal(kk_queue_get_item(queue, &item, 0), KK_OK);
	assert_int_equal(item.deaths, 1);
	assert_memory_equal(item.data, "a", 1);
	assert_int_equal(kk_queue_done(queue, &item), KK_OK);
	drop();
}

static int be_producer(void)
{
	return kk_queue_producer(queue);
}

static void test_posted_once(void **state)
{
	(void)state;
	if (WITH_TSAN)
		skip();
	make_plain();
	bury_half(be_producer, is_posted);
	/* Somebody is told before the burial goes on. */
	assert_string_equal(drain(), "ab!");
	assert_true(kk_family_bury(family) > 0);
	assert_string_equal(drain(), "");
	assert_null(works(3, 2));
	drop();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_put),
    cmocka_unit_test(test_put_in_place),
    cmocka_unit_test(test_put_into_a_full_queue),
    cmocka_unit_test(test_get),
    cmocka_unit_test(test_get_from_an_empty_queue),
    cmocka_unit_test(test_give_back),
    cmocka_unit_test(test_task_done),
    cmocka_unit_test(test_join),
    cmocka_unit_test(test_shutdown),
    cmocka_unit_test(test_being_told),
    cmocka_unit_test(test_charged_once),
    cmocka_unit_test(test_posted_once),
};
HARNESS_MAIN(tests)
