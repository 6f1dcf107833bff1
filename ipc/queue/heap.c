/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/queue/heap.c - the order of a pile: a binary heap of entries' numbers, by who has the guard. */
#include "queue/layout.h"
#include "queue/pile.h"

/* ---- order */

static bool comes_before(const struct pile *pile, uint32_t one, uint32_t other)
{
	const struct pile_entry *a = pile_entry_of(pile, one), *b = pile_entry_of(pile, other);
	if (pile->plan.order == PILE_LAST_FIRST)
		return a->sequence > b->sequence;
	return a->priority != b->priority ? a->priority < b->priority : a->sequence < b->sequence;
}

static void set_place(struct pile *pile, uint32_t place, uint32_t number)
{
	pile->heap[place] = number;
	pile_entry_of(pile, number)->place = place;
}

static void sift_up(struct pile *pile, uint32_t place)
{
	uint32_t number = pile->heap[place];
	while (place > 0 && comes_before(pile, number, pile->heap[(place - 1) / 2])) {
		set_place(pile, place, pile->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	set_place(pile, place, number);
}

static void sift_down(struct pile *pile, uint32_t place)
{
	uint32_t number = pile->heap[place], count = pile->memory->heap_count;
	for (;;) {
		uint32_t child = 2 * place + 1;
		if (child + 1 < count && comes_before(pile, pile->heap[child + 1], pile->heap[child]))
			child++;
		if (child >= count || !comes_before(pile, pile->heap[child], number))
			break;
		set_place(pile, place, pile->heap[child]);
		place = child;
	}
	set_place(pile, place, number);
}

static void add_waiting(struct pile *pile, int32_t more)
{
	_Atomic uint32_t *waiting = &pile->memory->waiting;
	atomic_store_explicit(waiting, atomic_load_explicit(waiting, memory_order_relaxed) + (uint32_t)more,
	                      memory_order_relaxed);
}

static void push_unused(struct pile *pile, uint32_t number)
{
	if (pile->memory->unused_count < pile->plan.entries)
		pile->unused[pile->memory->unused_count++] = number;
}

/* ---- building it anew */

/* What a word says, into heap, unused and the counts. */
static void build_one(struct pile *pile, uint32_t number, uint32_t *waiting)
{
	struct pile_memory *m = pile->memory;
	uint64_t word = pile_look(pile, number);
	if (pile_state_of(word) == PILE_RETURNED || pile_state_of(word) == PILE_REMOVED) {
		word = pile_state_of(word) == PILE_RETURNED ? pile_become(word, PILE_WAITING, 0)
		                                            : pile_begin(word, PILE_FREE);
		pile_store(pile, number, word);
	}
	if (pile_state_of(word) != PILE_FREE && pile_entry_of(pile, number)->sequence >= m->sequence)
		m->sequence = pile_entry_of(pile, number)->sequence + 1;
	if (pile_state_of(word) == PILE_WAITING) {
		set_place(pile, m->heap_count++, number);
		++*waiting;
	} else if (pile_state_of(word) == PILE_HELD) {
		m->held++;
	} else {
		push_unused(pile, number);
	}
}

static void build(struct pile *pile)
{
	struct pile_memory *m = pile->memory;
	uint32_t waiting = 0;
	m->heap_count = m->unused_count = m->held = 0;
	for (uint32_t number = pile->plan.entries; number-- > 0;)
		build_one(pile, number, &waiting);
	for (uint32_t place = m->heap_count / 2; place-- > 0;)
		sift_down(pile, place);
	atomic_store_explicit(&m->waiting, waiting, memory_order_relaxed);
}

int pile_enter(struct pile *pile, unsigned seat, int64_t deadline_ns)
{
	struct pile_memory *m = pile->memory;
	bool mine = kk_guard_try(&m->guard, seat);
	/* Of no seat: nobody will ever give it up. */
	if (!mine && atomic_load_explicit(&m->guard.owner, memory_order_relaxed) > pile->plan.seats)
		return KK_ERR_CORRUPT;
	if (!mine && kk_guard_take(pile->object.family, &m->guard, seat, deadline_ns) < 0)
		return KK_ERR_TIMEOUT;
	/* Taken down first: what becomes stale meanwhile is said again. Killed in between, our burial says it again. */
	if (UNLIKELY(atomic_load(&m->stale)) && atomic_exchange(&m->stale, 0))
		build(pile);
	/* Broken memory does not lead outside. */
	if (UNLIKELY(m->heap_count > pile->plan.entries || m->unused_count > pile->plan.entries))
		build(pile);
	return KK_OK;
}

void pile_leave(struct pile *pile)
{
	kk_guard_give(&pile->memory->guard);
}

/* ---- changing it */

/* Takes the entry at a place out of the heap. */
static void cut(struct pile *pile, uint32_t place)
{
	uint32_t last = --pile->memory->heap_count;
	if (place == last)
		return;
	set_place(pile, place, pile->heap[last]);
	sift_down(pile, place);
}

uint32_t pile_first(struct pile *pile)
{
	while (pile->memory->heap_count > 0) {
		uint32_t number = pile->heap[0];
		uint64_t word = pile_look(pile, number);
		if (pile_state_of(word) != PILE_REMOVED)
			return number < pile->plan.entries ? number : PILE_NONE;
		pile_store(pile, number, pile_begin(word, PILE_FREE));
		cut(pile, 0);
		push_unused(pile, number);
	}
	return PILE_NONE;
}

uint32_t pile_unused(struct pile *pile)
{
	const struct pile_memory *m = pile->memory;
	/* Removed ones that have not come up yet are entries, too. */
	if (m->unused_count == 0 && m->heap_count > atomic_load_explicit(&m->waiting, memory_order_relaxed))
		build(pile);
	uint32_t number = m->unused_count > 0 ? pile->unused[m->unused_count - 1] : PILE_NONE;
	return number < pile->plan.entries ? number : PILE_NONE;
}

void pile_insert(struct pile *pile, uint32_t number)
{
	struct pile_memory *m = pile->memory;
	m->unused_count--;
	set_place(pile, m->heap_count++, number);
	add_waiting(pile, 1);
	sift_up(pile, m->heap_count - 1);
}

void pile_pop(struct pile *pile, bool unused)
{
	uint32_t number = pile->heap[0];
	cut(pile, 0);
	add_waiting(pile, -1);
	if (unused)
		push_unused(pile, number);
	else
		pile->memory->held++;
}

void pile_release(struct pile *pile, uint32_t number)
{
	pile->memory->held--;
	push_unused(pile, number);
}

void pile_move(struct pile *pile, uint32_t number)
{
	uint32_t place = pile_entry_of(pile, number)->place;
	if (place >= pile->memory->heap_count || pile->heap[place] != number)
		return;
	sift_up(pile, place);
	sift_down(pile, pile_entry_of(pile, number)->place);
}
