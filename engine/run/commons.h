/* SPDX-License-Identifier: Apache-2.0 */
/* engine/run/commons.h - reads what a stage declared, produces what its workers have in common and no other stage can
 * write: the gate that limits what they begin, and the cache they remember things in. Both lie at the end of the
 * stage's arena segment.
 */
#ifndef ENGINE_RUN_COMMONS_H
#define ENGINE_RUN_COMMONS_H

#include "graph/plan.h"
#include <kakehi/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kk_run;

/* run_has_gate - did the stage ask for any limit? run_gate_size, run_cache_size - bytes of shared memory; 0: none. */
bool run_has_gate(const struct kk_plan_stage *stage);
uint64_t run_gate_size(const struct kk_plan_stage *stage);
uint64_t run_cache_size(const struct kk_plan_stage *stage);

/* run_commons_init - the creator: lays out those of all stages. */
int run_commons_init(struct kk_run *run, struct kk_error *error);
/* run_commons_attach - a worker: handles on those of its stage. run_commons_detach - without them it does nothing. */
int run_commons_attach(struct kk_run *run, struct kk_error *error);
void run_commons_detach(struct kk_run *run);
/* run_commons_inherit - the heir gives back what its predecessor had under way. KK_OK or KK_ERR_CORRUPT. */
int run_commons_inherit(struct kk_run *run);

/* What the stage interface offers; see kakehi/stage.h. Without a gate everything is admitted. */
long run_admit(struct kk_run *run, const char *key);
void run_leave(struct kk_run *run, const char *key);
void run_hold_off(struct kk_run *run, const char *key, uint64_t wait_ms);
int run_remember(struct kk_run *run, const char *key, const void *what, size_t size, uint64_t keep_ms);
long run_recall(struct kk_run *run, const char *key, void *to, size_t size);

#endif
