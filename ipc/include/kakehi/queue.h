/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/queue.h - reads items, produces them in order, each to one getter: a bounded FIFO of bytes between the
 * processes and threads of a family, whoever of them is killed when.
 *
 * Python's multiprocessing Queue, JoinableQueue (`joinable`) and SimpleQueue (a queue that is used without time-outs)
 * are all this one object.
 *
 *	kk_queue_put    -> an item stands behind all others        kk_queue_get    -> the first one is the caller's
 *	kk_queue_shutdown -> no more puts; who gets is told KK_ERR_CLOSED when the last item is through
 *
 * What a death does
 *   killed in put        the item is in the queue, whole, or it is not
 *   killed in get        the item stands in front of all others again
 *   killed with an item of a joinable queue, got and not done: by `redeliver` it comes again, or counts as lost
 *   a producer killed    after all that it had put was got, one getter is told KK_ERR_DIED, once: kk_queue_casualty
 * A thread or process that ends in peace is treated alike, but nobody is told.
 *
 * A put or get makes no system call as long as it has not to wait and nobody waits for it. Nobody waits for a process
 * that was stopped in the middle, except for what it holds.
 */
#ifndef KAKEHI_QUEUE_H
#define KAKEHI_QUEUE_H

#include <kakehi/family.h>
#include <kakehi/wait_any.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_QUEUE_CAPACITY     1024U
#define KK_QUEUE_ITEM_MAX     256U
#define KK_QUEUE_MAX_CAPACITY 500000U
#define KK_QUEUE_MAX_ITEM     1073741824U /* 1 GiB */
#define KK_QUEUE_ALWAYS       UINT32_MAX

struct kk_queue; /* private handle */

/* All zero: a plain queue of the values above. */
struct kk_queue_spec {
	uint32_t capacity; /* items that wait to be got; 0: KK_QUEUE_CAPACITY                                    */
	uint32_t item_max; /* bytes of the largest item; 0: KK_QUEUE_ITEM_MAX                                    */
	uint32_t in_hand;  /* items that can be in hands besides: being put or got, or got and not done; 0: one for each
	                      seat of the family                                                                  */
	uint32_t redeliver; /* joinable: how many may die with an item, or getting it, before it is lost; 0: at once */
	bool joinable;      /* an item that was got is unfinished until kk_queue_task_done                         */
};

/* kk_queue_create - a new queue in the family. NULL: KK_ERR_INVALID, KK_ERR_NO_ROOM (says how much it needs),
 * KK_ERR_MEMORY and what kk_family_seat says. Any member. End with kk_queue_close or kk_queue_destroy. */
KK_API struct kk_queue *kk_queue_create(struct kk_family *family, const struct kk_queue_spec *spec,
                                        struct kk_error *error);
/* kk_queue_open - a handle of the queue that `ref` names. NULL: KK_ERR_MISSING, KK_ERR_INVALID (not a queue),
 * KK_ERR_CORRUPT, KK_ERR_VERSION, KK_ERR_MEMORY. End with kk_queue_close. */
KK_API struct kk_queue *kk_queue_open(struct kk_family *family, uint64_t ref, struct kk_error *error);
/* kk_queue_ref - its name within the family. */
KK_API uint64_t kk_queue_ref(const struct kk_queue *queue);
/* kk_queue_close - frees the handle; the queue, and what the caller's threads have in hand, stay. NULL does nothing. */
KK_API void kk_queue_close(struct kk_queue *queue);
/* kk_queue_destroy - frees the queue with all its items, and the handle. By one member, when no other one uses it any
 * more. NULL does nothing. */
KK_API void kk_queue_destroy(struct kk_queue *queue);

/* ---- items, copied */

/* kk_queue_put - puts a copy of `bytes` (0 .. item_max) bytes behind all other items. 0; KK_ERR_FULL: no room, and
 * timeout_ms is 0; KK_ERR_TIMEOUT; KK_ERR_CLOSED: it was shut down; KK_ERR_INVALID: too large. There is room as long
 * as fewer than `capacity` items wait and fewer than `in_hand` more are in hands. */
KK_API int kk_queue_put(struct kk_queue *queue, const void *data, size_t bytes, int timeout_ms);
/* kk_queue_get - takes the first item and copies it to `to`. Its bytes, or: KK_ERR_EMPTY: no item, and timeout_ms is 0;
 * KK_ERR_TIMEOUT; KK_ERR_CLOSED: shut down, and nothing will come any more; KK_ERR_DIED: see kk_queue_casualty, and get
 * again; KK_ERR_NO_ROOM: it is larger than `room`, and stays the first. */
KK_API int64_t kk_queue_get(struct kk_queue *queue, void *to, size_t room, int timeout_ms);

/* kk_queue_put_many - puts `count` items, in order and without others in between only by chance. Waits as long as
 * kk_queue_put for each one. How many it put; if none, the error. */
KK_API int kk_queue_put_many(struct kk_queue *queue, const struct iovec *items, int count, int timeout_ms);
/* kk_queue_get_many - waits for one item as kk_queue_get does, and takes what else is there, up to `count`. iov_len:
 * in, the room at iov_base; out, the bytes of the item. How many it got; if none, the error. */
KK_API int kk_queue_get_many(struct kk_queue *queue, struct iovec *items, int count, int timeout_ms);

/* ---- items, in place */

