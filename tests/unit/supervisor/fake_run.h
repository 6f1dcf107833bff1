/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/supervisor/fake_run.h - reads scripts, produces a run whose workers follow them: a stand-in for
 * engine/run without rings and items, and real processes all the same.
 *
 * Everything lies in one shared segment, which the supervisor's process and its workers (fake_worker.c) map.
 */
#ifndef TESTS_UNIT_SUPERVISOR_FAKE_RUN_H
#define TESTS_UNIT_SUPERVISOR_FAKE_RUN_H

#include "run/run.h"

#define FAKE_ROLES 8
#define FAKE_LIVES 64

/* What a worker does in one life. A script is a text, one letter for each life; the last one holds for all further. */
enum fake_act {
	FAKE_DRAIN = 'd',        /* finishes an item; waits for its sentinel (a source does not) and drains       */
	FAKE_WAIT_STOP = 'w',    /* waits until the source is to stop, then drains                                */
	FAKE_FOR_EVER = 'e',     /* waits for ever                                                                */
	FAKE_CRASH = 's',        /* SIGSEGV with nothing done, after a word on stderr                             */
	FAKE_CRASH_LATER = 'S',  /* SIGSEGV after an item                                                         */
	FAKE_KILLED = 'K',       /* SIGKILL with nothing done                                                     */
	FAKE_KILLED_EARLY = 'k', /* SIGKILL before it has inherited                                               */
	FAKE_HEIR_HANGS = 'h',   /* does not come to an end with inheriting                                         */
	FAKE_HEIR_WAITS = 'H',   /* inherits after four seconds in which it goes to sleep again and again          */
	FAKE_EXIT_0 = 'x',       /* exits 0 though it is not drained                                              */
	FAKE_CANNOT = 'c',       /* KK_WORKER_CANNOT with a line in the log                                       */
	FAKE_CORRUPT = 'C',      /* KK_WORKER_CORRUPT                                                             */
	FAKE_DISK_FULL = 'D',    /* KK_WORKER_DISK_FULL                                                           */
	FAKE_SLOW = 't',         /* an item that never ends                                                       */
	FAKE_STUBBORN = 'T',     /* the same, and it ignores SIGTERM                                              */
	FAKE_ASK_STOP = 'i',     /* sends its parent SIGINT, waits for the stop and drains                        */
	FAKE_ASK_TWICE = 'I',    /* sends SIGINT, waits for the stop, sends SIGINT again and again               */
};

struct fake_role {
	struct kk_counters counters;
	struct kk_run_spans spans;
	char script[16];
	uint32_t state, life, pid;
	uint32_t cause[FAKE_LIVES]; /* [n]: told to life n */
	char text[FAKE_LIVES][40];
	char complaint[200]; /* what a worker found wrong with what it was given, or "" */
};

struct fake_shared {
	uint32_t sentinel[KK_PLAN_MAX_STAGES + 1]; /* 1: put */
	uint32_t sentinel_full;                    /* refusals before one is put */
	uint32_t stop;
	uint32_t wakes;
	uint32_t unsound, unfinished; /* what the checks shall say */
	uint64_t queue;
	struct kk_run_counts counts;
	struct fake_role role[FAKE_ROLES];
};

/* fake_plan_make - a source, `middles` transforms and a sink, one behind the other, and the recorder; `workers` each.
 * free() it. */
struct kk_plan *fake_plan_make(unsigned middles, unsigned workers);

struct kk_run *fake_run_make(const struct kk_plan *plan);
struct fake_shared *fake_run_shared(struct kk_run *run);

/* fake_wait, fake_set - wait until *word is not 0; set it to 1 and wake who waits. Across processes. */
void fake_wait(uint32_t *word);
void fake_set(uint32_t *word);

#endif
