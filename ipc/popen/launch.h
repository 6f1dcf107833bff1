/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/popen/launch.h - reads a command, produces the spec of a process and the pipes to it.
 */
#ifndef IPC_POPEN_LAUNCH_H
#define IPC_POPEN_LAUNCH_H

#include <kakehi/popen.h>

struct kk_launch {
	struct kk_process_spec spec; /* points to what is below, and into the command */
	struct kk_process_fd *fds;
	const char **paths; /* one block of memory with the texts behind it */
	int ours[3], theirs[3];
};

/* kk_launch_prepare - 0 or an error that names the program. Either way end with kk_launch_done, which closes what is
 * still in `ours` and `theirs`. The command must outlive the launch. */
int kk_launch_prepare(struct kk_launch *launch, const struct kk_command *command, struct kk_error *error);
void kk_launch_done(struct kk_launch *launch);

/* kk_launch_pipe - a pipe, close-on-exec, whose ends are no standard streams, also if the caller has closed his: what
 * he prints must not get there. 0 or -1 with errno. */
int kk_launch_pipe(int ends[2]);

/* kk_launch_name - what the program is called in texts. */
const char *kk_launch_name(const struct kk_command *command);

/* kk_launch_explain - makes more of the error with which the start failed, if there is more to say. */
void kk_launch_explain(const struct kk_command *command, struct kk_error *error);

#endif
