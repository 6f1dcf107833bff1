/* SPDX-License-Identifier: Apache-2.0 */
/* tests/crash/world.h - reads a shape and a plan of kills, produces a small pipeline of real processes and a verdict.
 *
 *   S (all items, sentinel) -> movers -> W (small) -> eaters -> D
 *
 * A mover makes a payload for the item, in two steps, and attaches it; an eater checks and releases it. Every process
 * plays a role; whoever dies gets an heir. In the end every item must be in D once, every block free, and no item done
 * more often than there were deaths.
 */
#ifndef TESTS_CRASH_WORLD_H
#define TESTS_CRASH_WORLD_H

#include <stdbool.h>
#include <stdint.h>

enum { MOVERS = 2, EATERS = 2, ROLES = MOVERS + EATERS, ITEMS_MAX = 4096 };

struct world_shape {
	uint32_t items;
	uint32_t slots;        /* of W                                        */
	uint64_t start;        /* first position of every ring                */
	uint64_t region_bytes; /* of each mover                               */
	uint64_t big_bytes;
};

/* A kill by count: the process that plays `role` in life `life` (1 is the first) dies at its `point`-th point. */
struct world_kill {
	unsigned role, life;
	uint64_t point;
};

struct world_result {
	unsigned deaths;
	bool reached;    /* the first kill's point was reached                  */
	const char *bad; /* NULL: all is well; else what is wrong               */
	char site[64];   /* where the last kill struck                          */
	uint64_t backstops;
};

/* world_run - runs it to the end with these kills; random kills besides if `every_us` is not 0. */
struct world_result world_run(const struct world_shape *shape, const struct world_kill *kills, unsigned count,
                              unsigned every_us, unsigned seed);

#endif
