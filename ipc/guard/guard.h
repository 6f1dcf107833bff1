/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/guard/guard.h - reads a seat, produces its sole right to a part of an object of a family. Inside ipc only.
 *
 * For the short parts of pipes, lists, lifos and priority queues. Not recursive, and whoever dies in it leaves things
 * so that the next one may simply go on; locks for programs, which report a death, are kk_lock. Why it is right:
 * ipc/MEMORY.md, "Guard".
 */
#ifndef IPC_GUARD_GUARD_H
#define IPC_GUARD_GUARD_H

#include "wait/look.h"
#include <kakehi/family.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* In shared memory; zero: free. */
struct kk_guard {
	_Atomic uint32_t owner; /* its seat; 0: nobody. seq_cst */
	struct kk_event freed;
};

/* kk_guard_try - takes it if it is free. */
static inline bool kk_guard_try(struct kk_guard *guard, unsigned seat)
{
	uint32_t nobody = 0;
	return atomic_compare_exchange_strong(&guard->owner, &nobody, seat);
}

/* kk_guard_take - takes it, waits until `deadline_ns` for that (kk_family_deadline). 0 or KK_ERR_TIMEOUT. `family`
 * NULL: seats are roles, whose heirs bury; the deadline is -1. */
int kk_guard_take(struct kk_family *family, struct kk_guard *guard, unsigned seat, int64_t deadline_ns);

/* kk_guard_give - by who has it. */
static inline void kk_guard_give(struct kk_guard *guard)
{
	atomic_exchange(&guard->owner, 0);
	if (event_is_waited(&guard->freed))
		kk_event_wake(&guard->freed, 1, -1);
}

static inline bool kk_guard_is_of(const struct kk_guard *guard, unsigned seat)
{
	return atomic_load(&guard->owner) == seat;
}

/* kk_guard_bury - gives it up for a dead seat that has it, when what it guards is mended; wakes who waits, since a dead
 * one may have been woken in their place. Repeatable. */
void kk_guard_bury(struct kk_guard *guard, unsigned seat);

#endif
