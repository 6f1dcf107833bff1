/* SPDX-License-Identifier: Apache-2.0 */
/* engine/supervisor/sentinel.h - reads which roles are DRAINED, produces the sentinels.
 *
 * A ring gets its sentinel when every role of every stage that feeds it is DRAINED: nothing can come behind it then.
 * The recorder's ring, fed by all stages, is the last.
 */
#ifndef ENGINE_SUPERVISOR_SENTINEL_H
#define ENGINE_SUPERVISOR_SENTINEL_H

#include "graph/plan.h"
#include "run/run.h"
#include <stdbool.h>

/* Zero-initialise it. `put[stage_count]` is the recorder's. */
struct kk_sentinels {
	bool put[KK_PLAN_MAX_STAGES + 1];
};

/* kk_sentinels_put - puts all that are due. True if one found its ring full: call again in a few milliseconds. */
bool kk_sentinels_put(struct kk_sentinels *sentinels, const struct kk_plan *plan, struct kk_run *run);

#endif
