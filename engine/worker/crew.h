/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/crew.h - what the files of engine/worker share: the worker, the item in its hand, and who does what.
 *
 *   worker.c   start message -> worker; the order of a worker's life
 *   inherit.c  what the predecessor had in hand -> completed, or to be done again
 *   hand.c     a handle -> an item the stage can look at, its new payload, its verdict
 *   deliver.c  a verdict -> decision -> the next rings
 *   note.c     what happened to an item -> what the recorder writes down of it
 *   tell.c     the same -> a line for who watches single items
 *   clock.c    the time that calls and items took -> the worker's page
 *   turn.c     what is under way -> whose turn it is
 *   host.c     the stage's wishes -> hand
 *   source.c, line.c, flight.c, order.c, recorder.c   the ways of working: making items, one at a time, many in
 *              flight, keeping the order, writing down what became of them
 */
#ifndef ENGINE_WORKER_CREW_H
#define ENGINE_WORKER_CREW_H

#include "run/layout.h"
#include "worker/choose.h"
#include "worker/worker.h"
#include <kakehi/random.h>
#include <kakehi/stage.h>
#include <stdbool.h>
#include <stdint.h>

enum { KK_FIELD_ROOM = 1024, KK_BATCH_MAX = 64, KK_WRITES_MAX = 16 };
#define KK_BACKSTOP_NS INT64_C(1000000000)

/* Where an item on one lane goes: ring and lane of each edge. */
struct route {
	unsigned count;
	struct {
		unsigned ring;
		uint8_t lane;
		uint8_t stage;
		uint32_t below; /* that lane and all that would branch off it there */
	} to[KK_PLAN_MAX_LANES];
	uint32_t below; /* this lane and all that would have branched off it: settled if it ends here */
};

/* An item in hand: what the stage sees, and the new payload it is making. */
struct hand {
	struct kk_item item;
	struct worker *worker;
	uint32_t handle;
	unsigned lane;
	uint32_t inherited;   /* bytes of fields behind the payload it came with */
	bool in_use, settled; /* flight.c */
	enum kk_verdict verdict;
	struct kk_block_ref reserved; /* CLAIMED block; index 0: none */
	uint64_t reserved_bytes;
	bool committed;
	uint64_t committed_bytes;
	uint64_t began_ns; /* of the stage's work on it, as far as somebody wants to know */
	enum kk_fail_class fail_class;
	uint32_t field_bytes; /* in `fields`: name\0value\0 ... set by this stage */
	char fields[KK_FIELD_ROOM];
	char text[sizeof(((struct item_head *)0)->text)]; /* why it failed */
};

/* Handles that wait for something, in order. Some are to be worked on while nothing else is in hand. */
struct handles {
	uint32_t *at; /* handle | HANDLE_ALONE */
	uint32_t first, count, room;
};
#define HANDLE_ALONE UINT32_C(0x80000000)
int handles_add(struct handles *list, uint32_t handle);
/* handles_shift - the next one, or -1. handles_alone - is that one to be alone? */
int64_t handles_shift(struct handles *list);
bool handles_alone(const struct handles *list);

/* What turn.c knows of the items under way. */
struct turns {
	uint64_t before[KK_PLAN_MAX_LANES]; /* bit s: an item on this lane, at stage s, can still leave this stage  */
	uint64_t past;                      /* everything older has left                                            */
	uint32_t group;                     /* of the item with that number; UINT32_MAX: not known                  */
	uint64_t seen;                      /* the list has all items before it that were under way when it was made */
	struct turn {
		uint64_t sequence;
		uint32_t group;
	} * list;             /* the oldest first                                            */
	uint32_t count, next; /* all before `next` have left                                 */
};

