/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/outline.h"
#include "config/quantity.h"
#include "graph/build.h"
#include "report/redact.h"
#include <inttypes.h>
#include <kakehi/stage.h>
#include <stdbool.h>
#include <string.h>

static double mib(uint64_t bytes)
{
	return (double)bytes / (1024 * 1024);
}

/* The least whole MiB that is enough, as a config would spell it. */
static const char *spell_up(uint64_t bytes, char *to, size_t size)
{
	uint64_t unit = UINT64_C(1) << 20;

	return kk_quantity_size_text((bytes + unit - 1) / unit * unit, to, size);
}

/* ---- one line */

void kk_outline_line(const struct kk_plan *plan, FILE *to)
{
	struct kk_budget budget;
	char memory[40], smallest[40];

	kk_budget_count(plan, &kk_build_sizes, &budget);
	/* the recorder and the supervisor are processes, too */
	fprintf(to,
	        "%s: ok: source and %u stage%s, %u workers, %u processes; memory %s: fixed %.1f, arenas %.1f, heaps "
	        "%.1f MiB; smallest %s\n",
	        kk_plan_text(plan, plan->config), plan->stage_count - 1, plan->stage_count == 2 ? "" : "s",
	        plan->role_count - 1, plan->role_count + 1, kk_quantity_size_text(plan->memory, memory, sizeof(memory)),
	        mib(budget.control + budget.counters), mib(budget.arenas), mib(budget.heaps),
	        spell_up(plan->smallest, smallest, sizeof(smallest)));
}

/* ---- a table */

/* Who feeds a stage, by name. */
static void put_inputs(const struct kk_plan *plan, unsigned stage, FILE *to)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < plan->edge_count; i++) {
		const struct kk_plan_edge *edge = &plan->edge[i];
		if (edge->to != stage || seen & UINT64_C(1) << edge->stage)
			continue;
		fprintf(to, "%s%s", seen ? ", " : "", kk_plan_text(plan, plan->stage[edge->stage].name));
		seen |= UINT64_C(1) << edge->stage;
	}
}

static void put_stage(const struct kk_plan *plan, unsigned index, int width, FILE *to)
{
	const struct kk_plan_stage *stage = &plan->stage[index];
	char largest[40] = "-", timeout[40] = "-";

	if (stage->largest)
		kk_quantity_size_text(stage->largest, largest, sizeof(largest));
	if (stage->item_timeout_ms)
		kk_quantity_duration_text(stage->item_timeout_ms, timeout, sizeof(timeout));
	fprintf(to, "  %-*s  %-10s %7u %9u %6u %10s %8s %9.1f %9.1f  ", width, kk_plan_text(plan, stage->name),
	        kk_plan_text(plan, stage->use), stage->workers, stage->in_flight, stage->ring_slots, largest, timeout,
	        mib(kk_build_sizes.arena(plan, index)), mib(stage->heap * stage->workers));
	if (index)
		put_inputs(plan, index, to);
	else
		fputc('-', to);
	if (stage->when_text)
		fprintf(to, " when %s", kk_plan_text(plan, stage->when_text));
	fputc('\n', to);
}

static void put_items(const struct kk_plan *plan, FILE *to)
{
	static const char *const duplicates[] = {[KK_DUPLICATES_SKIP] = "a key that comes again is skipped",
	                                         [KK_DUPLICATES_KEEP] = "a key that comes again is kept",
	                                         [KK_DUPLICATES_NONE] = "no key comes twice"};
	char key[400];

	fprintf(to, "items: all of \"%s\"", kk_plan_text(plan, plan->stage[0].name));
	if (plan->only) {
		kk_redact(kk_plan_text(plan, plan->only), key, sizeof(key));
		fprintf(to, ", only %s", key);
	}
	if (plan->shards)
		fprintf(to, ", part %u of %u", plan->shard, plan->shards);
	if (plan->limit)
		fprintf(to, ", the first %" PRIu64, plan->limit);
	fprintf(to, "; %s; at most %u under way at once\n", duplicates[plan->duplicates], plan->groups);
}

static void put_memory(const struct kk_plan *plan, FILE *to)
{
	struct kk_budget budget;
	char text[40];

	kk_budget_count(plan, &kk_build_sizes, &budget);
	fprintf(to, "memory: %s\n", kk_quantity_size_text(plan->memory, text, sizeof(text)));
	fprintf(to, "  %9.1f MiB  rings, item headers, shared objects, counters\n",
	        mib(budget.control + budget.counters));
	fprintf(to, "  %9.1f MiB  arenas\n", mib(budget.arenas));
	fprintf(to, "  %9.1f MiB  heaps, the recorder's included\n", mib(budget.heaps));
	fprintf(to, "  %9.1f MiB  left over\n", mib(plan->memory - budget.total));
	fprintf(to, "  the smallest that works is %s\n", spell_up(plan->smallest, text, sizeof(text)));
}

