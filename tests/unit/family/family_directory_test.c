/* SPDX-License-Identifier: Apache-2.0 */
/* kk_object: what makes, finds and destroys the objects of a family, and the memory they lie in. */
#include "family/layout.h"
#include "harness.h"
#include "pegs.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BYTES = 4096, OBJECTS = 8 };

static struct kk_family *family;
static struct kk_error error;

static int setup(void **state)
{
	(void)state;
	family = kk_family_create(&(struct kk_family_spec){.bytes = BYTES, .seats = 4, .objects = OBJECTS}, &error);
	return family ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	kk_family_close(family);
	return 0;
}

static struct kk_object make(uint64_t bytes)
{
	struct kk_object object;
	if (kk_object_make(family, &other_kind, bytes, &object, &error) < 0)
		fail_msg("%s", error.text);
	kk_object_publish(&object);
	return object;
}

static void destroy(const struct kk_object *object)
{
	assert_int_equal(kk_object_destroy(object), KK_OK);
}

static uint64_t place_of(const struct kk_object *object)
{
	return (uint64_t)((unsigned char *)object->memory - family->heap);
}

static uint64_t bytes_used(void)
{
	struct kk_family_usage usage;
	kk_family_usage(family, &usage);
	return usage.bytes_used;
}

static uint32_t objects_used(void)
{
	struct kk_family_usage usage;
	kk_family_usage(family, &usage);
	return usage.objects_used;
}

static void must_be_sound(void)
{
	if (kk_family_check(family, &error) < 0)
		fail_msg("%s", error.text);
}

static int find(uint64_t ref, struct kk_object *found)
{
	return kk_object_find(family, ref, &other_kind, found, NULL);
}

/* ---- life of an object */

static void test_make_find_destroy(void **state)
{
	(void)state;
	struct kk_object object, found;
	assert_int_equal(kk_object_make(family, &other_kind, 100, &object, &error), KK_OK);
	assert_ptr_equal(object.family, family);
	assert_int_equal((uintptr_t)object.memory % 64, 0);
	assert_int_equal(object.bytes, 128);
	assert_true(object.ref != 0);
	/* Nobody finds it before it is published. */
	assert_int_equal(find(object.ref, &found), KK_ERR_MISSING);
	kk_object_publish(&object);
	assert_int_equal(find(object.ref, &found), KK_OK);
	assert_memory_equal(&found, &object, sizeof(object));
	assert_int_equal(bytes_used(), 128);
	assert_int_equal(objects_used(), 1);
	must_be_sound();
	destroy(&object);
	assert_int_equal(kk_object_destroy(&object), KK_ERR_MISSING);
	assert_int_equal(find(object.ref, &found), KK_ERR_MISSING);
	assert_int_equal(bytes_used(), 0);
	assert_int_equal(objects_used(), 0);
	must_be_sound();
}

static void test_unpublished_can_be_destroyed(void **state)
{
	(void)state;
	struct kk_object object;
	assert_int_equal(kk_object_make(family, &other_kind, 100, &object, &error), KK_OK);
	destroy(&object);
	assert_int_equal(objects_used(), 0);
}

static void test_ref_of_another_life(void **state)
{
	(void)state;
	struct kk_object first = make(64), found;
	destroy(&first);
	struct kk_object second = make(64);
	assert_ptr_equal(first.memory, second.memory);
	assert_true(first.ref != second.ref);
	assert_int_equal(find(first.ref, &found), KK_ERR_MISSING);
	assert_int_equal(kk_object_destroy(&first), KK_ERR_MISSING);
	assert_int_equal(find(second.ref, &found), KK_OK);
}

static void test_memory_is_zeroed(void **state)
{
	(void)state;
	static const char zeros[BYTES];
	struct kk_object object = make(BYTES);
	assert_memory_equal(object.memory, zeros, BYTES);
	memset(object.memory, 0xff, BYTES);
	destroy(&object);
	object = make(BYTES);
	assert_memory_equal(object.memory, zeros, BYTES);
}

static void test_wrong_refs(void **state)
{
	(void)state;
	static const struct kk_kind newer = {.name = "other thing", .number = OTHER_KIND, .layout = 2};
	struct kk_object object = make(64), found;
	assert_int_equal(find(0, &found), KK_ERR_MISSING);
	assert_int_equal(find(OBJECTS + 1, &found), KK_ERR_MISSING);
	assert_int_equal(find(UINT64_MAX, &found), KK_ERR_MISSING);
	assert_int_equal(find(object.ref + 1, &found), KK_ERR_MISSING);
	assert_int_equal(kk_object_find(family, object.ref, &pegs_kind, &found, &error), KK_ERR_INVALID);
	assert_string_equal(error.text, "this is not a row of pegs: other thing");
	assert_int_equal(kk_object_find(family, object.ref, &newer, &found, &error), KK_ERR_VERSION);
	/* Only rows of kinds.c: a burial has no other. */
	assert_int_equal(kk_object_make(family, &newer, 64, &found, &error), KK_ERR_INVALID);
	assert_int_equal(kk_object_destroy(&(struct kk_object){.family = family}), KK_ERR_MISSING);
}

