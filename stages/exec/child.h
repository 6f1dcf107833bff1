/* SPDX-License-Identifier: Apache-2.0 */
/* stages/exec/child.h - reads a command, produces a program that runs and the flows to and from it.
 *
 *   child_start -> child_turn ... child_turn -> child_end
 *
 * The program leads a process group of its own. The kernel kills it when the worker ends, and what it may have started
 * itself is ended by child_end, or by the supervisor when it buries the worker. One at a time.
 */
#ifndef STAGES_EXEC_CHILD_H
#define STAGES_EXEC_CHILD_H

#include "flow.h"
#include <kakehi/process.h>

enum { CHILD_FDS = 5, CHILD_TAIL = 2048 };

struct child_command {
	const char *path;
	const char *const *argv, *const *environment; /* closed by NULL */
	int fd[CHILD_FDS];                            /* what it gets under these numbers; -1: nothing */
	uint64_t memory;                              /* bytes of private memory, of each of its processes */
};

struct child {
	struct kk_process *process; /* NULL: none runs */
	struct outflow in;
	struct inflow out, err, facts;
};

enum child_news {
	CHILD_MOVED, /* something may have come or gone              */
	CHILD_ENDED, /* it ended, and all that it wrote was read     */
	CHILD_LATE,  /* the deadline is over                         */
	CHILD_OVER,  /* it wrote more than it may, or memory ran out */
};

/* child_prepare - once in a worker, before the first child. 0, or -1 with errno. */
int child_prepare(void);

/* child_clock_ms - the clock of deadlines. */
uint64_t child_clock_ms(void);

/* child_start - starts it; the flows are the caller's to set up. 0, or -1 with a sentence in `why`. */
int child_start(struct child *child, const struct child_command *command, char *why, size_t why_size);

/* child_turn - waits until something can be read or written, it has ended or the deadline is over. */
enum child_news child_turn(struct child *child, uint64_t deadline_ms);

/* child_end - waits for its end until `deadline_ms` (0: kills it at once), then kills whatever is left; `end` (may be
 * NULL) tells how it ended. Closes all flows; what came stays. */
void child_end(struct child *child, uint64_t deadline_ms, struct kk_process_end *end);

/* child_last_words - the last line that is not empty of what came as stderr, made printable. */
const char *child_last_words(const struct child *child, char *to, size_t size);

#endif
