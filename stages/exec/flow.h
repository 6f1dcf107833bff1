/* SPDX-License-Identifier: Apache-2.0 */
/* stages/exec/flow.h - reads and writes the ends of pipes that never block, produces what came and went.
 *
 * A flow is one end of a pipe and what belongs to it. It owns the descriptor, and of an inflow the bytes.
 */
#ifndef STAGES_EXEC_FLOW_H
#define STAGES_EXEC_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is to be written. Closed when all of it is gone, if `ends`. */
struct outflow {
	int fd; /* -1: closed, or nobody reads any more */
	const char *at;
	size_t left;
	bool ends;
};

enum inflow_rule {
	INFLOW_KEEP, /* up to `limit`; more makes it `over`     */
	INFLOW_TAIL, /* the last `limit` bytes, or a few more   */
	INFLOW_DROP, /* nothing                                 */
};

/* What came. */
struct inflow {
	int fd; /* -1: closed */
	enum inflow_rule rule;
	size_t limit;
	char *at;
	size_t size, room;
	bool over, failed; /* failed: no memory, or the pipe could not be read */
};

/* outflow_pass - writes what can be written now. inflow_pass - reads what is there; at the end of it closes. */
void outflow_pass(struct outflow *flow);
void inflow_pass(struct inflow *flow);

/* outflow_close, inflow_close - close the descriptor. inflow_clear - forgets what came, and gives back much memory. */
void outflow_close(struct outflow *flow);
void inflow_close(struct inflow *flow);
void inflow_clear(struct inflow *flow);
void inflow_free(struct inflow *flow);

/* flow_pipe - a pipe whose `mine` end (0 the reading, 1 the writing one) does not block. 0, or -1 with errno. */
int flow_pipe(int ends[2], int mine);

#endif