static void test_wrong_sizes(void **state)
{
	(void)state;
	struct kk_object object;
	assert_int_equal(kk_object_make(family, &other_kind, 0, &object, &error), KK_ERR_INVALID);
	assert_int_equal(kk_object_make(family, &other_kind, UINT64_MAX, &object, &error), KK_ERR_INVALID);
	assert_int_equal(kk_object_make(family, &other_kind, BYTES + 1, &object, &error), KK_ERR_NO_ROOM);
}

/* ---- room */

static void test_no_room_says_of_what(void **state)
{
	(void)state;
	struct kk_object object;
	for (int i = 0; i < OBJECTS; i++)
		(void)make(64);
	assert_int_equal(kk_object_make(family, &pegs_kind, 64, &object, &error), KK_ERR_NO_ROOM);
	assert_string_equal(error.text, "no room for a row of pegs: the family has its 8 objects");
}

static void test_no_memory_says_of_what(void **state)
{
	(void)state;
	struct kk_object object[4], more;
	for (int i = 0; i < 4; i++)
		object[i] = make(1000);
	destroy(&object[0]);
	destroy(&object[2]);
	assert_int_equal(kk_object_make(family, &pegs_kind, 2000, &more, &error), KK_ERR_NO_ROOM);
	assert_string_equal(
	    error.text,
	    "no room for a row of pegs of 2048 bytes: 2048 of the family's 4096 are free, 1024 in one piece");
	/* Neighbours that are free are one piece. */
	destroy(&object[1]);
	more = make(3072);
	assert_int_equal(place_of(&more), 0);
	must_be_sound();
}

static void test_smallest_gap_is_taken(void **state)
{
	(void)state;
	struct kk_object a = make(1024), b = make(64), c = make(128), d = make(64), e = make(256), f = make(64);
	(void)b, (void)d, (void)f;
	destroy(&a);
	destroy(&c);
	destroy(&e);
	struct kk_object fits_c = make(100), fits_e = make(130), fits_a = make(257);
	assert_ptr_equal(fits_c.memory, c.memory);
	assert_ptr_equal(fits_e.memory, e.memory);
	assert_ptr_equal(fits_a.memory, a.memory);
	must_be_sound();
}

/* ---- deaths */

static void die_making(void)
{
	struct kk_object object;
	if (kk_object_make(family, &other_kind, BYTES, &object, NULL) < 0)
		_exit(1);
	_exit(0);
}

static void test_maker_dies(void **state)
{
	(void)state;
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		die_making();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(bytes_used(), BYTES);
	assert_int_equal(kk_family_bury(family), 1);
	assert_int_equal(bytes_used(), 0);
	(void)make(BYTES);
}

static void test_makers_lock_dies(void **state)
{
	(void)state;
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(pthread_mutex_lock(&family->header->heap));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)make(64);
	(void)make(64);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(pthread_mutex_lock(&family->header->heap));
	assert_int_equal(waitpid(child, &status, 0), child);
	must_be_sound();
}

/* ---- an undertaker in an object that is destroyed */

static bool in_burial(void *pegs)
{
	return atomic_load(&((struct pegs *)pegs)->dwell) == 2;
}

static pid_t start_burial_that_dwells(struct kk_object *object)
{
	int status;
	struct pegs *pegs = pegs_make(family, object, NULL);
	assert_non_null(pegs);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(pegs_take(family, pegs));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	atomic_store(&pegs->dwell, 1);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(kk_family_bury(family));
	assert_true(harness_wait_until(in_burial, pegs, 10000));
	return child;
}

static void test_destroyed_under_an_undertaker(void **state)
{
	(void)state;
	int status;
	struct kk_object object, found;
	pid_t undertaker = start_burial_that_dwells(&object);
	struct pegs *pegs = object.memory;
	destroy(&object);
	assert_int_equal(kk_object_find(family, object.ref, &pegs_kind, &found, NULL), KK_ERR_MISSING);
	/* Gone for all, but the memory is still his. */
	assert_int_equal(bytes_used(), object.bytes);
	assert_int_equal(kk_object_destroy(&object), KK_ERR_MISSING);
	assert_int_equal(kk_object_make(family, &other_kind, BYTES, &found, NULL), KK_ERR_NO_ROOM);
	atomic_store(&pegs->dwell, 0);
	assert_int_equal(waitpid(undertaker, &status, 0), undertaker);
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_int_equal(bytes_used(), 0);
	(void)make(BYTES);
}

