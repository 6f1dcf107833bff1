/* SPDX-License-Identifier: Apache-2.0 */
/* engine/supervisor/outcome.h - reads how a run went, produces its exit code and the sentence that explains it.
 */
#ifndef ENGINE_SUPERVISOR_OUTCOME_H
#define ENGINE_SUPERVISOR_OUTCOME_H

#include "config/exit.h"
#include "run/run.h"
#include <stdbool.h>

/* Zero-initialise it; filled by the supervisor as things happen. The first failure counts. */
struct kk_outcome {
	int failure;       /* KK_EXIT_INTERNAL or KK_EXIT_IO, or 0    */
	int signal;        /* that stopped the run, or 0               */
	bool too_many;     /* max_failures reached                     */
	bool complete;     /* every role was played to its end         */
	char reason[1600]; /* one sentence, or ""                      */
};

/* kk_outcome_fail - the run cannot go on. */
void kk_outcome_fail(struct kk_outcome *outcome, int exit_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* kk_outcome_check - after the end: does every item have its place? Else the outcome is KK_EXIT_INTERNAL. */
void kk_outcome_check(struct kk_outcome *outcome, const struct kk_run *run, const struct kk_run_counts *counts);

/* kk_outcome_exit - the exit code; adds a reason where there is none yet. */
int kk_outcome_exit(struct kk_outcome *outcome, const struct kk_plan *plan, const struct kk_run_counts *counts);

/* kk_outcome_too_many - are these more failures than the plan bears? */
bool kk_outcome_too_many(const struct kk_plan *plan, const struct kk_run_counts *counts);

#endif
