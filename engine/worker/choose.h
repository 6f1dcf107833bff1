/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/choose.h - reads a key that the source has read, produces whether this run wants the item, and whether
 * the key came before.
 *
 * What another shard takes, or --only does not name, is left: it is no item of this run, and is counted nowhere.
 */
#ifndef ENGINE_WORKER_CHOOSE_H
#define ENGINE_WORKER_CHOOSE_H

#include "graph/plan.h"
#include <stdbool.h>
#include <stdint.h>

struct chooser;

enum choice {
	CHOICE_TAKE,
	CHOICE_LEAVE,     /* not of this run                          */
	CHOICE_DUPLICATE, /* of this run, and to be skipped           */
	CHOICE_BROKEN,    /* the set of ids cannot be used: errno     */
};

/* chooser_open - `seen_fd`: the file of ids, kept by the caller, -1 for none; `begun`: has the run items already? The
 * plan is borrowed. NULL with errno. */
struct chooser *chooser_open(const struct kk_plan *plan, int seen_fd, bool begun);

/* chooser_wants - by its key alone, may this run want the item? */
bool chooser_wants(const struct chooser *chooser, const char *key);

/* chooser_choose - decides about the item numbered `ordinal`, counted over all that the source reads. `whole`: it has a
 * key of its own, and is not one that failed before it had. *occurrence: of the key where it comes again, else 0. */
enum choice chooser_choose(struct chooser *chooser, const char *key, bool whole, uint64_t ordinal,
                           uint32_t *occurrence);

/* chooser_satisfied - with `taken` items the run has all that it can want. */
bool chooser_satisfied(const struct chooser *chooser, uint64_t taken);

void chooser_close(struct chooser *chooser);

#endif
