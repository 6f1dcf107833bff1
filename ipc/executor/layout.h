/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/layout.h - reads the shape of an executor, produces where things lie in its memory and the words that
 * say how each task stands. Inside ipc/executor only. Why it is right stands in ipc/MEMORY.md, "Executor".
 *
 * A task is an entry of one table, and goes round:
 *
 *	ring FREE --submit--> ring WORK --worker--> parked, with its answer --last holder lets go--> ring FREE
 *
 * The entry is the future's shared state as well. Its word:
 *
 *	life:27 watched:1 state:3 role:9 lanes:24
 *
 * A *lane* is a process that may hold futures; its bit in `lanes` says that it holds this one. The highest bit is the
 * executor's own: the task has not come to its end, or not out of the ring yet. Whoever clears the last bit owns the
 * entry by the same compare-and-swap (FREEING, role) and puts it back.
 *
 *   field              written by                                     read by            ordering
 *   word               who holds a lane, the worker, undertakers: CAS  all                seq_cst
 *   entry others       submitter before WORK; worker before the end    holders, worker    the ring; word
 *   died               submitter; undertaker and warden: CAS           holders            seq_cst
 *   page.owner         taker CAS 0 -> handle + 1; owner store 0        takers             seq_cst
 *   page.next, data    who took the page                               who holds the task word
 *   state              owner and its undertaker, workers: CAS upwards  all                seq_cst
 *   spinner            workers: CAS 0 -> seat, seat -> 0               submitters         seq_cst
 *   lane.seat          keepers: CAS 0 -> seat; their undertaker        undertakers        seq_cst
 *   post.*             the worker, the warden                          warden, all        release / acquire
 */
#ifndef IPC_EXECUTOR_LAYOUT_H
#define IPC_EXECUTOR_LAYOUT_H

#include "family/object.h"
#include "wait/look.h"
#include <kakehi/executor.h>
#include <kakehi/ring.h>
#include <stdatomic.h>

#define EXECUTOR_LAYOUT 1U

enum {
	RING_FREE = 1,
	RING_WORK = 2,
	LANES = 23,      /* processes that hold futures */
	INLINE = 256,    /* bytes of arguments and of the answer that lie in the entry */
	NAME_ROOM = 112, /* of a function, with its NUL */
	PAGE = 4096,
	REASON_ROOM = 256,
};

/* ---- the word of a task */

enum task_state {
	TASK_FREE,
	TASK_PENDING,
	TASK_RUNNING, /* by role */
	TASK_DONE,    /* from here on ended */
	TASK_FAILED,
	TASK_CANCELLED,
	TASK_FREEING, /* by role */
};

#define LANE_TASK   (UINT64_C(1) << 23) /* it is in the executor's hands */
#define LANE_MASK   ((UINT64_C(1) << 24) - 1)
#define ROLE_SHIFT  24
#define ROLE_MASK   (UINT64_C(0x1ff) << ROLE_SHIFT)
#define STATE_SHIFT 33
#define STATE_MASK  (UINT64_C(7) << STATE_SHIFT)
#define WATCHED     (UINT64_C(1) << 36) /* a holder wants to hear of its end by the event of its lane */
#define LIFE_SHIFT  37
#define LIFE_MASK   ((UINT64_C(1) << 27) - 1)

static inline uint64_t word_make(uint64_t life, enum task_state state, unsigned role, uint64_t lanes)
{
	return life << LIFE_SHIFT | (uint64_t)state << STATE_SHIFT | (uint64_t)role << ROLE_SHIFT | lanes;
}
static inline uint64_t word_life(uint64_t word)
{
	return word >> LIFE_SHIFT;
}
static inline enum task_state word_state(uint64_t word)
{
	return (enum task_state)((word & STATE_MASK) >> STATE_SHIFT);
}
static inline unsigned word_role(uint64_t word)
{
	return (unsigned)((word & ROLE_MASK) >> ROLE_SHIFT);
}
/* The same task in another state, in the hands of `role`. */
static inline uint64_t word_with(uint64_t word, enum task_state state, unsigned role)
{
	return (word & ~(STATE_MASK | ROLE_MASK)) | (uint64_t)state << STATE_SHIFT | (uint64_t)role << ROLE_SHIFT;
}
static inline bool word_ended(uint64_t word)
{
	enum task_state state = word_state(word);
	return state >= TASK_DONE && state <= TASK_CANCELLED;
}
/* 0 is no life, so that no reference is 0. */
static inline uint64_t life_after(uint64_t life)
{
	return (life + 1) & LIFE_MASK ? (life + 1) & LIFE_MASK : 1;
}

