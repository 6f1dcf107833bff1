/* SPDX-License-Identifier: Apache-2.0 */
/* engine/report/report.h - reads the numbers and events of a run, produces what people and programs see of it.
 *
 *   text_fd (stderr)  log lines; progress, redrawn in place on a terminal, else one line a minute; the summary
 *   json_fd (stdout)  NDJSON: start, progress every second, log, death, end
 *
 * Only the supervisor's process uses it. It calls kk_report_tick several times a second, and kk_report_flush before it
 * goes to sleep: what was told since is written then, all at once. Nothing here ends a run: an output that cannot be
 * written to is given up.
 */
#ifndef ENGINE_REPORT_REPORT_H
#define ENGINE_REPORT_REPORT_H

#include "graph/plan.h"
#include "run/run.h"
#include <kakehi/error.h>
#include <kakehi/stage.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct kk_report;

struct kk_report_options {
	int text_fd;             /* -1: no text               */
	int json_fd;             /* -1: no JSON               */
	enum kk_log_level level; /* log lines up to this one  */
	bool quiet;              /* no progress, no summary   */
};

/* kk_report_create - `plan` and `run` must outlive the report. NULL on error. Free it with kk_report_free. */
struct kk_report *kk_report_create(const struct kk_plan *plan, const struct kk_run *run,
                                   const struct kk_report_options *options, struct kk_error *error);
void kk_report_free(struct kk_report *report);

/* kk_report_start - the run begins now. */
void kk_report_start(struct kk_report *report);

/* kk_report_log - one line: time, level, `who` ("fetch/2"; NULL: the engine itself), `length` bytes of text without
 * its line feed, which may hold anything. Of lines that differ in numbers and parentheses only, some in ten seconds are
 * shown and the rest is counted. */
void kk_report_log(struct kk_report *report, enum kk_log_level level, const char *who, const char *text, size_t length);

/* kk_report_cpu - the CPU time, user and system, that the processes of a stage have taken so far (stage_count: the
 * recorder). */
void kk_report_cpu(struct kk_report *report, unsigned stage, uint64_t ns);

/* The death of a worker's process. */
struct kk_report_death {
	unsigned role;
	const char *who; /* "fetch/2"                                                    */
	pid_t pid;
	const char *how;        /* "killed by SIGSEGV", "exit 3", "time-out 5s"                 */
	double uptime;          /* seconds                                                      */
	unsigned restarts;      /* of this role so far, this one included                       */
	uint64_t in_hand;       /* items it held, as far as its counters tell                   */
	const char *item;       /* the key of the one it was working on, or ""                  */
	const char *last_words; /* the last thing it said, or ""                                */
	bool last_words_logged; /* as a log line that people have seen                          */
};
void kk_report_death(struct kk_report *report, const struct kk_report_death *death);

/* kk_report_flush - writes what was told since the last call. */
void kk_report_flush(struct kk_report *report);

/* kk_report_tick - brings everything that is due up to date. */
void kk_report_tick(struct kk_report *report);

/* How the run ended. */
struct kk_report_end {
	int exit_code;      /* of the program; for a signal 128 + signal                        */
	int signal;         /* that the run was stopped by, or 0                                */
	const char *reason; /* a sentence if it did not simply finish, or ""                    */
	struct kk_run_counts counts;
};
void kk_report_end(struct kk_report *report, const struct kk_report_end *end);

#endif
