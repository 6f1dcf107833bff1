/* SPDX-License-Identifier: Apache-2.0 */
/* The recording ring. Letters K and L name the steps as ipc/MEMORY.md argues them. */
#include "ring/own.h"
#include "wait/look.h"
#include <limits.h>
#include <stdlib.h>

#define RING_MAGIC UINT64_C(0x6b6b72696e673031) /* "kkring01" */
#define SLOTS_MAX  (1u << 20)
/* Steps of one search for an end of the ring. Sound memory never takes more than a cycle and what others put meanwhile;
 * a broken process could make a circle of slots each of which sends the search on to the next. */
#define STEPS_MAX (8u * SLOTS_MAX)

#define UNLIKELY(condition) __builtin_expect((condition), 0)

/* What lies in shared memory.
 *   field       written by        read by     ordering
 *   magic..start creator          all         before anybody attaches
 *   head        takers            takers      release / acquire: a hint, may lag or step back, never runs ahead
 *   tail        putters           putters     release / acquire: likewise
 *   items, room see wait.h
 *   slot[]      putters, by CAS   all         seq_cst on success (K2) / acquire (putter's and taker's look)
 */
struct ring_memory {
	uint64_t magic;
	uint32_t slots, number;
	uint64_t start;
	_Alignas(64) _Atomic uint64_t head;
	struct kk_event room;
	_Alignas(64) _Atomic uint64_t tail;
	struct kk_event items;
	_Alignas(64) _Atomic uint64_t slot[];
};

struct kk_ring {
	struct ring_memory *memory;
	struct kk_table *table;
	uint64_t mask, cycle_mask;
	uint64_t queued, claimed; /* what K1 and L1 write, without side and position */
	unsigned shift, number;
	uint32_t limit; /* entries that may be in it: the slots, or less */
	struct kk_event *items, *room;
	int items_bell, room_bell;
};

size_t kk_ring_size(uint32_t slots)
{
	if (slots == 0 || slots > SLOTS_MAX || (slots & (slots - 1)))
		return 0;
	return (sizeof(struct ring_memory) + slots * sizeof(uint64_t) + 63) & ~(size_t)63;
}

int kk_ring_init(void *memory, uint32_t slots, unsigned number, uint64_t start)
{
	struct ring_memory *m = memory;
	if (!kk_ring_size(slots) || number > KK_RING_MAX || start > POSITION_MASK || (uintptr_t)memory % 64)
		return KK_ERR_INVALID;
	unsigned shift = (unsigned)__builtin_ctz(slots);
	m->slots = slots;
	m->number = number;
	m->start = start;
	atomic_store(&m->head, start);
	atomic_store(&m->tail, start);
	for (uint64_t i = 0; i < slots; i++) {
		uint64_t position = (start + i) & POSITION_MASK;
		uint64_t before = ((position >> shift) - 1) & (POSITION_MASK >> shift);
		atomic_store(&m->slot[position & (slots - 1)], slot_make(before, HANDLE_NONE));
	}
	m->magic = RING_MAGIC;
	return KK_OK;
}

int kk_ring_attach(struct kk_ring **ring, void *memory, size_t bytes, struct kk_table *table)
{
	struct ring_memory *m = memory;
	if (!ring || !m || !table || bytes < sizeof(*m))
		return KK_ERR_INVALID;
	if (m->magic != RING_MAGIC)
		return KK_ERR_VERSION;
	uint32_t slots = m->slots;
	if (!kk_ring_size(slots) || kk_ring_size(slots) > bytes || m->number > KK_RING_MAX)
		return KK_ERR_CORRUPT;
	struct kk_ring *r = calloc(1, sizeof(*r));
	if (!r)
		return KK_ERR_MEMORY;
	r->memory = m;
	r->table = table;
	r->shift = (unsigned)__builtin_ctz(slots);
	r->mask = slots - 1;
	r->limit = slots;
	r->cycle_mask = POSITION_MASK >> r->shift;
	r->number = m->number;
	r->queued = own_make(KK_OWN_QUEUED, table->role, r->number, 0, 0);
	r->claimed = own_make(KK_OWN_CLAIMED, table->role, r->number, 0, 0);
	kk_ring_events(r, &m->items, -1, &m->room, -1);
	*ring = r;
	return KK_OK;
}

