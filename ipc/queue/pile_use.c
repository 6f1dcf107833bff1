/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/queue/pile_use.c - what is done with a pile: each a short stay under its guard, with waits in between. */
#include "queue/layout.h"
#include "queue/pile.h"

#include <limits.h>
#include <string.h>

/* Who does not want to wait waits for the guard all the same, but not for one that was stopped with it. */
#define GUARD_NS INT64_C(1000000000)

/* An operation: what to do under the guard, what to wait for if that says `again`. */
struct deed {
	int (*act)(struct pile *pile, unsigned seat, struct deed *deed);
	int again;              /* the answer that means: not yet */
	struct kk_event *event; /* to wait for then; NULL: every answer is final */
	int64_t priority;
	void *data;
	size_t bytes;
	uint64_t id;
	bool take;
};

static uint32_t waiting(const struct pile *pile)
{
	return atomic_load_explicit(&pile->memory->waiting, memory_order_relaxed);
}

static int act_once(struct pile *pile, unsigned seat, struct deed *deed, int64_t deadline)
{
	int rc = pile_enter(pile, seat, deadline);
	if (rc < 0)
		return rc;
	rc = deed->act(pile, seat, deed);
	pile_leave(pile);
	return rc;
}

static __attribute__((noinline)) int wait_and_act(struct pile *pile, unsigned seat, struct deed *deed, int timeout_ms)
{
	int64_t deadline = kk_family_deadline(timeout_ms), grace = deadline < 0 ? -1 : deadline + GUARD_NS;
	unsigned round = 0;
	for (bool late = false;;) {
		uint32_t ticket = kk_event_prepare(deed->event);
		int rc = act_once(pile, seat, deed, grace);
		if (rc != deed->again)
			return rc;
		if (late)
			return KK_ERR_TIMEOUT;
		late = kk_family_sleep(pile->object.family, deed->event, ticket, deadline, &round) == KK_ERR_TIMEOUT;
	}
}

static int act(struct pile *pile, struct deed *deed, int timeout_ms)
{
	int seat = kk_family_seat(pile->object.family);
	if (seat < 0)
		return seat;
	int rc = act_once(pile, (unsigned)seat, deed, timeout_ms < 0 ? -1 : kk_family_now() + GUARD_NS);
	if (!deed->event || rc != deed->again || timeout_ms == 0)
		return rc;
	for (int i = 0; deed->again == KK_ERR_EMPTY && i < pile->spins && waiting(pile) == 0; i++)
		kk_relax();
	return wait_and_act(pile, (unsigned)seat, deed, timeout_ms);
}

/* After leaving the guard, whose release stands before this look. */
static void wake(struct kk_event *event, int count)
{
	if (event_is_waited(event))
		kk_event_wake(event, count, -1);
}

static void *data_of(const struct pile *pile, uint32_t number)
{
	return pile->data ? pile->data + number * pile->plan.data_stride : pile_entry_of(pile, number)->data;
}

/* ---- putting */

static uint64_t make_id(const struct pile *pile, uint32_t number)
{
	return pile_generation_of(pile_look(pile, number)) << 32 | (number + UINT64_C(1));
}

static int put_under_guard(struct pile *pile, unsigned seat, struct deed *deed)
{
	struct pile_memory *m = pile->memory;
	(void)seat;
	if (atomic_load(&m->shut))
		return KK_ERR_CLOSED;
	if (waiting(pile) >= pile->plan.capacity)
		return KK_ERR_FULL;
	uint32_t number = pile_unused(pile);
	if (number == PILE_NONE)
		return KK_ERR_FULL;
	struct pile_entry *entry = pile_entry_of(pile, number);
	entry->priority = deed->priority;
	entry->sequence = m->sequence++;
	entry->bytes = (uint32_t)deed->bytes;
	if (deed->bytes > 0)
		memcpy(data_of(pile, number), deed->data, deed->bytes);
	/* From here on it is there. */
	pile_store(pile, number, pile_begin(pile_look(pile, number), PILE_WAITING));
	pile_insert(pile, number);
	deed->id = make_id(pile, number);
	return KK_OK;
}

