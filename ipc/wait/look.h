/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/wait/look.h - reads an event, produces the answer to "does somebody perhaps wait?" for the hot paths of the ring.
 * Inside ipc only.
 *
 * kk_event_wake orders the caller's change before its look at the flag by a fence, since the change may have been any
 * store. A caller whose change was itself a seq_cst read-modify-write needs none: that, this look, P1 and its fence
 * are in one order, so either the look sees P1's flag or P2 sees the change (ipc/MEMORY.md, "park and wake").
 */
#ifndef IPC_WAIT_LOOK_H
#define IPC_WAIT_LOOK_H

#include <kakehi/wait.h>
#include <stdatomic.h>

/* Bit 0: somebody may be waiting. The rest counts wake-ups, so that a ticket grows stale. */
enum { EVENT_WAITED = 1, EVENT_ONE_WAKE = 2 };

static inline _Atomic uint32_t *event_word(const struct kk_event *event)
{
	return (_Atomic uint32_t *)(uintptr_t)&event->word;
}

static inline bool event_is_waited(const struct kk_event *event)
{
	return atomic_load_explicit(event_word(event), memory_order_seq_cst) & EVENT_WAITED;
}

#endif
