/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/server.h - what a fork server and who asks it say to each other, one message each:
 *
 *	asks:    struct kk_wish,   with the descriptors it counts, in this order
 *	answers: struct kk_answered, with the pidfd of the child if there is one
 *
 * How the child ends comes through the channel that the wish brought: see process/child.h.
 */
#ifndef IPC_PROCESS_SERVER_H
#define IPC_PROCESS_SERVER_H

#include <kakehi/error.h>
#include <stddef.h>
#include <sys/types.h>

enum { KK_WISH_FDS = 253 }; /* as many as a message can have (SCM_MAX_FD) */

/* The order, the server's end of the channel, where to work (-1: nowhere known), the family (if the order says that
 * there is one), and one for each target in the order. */
enum { WISH_ORDER, WISH_CHANNEL, WISH_DIRECTORY, WISH_REST };

struct kk_wish {
	size_t fd_count;
};

struct kk_answered {
	pid_t pid; /* or 0: there is no child, since: */
	struct kk_error error;
};

/* kk_message_send - `fds` may be -1 in no place. 0 or -1 with errno. */
int kk_message_send(int socket, const void *data, size_t bytes, const int *fds, size_t count);
/* kk_message_receive - fills `fds` with up to `max` descriptors, which are private (process/private.h), and sets
 * `count`. Returns the bytes of the message, 0 when the other end is closed, -1 with errno. */
ssize_t kk_message_receive(int socket, void *data, size_t bytes, int *fds, size_t max, size_t *count);

#endif
