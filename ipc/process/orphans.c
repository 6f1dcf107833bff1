/* SPDX-License-Identifier: Apache-2.0 */
/* All descendants of a process, without a process group or a cgroup: those whose parent ends become its own children,
 * so killing all children, then all that this brought in, ends with none. */
#include <errno.h>
#include <fcntl.h>
#include <kakehi/process.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int kk_process_gather(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? KK_ERR_SYSTEM : KK_OK;
}

/* Kills as many of the caller's children as fit into one look; returns how many. Their numbers are nobody else's, as
 * they are not reaped. */
static int kill_children(void)
{
	char list[4096], *at = list;
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC), killed = 0;
	ssize_t got;
	if (fd < 0)
		return 0;
	do
		got = read(fd, list, sizeof(list) - 1);
	while (got < 0 && errno == EINTR);
	close(fd);
	/* A number that was cut at the end would be somebody else's: only those that a space follows count. */
	while (got > 0 && list[got - 1] != ' ')
		got--;
	list[got > 0 ? got : 0] = 0;
	for (char *end; *at; at = end) {
		long pid = strtol(at, &end, 10);
		if (end == at || pid <= 0)
			break;
		killed += kill((pid_t)pid, SIGKILL) == 0;
	}
	return killed;
}

int kk_process_end_children(void)
{
	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);
		if (pid > 0 || (pid < 0 && errno == EINTR))
			continue;
		if (pid < 0)
			return errno == ECHILD ? KK_OK : KK_ERR_SYSTEM;
		if (kill_children() == 0)
			return KK_ERR_SYSTEM;
		/* One at least will end now. */
		while (waitpid(-1, NULL, 0) < 0 && errno == EINTR)
			;
	}
}