/* ---- an entry */

struct task {
	_Atomic uint64_t word;
	_Atomic uint64_t died; /* post:12 mark:20 deaths:8 end:24: the last worker that died of it; 0: none */
	struct kk_event ended;
	int32_t code;          /* of a task that failed */
	kk_function *function; /* in processes of this image */
	uint64_t image;
	uint32_t args_bytes, answer_bytes;
	uint32_t args_page, answer_page; /* the first one, + 1; 0: they lie inline */
	uint32_t item_bytes;             /* of each of several arguments; 0: it is one call */
	char name[NAME_ROOM];
	_Alignas(16) unsigned char args[INLINE];
	_Alignas(16) unsigned char answer[INLINE]; /* or the sentence that says why it failed */
} __attribute__((aligned(64)));

/* Which death it was: no two deaths of one task have the same post and mark. */
#define DIED_WHO_SHIFT    32
#define DIED_DEATHS_SHIFT 24
#define DIED_DEATHS_MAX   255U
#define DIED_END_MASK     UINT64_C(0xffffff)
#define POST_UNKNOWN      4094U

static inline uint32_t died_who(unsigned post, uint32_t mark)
{
	return (uint32_t)(post + 1) << 20 | (mark & 0xfffff);
}
static inline unsigned died_deaths(uint64_t died)
{
	return (unsigned)(died >> DIED_DEATHS_SHIFT) & DIED_DEATHS_MAX;
}

/* How a process ended, in 24 bits of which one is always set. */
#define END_KNOWN  0x800000U
#define END_EXITED 0x400000U
#define END_CORE   0x200000U

/* ---- the rest */

enum executor_state {
	EXECUTOR_OPEN,
	EXECUTOR_CLOSING,    /* nothing new is taken; what was taken is done */
	EXECUTOR_STOPPED,    /* all is done: workers go home */
	EXECUTOR_TERMINATED, /* workers are killed, what is not done is cancelled */
	EXECUTOR_BROKEN,     /* workers cannot be started: `reason` says why */
	EXECUTOR_ORPHANED,   /* whose workers they were is dead */
};

struct lane {
	_Atomic uint32_t seat; /* of the keeper; 0: nobody's */
	struct kk_event event;
	uint32_t reserved[2];
};

enum post_state {
	POST_EMPTY,
	POST_STARTING,
	POST_READY,
	POST_REFUSED /* by init */,
	POST_RELIEVED /* has done its share */
};

/* The place of a worker, and of those that replace it. */
struct post {
	_Atomic uint64_t sitting; /* incarnation:32 seat:32; 0: nobody, or buried */
	_Atomic uint64_t end;     /* incarnation:32 end:32: how that one ended    */
	_Atomic uint64_t done;    /* tasks, of all incarnations                   */
	_Atomic uint32_t state;
	_Atomic uint32_t pid;
	char reason[REASON_ROOM]; /* why init refused */
	int32_t code;
} __attribute__((aligned(64)));

struct pages {
	_Atomic uint32_t hint;
	struct kk_event room;
};

enum { ROOM_ARGS, ROOM_ANSWERS, ROOMS };

struct function_name {
	kk_function *function;
	char name[NAME_ROOM];
};

struct executor_memory {
	/* Written before it is published. */
	uint32_t entries, slots, posts, page_count[ROOMS];
	uint32_t retries, share;
	uint64_t table_at, free_at, work_at, post_at, owner_at[ROOMS], next_at[ROOMS], page_at[ROOMS];
	struct function_name init, fini;
	uint64_t maker_image; /* init and fini: as the image of a task */
	uint32_t init_bytes, threads;
	_Alignas(16) unsigned char init_args[KK_EXECUTOR_INIT_MAX];
	/* Read by all, written seldom. */
	_Alignas(64) _Atomic uint32_t state;
	_Atomic uint64_t image;            /* of the workers: they know functions by where they lie; 0: not known yet */
	_Atomic uint32_t owner;            /* the seat of the keeper of whoever started the workers */
	_Atomic int64_t pressure_until_ns; /* somebody needs what ended tasks still hold; 0: nobody */
	struct kk_event stopped;
	int32_t code;
	char reason[REASON_ROOM];
	struct pages pages[ROOMS];
	struct lane lane[LANES];
	_Alignas(64) _Atomic uint32_t spinner; /* the worker that looks for work without sleeping */
};

