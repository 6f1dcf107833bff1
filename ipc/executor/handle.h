/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/handle.h - what a process keeps of an executor and of its futures: private memory. Inside ipc/executor
 * and ipc/pool only.
 *
 *   shape.c     from what was asked for to where everything lies
 *   executor.c  making, opening, ending
 *   submit.c    a task from its place to the ring of work
 *   future.c    one future; wait.c - several; map.c - chunks of calls
 *   keeper.c    the thread that holds the lane of the process
 *   crew.c      the workers; the thread that keeps their processes (the warden)
 *   worker.c    what a worker does
 *
 * `lock` guards everything here that is not said to be otherwise. No callback is called and nothing is waited for under
 * it. Over a fork the list of handles is locked, then each handle (fork.c).
 */
#ifndef IPC_EXECUTOR_HANDLE_H
#define IPC_EXECUTOR_HANDLE_H

#include "executor/layout.h"
#include "wait/spin.h"
#include <pthread.h>

#define NO_LANE LANES

struct crew;

enum keeper_state {
	KEEPER_NONE,
	KEEPER_STARTING,
	KEEPER_READY,
	KEEPER_REFUSED, /* no seat or no lane: says keeper_status */
	KEEPER_LEAVING,
};

struct kk_executor {
	struct kk_object object;
	struct executor_memory *memory;
	struct view look;                             /* of no role: for looking only */
	_Atomic(struct view *) view[KK_SEAT_MAX + 1]; /* of the threads of this process, each touched by its own */
	bool owner;                                   /* this process made it: it has the crew, and ends it */
	bool own_family;                              /* made for it alone */
	uint64_t image;                               /* of this process */
	unsigned cpus;                                /* that it may use */
	struct crew *crew;

	pthread_mutex_t lock;
	pthread_cond_t keeper_changed;
	pthread_t keeper;
	enum keeper_state keeper_state;
	int keeper_status;
	_Atomic unsigned lane; /* NO_LANE: none; read without the lock too */
	/* Futures of this process whose tasks lie in shared memory, in the order of their making. */
	struct kk_future *first, *last;
	uint32_t held;
	uint16_t *holds; /* of each task: how many futures of this process hold it */
	/* Those that somebody waits for or wants to hear of. */
	struct kk_future *watched;
	/* Those that ended and were to be told: a queue. */
	struct kk_future *done_first, **done_last;
	int bell; /* eventfd; -1: nobody asked for it */

	_Atomic bool closed; /* only its futures are left, all of them fetched or given up */
	size_t futures;      /* that were not dropped; the last one of a closed handle frees it */

	struct kk_executor *next_handle; /* of this process: fork.c */
};

struct callback {
	void (*call)(struct kk_future *future, void *arg);
	void *arg;
	struct callback *next;
};

struct kk_future {
	struct kk_executor *executor;
	uint64_t life;
	uint32_t handle;
	_Atomic int ended; /* enum task_state: it ended so, and what follows is ours; 0: look at the task */
	int code;
	size_t bytes;
	void *answer;                     /* of `small`, or allocated; of a failed one: its sentence */
	_Atomic bool held;                /* in the list of the executor: the lane holds the task  */
	bool watch_wanted;                /* goes to kk_executor_next_done; or is there            */
	unsigned users;                   /* who frees it last: its owner, the keeper              */
	_Atomic int64_t patient_until_ns; /* for word of how its worker died; 0: not begun   */
	struct callback *callbacks;
	struct kk_future *before, *after; /* in the list of the executor */
	struct kk_future *next_watched, *next_done;
	_Atomic bool is_watched; /* by the keeper: changed under the lock */
	_Alignas(16) unsigned char small[64];
};

/* ---- shape.c */

/* What `spec` asks for; nothing lies anywhere yet. KK_ERR_INVALID. */
int shape_make(struct executor_memory *shape, const struct kk_executor_spec *spec, struct kk_error *error);
/* Says where everything lies; returns how many bytes that takes. */
uint64_t shape_lay_out(struct executor_memory *shape);
/* Lays it out in the memory of the executor: all places free. */
int shape_lay(struct kk_executor *executor, const struct executor_memory *shape, struct kk_error *error);

