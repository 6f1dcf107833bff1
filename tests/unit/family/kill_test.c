/* SPDX-License-Identifier: Apache-2.0 */
/* kk_family: members killed at every instruction of what they do with a family, and of burying each other. */
#include "harness.h"
#include "killing.h"
#include "pegs.h"

#include <sys/wait.h>
#include <unistd.h>

static struct kk_family *family;
static struct kk_object object;
static struct pegs *pegs;
static struct kk_family_usage before;

static void setup(void)
{
	static const struct kk_family_spec spec = {.bytes = 4096, .seats = 3, .objects = 4};
	struct kk_error error = {0};
	family = kk_family_create(&spec, &error);
	if (!family)
		fail_msg("%s", error.text);
	pegs = pegs_make(family, &object, &error);
	assert_non_null(pegs);
	kk_family_usage(family, &before);
}

static void teardown(void)
{
	kk_family_close(family);
}

static struct kk_family_usage usage(void)
{
	struct kk_family_usage now;
	kk_family_usage(family, &now);
	return now;
}

static void sit(void)
{
	killing_must(kk_family_seat(family) == 2);
}

/* ---- seats */

static int take_seat(void)
{
	return kk_family_seat(family);
}

static const char *nobody_sits(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == 2);
	KILLING_CHECK(usage().deaths <= 1);
	/* The child dies as a sitter also behind the end of the operation: it does not leave. */
	KILLING_CHECK(!death->finished || usage().deaths == 1);
	KILLING_CHECK(!kk_family_alive(family, 2));
	KILLING_CHECK(kk_family_alive(family, 1));
	return NULL;
}

static void test_take_seat(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "take a seat",
	                                       .family = &family,
	                                       .setup = setup,
	                                       .act = take_seat,
	                                       .verify = nobody_sits,
	                                       .teardown = teardown};
	killing_sweep(&killing);
}

static void sit_and_hold(void)
{
	sit();
	for (int i = 0; i < 2; i++)
		killing_must(pegs_take(family, pegs) == i);
}

static int leave(void)
{
	return kk_family_leave(family);
}

static const char *all_came_back(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == 0);
	KILLING_CHECK(pegs_held(pegs) == 0);
	/* They are counted behind their return, so a burial that was killed in between counts less. */
	KILLING_CHECK(atomic_load(&pegs->buried) + atomic_load(&pegs->left) <= 2);
	KILLING_CHECK(usage().deaths == 0 || atomic_load(&pegs->left) == 0);
	KILLING_CHECK(!death->finished || usage().deaths == 0);
	return NULL;
}

static void test_leave(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "leave",
	                                       .family = &family,
	                                       .setup = setup,
	                                       .join = sit_and_hold,
	                                       .act = leave,
	                                       .verify = all_came_back,
	                                       .teardown = teardown};
	killing_sweep(&killing);
}

static int part(void)
{
	kk_family_part();
	return 0;
}

static void test_part(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "end in peace",
	                                       .family = &family,
	                                       .setup = setup,
	                                       .join = sit_and_hold,
	                                       .act = part,
	                                       .verify = all_came_back,
	                                       .teardown = teardown,
	                                       .most = 100};
	killing_sweep(&killing);
}

static int close_it(void)
{
	kk_family_close(family);
	return 0;
}

static void test_close(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "close",
	                                       .family = &family,
	                                       .setup = setup,
	                                       .join = sit_and_hold,
	                                       .act = close_it,
	                                       .verify = all_came_back,
	                                       .teardown = teardown,
	                                       .most = 100};
	killing_sweep(&killing);
}

/* Somebody else's death is noticed by one who looks for a seat, and dies of that. */
static void leave_a_dead_sitter(void)
{
	setup();
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		sit_and_hold();
		_exit(0);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static const char *both_are_buried(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == 2);
	KILLING_CHECK(pegs_held(pegs) == 0);
	KILLING_CHECK(atomic_load(&pegs->buried) <= 2 && atomic_load(&pegs->left) == 0);
	KILLING_CHECK(usage().deaths >= 1 && usage().deaths <= 2);
	return NULL;
}

static void test_take_seat_of_the_dead(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "take the seat of a dead one",
	                                       .family = &family,
	                                       .setup = leave_a_dead_sitter,
	                                       .act = take_seat,
	                                       .verify = both_are_buried,
	                                       .teardown = teardown,
	                                       .seats_may_stay = true};
	killing_sweep(&killing);
}

/* ---- objects */

static int make(void)
{
	struct kk_object made;
	int rc = kk_object_make(family, &pegs_kind, 100, &made, NULL);
	if (rc == KK_OK)
		kk_object_publish(&made);
	return rc;
}

