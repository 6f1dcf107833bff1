/* SPDX-License-Identifier: Apache-2.0 */
/* How processes end: in words, with their parent, and by a signal of their own. */
#include "process/follow.h"
#include <errno.h>
#include <fcntl.h>
#include <kakehi/process.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char *kk_process_signal_name(int signal, char *to, size_t size)
{
	const char *name = sigabbrev_np(signal);

	if (name)
		snprintf(to, size, "SIG%s", name);
	else
		snprintf(to, size, "signal %d", signal);
	return to;
}

char *kk_process_obituary(const struct kk_process_end *end, char *to, size_t size)
{
	char name[24];

	if (end->exited)
		snprintf(to, size, "exit %d", end->code);
	else
		snprintf(to, size, "killed by %s%s%s", kk_process_signal_name(end->signal, name, sizeof(name)),
		         end->core ? " (core dumped)" : "", end->lost ? " (its fork server has died)" : "");
	return to;
}

int kk_process_follow(int fd)
{
	return kk_follow_as(fd, getpid());
}

int kk_follow_as(int fd, pid_t owner)
{
	struct pollfd writers = {.fd = fd, .events = POLLIN};
	int flags = fcntl(fd, F_GETFL);

	/* A pipe signals its asynchronous readers when its last writer goes (pipe_release in the kernel). SIGKILL,
	 * since a library in this process may have taken any other signal for itself. */
	if (flags < 0 || fcntl(fd, F_SETOWN, owner) < 0 || fcntl(fd, F_SETSIG, SIGKILL) < 0 ||
	    fcntl(fd, F_SETFL, flags | O_ASYNC) < 0)
		return KK_ERR_SYSTEM;
	/* The last writer may have gone before we were armed. */
	while (poll(&writers, 1, 0) < 0) {
		if (errno != EINTR)
			return KK_ERR_SYSTEM;
	}
	if (writers.revents & POLLHUP)
		kk_process_raise(SIGKILL);
	return KK_OK;
}

void kk_process_raise(int signal)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t only;

	sigaction(signal, &action, NULL);
	sigemptyset(&only);
	sigaddset(&only, signal);
	raise(signal);
	/* If it was blocked it strikes here. A signal that ends no process gets at least the status of one. */
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	_exit(128 + signal);
}
