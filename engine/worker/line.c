/* SPDX-License-Identifier: Apache-2.0 */
/* One item at a time: take a batch, call the stage for each, hand on, tell those who wait, again.
 *
 * Batches only save hints and wake-ups; they must not keep work from idle siblings. Hence they grow while the whole
 * batch takes less than a fraction of a millisecond, and fall back to single items for a stage that really works.
 */
#include "worker/crew.h"

#define FAST_NS UINT64_C(200000)
#define SLOW_NS UINT64_C(1000000)

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
	for (int i = 0; i < count; i++)
		if (!work_one(worker, handles[i]))
			return false;
	return true;
}

static int next_size(int size, int count, uint64_t took_ns)
{
	if (took_ns > SLOW_NS)
		return size > 1 ? size / 2 : 1;
	if (took_ns < FAST_NS && count == size && size < KK_BATCH_MAX)
		return size * 2;
	return size;
}

/* Takes up to `size` items, inherited ones first, each of those by itself. Sleeps while there are none. */
static int take(struct worker *worker, uint32_t *handles, int size)
{
	int64_t inherited = handles_shift(&worker->redo);
	if (inherited < 0)
		inherited = handles_shift(&worker->solo);
	if (inherited >= 0) {
		handles[0] = (uint32_t)inherited;
		return 1;
	}
	for (;;) {
		int taken = kk_ring_take(worker->in, handles, size);
		if (taken != KK_ERR_EMPTY)
			return taken;
		deliver_announce(worker);
		worker_publish_counters(worker);
		uint32_t ticket = kk_event_prepare(kk_ring_items_event(worker->in));
		taken = kk_ring_take(worker->in, handles, size);
		if (taken != KK_ERR_EMPTY)
			return taken;
		worker_sleep(worker, kk_ring_items_event(worker->in), ticket);
	}
}

int work_line(struct worker *worker)
{
	uint32_t handles[KK_BATCH_MAX];
	int size = 1, taken;
	worker->may_wait = true;
	while ((taken = take(worker, handles, size)) > 0) {
		if (taken == size && kk_event_waited(kk_ring_items_event(worker->in)))
			kk_ring_announce(worker->in, 1); /* there is probably more than we can carry */
		worker_call_begins(worker);
		bool sound = work_batch(worker, handles, taken);
		uint64_t took_ns = worker_call_ends(worker);
		worker_calls_took(worker, took_ns, (unsigned)taken);
		deliver_announce(worker);
		if (!sound)
			return KK_WORKER_CORRUPT;
		size = next_size(size, taken, took_ns);
	}
	return taken == KK_ERR_CLOSED ? KK_WORKER_DRAINED : KK_WORKER_CORRUPT;
}
