/* SPDX-License-Identifier: Apache-2.0 */
/* The way of working of an ordering stage: takes whatever comes, keeps it until its turn has come, hands it on.
 *
 * It calls no stage. What it keeps is CLAIMED and named by nothing else, so its heir finds it in the table and goes on;
 * what its predecessor had begun to hand on, at most one item, was the oldest, and is handed on before anything else.
 * It takes more than it can hand on, so the ring that it reads from is never full for long; there cannot be more in
 * its hands than there are headers. Asleep, it is woken by what comes and by whoever ends an item on the way here.
 */
#include "worker/crew.h"
#include <stdlib.h>

struct kept {
	uint64_t sequence;
	uint32_t handle;
};

/* A heap: the oldest first. */
struct order {
	struct worker *worker;
	struct kept *kept;
	uint32_t count, room;
};

static bool is_older(const struct order *order, uint32_t a, uint32_t b)
{
	return order->kept[a].sequence < order->kept[b].sequence;
}

static void swap(struct order *order, uint32_t a, uint32_t b)
{
	struct kept other = order->kept[a];
	order->kept[a] = order->kept[b];
	order->kept[b] = other;
}

static bool keep(struct order *order, uint32_t handle)
{
	struct worker *worker = order->worker;
	if (order->count == order->room) {
		worker->corrupt = true; /* there are no more headers than that */
		return false;
	}
	uint32_t at = order->count++;
	order->kept[at] = (struct kept){run_head(worker->run, handle)->sequence, handle};
	for (; at > 0 && is_older(order, at, (at - 1) / 2); at = (at - 1) / 2)
		swap(order, at, (at - 1) / 2);
	return true;
}

static void drop_oldest(struct order *order)
{
	order->kept[0] = order->kept[--order->count];
	for (uint32_t at = 0, least;; at = least) {
		least = at;
		for (uint32_t below = 2 * at + 1; below <= 2 * at + 2 && below < order->count; below++)
			if (is_older(order, below, least))
				least = below;
		if (least == at)
			return;
		swap(order, at, least);
	}
}

/* Everything that is there. True: there was something. */
static bool take_all(struct order *order, bool *closed)
{
	struct worker *worker = order->worker;
	uint32_t handles[KK_BATCH_MAX];
	bool moved = false;
	int taken = 1;
	for (int64_t handle; (handle = handles_shift(&worker->redo)) >= 0; moved = true)
		if (!keep(order, (uint32_t)handle))
			return false;
	while (taken > 0 && !worker->corrupt) {
		taken = kk_ring_take(worker->in, handles, KK_BATCH_MAX);
		for (int i = 0; i < taken && keep(order, handles[i]); i++)
			moved = true;
	}
	if (taken == KK_ERR_CORRUPT)
		worker->corrupt = true;
	*closed = taken == KK_ERR_CLOSED;
	return moved;
}

static bool hand_on(struct worker *worker, uint32_t handle)
{
	if (hand_take(&worker->hand, worker, handle) < 0) {
		worker_log(worker, KK_LOG_ERROR, "the payload of item %llu is not where its header says",
		           (unsigned long long)worker->hand.item.sequence);
		worker->corrupt = true;
		return false;
	}
	hand_settle(&worker->hand, KK_PASS);
	return deliver(worker, handle, true);
}

/* All whose turn it is. True: there was one. */
static bool hand_on_all(struct order *order)
{
	struct worker *worker = order->worker;
	bool moved = false;
	while (order->count > 0 && !worker->corrupt &&
	       turn_has_come(worker, order->kept[0].sequence, order->kept[0].handle)) {
		moved = true;
		if (hand_on(worker, order->kept[0].handle))
			drop_oldest(order);
	}
	return moved;
}

static int keep_order(struct order *order)
{
	struct worker *worker = order->worker;
	struct kk_event *event = kk_ring_items_event(worker->in);
	bool prepared = false, closed = false, late = false;
	uint32_t ticket = 0;
	while (!worker->corrupt) {
		bool moved = take_all(order, &closed);
		moved = hand_on_all(order) || moved;
		if (moved && late)
			worker_late(worker);
		late = false;
		if (moved) {
			prepared = false;
			continue;
		}
		worker->now.in_flight = order->count;
		deliver_announce(worker);
		worker_publish_counters(worker);
		if (closed && order->count == 0)
			return KK_WORKER_DRAINED;
		if (prepared)
			late = worker_sleep(worker, event, ticket);
		else
			ticket = kk_event_prepare(event);
		prepared = !prepared;
	}
	return KK_WORKER_CORRUPT;
}

int work_order(struct worker *worker)
{
	struct order order = {.worker = worker, .room = worker->plan->groups * worker->plan->lanes};
	order.kept = calloc(order.room, sizeof(*order.kept));
	if (!order.kept)
		return KK_WORKER_CANNOT;
	int status = keep_order(&order);
	free(order.kept);
	return status;
}
