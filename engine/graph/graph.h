/* SPDX-License-Identifier: Apache-2.0 */
/* engine/graph/graph.h - reads the names in a config, produces the directed acyclic graph of its stages.
 *
 * A stage reads from the one above it unless `from:` names others. Stages with the same input each get every item; a
 * stage may have several inputs. An item's way through the graph is told by lanes: where it is handed to several
 * stages it goes on, once for each, on lanes of their own.
 */
#ifndef ENGINE_GRAPH_GRAPH_H
#define ENGINE_GRAPH_GRAPH_H

#include "config/config.h"
#include "graph/plan.h"

struct kk_graph {
	/* The stages in an order in which each stands behind all it reads from; [0] is the source. Some are not of the
	 * config: see ordering.h. */
	const struct kk_config_stage *stage[KK_PLAN_MAX_STAGES];
	uint64_t inputs[KK_PLAN_MAX_STAGES]; /* bit j: reads from stage[j]                                        */
	bool in_order[KK_PLAN_MAX_STAGES];   /* a stage behind it hands on in order what may be its own payloads */
	size_t stage_count;
	struct kk_config_stage ordering[KK_PLAN_MAX_STAGES]; /* what some of the above point to */
	char ordering_name[KK_PLAN_MAX_STAGES][80];
	size_t ordering_count;
	struct kk_plan_edge edge[KK_PLAN_MAX_EDGES]; /* stages by their index above, sorted by stage and lane */
	size_t edge_count;
	unsigned lanes;
};

/* kk_graph_make - fills `graph`, which points into `config`. Mistakes go to `diagnostics`. Returns 0, or
 * KK_ERR_INVALID if there was one: then `graph` is not to be used. Stages that could not be resolved are taken for
 * whatever fits. */
int kk_graph_make(const struct kk_config *config, struct kk_graph *graph, struct kk_diagnostics *diagnostics);

#endif
