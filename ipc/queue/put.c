/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/queue/put.c - putting, and waiting for room. */
#include "queue/layout.h"

#include <limits.h>
#include <string.h>

#define NO_ENTRY KK_ERR_NO_ROOM /* all entries are in the queue or in hands */

/* Who waits for room sleeps for so long until half of the queue is free: in a stream he is then woken once for many
 * items. When that does not come about, items leave slowly enough to wake him for each. */
#define STREAM_NS INT64_C(2000000)

void queue_wake_room(struct queue_side *side)
{
	kk_event_wake(&side->memory->room, INT_MAX, -1);
	if (kk_ring_closed(side->ring[QUEUE_WORK]))
		kk_event_wake(kk_ring_items_event(side->ring[QUEUE_WORK]), INT_MAX, -1);
}

int queue_free(struct queue_side *side, uint32_t handle)
{
	int rc = kk_ring_put(side->ring[QUEUE_FREE], handle, 0);
	/* After K2, which is seq_cst. */
	if (event_is_waited(&side->memory->room))
		queue_wake_room(side);
	return rc == KK_OK ? KK_OK : KK_ERR_CORRUPT;
}

/* An entry that could not be put has looked like an unfinished item for a moment. */
static void say_not_put(struct queue_side *side)
{
	if (side->keeps)
		kk_event_wake(&side->memory->done, INT_MAX, -1);
}

/* ---- one try each */

static int take_entry(struct queue_side *side, uint32_t *handle)
{
	int rc = kk_ring_take(side->ring[QUEUE_FREE], handle, 1);
	if (LIKELY(rc > 0))
		return KK_OK;
	if (rc != KK_ERR_EMPTY)
		return rc;
	return kk_ring_closed(side->ring[QUEUE_WORK]) ? KK_ERR_CLOSED : NO_ENTRY;
}

static void begin(struct queue_side *side, uint32_t handle, size_t bytes)
{
	struct queue_entry *entry = queue_entry_of(side, handle);
	entry->bytes = (uint32_t)bytes;
	entry->deaths = 0;
	/* Before the item can be seen: whoever is killed after that has put something. relaxed: read behind the death.
	 */
	_Atomic uint32_t *producer = &side->memory->producer[side->seat];
	if (UNLIKELY(atomic_load_explicit(producer, memory_order_relaxed) == PRODUCER_NONE))
		atomic_store_explicit(producer, PRODUCER_YES, memory_order_relaxed);
}

static int put_copy(struct queue_side *side, void *arg)
{
	const struct iovec *item = arg;
	uint32_t handle;
	int rc = take_entry(side, &handle);
	if (UNLIKELY(rc < 0))
		return rc;
	begin(side, handle, item->iov_len);
	if (item->iov_len > 0)
		memcpy(queue_data_of(side, handle), item->iov_base, item->iov_len);
	rc = kk_ring_put(side->ring[QUEUE_WORK], handle, 0);
	if (LIKELY(rc == KK_OK)) {
		kk_ring_announce(side->ring[QUEUE_WORK], 1);
	} else if (queue_free(side, handle) == KK_OK) {
		say_not_put(side);
	} else {
		rc = KK_ERR_CORRUPT;
	}
	return rc;
}

static int put_reserved(struct queue_side *side, void *arg)
{
	const struct kk_queue_item *item = arg;
	begin(side, item->number, item->bytes);
	int rc = kk_ring_put(side->ring[QUEUE_WORK], item->number, 0);
	if (rc == KK_OK)
		kk_ring_announce(side->ring[QUEUE_WORK], 1);
	else
		say_not_put(side);
	return rc;
}

static int reserve(struct queue_side *side, void *arg)
{
	return take_entry(side, arg);
}

/* ---- waiting */

/* A try, and what it needs: an unused entry, a place in WORK. */
struct way {
	int (*attempt)(struct queue_side *side, void *arg);
	bool entry, place;
};
static const struct way by_copy = {put_copy, true, true};
static const struct way by_item = {put_reserved, false, true};
static const struct way to_reserve = {reserve, true, false};

struct waiting {
	struct kk_queue *queue;
	struct queue_side *side;
	const struct way *way;
	void *arg;
	int64_t deadline;
	unsigned round;
	bool patient; /* it is no stream: wake me for every bit of room */
};

