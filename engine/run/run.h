/* SPDX-License-Identifier: Apache-2.0 */
/* engine/run/run.h - reads a plan, produces the shared memory of a run: its segments and what lies in them.
 *
 * The supervisor creates a run and hands descriptors to the workers; a worker attaches with what it was given. After
 * creation the supervisor touches only the role table, the stop flag and the sentinels. Everything a worker may
 * corrupt can stop the run (kk_run_check fails), never redirect it: names, keys and options lie elsewhere.
 */
#ifndef ENGINE_RUN_RUN_H
#define ENGINE_RUN_RUN_H

#include "graph/plan.h"
#include "run/span.h"
#include <kakehi/error.h>
#include <kakehi/stage.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kk_run;

/* ---- sizes, for the budget: bytes of shared memory that this plan takes (before anything is created) */
uint64_t kk_run_control_bytes(const struct kk_plan *plan);
uint64_t kk_run_arena_bytes(const struct kk_plan *plan, unsigned stage); /* incl. the source's records */
uint64_t kk_run_counters_bytes(const struct kk_plan *plan);              /* all roles together         */

/* ---- descriptors: what a process inherits. -1 where a segment does not exist */
struct kk_run_fds {
	int control;                        /* read-write                                            */
	int counters;                       /* read-write, of this role only                         */
	int arena_write;                    /* its own stage's arena, read-write; -1: makes none     */
	int arena_read[KK_PLAN_MAX_STAGES]; /* every stage's arena, read-only                        */
	int bell[KK_PLAN_MAX_STAGES];       /* eventfd of each asynchronous stage, else -1           */
	int recorder_state;                 /* recorder only: its own segment, read-write            */
	int seen;                           /* source only: the ids of keys that came, read-write    */
	int keep[KK_KEEP_KINDS];            /* source only: what it keeps for its heirs              */
};

/* kk_run_create - the supervisor: makes and initialises every segment of a checked plan. The plan must outlive the
 * run. NULL on error (lack of room in /dev/shm or the cgroup is KK_ERR_NO_ROOM, before anything is written). */
struct kk_run *kk_run_create(const struct kk_plan *plan, struct kk_error *error);
/* kk_run_fds - the descriptors that the process playing `role` is to inherit (owned by the run, close-on-exec). */
void kk_run_fds(const struct kk_run *run, unsigned role, struct kk_run_fds *fds);
/* kk_run_free - unmaps and closes. Nothing of a run has a name, so nothing else is left. */
void kk_run_free(struct kk_run *run);
/* kk_run_memory_note - how the segments were made when it was not the usual way ("memfd: /dev/shm has only 64 MiB"),
 * or NULL. */
const char *kk_run_memory_note(const struct kk_run *run);

/* ---- roles. role 1 .. plan->role_count; the last one is the recorder */
enum kk_role_state {
	KK_ROLE_NEW = 0,   /* nobody has played it yet                                     */
	KK_ROLE_STARTING,  /* a process was started for it                                 */
	KK_ROLE_INHERITED, /* that process has finished what its predecessor had in hand   */
	KK_ROLE_RUNNING,   /* open() done, takes items                                     */
	KK_ROLE_DRAINED,   /* nothing in hand, nothing will come: the process exits        */
};
enum kk_role_state kk_run_role_state(const struct kk_run *run, unsigned role);

/* Why the last process of a role ended, told to its heir, which charges the item in hand accordingly. */
enum kk_cause {
	KK_CAUSE_NONE = 0,
	KK_CAUSE_CRASH,  /* a signal of its own making, or an exit status                       */
	KK_CAUSE_KILLED, /* SIGKILL that we did not send: the item is a suspect, not a culprit  */
	KK_CAUSE_TIMEOUT /* we killed it because the item was past its deadline                 */
};
/* kk_run_begin_life - supervisor, before it starts a process for `role` (the first or an heir): the old process is
 * reaped. `signal` is the one it died of, or 0; `text` a word for people ("SIGSEGV", "exit 3", "time-out 5s").
 * Returns the number of this life, from 1. */