void kk_ring_detach(struct kk_ring *ring)
{
	free(ring);
}

void kk_ring_events(struct kk_ring *ring, struct kk_event *items, int items_bell, struct kk_event *room, int room_bell)
{
	if (items)
		ring->items = items;
	if (room)
		ring->room = room;
	ring->items_bell = items_bell;
	ring->room_bell = room_bell;
}

int kk_ring_limit(struct kk_ring *ring, uint32_t entries)
{
	if (entries == 0 || entries > ring->mask + 1)
		return KK_ERR_INVALID;
	ring->limit = entries;
	return KK_OK;
}

struct kk_event *kk_ring_items_event(struct kk_ring *ring)
{
	return ring->items;
}

struct kk_event *kk_ring_room_event(struct kk_ring *ring)
{
	return ring->room;
}

uint32_t kk_ring_slots(const struct kk_ring *ring)
{
	return (uint32_t)ring->mask + 1;
}

unsigned kk_ring_number(const struct kk_ring *ring)
{
	return ring->number;
}

static inline uint64_t cycle_of(const struct kk_ring *ring, uint64_t position)
{
	return position >> ring->shift;
}

/* The position after the one that a slot with this cycle, at the index of `position`, stands for. */
static inline uint64_t after_slot(const struct kk_ring *ring, uint64_t cycle, uint64_t position)
{
	return (((cycle & ring->cycle_mask) << ring->shift | (position & ring->mask)) + 1) & POSITION_MASK;
}

/* How far `to` lies ahead of `from`, modulo; more than half the circle: it lies behind. */
static inline bool is_behind(const struct kk_ring *ring, uint64_t cycle, uint64_t from_cycle)
{
	return ((cycle - from_cycle) & ring->cycle_mask) > ring->cycle_mask / 2;
}

/* Is the entry that was put `limit` positions before this one still queued there? Then the ring is full. -1: the handle
 * is out of range. `slot` is the word at `position`, where with no other limit than the slots that entry stands. */
static int tenant_is_in(const struct kk_ring *ring, uint64_t limit, uint64_t slot, uint64_t position)
{
	uint64_t before = (position - limit) & POSITION_MASK;
	/* Entries are claimed in order: if this one was, so was the one in the slot at `position`. If it is another one
	 * by now, `position` was filled as well, and K2 will fail. */
	if (limit <= ring->mask)
		slot = atomic_load_explicit(&ring->memory->slot[before & ring->mask], memory_order_acquire);
	uint32_t tenant = slot_handle(slot);
	if (tenant == HANDLE_NONE)
		return 0;
	if (tenant >= ring->table->count)
		return tenant == HANDLE_SENTINEL ? 0 : -1;
	KK_POINT("put: look at tenant");
	/* acquire: pairs with L1; the taker's claim is our licence to use the slot again. */
	uint64_t own = atomic_load_explicit(own_of(ring->table, tenant), memory_order_acquire);
	return own_is_queued_at(own, ring->number, before);
}

/* Finds the next free slot: position and the word it holds. Every hint it meets that lags is moved on. Inline, since
 * the two answers would else go through the stack right before K2, which waits for every store. */
