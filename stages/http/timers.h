/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/timers.h - reads points in time, produces which of them has come: a binary heap of embedded timers.
 *
 * Times are milliseconds of CLOCK_MONOTONIC.
 */
#ifndef STAGES_HTTP_TIMERS_H
#define STAGES_HTTP_TIMERS_H

#include <stddef.h>
#include <stdint.h>

#define TIMERS_NEVER UINT64_MAX

/* One timer, part of whatever it times; zeroed means not set. */
struct timer {
	uint64_t due_ms;
	size_t place; /* 1 + its index in the heap; 0: not set */
};

struct timers {
	struct timer **heap;
	size_t count, room;
};

/* timers_init - room for `most` timers. 0 or -1 (memory). */
int timers_init(struct timers *timers, size_t most);
void timers_fini(struct timers *timers);

/* timers_set - makes the timer due at `due_ms`, whether it was set before or not. At most `most` may be set. */
void timers_set(struct timers *timers, struct timer *timer, uint64_t due_ms);
void timers_cancel(struct timers *timers, struct timer *timer);

/* timers_next - when the earliest is due; TIMERS_NEVER if none is set. */
uint64_t timers_next(const struct timers *timers);

/* timers_pop - takes out one that is due at `now_ms`; NULL if none is. */
struct timer *timers_pop(struct timers *timers, uint64_t now_ms);

uint64_t timers_now_ms(void);

#endif
