/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/executor.h - reads functions with their arguments, produces futures of their answers: work that is done by
 * other processes, or by threads.
 *
 *	executor = kk_executor_create(NULL, &spec, &error);
 *	future = kk_executor_submit(executor, square, &n, sizeof(n), -1, &error);
 *	rc = kk_future_result(future, -1, &data, &bytes, &error);
 *
 * A worker takes one task at a time. If it is killed, that task alone is concerned: it is run again (`retries`), or its
 * future fails with KK_ERR_DIED and says how the worker died; the worker is replaced. Whoever else is killed, every
 * future ends: done, failed or cancelled, and once.
 *
 * There are `tasks` places for tasks that have not ended and for answers that nobody has fetched. If none is free,
 * submitting fetches the answers of the process's own futures into private memory and else waits; so a program that
 * never looks at its futures gets slower and larger, but does not block itself.
 *
 * Any member of the family may submit: by the handle that it inherited by being forked, or by kk_executor_open. Only
 * the process that created the executor looks after the workers; they do not outlive it. Up to 23 processes hold
 * futures of one executor at a time; each has a thread for it (the keeper), which starts with the first future.
 */
#ifndef KAKEHI_EXECUTOR_H
#define KAKEHI_EXECUTOR_H

#include <kakehi/family.h>
#include <kakehi/function.h>
#include <kakehi/future.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_EXECUTOR_TASKS    1024U
#define KK_EXECUTOR_ROOM     2097152U /* 2 MiB */
#define KK_EXECUTOR_INIT_MAX 1024U
#define KK_EXECUTOR_WORKERS  256U

struct kk_executor; /* private handle */
struct kk_process_server;

/* All zero: as many worker processes as the caller may use processors. */
struct kk_executor_spec {
	unsigned workers;                 /* 0: kk_cpus()                                                          */
	bool threads;                     /* workers are threads of the calling process                            */
	uint32_t tasks;                   /* futures that lie in shared memory; 0: KK_EXECUTOR_TASKS               */
	uint64_t args_room;               /* bytes for all arguments that are longer than 256; 0: KK_EXECUTOR_ROOM */
	uint64_t answer_room;             /* for answers, likewise: also the longest there can be                  */
	unsigned retries;                 /* how often a task is run again whose worker died                       */
	unsigned tasks_per_worker;        /* then it is replaced by a new one; 0: never                            */
	kk_function *init;                /* called by each worker before its first task; it may leave something in
	                                     call->state for the tasks. If it fails, all futures do. NULL: nothing  */
	const void *init_args;            /* for init, copied; at most KK_EXECUTOR_INIT_MAX bytes                  */
	size_t init_bytes;                /*                                                                       */
	kk_function *fini;                /* called by each worker that ends in peace. NULL: nothing               */
	struct kk_process_server *server; /* starts the workers; NULL: the executor starts a server of its own    */
	const char *name;                 /* of the workers, for ps and messages; NULL: "worker"                   */
};

/* kk_executor_create - makes an executor and starts its workers. `family` NULL: in a family of its own, just large
 * enough. `spec` NULL: all defaults. NULL on error: KK_ERR_INVALID, KK_ERR_NO_ROOM, KK_ERR_FULL, KK_ERR_MEMORY,
 * KK_ERR_SYSTEM. End with kk_executor_close. Functions given to workers that do not share the caller's image must be
 * registered (kakehi/function.h). */
KK_API struct kk_executor *kk_executor_create(struct kk_family *family, const struct kk_executor_spec *spec,
                                              struct kk_error *error);

/* kk_executor_open - a handle for another member, to submit by. NULL: as kk_object_find's errors, KK_ERR_MEMORY. */
KK_API struct kk_executor *kk_executor_open(struct kk_family *family, uint64_t ref, struct kk_error *error);

/* kk_executor_ref - names it within its family. kk_executor_family - that family. */
KK_API uint64_t kk_executor_ref(const struct kk_executor *executor);
KK_API struct kk_family *kk_executor_family(const struct kk_executor *executor);

/* kk_executor_close - frees the handle. In the process that created it: first shuts down (waiting), and at last
 * destroys it. Futures of this process stay, and are to be freed as ever: those that have ended keep their answers,
 * others say KK_ERR_MISSING. NULL does nothing. */
KK_API void kk_executor_close(struct kk_executor *executor);

