/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/queue/get.c - getting, being through with what was got, and the end of a queue. */
#include "queue/layout.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

/* ---- taking */

int queue_back(struct queue_side *side, uint32_t handle)
{
	int rc = kk_ring_put(side->ring[QUEUE_BACK], handle, 0);
	if (rc == KK_OK)
		kk_ring_announce(side->ring[QUEUE_BACK], 1);
	queue_tell_room(side);
	return rc == KK_OK ? KK_OK : KK_ERR_CORRUPT;
}

static inline int take(struct queue_side *side, uint32_t *handles, int max)
{
	int taken = kk_ring_take(side->ring[QUEUE_BACK], handles, max);
	return taken != KK_ERR_EMPTY ? taken : kk_ring_take(side->ring[QUEUE_WORK], handles, max);
}

/* Behind the sentinel: may something still come back? Not for one who holds such an item himself: others may wait for
 * him. Once an entry is through it stays so, nothing is put any more; so one look at each will do. */
static bool may_come_back(const struct kk_queue *queue, const struct queue_side *side)
{
	bool others = false;
	for (uint32_t handle = 0; handle < side->items; handle++) {
		struct kk_own own = kk_table_own(side->table, handle);
		if (own.ring != QUEUE_WORK && own.ring != QUEUE_BACK)
			continue;
		bool comes = own.state == KK_OWN_CLAIMED || (own.state == KK_OWN_COMMIT && queue->plan.redeliver > 0);
		if (comes && own.role == side->seat)
			return false;
		others = others || comes || (own.state == KK_OWN_QUEUED && own.ring == QUEUE_BACK);
	}
	return others;
}

/* Takes, also at the end. How many; KK_ERR_EMPTY: `event` tells when it is worth looking again; KK_ERR_CLOSED. */
static int look(const struct kk_queue *queue, struct queue_side *side, uint32_t *handles, int max,
                struct kk_event **event)
{
	*event = kk_ring_items_event(side->ring[QUEUE_WORK]);
	int taken = take(side, handles, max);
	if (taken != KK_ERR_CLOSED)
		return taken;
	taken = take(side, handles, max);
	if (taken == KK_ERR_CLOSED)
		taken = kk_ring_take(side->ring[QUEUE_LATE], handles, max);
	if (taken != KK_ERR_EMPTY)
		return taken;
	*event = &side->memory->room;
	return may_come_back(queue, side) ? KK_ERR_EMPTY : KK_ERR_CLOSED;
}

/* For kk_wait_any: would a get that does not wait find something, or the end? */
static bool is_ready(void *object)
{
	struct kk_queue *queue = object;
	struct queue_side *side;
	if (kk_queue_size(queue) > 0)
		return true;
	if (!kk_ring_closed(queue->looker->ring[QUEUE_WORK]))
		return false;
	/* P1, of which whoever is through with an item makes a wake-up of the items' event: queue_tell_room. */
	(void)kk_event_prepare(&queue->looker->memory->room);
	/* An error is something to be told, too. */
	return queue_side_of(queue, &side) < 0 || kk_queue_size(queue) > 0 || !may_come_back(queue, side);
}

struct kk_waitable kk_queue_waitable(struct kk_queue *queue)
{
	return (struct kk_waitable){.object = queue,
	                            .ready = is_ready,
	                            .event = kk_ring_items_event(queue->looker->ring[QUEUE_WORK]),
	                            .family = queue->object.family,
	                            .fd = -1};
}

static int spin(const struct kk_queue *queue, struct queue_side *side, uint32_t *handles, int max)
{
	int taken = KK_ERR_EMPTY;
	for (int i = 0; taken == KK_ERR_EMPTY && i < queue->spins; i++) {
		for (int j = 0; j < 4; j++)
			kk_relax();
		taken = take(side, handles, max);
	}
	return taken;
}

