/* SPDX-License-Identifier: Apache-2.0 */
/* Descendants whose parents have ended: the caller inherits them, and ends them. Killing those that can be seen brings
 * in what they had started themselves, until there is none. */
#include "deadline/deadline.h"
#include "process/living.h"
#include <errno.h>
#include <fcntl.h>
#include <kakehi/process.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 512 };

/* Children that were there before anything was gathered: whoever started them will know what for. */
static struct {
	pid_t pid[MOST];
	size_t count;
} earlier;

/* The calling thread's children, MOST at most; -1: they cannot be seen. */
static long list_children(pid_t to[MOST])
{
	char list[MOST * 8], *at = list;
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	ssize_t got;
	long count = 0;
	if (fd < 0)
		return -1;
	do
		got = read(fd, list, sizeof(list) - 1);
	while (got < 0 && errno == EINTR);
	close(fd);
	if (got < 0)
		return -1;
	/* A number that was cut at the end would be somebody else's: only those that a space follows count. */
	while (got > 0 && list[got - 1] != ' ')
		got--;
	list[got] = 0;
	for (char *end; *at && count < MOST; at = end) {
		long pid = strtol(at, &end, 10);
		if (end == at || pid <= 0)
			break;
		to[count++] = (pid_t)pid;
	}
	return count;
}

static bool is_orphan(pid_t pid)
{
	for (size_t i = 0; i < earlier.count; i++)
		if (earlier.pid[i] == pid)
			return false;
	return !kk_living_has(pid);
}

static long list_orphans(pid_t to[MOST])
{
	long count = list_children(to), orphans = 0;
	if (count < 0)
		return -1;
	for (long i = 0; i < count; i++)
		if (is_orphan(to[i]))
			to[orphans++] = to[i];
	return orphans;
}

/* Waits for the end of a child that was killed, and reaps it. */
static int reap(pid_t pid, int64_t deadline_ms)
{
	int pidfd = pidfd_open(pid, 0);
	if (pidfd >= 0) {
		(void)kk_deadline_poll(pidfd, POLLIN, deadline_ms);
		close(pidfd);
	}
	return waitpid(pid, NULL, WNOHANG) == 0 ? KK_ERR_TIMEOUT : KK_OK;
}

int kk_process_gather(void)
{
	if (earlier.count == 0) {
		long count = list_children(earlier.pid);
		earlier.count = count > 0 ? (size_t)count : 0;
	}
	return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? KK_ERR_SYSTEM : KK_OK;
}

int kk_process_end_orphans(int timeout_ms)
{
	pid_t orphans[MOST];
	int64_t deadline_ms = kk_deadline(timeout_ms);
	for (;;) {
		long count = list_orphans(orphans);
		int status = KK_OK;
		if (count <= 0)
			return count < 0 ? KK_ERR_SYSTEM : KK_OK;
		/* Their numbers are nobody else's: they are not reaped. */
		for (long i = 0; i < count; i++)
			kill(orphans[i], SIGKILL);
		for (long i = 0; i < count && status == KK_OK; i++)
			status = reap(orphans[i], deadline_ms);
		if (status != KK_OK)
			return status;
	}
}