uint32_t kk_run_begin_life(struct kk_run *run, unsigned role, enum kk_cause cause, const char *text);
/* kk_run_in_hand - supervisor, between a death and the next life of `role`: the key of the item that the stage was
 * called for, copied and NUL-terminated; "" if it was none or many. */
void kk_run_in_hand(const struct kk_run *run, unsigned role, char *to, size_t size);
/* kk_run_wake_all - supervisor, after a death: whoever waits at a ring or arena looks again, since the dead process may
 * have owed a wake-up. */
void kk_run_wake_all(struct kk_run *run);
/* kk_run_stop_source - supervisor: the source takes nothing more, finishes and drains (^C, limits). */
void kk_run_stop_source(struct kk_run *run);
bool kk_run_stopping(const struct kk_run *run);

/* kk_run_put_sentinel - supervisor: puts the sentinel into the ring that `stage` reads from (stage ==
 * plan->stage_count: the recorder's). Only when every role of every stage that feeds it is DRAINED. 0, or KK_ERR_FULL:
 * no slot free now, try again in a few milliseconds. Putting it twice does nothing. */
int kk_run_put_sentinel(struct kk_run *run, unsigned stage);

/* kk_run_check - is the control segment sound? 0 or KK_ERR_CORRUPT with a sentence. */
int kk_run_check(const struct kk_run *run, struct kk_error *error);

/* ---- numbers */
struct kk_run_counts {
	uint64_t in;                            /* source items begun                            */
	uint64_t done, failed, skipped;         /* settled, exact: read off the free rings       */
	uint64_t left;                          /* begun but not settled                         */
	uint64_t by_class[KK_FAIL_CLASS_COUNT]; /* failed, by class                              */
	bool source_ended;                      /* the source has said KK_END (not merely stopped) */
};
void kk_run_counts(const struct kk_run *run, struct kk_run_counts *counts);
/* kk_run_queue - items waiting in the ring that `stage` reads from (an estimate while it moves). */
uint64_t kk_run_queue(const struct kk_run *run, unsigned stage);
/* kk_run_unfinished_check - after the run: are all blocks free and all headers home? 0 or KK_ERR_CORRUPT. */
int kk_run_unfinished_check(const struct kk_run *run, struct kk_error *error);

/* The page of one role: written by its worker only, read by the supervisor. Times are CLOCK_MONOTONIC. */
struct kk_counters {
	_Alignas(64) uint64_t items;  /* settled or handed on by this role, over all its lives (not exact) */
	uint64_t failed;              /* of these                                                          */
	uint64_t bytes_in, bytes_out; /* payload bytes                                                     */
	uint64_t busy_ns;             /* inside the stage                                                  */
	uint64_t since_ns;            /* start of the calls into the stage that are under way; 0: none        */
	uint64_t calls;               /* of the stage for an item: while it stands still, one item is in hand */
	uint64_t parks;               /* times it went to sleep                                            */
	uint64_t backstops;           /* times a sleep ended by its back-stop time-out with work there     */
	uint64_t in_flight;           /* items pending                                                     */
	uint64_t redone;              /* items taken over from a predecessor                               */
	uint64_t starved_ns;          /* asleep, since there was nothing to do                             */
	uint64_t blocked_ns;          /* asleep, since there was no room for what it had made              */
};
/* kk_run_read_counters - a copy of a role's page, each field read whole. */
void kk_run_read_counters(const struct kk_run *run, unsigned role, struct kk_counters *to);

/* What calls of the stage took, and done items from their beginning to their end, this worker's of all lives. The time
 * of each call of a batch of very fast ones is the batch's average. */
struct kk_run_spans {
	struct kk_spans calls, items;
};
/* kk_run_add_spans - adds those of a role. */
void kk_run_add_spans(const struct kk_run *run, unsigned role, struct kk_run_spans *to);

/* ---- shared objects of the config, as text for the summary: "bytes_in = 12345". One call per line, which ends with
 * "..." if there is more. */
int kk_run_shared_text(const struct kk_run *run, unsigned object, char *to, size_t size);

#endif
