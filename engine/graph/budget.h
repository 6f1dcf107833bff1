/* SPDX-License-Identifier: Apache-2.0 */
/* engine/graph/budget.h - reads a plan's stages and its ceiling, produces the sizes of everything that takes memory.
 *
 * ceiling = control + counters + arenas (shared memory) + the heaps of all workers + that of the recorder.
 * An arena is one region per worker and one extent that holds the stage's largest payload. The smallest ceiling is
 * the sum with the fewest items under way and the smallest regions; what there is above it makes regions larger.
 */
#ifndef ENGINE_GRAPH_BUDGET_H
#define ENGINE_GRAPH_BUDGET_H

#include "graph/plan.h"
#include <stddef.h>

#define KK_BUDGET_RECORDER_BYTES (UINT64_C(2) << 20)
#define KK_BUDGET_MAX_GROUPS     8192 /* unless the config says how many */

/* Bytes of shared memory that a plan takes: the functions of run/run.h. They never fall when a size in the plan
 * grows. */
struct kk_budget_sizes {
	uint64_t (*control)(const struct kk_plan *plan);
	uint64_t (*arena)(const struct kk_plan *plan, unsigned stage);
	uint64_t (*counters)(const struct kk_plan *plan);
};

/* Where the bytes go. */
struct kk_budget {
	uint64_t control, counters, arenas, heaps, total;
};

/* kk_budget_divide - sets groups (if 0), and of every stage region_bytes, big_bytes and blocks, and `smallest`. Read:
 * memory, lanes, record_bytes, groups (if not 0: it is fixed) and of every stage workers, in_flight, largest, heap and
 * ring_slots. 0 and *budget; or KK_ERR_NO_ROOM if `memory` is below `smallest`: then the plan has the sizes, and
 * *budget the bytes, of the smallest that works. */
int kk_budget_divide(struct kk_plan *plan, const struct kk_budget_sizes *sizes, struct kk_budget *budget);

/* kk_budget_count - where the bytes of a plan go whose sizes are set. */
void kk_budget_count(const struct kk_plan *plan, const struct kk_budget_sizes *sizes, struct kk_budget *budget);

/* kk_budget_notes - what takes how much, as lines of a table for people, into `to`. `texts`: what lies, or will lie,
 * behind the fixed part of the plan. */
void kk_budget_notes(const struct kk_plan *plan, const char *texts, const struct kk_budget_sizes *sizes, char *to,
                     size_t size);

#endif
