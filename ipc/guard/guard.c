/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/guard/guard.c - waiting for a guard, and burying who had it. */
#include "guard/guard.h"
#include "family/object.h"

int kk_guard_take(struct kk_family *family, struct kk_guard *guard, unsigned seat, int64_t deadline_ns)
{
	unsigned round = 0;
	int rc = KK_OK;
	while (!kk_guard_try(guard, seat)) {
		if (rc < 0)
			return rc;
		uint32_t ticket = kk_event_prepare(&guard->freed);
		if (kk_guard_try(guard, seat))
			break;
		rc = kk_family_sleep(family, &guard->freed, ticket, deadline_ns, &round);
	}
	return KK_OK;
}

void kk_guard_bury(struct kk_guard *guard, unsigned seat)
{
	uint32_t owner = seat;
	(void)atomic_compare_exchange_strong(&guard->owner, &owner, 0);
	kk_event_wake_all(&guard->freed, -1);
}
