/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/semaphore.h - reads a family and a number, produces permits that come back from the dead: Python's Semaphore
 * and BoundedSemaphore.
 *
 *	requests = kk_semaphore_create(family, 3, 3, &error);      // never more than three at once
 *	if (kk_semaphore_acquire(requests, 1000) == KK_OK) {
 *		...
 *		kk_semaphore_release(requests);
 *	}
 *
 * Taking a permit and recording who has it are one step. The permits of a thread that is killed, ends or leaves its
 * seat come back, each exactly once.
 *
 * Releasing gives back a permit of the caller's. If he has none: one of somebody else, on his behalf (so that one
 * thread may wait and another signal); if nobody has one, it is a new one, up to the maximum. In each case the value
 * grows by one. A maximum that equals the first value makes a bounded semaphore.
 *
 * An uncontended acquire or release costs two atomic operations and no system call. Nobody waits for somebody who is
 * stopped in the middle of either. Waiting is as with locks (kakehi/lock.h): who has waited for 5 ms goes first.
 */
#ifndef KAKEHI_SEMAPHORE_H
#define KAKEHI_SEMAPHORE_H

#include <kakehi/family.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_SEMAPHORE_MAX 16777215U

struct kk_semaphore; /* private handle */

/* kk_semaphore_create - a semaphore with `value` permits to be had, of which there will never be more than `max` in all
 * (0: KK_SEMAPHORE_MAX; `value`: a bounded semaphore). NULL on error: KK_ERR_INVALID (value > max, max >
 * KK_SEMAPHORE_MAX), KK_ERR_NO_ROOM, KK_ERR_FULL (no seat), KK_ERR_MEMORY, KK_ERR_CORRUPT. */
KK_API struct kk_semaphore *kk_semaphore_create(struct kk_family *family, uint32_t value, uint32_t max,
                                                struct kk_error *error);

/* kk_semaphore_open - a handle of the semaphore that `ref` names. NULL on error: KK_ERR_MISSING (destroyed),
 * KK_ERR_INVALID (no semaphore), KK_ERR_VERSION, KK_ERR_MEMORY, KK_ERR_CORRUPT. */
KK_API struct kk_semaphore *kk_semaphore_open(struct kk_family *family, uint64_t ref, struct kk_error *error);

/* kk_semaphore_ref - its name in its family. */
KK_API uint64_t kk_semaphore_ref(const struct kk_semaphore *semaphore);

/* kk_semaphore_close - frees the handle; permits that the caller has stay his. NULL does nothing. */
KK_API void kk_semaphore_close(struct kk_semaphore *semaphore);

/* kk_semaphore_destroy - destroys the semaphore, which nobody may use any more, and frees the handle. NULL does
 * nothing. */
KK_API void kk_semaphore_destroy(struct kk_semaphore *semaphore);

/* kk_semaphore_acquire - takes a permit, at most `timeout_ms` later. 0; KK_ERR_TIMEOUT: there was none; else as
 * kk_family_seat. Any thread. */
KK_API int kk_semaphore_acquire(struct kk_semaphore *semaphore, int timeout_ms);

/* kk_semaphore_release - gives a permit back, or makes one. 0; KK_ERR_INVALID: all permits that may be are there
 * already, and nothing was done; else as kk_family_seat. Any thread, also one that never took one. */
KK_API int kk_semaphore_release(struct kk_semaphore *semaphore);

/* kk_semaphore_value - permits to be had at the moment. kk_semaphore_held - permits that `seat` has; 0: all seats. */
KK_API uint32_t kk_semaphore_value(const struct kk_semaphore *semaphore);
KK_API uint32_t kk_semaphore_held(const struct kk_semaphore *semaphore, unsigned seat);

#ifdef __cplusplus
}
#endif
#endif
