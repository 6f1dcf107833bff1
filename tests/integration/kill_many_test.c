/* SPDX-License-Identifier: Apache-2.0 */
/* The long form of kill_test.c. */
#include "killing.h"

static void test_200_kills_in_5000_photos(void **state)
{
	(void)state;
	killing_run(5000, 200, 0);
}

static void test_40_kills_of_workers_and_their_heirs(void **state)
{
	(void)state;
	killing_run(3000, 40, 2);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_200_kills_in_5000_photos),
    cmocka_unit_test(test_40_kills_of_workers_and_their_heirs),
};

HARNESS_MAIN(tests)
