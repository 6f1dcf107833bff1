/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/resolve.h - reads each stage's `use:` and `with:`, produces its descriptor, its option texts and what
 * it will need.
 */
#ifndef ENGINE_CONFIG_RESOLVE_H
#define ENGINE_CONFIG_RESOLVE_H

#include "config/config.h"

/* What a worker may need of private memory if its stage does not say, and what it gets of `heap:` then. */
#define KK_RESOLVE_HEAP_BYTES (UINT64_C(4) << 20)

/* Called before a stage's module is loaded and its code asked, so that a crash can be laid at its door. */
typedef void (*kk_resolve_begin)(void *user, const char *stage);

/* kk_resolve_stages - loads the modules of the source and all stages, fills and checks their options, and asks each
 * for its demand; sets the lower half of every struct kk_config_stage. All mistakes go to `diagnostics`; a stage with
 * one keeps `stage` set as far as it is known. `begin` may be NULL. Runs code of the modules: only in a process that
 * may die of it. */
void kk_resolve_stages(struct kk_config *config, struct kk_store *store, struct kk_diagnostics *diagnostics,
                       kk_resolve_begin begin, void *user);

#endif
