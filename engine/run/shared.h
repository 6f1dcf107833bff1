/* SPDX-License-Identifier: Apache-2.0 */
/* engine/run/shared.h - reads the config's `shared:`, produces the objects every stage can reach. */
#ifndef ENGINE_RUN_SHARED_H
#define ENGINE_RUN_SHARED_H

#include "graph/plan.h"
#include <kakehi/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kk_run;
struct run_shared; /* private handles on all of them */

/* run_shared_size - bytes of shared memory one object takes in a run with `roles` roles. */
uint64_t run_shared_size(const struct kk_plan_shared *plan, unsigned roles);
/* run_shared_attach - handles on all objects of the run; the creator also initialises them. NULL: error is set. */
struct run_shared *run_shared_attach(struct kk_run *run, bool create, struct kk_error *error);
void run_shared_detach(struct run_shared *shared);
/* run_shared_inherit - the heir of the run's role undoes or finishes what its predecessor had begun on a dict or list.
 * Before it waits for anybody: others may wait for a list that its predecessor was writing. */
int run_shared_inherit(struct kk_run *run);

/* What the stage interface offers; see kakehi/stage.h. */
int run_shared_find(const struct kk_run *run, const char *name);
int run_shared_get(struct kk_run *run, int object, size_t index, double *to);
int run_shared_set(struct kk_run *run, int object, size_t index, double value);
int run_shared_add(struct kk_run *run, int object, size_t index, double amount, double *now);
long run_dict_get(struct kk_run *run, int object, const char *key, char *to, size_t size);
int run_dict_set(struct kk_run *run, int object, const char *key, const char *value);
long run_list_length(struct kk_run *run, int object);
long run_list_get(struct kk_run *run, int object, long index, char *to, size_t size);
int run_list_append(struct kk_run *run, int object, const char *text);
long run_list_pop(struct kk_run *run, int object, long index, char *to, size_t size);

#endif
