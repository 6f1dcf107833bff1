/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/slots.h - reads which host a request is for, produces its turn: a connection of this worker's, and the
 * leave of all workers together to begin something at that host (kk_admit).
 *
 * Who waits is in a queue of its host and holds nothing. Only the first of a queue is asked for, so that a host which
 * is full or wants to be left alone costs one question at a time, however many wait for it.
 */
#ifndef STAGES_HTTP_SLOTS_H
#define STAGES_HTTP_SLOTS_H

#include <kakehi/stage.h>
#include <stdbool.h>
#include <stddef.h>

struct slots;
struct slot_host;

/* Who wants a turn; part of the one who wants it. `granted` is called from within slots_tick and must not call it. */
struct slot_waiter {
	void (*granted)(struct slot_waiter *waiter);
	struct slot_host *host; /* the host it waits for or has its turn at; NULL: neither */
	struct slot_waiter *next;
	bool waiting;
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
 * not before somebody has left. */
void slots_tick(struct slots *slots, uint64_t now_ms);
uint64_t slots_next_ms(const struct slots *slots);

#endif
