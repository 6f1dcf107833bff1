/* SPDX-License-Identifier: Apache-2.0 */
/* The same for programs: one JSON object a line. */
#include "report/redact.h"
#include "report/view.h"
#include <string.h>

static void add_string(struct kk_text *text, const char *name, const char *value)
{
	kk_text_add(text, ",\"%s\":", name);
	kk_text_json(text, value, strlen(value));
}

static void add_number(struct kk_text *text, const char *name, uint64_t value)
{
	kk_text_add(text, ",\"%s\":%llu", name, (unsigned long long)value);
}

static void begin(struct kk_text *text, const char *event)
{
	char now[48];

	kk_text_add(text, "{\"event\":\"%s\",\"time\":\"%s\"", event, kk_text_now(now, sizeof(now)));
}

static void add_counts(struct kk_text *text, const struct kk_run_counts *counts)
{
	add_number(text, "in", counts->in);
	add_number(text, "done", counts->done);
	add_number(text, "failed", counts->failed);
	add_number(text, "skipped", counts->skipped);
	add_number(text, "left", counts->left);
}

void kk_json_start(struct kk_text *text, const struct kk_view *view)
{
	const struct kk_plan *plan = view->plan;

	begin(text, "start");
	add_string(text, "pipeline", kk_plan_text(plan, plan->name));
	add_string(text, "config", kk_plan_text(plan, plan->config));
	add_number(text, "memory", plan->memory);
	kk_text_add(text, ",\"stages\":[");
	for (unsigned s = 0; s < plan->stage_count; s++) {
		kk_text_add(text, "%s{\"workers\":%u", s ? "," : "", plan->stage[s].workers);
		add_string(text, "name", kk_plan_text(plan, plan->stage[s].name));
		add_string(text, "use", kk_plan_text(plan, plan->stage[s].use));
		kk_text_add(text, "}");
	}
	kk_text_add(text, "]}\n");
}

static void add_spans(struct kk_text *text, const char *name, const struct kk_spans *spans)
{
	static const struct {
		const char *name;
		double share;
	} rows[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}};

	kk_text_add(text, ",\"%s\":{\"count\":%llu", name, (unsigned long long)kk_spans_total(spans));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		kk_text_add(text, ",\"%s\":%.4f", rows[i].name, (double)kk_spans_quantile(spans, rows[i].share) / 1e6);
	kk_text_add(text, ",\"max\":%.4f}", (double)spans->longest_ns / 1e6);
}

static void add_stage(struct kk_text *text, const struct kk_view *view, unsigned stage,
                      const struct kk_run_spans *spans)
{
	const struct kk_stage_sums *sums = &kk_samples_last(&view->samples)->stage[stage];
	struct kk_stage_rates rates;

	kk_samples_rates(&view->samples, view->plan, view->run, stage, &rates);
	kk_text_add(text, "%s{\"items\":%llu", stage ? "," : "", (unsigned long long)sums->items);
	add_string(text, "name", kk_plan_text(view->plan, view->plan->stage[stage].name));
	add_number(text, "failed", sums->failed);
	add_number(text, "bytes", sums->bytes);
	add_number(text, "queue", kk_run_queue(view->run, stage));
	add_number(text, "busy_percent", rates.busy_percent);
	add_number(text, "restarts", view->restarts[stage]);
	add_number(text, "redone", sums->redone);
	add_number(text, "backstops", sums->backstops);
	add_number(text, "in_flight", sums->in_flight);
	kk_text_add(text, ",\"items_per_s\":%.1f,\"bytes_per_s\":%.0f", rates.items_per_s, rates.bytes_per_s);
	kk_text_add(text, ",\"cpu_s\":%.3f,\"busy_s\":%.3f,\"idle_s\":%.3f,\"blocked_s\":%.3f",
	            (double)view->cpu_ns[stage] / 1e9, (double)sums->busy_ns / 1e9, (double)sums->starved_ns / 1e9,
	            (double)sums->blocked_ns / 1e9);
	if (spans)
		add_spans(text, "call_ms", &spans->calls);
	kk_text_add(text, "}");
}

/* `whole`: with how long calls and items took. */
static void add_progress(struct kk_text *text, const struct kk_view *view, bool whole)
{
	struct kk_run_spans spans;
	struct kk_spans items = {0};

	kk_text_add(text, ",\"seconds\":%.3f,\"stages\":[", kk_view_seconds(view));
	for (unsigned s = 0; s < view->plan->stage_count; s++) {
		kk_view_spans(view, s, &spans);
		kk_spans_merge(&items, &spans.items);
		add_stage(text, view, s, whole ? &spans : NULL);
	}
	kk_text_add(text, "]");
	if (whole)
		add_spans(text, "item_ms", &items);
	kk_text_add(text, "}\n");
}

void kk_json_progress(struct kk_text *text, const struct kk_view *view)
{
	begin(text, "progress");
	add_counts(text, &view->samples.counts);
	kk_text_add(text, ",\"items_per_s\":%.1f", kk_samples_per_s(&view->samples));
	add_progress(text, view, false);
}

static void begin_log(struct kk_text *text, const char *level, const char *who)
{
	begin(text, "log");
	add_string(text, "level", level);
	add_string(text, "worker", who ? who : "");
}

void kk_json_log(struct kk_text *text, const char *level, const char *who, const char *line, size_t length)
{
	begin_log(text, level, who);
	kk_text_add(text, ",\"text\":");
	kk_text_json(text, line, length);
	kk_text_add(text, "}\n");
}

void kk_json_more(struct kk_text *text, const char *level, const char *who, const char *line, uint64_t count)
{
	begin_log(text, level, who);
	add_string(text, "text", line);
	add_number(text, "more", count);
	kk_text_add(text, "}\n");
}

void kk_json_death(struct kk_text *text, const struct kk_report_death *death)
{
	begin(text, "death");
	add_string(text, "worker", death->who);
	add_number(text, "pid", (uint64_t)death->pid);
	add_string(text, "how", death->how);
	kk_text_add(text, ",\"uptime\":%.3f", death->uptime);
	add_number(text, "restarts", death->restarts);
	add_number(text, "in_hand", death->in_hand);
	char key[300];
	kk_redact(death->item, key, sizeof(key));
	add_string(text, "item", key);
	add_string(text, "last_words", death->last_words);
	kk_text_add(text, "}\n");
}

static void add_shared(struct kk_text *text, const struct kk_view *view)
{
	char line[4096];

	kk_text_add(text, ",\"shared\":[");
	for (unsigned i = 0, n = 0; i < view->plan->shared_count; i++) {
		if (kk_run_shared_text(view->run, i, line, sizeof(line)) < 0)
			continue;
		kk_text_add(text, "%s", n++ ? "," : "");
		kk_text_json(text, line, strlen(line));
	}
	kk_text_add(text, "]");
}

void kk_json_end(struct kk_text *text, const struct kk_view *view, const struct kk_report_end *end)
{
	for (unsigned c = 0; c < KK_FAIL_CLASS_COUNT; c++) {
		if (end->counts.by_class[c] == 0)
			continue;
		begin(text, "failures");
		add_string(text, "class", kk_text_class((enum kk_fail_class)c));
		add_number(text, "count", end->counts.by_class[c]);
		kk_text_add(text, "}\n");
	}
	begin(text, "end");
	add_number(text, "exit", (uint64_t)end->exit_code);
	if (end->signal)
		add_number(text, "signal", (uint64_t)end->signal);
	add_string(text, "reason", end->reason);
	add_counts(text, &end->counts);
	add_number(text, "deaths", view->deaths);
	add_shared(text, view);
	add_progress(text, view, true);
}