static void put_files(const struct kk_plan *plan, FILE *to)
{
	const struct {
		const char *what;
		uint32_t path;
	} files[] = {
	    {"manifest", plan->manifest_file}, {"errors", plan->errors_file}, {"dead letters", plan->dead_letter}};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i].path)
			fprintf(to, "%s: %s\n", files[i].what, kk_plan_text(plan, files[i].path));
	}
}

void kk_outline_plan(const struct kk_plan *plan, FILE *to)
{
	int width = 5;

	for (unsigned i = 0; i < plan->stage_count; i++) {
		int length = (int)strlen(kk_plan_text(plan, plan->stage[i].name));
		width = length > width ? length : width;
	}
	fprintf(to, "pipeline: %s (%s)\n", kk_plan_text(plan, plan->name), kk_plan_text(plan, plan->config));
	put_items(plan, to);
	fprintf(to, "processes: %u, of which %u work for stages\n", plan->role_count + 1, plan->role_count - 1);
	fprintf(to, "  %-*s  %-10s %7s %9s %6s %10s %8s %9s %9s  %s\n", width, "stage", "use", "workers", "in flight",
	        "queue", "payload <=", "timeout", "arena MiB", "heaps MiB", "reads from");
	for (unsigned i = 0; i < plan->stage_count; i++)
		put_stage(plan, i, width, to);
	put_memory(plan, to);
	put_files(plan, to);
}

/* ---- a drawing */

static void put_dot_text(const char *text, FILE *to)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', to);
		fputc((unsigned char)*text < ' ' ? ' ' : *text, to);
	}
}

static void put_dot_stage(const struct kk_plan *plan, unsigned index, FILE *to)
{
	static const char *const shapes[] = {
	    [KK_SOURCE] = "parallelogram", [KK_TRANSFORM] = "box", [KK_SINK] = "cylinder"};
	const struct kk_plan_stage *stage = &plan->stage[index];

	fprintf(to, "\t\"");
	put_dot_text(kk_plan_text(plan, stage->name), to);
	fprintf(to, "\" [shape=%s, label=\"", stage->ordering ? "diamond" : shapes[stage->kind]);
	put_dot_text(kk_plan_text(plan, stage->name), to);
	if (!stage->ordering) {
		fputs("\\n", to);
		put_dot_text(kk_plan_text(plan, stage->use), to);
		fprintf(to, " x %u", stage->workers);
	}
	fputs("\"];\n", to);
}

static void put_dot_edge(const struct kk_plan *plan, const struct kk_plan_edge *edge, FILE *to)
{
	const struct kk_plan_stage *next = &plan->stage[edge->to];

	fputs("\t\"", to);
	put_dot_text(kk_plan_text(plan, plan->stage[edge->stage].name), to);
	fputs("\" -> \"", to);
	put_dot_text(kk_plan_text(plan, next->name), to);
	if (next->when_text) {
		fputs("\" [style=dashed, label=\"", to);
		put_dot_text(kk_plan_text(plan, next->when_text), to);
		fputs("\"];\n", to);
	} else {
		fputs("\";\n", to);
	}
}

void kk_outline_dot(const struct kk_plan *plan, FILE *to)
{
	/* a stage that an item reaches on several lanes is still drawn with one arrow from each it reads from */
	bool drawn[KK_PLAN_MAX_STAGES][KK_PLAN_MAX_STAGES] = {{false}};

	fputs("digraph \"", to);
	put_dot_text(kk_plan_text(plan, plan->name), to);
	fputs(
	    "\" {\n\trankdir=LR;\n\tnode [fontname=\"sans-serif\"];\n\tedge [fontname=\"sans-serif\", fontsize=10];\n",
	    to);
	for (unsigned i = 0; i < plan->stage_count; i++)
		put_dot_stage(plan, i, to);
	for (unsigned i = 0; i < plan->edge_count; i++) {
		const struct kk_plan_edge *edge = &plan->edge[i];
		if (!drawn[edge->stage][edge->to])
			put_dot_edge(plan, edge, to);
		drawn[edge->stage][edge->to] = true;
	}
	fputs("}\n", to);
}
