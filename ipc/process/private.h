/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/private.h - reads descriptors that a process keeps for itself, produces children without them.
 *
 * A forked call keeps all descriptors of its parent but these: were it to hold the write end of another's lifeline,
 * that one would outlive the parent with it; were it to hold the end of a report, its reader would wait for ever. Since
 * other threads may fork at any time, a descriptor is made, listed and closed under a lock that is held across a fork.
 * The same goes for a child that the program forks itself.
 */
#ifndef IPC_PROCESS_PRIVATE_H
#define IPC_PROCESS_PRIVATE_H

#include <stdbool.h>
#include <sys/types.h>

/* kk_private_pipe, kk_private_pair - a pipe; two sockets that keep messages apart. Close-on-exec. 0 or -1 with errno.
 */
int kk_private_pipe(int to[2]);
int kk_private_pair(int to[2]);

/* kk_private_adopt - from now on `fd` is private. Returns it, or what it became if it was below 3, or -1 with errno,
 * and `fd` closed; -1 for -1. */
int kk_private_adopt(int fd);

/* kk_private_close - closes it, if it is one, and sets it to -1. */
void kk_private_close(int *fd);

/* kk_private_fork - fork(2) whose child has them still, until it calls kk_private_drop; after any other fork they are
 * dropped and closed before the child goes on. Either child has no children listed (living.h). */
pid_t kk_private_fork(void);

/* kk_private_drop - in a child: its parent's list is not its own. `close`: and closes all that is in it. */
void kk_private_drop(bool close);

#endif