static inline __attribute__((always_inline)) int find_free(struct kk_ring *ring, uint64_t limit, uint64_t *position,
                                                           uint64_t *slot)
{
	struct ring_memory *m = ring->memory;
	for (uint32_t step = 0; step < STEPS_MAX; step++) {
		KK_POINT("put: read tail");
		/* acquire: pairs with K3; whoever sees the hint sees every slot before it filled. */
		uint64_t p = atomic_load_explicit(&m->tail, memory_order_acquire) & POSITION_MASK;
		KK_POINT("put: read slot");
		uint64_t s = atomic_load_explicit(&m->slot[p & ring->mask], memory_order_acquire);
		uint64_t before = (cycle_of(ring, p) - 1) & ring->cycle_mask;
		if (UNLIKELY(slot_cycle(s) != before)) {
			if (is_behind(ring, slot_cycle(s), before))
				return KK_ERR_CORRUPT;
			if (slot_handle(s) == HANDLE_SENTINEL)
				return KK_ERR_CLOSED;
			KK_POINT("put: jump tail");
			atomic_store_explicit(&m->tail, after_slot(ring, slot_cycle(s), p), memory_order_release);
			continue;
		}
		int tenant = tenant_is_in(ring, limit, s, p);
		*position = p;
		*slot = s;
		return tenant < 0 ? KK_ERR_CORRUPT : tenant ? KK_ERR_FULL : KK_OK;
	}
	return KK_ERR_CORRUPT;
}

int kk_ring_put(struct kk_ring *ring, uint32_t handle, unsigned side)
{
	struct ring_memory *m = ring->memory;
	_Atomic uint64_t *own = own_of(ring->table, handle);
	KK_POINT("put: read own");
	const uint64_t before = atomic_load_explicit(own, memory_order_relaxed);
	uint64_t position, slot, wanted;
	do {
		int status = find_free(ring, ring->limit, &position, &slot);
		if (UNLIKELY(status != KK_OK)) {
			KK_POINT("put: restore own");
			/* release: as K1. */
			atomic_store_explicit(own, before, memory_order_release);
			KK_POINT("put: own restored");
			return status;
		}
		KK_POINT("K1");
		/* Intent and record in one. release: pairs with those who look at the own words of others (an item's
		 * turn): what they read of the entry's record is not older. Takers do not need it, K2 releases both. */
		atomic_store_explicit(own, ring->queued | own_make(KK_OWN_IDLE, 0, 0, side, position),
		                      memory_order_release);
		KK_POINT("K2");
		/* release: publishes the entry. seq_cst: W1 of K4. */
		wanted = slot_make(cycle_of(ring, position), handle);
	} while (!atomic_compare_exchange_strong_explicit(&m->slot[position & ring->mask], &slot, wanted,
	                                                  memory_order_seq_cst, memory_order_relaxed));
	KK_POINT("K3");
	/* release: the hint may not be seen before K2, or it would seem to run ahead of the slots. */
	atomic_store_explicit(&m->tail, (position + 1) & POSITION_MASK, memory_order_release);
	KK_POINT("put: done");
	return KK_OK;
}

void kk_ring_announce(struct kk_ring *ring, int count)
{
	KK_POINT("K4");
	if (event_is_waited(ring->items))
		kk_event_wake(ring->items, count, ring->items_bell);
}

/* Claims what stands at `*position` or moves on. 1: claimed, 0: look again, negative: nothing to take. */
static inline int claim_at(struct kk_ring *ring, uint64_t *position, uint32_t *handle)
{
	const uint64_t p = *position, cycle = cycle_of(ring, p);
	KK_POINT("take: read slot");
	/* acquire: pairs with K2; the putter's publication is our licence to read the entry. */
	uint64_t slot = atomic_load_explicit(&ring->memory->slot[p & ring->mask], memory_order_acquire);
	if (UNLIKELY(slot_cycle(slot) != cycle)) {
		if (slot_cycle(slot) == ((cycle - 1) & ring->cycle_mask))
			return KK_ERR_EMPTY;
		if (is_behind(ring, slot_cycle(slot), cycle))
			return KK_ERR_CORRUPT;
		*position = after_slot(ring, slot_cycle(slot) - 1, p);
		return 0;
	}
	*handle = slot_handle(slot);
	if (UNLIKELY(*handle >= ring->table->count))
		return *handle == HANDLE_SENTINEL ? KK_ERR_CLOSED : KK_ERR_CORRUPT;
	_Atomic uint64_t *own = own_of(ring->table, *handle);
	KK_POINT("take: read own");
	uint64_t seen = atomic_load_explicit(own, memory_order_relaxed);
	*position = (p + 1) & POSITION_MASK;
	if (UNLIKELY(!own_is_queued_at(seen, ring->number, p)))
		return 0;
	const uint64_t wanted = ring->claimed | own_make(KK_OWN_IDLE, 0, 0, own_side(seen), p);
	KK_POINT("L1");
	/* release: pairs with the putter's look at the tenant; we are through with the slot. seq_cst: W1 of L3. */
	return atomic_compare_exchange_strong_explicit(own, &seen, wanted, memory_order_seq_cst, memory_order_relaxed);
}

