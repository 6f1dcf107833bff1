/* SPDX-License-Identifier: Apache-2.0 */
/* bench/soaking/torment.h - reads how often to kill and to stop, produces processes that die, pause and are replaced.
 */
#ifndef BENCH_TORMENT_H
#define BENCH_TORMENT_H

#include <stdbool.h>
#include <stdint.h>

enum { TORMENT_WORKERS_MAX = 64, TORMENT_HANG_MS = 3000, TORMENT_STOP_MS = 30 };

struct torment {
	unsigned workers;
	double seconds, kills_per_sec, stops_per_sec;
	unsigned seed;
	/* In a process of its own, 1 <= role <= workers: its exit status; 0: it is through, and not replaced. */
	int (*work)(unsigned role);
	/* All others in the parent. */
	void (*bury)(void);             /* somebody died; his heir is about to start      */
	void (*stop)(void);             /* the time is over: tell them to come to an end  */
	void (*drained)(unsigned role); /* this one is through                         */
	void (*tick)(void);             /* now and then                                   */
	uint64_t (*progress)(void);     /* something that grows while work is done        */
};

struct torment_result {
	unsigned deaths, stops, faults; /* killed by us; stopped; ended by themselves with another status than 0 */
	bool hung;                      /* no progress for TORMENT_HANG_MS, nobody stopped for that long         */
	double hung_after_sec;          /* when it last moved                                                   */
	double seconds;                 /* up to the call of stop                                               */
	uint64_t progress;              /* until then                                                           */
};

/* torment_run - runs it all to its end; nobody is left afterwards. */
struct torment_result torment_run(const struct torment *plan);

#endif
