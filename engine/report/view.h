/* SPDX-License-Identifier: Apache-2.0 */
/* engine/report/view.h - reads what the report knows of the run, produces its views: progress, summary, JSON.
 *
 * Each function adds to a text and writes nothing itself.
 */
#ifndef ENGINE_REPORT_VIEW_H
#define ENGINE_REPORT_VIEW_H

#include "report/report.h"
#include "report/sample.h"
#include "report/text.h"

struct kk_view {
	const struct kk_plan *plan;
	const struct kk_run *run;
	uint64_t started_ns, now_ns;
	unsigned deaths;                           /* of all roles, the recorder's included */
	unsigned restarts[KK_PLAN_MAX_STAGES + 1]; /* per stage; the last used one: the recorder */
	uint64_t cpu_ns[KK_PLAN_MAX_STAGES + 1];   /* per stage, of all its workers' lives; the recorder's too */
	struct kk_samples samples;
};

/* kk_view_seconds - how long the run has lasted. */
double kk_view_seconds(const struct kk_view *view);
/* kk_view_spans - of all workers of a stage. */
void kk_view_spans(const struct kk_view *view, unsigned stage, struct kk_run_spans *to);

/* kk_progress_block - one line for the run, one per stage, none wider than `width`, at most `height` of them; returns
 * how many. */
unsigned kk_progress_block(struct kk_text *text, const struct kk_view *view, unsigned width, unsigned height);
/* kk_progress_line - the run in one line, without line feed. */
void kk_progress_line(struct kk_text *text, const struct kk_view *view);

/* kk_summary - in lines no wider than `width`, as far as that depends on us. */
void kk_summary(struct kk_text *text, const struct kk_view *view, const struct kk_report_end *end, unsigned width);

void kk_json_start(struct kk_text *text, const struct kk_view *view);
void kk_json_progress(struct kk_text *text, const struct kk_view *view);
/* kk_json_log - a line as kk_report_log got it. kk_json_more - `count` more of a kind that were left out. */
void kk_json_log(struct kk_text *text, const char *level, const char *who, const char *line, size_t length);
void kk_json_more(struct kk_text *text, const char *level, const char *who, const char *line, uint64_t count);
void kk_json_death(struct kk_text *text, const struct kk_report_death *death);
/* kk_json_end - failures by class, one record each, then the end. */
void kk_json_end(struct kk_text *text, const struct kk_view *view, const struct kk_report_end *end);

#endif
