/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/barrier.h - reads a number of parties, produces a place where each waits for all the others: Python's Barrier,
 * that breaks when one of them dies.
 *
 *	int place = kk_barrier_wait(barrier, -1);
 *	if (place == KK_ERR_BROKEN)
 *		...                         // one of us has died, or gave up
 *	else if (place == 0)
 *		...                         // one of us, whoever came first
 *
 * A party is a thread. The barrier breaks, for those that wait and those that come, until kk_barrier_reset:
 *   - when one that waits here, or has ever taken part here, is killed, or ends while it waits here
 *   - when anybody is killed while somebody waits, and fewer threads than parties are left that sit in a seat of
 *     the family
 *   - when a time-out strikes, the action fails, or kk_barrier_abort says so
 * A party that ends, or leaves its seat, between two turns breaks nothing: another one may come in its place.
 */
#ifndef KAKEHI_BARRIER_H
#define KAKEHI_BARRIER_H

#include <kakehi/family.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kk_barrier; /* private handle */

/* kk_barrier_create - a barrier for `parties`, 1 .. the seats of the family. NULL on error: KK_ERR_INVALID,
 * KK_ERR_NO_ROOM, KK_ERR_FULL (no seat), KK_ERR_MEMORY, KK_ERR_CORRUPT. */
KK_API struct kk_barrier *kk_barrier_create(struct kk_family *family, unsigned parties, struct kk_error *error);

/* kk_barrier_open - a handle of the barrier that `ref` names. NULL on error: KK_ERR_MISSING (destroyed), KK_ERR_INVALID
 * (no barrier), KK_ERR_VERSION, KK_ERR_MEMORY, KK_ERR_CORRUPT. */
KK_API struct kk_barrier *kk_barrier_open(struct kk_family *family, uint64_t ref, struct kk_error *error);

/* kk_barrier_ref - its name in its family. */
KK_API uint64_t kk_barrier_ref(const struct kk_barrier *barrier);

/* kk_barrier_close - frees the handle. NULL does nothing. */
KK_API void kk_barrier_close(struct kk_barrier *barrier);

/* kk_barrier_destroy - destroys the barrier, which nobody may use any more, and frees the handle. NULL does nothing. */
KK_API void kk_barrier_destroy(struct kk_barrier *barrier);

/* kk_barrier_action - what the party that comes last does while the others still wait: `action(arg)`, 0 or a failure,
 * which breaks the barrier. Private to this handle and those in children forked later: set it wherever somebody may be
 * last. Before the handle is used to wait. NULL: nothing. */
KK_API void kk_barrier_action(struct kk_barrier *barrier, int (*action)(void *arg), void *arg);

/* kk_barrier_wait - waits until `parties` threads are here. Returns the caller's place, 0 .. parties - 1, in the order
 * of coming; the next turn begins at once. KK_ERR_BROKEN: it is, or broke or was reset while the caller waited.
 * KK_ERR_TIMEOUT: they were not here in time, and now it is broken for them, too. KK_ERR_FAILED: the caller came last
 * and the action failed. Else as kk_family_seat. */
KK_API int kk_barrier_wait(struct kk_barrier *barrier, int timeout_ms);

/* kk_barrier_reset - begins anew, whole and empty; who waits gets KK_ERR_BROKEN. Who died before it breaks nothing any
 * more. Any thread. */
KK_API void kk_barrier_reset(struct kk_barrier *barrier);

/* kk_barrier_abort - breaks it. Any thread. */
KK_API void kk_barrier_abort(struct kk_barrier *barrier);

/* kk_barrier_parties - how many it is for. kk_barrier_waiting - how many are here. kk_barrier_is_broken - is it? */
KK_API unsigned kk_barrier_parties(const struct kk_barrier *barrier);
KK_API unsigned kk_barrier_waiting(const struct kk_barrier *barrier);
KK_API bool kk_barrier_is_broken(const struct kk_barrier *barrier);

#ifdef __cplusplus
}
#endif
#endif
