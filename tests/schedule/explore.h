/* SPDX-License-Identifier: Apache-2.0 */
/* tests/schedule/explore.h - reads a scenario and a choice of schedules, produces executions of it and a verdict.
 *
 * The fibers of a scenario stand in for worker processes. They run one at a time, on one thread, and hand over only in
 * front of an access to shared memory (atomics.h), inside a futex call, or where the scenario says so; so an execution
 * is a sequence of decisions, can be repeated exactly, and all of them can be tried. A fiber that is killed is never
 * scheduled again; its heir starts as a new fiber. What is explored is every interleaving, not every effect of weak
 * ordering: each access takes effect at once for all.
 */
#ifndef TESTS_SCHEDULE_EXPLORE_H
#define TESTS_SCHEDULE_EXPLORE_H

#include <stdbool.h>
#include <stdint.h>

/* How far the decisions may stray from "everybody runs on until he has to wait". */
struct bounds {
	unsigned preemptions; /* a fiber that could go on has to let another one pass */
	unsigned kills;
};

struct scenario {
	const char *name;
	void (*start)(void);  /* makes the world and spawns the fibers                                */
	void (*watch)(void);  /* what must hold after every single access; may be NULL                */
	void (*finish)(void); /* the verdict when all fibers have come to their end; may be NULL      */
	void (*clear)(void);  /* frees the world, however the execution ended                         */
	struct bounds quick;  /* tried exhaustively on every change                                   */
	struct bounds full;   /* and in the long run                                                  */
	unsigned random_kills;
};

extern const struct scenario ring_scenarios[], heir_scenarios[], block_scenarios[], event_scenarios[];

/* ---- for scenarios, inside their functions */

typedef void fiber_body(void *arg);

/* explore_spawn - a new fiber that runs body(arg). heir: what runs when it is killed (and that one's heir, too); NULL:
 * it cannot be killed. */
void explore_spawn(const char *name, fiber_body *body, fiber_body *heir, void *arg);
/* explore_yield - anybody may run now. `site`, a literal, names the place in a trace. */
void explore_yield(const char *site);
/* explore_wait - the calling fiber goes on when is(arg), which must not wait itself. For what is not under test. */
void explore_wait(bool (*is)(void *arg), void *arg);
/* explore_step - counts the accesses so far: the time of an execution. */
uint64_t explore_step(void);
/* explore_fail - this execution has shown a mistake; it ends here. */
void explore_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define EXPLORE_CHECK(condition, ...)                                                                                  \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			explore_fail(__VA_ARGS__);                                                                     \
	} while (0)

/* ---- for the search */

enum { DECISIONS_MAX = 4096, KILL = -1 };

/* A decision that was not the obvious one: at the `at`-th decision `who` went on, or KILL. */
struct deviation {
	unsigned at;
	int who;
};

/* What can be decided: who[0] is the obvious thing. */
struct options {
	int who[16];
	unsigned count;
	bool forced; /* the fiber that ran cannot go on: whoever comes next costs nothing */
};

/* Decides: an index into options->who. */
typedef unsigned chooser(void *arg, unsigned decision, const struct options *options);

struct execution {
	char bad[256]; /* empty: all is well */
	struct deviation deviation[DECISIONS_MAX];
	unsigned deviations, decisions, preemptions, kills;
	uint64_t steps;
};

/* explore_run - one execution within the bounds. `trace`: prints every step. */
void explore_run(const struct scenario *scenario, const struct bounds *bounds, chooser *choose, void *arg, bool trace,
                 struct execution *execution);

#endif
