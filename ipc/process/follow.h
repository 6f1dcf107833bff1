/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/follow.h - reads a pipe, produces the death of the caller, or of its group, when the last writer has
 * gone.
 */
#ifndef IPC_PROCESS_FOLLOW_H
#define IPC_PROCESS_FOLLOW_H

#include <sys/types.h>

/* kk_follow_as - kk_process_follow for `owner`: the caller's pid, or minus its group's number to end all of the group.
 */
int kk_follow_as(int fd, pid_t owner);

#endif