static bool has_failed(int rc)
{
	return rc == KK_ERR_FULL || rc == NO_ENTRY;
}

static bool has_place(const struct waiting *w, uint32_t more)
{
	return !w->way->place || kk_ring_count(w->side->ring[QUEUE_WORK]) + more < w->queue->plan.capacity;
}

/* Is it worth trying? A try that fails gives its entry back, which wakes who waits: it is not for finding out. */
static bool is_worth_trying(const struct waiting *w)
{
	return (has_place(w, 0) && (!w->way->entry || kk_ring_count(w->side->ring[QUEUE_FREE]) > 0)) ||
	       kk_ring_closed(w->side->ring[QUEUE_WORK]);
}

/* Looks for a little while whether room turns up, enough for some more. */
static void spin(const struct waiting *w)
{
	uint32_t some = w->queue->plan.capacity / 4 < 16 ? w->queue->plan.capacity / 4 : 16;
	for (int i = 0; i < w->queue->spins && !(has_place(w, some) && is_worth_trying(w)); i++) {
		for (int j = 0; j < 4; j++)
			kk_relax();
	}
}

/* Until half of a full queue is free, for a short time. */
static void sleep_in_stream(struct waiting *w, struct kk_event *half)
{
	int64_t limit = STREAM_NS;
	uint32_t ticket = kk_event_prepare(half);
	if (is_worth_trying(w))
		return;
	if (w->deadline >= 0) {
		int64_t left = w->deadline - kk_family_now();
		limit = left < limit ? left : limit;
	}
	if (limit <= 0 || kk_event_sleep(half, ticket, limit) < 0)
		w->patient = true;
}

/* True: the time is up. */
static bool sleep_for_room(struct waiting *w)
{
	struct kk_event *room = &w->side->memory->room;
	uint32_t ticket = kk_event_prepare(room);
	return !is_worth_trying(w) &&
	       kk_family_sleep(w->queue->object.family, room, ticket, w->deadline, &w->round) == KK_ERR_TIMEOUT;
}

static __attribute__((noinline)) int wait_to_put(struct waiting *w, int timeout_ms)
{
	int rc = KK_ERR_FULL;
	if (timeout_ms == 0)
		return rc;
	w->deadline = kk_family_deadline(timeout_ms);
	spin(w);
	for (bool late = false; has_failed(rc) && !late;) {
		if (!has_place(w, 0) && !w->patient)
			sleep_in_stream(w, kk_ring_room_event(w->side->ring[QUEUE_WORK]));
		else
			late = sleep_for_room(w);
		if (is_worth_trying(w))
			rc = w->way->attempt(w->side, w->arg);
	}
	return has_failed(rc) ? KK_ERR_TIMEOUT : rc;
}

static int attempt(struct kk_queue *queue, struct queue_side *side, const struct way *way, void *arg, int timeout_ms)
{
	int rc = way->attempt(side, arg);
	if (UNLIKELY(has_failed(rc))) {
		struct waiting w = {.queue = queue, .side = side, .way = way, .arg = arg};
		rc = wait_to_put(&w, timeout_ms);
	}
	return rc;
}

/* ---- public */

int kk_queue_put(struct kk_queue *queue, const void *data, size_t bytes, int timeout_ms)
{
	struct queue_side *side;
	struct iovec item = {(void *)(uintptr_t)data, bytes};
	if (bytes > queue->plan.item_max)
		return KK_ERR_INVALID;
	int rc = queue_side_of(queue, &side);
	return rc < 0 ? rc : attempt(queue, side, &by_copy, &item, timeout_ms);
}

/* Puts what there are entries and room for without waiting; tells the getters once. How many, or the error. */
static int put_some(struct queue_side *side, const struct iovec *items, int count)
{
	uint32_t handle[QUEUE_BATCH];
	int put = 0, rc = KK_OK;
	int taken = kk_ring_take(side->ring[QUEUE_FREE], handle, count < QUEUE_BATCH ? count : QUEUE_BATCH);
	for (int i = 0; i < taken; i++) {
		if (rc == KK_OK) {
			begin(side, handle[i], items[i].iov_len);
			if (items[i].iov_len > 0)
				memcpy(queue_data_of(side, handle[i]), items[i].iov_base, items[i].iov_len);
			rc = kk_ring_put(side->ring[QUEUE_WORK], handle[i], 0);
			put += rc == KK_OK;
		}
		if (rc != KK_OK && queue_free(side, handle[i]) < 0)
			rc = KK_ERR_CORRUPT;
	}
	if (put > 0)
		kk_ring_announce(side->ring[QUEUE_WORK], put);
	if (rc != KK_OK)
		say_not_put(side);
	return rc == KK_ERR_CORRUPT ? rc : put;
}

