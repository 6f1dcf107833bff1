/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/pipe/wait.c - waiting at an end: a moment awake, then asleep.
 *
 * Looking again and again is quicker than sleeping by a factor of ten, if the other end is about to act and has a
 * processor to do it on; else it only takes processor time from those who would. Nobody can know which it is, but it is
 * likely what it was the last time: patience is doubled by each wait that it was enough for, and halved by each that it
 * was not. Every 32nd wait tries the whole of it again, so that it comes back when processors become idle.
 */
#include "pipe/layout.h"

#include "wait/spin.h"

#define PATIENCE_MAX   PIPE_PATIENCE
#define PATIENCE_PROBE 32U

static int stay_awake(struct kk_connection *c, unsigned seat, pipe_look *look, uint64_t argument)
{
	uint32_t patience = atomic_load_explicit(&c->patience, memory_order_relaxed), i;
	uint32_t waits = atomic_load_explicit(&c->waits, memory_order_relaxed);
	int rc = 0;
	if (!kk_spin_pays())
		return 0;
	atomic_store_explicit(&c->waits, waits + 1, memory_order_relaxed);
	if (waits % PATIENCE_PROBE == 0)
		patience = PATIENCE_MAX;
	for (i = 0; i < patience && rc == 0; i++) {
		kk_relax();
		rc = look(c, seat, argument);
	}
	patience = rc == 0 ? patience / 2 : patience * 2;
	patience = patience > PATIENCE_MAX ? PATIENCE_MAX : patience;
	atomic_store_explicit(&c->patience, patience, memory_order_relaxed);
	return rc;
}

int pipe_wait(struct kk_connection *c, unsigned seat, pipe_look *look, uint64_t argument, int64_t deadline_ns)
{
	struct kk_event *event = &pipe_own(c)->event;
	unsigned round = 0;
	int rc = look(c, seat, argument);
	if (rc == 0 && deadline_ns != 0)
		rc = stay_awake(c, seat, look, argument);
	while (rc == 0) {
		uint32_t ticket = kk_event_prepare(event);
		rc = look(c, seat, argument);
		if (rc != 0)
			break;
		int slept = kk_family_sleep(c->object.family, event, ticket, deadline_ns, &round);
		rc = look(c, seat, argument);
		rc = rc == 0 ? slept : rc;
	}
	return rc;
}

int64_t pipe_deadline(int timeout_ms)
{
	return timeout_ms == 0 ? 0 : kk_family_deadline(timeout_ms);
}
