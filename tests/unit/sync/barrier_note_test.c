/* SPDX-License-Identifier: Apache-2.0 */
/* kk_barrier: two burials of members that never took part, one of them slow. The barrier itself is part of this file,
 * with the points at which somebody else may come in between. */
#define KK_POINTS
#include "sync/barrier.c"

#include "harness.h"
#include <string.h>

static struct kk_barrier *barrier;
static void (*meanwhile)(void);

void kk_point(const char *site)
{
	void (*once)(void) = meanwhile;
	if (!once || strcmp(site, "barrier: killed") != 0)
		return;
	meanwhile = NULL;
	once();
}

static void bury_seat(unsigned seat)
{
	const struct kk_object *object = &barrier->object;
	assert_int_equal(kk_kind_barrier.bury(object->family, object->memory, object->bytes, seat, false), KK_OK);
}

/* A turn ends, somebody comes for the next one, and a death is noted in that. */
static void next_turn(void)
{
	atomic_store(&barrier->memory->word, TURN_ONE | 1);
	bury_seat(3);
}

/* Those who wait learn of the death that counts for them, whoever is slower. */
static void test_slow_undertaker(void **state)
{
	struct kk_error error = {0};
	struct kk_family *family = kk_family_create(NULL, &error);
	(void)state;
	assert_non_null(family);
	barrier = kk_barrier_create(family, 3, &error);
	assert_non_null(barrier);
	atomic_store(&barrier->memory->word, 1);
	meanwhile = next_turn;
	bury_seat(2);
	assert_null(meanwhile);
	assert_int_equal(atomic_load(&barrier->memory->killed_in), TURN_ONE | 1);
	kk_barrier_destroy(barrier);
	kk_family_close(family);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_slow_undertaker),
};
HARNESS_MAIN(tests)
