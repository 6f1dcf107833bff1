/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/condition.h - reads a lock, produces waiting for what others change under it: Python's Condition.
 *
 *	kk_lock_acquire(lock, -1);
 *	while (!there_is_work())
 *		kk_condition_wait(condition, -1);
 *	...
 *	kk_lock_release(lock);
 *
 * Those who wait are notified in the order in which they came. A wake-up may come for no reason, so what is waited for
 * has to be looked at again: when a member of the family is killed, all that wait are woken, since it may have been the
 * one that was notified, or that was about to notify. So no notification is lost with its receiver.
 */
#ifndef KAKEHI_CONDITION_H
#define KAKEHI_CONDITION_H

#include <kakehi/lock.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kk_condition; /* private handle */

/* kk_condition_create - a condition over `lock`, of either kind; NULL: over a recursive lock of its own. NULL on error:
 * KK_ERR_INVALID (the lock is another condition's own), KK_ERR_NO_ROOM, KK_ERR_FULL (no seat), KK_ERR_MEMORY,
 * KK_ERR_CORRUPT. */
KK_API struct kk_condition *kk_condition_create(struct kk_family *family, struct kk_lock *lock, struct kk_error *error);

/* kk_condition_open - a handle of the condition that `ref` names. NULL on error: KK_ERR_MISSING (it or its lock was
 * destroyed), KK_ERR_INVALID (no condition), KK_ERR_VERSION, KK_ERR_MEMORY, KK_ERR_CORRUPT. */
KK_API struct kk_condition *kk_condition_open(struct kk_family *family, uint64_t ref, struct kk_error *error);

/* kk_condition_ref - its name in its family. */
KK_API uint64_t kk_condition_ref(const struct kk_condition *condition);

/* kk_condition_lock - a handle of its lock. Belongs to the condition's handle and ends with it. */
KK_API struct kk_lock *kk_condition_lock(struct kk_condition *condition);

/* kk_condition_close - frees the handle. NULL does nothing. */
KK_API void kk_condition_close(struct kk_condition *condition);

/* kk_condition_destroy - destroys the condition, with a lock of its own, and frees the handle. Nobody may use it any
 * more. NULL does nothing. */
KK_API void kk_condition_destroy(struct kk_condition *condition);

/* kk_condition_wait - gives the lock back (however often the caller has it), sleeps until he is notified, at most
 * `timeout_ms`, and takes the lock again, which may take longer. 0: notified, or woken for no reason; KK_OWNER_DIED:
 * woken, and as for kk_lock_acquire, also if it was too late; KK_ERR_TIMEOUT: not notified. With all of these the
 * caller has the lock. KK_ERR_NOT_OWNER: he did not have it, nothing was done; else as kk_family_seat. */
KK_API int kk_condition_wait(struct kk_condition *condition, int timeout_ms);

/* kk_condition_wait_for - waits until `predicate(arg)` says true, which is asked under the lock, first at once. 0;
 * KK_ERR_TIMEOUT: it said false the last time; KK_OWNER_DIED: the lock has come from a dead owner, repair what it
 * guards and call again; else as kk_condition_wait. */
KK_API int kk_condition_wait_for(struct kk_condition *condition, bool (*predicate)(void *arg), void *arg,
                                 int timeout_ms);

/* kk_condition_notify - wakes the `count` threads that have waited longest; those who come after it are none of them.
 * Returns how many there were, KK_ERR_NOT_OWNER: the caller does not have the lock; KK_ERR_INVALID: count < 0; else as
 * kk_family_seat. kk_condition_notify_all - wakes all. */
KK_API int kk_condition_notify(struct kk_condition *condition, int count);
KK_API int kk_condition_notify_all(struct kk_condition *condition);

/* kk_condition_waiting - threads that wait and were not notified yet: exact for who has the lock. */
KK_API unsigned kk_condition_waiting(const struct kk_condition *condition);

#ifdef __cplusplus
}
#endif
#endif
