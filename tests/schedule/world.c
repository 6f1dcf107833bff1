/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"
#include "ring/own.h"
#include <stdlib.h>
#include <string.h>

/* The wrap of the positions falls into every scenario. */
#define START ((UINT64_C(1) << KK_POSITION_BITS) - 2)

enum { ENTRY_BYTES = 64, LIVES_MAX = 32, DATA_MAX = 1024 };
enum { TABLE_HEAD = 64, OWN_BYTES = (ENTRIES_MAX * 8 + 63) / 64 * 64 };

static struct {
	struct world_shape shape;
	_Alignas(64) unsigned char table[TABLE_HEAD + OWN_BYTES + ENTRIES_MAX * ENTRY_BYTES];
	_Alignas(64) unsigned char ring[RINGS_MAX][512];
	_Alignas(64) unsigned char log[1024];
	_Alignas(64) unsigned char data[DATA_MAX];
} memory;

static struct {
	struct actor actor[LIVES_MAX];
	unsigned actors;
	struct actor *onlooker;
	uint64_t own[ENTRIES_MAX]; /* as they were after the last step */
	bool published[ENTRIES_MAX];
	uint64_t next[RINGS_MAX]; /* position of the next claim */
	uint64_t changes[RINGS_MAX];
	unsigned claims[RINGS_MAX], queued[RINGS_MAX];
	uint64_t last_empty[RINGS_MAX], last_full[RINGS_MAX]; /* steps */
	bool closing[RINGS_MAX];
} seen;

/* ---- making */

static void must(bool sound, const char *what)
{
	if (!sound)
		explore_fail("cannot set up: %s", what);
	if (!sound)
		abort();
}

struct actor *world_actor(unsigned role)
{
	must(seen.actors < LIVES_MAX, "too many lives");
	struct actor *me = &seen.actor[seen.actors++];
	me->role = role;
	must(kk_table_attach(&me->table, memory.table, sizeof(memory.table), role) == KK_OK, "table");
	for (unsigned r = 0; r < RINGS_MAX; r++)
		if (memory.shape.slots[r])
			must(kk_ring_attach(&me->ring[r], memory.ring[r], sizeof(memory.ring[r]), me->table) == KK_OK,
			     "ring");
	if (memory.shape.arena.regions)
		must(kk_arena_attach(&me->arena, memory.log, sizeof(memory.log), memory.data, sizeof(memory.data)) ==
		         KK_OK,
		     "arena");
	return me;
}

void world_make(const struct world_shape *shape)
{
	memset(&memory, 0, sizeof(memory));
	memset(&seen, 0, sizeof(seen));
	memory.shape = *shape;
	if (shape->entries == 0)
		memory.shape.entries = 1;
	must(kk_table_init(memory.table, memory.shape.entries, ENTRY_BYTES) == KK_OK, "table");
	for (unsigned r = 0; r < RINGS_MAX; r++) {
		must(kk_ring_size(shape->slots[r]) <= sizeof(memory.ring[r]), "ring size");
		if (shape->slots[r])
			must(kk_ring_init(memory.ring[r], shape->slots[r], r, START) == KK_OK, "ring");
		seen.next[r] = START;
	}
	if (shape->arena.regions)
		must(kk_arena_log_size(&shape->arena) <= sizeof(memory.log) &&
		         kk_arena_data_size(&shape->arena) <= DATA_MAX &&
		         kk_arena_init(memory.log, &shape->arena) == KK_OK,
		     "arena");
	seen.onlooker = world_actor(0);
}

void world_clear(void)
{
	for (unsigned i = 0; i < seen.actors; i++) {
		struct actor *me = &seen.actor[i];
		for (unsigned r = 0; r < RINGS_MAX; r++)
			kk_ring_detach(me->ring[r]);
		kk_arena_detach(me->arena);
		kk_table_detach(me->table);
	}
	seen.actors = 0;
}

void world_give(unsigned role, unsigned ring, int count)
{
	uint32_t handles[ENTRIES_MAX];
	struct actor *me = world_actor(role);
	must(kk_ring_take(me->ring[ring], handles, count) == count, "give");
	world_watch();
}

/* ---- watching */

static void judge(uint32_t handle, uint64_t before, uint64_t after)
{
	struct kk_own was = {own_state(before), own_role(before), own_ring(before), own_side(before),
	                     own_position(before)};
	struct kk_own is = {own_state(after), own_role(after), own_ring(after), own_side(after), own_position(after)};
	bool same_hand = was.role == is.role;
	switch (is.state) {
	case KK_OWN_QUEUED:
		EXPLORE_CHECK(was.state == KK_OWN_IDLE || (same_hand && !seen.published[handle]),
		              "entry %u, in the hand of role %u, was put by role %u", handle, was.role, is.role);
		break;
	case KK_OWN_CLAIMED:
		/* A put that found the ring full takes its intent back. */
		if (was.state == KK_OWN_QUEUED && same_hand && !seen.published[handle])
			break;
		EXPLORE_CHECK(was.state == KK_OWN_QUEUED && was.ring == is.ring && was.position == is.position &&
		                  seen.published[handle],
		              "entry %u was claimed by role %u out of nowhere", handle, is.role);
		EXPLORE_CHECK(is.position == seen.next[is.ring], "ring %u: entry %u was claimed out of order", is.ring,
		              handle);
		seen.next[is.ring] = (is.position + 1) & POSITION_MASK;
		seen.claims[is.ring]++;
		seen.changes[is.ring]++;
		break;
	case KK_OWN_COMMIT:
		EXPLORE_CHECK(was.state == KK_OWN_CLAIMED && same_hand, "entry %u was committed by role %u", handle,
		              is.role);
		break;
	case KK_OWN_IDLE:
	case KK_OWN_PARKED:
		/* A first put that found the ring full. */
		EXPLORE_CHECK(is.state == KK_OWN_IDLE && was.state == KK_OWN_QUEUED && !seen.published[handle],
		              "entry %u was lost", handle);
		break;
	}
}

