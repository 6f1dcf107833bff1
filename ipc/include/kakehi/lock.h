/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/lock.h - reads a family, produces locks that know their owner and outlive his death: Python's Lock and RLock.
 *
 *	int rc = kk_lock_acquire(lock, -1);
 *	if (rc == KK_OWNER_DIED)
 *		repair();                    // the last owner died in the middle of it
 *	if (rc >= 0) {
 *		...
 *		kk_lock_release(lock);
 *	}
 *
 * The owner is a thread. If it is killed, ends or leaves its seat while it holds the lock, the next owner gets the lock
 * with KK_OWNER_DIED; whoever comes after that one, without. A forked child does not hold what its parent's thread
 * holds.
 *
 * A lock that nobody wants costs one atomic operation to take and one to give back, no system call. Who has to wait
 * spins for some microseconds where that has paid of late, then sleeps; giving back wakes one. Locks are not handed on
 * in strict order, but who has waited for 5 ms goes before all others.
 */
#ifndef KAKEHI_LOCK_H
#define KAKEHI_LOCK_H

#include <kakehi/family.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kk_lock; /* private handle */

/* kk_lock_create - a free lock. NULL on error: KK_ERR_NO_ROOM, KK_ERR_FULL (no seat), KK_ERR_MEMORY, KK_ERR_CORRUPT. */
KK_API struct kk_lock *kk_lock_create(struct kk_family *family, struct kk_error *error);

/* kk_rlock_create - a recursive lock: its owner may acquire it again, and must release it as often. All functions below
 * are for both kinds. */
KK_API struct kk_lock *kk_rlock_create(struct kk_family *family, struct kk_error *error);

/* kk_lock_open - a handle of the lock that `ref` names. NULL on error: KK_ERR_MISSING (destroyed), KK_ERR_INVALID (no
 * lock), KK_ERR_VERSION, KK_ERR_MEMORY, KK_ERR_CORRUPT. */
KK_API struct kk_lock *kk_lock_open(struct kk_family *family, uint64_t ref, struct kk_error *error);

/* kk_lock_ref - the lock's name in its family; 0 for the lock of a condition that has its own. */
KK_API uint64_t kk_lock_ref(const struct kk_lock *lock);

/* kk_lock_close - frees the handle; the lock stays as it is, also if the caller has it. NULL does nothing. */
KK_API void kk_lock_close(struct kk_lock *lock);

/* kk_lock_destroy - destroys the lock, which nobody may use any more, and frees the handle. NULL does nothing. */
KK_API void kk_lock_destroy(struct kk_lock *lock);

/* kk_lock_acquire - takes the lock, at most `timeout_ms` later. 0; KK_OWNER_DIED: taken, but the last owner died
 * holding it; KK_ERR_TIMEOUT: somebody else has it - or the caller himself, with a time-out of 0; KK_ERR_INVALID: the
 * caller has it, is willing to wait, and would wait for himself (a recursive lock he gets); KK_ERR_FULL: no seat, or
 * 2^32 - 1 times recursive; KK_ERR_SYSTEM, KK_ERR_CORRUPT. Any thread. */
KK_API int kk_lock_acquire(struct kk_lock *lock, int timeout_ms);

/* kk_lock_release - gives the lock back (a recursive one: once). 0; KK_ERR_NOT_OWNER: the calling thread does not have
 * it, and nothing was done; else as kk_family_seat. */
KK_API int kk_lock_release(struct kk_lock *lock);

/* kk_lock_owner - the seat of its owner, or 0: nobody has it. At the time; for messages (kk_family_sitter says who sits
 * there). */
KK_API unsigned kk_lock_owner(const struct kk_lock *lock);

/* kk_lock_is_recursive - was it made by kk_rlock_create? */
KK_API bool kk_lock_is_recursive(const struct kk_lock *lock);

#ifdef __cplusplus
}
#endif
#endif
