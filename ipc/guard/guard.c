/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/guard/guard.c - waiting for a guard, and burying who had it. */
#include "guard/guard.h"
#include "family/object.h"
#include "wait/spin.h"

/* Those who have it are through with it after about so many looks, if they run. */
enum { LOOKS = 100 };

#define BACK_STOP_NS INT64_C(1000000000) /* for a wake-up that is late because its sender was stopped */

static bool look_awake(struct kk_guard *guard, unsigned seat)
{
	int looks = kk_spin_pays() ? LOOKS : 0;
	for (int i = 0; i < looks; i++) {
		kk_relax();
		/* relaxed: the CAS decides. */
		if (atomic_load_explicit(&guard->owner, memory_order_relaxed) == 0 && kk_guard_try(guard, seat))
			return true;
	}
	return false;
}

/* Without a family an heir of who has it wakes us. */
static int sleep_for(struct kk_family *family, struct kk_guard *guard, uint32_t ticket, int64_t deadline_ns,
                     unsigned *round)
{
	if (family)
		return kk_family_sleep(family, &guard->freed, ticket, deadline_ns, round);
	(void)kk_event_sleep(&guard->freed, ticket, BACK_STOP_NS);
	return KK_OK;
}

int kk_guard_take(struct kk_family *family, struct kk_guard *guard, unsigned seat, int64_t deadline_ns)
{
	unsigned round = 0;
	int rc = KK_OK;
	if (kk_guard_try(guard, seat) || look_awake(guard, seat))
		return KK_OK;
	while (!kk_guard_try(guard, seat)) {
		if (rc < 0)
			return rc;
		uint32_t ticket = kk_event_prepare(&guard->freed);
		if (kk_guard_try(guard, seat))
			break;
		rc = sleep_for(family, guard, ticket, deadline_ns, &round);
	}
	return KK_OK;
}

void kk_guard_bury(struct kk_guard *guard, unsigned seat)
{
	uint32_t owner = seat;
	(void)atomic_compare_exchange_strong(&guard->owner, &owner, 0);
	kk_event_wake_all(&guard->freed, -1);
}
