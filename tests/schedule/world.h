/* SPDX-License-Identifier: Apache-2.0 */
/* tests/schedule/world.h - reads a shape, produces rings, a table and an arena for fibers, and judges every change of
 * an entry's own word against what ipc/MEMORY.md allows. */
#ifndef TESTS_SCHEDULE_WORLD_H
#define TESTS_SCHEDULE_WORLD_H

#include "explore.h"
#include <kakehi/block.h>
#include <kakehi/ring.h>

enum { ENTRIES_MAX = 8, RINGS_MAX = 3, ROLES_MAX = 8 };

/* What a worker has of its own. Belongs to the world. */
struct actor {
	unsigned role;
	struct kk_table *table;
	struct kk_ring *ring[RINGS_MAX];
	struct kk_arena *arena;
};

struct world_shape {
	uint32_t entries;
	uint32_t slots[RINGS_MAX];   /* 0: no such ring     */
	struct kk_arena_shape arena; /* no regions: none  */
};

void world_make(const struct world_shape *shape);
void world_clear(void);
void world_watch(void);

/* world_actor - a new life of `role` attaches to everything. Role 0 only looks. */
struct actor *world_actor(unsigned role);

/* world_put - puts what `me` holds; waits for room. world_put_once: one try; says KK_OK or KK_ERR_FULL, which must be
 * true. */
void world_put(struct actor *me, unsigned ring, uint32_t handle);
int world_put_once(struct actor *me, unsigned ring, uint32_t handle);
/* world_take_once - one try: how many, KK_ERR_EMPTY or KK_ERR_CLOSED, which must be true. world_take: waits for at
 * least one (or KK_ERR_CLOSED). */
int world_take_once(struct actor *me, unsigned ring, uint32_t *handles, int max);
int world_take(struct actor *me, unsigned ring, uint32_t *handles, int max);
/* world_close_once - one try: KK_OK or KK_ERR_FULL. world_close: waits for room for the sentinel. */
int world_close_once(struct actor *me, unsigned ring);
void world_close(struct actor *me, unsigned ring);
/* world_holds - has `me` claimed the entry? Not a step of the schedule. */
bool world_holds(const struct actor *me, uint32_t handle);
/* world_give - without any schedule, before the start: `role` claims `count` entries out of `ring`. */
void world_give(unsigned role, unsigned ring, int count);
/* world_wait_change - until something happens in `ring` after `seen` = world_changes(ring). */
uint64_t world_changes(unsigned ring);
void world_wait_change(unsigned ring, uint64_t seen);
/* world_claims - how many entries were ever claimed out of `ring`; world_queued - how many are in it now. */
unsigned world_claims(unsigned ring);
unsigned world_queued(unsigned ring);

#endif
