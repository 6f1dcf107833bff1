/* SPDX-License-Identifier: Apache-2.0 */
/* engine/supervisor/supervisor.h - reads a plan and the shared memory made of it, produces the processes that play its
 * roles, and the end of the run.
 *
 * One thread, which never loads a stage. It touches of the shared memory only the role table, the stop flag and the
 * sentinels; what it knows of its workers comes from pidfds, from their pages of counters and from their log pipes.
 */
#ifndef ENGINE_SUPERVISOR_SUPERVISOR_H
#define ENGINE_SUPERVISOR_SUPERVISOR_H

#include "graph/plan.h"
#include "report/report.h"
#include "run/run.h"
#include <kakehi/error.h>

/* What to run. Everything is the caller's and must last until kk_supervise returns. */
struct kk_supervise {
	const struct kk_plan *plan;
	struct kk_run *run;
	struct kk_report *report; /* kk_report_start was not called yet                   */
	enum kk_log_level level;  /* that the workers log at                              */
	const char *program;      /* what a worker executes; NULL: this very program      */
	uint32_t heir_ms;         /* the time a new worker has to finish its predecessor's business; 0: 10 s */
};

/* kk_supervise - runs the plan to its end. Returns the exit code of the program (docs/design.md, exit codes); if
 * *signal is set the program ends by re-raising that signal, after it has cleaned up. No child is left,
 * unless it has not died of SIGKILL within a second. The caller has
 * one thread; SIGINT, SIGTERM and SIGHUP are taken meanwhile. */
int kk_supervise(const struct kk_supervise *what, int *signal);

#endif