/* An item in the hand of the thread that reserved or got it. */
struct kk_queue_item {
	void *data;      /* in shared memory, at least 8-byte aligned, 64 if item_max is over 40           */
	size_t bytes;    /* of the item; kk_queue_reserve: how many there are, to be set to what was filled */
	uint64_t tag;    /* names this very hold                                                           */
	uint32_t number; /* of the entry                                                                   */
	uint32_t deaths; /* how many died with this item in hand                                           */
};

/* kk_queue_reserve - memory for one item, to be filled in place; then kk_queue_put_item or kk_queue_cancel. It is one
 * `in_hand`, not yet in the queue. 0, or what kk_queue_put says; after a shutdown it may still be 0, and only
 * kk_queue_put_item says KK_ERR_CLOSED. */
KK_API int kk_queue_reserve(struct kk_queue *queue, struct kk_queue_item *item, int timeout_ms);
/* kk_queue_put_item - puts a reserved item, of `bytes` bytes now, behind all others. 0; KK_ERR_FULL, KK_ERR_TIMEOUT,
 * KK_ERR_CLOSED: it is still reserved; KK_ERR_INVALID: too large; KK_ERR_NOT_OWNER. */
KK_API int kk_queue_put_item(struct kk_queue *queue, const struct kk_queue_item *item, int timeout_ms);
/* kk_queue_cancel - gives a reserved item back unused. 0 or KK_ERR_NOT_OWNER. */
KK_API int kk_queue_cancel(struct kk_queue *queue, const struct kk_queue_item *item);
/* kk_queue_get_item - takes the first item, to be looked at in place; then kk_queue_done or kk_queue_give_back. 0, or
 * what kk_queue_get says. If the caller dies, or ends, with it, the item is got by another (of a joinable queue: as
 * `redeliver` says). */
KK_API int kk_queue_get_item(struct kk_queue *queue, struct kk_queue_item *item, int timeout_ms);
/* kk_queue_done - the item is through; its memory may not be used any more. In a joinable queue this is its task_done.
 * By the thread that got it: 0 or KK_ERR_NOT_OWNER. */
KK_API int kk_queue_done(struct kk_queue *queue, const struct kk_queue_item *item);
/* kk_queue_give_back - the item is in the queue again, in front of those that nobody has got yet. 0 or
 * KK_ERR_NOT_OWNER. */
KK_API int kk_queue_give_back(struct kk_queue *queue, const struct kk_queue_item *item);

/* ---- the end */

/* kk_queue_shutdown - no more puts: puts the sentinel behind the last item, once. Whoever gets after the last item is
 * told KK_ERR_CLOSED; as long as others hold items that would come back if they died, a getter without one waits for
 * them first. 0 (also the second time) or KK_ERR_CORRUPT. Any member. */
KK_API int kk_queue_shutdown(struct kk_queue *queue);

/* kk_queue_producer - the calling thread counts as a producer, as if it had put something: if it is killed, a getter is
 * told. 0 or an error of kk_family_seat. */
KK_API int kk_queue_producer(struct kk_queue *queue);

/* A producer that was killed. */
struct kk_casualty {
	char name[KK_NAME_MAX + 1];
	pid_t pid;
	unsigned seat;
};

/* kk_queue_casualty - whom the last KK_ERR_DIED told the calling thread of. 0 or KK_ERR_MISSING. Of deaths of which
 * nobody was told yet, as many as there are seats are kept; until somebody is told, each takes the place of an item. */
KK_API int kk_queue_casualty(struct kk_queue *queue, struct kk_casualty *casualty);

/* kk_queue_waitable - for kk_wait_any: ready when a kk_queue_get would not wait. Who is told so should get; the handle
 * must outlive the waiting. */
KK_API struct kk_waitable kk_queue_waitable(struct kk_queue *queue);

/* ---- joinable queues */

/* kk_queue_task_done - the calling thread is through with an item that it got with kk_queue_get or kk_queue_get_many
 * through this handle: with the one that it got first of those that are not done. 0; KK_ERR_NOT_OWNER: it has none;
 * KK_ERR_INVALID: not a joinable queue. */
KK_API int kk_queue_task_done(struct kk_queue *queue);
/* kk_queue_join - waits until no item is unfinished: all that were put are done. 0; KK_OWNER_DIED: likewise, but items
 * were lost with those who had got them (kk_queue_usage says how many); KK_ERR_TIMEOUT; KK_ERR_INVALID: not joinable.
 */
KK_API int kk_queue_join(struct kk_queue *queue, int timeout_ms);

/* ---- looking */

/* kk_queue_size - items that can be got now. kk_queue_empty, kk_queue_full. Exact while nobody puts or gets. */
KK_API uint32_t kk_queue_size(const struct kk_queue *queue);
KK_API bool kk_queue_empty(const struct kk_queue *queue);
KK_API bool kk_queue_full(const struct kk_queue *queue);

struct kk_queue_usage {
	uint32_t capacity, item_max;
	uint32_t waiting;    /* to be got                                              */
	uint32_t in_hand;    /* reserved, being put or got, or got and not done        */
	uint32_t unfinished; /* waiting, or got and not done                           */
	uint64_t lost;       /* with those who had got them: exact, whoever was killed */
	bool shut;
};

/* kk_queue_usage - counts; each is exact while nobody moves. */
KK_API void kk_queue_usage(const struct kk_queue *queue, struct kk_queue_usage *usage);
/* kk_queue_check - is the queue sound? 0 or KK_ERR_CORRUPT with a sentence. Also while others use it. */
KK_API int kk_queue_check(const struct kk_queue *queue, struct kk_error *error);

#ifdef __cplusplus
}
#endif
#endif
