/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/deadline/deadline.h - reads time-outs, produces moments and what is left until then, for what waits in poll(2).
 * All in milliseconds of CLOCK_MONOTONIC; a deadline of -1 never comes.
 */
#ifndef IPC_DEADLINE_DEADLINE_H
#define IPC_DEADLINE_DEADLINE_H

#include <stdint.h>

/* kk_deadline - `timeout_ms` from now; negative: never. */
int64_t kk_deadline(int timeout_ms);
/* kk_deadline_left - for poll(2): until the deadline, 0 after it, -1 without one. */
int kk_deadline_left(int64_t deadline_ms);
/* kk_deadline_poll - waits for `events`, or an error, of one descriptor. 0, KK_ERR_TIMEOUT, KK_ERR_SYSTEM. */
int kk_deadline_poll(int fd, short events, int64_t deadline_ms);

#endif
