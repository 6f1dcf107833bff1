/* SPDX-License-Identifier: Apache-2.0 */
/* One item at a time: take a batch, call the stage for each, hand on, tell those who wait, again.
 *
 * Batches only save hints, wake-ups and looks at the clock; they must not keep work from idle siblings, since what is
 * claimed waits here until all before it is done, and any item may turn out to be slow. Hence
 *   - they grow while the whole batch takes less than a fraction of a millisecond, and after a slow one the worker
 *     takes single items for a while: a stage with an item in a thousand that takes its time never claims ahead
 *   - of what is in the ring a worker with siblings takes a small share, at most a few items
 *   - what has been handed on is announced between two items, if the last announcement is some time ago.
 */
#include "worker/crew.h"

#define FAST_NS UINT64_C(200000)
#define SLOW_NS UINT64_C(1000000)

enum {
	SHARED_BATCH = 8,    /* of a worker with siblings                                  */
	SINGLE_AFTER = 1024, /* items that are taken one by one after a slow batch         */
	LOOK_EVERY = 8       /* items of a fast batch: then the clock is looked at         */
};

static bool work_one(struct worker *worker, uint32_t handle)
{
	struct hand *hand = &worker->hand;
	if (hand_take(hand, worker, handle) < 0) {
		worker_log(worker, KK_LOG_ERROR, "the payload of item %llu is not where its header says",
		           (unsigned long long)hand->item.sequence);
		worker->corrupt = true;
		return false;
	}
	worker_next_call(worker);
	worker_current(worker, CURRENT_ITEM, handle);
	enum kk_verdict verdict = worker->module->process(&worker->context, &hand->item);
	worker_current(worker, CURRENT_NOTHING, 0);
	hand_settle(hand, verdict);
	return deliver(worker, handle, true);
}

static bool work_batch(struct worker *worker, const uint32_t *handles, int count)
{
	const int every = worker_is_fast(worker) ? LOOK_EVERY : 1;
	for (int i = 0; i < count; i++) {
		if (i > 0 && i % every == 0)
			deliver_announce_late(worker);
		if (!work_one(worker, handles[i]))
			return false;
	}
	return true;
}

/* How many items to take at once. */
struct pace {
	int size, single; /* single: items still to be taken one by one */
};

static void keep_pace(struct pace *pace, int count, uint64_t took_ns)
{
	if (took_ns > SLOW_NS)
		*pace = (struct pace){1, SINGLE_AFTER};
	else if (pace->single > 0)
		pace->single -= count;
	else if (took_ns < FAST_NS && count == pace->size && pace->size < KK_BATCH_MAX)
		pace->size *= 2;
	else if (took_ns > FAST_NS && pace->size > 1)
		pace->size /= 2;
}

/* Of what there is, siblings get theirs. */
static int fair_size(const struct worker *worker, const struct pace *pace)
{
	uint64_t workers = worker->stage_plan->workers, share;
	if (workers == 1 || pace->size == 1)
		return pace->size;
	share = kk_ring_count(worker->in) / (2 * workers);
	if (share > SHARED_BATCH)
		share = SHARED_BATCH;
	return share < 1 ? 1 : share < (uint64_t)pace->size ? (int)share : pace->size;
}

int work_line(struct worker *worker)
{
	uint32_t handles[KK_BATCH_MAX];
	struct pace pace = {1, 0};
	int taken;
	worker->may_wait = true;
	for (;;) {
		int size = fair_size(worker, &pace);
		/* A suspect comes by itself, like everything that is inherited. */
		worker->context.alone = handles_alone(&worker->redo);
		taken = worker_take(worker, handles, size);
		if (taken <= 0)
			break;
		if (taken == size && kk_event_waited(kk_ring_items_event(worker->in)))
			kk_ring_announce(worker->in, 1); /* there is probably more than we can carry */
		worker_call_begins(worker);
		bool sound = work_batch(worker, handles, taken);
		uint64_t took_ns = worker_call_ends(worker);
		worker_calls_took(worker, took_ns, (unsigned)taken);
		deliver_announce(worker);
		if (!sound)
			return KK_WORKER_CORRUPT;
		keep_pace(&pace, taken, took_ns);
	}
	return taken == KK_ERR_CLOSED ? KK_WORKER_DRAINED : KK_WORKER_CORRUPT;
}
