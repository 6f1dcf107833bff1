/* SPDX-License-Identifier: Apache-2.0 */
/* What park.pml found, on the code itself: a ticket stays stale if the flag is taken down and put up again. */
#include "harness.h"
#include <kakehi/wait.h>

#include <string.h>

static struct kk_event event;
static uint32_t ticket;

/* A waiter draws its ticket while a waker is between its wake-up and taking the flag down. */
void kk_point(const char *site);
void kk_point(const char *site)
{
	if (strcmp(site, "W4") == 0)
		ticket = kk_event_prepare(&event);
}

static void test_stale_ticket(void **state)
{
	(void)state;
	kk_event_prepare(&event);
	kk_event_wake(&event, 1, -1);
	assert_false(kk_event_waited(&event)); /* here somebody changes something, and wakes nobody */
	assert_int_not_equal(ticket, 0);
	assert_int_not_equal(kk_event_prepare(&event), ticket);
	assert_int_equal(kk_event_sleep(&event, ticket, 10000000), KK_OK);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_stale_ticket),
};
HARNESS_MAIN(tests)
