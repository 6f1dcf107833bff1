/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/outcome.h"
#include <stdarg.h>
#include <stdio.h>

/* A share of failures says little about the first few items. */
#define SHARE_FROM 100

void kk_outcome_fail(struct kk_outcome *outcome, int exit_code, const char *format, ...)
{
	va_list args;

	if (outcome->failure)
		return;
	outcome->failure = exit_code;
	va_start(args, format);
	vsnprintf(outcome->reason, sizeof(outcome->reason), format, args);
	va_end(args);
}

void kk_outcome_check(struct kk_outcome *outcome, const struct kk_run *run, const struct kk_run_counts *counts)
{
	uint64_t settled = counts->done + counts->failed + counts->skipped;
	struct kk_error error = {0};

	if (counts->in != settled + counts->left || settled > counts->in)
		kk_outcome_fail(outcome, KK_EXIT_INTERNAL,
		                "the counts do not add up: %llu items came in, %llu are settled",
		                (unsigned long long)counts->in, (unsigned long long)settled);
	else if (outcome->complete && counts->left > 0)
		kk_outcome_fail(outcome, KK_EXIT_INTERNAL, "%llu items were lost", (unsigned long long)counts->left);
	else if (outcome->complete && kk_run_unfinished_check(run, &error) < 0)
		kk_outcome_fail(outcome, KK_EXIT_INTERNAL, "after the run: %s", error.text);
}

bool kk_outcome_too_many(const struct kk_plan *plan, const struct kk_run_counts *counts)
{
	uint64_t settled = counts->done + counts->failed + counts->skipped;

	if (plan->max_failures > 0 && counts->failed >= plan->max_failures)
		return true;
	return plan->max_failures_share > 0 && settled >= SHARE_FROM &&
	       (double)counts->failed > plan->max_failures_share * (double)settled;
}

int kk_outcome_exit(struct kk_outcome *outcome, const struct kk_plan *plan, const struct kk_run_counts *counts)
{
	const char *reason = "";
	int code = KK_EXIT_DONE;

	if (outcome->failure) {
		code = outcome->failure;
	} else if (outcome->signal) {
		code = KK_EXIT_SIGNAL + outcome->signal;
		reason = outcome->complete ? "stopped by a signal, what was under way is finished"
		                           : "stopped by a signal before what was under way was finished";
	} else if (outcome->too_many) {
		code = KK_EXIT_FAILED;
		reason = "too many items failed (max_failures)";
	} else if (plan->only && counts->in == 0 && counts->source_ended) {
		code = KK_EXIT_FAILED;
		reason = "no item has that key or id (--only)";
	} else if (plan->limit && !counts->source_ended) {
		code = KK_EXIT_EARLY;
		reason = "the limit is reached";
	} else if (outcome->complete && !counts->source_ended) {
		code = KK_EXIT_INTERNAL;
		reason = "the source was stopped before its end, and not by us";
	} else if (counts->failed) {
		code = KK_EXIT_FAILED;
	}
	if (!outcome->reason[0])
		snprintf(outcome->reason, sizeof(outcome->reason), "%s", reason);
	return code;
}