/* Putters sleep until half of the ring is free, so that they are not woken for every single slot. The flag is looked at
 * first: it lies beside the head, while the tail lies where the putters write. */
static void make_room_known(struct kk_ring *ring, uint64_t head)
{
	KK_POINT("take: look at room");
	if (!event_is_waited(ring->room))
		return;
	KK_POINT("take: read tail");
	uint64_t tail = atomic_load_explicit(&ring->memory->tail, memory_order_relaxed);
	uint64_t queued = (tail - head) & POSITION_MASK;
	if (queued <= ring->limit / 2 || queued > ring->mask + 1) {
		KK_POINT("L3");
		kk_event_wake(ring->room, INT_MAX, ring->room_bell);
	}
}

int kk_ring_take(struct kk_ring *ring, uint32_t *handles, int max)
{
	struct ring_memory *m = ring->memory;
	KK_POINT("take: read head");
	/* acquire: pairs with L2, as K3's with the look at the tail. */
	const uint64_t start = atomic_load_explicit(&m->head, memory_order_acquire) & POSITION_MASK;
	uint64_t position = start;
	int taken = 0, status = 0;
	uint32_t steps = 0;
	while (taken < max && (status = claim_at(ring, &position, &handles[taken])) >= 0) {
		taken += status;
		if (status == 0 && ++steps == STEPS_MAX) {
			status = KK_ERR_CORRUPT;
			break;
		}
	}
	if (position != start) {
		KK_POINT("L2");
		atomic_store_explicit(&m->head, position, memory_order_release);
		KK_POINT("take: head moved");
	}
	if (taken > 0)
		make_room_known(ring, position);
	return taken > 0 ? taken : status;
}

int kk_ring_close(struct kk_ring *ring)
{
	struct ring_memory *m = ring->memory;
	uint64_t position, slot;
	if (kk_ring_closed(ring))
		return KK_OK;
	do {
		/* Closed by another one in the meantime: just as well. */
		int status = find_free(ring, ring->mask + 1, &position, &slot);
		if (status != KK_OK)
			return status == KK_ERR_CLOSED ? KK_OK : status;
		KK_POINT("close");
	} while (!atomic_compare_exchange_strong_explicit(&m->slot[position & ring->mask], &slot,
	                                                  slot_make(cycle_of(ring, position), HANDLE_SENTINEL),
	                                                  memory_order_release, memory_order_relaxed));
	KK_POINT("close: wake");
	kk_event_wake_all(ring->items, ring->items_bell);
	return KK_OK;
}

/* Walks from the tail hint to the first slot that is not filled. */
static uint64_t true_tail(const struct kk_ring *ring, bool *closed)
{
	struct ring_memory *m = ring->memory;
	KK_POINT("end: read tail");
	uint64_t p = atomic_load_explicit(&m->tail, memory_order_acquire) & POSITION_MASK;
	*closed = false;
	for (uint32_t step = 0; step < STEPS_MAX; step++) {
		KK_POINT("end: read slot before");
		/* The slot before: a sentinel is always the last thing put. */
		uint64_t last = atomic_load_explicit(&m->slot[(p - 1) & ring->mask], memory_order_acquire);
		*closed = slot_handle(last) == HANDLE_SENTINEL;
		KK_POINT("end: read slot");
		uint64_t s = atomic_load_explicit(&m->slot[p & ring->mask], memory_order_acquire);
		uint64_t before = (cycle_of(ring, p) - 1) & ring->cycle_mask;
		if (slot_cycle(s) == before || is_behind(ring, slot_cycle(s), before))
			return p;
		p = after_slot(ring, slot_cycle(s), p);
	}
	return p;
}

