/* SPDX-License-Identifier: Apache-2.0 */
/* engine/graph/ordering.h - reads where the config says `order: true`, produces the ordering stages of the graph.
 *
 * An ordering stage is no stage of the config and loads no module: its one worker hands items on in the order of the
 * source (worker/order.c). One stands behind each stage with `order: true`. What waits there for its turn keeps its
 * payloads, so the stages before it must come to the oldest item whatever the younger ones hold. They do if all take
 * their items in order (docs/design.md), hence others stand
 *
 *   behind each stage on the way there that has several workers or many items in flight, and
 *   in front of each stage on the way there that several stages feed,
 *
 * as far as a payload is made behind them on that way.
 */
#ifndef ENGINE_GRAPH_ORDERING_H
#define ENGINE_GRAPH_ORDERING_H

#include "graph/graph.h"

/* kk_ordering_stage - the descriptor of all ordering stages. */
extern const struct kk_stage kk_ordering_stage;

/* kk_ordering_insert - puts them into `graph`, whose stages and inputs are set. KK_OK, or KK_ERR_INVALID: there are too
 * many stages then, or one that hands nothing on is to do it in order. */
int kk_ordering_insert(struct kk_graph *graph, struct kk_diagnostics *diagnostics);

#endif
