/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/sync/turnstile.h - reads "it is not to be had" and "I gave it back", produces the order in which those who wait
 * for a lock or a permit are let through: nobody is woken for nothing over and over, nobody starves, no wake-up is
 * lost. Why: ipc/MEMORY.md, "The turnstile". Inside ipc/sync only.
 */
#ifndef IPC_SYNC_TURNSTILE_H
#define IPC_SYNC_TURNSTILE_H

#include "family/object.h"
#include "wait/look.h"
#include <stdatomic.h>

/* Shared; all zero is its initial state.
 *   field      written by                                         read by
 *   word       waiters (told: clear; favourite: themselves, or     all
 *              remove an idle one), who gives back (told: set),
 *              burials (favourite: remove)
 *   waiting    those who wait, who gives back, burials             both
 *   favoured   the favourite, who gives back, burials              both */
struct turnstile {
	_Atomic uint32_t word;
	struct kk_event waiting, favoured;
};

enum {
	TURNSTILE_FAVOURITE = 0x3ff, /* the seat of who goes first; 0: anybody          */
	TURNSTILE_TOLD = 0x400,      /* somebody was woken and has not looked since     */
};

/* What is behind it. Both are called with the `what` of the user. */
struct turnstile_gate {
	bool (*is_open)(void *what);            /* is there perhaps something to be had?                           */
	int (*take)(void *what, unsigned seat); /* >= 0: had; KK_ERR_EMPTY: not to be had at the moment; an error  */
};

/* Private: one in each handle. */
struct turnstile_user {
	struct kk_family *family;
	struct turnstile *turnstile;
	const struct turnstile_gate *gate;
	void *what;
	_Atomic int usual_spins; /* after how many it was to be had, of late */
};

/* turnstile_pass - waits until take() has something. What that returned; KK_ERR_TIMEOUT. */
int turnstile_pass(struct turnstile_user *user, unsigned seat, int timeout_ms);

/* turnstile_let - lets the next one through: after something was given back by a seq_cst read-modify-write. */
void turnstile_let(struct turnstile *turnstile);

/* turnstile_bury - of who died or left in `seat`. */
void turnstile_bury(struct turnstile *turnstile, unsigned seat);

/* turnstile_is_clear - nobody is favoured: who comes may take without waiting. Fairness only: relaxed. */
static inline bool turnstile_is_clear(const struct turnstile *turnstile)
{
	return (atomic_load_explicit(&turnstile->word, memory_order_relaxed) & TURNSTILE_FAVOURITE) == 0;
}

#endif
