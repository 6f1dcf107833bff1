/* SPDX-License-Identifier: Apache-2.0 */
/* bench/rings/rings.h - reads ways of handing words from process to process (rivals), produces the tables that
 * bench/ring prints. Inside bench/rings only.
 *
 *   crew     the children of one measurement, started together, told to stop, and counted
 *   waiter   how a process waits for a ring of handles: the same for all of them
 *   section  one part of what is printed
 */
#ifndef BENCH_RINGS_H
#define BENCH_RINGS_H

#include "rival.h"
#include <kakehi/process.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All that were built, ended by NULL; ours is the first, Vyukov's the second. */
extern const struct rival *const rivals[];
/* What was not, as "name (why)", or NULL. */
extern const char *const rivals_missing;

/* channel_make - makes one; channel_unmake - frees it (also one that was not made completely). `table` may be NULL
 * for rivals without handles. 0 or negative. */
int channel_make(struct channel *channel, const struct rival *rival, uint32_t slots, size_t message_bytes, void *table,
                 size_t table_bytes, unsigned number);
void channel_unmake(struct channel *channel, const struct rival *rival);
/* channel_close_fds - in the parent, once its children have them. */
void channel_close_fds(struct channel *channel);

/* ---- crews */

/* What a child counts: on a line of its own, written by it alone, read by the parent. */
struct tally {
	_Alignas(64) _Atomic uint64_t items;
	_Atomic uint64_t sum;
	_Atomic uint64_t nanoseconds;
	_Atomic uint64_t failed;
};

struct control {
	_Alignas(64) _Atomic uint32_t ready;
	_Alignas(64) _Atomic uint32_t go;
	_Atomic uint32_t stop;
	_Alignas(64) _Atomic uint32_t producers_done;
	_Atomic uint32_t takers_done;
	struct tally tally[MEMBERS_MAX];
};

struct crew {
	struct control *control; /* shared */
	struct kk_process *member[MEMBERS_MAX];
	int count;
	int killed; /* by crew_end: they did not end when told to */
};

/* crew_open - a crew without members; 0 or negative. crew_close - kills who is left and frees it. */
int crew_open(struct crew *crew);
void crew_close(struct crew *crew);
/* crew_start - starts a member; it runs `function(argument)`, which sees the parent's memory as it is now. It gets
 * the descriptors in `fds` (those that are not negative) under their own numbers, and stderr. 0 or negative. */
int crew_start(struct crew *crew, int (*function)(void *), void *argument, const int *fds, int fd_count);
/* crew_go - waits until all members are ready and lets them go. 0, or negative if one of them never got ready. */
int crew_go(struct crew *crew);
/* crew_ready - in a member: says so and waits for crew_go. */
void crew_ready(struct control *control);
/* crew_stop - tells all to stop. crew_end - waits for them, at most `timeout_ms` in all, and kills the rest. */
void crew_stop(struct crew *crew);
void crew_end(struct crew *crew, int timeout_ms);
uint64_t crew_items(const struct crew *crew);

static inline bool crew_stopped(const struct control *control)
{
	return atomic_load_explicit(&control->stop, memory_order_relaxed);
}

/* ---- waiting, the same for every ring of handles */

enum waiting {
	WAIT_YIELD, /* looks 64 times with a pause between, then yields the processor before every look */
	WAIT_PARK,  /* looks 64 times, then sleeps on the ring's event, at most a second                */
};

struct waiter {
	const struct rival *rival;
	enum waiting waiting;
	struct control *control;
	bool drains;       /* goes on after `stop` until all producers are through */
	int producers;     /* how many those are                                   */
	uint64_t backstop; /* sleeps that ended by the clock                       */
};

/* wait_take - takes at least one word, however long it takes; 0: told to stop. */
int wait_take(struct waiter *waiter, void *end, uint64_t *words, int max);
/* wait_put - puts all of them and wakes takers if they may sleep. */
void wait_put(struct waiter *waiter, void *end, const uint64_t *words, int count);

/* ---- small things */

struct options {
	bool quick;
	const char *python; /* the script that measures Python's queue, or NULL */
	const char *heir;   /* the program that plays a worker and its heir     */
};

uint64_t now_ns(void);
uint64_t cpu_ns(void); /* of this process */
void sleep_ms(int ms);
/* pin_to - to one processor; negative: to all of them. */
void pin_to(int cpu);
/* shared_map - memory that children share, zeroed; NULL. shared_unmap undoes it. */
void *shared_map(size_t bytes);
void shared_unmap(void *memory, size_t bytes);
/* The value below which `percent` of the values are; sorts them. 0 of none. */
uint64_t percentile(uint64_t *values, size_t count, double percent);
double median(double *values, size_t count);
/* fill_words, sum_words - write and read a payload. fill_words returns what sum_words will return. */
uint64_t fill_words(uint64_t *words, size_t count, uint64_t seed);
uint64_t sum_words(const uint64_t *words, size_t count);
/* Says on the table's line that a count did not add up, and makes the whole run fail. */
void mismatch(const char *what, ...) __attribute__((format(printf, 1, 2)));
extern bool any_mismatch;
/* python_figures - runs Python's script with these arguments; its numbers. How many, or negative. */
int python_figures(const struct options *options, const char *const *arguments, double *figures, int max);

/* ---- floors: what payloads reach without any ring. Payloads a second, or negative. */

struct floor {
	size_t bytes;
	uint32_t buffers; /* written in turn */
	int window_ms;
};

/* floor_alone - one process writes a payload and reads it. floor_pair - one writes, another reads, two counters tell
 * them where they are. */
double floor_alone(const struct floor *floor);
double floor_pair(const struct floor *floor);

/* ---- sections: each prints its tables. 0, or negative if it could not run. */
int section_alone(const struct options *options);
int section_handles(const struct options *options);
int section_payload(const struct options *options);
int section_latency(const struct options *options);
int section_heir(const struct options *options);
int section_kills(const struct options *options);
int section_parked(const struct options *options);

#endif
