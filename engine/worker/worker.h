/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/worker.h - reads a start message, produces a worker: the process that plays one role of the plan.
 */
#ifndef ENGINE_WORKER_WORKER_H
#define ENGINE_WORKER_WORKER_H

#include "graph/plan.h"
#include <kakehi/stage.h>
#include <stdint.h>

/* The variable that tells the program that it was started as a worker; its value is the start message's descriptor. */
#define KK_WORKER_VARIABLE "KAKEHI_WORKER"

/* What the supervisor writes as the start message: this, then the plan (`plan_bytes`), in which only the options of the
 * worker's own stage are left. Descriptors are given by number; -1: none. */
struct kk_worker_start {
	uint32_t magic, bytes; /* KK_WORKER_MAGIC, sizeof(struct kk_worker_start) */
	uint32_t role, life;
	uint64_t plan_bytes;
	int32_t lifeline;  /* read end of a pipe whose other end only the supervisor has           */
	int32_t log;       /* where lines go, each "LEVEL text\n": to the supervisor */
	int32_t log_level; /* enum kk_log_level                                                    */
	int32_t control, counters, arena_write, recorder_state, seen;
	int32_t keep[KK_KEEP_KINDS];
	int32_t arena_read[KK_PLAN_MAX_STAGES];
	int32_t bell[KK_PLAN_MAX_STAGES];
};
#define KK_WORKER_MAGIC 0x6b6b7773U

/* Exit statuses of a worker; any other, or a signal, is a death. */
enum kk_worker_exit {
	KK_WORKER_DRAINED = 0,    /* the role is marked DRAINED                                          */
	KK_WORKER_CANNOT = 71,    /* prepare or open failed: said in the log; counts as a death          */
	KK_WORKER_CORRUPT = 72,   /* shared memory or the start message is not sound: ends the run       */
	KK_WORKER_DISK_FULL = 74, /* local I/O that no retry mends (a full disk): ends the run, state kept */
};

/* kk_worker_main - what main() calls in a process started as a worker; returns its exit status. */
int kk_worker_main(int start_fd);

#endif