int pile_put(struct pile *pile, int64_t priority, const void *data, size_t bytes, int timeout_ms, uint64_t *id)
{
	struct deed deed = {.act = put_under_guard,
	                    .again = KK_ERR_FULL,
	                    .event = &pile->memory->room,
	                    .priority = priority,
	                    .data = (void *)(uintptr_t)data,
	                    .bytes = bytes};
	if (bytes > pile->plan.item_max)
		return KK_ERR_INVALID;
	int rc = act(pile, &deed, timeout_ms);
	if (rc == KK_OK) {
		wake(&pile->memory->items, 1);
		if (id)
			*id = deed.id;
	}
	return rc;
}

/* ---- getting */

static bool has_held(const struct pile *pile, unsigned seat)
{
	const struct pile_hold *hold = &pile->hold[seat];
	return hold->first != PILE_NONE && pile_look(pile, hold->first) == hold->tag;
}

static void remember(struct pile *pile, unsigned seat, uint32_t number)
{
	struct pile_hold *hold = &pile->hold[seat];
	uint64_t tag = pile_look(pile, number);
	pile_entry_of(pile, number)->next = PILE_NONE;
	if (has_held(pile, seat)) {
		struct pile_entry *last = pile_entry_of(pile, hold->last);
		last->next = number;
		last->next_tag = tag;
	} else {
		hold->first = number;
		hold->tag = tag;
	}
	hold->last = number;
}

/* Nothing waits: is this the end? Not while others have what would come back; but who has such an item himself does not
 * wait for them, they may wait for him. */
static int nothing(struct pile *pile, unsigned seat)
{
	const struct pile_memory *m = pile->memory;
	bool may_come_back = pile->plan.redeliver > 0 && m->held > 0 && !has_held(pile, seat);
	return atomic_load(&m->shut) && !may_come_back ? KK_ERR_CLOSED : KK_ERR_EMPTY;
}

static int get_under_guard(struct pile *pile, unsigned seat, struct deed *deed)
{
	uint32_t number = pile_first(pile);
	if (number == PILE_NONE)
		return nothing(pile, seat);
	const struct pile_entry *entry = pile_entry_of(pile, number);
	uint64_t word = pile_look(pile, number);
	if (entry->bytes > pile->plan.item_max)
		return KK_ERR_CORRUPT;
	deed->priority = entry->priority;
	deed->id = make_id(pile, number);
	if (entry->bytes > deed->bytes)
		return KK_ERR_NO_ROOM;
	deed->bytes = entry->bytes;
	if (entry->bytes > 0)
		memcpy(deed->data, data_of(pile, number), entry->bytes);
	if (!deed->take)
		return KK_OK;
	/* From here on it is ours. */
	pile_store(pile, number,
	           pile->plan.joinable ? pile_become(word, PILE_HELD, seat) : pile_begin(word, PILE_FREE));
	pile_pop(pile, !pile->plan.joinable);
	if (pile->plan.joinable)
		remember(pile, seat, number);
	return KK_OK;
}

int64_t pile_get(struct pile *pile, int64_t *priority, void *to, size_t room, int timeout_ms, bool take, uint64_t *id)
{
	struct deed deed = {.act = get_under_guard,
	                    .again = KK_ERR_EMPTY,
	                    .event = &pile->memory->items,
	                    .data = to,
	                    .bytes = room,
	                    .take = take};
	int rc = act(pile, &deed, timeout_ms);
	/* Who leaves the item there may have been woken for it in the place of another. */
	if (rc == KK_ERR_NO_ROOM || (rc == KK_OK && !take))
		wake(&pile->memory->items, 1);
	if (rc < 0)
		return rc;
	if (take)
		wake(&pile->memory->room, 1);
	if (priority)
		*priority = deed.priority;
	if (id)
		*id = deed.id;
	return (int64_t)deed.bytes;
}

/* ---- changing what waits */

/* The entry that an id names, if it waits. */
static uint32_t find(const struct pile *pile, uint64_t id)
{
	uint64_t number = (id & UINT32_MAX) - 1;
	if (number >= pile->plan.entries)
		return PILE_NONE;
	uint64_t word = pile_look(pile, (uint32_t)number);
	bool waits = pile_state_of(word) == PILE_WAITING && pile_generation_of(word) == id >> 32;
	return waits ? (uint32_t)number : PILE_NONE;
}

