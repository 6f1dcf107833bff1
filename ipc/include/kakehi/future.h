/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/future.h - reads a task that was submitted, produces its answer when it is there.
 *
 *   pending --> running --> done          its function returned 0
 *      |           +------> failed        it returned something else, or the worker died, or the workers broke down
 *      +-----> cancelled
 *
 * A future is a handle of the process that submitted (kk_executor_submit), or that opened it by its reference. Every
 * process that has one holds the answer in shared memory until it has fetched it or freed the future; when nobody
 * holds it, it is forgotten, also if its holders were killed. A task is run even if nobody wants its answer any more.
 *
 * Any thread may use a future, but who frees it must be the last. Callbacks are called by a thread of the library: they
 * may use futures and submit, and should be short, since others wait for their turn.
 */
#ifndef KAKEHI_FUTURE_H
#define KAKEHI_FUTURE_H

#include <kakehi/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kk_executor;
struct kk_future;

/* kk_future_ref - names it for other members of the family. They should open it while somebody holds it. */
KK_API uint64_t kk_future_ref(const struct kk_future *future);

/* kk_future_open - another handle of the future that `ref` names. NULL: KK_ERR_MISSING (forgotten), KK_ERR_FULL (no
 * seat, no lane), KK_ERR_MEMORY. */
KK_API struct kk_future *kk_future_open(struct kk_executor *executor, uint64_t ref, struct kk_error *error);

/* kk_future_free - the handle is not needed any more. The task goes its way. NULL is fine. */
KK_API void kk_future_free(struct kk_future *future);

/* kk_future_result - waits for the end, at most `timeout_ms`, and says where the answer lies: until kk_future_free, as
 * often as one likes (`data` and `bytes` may be NULL). 0; KK_ERR_TIMEOUT; KK_ERR_FAILED: the function failed, `error`
 * has its sentence and kk_future_exception its code; KK_ERR_DIED: the worker died, `error` says how; KK_ERR_CANCELLED;
 * KK_ERR_BROKEN: there are no workers; KK_ERR_MISSING: forgotten (after a fork); KK_ERR_MEMORY. */
KK_API int kk_future_result(struct kk_future *future, int timeout_ms, const void **data, size_t *bytes,
                            struct kk_error *error);

/* kk_future_exception - waits likewise. 0: it was successful; KK_ERR_TIMEOUT, or what kk_future_result returns; `code`
 * (may be NULL) gets what a failed function returned, or the same status. */
KK_API int kk_future_exception(struct kk_future *future, int timeout_ms, int *code, struct kk_error *error);

/* kk_future_done - has it ended, in whatever way? kk_future_running, kk_future_cancelled - likewise. */
KK_API bool kk_future_done(struct kk_future *future);
KK_API bool kk_future_running(struct kk_future *future);
KK_API bool kk_future_cancelled(struct kk_future *future);

/* kk_future_cancel - true: it is cancelled, now or before, and its function is not called; false: it runs or has
 * ended. */
KK_API bool kk_future_cancel(struct kk_future *future);

/* kk_future_add_done_callback - has `callback` called once when it has ended: by the keeper, or, if it has ended
 * already, at once by the caller. Those of one future are called in order. 0; KK_ERR_MEMORY, KK_ERR_MISSING. */
KK_API int kk_future_add_done_callback(struct kk_future *future, void (*callback)(struct kk_future *future, void *arg),
                                       void *arg);

/* kk_future_watch - when it has ended, kk_executor_next_done returns it. 0; KK_ERR_MISSING,
 * KK_ERR_CLOSED: its executor is closed. */
KK_API int kk_future_watch(struct kk_future *future);

enum kk_wait_for {
	KK_FIRST_COMPLETED, /* one has ended                            */
	KK_FIRST_EXCEPTION, /* one has failed or all have ended         */
	KK_ALL_COMPLETED,   /* all have ended                           */
};

/* kk_future_wait - waits for futures, of any executors, at most `timeout_ms`. Returns how many of them have ended, also
 * when the time is over; KK_ERR_INVALID, KK_ERR_MEMORY. */
KK_API long kk_future_wait(struct kk_future *const *futures, size_t count, enum kk_wait_for what, int timeout_ms);

/* kk_as_completed - goes through futures in the order in which they end; one that is given twice comes once. The
 * futures must not be freed before they were returned. NULL: KK_ERR_MEMORY. One thread at a time. */
struct kk_as_completed;
KK_API struct kk_as_completed *kk_as_completed(struct kk_future *const *futures, size_t count, struct kk_error *error);
/* kk_as_completed_next - 1: *future has ended; 0: all were returned; KK_ERR_TIMEOUT: none within `timeout_ms`. */
KK_API int kk_as_completed_next(struct kk_as_completed *iterator, int timeout_ms, struct kk_future **future);
KK_API void kk_as_completed_free(struct kk_as_completed *iterator);

#ifdef __cplusplus
}
#endif
#endif
