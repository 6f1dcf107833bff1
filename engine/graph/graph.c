/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/graph.h"
#include "config/module.h"
#include "config/nearest.h"
#include "graph/ordering.h"
#include <kakehi/error.h>
#include <string.h>

#define NOBODY SIZE_MAX

/* The stages by their place in the config: 0 is the source, i > 0 is config->stages[i - 1]. */
struct links {
	const struct kk_config *config;
	struct kk_diagnostics *diagnostics;
	size_t count;
	uint64_t inputs[KK_PLAN_MAX_STAGES]; /* bit j: reads from j */
	size_t order[KK_PLAN_MAX_STAGES];
};

_Static_assert(KK_PLAN_MAX_STAGES <= 64, "one bit per stage");

static const struct kk_config_stage *at(const struct links *links, size_t index)
{
	return index ? &links->config->stages[index - 1] : &links->config->source;
}

static bool is_kind(const struct kk_config_stage *stage, enum kk_stage_kind kind)
{
	return stage->stage && stage->stage->kind == kind;
}

static const char *name_of(const struct kk_config_stage *stage)
{
	return stage->name.text ? stage->name.text : "?";
}

/* ---- each stage by itself */

static void check_names(const struct links *links)
{
	for (size_t i = 1; i < links->count; i++) {
		const struct kk_config_text *name = &at(links, i)->name;
		for (size_t j = 0; j < i && name->text; j++) {
			const struct kk_config_text *other = &at(links, j)->name;
			if (!other->text || strcmp(other->text, name->text) != 0)
				continue;
			kk_diagnostic_error(links->diagnostics, name->place, NULL,
			                    "two stages are called \"%.80s\"; the other one is on line %u", name->text,
			                    other->place.line);
			break;
		}
	}
}

static void check_kinds(const struct links *links)
{
	const struct kk_config_stage *source = &links->config->source;

	if (source->stage && source->stage->kind != KK_SOURCE)
		kk_diagnostic_error(links->diagnostics, source->use.place, NULL,
		                    "\"%.80s\" is a %s; the source must be a stage that makes items", source->use.text,
		                    kk_module_kind(source->stage->kind));
	if (source->workers.value != 1)
		kk_diagnostic_error(links->diagnostics, source->workers.place, NULL, "a source has 1 worker, not %llu",
		                    (unsigned long long)source->workers.value);
	for (size_t i = 1; i < links->count; i++) {
		const struct kk_config_stage *stage = at(links, i);
		if (is_kind(stage, KK_SOURCE))
			kk_diagnostic_error(links->diagnostics, stage->use.place, NULL,
			                    "\"%.80s\" is a source; it can only stand under \"source\"",
			                    stage->use.text);
	}
}

/* ---- who reads from whom */

static size_t find_name(const struct links *links, const char *name, const char **nearest)
{
	struct kk_nearest near = {.word = name};

	for (size_t i = 0; i < links->count; i++) {
		const char *other = at(links, i)->name.text;
		if (other && strcmp(other, name) == 0)
			return i;
		kk_nearest_offer(&near, other);
	}
	*nearest = near.best;
	return NOBODY;
}

static void link_named(struct links *links, size_t index)
{
	const struct kk_config_stage *stage = at(links, index);

	for (size_t i = 0; i < stage->from_count; i++) {
		const struct kk_config_text *from = &stage->from[i];
		struct kk_hint hint = {0};
		size_t input = find_name(links, from->text, &hint.nearest);
		if (input == NOBODY)
			kk_diagnostic_error(links->diagnostics, from->place, &hint,
			                    "\"from\" of stage \"%.80s\": there is no stage \"%.80s\"", name_of(stage),
			                    from->text);
		else if (input == index)
			kk_diagnostic_error(links->diagnostics, from->place, NULL, "stage \"%.80s\" reads from itself",
			                    name_of(stage));
		else if (is_kind(at(links, input), KK_SINK))
			kk_diagnostic_error(links->diagnostics, from->place, NULL,
			                    "\"from\" of stage \"%.80s\": \"%.80s\" is a sink, nothing comes out of it",
			                    name_of(stage), from->text);
		else if (links->inputs[index] & UINT64_C(1) << input)
			kk_diagnostic_error(links->diagnostics, from->place, NULL,
			                    "\"from\" of stage \"%.80s\" names \"%.80s\" twice", name_of(stage),
			                    from->text);
		else
			links->inputs[index] |= UINT64_C(1) << input;
	}
}

static void link_above(struct links *links, size_t index)
{
	const struct kk_config_stage *stage = at(links, index), *above = at(links, index - 1);

	if (is_kind(above, KK_SINK))
		kk_diagnostic_error(links->diagnostics, stage->place, NULL,
		                    "stage \"%.80s\" stands below \"%.80s\", a sink, nothing comes out of it; say with "
		                    "\"from\" what it reads",
		                    name_of(stage), name_of(above));
	else
		links->inputs[index] |= UINT64_C(1) << (index - 1);
}

/* ---- the order */