int kk_queue_put_many(struct kk_queue *queue, const struct iovec *items, int count, int timeout_ms)
{
	struct queue_side *side;
	int put = 0;
	for (int i = 0; i < count; i++)
		if (items[i].iov_len > queue->plan.item_max)
			return KK_ERR_INVALID;
	int rc = queue_side_of(queue, &side);
	while (rc == KK_OK && put < count) {
		int some = put_some(side, &items[put], count - put);
		if (some > 0) {
			put += some;
		} else if (some < 0) {
			rc = some;
		} else {
			struct iovec item = items[put];
			rc = attempt(queue, side, &by_copy, &item, timeout_ms);
			put += rc == KK_OK;
		}
	}
	return put > 0 ? put : rc;
}

int kk_queue_reserve(struct kk_queue *queue, struct kk_queue_item *item, int timeout_ms)
{
	struct queue_side *side;
	uint32_t handle;
	int rc = queue_side_of(queue, &side);
	if (rc == KK_OK)
		rc = attempt(queue, side, &to_reserve, &handle, timeout_ms);
	if (rc == KK_OK)
		*item = (struct kk_queue_item){.data = queue_data_of(side, handle),
		                               .bytes = queue->plan.item_max,
		                               .tag = kk_table_own_word(side->table, handle),
		                               .number = handle};
	return rc;
}

int queue_holds(const struct queue_side *side, const struct kk_queue_item *item)
{
	if (item->number >= side->items || kk_table_own_word(side->table, item->number) != item->tag)
		return KK_ERR_NOT_OWNER;
	struct kk_own own = kk_table_own(side->table, item->number);
	bool held = own.state == KK_OWN_CLAIMED || own.state == KK_OWN_COMMIT;
	return held && own.role == side->seat ? KK_OK : KK_ERR_NOT_OWNER;
}

static int reserved_side(struct kk_queue *queue, const struct kk_queue_item *item, struct queue_side **side)
{
	int rc = queue_side_of(queue, side);
	if (rc == KK_OK)
		rc = queue_holds(*side, item);
	if (rc == KK_OK && kk_table_own((*side)->table, item->number).ring != QUEUE_FREE)
		rc = KK_ERR_NOT_OWNER;
	return rc;
}

int kk_queue_put_item(struct kk_queue *queue, const struct kk_queue_item *item, int timeout_ms)
{
	struct queue_side *side;
	struct kk_queue_item copy = *item;
	if (item->bytes > queue->plan.item_max)
		return KK_ERR_INVALID;
	int rc = reserved_side(queue, item, &side);
	return rc < 0 ? rc : attempt(queue, side, &by_item, &copy, timeout_ms);
}

int kk_queue_cancel(struct kk_queue *queue, const struct kk_queue_item *item)
{
	struct queue_side *side;
	int rc = reserved_side(queue, item, &side);
	return rc < 0 ? rc : queue_free(side, item->number);
}

int kk_queue_producer(struct kk_queue *queue)
{
	struct queue_side *side;
	int rc = queue_side_of(queue, &side);
	if (rc == KK_OK)
		atomic_store_explicit(&side->memory->producer[side->seat], PRODUCER_YES, memory_order_relaxed);
	return rc;
}

int kk_queue_shutdown(struct kk_queue *queue)
{
	struct queue_side *side = queue->looker;
	int rc = kk_ring_close(side->ring[QUEUE_WORK]);
	/* Who waits for room has to be told, too; who waits for items was. */
	kk_event_wake_all(kk_ring_room_event(side->ring[QUEUE_WORK]), -1);
	kk_event_wake_all(&side->memory->room, -1);
	kk_event_wake_all(&side->memory->done, -1);
	return rc == KK_OK ? KK_OK : KK_ERR_CORRUPT;
}