bool kk_ring_closed(const struct kk_ring *ring)
{
	bool closed;
	true_tail(ring, &closed);
	return closed;
}

uint64_t kk_ring_puts(const struct kk_ring *ring)
{
	bool closed;
	uint64_t tail = true_tail(ring, &closed);
	return ((tail - ring->memory->start) & POSITION_MASK) - (closed ? 1 : 0);
}

/* Walks from the head hint over what was claimed already. */
static uint64_t true_head(const struct kk_ring *ring)
{
	KK_POINT("begin: read head");
	uint64_t p = atomic_load_explicit(&ring->memory->head, memory_order_acquire) & POSITION_MASK;
	for (uint32_t step = 0; step < STEPS_MAX; step++) {
		KK_POINT("begin: read slot");
		uint64_t s = atomic_load_explicit(&ring->memory->slot[p & ring->mask], memory_order_acquire);
		uint64_t cycle = cycle_of(ring, p);
		if (slot_cycle(s) == cycle) {
			uint32_t handle = slot_handle(s);
			KK_POINT("begin: read own");
			if (handle >= ring->table->count ||
			    own_is_queued_at(atomic_load_explicit(own_of(ring->table, handle), memory_order_acquire),
			                     ring->number, p))
				return p;
			p = (p + 1) & POSITION_MASK;
		} else if (is_behind(ring, slot_cycle(s), cycle)) {
			return p;
		} else {
			p = after_slot(ring, slot_cycle(s) - 1, p);
		}
	}
	return p;
}

uint64_t kk_ring_count(const struct kk_ring *ring)
{
	bool closed;
	uint64_t head = true_head(ring), tail = true_tail(ring, &closed);
	uint64_t count = (tail - head) & POSITION_MASK;
	if (closed && count > 0)
		count--;
	return count > ring->mask + 1 ? 0 : count;
}

bool kk_ring_holds(const struct kk_ring *ring, uint32_t handle, uint64_t own)
{
	uint64_t position = own_position(own);
	KK_POINT("heir: read slot");
	uint64_t slot = atomic_load_explicit(&ring->memory->slot[position & ring->mask], memory_order_acquire);
	return slot == slot_make(cycle_of(ring, position), handle);
}

int kk_ring_fill(struct kk_ring *ring, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		int status = kk_ring_put(ring, first + i, 0);
		if (status != KK_OK)
			return status;
	}
	return KK_OK;
}

int kk_ring_check(const struct kk_ring *ring, struct kk_error *error)
{
	const struct ring_memory *m = ring->memory;
	if (m->magic != RING_MAGIC || m->slots != ring->mask + 1 || m->number != ring->number)
		return kk_error_set(error, KK_ERR_CORRUPT, "ring %u: its header was overwritten", ring->number);
	uint64_t tail = atomic_load_explicit(&m->tail, memory_order_acquire);
	uint64_t cycle = cycle_of(ring, tail & POSITION_MASK);
	for (uint64_t i = 0; i <= ring->mask; i++) {
		uint64_t slot = atomic_load_explicit(&m->slot[i], memory_order_relaxed);
		uint64_t ahead = (slot_cycle(slot) + 2 - cycle) & ring->cycle_mask;
		uint32_t handle = slot_handle(slot);
		/* The hint may lag by a cycle or more while others fill; what is impossible is a slot far behind it. */
		if (ahead > ring->cycle_mask / 2 || (handle >= ring->table->count && handle < HANDLE_SENTINEL))
			return kk_error_set(error, KK_ERR_CORRUPT, "ring %u: slot %llu is out of order", ring->number,
			                    (unsigned long long)i);
	}
	return KK_OK;
}
