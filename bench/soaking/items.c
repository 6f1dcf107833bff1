/* SPDX-License-Identifier: Apache-2.0 */
/* The rings under torment.
 *
 * Every entry carries item after item. `seen` is the number of the last one that was checked; the next one's number is
 * seen + ENTRIES, which a maker's heir finds out again. A checker notes the own word of its claim before it notes the
 * number, so its heir can tell a check that was interrupted from an item that came twice.
 */
#include "items.h"
#include <kakehi/block.h>
#include <kakehi/ring.h>
#include <kakehi/word.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ENTRIES = 1024, HOME_SLOTS = 2048, WORK_SLOTS = 64, BATCH = 4, PAYLOAD_MAX = 4096 };
enum { REGION_BYTES = 16 * 4096, REGION_BLOCKS = 64 };
enum ring_number { HOME, MADE, PASSED, RINGS };
enum { BACKSTOP_NS = 1000000000 };

struct entry {
	_Alignas(64) uint64_t number, seen, seen_under;
	struct kk_block_ref pay;
};

struct notes {
	_Atomic uint64_t lost, doubled, spoilt, backstops;
	_Atomic uint32_t stopping;
};

struct hands {
	struct kk_table *table;
	struct kk_ring *ring[RINGS];
	struct kk_arena *arena;
	uint32_t redo[ENTRIES];
	unsigned count;
};

static struct {
	struct notes *notes;
	unsigned char *table, *ring[RINGS], *log, *data;
	struct kk_arena_shape shape;
	unsigned thirds; /* makers; as many passers; the others check */
	unsigned left[RINGS];
	bool closed[RINGS];
	struct hands parent;
} here;

static const uint32_t slots[RINGS] = {HOME_SLOTS, WORK_SLOTS, WORK_SLOTS};

/* ---- memory and handles */

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "soak: %s\n", what);
	_exit(70);
}

static void *shared(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		give_up("no memory");
	return memory;
}

static void attach(struct hands *hands, unsigned role)
{
	*hands = (struct hands){0};
	bool ok =
	    kk_table_attach(&hands->table, here.table, kk_table_size(ENTRIES, sizeof(struct entry)), role) == KK_OK &&
	    kk_arena_attach(&hands->arena, here.log, kk_arena_log_size(&here.shape), here.data,
	                    kk_arena_data_size(&here.shape)) == KK_OK;
	for (unsigned r = 0; r < RINGS && ok; r++)
		ok = kk_ring_attach(&hands->ring[r], here.ring[r], kk_ring_size(slots[r]), hands->table) == KK_OK;
	if (!ok)
		give_up("cannot attach");
}

static void detach(struct hands *hands)
{
	for (unsigned r = 0; r < RINGS; r++)
		kk_ring_detach(hands->ring[r]);
	kk_arena_detach(hands->arena);
	kk_table_detach(hands->table);
}

static struct entry *entry_of(const struct hands *hands, uint32_t handle)
{
	return kk_table_entry(hands->table, handle);
}

static void create(const struct items_plan *plan)
{
	here.thirds = plan->workers / 3;
	here.left[HOME] = here.left[MADE] = here.thirds;
	here.left[PASSED] = plan->workers - 2 * here.thirds;
	memset(here.closed, 0, sizeof(here.closed));
	here.shape = (struct kk_arena_shape){here.thirds, REGION_BLOCKS, REGION_BYTES, 2 * PAYLOAD_MAX};
	here.notes = shared(sizeof(*here.notes));
	here.table = shared(kk_table_size(ENTRIES, sizeof(struct entry)));
	here.log = shared(kk_arena_log_size(&here.shape));
	here.data = shared(kk_arena_data_size(&here.shape));
	bool ok = kk_table_init(here.table, ENTRIES, sizeof(struct entry)) == KK_OK &&
	          kk_arena_init(here.log, &here.shape) == KK_OK;
	for (unsigned r = 0; r < RINGS && ok; r++) {
		here.ring[r] = shared(kk_ring_size(slots[r]));
		ok = kk_ring_init(here.ring[r], slots[r], r, (UINT64_C(1) << KK_POSITION_BITS) - 100000) == KK_OK;
	}
	if (!ok)
		give_up("cannot make the rings");
	attach(&here.parent, 0);
	for (uint32_t handle = 0; handle < ENTRIES; handle++)
		entry_of(&here.parent, handle)->seen = handle;
	if (kk_ring_fill(here.parent.ring[HOME], 0, ENTRIES) != KK_OK)
		give_up("cannot fill the ring");
}

static void destroy(void)
{
	detach(&here.parent);
	munmap(here.notes, sizeof(*here.notes));
	munmap(here.table, kk_table_size(ENTRIES, sizeof(struct entry)));
	munmap(here.log, kk_arena_log_size(&here.shape));
	munmap(here.data, kk_arena_data_size(&here.shape));
	for (unsigned r = 0; r < RINGS; r++)
		munmap(here.ring[r], kk_ring_size(slots[r]));
}

/* ---- what workers do */