static int remove_under_guard(struct pile *pile, unsigned seat, struct deed *deed)
{
	struct pile_memory *m = pile->memory;
	uint32_t number = find(pile, deed->id);
	(void)seat;
	if (number == PILE_NONE)
		return KK_ERR_MISSING;
	pile_store(pile, number, pile_become(pile_look(pile, number), PILE_REMOVED, 0));
	atomic_store_explicit(&m->waiting, waiting(pile) - 1, memory_order_relaxed);
	return KK_OK;
}

static int update_under_guard(struct pile *pile, unsigned seat, struct deed *deed)
{
	uint32_t number = find(pile, deed->id);
	(void)seat;
	if (number == PILE_NONE)
		return KK_ERR_MISSING;
	pile_entry_of(pile, number)->priority = deed->priority;
	pile_move(pile, number);
	return KK_OK;
}

int pile_remove(struct pile *pile, uint64_t id)
{
	struct deed deed = {.act = remove_under_guard, .id = id};
	int rc = act(pile, &deed, -1);
	if (rc == KK_OK) {
		wake(&pile->memory->room, 1);
		wake(&pile->memory->done, INT_MAX);
	}
	return rc;
}

int pile_update(struct pile *pile, uint64_t id, int64_t priority)
{
	struct deed deed = {.act = update_under_guard, .id = id, .priority = priority};
	return act(pile, &deed, -1);
}

/* ---- the end */

static int done_under_guard(struct pile *pile, unsigned seat, struct deed *deed)
{
	struct pile_hold *hold = &pile->hold[seat];
	(void)deed;
	if (!has_held(pile, seat))
		return KK_ERR_NOT_OWNER;
	uint32_t number = hold->first;
	const struct pile_entry *entry = pile_entry_of(pile, number);
	hold->first = entry->next < pile->plan.entries ? entry->next : PILE_NONE;
	hold->tag = entry->next_tag;
	pile_store(pile, number, pile_begin(pile_look(pile, number), PILE_FREE));
	pile_release(pile, number);
	return KK_OK;
}

int pile_task_done(struct pile *pile)
{
	struct deed deed = {.act = done_under_guard};
	if (!pile->plan.joinable)
		return KK_ERR_INVALID;
	int rc = act(pile, &deed, -1);
	if (rc == KK_OK) {
		wake(&pile->memory->done, INT_MAX);
		wake(&pile->memory->room, 1);
		if (atomic_load(&pile->memory->shut))
			wake(&pile->memory->items, INT_MAX);
	}
	return rc;
}

static int join_under_guard(struct pile *pile, unsigned seat, struct deed *deed)
{
	(void)seat;
	(void)deed;
	return waiting(pile) > 0 || pile->memory->held > 0 ? KK_ERR_TIMEOUT : KK_OK;
}

int pile_join(struct pile *pile, int timeout_ms)
{
	struct deed deed = {.act = join_under_guard, .again = KK_ERR_TIMEOUT, .event = &pile->memory->done};
	struct kk_queue_usage usage;
	if (!pile->plan.joinable)
		return KK_ERR_INVALID;
	int rc = act(pile, &deed, timeout_ms);
	if (rc < 0)
		return rc;
	pile_usage(pile, &usage);
	return usage.lost > 0 ? KK_OWNER_DIED : KK_OK;
}

static int shut_under_guard(struct pile *pile, unsigned seat, struct deed *deed)
{
	(void)seat;
	(void)deed;
	atomic_store(&pile->memory->shut, 1);
	return KK_OK;
}

int pile_shutdown(struct pile *pile)
{
	struct deed deed = {.act = shut_under_guard};
	int rc = act(pile, &deed, -1);
	/* Also the second time: who did it the first time may have died before this. */
	kk_event_wake_all(&pile->memory->items, -1);
	kk_event_wake_all(&pile->memory->room, -1);
	return rc;
}

uint32_t pile_size(struct pile *pile)
{
	struct kk_queue_usage usage;
	if (LIKELY(!atomic_load(&pile->memory->stale)))
		return waiting(pile);
	pile_usage(pile, &usage);
	return usage.waiting;
}

bool pile_full(struct pile *pile)
{
	return pile_size(pile) >= pile->plan.capacity;
}