struct worker {
	struct kk_worker_start start;
	struct kk_plan *plan;
	const struct kk_plan_stage *stage_plan; /* NULL: the recorder */
	struct kk_run *run;
	unsigned role, stage;
	struct role_entry *entry;
	struct role_page *page;
	struct kk_counters now; /* what the page will say next */
	struct kk_ring *in;
	struct kk_arena *arena; /* its own, adopted; or NULL */
	struct route route[KK_PLAN_MAX_LANES];
	uint64_t last_ns;              /* when the clock was last read                 */
	uint64_t usual_ns;             /* of a call, in the last batch; 0: there was none */
	uint64_t births[KK_BATCH_MAX]; /* of items that ended here and are not counted yet */
	unsigned birth_count;
	unsigned owed[KK_RING_STAGE + KK_PLAN_MAX_STAGES]; /* puts not announced yet */
	uint64_t announced_ns;                             /* when what was put before was announced       */
	bool ended, moved;                                 /* not announced yet: a lane ended, one was handed on */
	uint8_t waiting[KK_PLAN_MAX_STAGES];               /* stages that wait for turns: told of that */
	unsigned waiting_count;
	struct turns turns;
	struct handles redo; /* inherited, to be done first */

	const struct kk_stage *module;
	struct kk_store *store; /* the option texts */
	void *options;
	struct kk_context context;
	struct kk_random random;
	bool may_wait;               /* reserve may sleep: not in submit and poll                  */
	bool wants_room;             /* a reservation was refused since the stage was last asked   */
	bool watched;                /* somebody wants to know of each item: there are notes, or it tells       */
	bool tells;                  /* each item is told in the log                                        */
	bool corrupt;                /* shared memory was found unsound: leave with KK_WORKER_CORRUPT */
	struct chooser *chooser;     /* source: which items are of this run                      */
	uint64_t read;               /* source: items it has read, also those that are none of this run */
	char *writes[KK_WRITES_MAX]; /* directories the stage may write beneath                  */
	size_t write_count;
	int statm;        /* /proc/self/statm, opened before the sandbox closes         */
	struct hand hand; /* for those who work on one item at a time                   */
};

/* hand.c */
/* hand_clear - nothing made, nothing said about it yet. hand_take - the same for an item as it came; -1: corrupt. */
void hand_clear(struct hand *hand, struct worker *worker, uint32_t handle);
int hand_take(struct hand *hand, struct worker *worker, uint32_t handle);
void *hand_reserve(struct hand *hand, uint64_t bytes);
void *hand_grow(struct hand *hand, uint64_t bytes);
int hand_commit(struct hand *hand, uint64_t bytes);
int hand_set_field(struct hand *hand, const char *name, const char *value);
const char *hand_field(const struct hand *hand, const char *name);
/* hand_inherited_fields - the hand->inherited bytes of fields that the payload came with. */
const char *hand_inherited_fields(const struct hand *hand);
enum kk_verdict hand_fail(struct hand *hand, enum kk_fail_class why, const char *text);
/* hand_settle - the stage's verdict becomes a decision: writes it into the header, new payload and all. What is left
 * to do is deliver(). false: try again later (no room for a payload's fields while others are in flight). */
void hand_settle(struct hand *hand, enum kk_verdict verdict);
/* hand_cancel - gives back a reservation. */
void hand_cancel(struct hand *hand);

/* deliver.c: false means that a ring is full; with `wait` it sleeps instead (and returns false only if the memory is
 * corrupt). */
bool deliver(struct worker *worker, uint32_t handle, bool wait);
/* head_is_sound - a copy of a header: are its lane and its payloads' stages such as there are? */
bool head_is_sound(const struct worker *worker, const struct item_head *head);
/* deliver_end - the ring through which the recorder sends an item home whose last lane had this verdict. */
unsigned deliver_end(const struct kk_run *run, uint32_t handle, unsigned verdict);
/* deliver_settle - the recorder: a lane that failed and came to it by itself has ended. false: others have not. */
bool deliver_settle(struct worker *worker, uint32_t handle, const struct item_head *head);
/* deliver_announce - tells those who wait for what was put since the last call. */
void deliver_announce(struct worker *worker);
/* deliver_announce_late - does so if that was some time ago: between items of a batch. */
void deliver_announce_late(struct worker *worker);
/* deliver_many_home - is a quarter of all items free? The source sleeps until then, so that it is not woken for every
 * single one. All come home in the end, so it is woken. */