static void test_destroyed_under_an_undertaker_who_dies(void **state)
{
	(void)state;
	int status;
	struct kk_object object;
	pid_t undertaker = start_burial_that_dwells(&object);
	destroy(&object);
	assert_int_equal(kill(undertaker, SIGKILL), 0);
	assert_int_equal(waitpid(undertaker, &status, 0), undertaker);
	assert_int_equal(bytes_used(), object.bytes);
	assert_int_equal(kk_family_bury(family), 1);
	assert_int_equal(bytes_used(), 0);
	must_be_sound();
}

/* ---- threads */

enum { MAKERS = 3, MAKINGS = 300 };

/* Two objects at a time, filled and looked at: they lie apart. */
static void *make_and_destroy(void *number)
{
	for (int i = 0; i < MAKINGS; i++) {
		struct kk_object one, other, found;
		uint64_t bytes = 64 + (uint64_t)(i % 7) * 64;
		if (kk_object_make(family, &other_kind, bytes, &one, NULL) < 0 ||
		    kk_object_make(family, &other_kind, 64, &other, NULL) < 0)
			return "no room";
		memset(one.memory, (int)(intptr_t)number, bytes);
		kk_object_publish(&one);
		if (find(one.ref, &found) != KK_OK || find(other.ref, &found) != KK_ERR_MISSING)
			return "not found";
		for (uint64_t at = 0; at < bytes; at++)
			if (((char *)one.memory)[at] != (char)(intptr_t)number)
				return "not its own";
		if (kk_object_destroy(&one) < 0 || kk_object_destroy(&other) < 0)
			return "not there";
	}
	return NULL;
}

static void test_many_makers(void **state)
{
	(void)state;
	pthread_t thread[MAKERS];
	for (intptr_t i = 0; i < MAKERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, make_and_destroy, (void *)(i + 1)), 0);
	for (int i = 0; i < MAKERS; i++) {
		void *wrong;
		assert_int_equal(pthread_join(thread[i], &wrong), 0);
		if (wrong)
			fail_msg("%s", (const char *)wrong);
	}
	assert_int_equal(objects_used(), 0);
	must_be_sound();
}

/* ---- checking */

static void test_check_finds_damage(void **state)
{
	(void)state;
	(void)make(64);
	struct kk_object second = make(64);
	struct family_entry *entry = &family->entry[second.ref];
	must_be_sound();
	atomic_store(&entry->at, 0);
	assert_int_equal(kk_family_check(family, &error), KK_ERR_CORRUPT);
	assert_int_equal(kk_object_make(family, &other_kind, 64, &second, &error), KK_ERR_CORRUPT);
	atomic_store(&entry->at, 63);
	assert_int_equal(kk_family_check(family, NULL), KK_ERR_CORRUPT);
	atomic_store(&entry->at, BYTES);
	assert_int_equal(kk_family_check(family, NULL), KK_ERR_CORRUPT);
	assert_int_equal(kk_object_find(family, 2, &other_kind, &second, NULL), KK_ERR_CORRUPT);
	atomic_store(&entry->at, 64);
	atomic_store(&entry->kind, KK_KIND_COUNT);
	assert_int_equal(kk_family_check(family, NULL), KK_ERR_CORRUPT);
	atomic_store(&entry->kind, OTHER_KIND);
	must_be_sound();
	atomic_store(&family->seat[2].word, 3);
	assert_int_equal(kk_family_check(family, NULL), KK_ERR_CORRUPT);
	atomic_store(&family->seat[2].word, 0);
	family->header->seats++;
	assert_int_equal(kk_family_check(family, NULL), KK_ERR_CORRUPT);
	family->header->seats--;
	must_be_sound();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
    TEST(test_make_find_destroy),
    TEST(test_unpublished_can_be_destroyed),
    TEST(test_ref_of_another_life),
    TEST(test_memory_is_zeroed),
    TEST(test_wrong_refs),
    TEST(test_wrong_sizes),
    TEST(test_no_room_says_of_what),
    TEST(test_no_memory_says_of_what),
    TEST(test_smallest_gap_is_taken),
    TEST(test_maker_dies),
    TEST(test_makers_lock_dies),
    TEST(test_destroyed_under_an_undertaker),
    TEST(test_destroyed_under_an_undertaker_who_dies),
    TEST(test_many_makers),
    TEST(test_check_finds_damage),
};
HARNESS_MAIN(tests)
