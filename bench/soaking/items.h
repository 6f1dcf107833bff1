/* SPDX-License-Identifier: Apache-2.0 */
/* bench/soaking/items.h - reads a measure of torment, produces what became of numbered items on the rings under it. */
#ifndef BENCH_ITEMS_H
#define BENCH_ITEMS_H

#include "torment.h"

struct items_plan {
	unsigned workers; /* 3 .. TORMENT_WORKERS_MAX: makers, passers and checkers by thirds */
	double seconds, kills_per_sec, stops_per_sec;
	unsigned seed;
};

struct items_result {
	struct torment_result torment;
	uint64_t items;                         /* made, passed on and checked                            */
	uint64_t lost, doubled, spoilt;         /* missing numbers; numbers twice; wrong checksums        */
	uint64_t leaked_entries, leaked_blocks; /* entries not at home, blocks not free in the end         */
	uint64_t backstops;                     /* sleeps that only a time-out ended                      */
	const char *fault;                      /* NULL: the memory is sound                              */
};

/* items_run - one run. Items with numbers and checksummed payloads go round: HOME -> makers -> passers -> checkers. */
struct items_result items_run(const struct items_plan *plan);
/* items_are_sound - nothing lost, doubled, spoilt, leaked, stuck. */
bool items_are_sound(const struct items_result *result);

#endif
