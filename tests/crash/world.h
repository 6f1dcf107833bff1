/* SPDX-License-Identifier: Apache-2.0 */
/* tests/crash/world.h - reads a shape and a plan of kills, produces a small pipeline of real processes and a verdict.
 *
 *   S (all items, sentinel) -> sources -> A (small) -> middles -> B (small) -> sinks -> D
 *
 * A source makes a payload for the item, in two steps, and attaches it; a middle makes a second branch of the item,
 * its twin, which shares the payload; a sink checks and releases it, sends the item on to D and parks the twin. The
 * closer puts the sentinels. Every process plays a role; whoever dies gets an heir. In the end every item must be in D
 * once, every twin parked, every block free, and nothing done more often than there were deaths.
 */
#ifndef TESTS_CRASH_WORLD_H
#define TESTS_CRASH_WORLD_H

#include <stdbool.h>
#include <stdint.h>

enum { SOURCES = 2, MIDDLES = 2, SINKS = 2, CLOSER = SOURCES + MIDDLES + SINKS + 1, ROLES = CLOSER };
enum { ITEMS_MAX = 4096, ANY_SITE = -1 };

/* world_sites - the names of all points in the library. */
extern const char *const world_sites[];
extern const unsigned world_site_count;
/* world_site - the number of this site. */
int world_site(const char *name);
/* world_role_name - "source", "middle", ... */
const char *world_role_name(unsigned role);

struct world_shape {
	uint32_t items;
	uint32_t slots;        /* of A and B                                  */
	uint64_t start;        /* first position of every ring                */
	uint64_t region_bytes; /* of each source                              */
	uint64_t big_bytes;
	bool late; /* all but role 1 begin only when all kills, which are role 1's, have struck: nobody is in between */
};

/* A kill by count: the process that plays `role` in life `life` (1 is the first) dies when it comes to `site` for the
 * `hit`-th time; ANY_SITE: at its hit-th point. `asleep`: not there, but when it sleeps in the kernel after it. */
struct world_kill {
	unsigned role, life;
	int site;
	uint64_t hit;
	bool asleep;
};

struct world_result {
	unsigned deaths;
	unsigned struck; /* bit i: kill i struck                                */
	const char *bad; /* NULL: all is well; else what is wrong               */
	char site[64];   /* where the last kill struck                          */
	uint64_t backstops;
};

/* world_run - runs it to the end with these kills; random kills besides if `every_us` is not 0. */
struct world_result world_run(const struct world_shape *shape, const struct world_kill *kills, unsigned count,
                              unsigned every_us, unsigned seed);

#endif