static void nap(struct kk_event *event, uint32_t ticket)
{
	if (kk_event_sleep(event, ticket, BACKSTOP_NS) == KK_ERR_TIMEOUT && !atomic_load(&here.notes->stopping))
		atomic_fetch_add(&here.notes->backstops, 1);
}

static void put(struct hands *hands, enum ring_number to, uint32_t handle)
{
	struct kk_ring *ring = hands->ring[to];
	struct kk_event *room = kk_ring_room_event(ring);
	int status;
	while ((status = kk_ring_put(ring, handle, 0)) == KK_ERR_FULL) {
		uint32_t ticket = kk_event_prepare(room);
		status = kk_ring_put(ring, handle, 0);
		if (status != KK_ERR_FULL)
			break;
		nap(room, ticket);
	}
	if (status != KK_OK)
		give_up("a ring is corrupt");
	kk_ring_announce(ring, 1);
}

static void reserve(struct hands *hands, struct kk_block_ref *ref, uint64_t bytes, bool grow)
{
	struct kk_event *room = kk_arena_room_event(hands->arena);
	for (;;) {
		uint32_t ticket = kk_event_prepare(room);
		int status = grow ? kk_block_grow(hands->arena, ref, ref->size, bytes)
		                  : kk_block_alloc(hands->arena, bytes, true, ref);
		if (status == KK_OK)
			return;
		if (status != KK_ERR_NO_ROOM)
			give_up("no block of that size");
		nap(room, ticket);
	}
}

static uint64_t word_of(uint64_t number, uint64_t i)
{
	return (number + 1) * UINT64_C(0x9e3779b97f4a7c15) + i * UINT64_C(0xbf58476d1ce4e5b9);
}

static uint32_t words_of(uint64_t number)
{
	return 8 + (uint32_t)(number * 131 % (PAYLOAD_MAX / 8 - 8));
}

static void make(struct hands *hands, uint32_t handle)
{
	struct entry *entry = entry_of(hands, handle);
	struct kk_block_ref ref;
	entry->number = entry->seen + ENTRIES;
	const uint32_t words = words_of(entry->number);
	reserve(hands, &ref, 64, false);
	uint64_t *payload = kk_block_memory(hands->arena, &ref);
	for (uint32_t i = 0; i < 8; i++)
		payload[i] = word_of(entry->number, i);
	ref.size = 64;
	reserve(hands, &ref, words * sizeof(*payload), true);
	payload = kk_block_memory(hands->arena, &ref);
	for (uint32_t i = 8; i < words; i++)
		payload[i] = word_of(entry->number, i);
	ref.size = words * (uint32_t)sizeof(*payload);
	entry->pay = ref;
	kk_block_share(hands->arena, &ref, 1);
	put(hands, MADE, handle);
}

static bool payload_is_right(const struct hands *hands, const struct entry *entry)
{
	const uint64_t *payload = kk_block_read(hands->arena, &entry->pay);
	uint32_t words = words_of(entry->number);
	bool right = payload && entry->pay.size == words * sizeof(*payload);
	for (uint32_t i = 0; right && i < words; i++)
		right = payload[i] == word_of(entry->number, i);
	return right;
}

static void pass(struct hands *hands, uint32_t handle)
{
	if (!payload_is_right(hands, entry_of(hands, handle)))
		atomic_fetch_add(&here.notes->spoilt, 1);
	put(hands, PASSED, handle);
}

static void finish_check(struct hands *hands, uint32_t handle)
{
	kk_block_release(hands->arena, &entry_of(hands, handle)->pay, 0);
	put(hands, HOME, handle);
}

static void check(struct hands *hands, uint32_t handle)
{
	struct entry *entry = entry_of(hands, handle);
	const uint64_t claim = kk_table_own_word(hands->table, handle);
	if (!payload_is_right(hands, entry))
		atomic_fetch_add(&here.notes->spoilt, 1);
	if (entry->number == entry->seen && entry->seen_under != claim)
		atomic_fetch_add(&here.notes->doubled, 1);
	else if (entry->number != entry->seen && entry->number != entry->seen + ENTRIES)
		atomic_fetch_add(&here.notes->lost, 1);
	kk_word_store(&entry->seen_under, claim);
	kk_word_store(&entry->seen, entry->number);
	kk_table_commit(hands->table, handle);
	finish_check(hands, handle);
}

struct job {
	enum ring_number from;
	void (*work)(struct hands *hands, uint32_t handle);
};

static const struct job jobs[RINGS] = {{HOME, make}, {MADE, pass}, {PASSED, check}};

static const struct job *job_of(unsigned role)
{
	return &jobs[role <= here.thirds ? HOME : role <= 2 * here.thirds ? MADE : PASSED];
}

static int complete(void *arg, uint32_t handle)
{
	finish_check(arg, handle);
	return KK_OK;
}

static int redo(void *arg, uint32_t handle, unsigned ring)
{
	struct hands *hands = arg;
	if (ring == HOME)
		kk_block_release(hands->arena, &entry_of(hands, handle)->pay, 0);
	hands->redo[hands->count++] = handle;
	return KK_OK;
}

