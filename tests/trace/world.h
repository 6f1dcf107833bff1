/* SPDX-License-Identifier: Apache-2.0 */
/* tests/trace/world.h - reads what an operation needs, produces shared memory in that state, and a verdict afterwards.
 *
 * A table of entries; a ring HOME that has room for all and in which they begin; a ring WORK of four slots; an arena of
 * two regions and a big block. Four roles play with them, each on its private handles: the worker that will die, a
 * rival, a sleeper (a process of its own), and the one who counts at the end.
 */
#ifndef TESTS_TRACE_WORLD_H
#define TESTS_TRACE_WORLD_H

#include <kakehi/block.h>
#include <kakehi/ring.h>

enum { ENTRIES = 8, WORK_SLOTS = 4, HOME_SLOTS = 16, REGION_BYTES = 1024, BIG_BYTES = 2048, BLOCKS = 4 };
enum world_ring { HOME, WORK, RINGS };

struct entry {
	_Alignas(64) struct kk_block_ref pay; /* lane 0 is its holder's, lane 1 the rival's */
};

/* A role's private handles. The rival has adopted region 1. */
struct party {
	struct kk_table *table;
	struct kk_ring *ring[RINGS];
	struct kk_arena *arena;
};

extern struct party worker, rival, sleeper;

/* world_begin - everything as new; positions begin at `start`. world_end - gives the private handles back. */
void world_begin(uint64_t start);
void world_end(void);

/* What operations need to begin with. Each stops the test if it cannot be had. */
struct entry *world_entry(uint32_t handle);
uint32_t world_hold(struct party *party); /* takes one entry out of HOME                     */
void world_queue(unsigned count);         /* the rival puts so many into WORK; order is noted */
void world_adopt(void);                   /* the worker adopts region 0                      */
struct kk_block_ref world_block(struct party *party, uint64_t bytes, bool may_take_big); /* CLAIMED               */
uint32_t world_paid(struct party *party, uint64_t bytes, uint32_t lanes); /* an entry in hand with a SHARED payload */
void world_fill(struct party *party, uint32_t handle, struct kk_block_ref *ref, uint32_t bytes); /* its payload   */
void world_finish(struct party *party, uint32_t handle); /* releases its payload, puts it into HOME          */
void world_keep(uint32_t handle);                        /* its payload is there to the end, with lane 0     */
void world_keep_in_hand(uint32_t handle);                /* the rival holds it, to the end                  */
void world_forget(void);                                 /* the worker knows no more of its region than an heir */
void world_must(bool fact, const char *what);

/* world_inherit - `party` does what an heir does: finishes decisions, puts the rest into HOME. Negative: it gave up. */
long world_inherit(struct party *party);

/* world_start_sleeper - forks a process that calls `until` until it says true, sleeping on `event` in between; returns
 * when it sleeps. */
void world_start_sleeper(bool (*until)(void), struct kk_event *event);

/* After a death. */
void world_bury(void);                  /* what the parent does: wakes everybody                                   */
void world_survivors(bool may_put);     /* the rival works on while the role is dead                               */
void world_heir(void);                  /* the worker's role is played again, up to empty hands                    */
void world_close(void);                 /* WORK is closed, if the dead one did not                                 */
const char *world_sleeper_ends(void);   /* NULL: it did (or there is none)                                         */
const char *world_verdict(bool closed); /* NULL: nothing lost, doubled, leaked or stuck                            */

#endif
