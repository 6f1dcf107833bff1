/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/ordering.h"
#include <kakehi/error.h>
#include <stdio.h>

const struct kk_stage kk_ordering_stage = {
    .struct_size = sizeof(kk_ordering_stage), .abi_version = KK_STAGE_ABI, .kind = KK_TRANSFORM, .name = "order"};

/* What is known of the stages before anything is put between them. */
struct ways {
	bool before_order[KK_PLAN_MAX_STAGES];  /* it, or a stage behind it, has `order: true`                      */
	bool before_memory[KK_PLAN_MAX_STAGES]; /* on a way from here to such a stage a payload is made, not by it */
};

static bool wants_order(const struct kk_config_stage *stage)
{
	return stage->order.value != 0;
}

static bool reads_from(const struct kk_graph *graph, size_t stage, size_t input)
{
	return graph->inputs[stage] & UINT64_C(1) << input;
}

static void find_ways(const struct kk_graph *graph, struct ways *ways)
{
	for (size_t i = graph->stage_count; i-- > 0;) {
		ways->before_order[i] = wants_order(graph->stage[i]);
		ways->before_memory[i] = false;
		for (size_t j = i + 1; j < graph->stage_count; j++) {
			if (!reads_from(graph, j, i) || !ways->before_order[j])
				continue;
			ways->before_order[i] = true;
			if (graph->stage[j]->demand.largest || ways->before_memory[j])
				ways->before_memory[i] = true;
		}
	}
}

/* Can items overtake each other in this stage? */
static bool mixes(const struct kk_config_stage *stage)
{
	return stage->workers.value > 1 || (stage->stage && stage->stage->submit);
}

static bool stands_behind(const struct kk_graph *graph, const struct ways *ways, size_t i)
{
	if (i == 0)
		return false;
	return wants_order(graph->stage[i]) || (ways->before_memory[i] && mixes(graph->stage[i]));
}

static bool stands_in_front(const struct kk_graph *graph, const struct ways *ways, size_t i)
{
	bool several = (graph->inputs[i] & (graph->inputs[i] - 1)) != 0;

	return several && ways->before_order[i] && (ways->before_memory[i] || graph->stage[i]->demand.largest);
}

/* ---- making the new graph */

static bool add_stage(struct kk_graph *graph, const struct kk_config_stage *stage, uint64_t inputs)
{
	if (graph->stage_count == KK_PLAN_MAX_STAGES)
		return false;
	graph->stage[graph->stage_count] = stage;
	graph->inputs[graph->stage_count] = inputs;
	graph->stage_count++;
	return true;
}

static bool add_ordering(struct kk_graph *graph, const struct kk_config_stage *at, const char *format, uint64_t inputs)
{
	struct kk_config_stage *stage = &graph->ordering[graph->ordering_count];
	char *name = graph->ordering_name[graph->ordering_count];

	if (graph->stage_count == KK_PLAN_MAX_STAGES)
		return false;
	/* A name of the config has no colon in it. */
	int length = snprintf(name, sizeof(graph->ordering_name[0]), "%.60s", at->name.text ? at->name.text : "?");
	snprintf(name + length, sizeof(graph->ordering_name[0]) - (size_t)length, "%s", format);
	*stage = (struct kk_config_stage){
	    .name = {name, at->name.place},
	    .place = at->place,
	    .workers = {1, at->workers.place},
	    .stage = &kk_ordering_stage,
	    .demand = {.struct_size = sizeof(stage->demand), .in_flight = 1},
	};
	graph->ordering_count++;
	return add_stage(graph, stage, inputs);
}

/* The new numbers of the stages with these old ones. */
static uint64_t renumbered(uint64_t inputs, const size_t *number)
{
	uint64_t renumbered = 0;

	for (size_t i = 0; i < KK_PLAN_MAX_STAGES; i++)
		if (inputs & UINT64_C(1) << i)
			renumbered |= UINT64_C(1) << number[i];
	return renumbered;
}

/* Copies stage `i` of `old`, with an ordering stage before and behind it if there is to be one. `out`: from whom those
 * read in the new graph who read from a stage in the old one. */
static bool copy_stage(struct kk_graph *graph, const struct kk_graph *old, const struct ways *ways, size_t i,
                       size_t *out)
{
	const struct kk_config_stage *stage = old->stage[i];
	uint64_t inputs = renumbered(old->inputs[i], out);
	bool fits = true;

	if (stands_in_front(old, ways, i)) {
		fits = add_ordering(graph, stage, ":join", inputs);
		inputs = UINT64_C(1) << (graph->stage_count - 1);
	}
	fits = fits && add_stage(graph, stage, inputs);
	out[i] = graph->stage_count - 1;
	graph->in_order[out[i]] = i > 0 && ways->before_order[i] && stage->demand.largest;
	if (fits && stands_behind(old, ways, i)) {
		fits = add_ordering(graph, stage, ":order", UINT64_C(1) << out[i]);
		out[i] = graph->stage_count - 1;
	}
	return fits;
}

static bool check_sinks(const struct kk_graph *graph, struct kk_diagnostics *diagnostics)
{
	bool good = true;

	for (size_t i = 0; i < graph->stage_count; i++) {
		const struct kk_config_stage *stage = graph->stage[i];
		if (!wants_order(stage) || !stage->stage || stage->stage->kind != KK_SINK)
			continue;
		kk_diagnostic_error(
		    diagnostics, stage->order.place, NULL,
		    "\"order\": stage \"%.80s\" is a sink, nothing comes out of it; it belongs to the stage "
		    "before",
		    stage->name.text ? stage->name.text : "?");
		good = false;
	}
	return good;
}

int kk_ordering_insert(struct kk_graph *graph, struct kk_diagnostics *diagnostics)
{
	const struct kk_graph old = *graph;
	size_t out[KK_PLAN_MAX_STAGES] = {0};
	struct ways ways = {.before_order = {false}};

	if (!check_sinks(graph, diagnostics))
		return KK_ERR_INVALID;
	find_ways(&old, &ways);
	if (!ways.before_order[0])
		return KK_OK;
	*graph = (struct kk_graph){.stage_count = 0};
	for (size_t i = 0; i < old.stage_count; i++) {
		if (copy_stage(graph, &old, &ways, i, out))
			continue;
		kk_diagnostic_error(
		    diagnostics, old.stage[i]->place, NULL,
		    "with those that keep the order of items there are more than %d stages and a source",
		    KK_PLAN_MAX_STAGES - 1);
		return KK_ERR_INVALID;
	}
	return KK_OK;
}
