/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/lifo.h - reads items, produces the youngest first: Python's LifoQueue between the processes of a family.
 *
 * Its spec, its time-outs, what it does at its end and what deaths do to items are those of kk_queue: a put or get that
 * is killed has happened or has not; an item of a joinable one that a dead process had got and not done comes again, at
 * its old place, or counts as lost. Nobody is told of dead producers. One process at a time is inside; one that is
 * killed there leaves it sound, one that is stopped there holds up the others.
 */
#ifndef KAKEHI_LIFO_H
#define KAKEHI_LIFO_H

#include <kakehi/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kk_lifo; /* private handle */

/* kk_lifo_create - a new one in the family; `spec` NULL: the defaults of kk_queue. NULL: KK_ERR_INVALID,
 * KK_ERR_NO_ROOM (says how much it needs), KK_ERR_FULL, KK_ERR_MEMORY. Any member. End with kk_lifo_close or
 * kk_lifo_destroy. */
KK_API struct kk_lifo *kk_lifo_create(struct kk_family *family, const struct kk_queue_spec *spec,
                                      struct kk_error *error);
/* kk_lifo_open - a handle of what `ref` names. NULL: KK_ERR_MISSING, KK_ERR_INVALID (something else),
 * KK_ERR_CORRUPT, KK_ERR_VERSION, KK_ERR_MEMORY. End with kk_lifo_close. */
KK_API struct kk_lifo *kk_lifo_open(struct kk_family *family, uint64_t ref, struct kk_error *error);
/* kk_lifo_ref - its name within the family. */
KK_API uint64_t kk_lifo_ref(const struct kk_lifo *lifo);
/* kk_lifo_close - frees the handle. kk_lifo_destroy - also what it names, with all its items, when no other member
 * uses it any more. NULL does nothing. */
KK_API void kk_lifo_close(struct kk_lifo *lifo);
KK_API void kk_lifo_destroy(struct kk_lifo *lifo);

/* kk_lifo_put - puts a copy of `bytes` (0 .. item_max) bytes on top. 0; KK_ERR_FULL: no room, and timeout_ms is 0;
 * KK_ERR_TIMEOUT; KK_ERR_CLOSED; KK_ERR_INVALID: too large. */
KK_API int kk_lifo_put(struct kk_lifo *lifo, const void *data, size_t bytes, int timeout_ms);
/* kk_lifo_get - takes the item on top and copies it to `to`. Its bytes, or: KK_ERR_EMPTY: no item, and timeout_ms is 0;
 * KK_ERR_TIMEOUT; KK_ERR_CLOSED; KK_ERR_NO_ROOM: it is larger than `room`, and stays where it is. */
KK_API int64_t kk_lifo_get(struct kk_lifo *lifo, void *to, size_t room, int timeout_ms);

/* kk_lifo_task_done, kk_lifo_join - of a joinable one: as kk_queue_task_done and kk_queue_join. */
KK_API int kk_lifo_task_done(struct kk_lifo *lifo);
KK_API int kk_lifo_join(struct kk_lifo *lifo, int timeout_ms);
/* kk_lifo_shutdown - no more puts; who gets after the last item is told KK_ERR_CLOSED: as kk_queue_shutdown. */
KK_API int kk_lifo_shutdown(struct kk_lifo *lifo);

/* kk_lifo_size - items that can be got now. kk_lifo_empty, kk_lifo_full. Exact while nobody puts or gets. */
KK_API uint32_t kk_lifo_size(struct kk_lifo *lifo);
KK_API bool kk_lifo_empty(struct kk_lifo *lifo);
KK_API bool kk_lifo_full(struct kk_lifo *lifo);
/* kk_lifo_usage - counts; each is exact while nobody moves. */
KK_API void kk_lifo_usage(struct kk_lifo *lifo, struct kk_queue_usage *usage);
/* kk_lifo_check - is it sound? 0 or KK_ERR_CORRUPT with a sentence. Also while others use it. */
KK_API int kk_lifo_check(struct kk_lifo *lifo, struct kk_error *error);

#ifdef __cplusplus
}
#endif
#endif
