/* SPDX-License-Identifier: Apache-2.0 */
/* engine/cli/outline.h - reads a plan, produces it as people read it: in one line, as a table, as a drawing.
 */
#ifndef ENGINE_CLI_OUTLINE_H
#define ENGINE_CLI_OUTLINE_H

#include "graph/plan.h"
#include <stdio.h>

/* kk_outline_line - what `validate` says of a config that is right. */
void kk_outline_line(const struct kk_plan *plan, FILE *to);

/* kk_outline_plan - what `run --dry-run` says: items, stages, workers, rings, arenas, budgets. */
void kk_outline_plan(const struct kk_plan *plan, FILE *to);

/* kk_outline_dot - the stages and who reads from whom, in the language of dot(1). */
void kk_outline_dot(const struct kk_plan *plan, FILE *to);

#endif