/* All of it is there, or nothing is. */
static const char *made_or_not(const struct killing_death *death)
{
	struct kk_family_usage now = usage();
	bool there = now.objects_used == before.objects_used + 1;
	struct kk_object found;
	KILLING_CHECK(there || now.objects_used == before.objects_used);
	KILLING_CHECK(now.bytes_used == before.bytes_used + (there ? 128 : 0));
	KILLING_CHECK(!death->finished || (there && death->result == KK_OK));
	KILLING_CHECK((kk_object_find(family, 2, &pegs_kind, &found, NULL) == KK_OK) == there);
	if (there)
		KILLING_CHECK(kk_object_destroy(&found) == KK_OK);
	/* The same place serves again. */
	KILLING_CHECK(kk_object_make(family, &other_kind, 128, &found, NULL) == KK_OK);
	KILLING_CHECK(found.ref % 4096 == 2);
	for (int i = 0; i < 128; i++)
		KILLING_CHECK(((char *)found.memory)[i] == 0);
	KILLING_CHECK(kk_object_destroy(&found) == KK_OK);
	KILLING_CHECK(usage().bytes_used == before.bytes_used);
	return NULL;
}

static void test_make(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "make and publish an object",
	                                       .family = &family,
	                                       .setup = setup,
	                                       .join = sit,
	                                       .act = make,
	                                       .verify = made_or_not,
	                                       .teardown = teardown,
	                                       .most = 300};
	killing_sweep(&killing);
}

static int destroy(void)
{
	return kk_object_destroy(&object);
}

static const char *there_or_not(const struct killing_death *death)
{
	struct kk_object found;
	bool there = kk_object_find(family, object.ref, &pegs_kind, &found, NULL) == KK_OK;
	KILLING_CHECK(!death->finished || (!there && death->result == KK_OK));
	KILLING_CHECK(usage().objects_used == (there ? 1 : 0));
	KILLING_CHECK(usage().bytes_used == (there ? before.bytes_used : 0));
	KILLING_CHECK(kk_object_destroy(&object) == (there ? KK_OK : KK_ERR_MISSING));
	KILLING_CHECK(usage().objects_used == 0);
	return NULL;
}

static void test_destroy(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "destroy an object",
	                                       .family = &family,
	                                       .setup = setup,
	                                       .join = sit,
	                                       .act = destroy,
	                                       .verify = there_or_not,
	                                       .teardown = teardown};
	killing_sweep(&killing);
}

/* ---- what the dead hold */

static int take_and_drop(void)
{
	int one = pegs_take(family, pegs), other = pegs_take(family, pegs);
	if (one < 0 || other < 0)
		return -1;
	pegs_drop(pegs, one);
	return pegs_held(pegs) == 1 ? 0 : -1;
}

static const char *nothing_is_held(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == 0);
	KILLING_CHECK(pegs_held(pegs) == 0);
	KILLING_CHECK(atomic_load(&pegs->buried) <= 2);
	KILLING_CHECK(usage().deaths == 1);
	return NULL;
}

static void test_hold(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "hold and die",
	                                       .family = &family,
	                                       .setup = setup,
	                                       .join = sit,
	                                       .act = take_and_drop,
	                                       .verify = nothing_is_held,
	                                       .teardown = teardown,
	                                       .most = 400};
	killing_sweep(&killing);
}

/* ---- asleep */

static int sleep_for_a_peg(void)
{
	unsigned round = 0;
	while (pegs_held(pegs) > 0) {
		uint32_t ticket = kk_event_prepare(&pegs->event);
		if (pegs_held(pegs) == 0)
			break;
		(void)kk_family_sleep(family, &pegs->event, ticket, -1, &round);
	}
	return 0;
}

static void setup_held(void)
{
	setup();
	assert_int_equal(pegs_take(family, pegs), 0);
}

static void drop_peg(void)
{
	pegs_drop(pegs, 0);
}

static const char *one_is_held(const struct killing_death *death)
{
	KILLING_CHECK(death->finished || pegs_held(pegs) <= 1);
	KILLING_CHECK(usage().deaths == 1);
	return NULL;
}

static void test_asleep(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "sleep for a peg",
	                                       .family = &family,
	                                       .setup = setup_held,
	                                       .join = sit,
	                                       .act = sleep_for_a_peg,
	                                       .wake = drop_peg,
	                                       .verify = one_is_held,
	                                       .teardown = teardown};
	killing_asleep(&killing);
	killing_sweep(&killing);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_take_seat),
    cmocka_unit_test(test_leave),
    cmocka_unit_test(test_part),
    cmocka_unit_test(test_close),
    cmocka_unit_test(test_take_seat_of_the_dead),
    cmocka_unit_test(test_make),
    cmocka_unit_test(test_destroy),
    cmocka_unit_test(test_hold),
    cmocka_unit_test(test_asleep),
};
HARNESS_MAIN(tests)
