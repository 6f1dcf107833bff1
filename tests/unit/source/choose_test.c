/* SPDX-License-Identifier: Apache-2.0 */
/* Which items are of a run: shards, --only, and keys that came before. */
#include "run/scratch.h"
#include "worker/choose.h"
#include "worker/name.h"

#include "harness.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A plan with one text behind it. */
static struct kk_plan *plan_of(const char *only, uint32_t duplicates)
{
	struct kk_plan *plan = harness_keep(calloc(1, sizeof(*plan) + 100));
	assert_non_null(plan);
	plan->bytes = sizeof(*plan) + 100;
	plan->duplicates = duplicates;
	if (only) {
		plan->only = sizeof(*plan) + 1;
		strcpy((char *)(plan + 1) + 1, only);
	}
	return plan;
}

static int scratch(void)
{
	struct kk_error error = {.code = 0};
	int fd = kk_scratch_open(&error);
	assert_true(fd >= 0);
	return fd;
}

static void test_shards_have_each_item_once(void **state)
{
	enum { SHARDS = 7, KEYS = 7000 };
	struct chooser *chooser[SHARDS];
	unsigned taken[SHARDS] = {0};
	uint32_t occurrence;
	(void)state;
	for (unsigned i = 0; i < SHARDS; i++) {
		struct kk_plan *plan = plan_of(NULL, KK_DUPLICATES_NONE);
		plan->shard = i + 1;
		plan->shards = SHARDS;
		chooser[i] = chooser_open(plan, -1, false);
		assert_non_null(chooser[i]);
	}
	for (unsigned key = 0; key < KEYS; key++) {
		unsigned times = 0;
		for (unsigned i = 0; i < SHARDS; i++) {
			bool mine = chooser_choose(chooser[i], harness_text("http://example.org/%u", key), true, key,
			                           &occurrence) == CHOICE_TAKE;
			times += mine;
			taken[i] += mine;
		}
		assert_int_equal(times, 1);
	}
	for (unsigned i = 0; i < SHARDS; i++) {
		assert_in_range(taken[i], KEYS / SHARDS * 8 / 10, KEYS / SHARDS * 12 / 10);
		chooser_close(chooser[i]);
	}
}

static void test_duplicates(void **state)
{
	uint32_t occurrence;
	int fd = scratch();
	(void)state;
	struct chooser *chooser = chooser_open(plan_of(NULL, KK_DUPLICATES_SKIP), fd, false);
	assert_int_equal(chooser_choose(chooser, "a", true, 0, &occurrence), CHOICE_TAKE);
	assert_int_equal(chooser_choose(chooser, "a", true, 1, &occurrence), CHOICE_DUPLICATE);
	assert_int_equal(chooser_choose(chooser, "a", false, 2, &occurrence), CHOICE_TAKE);
	assert_int_equal(chooser_choose(chooser, "a", true, 0, &occurrence), CHOICE_TAKE);
	chooser_close(chooser);
	/* One that begins anew begins with nothing. */
	chooser = chooser_open(plan_of(NULL, KK_DUPLICATES_KEEP), fd, false);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(chooser_choose(chooser, "a", true, i, &occurrence), CHOICE_TAKE);
		assert_int_equal(occurrence, i ? i + 1 : 0);
	}
	chooser_close(chooser);
	chooser = chooser_open(plan_of(NULL, KK_DUPLICATES_KEEP), fd, true);
	assert_int_equal(chooser_choose(chooser, "a", true, 3, &occurrence), CHOICE_TAKE);
	assert_int_equal(occurrence, 4);
	chooser_close(chooser);
	close(fd);
}

static void test_ids_of_occurrences(void **state)
{
	char one[KK_NAME_ID_SIZE], other[KK_NAME_ID_SIZE];
	(void)state;
	kk_name_id("s", "k", 0, one);
	kk_name_id("s", "k", 1, other);
	assert_string_equal(one, other);
	kk_name_id("s", "k", 2, other);
	assert_string_not_equal(one, other);
	kk_name_id("s", "k", 3, one);
	assert_string_not_equal(one, other);
}

static void test_only_a_key(void **state)
{
	uint32_t occurrence;
	int fd = scratch();
	char id[KK_NAME_ID_SIZE];
	(void)state;
	struct chooser *chooser = chooser_open(plan_of("b", KK_DUPLICATES_SKIP), fd, false);
	assert_false(chooser_wants(chooser, "a"));
	assert_int_equal(chooser_choose(chooser, "a", true, 0, &occurrence), CHOICE_LEAVE);
	assert_int_equal(chooser_choose(chooser, "b", true, 1, &occurrence), CHOICE_TAKE);
	assert_false(chooser_satisfied(chooser, 0));
	assert_true(chooser_satisfied(chooser, 1));
	chooser_close(chooser);

	kk_name_id("", "b", 0, id);
	chooser = chooser_open(plan_of(id, KK_DUPLICATES_NONE), -1, false);
	assert_int_equal(chooser_choose(chooser, "a", true, 0, &occurrence), CHOICE_LEAVE);
	assert_int_equal(chooser_choose(chooser, "b", true, 0, &occurrence), CHOICE_TAKE);
	chooser_close(chooser);

	/* The second of several, which has an id of its own. */
	kk_name_id("", "b", 2, id);
	chooser = chooser_open(plan_of(id, KK_DUPLICATES_KEEP), fd, false);
	assert_int_equal(chooser_choose(chooser, "b", true, 0, &occurrence), CHOICE_LEAVE);
	assert_int_equal(chooser_choose(chooser, "b", true, 1, &occurrence), CHOICE_TAKE);
	assert_int_equal(occurrence, 2);
	assert_int_equal(chooser_choose(chooser, "b", true, 2, &occurrence), CHOICE_LEAVE);
	chooser_close(chooser);

	chooser = chooser_open(plan_of("b", KK_DUPLICATES_KEEP), fd, false);
	assert_int_equal(chooser_choose(chooser, "b", true, 0, &occurrence), CHOICE_TAKE);
	assert_int_equal(chooser_choose(chooser, "b", true, 1, &occurrence), CHOICE_TAKE);
	assert_false(chooser_satisfied(chooser, 2));
	chooser_close(chooser);
	close(fd);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_shards_have_each_item_once),
    cmocka_unit_test(test_duplicates),
    cmocka_unit_test(test_ids_of_occurrences),
    cmocka_unit_test(test_only_a_key),
};
HARNESS_MAIN(tests)
