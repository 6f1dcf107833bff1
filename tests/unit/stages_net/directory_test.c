/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"
static void test_x(void **state)
{
	(void)state;
}
static const struct CMUnitTest tests[] = {cmocka_unit_test(test_x)};
HARNESS_MAIN(tests)