/* ---- executor.c */

/* The view of the calling thread; NULL: `error` says why. */
struct view *executor_view(struct kk_executor *executor, struct kk_error *error);

/* Frees a closed handle without futures, which is no handle of this process any more. */
void executor_free(struct kk_executor *executor);

/* kk_executor_create, but for the workers. */
struct kk_executor *executor_make(struct kk_family *family, const struct kk_executor_spec *spec,
                                  struct kk_error *error);

/* ---- submit.c */

/* What a task is made of. */
struct order {
	kk_function *function;
	const void *args;
	size_t bytes;
	uint32_t item_bytes; /* 0: one call */
};
struct kk_future *executor_order(struct kk_executor *executor, const struct order *order, int timeout_ms,
                                 struct kk_error *error);

/* ---- keeper.c */

/* This process gets its lane and keeper, if it has none. KK_OK, KK_ERR_FULL, KK_ERR_MEMORY. Without the lock. */
int keeper_start(struct kk_executor *executor);
void keeper_stop(struct kk_executor *executor);
/* The keeper shall look at its futures. */
void keeper_nudge(struct kk_executor *executor);

/* Starts a thread that gets no signals. KK_OK or KK_ERR_MEMORY. thread_ended - called by each at its end. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *arg);
void thread_ended(void);
/* Has the process no threads but ours? Then it may fork: ours are in no lock's way (fork.c). */
bool threads_are_ours(void);

/* ---- future.c; under the lock unless said otherwise */

/* A future of the task of this life, which our lane holds, or is about to. Takes the lock. */
struct kk_future *future_new(struct kk_executor *executor, uint32_t handle, uint64_t life);
/* Has the task ended, and is there nothing more to learn about it? Without the lock too. */
bool future_settled(struct kk_future *future);
/* Its answer comes into private memory and the task is let go of, if it has ended. True: it is `ended` (now). */
bool future_fetch(struct kk_future *future, const struct view *view);
/* Fetches all that are settled; returns how many. */
uint32_t futures_fetch(struct kk_executor *executor, const struct view *view);
/* One user less: the last one frees it. */
void future_drop(struct kk_future *future);
/* Of a handle that is being closed: nothing in them needs the executor any more. */
void futures_part(struct kk_executor *executor, const struct view *view);
/* The keeper shall care about it, and is a user of it from now on. False: it has ended, and is fetched. */
bool future_put_under_watch(struct kk_future *future, const struct view *view);
/* A forked child's first use of an inherited one: holds the task for its own lane. KK_ERR_MISSING. Takes the lock. */
int future_adopt(struct kk_future *future);
/* It has ended: kk_executor_next_done returns it. future_unwatch - it does not, after all. */
void future_tell(struct kk_future *future);
void future_unwatch(struct kk_future *future);
/* Where threads of this process wait for any of several futures. */
struct kk_event *futures_event(void);

/* ---- fork.c */

/* All handles of this process, closed ones with futures too: a forked child begins anew with them, their locks free. */
int handles_watch_forks(void);
void handles_add(struct kk_executor *executor);
void handles_remove(struct kk_executor *executor);
/* When this process exits: ends the workers of all executors that it has not closed. */
void handles_end_at_exit(void);
/* In a forked child: nothing of the parent's threads is there. */
void executor_reset(struct kk_executor *executor);

/* ---- worker.c */

/* Works at a post until the executor stops or the share is done; 0, or what init failed with. */
int worker_run(struct kk_executor *executor, unsigned post, uint32_t incarnation);

/* ---- crew.c */

int crew_start(struct kk_executor *executor, const struct kk_executor_spec *spec, struct kk_error *error);
/* Waits until no worker is left; the state is STOPPED or above, or gets there. */
void crew_join(struct kk_executor *executor);
void crew_kill(struct kk_executor *executor);
void crew_free(struct kk_executor *executor);

/* "killed by SIGSEGV" of how a worker ended, 24 bits; "" if that is not known. */
char *end_text(uint32_t end, char *to, size_t size);

#endif
