/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/wait.h - an event: sleeping until shared memory may have changed.
 *
 * Reads "I found nothing to do" and "I changed something", produces sleep and wake-up without a lost one. It is an
 * eventcount (as in Folly's EventCount and Vyukov's description of it) on one futex word, usable between processes
 * and by processes that may be killed at any instruction:
 *
 *   waiter:  t = kk_event_prepare(e);  look again;  nothing: kk_event_sleep(e, t, ...)   found: simply go on
 *   waker:   change something;  kk_event_wake(e, n, bell)
 *
 * Nobody is registered by name, so a dead waiter leaves nothing behind but a flag that costs the next waker one
 * system call. A waker that dies between its change and the wake-up is the business of whoever buries it
 * (kk_event_wake_all). The waker makes no system call while nobody waits.
 */
#ifndef KAKEHI_WAIT_H
#define KAKEHI_WAIT_H

#include <kakehi/error.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Lives in shared memory; all zero is its initial state. Opaque: use the functions.
 *   field   written by            read by    ordering
 *   word    waiters (flag bit),   both       every access is seq_cst; see ipc/MEMORY.md, "park and wake"
 *           wakers (count, flag)
 */
struct kk_event {
	uint32_t word;
};

/* kk_event_prepare - announces that the caller is about to sleep; returns the ticket for kk_event_sleep. Look once
 * more for work after it. Nothing needs to be undone if there is some. Any process that has the memory mapped. */
KK_API uint32_t kk_event_prepare(struct kk_event *event);

/* kk_event_sleep - sleeps until a wake-up that came after the ticket, at most `timeout_ns` (< 0: for ever). Returns 0
 * (look again: also after a signal or for no reason) or KK_ERR_TIMEOUT. */
KK_API int kk_event_sleep(struct kk_event *event, uint32_t ticket, int64_t timeout_ns);

/* kk_event_wake - wakes up to `count` sleepers, if there are any, and rings the bell: an eventfd (or -1) that waiters
 * watch who cannot sleep on a futex because they also wait for descriptors (edge-triggered, never read). */
KK_API void kk_event_wake(struct kk_event *event, int count, int bell);

/* kk_event_wake_all - wakes everybody whether or not somebody said that he waits: after a death. */
KK_API void kk_event_wake_all(struct kk_event *event, int bell);

/* kk_event_waited - does somebody perhaps wait? A cheap look, to leave out work that only a waiter would want:
 * who changed something before it, and is told no, need not call kk_event_wake. */
KK_API bool kk_event_waited(const struct kk_event *event);

#ifdef __cplusplus
}
#endif
#endif