static __attribute__((noinline)) int wait_to_take(struct kk_queue *queue, struct queue_side *side, uint32_t *handles,
                                                  int max, int timeout_ms)
{
	struct kk_event *event, *on;
	unsigned round = 0;
	int taken = look(queue, side, handles, max, &on);
	if (taken != KK_ERR_EMPTY || timeout_ms == 0)
		return taken;
	int64_t deadline = kk_family_deadline(timeout_ms);
	taken = spin(queue, side, handles, max);
	if (taken > 0)
		return taken;
	for (bool late = false;;) {
		uint32_t ticket = kk_event_prepare(on);
		taken = look(queue, side, handles, max, &event);
		if (taken != KK_ERR_EMPTY)
			return taken;
		if (late)
			return KK_ERR_TIMEOUT;
		if (event == on)
			late = kk_family_sleep(queue->object.family, on, ticket, deadline, &round) == KK_ERR_TIMEOUT;
		on = event;
	}
}

static inline int take_waiting(struct kk_queue *queue, struct queue_side *side, uint32_t *handles, int max,
                               int timeout_ms)
{
	int taken = take(side, handles, max);
	return LIKELY(taken > 0) ? taken : wait_to_take(queue, side, handles, max, timeout_ms);
}

/* ---- delivering */

static bool has_held(const struct queue_side *side)
{
	return side->held_first != QUEUE_NONE && kk_table_own_word(side->table, side->held_first) == side->held_tag;
}

/* Delivered: from now on a death with it is a consumer's, who had it. */
static void keep(struct queue_side *side, uint32_t handle)
{
	kk_table_commit(side->table, handle);
	/* There is room in the queue; who waits for the end may have seen it undelivered. */
	queue_tell_room(side);
}

/* Puts a kept entry behind the others that this seat holds. */
static void remember(struct queue_side *side, uint32_t handle)
{
	uint64_t tag = kk_table_own_word(side->table, handle);
	queue_entry_of(side, handle)->next = QUEUE_NONE;
	if (has_held(side)) {
		struct queue_entry *last = queue_entry_of(side, side->held_last);
		last->next = handle;
		last->next_tag = tag;
	} else {
		side->held_first = handle;
		side->held_tag = tag;
	}
	side->held_last = handle;
}

/* A note: tells of a death. */
static int tell(struct queue_side *side, uint32_t handle)
{
	const struct queue_note *note = kk_table_entry(side->table, handle);
	side->casualty = (struct kk_casualty){.pid = (pid_t)note->pid, .seat = note->seat};
	memcpy(side->casualty.name, note->name, sizeof(note->name));
	side->casualty.name[KK_NAME_MAX] = '\0';
	side->told = gettid();
	int rc = kk_ring_put(side->ring[QUEUE_NOTES], handle, 0);
	/* It stood in the place of an item. */
	queue_tell_room(side);
	return rc == KK_OK ? KK_ERR_DIED : KK_ERR_CORRUPT;
}

/* What a taken entry is worth for who has `room` bytes: KK_OK, or why it is not delivered and what to return. */
static int inspect(struct queue_side *side, uint32_t handle, size_t room)
{
	if (UNLIKELY(queue_is_note(side, handle)))
		return KK_ERR_DIED;
	uint32_t bytes = queue_entry_of(side, handle)->bytes;
	if (UNLIKELY(bytes > side->item_max))
		return KK_ERR_CORRUPT;
	return LIKELY(bytes <= room) ? KK_OK : KK_ERR_NO_ROOM;
}

/* Copies an entry that passed inspection. Its bytes. */
static size_t copy_out(struct queue_side *side, uint32_t handle, void *to)
{
	uint32_t bytes = queue_entry_of(side, handle)->bytes;
	if (bytes > 0)
		memcpy(to, queue_data_of(side, handle), bytes);
	return bytes;
}

/* After copying: the entry is kept until it is done, or unused at once. */
static int settle(struct queue_side *side, uint32_t handle)
{
	if (!side->keeps)
		return queue_free(side, handle);
	keep(side, handle);
	remember(side, handle);
	return KK_OK;
}

