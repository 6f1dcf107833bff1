/* SPDX-License-Identifier: Apache-2.0 */
/* engine/graph/build.h - reads a resolved config, produces the plan of its run.
 */
#ifndef ENGINE_GRAPH_BUILD_H
#define ENGINE_GRAPH_BUILD_H

#include "config/config.h"
#include "graph/budget.h"
#include "graph/plan.h"

/* kk_build_sizes - bytes of shared memory that a run takes: what kk_budget_count asks for. */
extern const struct kk_budget_sizes kk_build_sizes;

/* kk_plan_build - makes the graph, lays out the plan and divides the memory. `file` is the config's name. Mistakes go
 * to `diagnostics`; then, or if there were some already, the result is NULL. Otherwise it
 * is one block of plan->bytes bytes that passes kk_plan_check and is the caller's to free(). */
struct kk_plan *kk_plan_build(const struct kk_config *config, const char *file, struct kk_diagnostics *diagnostics);

#endif
