/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/popen/own.h - what run.c knows of a kk_popen besides its public side.
 */
#ifndef IPC_POPEN_OWN_H
#define IPC_POPEN_OWN_H

#include "popen/exchange.h"
#include <kakehi/popen.h>
#include <pthread.h>

/* Which thread may touch what: `process`, `ended`, `lost` and `end` under the lock; the pipes, the input and the
 * captures are the communicating thread's while `busy`, else under the lock. The rest never changes. */
struct kk_popen {
	pid_t owner; /* in a forked child the lock may be held by a thread that is not there: nobody takes it */
	pthread_mutex_t lock;
	struct kk_process *process;
	bool ended;
	bool lost; /* it has ended, how is not known */
	struct kk_process_end end;

	bool busy, started; /* somebody communicates; somebody has */
	int fds[3];
	const char *input;
	size_t input_left;
	struct kk_capture captures[2]; /* of 1 and 2 */

	bool abandon; /* it does not die of SIGKILL: not to be waited for */
	char name[];
};

enum { KK_POPEN_FLOWS = 3 };

/* kk_popen_start - the same as kk_popen, with the input that its pipe gets if it has one. */
struct kk_popen *kk_popen_start(const struct kk_command *command, const void *input, size_t input_bytes,
                                struct kk_error *error);
/* kk_popen_flows - all of its pipes as flows; returns how many. */
size_t kk_popen_flows(struct kk_popen *popen, struct kk_flow to[KK_POPEN_FLOWS]);
/* kk_popen_say - an error of an exchange, in words. Returns `code`. */
int kk_popen_say(const struct kk_popen *popen, int code, struct kk_error *error);

#endif