/* kk_executor_submit - has `function` called with a copy of `bytes` bytes. Returns its future, which is the caller's:
 * kk_future_free. It waits at most `timeout_ms` for a free place. NULL: KK_ERR_TIMEOUT (no place), KK_ERR_CLOSED (shut
 * down), KK_ERR_BROKEN (says why), KK_ERR_INVALID (too long; or `function` has no name and the workers need one),
 * KK_ERR_FULL (no seat, no lane), KK_ERR_MEMORY. Any thread. */
KK_API struct kk_future *kk_executor_submit(struct kk_executor *executor, kk_function *function, const void *args,
                                            size_t bytes, int timeout_ms, struct kk_error *error);

/* kk_executor_map - calls `function` once for each of `count` items of `item_bytes` bytes, `chunk` of which make one
 * task (0: 1). Items are read as places fall free: they must stay until kk_results_free. NULL: KK_ERR_INVALID,
 * KK_ERR_MEMORY and the errors of kk_executor_submit. */
struct kk_results;
KK_API struct kk_results *kk_executor_map(struct kk_executor *executor, kk_function *function, const void *items,
                                          size_t item_bytes, size_t count, size_t chunk, struct kk_error *error);

/* kk_executor_map_unordered - the same, but answers come as they are there. */
KK_API struct kk_results *kk_executor_map_unordered(struct kk_executor *executor, kk_function *function,
                                                    const void *items, size_t item_bytes, size_t count, size_t chunk,
                                                    struct kk_error *error);

/* kk_results_next - the next answer, in the order of the items; valid until the next call. 1; 0: there are no more;
 * KK_ERR_TIMEOUT: not yet, ask again; or what kk_future_result returns for a chunk in which a call failed, of which
 * nothing else is returned. One thread at a time. */
KK_API int kk_results_next(struct kk_results *results, int timeout_ms, const void **data, size_t *bytes,
                           struct kk_error *error);

/* kk_results_item - to which item what kk_results_next returned last belongs (of a failed chunk: its first). */
KK_API size_t kk_results_item(const struct kk_results *results);

/* kk_results_free - forgets the answers; tasks that have not begun are cancelled. NULL is fine. */
KK_API void kk_results_free(struct kk_results *results);

/* kk_executor_shutdown - nothing more can be submitted; what was, is done, or cancelled if it has not begun and
 * `cancel_futures`. `wait`: returns when all has ended and the workers are gone. By the process that created it; others
 * may only do it without waiting. May be repeated. 0 or KK_ERR_INVALID. */
KK_API int kk_executor_shutdown(struct kk_executor *executor, bool wait, bool cancel_futures);

/* kk_executor_terminate - the same at once: kills the workers (threads go on to the end of their task); what has not
 * ended is cancelled. Waits until they are gone. By the process that created it, else KK_ERR_INVALID. */
KK_API int kk_executor_terminate(struct kk_executor *executor);

/* kk_executor_fd - a descriptor that polls readable when futures that were given to kk_future_watch have ended: read
 * nothing from it, call kk_executor_next_done until it says NULL. Owned by the handle. KK_ERR_SYSTEM. This is how an
 * event loop awaits futures; queues and connections have no descriptor: there a thread calls kk_wait_any. */
KK_API int kk_executor_fd(struct kk_executor *executor);

/* kk_executor_next_done - the next watched future of this process that has ended, or NULL. Each is returned once. */
KK_API struct kk_future *kk_executor_next_done(struct kk_executor *executor);

struct kk_executor_usage {
	unsigned workers;           /* that have called init and live, as far as is known */
	uint32_t pending, running;  /* tasks                                              */
	uint32_t kept;              /* ended, but held by somebody                        */
	uint32_t places;            /* of tasks, in all                                   */
	uint64_t pages, pages_used; /* of 4 KiB, for arguments and answers                */
	uint64_t done;              /* tasks ever run to an end by workers                */
};

/* kk_executor_usage - counts; exact while nobody does anything. */
KK_API void kk_executor_usage(struct kk_executor *executor, struct kk_executor_usage *usage);

/* kk_executor_worker - process id of worker `i` (0 ..), for tests and top; 0: it has none now. */
KK_API pid_t kk_executor_worker(struct kk_executor *executor, unsigned i);

#ifdef __cplusplus
}
#endif
#endif
