/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/slots.h - reads which host a request is for, produces its turn: at most so many at one host at a time.
 */
#ifndef STAGES_HTTP_SLOTS_H
#define STAGES_HTTP_SLOTS_H

#include <stdbool.h>
#include <stddef.h>

struct slots;
struct slot_host;

/* Who wants a slot; part of the one who wants it. `granted` is called from within slots_leave. */
struct slot_waiter {
	void (*granted)(struct slot_waiter *waiter);
	struct slot_host *host; /* the host it waits for or has a slot at; NULL: neither */
	struct slot_waiter *next;
	bool waiting;
};

/* slots_new - NULL if there is no memory. Freed when nobody has a slot or waits. */
struct slots *slots_new(unsigned per_host);
void slots_free(struct slots *slots);

/* slots_enter - 1: it has a slot; 0: `granted` will be called when it has; -1: no memory. */
int slots_enter(struct slots *slots, const char *host, struct slot_waiter *waiter);

/* slots_leave - gives the slot back, or stops waiting; nothing if it has none. */
void slots_leave(struct slots *slots, struct slot_waiter *waiter);

#endif
