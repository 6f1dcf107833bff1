/* SPDX-License-Identifier: Apache-2.0 */
/* Progress while the run lasts. */
#include "report/grid.h"
#include "report/view.h"
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_LEAST 6
#define NAME_MOST  16

double kk_view_seconds(const struct kk_view *view)
{
	return view->now_ns > view->started_ns ? (double)(view->now_ns - view->started_ns) / 1e9 : 0;
}

void kk_view_spans(const struct kk_view *view, unsigned stage, struct kk_run_spans *to)
{
	const struct kk_plan_stage *about = &view->plan->stage[stage];

	*to = (struct kk_run_spans){0};
	for (unsigned i = 0; i < about->workers; i++)
		kk_run_add_spans(view->run, about->first_role + i, to);
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
	unsigned width = NAME_LEAST;

	for (unsigned s = 0; s < plan->stage_count; s++) {
		const char *name = kk_plan_text(plan, plan->stage[s].name);
		unsigned columns = kk_text_columns(name, strlen(name));
		width = columns > width ? columns : width;
	}
	return width < NAME_MOST ? width : NAME_MOST;
}

/* Adds a whole part of a line or, where it does not fit in `width`, nothing: half a number is a wrong one. */
static void __attribute__((format(printf, 3, 4)))
add_part(struct kk_text *text, unsigned width, const char *format, ...)
{
	char part[80];
	va_list args;

	va_start(args, format);
	vsnprintf(part, sizeof(part), format, args);
	va_end(args);
	if (kk_text_columns(text->at, text->used) + strlen(part) <= width)
		kk_text_add(text, "%s", part);
}

static void add_counts(struct kk_text *text, const struct kk_view *view, unsigned width)
{
	const struct kk_run_counts *counts = &view->samples.counts;
	double rate = kk_samples_per_s(&view->samples);
	char number[24];

	add_part(text, width, "in %llu", (unsigned long long)counts->in);
	add_part(text, width, "  done %llu", (unsigned long long)counts->done);
	if (counts->failed)
		add_part(text, width, "  failed %llu", (unsigned long long)counts->failed);
	if (counts->skipped)
		add_part(text, width, "  skipped %llu", (unsigned long long)counts->skipped);
	add_part(text, width, "  %s/s", kk_text_rate(rate, number, sizeof(number)));
	/* Only when the source has ended is it known how much there is to do. */
	if (counts->source_ended && rate > 0)
		add_part(text, width, "  ETA %s", kk_text_span((double)counts->left / rate, number, sizeof(number)));
}

enum { COL_NAME, COL_ITEMS, COL_RATE, COL_BYTES, COL_QUEUE, COL_BUSY, COL_FAILED, COL_RESTARTS, COL_COUNT };

static const struct kk_grid_column columns[COL_COUNT] = {
    [COL_NAME] = {.rank = 0, .left = true, .least = NAME_LEAST},
    [COL_ITEMS] = {.rank = 1, .least = 8},
    [COL_RATE] = {.rank = 2, .least = 7},
    [COL_BYTES] = {.rank = 6, .least = 10},
    [COL_QUEUE] = {.rank = 5, .least = 10},
    [COL_BUSY] = {.rank = 4, .least = 9},
    [COL_FAILED] = {.rank = 3, .left = true},
    [COL_RESTARTS] = {.rank = 3, .left = true},
};

static void set_stage(struct kk_grid *grid, const struct kk_view *view, unsigned stage)
{
	const struct kk_stage_sums *sums = &kk_samples_last(&view->samples)->stage[stage];
	struct kk_stage_rates rates;
	char number[16];

	kk_samples_rates(&view->samples, view->plan, view->run, stage, &rates);
	kk_grid_name(grid, stage, COL_NAME, kk_plan_text(view->plan, view->plan->stage[stage].name), NAME_MOST);
	kk_grid_set(grid, stage, COL_ITEMS, "%llu", (unsigned long long)sums->items);
	kk_grid_set(grid, stage, COL_RATE, "%s/s", kk_text_rate(rates.items_per_s, number, sizeof(number)));
	kk_grid_set(grid, stage, COL_BYTES, "%s MB/s", kk_text_rate(rates.bytes_per_s / 1e6, number, sizeof(number)));
	if (view->plan->stage[stage].ring_slots)
		kk_grid_set(grid, stage, COL_QUEUE, "queue %3u%%", rates.queue_percent);
	kk_grid_set(grid, stage, COL_BUSY, "busy %3u%%", rates.busy_percent);
	if (sums->failed)
		kk_grid_set(grid, stage, COL_FAILED, "failed %llu", (unsigned long long)sums->failed);
	if (view->restarts[stage])
		kk_grid_set(grid, stage, COL_RESTARTS, "restarts %u", view->restarts[stage]);
}

unsigned kk_progress_block(struct kk_text *text, const struct kk_view *view, unsigned width, unsigned height)
{
	const struct kk_plan *plan = view->plan;
	struct kk_grid grid = {.columns = columns, .count = COL_COUNT, .rows = plan->stage_count};
	unsigned rows = height > 0 ? height - 1 : 0;
	struct kk_text line = {0};
	char span[24];

	add_name(&line, kk_plan_text(plan, plan->name), name_width(plan) + 2);
	kk_text_add(&line, " %8s  ", kk_text_span(kk_view_seconds(view), span, sizeof(span)));
	add_counts(&line, view, width);
	kk_text_cut(&line, width);
	kk_text_add(&line, "\n");
	kk_text_append(text, &line);
	for (unsigned s = 0; s < plan->stage_count; s++)
		set_stage(&grid, view, s);
	rows = rows < plan->stage_count ? rows : plan->stage_count;
	kk_grid_add(text, &grid, rows, width);
	return rows + 1;
}

void kk_progress_line(struct kk_text *text, const struct kk_view *view)
{
	char span[24];

	kk_text_add(text, "%s  ", kk_text_span(kk_view_seconds(view), span, sizeof(span)));
	add_counts(text, view, UINT_MAX);
	if (view->deaths)
		kk_text_add(text, "  deaths %u", view->deaths);
}
