/* SPDX-License-Identifier: Apache-2.0 */
/* tests/harness/step.h - reads an operation and a number, produces a process killed after that many instructions of it.
 *
 * The worker is a child of the tracer, which moves it by ptrace one instruction at a time; a system call is one
 * instruction. What it counts lies between two stores of the worker's to memory that the tracer reads.
 * To jump: a second worker goes the same way, so a breakpoint at the k-th instruction's address, passed as often as the
 * first one came there before, stops it at the very same place without k stops on the way.
 */
#ifndef TESTS_HARNESS_STEP_H
#define TESTS_HARNESS_STEP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { STEP_PATH_MAX = 100000 };

/* The way that an operation went: where each of its instructions lies. Zero-initialise it. */
struct step_path {
	long count;
	uint64_t at[STEP_PATH_MAX];
};

struct step_plan {
	void (*arrive)(void); /* called in the worker before anything counts. NULL: nothing to do                   */
	int (*run)(void); /* the operation: called in the worker                                                    */
	int expected;     /* what it returns                                                                        */
	int wrong;        /* and what it never returns                                                              */
	bool any_result;  /* everything else is right                                                               */
	bool may_sleep;   /* it may go to sleep: then `wake` is called, or it is killed there if `die_asleep`        */
	bool die_asleep;
	void (*wake)(void);
	bool (*until)(void); /* asked after every instruction; true: the worker dies here. NULL: no such condition   */
	void (*rival)(void); /* called once, when `rival_at` instructions are done. NULL: nobody                     */
	long rival_at;
	long kill_at;  /* dies after so many instructions; more than there are: goes on to the end                  */
	bool remember; /* note where every instruction lies, for those who jump                                     */
	bool jump;     /* the way is as last remembered: run to its end instead of stepping                           */
	struct step_path *path; /* where that is noted. NULL: one for all                                           */
};

enum step_end {
	STEP_KILLED,   /* after kill_at instructions, or where `until` or `die_asleep` said    */
	STEP_FINISHED, /* the operation ended before, with `expected`                          */
	STEP_WRONG,    /* it returned something else, or died by itself                        */
};

/* step_run - forks the worker, steps it and kills it; reaped in any case. `steps`: instructions done. */
enum step_end step_run(const struct step_plan *plan, long *steps);

/* step_result - what the operation returned that ended last. */
int step_result(void);

#endif
