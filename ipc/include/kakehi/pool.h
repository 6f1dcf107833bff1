/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/pool.h - reads functions with their arguments, produces their answers from worker processes: Python's
 * multiprocessing.Pool.
 *
 *	pool = kk_pool_create(NULL, 0, &error);                              // a worker for each processor
 *	kk_pool_map(pool, square, numbers, 8, 1000, squares, 8, &error);
 *	kk_pool_close(pool);
 *	kk_pool_join(pool);
 *	kk_pool_free(pool);
 *
 * A pool is an executor (kakehi/executor.h) under other words: what is said there of killed workers, places, room and
 * forks holds here. What apply_async returns is a kk_future; get, wait, ready and successful are its kk_future_result,
 * kk_future_exception, kk_future_done.
 */
#ifndef KAKEHI_POOL_H
#define KAKEHI_POOL_H

#include <kakehi/executor.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kk_pool;
struct kk_pool_map; /* what map_async and starmap_async return */

/* kk_pool_create - a pool of `workers` processes (0: kk_cpus()), all else at its default. kk_pool_create_spec - one
 * that has an init and a fini for each worker, retries, tasks_per_worker (Python's maxtasksperchild), and so on. End
 * with kk_pool_free. Errors as kk_executor_create. */
KK_API struct kk_pool *kk_pool_create(struct kk_family *family, unsigned workers, struct kk_error *error);
KK_API struct kk_pool *kk_pool_create_spec(struct kk_family *family, const struct kk_executor_spec *spec,
                                           struct kk_error *error);

/* kk_pool_executor - the executor that the pool is. Owned by the pool. */
KK_API struct kk_executor *kk_pool_executor(struct kk_pool *pool);

/* kk_pool_apply - calls `function` in a worker and waits for the answer, of which at most `size` bytes are copied to
 * `answer` (may be NULL for 0). Returns its length, or what kk_executor_submit and kk_future_result return. */
KK_API long kk_pool_apply(struct kk_pool *pool, kk_function *function, const void *args, size_t bytes, void *answer,
                          size_t size, struct kk_error *error);

/* Called by a thread of the library when a task has ended: `callback` with its future if it was successful, else
 * `error_callback`. Either may be NULL. */
struct kk_pool_callbacks {
	void (*callback)(struct kk_future *future, void *arg);
	void (*error_callback)(struct kk_future *future, void *arg);
	void *arg;
};

/* kk_pool_apply_async - the same without waiting: returns the future, which is the caller's (kk_future_free).
 * `callbacks` may be NULL and is copied. Waits for a place if all are taken. */
KK_API struct kk_future *kk_pool_apply_async(struct kk_pool *pool, kk_function *function, const void *args,
                                             size_t bytes, const struct kk_pool_callbacks *callbacks,
                                             struct kk_error *error);

/* kk_pool_map - calls `function` for each of `count` items of `item_bytes` bytes. The answer to item i is copied to
 * `answers` + i * `answer_bytes`; a shorter one is filled up with zeros, a longer one is KK_ERR_NO_ROOM. `answers`
 * NULL: they are not wanted. Chunks are so large that each worker has four. Waits for all; 0, or the first failure in
 * the order of the items, after all have ended. */
KK_API int kk_pool_map(struct kk_pool *pool, kk_function *function, const void *items, size_t item_bytes, size_t count,
                       void *answers, size_t answer_bytes, struct kk_error *error);

/* kk_pool_map_async - the same without waiting. `chunk`: items that make one task, 0: as kk_pool_map. Items are read
 * before it returns; answers are written when they are asked for, or never. NULL on error. kk_pool_starmap is this one
 * as well: an item is a struct of arguments. */
KK_API struct kk_pool_map *kk_pool_map_async(struct kk_pool *pool, kk_function *function, const void *items,
                                             size_t item_bytes, size_t count, size_t chunk, struct kk_error *error);

/* kk_pool_map_on_done - has `callback` called by a thread of the library when all has ended (at once if it has). Once
 * for each map. 0; KK_ERR_MEMORY, KK_ERR_EXISTS. */
KK_API int kk_pool_map_on_done(struct kk_pool_map *map, void (*callback)(struct kk_pool_map *map, void *arg),
                               void *arg);

/* kk_pool_map_wait - until all has ended, at most `timeout_ms`. 0 or KK_ERR_TIMEOUT. kk_pool_map_ready - has it?
 * kk_pool_map_successful - 1: all calls were; 0: one was not; KK_ERR_INVALID: it is not ready. */
KK_API int kk_pool_map_wait(struct kk_pool_map *map, int timeout_ms);
KK_API bool kk_pool_map_ready(struct kk_pool_map *map);
KK_API int kk_pool_map_successful(struct kk_pool_map *map);

/* kk_pool_map_get - waits likewise and copies the answers, as kk_pool_map. May be repeated. KK_ERR_TIMEOUT, or the
 * first failure. */
KK_API int kk_pool_map_get(struct kk_pool_map *map, int timeout_ms, void *answers, size_t answer_bytes,
                           struct kk_error *error);

/* kk_pool_map_free - forgets it. Not from its own callback. NULL is fine. */
KK_API void kk_pool_map_free(struct kk_pool_map *map);

/* kk_pool_imap, kk_pool_imap_unordered - the answers one by one, while others are still being made: kk_results_next,
 * kk_results_free of kakehi/executor.h. `items` must stay until then. `chunk` 0: 1. */
KK_API struct kk_results *kk_pool_imap(struct kk_pool *pool, kk_function *function, const void *items,
                                       size_t item_bytes, size_t count, size_t chunk, struct kk_error *error);
KK_API struct kk_results *kk_pool_imap_unordered(struct kk_pool *pool, kk_function *function, const void *items,
                                                 size_t item_bytes, size_t count, size_t chunk, struct kk_error *error);

/* kk_pool_close - nothing more can be submitted; the workers go when all is done. kk_pool_terminate - kills them; what
 * has not ended is cancelled. kk_pool_join - waits until they are gone: after close or terminate, else KK_ERR_INVALID.
 */
KK_API int kk_pool_close(struct kk_pool *pool);
KK_API int kk_pool_terminate(struct kk_pool *pool);
KK_API int kk_pool_join(struct kk_pool *pool);

/* kk_pool_free - terminates the pool if it was not closed, joins it and frees the handle. Futures and maps first. NULL
 * is fine. */
KK_API void kk_pool_free(struct kk_pool *pool);

#ifdef __cplusplus
}
#endif
#endif