bool deliver_many_home(const struct kk_run *run);
/* deliver_ways - an item that was passed: the edges whose stages take it, one bit for each. */
uint16_t deliver_ways(struct hand *hand, uint64_t bytes);
void deliver_routes(struct worker *worker);
/* deliver_put - into a ring that may be full. */
bool deliver_put(struct worker *worker, unsigned ring, uint32_t handle, unsigned side, bool wait);

/* note.c */
/* note_failure - completes the header of an item that failed here: signal or 0, and deliveries. */
void note_failure(struct worker *worker, struct item_head *head, unsigned side, int signal, unsigned attempts);
/* Only by a worker that is `watched`. note_begun - the source begins an item under this header. note_taken - it came to
 * this stage; note_settled - the stage has done with it. note_branch - another lane begins where this one is. */
void note_begun(struct hand *hand);
void note_taken(struct hand *hand);
void note_settled(struct hand *hand, enum kk_verdict verdict);
void note_branch(const struct kk_run *run, uint32_t from, uint32_t to); /* only in a run that has notes */

/* tell.c */
/* tell_item - a line in the log about what the stage has done with the item. */
void tell_item(const struct hand *hand, enum kk_verdict verdict);

/* inherit.c */
int inherit(struct worker *worker);

/* turn.c */
/* turns_open - at the start. turn_has_come - can no item that is older than this one, which is in hand, still leave
 * this stage? Only in a stage that is ordering or in_order. What makes it true is followed by a wake-up of the ring
 * (ordering) or arena (in_order) of the stage. */
int turns_open(struct worker *worker);
bool turn_has_come(struct worker *worker, uint64_t sequence, uint32_t handle);

/* host.c */
extern const struct kk_host worker_host;
void worker_log(struct worker *worker, enum kk_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* worker.c */
/* worker_current - what the stage is being called for, in case this process dies of it. */
void worker_current(struct worker *worker, enum current_kind kind, uint32_t handle);
/* worker_call_begins, _ends - around calls into the stage, one or a batch of them: busy time and deadline. */
void worker_call_begins(struct worker *worker);
/* worker_next_call - before each single call: the deadline of its item begins. */
void worker_next_call(struct worker *worker);
uint64_t worker_call_ends(struct worker *worker);
void worker_publish_counters(struct worker *worker);
/* worker_sleep - waits at an event whose ticket was drawn before the caller looked once more. True: until the
 * back-stop; if there is work then, a wake-up was late (worker_late). */
bool worker_sleep(struct worker *worker, struct kk_event *event, uint32_t ticket);
void worker_late(struct worker *worker);
/* worker_take - up to `size` items out of the worker's ring, inherited ones first and each of those by itself. Sleeps
 * while there are none. Otherwise as kk_ring_take. */
int worker_take(struct worker *worker, uint32_t *handles, int size);
/* worker_state - says how far this process is with its role. */
void worker_state(struct worker *worker, enum kk_role_state state);

/* clock.c */
/* worker_calls_took - so many calls of the stage (at least one) together. worker_is_fast - took the last ones so little
 * that the time of the batch's beginning is good enough for all that happened in it? */
void worker_calls_took(struct worker *worker, uint64_t ns, unsigned calls);
bool worker_is_fast(const struct worker *worker);
/* worker_item_done - an item that was born then has ended here, as done. worker_items_took - counts these, as ended
 * when the clock was last read. */
void worker_item_done(struct worker *worker, uint64_t born_ns);
void worker_items_took(struct worker *worker);

/* The ways of working: until the role is drained. An exit status. */
int work_source(struct worker *worker);
int work_line(struct worker *worker);
int work_order(struct worker *worker);
int work_flight(struct worker *worker);
int work_recorder(struct worker *worker);
int recorder_open(struct worker *worker);

#endif
