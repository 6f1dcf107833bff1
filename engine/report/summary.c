/* SPDX-License-Identifier: Apache-2.0 */
/* What is said when the run is over. */
#include "report/grid.h"
#include "report/view.h"
#include <string.h>

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
		kk_text_add(text, "%s%s %llu", before, kk_text_class((enum kk_fail_class)c),
		            (unsigned long long)counts->by_class[c]);
		before = ", ";
	}
	if (counts->failed)
		kk_text_add(text, "\n");
}

/* How the workers of each stage spent their time. */
enum {
	COL_WORKERS,
	COL_ITEMS,
	COL_BUSY,
	COL_CPU,
	COL_STARVED,
	COL_BLOCKED,
	COL_RESTARTS,
	COL_REDONE,
	COL_STAGE,
	COL_COUNT
};

static const struct kk_grid_column stage_columns[COL_COUNT] = {
    [COL_WORKERS] = {.title = "workers", .rank = 5},
    [COL_ITEMS] = {.title = "items", .rank = 1, .least = 8},
    [COL_BUSY] = {.title = "busy", .rank = 2},
    [COL_CPU] = {.title = "cpu", .rank = 3, .least = 7},
    [COL_STARVED] = {.title = "idle", .rank = 6},
    [COL_BLOCKED] = {.title = "blocked", .rank = 7},
    [COL_RESTARTS] = {.title = "restarts", .rank = 4},
    [COL_REDONE] = {.title = "redone", .rank = 8},
    [COL_STAGE] = {.title = "stage", .rank = 0, .left = true},
};

static double percent_of(uint64_t ns, double whole_ns)
{
	return whole_ns > 0 ? 100.0 * (double)ns / whole_ns : 0.0;
}

static void add_stages(struct kk_text *text, const struct kk_view *view, unsigned width)
{
	const struct kk_sample *last = kk_samples_last(&view->samples);
	const struct kk_plan *plan = view->plan;
	struct kk_grid grid = {.columns = stage_columns, .count = COL_COUNT, .rows = plan->stage_count};

	for (unsigned s = 0; s < plan->stage_count; s++) {
		const struct kk_stage_sums *sums = &last->stage[s];
		double whole = kk_view_seconds(view) * plan->stage[s].workers * 1e9;
		kk_grid_set(&grid, s, COL_WORKERS, "%u", plan->stage[s].workers);
		kk_grid_set(&grid, s, COL_ITEMS, "%llu", (unsigned long long)sums->items);
		kk_grid_set(&grid, s, COL_BUSY, "%.0f%%", percent_of(sums->busy_ns, whole));
		kk_grid_set(&grid, s, COL_CPU, "%.2f s", (double)view->cpu_ns[s] / 1e9);
		kk_grid_set(&grid, s, COL_STARVED, "%.0f%%", percent_of(sums->starved_ns, whole));
		kk_grid_set(&grid, s, COL_BLOCKED, "%.0f%%", percent_of(sums->blocked_ns, whole));
		kk_grid_set(&grid, s, COL_RESTARTS, "%u", view->restarts[s]);
		kk_grid_set(&grid, s, COL_REDONE, "%llu", (unsigned long long)sums->redone);
		kk_grid_name(&grid, s, COL_STAGE, kk_plan_text(plan, plan->stage[s].name), 64);
	}
	kk_grid_add(text, &grid, grid.rows, width);
}

/* How long calls of each stage took, and whole items. */
enum { COL_P50, COL_P90, COL_P99, COL_LONGEST, COL_OF, COL_SPANS };

static const struct kk_grid_column span_columns[COL_SPANS] = {
    [COL_P50] = {.title = "p50", .rank = 1, .least = 8},
    [COL_P90] = {.title = "p90", .rank = 4, .least = 8},
    [COL_P99] = {.title = "p99", .rank = 3, .least = 8},
    [COL_LONGEST] = {.title = "max", .rank = 2, .least = 8},
    [COL_OF] = {.title = "time per item", .rank = 0, .left = true},
};

static void set_spans(struct kk_grid *grid, const struct kk_spans *spans, const char *of)
{
	static const double share[] = {[COL_P50] = 0.5, [COL_P90] = 0.9, [COL_P99] = 0.99};
	unsigned row = grid->rows;
	char took[24];

	if (kk_spans_total(spans) == 0)
		return;
	for (unsigned c = COL_P50; c <= COL_P99; c++)
		kk_grid_set(grid, row, c, "%s", kk_text_took(kk_spans_quantile(spans, share[c]), took, sizeof(took)));
	kk_grid_set(grid, row, COL_LONGEST, "%s", kk_text_took(spans->longest_ns, took, sizeof(took)));
	kk_grid_name(grid, row, COL_OF, of, 64);
	grid->rows++;
}

static void add_spans(struct kk_text *text, const struct kk_view *view, unsigned width)
{
	const struct kk_plan *plan = view->plan;
	struct kk_grid grid = {.columns = span_columns, .count = COL_SPANS};
	struct kk_spans items = {0};

	for (unsigned s = 0; s < plan->stage_count; s++) {
		struct kk_run_spans spans = {0};
		kk_view_spans(view, s, &spans);
		kk_spans_merge(&items, &spans.items);
		set_spans(&grid, &spans.calls, kk_plan_text(plan, plan->stage[s].name));
	}
	set_spans(&grid, &items, "(from the source to the end)");
	if (grid.rows)
		kk_grid_add(text, &grid, grid.rows, width);
}

static void add_shared(struct kk_text *text, const struct kk_view *view)
{
	char line[4096];

	for (unsigned i = 0; i < view->plan->shared_count; i++) {
		if (kk_run_shared_text(view->run, i, line, sizeof(line)) >= 0)
			add_safe_line(text, "shared: ", line);
	}
}

void kk_summary(struct kk_text *text, const struct kk_view *view, const struct kk_report_end *end, unsigned width)
{
	const char *note = kk_run_memory_note(view->run);
	const struct kk_run_counts *counts = &end->counts;
	uint64_t settled = counts->done + counts->failed + counts->skipped;
	double seconds = kk_view_seconds(view);
	char rate[16], span[24];

	add_stages(text, view, width);
	add_spans(text, view, width);
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
