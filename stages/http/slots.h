/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/slots.h - reads which host a request is for, produces its turn: a connection of this worker's, and the
 * leave of all workers together to begin something at that host (kk_admit).
 *
 * Only the first of a host's queue is asked for, so that a host which is full or wants to be left alone costs one
 * question at a time, however many wait for it. Whoever has a turn has had room for its answer before: room first, turn
 * second, and those who bring room along (redirected ones) stand in front. The other way round those with turns could
 * wait for room that those in the queues hold, for ever.
 */
#ifndef STAGES_HTTP_SLOTS_H
#define STAGES_HTTP_SLOTS_H

#include <kakehi/stage.h>
#include <stdbool.h>
#include <stddef.h>

struct slots;
struct slot_host;

/* Who wants a turn; part of the one who wants it. `room` tells whether it has, or could now be given, what it needs
 * before its turn. Both are called from within slots_tick and must not call anything of this file. */
struct slot_waiter {
	bool (*room)(struct slot_waiter *waiter);
	void (*granted)(struct slot_waiter *waiter);
	struct slot_host *host; /* the host it waits for or has its turn at; NULL: neither */
	struct slot_waiter *next;
	bool waiting, has_room; /* has_room: kept from turn to turn, until whoever gives the room back clears it */
};

/* slots_new - `connections` at once, of `most` waiters. NULL if there is no memory. Freed when nobody has a turn or
 * waits.
 */
struct slots *slots_new(struct kk_context *context, unsigned connections, size_t most);
void slots_free(struct slots *slots);

/* slots_enter - queues up at `host`. 0, or -1: no memory. */
int slots_enter(struct slots *slots, const char *host, struct slot_waiter *waiter);

/* slots_leave - gives the turn back, or stops waiting; nothing if it does neither. */
void slots_leave(struct slots *slots, struct slot_waiter *waiter);

/* slots_tick - grants what can be granted at `now_ms`. slots_next_ms - when it is worth calling again, TIMERS_NEVER:
 * not before somebody has left or there is more room. */
void slots_tick(struct slots *slots, uint64_t now_ms);
uint64_t slots_next_ms(const struct slots *slots);

#endif
