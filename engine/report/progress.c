/* SPDX-License-Identifier: Apache-2.0 */
/* Progress while the run lasts. */
#include "report/view.h"
#include <string.h>

#define NAME_MIN 6
#define NAME_MAX 16

double kk_view_seconds(const struct kk_view *view)
{
	return view->now_ns > view->started_ns ? (double)(view->now_ns - view->started_ns) / 1e9 : 0;
}

static void add_name(struct kk_text *text, const char *name, unsigned width)
{
	struct kk_text safe = {0};

	kk_text_safe(&safe, name, strlen(name));
	kk_text_cut(&safe, width);
	kk_text_add(text, "%.*s", (int)safe.used, safe.at ? safe.at : "");
	for (unsigned n = safe.at ? kk_text_columns(safe.at, safe.used) : 0; n < width; n++)
		kk_text_add(text, " ");
	kk_text_free(&safe);
}

static unsigned name_width(const struct kk_plan *plan)
{
	unsigned width = NAME_MIN;

	for (unsigned s = 0; s < plan->stage_count; s++) {
		const char *name = kk_plan_text(plan, plan->stage[s].name);
		unsigned columns = kk_text_columns(name, strlen(name));
		width = columns > width ? columns : width;
	}
	return width < NAME_MAX ? width : NAME_MAX;
}

/* Only when the source has ended is it known how much there is to do. */
static void add_eta(struct kk_text *text, const struct kk_view *view)
{
	const struct kk_run_counts *counts = &view->samples.counts;
	double rate = kk_samples_per_s(&view->samples);
	char span[24];

	if (counts->source_ended && rate > 0)
		kk_text_add(text, "  ETA %s", kk_text_span((double)counts->left / rate, span, sizeof(span)));
}

static void add_counts(struct kk_text *text, const struct kk_view *view)
{
	const struct kk_run_counts *counts = &view->samples.counts;
	char rate[16];

	kk_text_add(text, "in %llu  done %llu", (unsigned long long)counts->in, (unsigned long long)counts->done);
	if (counts->failed)
		kk_text_add(text, "  failed %llu", (unsigned long long)counts->failed);
	if (counts->skipped)
		kk_text_add(text, "  skipped %llu", (unsigned long long)counts->skipped);
	kk_text_add(text, "  %s/s", kk_text_rate(kk_samples_per_s(&view->samples), rate, sizeof(rate)));
	add_eta(text, view);
}

static void add_stage(struct kk_text *text, const struct kk_view *view, unsigned stage, unsigned name_columns)
{
	const struct kk_stage_sums *sums = &kk_samples_last(&view->samples)->stage[stage];
	struct kk_stage_rates rates;
	char items[16], megabytes[16];

	kk_samples_rates(&view->samples, view->plan, view->run, stage, &rates);
	kk_text_add(text, "  ");
	add_name(text, kk_plan_text(view->plan, view->plan->stage[stage].name), name_columns);
	kk_text_add(text, " %8llu %5s/s %5s MB/s", (unsigned long long)sums->items,
	            kk_text_rate(rates.items_per_s, items, sizeof(items)),
	            kk_text_rate(rates.bytes_per_s / 1e6, megabytes, sizeof(megabytes)));
	if (view->plan->stage[stage].ring_slots)
		kk_text_add(text, " queue %3u%%", rates.queue_percent);
	else
		kk_text_add(text, "           ");
	kk_text_add(text, " busy %3u%%", rates.busy_percent);
	if (sums->failed)
		kk_text_add(text, " failed %llu", (unsigned long long)sums->failed);
	if (view->restarts[stage])
		kk_text_add(text, " restarts %u", view->restarts[stage]);
}

unsigned kk_progress_block(struct kk_text *text, const struct kk_view *view, unsigned width, unsigned height)
{
	const struct kk_plan *plan = view->plan;
	unsigned columns = name_width(plan), lines = 1;
	char span[24];

	add_name(text, kk_plan_text(plan, plan->name), columns + 2);
	kk_text_add(text, " %8s  ", kk_text_span(kk_view_seconds(view), span, sizeof(span)));
	add_counts(text, view);
	kk_text_cut(text, width);
	kk_text_add(text, "\n");
	for (; lines <= plan->stage_count && lines < height; lines++) {
		add_stage(text, view, lines - 1, columns);
		kk_text_cut(text, width);
		kk_text_add(text, "\n");
	}
	return lines;
}

void kk_progress_line(struct kk_text *text, const struct kk_view *view)
{
	char span[24];

	kk_text_add(text, "%s  ", kk_text_span(kk_view_seconds(view), span, sizeof(span)));
	add_counts(text, view);
	if (view->deaths)
		kk_text_add(text, "  deaths %u", view->deaths);
}