/* Walks from a stage that could not be placed along inputs that could not, until it meets its own way again. */
static void report_cycle(const struct links *links, size_t start, uint64_t placed)
{
	size_t way[KK_PLAN_MAX_STAGES + 1], length = 0, first = 0;
	char text[400] = "";
	size_t used = 0;

	for (size_t now = start;; now = (size_t)__builtin_ctzll(links->inputs[now] & ~placed)) {
		for (first = 0; first < length && way[first] != now; first++)
			;
		way[length++] = now;
		if (first < length - 1)
			break;
	}
	for (size_t i = length; i-- > first && used < sizeof(text);) {
		int written = snprintf(text + used, sizeof(text) - used, "%s%.80s", used ? " -> " : "",
		                       name_of(at(links, way[i])));
		used += written > 0 ? (size_t)written : 0;
	}
	const struct kk_config_stage *stage = at(links, way[first]);
	kk_diagnostic_error(links->diagnostics, stage->from_place.line ? stage->from_place : stage->place, NULL,
	                    "the stages read from each other in a circle: %s", text);
}

/* Puts every stage behind its inputs, otherwise as the config has them. */
static void sort_stages(struct links *links)
{
	uint64_t placed = 1;

	links->order[0] = 0;
	for (size_t length = 1; length < links->count;) {
		size_t next = NOBODY, stuck = NOBODY;
		for (size_t i = 1; i < links->count && next == NOBODY; i++) {
			if (placed & UINT64_C(1) << i)
				continue;
			if (links->inputs[i] & ~placed)
				stuck = stuck == NOBODY ? i : stuck;
			else
				next = i;
		}
		if (next == NOBODY) {
			report_cycle(links, stuck, placed);
			return;
		}
		placed |= UINT64_C(1) << next;
		links->order[length++] = next;
	}
}

/* ---- lanes */

struct lanes {
	uint32_t entering[KK_PLAN_MAX_STAGES]; /* bit l: items on lane l come to this stage */
	unsigned count;
};

_Static_assert(KK_PLAN_MAX_LANES <= 32, "one bit per lane");

static int add_edge(struct kk_graph *graph, struct lanes *lanes, size_t from, unsigned lane, size_t to, bool first,
                    struct kk_diagnostics *diagnostics)
{
	const struct kk_config_stage *stage = graph->stage[to];
	struct kk_place place = stage->from_place.line ? stage->from_place : stage->place;

	if (!first && lanes->count == KK_PLAN_MAX_LANES) {
		kk_diagnostic_error(diagnostics, place, NULL,
		                    "at stage \"%.80s\" one source item takes more than %d ways through the graph",
		                    name_of(stage), KK_PLAN_MAX_LANES);
		return KK_ERR_INVALID;
	}
	if (graph->edge_count == KK_PLAN_MAX_EDGES) {
		kk_diagnostic_error(diagnostics, place, NULL, "at stage \"%.80s\" the graph gets more than %d edges",
		                    name_of(stage), KK_PLAN_MAX_EDGES);
		return KK_ERR_INVALID;
	}
	unsigned to_lane = first ? lane : lanes->count++;
	lanes->entering[to] |= UINT32_C(1) << to_lane;
	graph->edge[graph->edge_count++] =
	    (struct kk_plan_edge){(uint16_t)from, (uint16_t)lane, (uint16_t)to, (uint16_t)to_lane};
	return KK_OK;
}

static int lay_lanes(struct kk_graph *graph, struct kk_diagnostics *diagnostics)
{
	struct lanes lanes = {.entering = {1}, .count = 1};
	int status = KK_OK;

	for (size_t i = 0; i < graph->stage_count && status == KK_OK; i++) {
		for (unsigned lane = 0; lane < KK_PLAN_MAX_LANES; lane++) {
			bool first = true;
			if (!(lanes.entering[i] & UINT32_C(1) << lane))
				continue;
			for (size_t j = i + 1; j < graph->stage_count && status == KK_OK; j++) {
				if (!(graph->inputs[j] & UINT64_C(1) << i))
					continue;
				status = add_edge(graph, &lanes, i, lane, j, first, diagnostics);
				first = false;
			}
		}
	}
	graph->lanes = lanes.count;
	return status;
}

/* The stages and their inputs by their place in the order. */
static void put_sorted(const struct links *links, struct kk_graph *graph)
{
	for (size_t i = 0; i < links->count; i++) {
		graph->stage[i] = at(links, links->order[i]);
		for (size_t j = 0; j < i; j++)
			if (links->inputs[links->order[i]] & UINT64_C(1) << links->order[j])
				graph->inputs[i] |= UINT64_C(1) << j;
	}
	graph->stage_count = links->count;
}

int kk_graph_make(const struct kk_config *config, struct kk_graph *graph, struct kk_diagnostics *diagnostics)
{
	struct links links = {.config = config, .diagnostics = diagnostics, .count = config->stage_count + 1};
	size_t before = kk_diagnostics_count(diagnostics);

	*graph = (struct kk_graph){0};
	if (links.count > KK_PLAN_MAX_STAGES) {
		kk_diagnostic_error(diagnostics, config->stages[KK_PLAN_MAX_STAGES - 1].place, NULL,
		                    "a pipeline has at most %d stages and a source", KK_PLAN_MAX_STAGES - 1);
		return KK_ERR_INVALID;
	}
	check_names(&links);
	check_kinds(&links);
	for (size_t i = 1; i < links.count; i++) {
		if (at(&links, i)->from_place.line)
			link_named(&links, i);
		else
			link_above(&links, i);
	}
	sort_stages(&links);
	if (kk_diagnostics_count(diagnostics) != before)
		return KK_ERR_INVALID;
	put_sorted(&links, graph);
	int status = kk_ordering_insert(graph, diagnostics);
	return status == KK_OK ? lay_lanes(graph, diagnostics) : status;
}