void world_watch(void)
{
	unsigned queued[RINGS_MAX] = {0};
	for (uint32_t h = 0; h < memory.shape.entries; h++) {
		uint64_t own = kk_table_own_word(seen.onlooker->table, h);
		if (own != seen.own[h]) {
			judge(h, seen.own[h], own);
			seen.own[h] = own;
			seen.published[h] = false;
		}
		if (own_state(own) != KK_OWN_QUEUED)
			continue;
		unsigned ring = own_ring(own);
		bool published = kk_ring_holds(seen.onlooker->ring[ring], h, own);
		EXPLORE_CHECK(published || !seen.published[h], "ring %u: entry %u was overwritten", ring, h);
		if (published && !seen.published[h])
			seen.changes[ring]++;
		seen.published[h] = published;
		queued[ring] += published;
	}
	for (unsigned r = 0; r < RINGS_MAX; r++) {
		if (!memory.shape.slots[r])
			continue;
		seen.queued[r] = queued[r];
		if (queued[r] == 0)
			seen.last_empty[r] = explore_step();
		if (queued[r] == memory.shape.slots[r] || seen.closing[r])
			seen.last_full[r] = explore_step();
	}
}

unsigned world_claims(unsigned ring)
{
	return seen.claims[ring];
}

unsigned world_queued(unsigned ring)
{
	return seen.queued[ring];
}

uint64_t world_changes(unsigned ring)
{
	return seen.changes[ring];
}

/* ---- moving */

struct change {
	unsigned ring;
	uint64_t seen;
};

static bool has_changed(void *arg)
{
	const struct change *change = arg;
	return seen.changes[change->ring] != change->seen;
}

void world_wait_change(unsigned ring, uint64_t before)
{
	struct change change = {ring, before};
	explore_wait(has_changed, &change);
}

/* Not an access of the fiber's. */
static uint64_t own_word(uint32_t handle)
{
	uint64_t own;
	memcpy(&own, memory.table + TABLE_HEAD + handle * sizeof(own), sizeof(own));
	return own;
}

bool world_holds(const struct actor *me, uint32_t handle)
{
	uint64_t own = own_word(handle);
	return own_role(own) == me->role && own_state(own) == KK_OWN_CLAIMED;
}

int world_put_once(struct actor *me, unsigned ring, uint32_t handle)
{
	uint64_t since = explore_step(), own = own_word(handle);
	int status = kk_ring_put(me->ring[ring], handle, 0);
	EXPLORE_CHECK(status == KK_OK || status == KK_ERR_FULL, "put: %d", status);
	if (status == KK_ERR_FULL) {
		EXPLORE_CHECK(seen.last_full[ring] >= since, "ring %u was said to be full and was not", ring);
		EXPLORE_CHECK(own_word(handle) == own, "entry %u is not as it was before a put that failed", handle);
	}
	return status;
}

void world_put(struct actor *me, unsigned ring, uint32_t handle)
{
	for (;;) {
		uint64_t before = world_changes(ring);
		if (world_put_once(me, ring, handle) == KK_OK)
			return;
		world_wait_change(ring, before);
	}
}

int world_take_once(struct actor *me, unsigned ring, uint32_t *handles, int max)
{
	uint64_t since = explore_step();
	int taken = kk_ring_take(me->ring[ring], handles, max);
	EXPLORE_CHECK(taken > 0 || taken == KK_ERR_EMPTY || taken == KK_ERR_CLOSED, "take: %d", taken);
	if (taken == KK_ERR_EMPTY)
		EXPLORE_CHECK(seen.last_empty[ring] >= since, "ring %u was said to be empty and was not", ring);
	if (taken == KK_ERR_CLOSED)
		EXPLORE_CHECK(seen.closing[ring] && seen.last_empty[ring] >= since,
		              "ring %u was said to be closed and was not", ring);
	return taken;
}

int world_take(struct actor *me, unsigned ring, uint32_t *handles, int max)
{
	for (;;) {
		uint64_t before = world_changes(ring);
		int taken = world_take_once(me, ring, handles, max);
		if (taken != KK_ERR_EMPTY)
			return taken;
		world_wait_change(ring, before);
	}
}

int world_close_once(struct actor *me, unsigned ring)
{
	seen.closing[ring] = true;
	int status = kk_ring_close(me->ring[ring]);
	EXPLORE_CHECK(status == KK_OK || status == KK_ERR_FULL, "close: %d", status);
	seen.changes[ring] += status == KK_OK;
	return status;
}

void world_close(struct actor *me, unsigned ring)
{
	for (;;) {
		uint64_t before = world_changes(ring);
		if (world_close_once(me, ring) == KK_OK)
			return;
		world_wait_change(ring, before);
	}
}