static struct kk_ring *ring_of(void *arg, unsigned number)
{
	struct hands *hands = arg;
	return number < RINGS ? hands->ring[number] : NULL;
}

static int wait_room(void *arg, struct kk_ring *ring)
{
	struct kk_event *room = kk_ring_room_event(ring);
	uint32_t ticket = kk_event_prepare(room);
	(void)arg;
	if (kk_ring_count(ring) >= kk_ring_slots(ring))
		nap(room, ticket);
	return KK_OK;
}

static int play(unsigned role)
{
	static struct hands hands;
	const struct job *job = job_of(role);
	const struct kk_heir heir = {complete, redo, ring_of, wait_room, &hands};
	attach(&hands, role);
	if (kk_table_inherit(hands.table, &heir) < 0 ||
	    (job->from == HOME && kk_arena_adopt(hands.arena, role - 1, role) != KK_OK))
		give_up("cannot inherit");
	for (unsigned i = 0; i < hands.count; i++)
		job->work(&hands, hands.redo[i]);
	struct kk_ring *in = hands.ring[job->from];
	struct kk_event *items = kk_ring_items_event(in);
	while (job->from != HOME || !atomic_load(&here.notes->stopping)) {
		uint32_t handles[BATCH], ticket = kk_event_prepare(items);
		int taken = kk_ring_take(in, handles, BATCH);
		if (taken == KK_ERR_CLOSED)
			break;
		if (taken == KK_ERR_EMPTY && (job->from != HOME || !atomic_load(&here.notes->stopping)))
			nap(items, ticket);
		for (int i = 0; i < taken; i++)
			job->work(&hands, handles[i]);
	}
	return 0;
}

/* ---- the parent */

static void wake_everybody(void)
{
	for (unsigned r = 0; r < RINGS; r++) {
		kk_event_wake_all(kk_ring_items_event(here.parent.ring[r]), -1);
		kk_event_wake_all(kk_ring_room_event(here.parent.ring[r]), -1);
	}
	kk_event_wake_all(kk_arena_room_event(here.parent.arena), -1);
}

static void stop(void)
{
	atomic_store(&here.notes->stopping, 1);
	wake_everybody();
}

static void drained(unsigned role)
{
	here.left[job_of(role)->from]--;
}

/* A ring is closed when those who feed it are through, and a slot is free for the sentinel. */
static void close_rings(void)
{
	for (enum ring_number r = MADE; r < RINGS; r++)
		if (!here.closed[r] && here.left[r - 1] == 0)
			here.closed[r] = kk_ring_close(here.parent.ring[r]) == KK_OK;
}

static uint64_t progress(void)
{
	return kk_ring_puts(here.parent.ring[PASSED]);
}

static void count(struct items_result *result)
{
	struct kk_error error = {.code = 0};
	uint32_t handle;
	uint64_t home = 0;
	while (kk_ring_take(here.parent.ring[HOME], &handle, 1) == 1) {
		const struct entry *entry = entry_of(&here.parent, handle);
		home++;
		result->items += (entry->seen - handle) / ENTRIES;
	}
	uint64_t made = kk_ring_puts(here.parent.ring[MADE]), passed = kk_ring_puts(here.parent.ring[PASSED]);
	result->lost = atomic_load(&here.notes->lost) + (made > passed ? made - passed : 0) +
	               (passed > result->items ? passed - result->items : 0);
	result->doubled = atomic_load(&here.notes->doubled) + (passed > made ? passed - made : 0) +
	                  (result->items > passed ? result->items - passed : 0);
	result->spoilt = atomic_load(&here.notes->spoilt);
	result->backstops = atomic_load(&here.notes->backstops);
	result->leaked_entries = ENTRIES - home;
	result->leaked_blocks = kk_arena_used(here.parent.arena);
	result->fault = kk_arena_check(here.parent.arena, &error) != KK_OK ? "the arena is not sound" : NULL;
	for (unsigned r = 0; r < RINGS; r++)
		if (kk_ring_check(here.parent.ring[r], &error) != KK_OK)
			result->fault = "a ring is not sound";
}

struct items_result items_run(const struct items_plan *plan)
{
	struct items_result result = {.items = 0};
	const struct torment torment = {
	    .workers = plan->workers,
	    .seconds = plan->seconds,
	    .kills_per_sec = plan->kills_per_sec,
	    .stops_per_sec = plan->stops_per_sec,
	    .seed = plan->seed,
	    .work = play,
	    .bury = wake_everybody,
	    .stop = stop,
	    .drained = drained,
	    .tick = close_rings,
	    .progress = progress,
	};
	create(plan);
	result.torment = torment_run(&torment);
	count(&result);
	destroy();
	return result;
}

bool items_are_sound(const struct items_result *r)
{
	return !r->fault && !r->torment.hung && r->torment.faults == 0 && r->lost == 0 && r->doubled == 0 &&
	       r->spoilt == 0 && r->leaked_entries == 0 && r->leaked_blocks == 0;
}
