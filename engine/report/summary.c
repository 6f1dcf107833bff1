/* SPDX-License-Identifier: Apache-2.0 */
/* What is said when the run is over. */
#include "report/view.h"
#include <string.h>

static const char *const class_names[KK_FAIL_CLASS_COUNT] = {
#define KK_X(name, word) [KK_FAIL_##name] = word,
    KK_FAIL_CLASSES(KK_X)
#undef KK_X
};

const char *kk_fail_class_name(enum kk_fail_class class)
{
	return (unsigned)class < KK_FAIL_CLASS_COUNT ? class_names[class] : "other";
}

static void add_safe_line(struct kk_text *text, const char *label, const char *from)
{
	kk_text_add(text, "%s", label);
	kk_text_safe(text, from, strlen(from));
	kk_text_add(text, "\n");
}

static void add_equation(struct kk_text *text, const struct kk_run_counts *counts)
{
	kk_text_add(text, "in %llu = done %llu + failed %llu + skipped %llu + left %llu\n",
	            (unsigned long long)counts->in, (unsigned long long)counts->done,
	            (unsigned long long)counts->failed, (unsigned long long)counts->skipped,
	            (unsigned long long)counts->left);
}

static void add_failures(struct kk_text *text, const struct kk_run_counts *counts)
{
	const char *before = "failed: ";

	for (unsigned c = 0; c < KK_FAIL_CLASS_COUNT; c++) {
		if (counts->by_class[c] == 0)
			continue;
		kk_text_add(text, "%s%s %llu", before, class_names[c], (unsigned long long)counts->by_class[c]);
		before = ", ";
	}
	if (counts->failed)
		kk_text_add(text, "\n");
}

static void add_stages(struct kk_text *text, const struct kk_view *view)
{
	const struct kk_sample *last = kk_samples_last(&view->samples);
	const struct kk_plan *plan = view->plan;
	double seconds = kk_view_seconds(view);

	kk_text_add(text, "  %7s %10s %6s %8s %8s  %s\n", "workers", "items", "busy", "restarts", "redone", "stage");
	for (unsigned s = 0; s < plan->stage_count; s++) {
		const struct kk_stage_sums *sums = &last->stage[s];
		const char *name = kk_plan_text(plan, plan->stage[s].name);
		double whole = seconds * plan->stage[s].workers * 1e9;
		kk_text_add(text, "  %7u %10llu %5.0f%% %8u %8llu  ", plan->stage[s].workers,
		            (unsigned long long)sums->items, whole > 0 ? 100.0 * (double)sums->busy_ns / whole : 0.0,
		            view->restarts[s], (unsigned long long)sums->redone);
		add_safe_line(text, "", name);
	}
}

static void add_shared(struct kk_text *text, const struct kk_view *view)
{
	char line[4096];

	for (unsigned i = 0; i < view->plan->shared_count; i++) {
		if (kk_run_shared_text(view->run, i, line, sizeof(line)) >= 0)
			add_safe_line(text, "shared: ", line);
	}
}

void kk_summary(struct kk_text *text, const struct kk_view *view, const struct kk_report_end *end)
{
	const char *note = kk_run_memory_note(view->run);
	const struct kk_run_counts *counts = &end->counts;
	uint64_t settled = counts->done + counts->failed + counts->skipped;
	double seconds = kk_view_seconds(view);
	char rate[16], span[24];

	add_stages(text, view);
	add_shared(text, view);
	if (note)
		add_safe_line(text, "memory: ", note);
	if (view->deaths)
		kk_text_add(text, "deaths: %u\n", view->deaths);
	add_failures(text, counts);
	if (end->reason[0])
		add_safe_line(text, end->exit_code == 0 ? "note: " : "ended: ", end->reason);
	kk_text_add(text, "%s, %s items/s\n", kk_text_span(seconds, span, sizeof(span)),
	            kk_text_rate(seconds > 0 ? (double)settled / seconds : 0, rate, sizeof(rate)));
	add_equation(text, counts);
}
