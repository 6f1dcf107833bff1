/* SPDX-License-Identifier: Apache-2.0 */
/* tests/harness/played.h - reads a run and a role, produces its worker, which the test plays in its own process.
 * Link with kakehi_played. */
#ifndef TESTS_HARNESS_PLAYED_H
#define TESTS_HARNESS_PLAYED_H

#include "worker/crew.h"

/* played_start - the worker of `role`, as a process would have it before it inherits; its stage is `module`, if it has
 * one. A failure fails the test. End with played_stop. */
struct worker *played_start(struct kk_plan *plan, struct kk_run *run, unsigned role, const struct kk_stage *module);
void played_stop(struct worker *w);

#endif
