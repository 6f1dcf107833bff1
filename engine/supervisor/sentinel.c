/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/sentinel.h"

static bool stage_is_drained(const struct kk_plan *plan, const struct kk_run *run, unsigned stage)
{
	for (unsigned i = 0; i < plan->stage[stage].workers; i++) {
		if (kk_run_role_state(run, plan->stage[stage].first_role + i) != KK_ROLE_DRAINED)
			return false;
	}
	return true;
}

/* Does anything of `from` go to `to`? The recorder hears of failures everywhere. */
static bool feeds(const struct kk_plan *plan, unsigned from, unsigned to)
{
	if (to == plan->stage_count)
		return true;
	for (unsigned e = 0; e < plan->edge_count; e++) {
		if (plan->edge[e].stage == from && plan->edge[e].to == to)
			return true;
	}
	return false;
}

static bool is_due(const struct kk_plan *plan, const struct kk_run *run, unsigned stage)
{
	for (unsigned from = 0; from < plan->stage_count; from++) {
		if (feeds(plan, from, stage) && !stage_is_drained(plan, run, from))
			return false;
	}
	return true;
}

bool kk_sentinels_put(struct kk_sentinels *sentinels, const struct kk_plan *plan, struct kk_run *run)
{
	bool again = false;

	/* The source, stage 0, reads from no ring. */
	for (unsigned s = 1; s <= plan->stage_count; s++) {
		if (sentinels->put[s] || !is_due(plan, run, s))
			continue;
		sentinels->put[s] = kk_run_put_sentinel(run, s) == KK_OK;
		again |= !sentinels->put[s];
	}
	return again;
}