static int refuse(struct queue_side *side, uint32_t handle, int why)
{
	if (why == KK_ERR_DIED)
		return tell(side, handle);
	return queue_back(side, handle) == KK_OK ? why : KK_ERR_CORRUPT;
}

int64_t kk_queue_get(struct kk_queue *queue, void *to, size_t room, int timeout_ms)
{
	struct queue_side *side;
	uint32_t handle;
	int rc = queue_side_of(queue, &side);
	if (UNLIKELY(rc != KK_OK))
		return rc;
	rc = take_waiting(queue, side, &handle, 1, timeout_ms);
	if (UNLIKELY(rc < 0))
		return rc;
	rc = inspect(side, handle, room);
	if (UNLIKELY(rc < 0))
		return refuse(side, handle, rc);
	size_t bytes = copy_out(side, handle, to);
	rc = settle(side, handle);
	return rc < 0 ? rc : (int64_t)bytes;
}

/* Delivers what was taken, up to the first entry that cannot be: that one and those behind it go back, in order. */
static int deliver_many(struct queue_side *side, const uint32_t *handle, int taken, struct iovec *items)
{
	int got = 0, rc = KK_OK;
	while (got < taken && rc == KK_OK) {
		rc = inspect(side, handle[got], items[got].iov_len);
		if (rc == KK_OK) {
			items[got].iov_len = copy_out(side, handle[got], items[got].iov_base);
			rc = settle(side, handle[got]);
			got++;
		}
	}
	for (int i = got; i < taken; i++) {
		if (i == 0 && rc == KK_ERR_DIED)
			rc = tell(side, handle[i]);
		else if (queue_back(side, handle[i]) < 0)
			rc = KK_ERR_CORRUPT;
	}
	return got > 0 && rc != KK_ERR_CORRUPT ? got : rc;
}

int kk_queue_get_many(struct kk_queue *queue, struct iovec *items, int count, int timeout_ms)
{
	struct queue_side *side;
	uint32_t handle[QUEUE_BATCH];
	int got = 0, rc = count > 0 ? queue_side_of(queue, &side) : KK_ERR_INVALID;
	while (rc >= 0 && got < count) {
		int max = count - got < QUEUE_BATCH ? count - got : QUEUE_BATCH;
		rc = got == 0 ? take_waiting(queue, side, handle, max, timeout_ms) : take(side, handle, max);
		if (rc > 0) {
			int taken = rc;
			rc = deliver_many(side, handle, taken, &items[got]);
			got += rc > 0 ? rc : 0;
			if (rc != taken)
				break;
		}
	}
	return got > 0 ? got : rc;
}

int kk_queue_get_item(struct kk_queue *queue, struct kk_queue_item *item, int timeout_ms)
{
	struct queue_side *side;
	uint32_t handle;
	int rc = queue_side_of(queue, &side);
	if (rc != KK_OK)
		return rc;
	rc = take_waiting(queue, side, &handle, 1, timeout_ms);
	if (rc < 0)
		return rc;
	rc = inspect(side, handle, side->item_max);
	if (rc < 0)
		return refuse(side, handle, rc);
	const struct queue_entry *entry = queue_entry_of(side, handle);
	if (side->keeps)
		keep(side, handle);
	else
		queue_tell_room(side);
	*item = (struct kk_queue_item){.data = queue_data_of(side, handle),
	                               .bytes = entry->bytes,
	                               .tag = kk_table_own_word(side->table, handle),
	                               .number = handle,
	                               .deaths = (uint32_t)(entry->deaths >> 48)};
	return KK_OK;
}

/* ---- being through */

/* Items that wait in the queue, without the notes among them; perhaps a few less. */
static bool has_items(const struct queue_side *side)
{
	uint64_t notes = kk_table_entries(side->table) - side->items;
	uint64_t away = notes - kk_ring_count(side->ring[QUEUE_NOTES]);
	return kk_ring_count(side->ring[QUEUE_BACK]) + kk_ring_count(side->ring[QUEUE_WORK]) > away;
}

