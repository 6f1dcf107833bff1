/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/priority_queue.h - reads items with priorities, produces the smallest first: Python's PriorityQueue between
 * the processes of a family. Items of one priority come in the order in which they were put.
 *
 * An item that waits can be looked at, removed and given another priority by its id. A removed one gives up its memory
 * when it comes up, or when that is needed, as in the recipe of Python's heapq; removing is quick.
 *
 * Its spec, its time-outs, what it does at its end and what deaths do to items are those of kk_queue: a put or get that
 * is killed has happened or has not; an item of a joinable one that a dead process had got and not done comes again, at
 * its old place, or counts as lost. Nobody is told of dead producers. One process at a time is inside; one that is
 * killed there leaves it sound, one that is stopped there holds up the others.
 */
#ifndef KAKEHI_PRIORITY_QUEUE_H
#define KAKEHI_PRIORITY_QUEUE_H

#include <kakehi/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kk_priority_queue; /* private handle */

/* kk_priority_queue_create - a new one in the family; `spec` NULL: the defaults of kk_queue. NULL: KK_ERR_INVALID,
 * KK_ERR_NO_ROOM (says how much it needs), KK_ERR_FULL, KK_ERR_MEMORY. Any member. End with kk_priority_queue_close or
 * kk_priority_queue_destroy. */
KK_API struct kk_priority_queue *kk_priority_queue_create(struct kk_family *family, const struct kk_queue_spec *spec,
                                                          struct kk_error *error);
/* kk_priority_queue_open - a handle of what `ref` names. NULL: KK_ERR_MISSING, KK_ERR_INVALID (something else),
 * KK_ERR_CORRUPT, KK_ERR_VERSION, KK_ERR_MEMORY. End with kk_priority_queue_close. */
KK_API struct kk_priority_queue *kk_priority_queue_open(struct kk_family *family, uint64_t ref, struct kk_error *error);
/* kk_priority_queue_ref - its name within the family. */
KK_API uint64_t kk_priority_queue_ref(const struct kk_priority_queue *queue);
/* kk_priority_queue_close - frees the handle. kk_priority_queue_destroy - also what it names, with all its items, when
 * no other member uses it any more. NULL does nothing. */
KK_API void kk_priority_queue_close(struct kk_priority_queue *queue);
KK_API void kk_priority_queue_destroy(struct kk_priority_queue *queue);

/* kk_priority_of_double - the priority of a number: priorities are in the order of their numbers. NaNs come last (or
 * first, if negative). kk_priority_to_double - the number of such a priority. */
KK_API int64_t kk_priority_of_double(double number);
KK_API double kk_priority_to_double(int64_t priority);

/* kk_priority_queue_put - puts a copy of `bytes` (0 .. item_max) bytes. `id`, if not NULL, gets a number that names the
 * item as long as it waits: never 0, and not used again for 2^28 items of the same memory. 0; KK_ERR_FULL: no room, and
 * timeout_ms is 0; KK_ERR_TIMEOUT; KK_ERR_CLOSED; KK_ERR_INVALID: too large. */
KK_API int kk_priority_queue_put(struct kk_priority_queue *queue, int64_t priority, const void *data, size_t bytes,
                                 int timeout_ms, uint64_t *id);
/* kk_priority_queue_get - takes the item of the smallest priority and copies it to `to`; `priority`, if not NULL, gets
 * that. Its bytes, or: KK_ERR_EMPTY: no item, and timeout_ms is 0; KK_ERR_TIMEOUT; KK_ERR_CLOSED; KK_ERR_NO_ROOM: it is
 * larger than `room`, and stays where it is. */
KK_API int64_t kk_priority_queue_get(struct kk_priority_queue *queue, int64_t *priority, void *to, size_t room,
                                     int timeout_ms);
/* kk_priority_queue_peek - the same, but the item stays. `id`, if not NULL, gets what names it. */
KK_API int64_t kk_priority_queue_peek(struct kk_priority_queue *queue, int64_t *priority, void *to, size_t room,
                                      int timeout_ms, uint64_t *id);
/* kk_priority_queue_remove - the item will not be got. 0; KK_ERR_MISSING: it does not wait (any more). */
KK_API int kk_priority_queue_remove(struct kk_priority_queue *queue, uint64_t id);
/* kk_priority_queue_update - gives an item that waits another priority; among those of the same it comes in the order
 * in which they were put. 0; KK_ERR_MISSING. */
KK_API int kk_priority_queue_update(struct kk_priority_queue *queue, uint64_t id, int64_t priority);

/* kk_priority_queue_task_done, kk_priority_queue_join - of a joinable one: as kk_queue_task_done and kk_queue_join. */
KK_API int kk_priority_queue_task_done(struct kk_priority_queue *queue);
KK_API int kk_priority_queue_join(struct kk_priority_queue *queue, int timeout_ms);
/* kk_priority_queue_shutdown - no more puts; who gets after the last item is told KK_ERR_CLOSED: as kk_queue_shutdown.
 */
KK_API int kk_priority_queue_shutdown(struct kk_priority_queue *queue);

/* kk_priority_queue_size - items that can be got now. kk_priority_queue_empty, kk_priority_queue_full. Exact while
 * nobody puts or gets. */
KK_API uint32_t kk_priority_queue_size(struct kk_priority_queue *queue);
KK_API bool kk_priority_queue_empty(struct kk_priority_queue *queue);
KK_API bool kk_priority_queue_full(struct kk_priority_queue *queue);
/* kk_priority_queue_usage - counts; each is exact while nobody moves. */
KK_API void kk_priority_queue_usage(struct kk_priority_queue *queue, struct kk_queue_usage *usage);
/* kk_priority_queue_check - is it sound? 0 or KK_ERR_CORRUPT with a sentence. Also while others use it. */
KK_API int kk_priority_queue_check(struct kk_priority_queue *queue, struct kk_error *error);

#ifdef __cplusplus
}
#endif
#endif