/* Private: what one role needs to act on the executor in `memory`. */
struct view {
	struct executor_memory *memory;
	struct kk_table *table;
	struct kk_ring *free, *work;
	unsigned role;
};

#define IMAGE_OTHER UINT64_C(1) /* of workers that are started afresh */

static inline void *executor_at(struct executor_memory *memory, uint64_t offset)
{
	return (char *)memory + offset;
}
static inline struct post *executor_post(struct executor_memory *memory, unsigned i)
{
	return (struct post *)executor_at(memory, memory->post_at) + i;
}
static inline enum executor_state executor_state(const struct executor_memory *memory)
{
	return (enum executor_state)atomic_load_explicit(&memory->state, memory_order_seq_cst);
}
static inline struct task *view_task(const struct view *view, uint32_t handle)
{
	return (struct task *)kk_table_entry(view->table, handle);
}

/* ---- view.c */
int view_open(struct view *view, struct executor_memory *memory, uint64_t bytes, unsigned role);
void view_close(struct view *view);

/* ---- room.c: pages for what does not fit inline */

/* Takes pages for `bytes` and copies `from` into them: *first gets the first one, + 1. KK_ERR_NO_ROOM: not now;
 * KK_ERR_INVALID: never. */
int room_put(struct executor_memory *memory, int room, uint32_t handle, const void *from, uint64_t bytes,
             uint32_t *first);
/* Copies them out. KK_ERR_CORRUPT: they are not what they should be. */
int room_get(struct executor_memory *memory, int room, uint32_t first, void *to, uint64_t bytes);
/* Gives those of a chain back, which the caller owns with the task. */
void room_give_back(struct executor_memory *memory, int room, uint32_t handle, uint32_t first);
/* Gives back all pages of a task that the caller owns, also those that it names nowhere. */
void room_sweep(struct executor_memory *memory, int room, uint32_t handle);
uint32_t room_used(struct executor_memory *memory, int room);

/* ---- task.c: every step of a task but the making and the running */

/* The task that the caller took out of WORK ends: `state`, code and answer stand in it. */
void task_end(const struct view *view, uint32_t handle, enum task_state state);
/* As task_end, with a fixed code and sentence. */
void task_fail(const struct view *view, uint32_t handle, int code, const char *text);
/* One holder lets go of the task of this life. May be repeated. */
void task_release(const struct view *view, uint32_t handle, uint64_t life, unsigned lane);
/* `lane` holds it as well. False: it is gone. */
bool task_hold(const struct view *view, uint32_t handle, uint64_t life, unsigned lane);
/* From now on its end wakes the lanes that hold it. False: it has ended (or is gone). */
bool task_watch(const struct view *view, uint32_t handle, uint64_t life);
/* False: it runs, or has ended. */
bool task_cancel(const struct view *view, uint32_t handle, uint64_t life);
/* Pages and entry go back: the caller is the role of a FREEING task. */
void task_recycle(const struct view *view, uint32_t handle);
void task_wake(const struct view *view, const struct task *task, uint64_t word);

/* The task that the caller took out of WORK ends without being run, as the state of the executor demands. */
void executor_refuse(const struct view *view, uint32_t handle);
/* Ends all tasks that wait in WORK so, once nobody runs them any more. */
void executor_drain(const struct view *view);
/* All that `lane` holds. */
void executor_leave_lane(const struct view *view, unsigned lane);
/* Raises the state; false: it is that high already. Wakes everybody. */
bool executor_raise(const struct view *view, enum executor_state to);
/* Wakes everybody who waits for anything. */
void executor_wake_all(const struct view *view);
/* Wakes the keepers, to let go of what has ended. */
void executor_press(struct executor_memory *memory);
/* In CLOSING: stops if nothing is left to do. */
void executor_stop_if_done(const struct view *view);
bool executor_busy(const struct view *view);

#endif