static int finish(struct queue_side *side, uint32_t handle)
{
	int rc = queue_free(side, handle);
	/* As long as items wait, the last of those who do them will tell. */
	if (event_is_waited(&side->memory->done) && !has_items(side))
		kk_event_wake(&side->memory->done, INT_MAX, -1);
	return rc;
}

static int got_side(struct kk_queue *queue, const struct kk_queue_item *item, struct queue_side **side)
{
	int rc = queue_side_of(queue, side);
	if (rc == KK_OK)
		rc = queue_holds(*side, item);
	if (rc == KK_OK && kk_table_own((*side)->table, item->number).ring == QUEUE_FREE)
		rc = KK_ERR_NOT_OWNER;
	return rc;
}

int kk_queue_done(struct kk_queue *queue, const struct kk_queue_item *item)
{
	struct queue_side *side;
	int rc = got_side(queue, item, &side);
	return rc < 0 ? rc : finish(side, item->number);
}

int kk_queue_give_back(struct kk_queue *queue, const struct kk_queue_item *item)
{
	struct queue_side *side;
	int rc = got_side(queue, item, &side);
	return rc < 0 ? rc : queue_back(side, item->number);
}

int kk_queue_task_done(struct kk_queue *queue)
{
	struct queue_side *side;
	if (!queue->plan.joinable)
		return KK_ERR_INVALID;
	int rc = queue_side_of(queue, &side);
	if (rc < 0)
		return rc;
	if (!has_held(side))
		return KK_ERR_NOT_OWNER;
	uint32_t handle = side->held_first;
	const struct queue_entry *entry = queue_entry_of(side, handle);
	side->held_first = entry->next < side->items ? entry->next : QUEUE_NONE;
	side->held_tag = entry->next_tag;
	return finish(side, handle);
}

int kk_queue_casualty(struct kk_queue *queue, struct kk_casualty *casualty)
{
	struct queue_side *side;
	int rc = queue_side_of(queue, &side);
	if (rc == KK_OK && side->told != gettid())
		rc = KK_ERR_MISSING;
	if (rc == KK_OK)
		*casualty = side->casualty;
	return rc;
}

/* ---- joining */

/* The first entry from `from` on, around all of them, that is an unfinished item; QUEUE_NONE: there is none. */
static uint32_t find_unfinished(const struct queue_side *side, uint32_t from)
{
	for (uint32_t i = 0; i < side->items; i++) {
		uint32_t handle = from + i < side->items ? from + i : from + i - side->items;
		struct kk_own own = kk_table_own(side->table, handle);
		if ((own.ring == QUEUE_WORK || own.ring == QUEUE_BACK) && own.state != KK_OWN_IDLE)
			return handle;
	}
	return QUEUE_NONE;
}

/* If no put came between and each entry was seen finished, then all were at the end of the look: what is finished
 * becomes unfinished only by a put. */
static bool all_finished(const struct queue_side *side, uint32_t *from)
{
	uint64_t puts = kk_ring_puts(side->ring[QUEUE_WORK]), before;
	do {
		uint32_t found = find_unfinished(side, *from);
		if (found != QUEUE_NONE) {
			*from = found;
			return false;
		}
		before = puts;
		puts = kk_ring_puts(side->ring[QUEUE_WORK]);
	} while (puts != before);
	return true;
}

int kk_queue_join(struct kk_queue *queue, int timeout_ms)
{
	const struct queue_side *side = queue->looker;
	int64_t deadline = kk_family_deadline(timeout_ms);
	uint32_t from = 0;
	unsigned round = 0;
	if (!queue->plan.joinable)
		return KK_ERR_INVALID;
	for (bool late = timeout_ms == 0;;) {
		uint32_t ticket = kk_event_prepare(&side->memory->done);
		if (all_finished(side, &from))
			return kk_ring_puts(side->ring[QUEUE_LOST]) > 0 ? KK_OWNER_DIED : KK_OK;
		if (late)
			return KK_ERR_TIMEOUT;
		late = kk_family_sleep(queue->object.family, &side->memory->done, ticket, deadline, &round) ==
		       KK_ERR_TIMEOUT;
	}
}
