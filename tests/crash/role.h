/* SPDX-License-Identifier: Apache-2.0 */
/* tests/crash/role.h - reads the shared memory of a world, produces what each role does in it. Inside tests/crash only.
 */
#ifndef TESTS_CRASH_ROLE_H
#define TESTS_CRASH_ROLE_H

#include "world.h"
#include <kakehi/block.h>
#include <kakehi/ring.h>
#include <sys/types.h>

enum ring_number { RING_S, RING_A, RING_B, RING_D, RINGS };

/* Entry i is item i; entry items + i is its twin. */
struct entry {
	_Alignas(64) uint32_t value, lane;
	struct kk_block_ref pay;
};

/* What all processes share, besides the rings and blocks themselves. */
struct notes {
	uint64_t eaten[2 * ITEMS_MAX];
	uint64_t backstops;
	uint64_t struck;
	uint64_t sleeper; /* its process id, when it is to be killed in its sleep */
	char site[64];
	char bad[128];
};

struct world {
	const struct world_shape *shape;
	const struct world_kill *kills;
	unsigned kill_count;
	struct notes *notes;
	unsigned char *table, *ring[RINGS], *log, *data;
	size_t table_bytes, ring_bytes[RINGS], log_bytes;
	struct kk_arena_shape arena;
	int bell;
};
extern struct world world;

/* This process. The parent plays role 0, which meets no points. */
struct player {
	unsigned role, life;
	uint64_t points, hits[256];
	struct kk_table *table;
	struct kk_ring *ring[RINGS];
	struct kk_arena *arena;
	uint32_t redo[2 * ITEMS_MAX];
	unsigned redo_count;
};
extern struct player me;

void role_attach(unsigned role, unsigned life);
void role_detach(void);
struct entry *role_entry(uint32_t handle);
/* role_play - the whole life of a process. role_close - the closer's: puts the sentinel of one ring. */
_Noreturn void role_play(unsigned role, unsigned life);
_Noreturn void role_close(unsigned life, enum ring_number ring);

#endif
