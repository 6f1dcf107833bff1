/* SPDX-License-Identifier: Apache-2.0 */
#include "played.h"
#include <stdlib.h>

#include "harness.h" /* last: it takes the word `fail` */

struct worker *played_start(struct kk_plan *plan, struct kk_run *run, unsigned role, const struct kk_stage *module)
{
	struct worker *w = calloc(1, sizeof(*w));
	struct kk_run_fds fds;
	struct kk_error error = {.code = 0};
	assert_non_null(w);
	kk_run_fds(run, role, &fds);
	w->plan = plan;
	w->role = role;
	w->start = (struct kk_worker_start){.role = role, .life = 1, .log = -1, .log_level = -1};
	w->stage = kk_plan_stage_of(plan, role);
	w->stage_plan = w->stage < plan->stage_count ? &plan->stage[w->stage] : NULL;
	w->run = kk_run_attach(plan, role, &fds, &error);
	assert_non_null(w->run);
	w->entry = &w->run->roles[role];
	w->page = w->run->page[role];
	w->context = (struct kk_context){.host = &worker_host};
	w->module = module;
	w->in = w->run->ring[w->stage_plan ? KK_RING_STAGE + w->stage : KK_RING_RECORDER];
	if (w->stage_plan) {
		w->arena = w->run->arena[w->stage];
		deliver_routes(w);
	}
	w->chooser = w->stage == 0 ? chooser_open(plan, -1, false) : NULL;
	assert_int_equal(turns_open(w), KK_OK);
	return w;
}

void played_stop(struct worker *w)
{
	kk_run_free(w->run);
	free(w->redo.at);
	free(w->turns.list);
	chooser_close(w->chooser);
	free(w);
}
