/* SPDX-License-Identifier: Apache-2.0 */
/* engine/supervisor/start.h - reads the plan and the run, produces what one worker is given: its descriptors and its
 * start message.
 *
 * The message is complete before the process exists, so that a worker that does not read cannot stop the supervisor. It
 * is a file in memory: of pipes that could hold it a user without privileges gets only so many. It holds the options,
 * and thereby the secrets, of the worker's own stage only.
 */
#ifndef ENGINE_SUPERVISOR_START_H
#define ENGINE_SUPERVISOR_START_H

#include "graph/plan.h"
#include "run/run.h"
#include <kakehi/error.h>
#include <kakehi/process.h>

/* Numbers that mean the same in every worker; the others follow behind. */
enum kk_start_fd { KK_START_MESSAGE = 3, KK_START_LIFELINE, KK_START_LOG, KK_START_OTHERS };

struct kk_start {
	int message; /* at its beginning */
	struct kk_process_fd fds[8 + 1 + KK_KEEP_KINDS + 2 * KK_PLAN_MAX_STAGES];
	size_t fd_count;
};

struct kk_start_request {
	const struct kk_plan *plan;
	const struct kk_run *run;
	unsigned role;
	uint32_t life;
	enum kk_log_level level;
	int log, chatter; /* write ends */
};

/* kk_start_make - 0 or an error. The caller calls kk_start_done as soon as the process runs, or after an error. */
int kk_start_make(struct kk_start *start, const struct kk_start_request *request, struct kk_error *error);
void kk_start_done(struct kk_start *start);

/* kk_start_plan - a copy of the plan without the options of other stages, to be freed by the caller; NULL: no memory.
 */
struct kk_plan *kk_start_plan(const struct kk_plan *plan, unsigned stage);

#endif
