/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/popen/exchange.h - reads bytes to send and descriptors to read, produces captured bytes: everything that goes
 * between one caller and its children, all at once, so that nobody waits for somebody who waits for him.
 */
#ifndef IPC_POPEN_EXCHANGE_H
#define IPC_POPEN_EXCHANGE_H

#include <kakehi/error.h>
#include <kakehi/popen.h>
#include <stdbool.h>
#include <stdint.h>

struct kk_capture {
	char *data; /* used + 1 bytes at least, the last a NUL; NULL: nothing is captured */
	size_t used, size;
	size_t max; /* that are kept; 0: no bound */
	bool overflowed;
};

/* One direction of one pipe. */
struct kk_flow {
	int *fd; /* the caller's end; closed and -1 once it is through     */
	const char **input;
	size_t *input_left;         /* to send, both go on with what was sent; or           */
	struct kk_capture *capture; /* where to what comes; one of both is NULL              */
};

/* kk_exchange - until all flows are through, or a deadline (deadline/deadline.h). 0; KK_ERR_TIMEOUT, KK_ERR_MEMORY,
 * KK_ERR_SYSTEM: may be called again; KK_ERR_NO_ROOM: a capture has just overflowed: its flow is through. A reader that
 * went away (EPIPE) is not an error: that flow is through; no SIGPIPE reaches the caller. */
int kk_exchange(struct kk_flow *flows, size_t count, int64_t deadline_ms);

/* kk_exchange_rest - captures what the pipes hold at this moment and closes them, whoever still writes to them. */
void kk_exchange_rest(struct kk_flow *flows, size_t count);

/* kk_capture_begin - makes room for the first bytes. 0 or KK_ERR_MEMORY. */
int kk_capture_begin(struct kk_capture *capture);
void kk_capture_free(struct kk_capture *capture);

#endif
