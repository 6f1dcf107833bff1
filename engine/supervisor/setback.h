/* SPDX-License-Identifier: Apache-2.0 */
/* engine/supervisor/setback.h - reads the deaths of one role, produces how long to wait before the next start and
 * whether there is any sense in one.
 *
 * Only deaths in a row count: an item finished in between starts everything anew.
 */
#ifndef ENGINE_SUPERVISOR_SETBACK_H
#define ENGINE_SUPERVISOR_SETBACK_H

#include <stdbool.h>
#include <stdint.h>

#define KK_SETBACK_WINDOW_NS 30000000000ull
#define KK_SETBACK_LIMIT     5
#define KK_SETBACK_KEPT      64

struct kk_setbacks {
	unsigned limit;                     /* crashes in a row that are borne                 */
	unsigned streak;                    /* deaths in a row, of whatever cause              */
	unsigned crashes;                   /* of these, of the worker's own making            */
	uint64_t crash_ns[KK_SETBACK_KEPT]; /* when the last of them were, a circle            */
	uint64_t items;                     /* what the role had done at its last death        */
};

/* kk_setbacks_init - `attempts`: crashes that one item may cause before it is given up, which must all be borne. */
void kk_setbacks_init(struct kk_setbacks *setbacks, unsigned attempts);

/* A death, as far as it matters here. */
struct kk_setback {
	uint64_t now_ns;
	uint64_t items;        /* done by the role over all its lives                            */
	uint64_t run_moved_ns; /* when any role of the run last got something done               */
	bool from_outside;     /* SIGKILL that is not ours                                       */
};
/* kk_setbacks_add - takes note; true if the role crashes in a loop: too many crashes within the window, or killed from
 * outside that often while the whole run has stood still for as long. */
bool kk_setbacks_add(struct kk_setbacks *setbacks, const struct kk_setback *death);

/* kk_setbacks_delay_ns - to wait before the next start: nothing after the first death, then 100 ms doubling to 5 s. */
uint64_t kk_setbacks_delay_ns(const struct kk_setbacks *setbacks);

#endif
