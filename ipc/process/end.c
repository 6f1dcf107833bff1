/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/end.c - signals for a process, and its end: seen, waited for, reaped, forgotten. */
#include "deadline/deadline.h"
#include "process/child.h"
#include "process/private.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Time for a server to say how a child of its own has ended. */
#define WORD_MS 1000

static int kill_result(int rc)
{
	if (rc == 0)
		return KK_OK;
	return errno == ESRCH ? KK_ERR_MISSING : KK_ERR_SYSTEM;
}

static bool is_owner(const struct kk_process *process)
{
	return process->owner == getpid();
}

int kk_process_kill(struct kk_process *process, int signal)
{
	int rc = KK_ERR_MISSING;

	if (!is_owner(process))
		return KK_ERR_NOT_OWNER;
	pthread_mutex_lock(&process->lock);
	/* The kernel may still take signals for one that nobody has to wait for, for a moment after its end. */
	if (!process->reaped && !process->taken)
		rc = kill_result(pidfd_send_signal(process->pidfd, signal, NULL, 0));
	pthread_mutex_unlock(&process->lock);
	return rc;
}

/* With its lock held. The group's number cannot belong to somebody else: its leader is not reaped, unless it lost its
 * server, or somebody waited for any child of ours, which the pidfd knows. */
static int kill_group(const struct kk_process *process, int signal)
{
	if (pidfd_send_signal(process->pidfd, 0, NULL, 0) < 0)
		return KK_ERR_MISSING;
	return kill_result(kill(-process->pid, signal));
}

int kk_process_kill_group(struct kk_process *process, int signal)
{
	int rc = KK_ERR_MISSING;

	if (!process->own_group)
		return kk_process_kill(process, signal);
	if (!is_owner(process))
		return KK_ERR_NOT_OWNER;
	pthread_mutex_lock(&process->lock);
	if (!process->reaped)
		rc = kill_group(process, signal);
	pthread_mutex_unlock(&process->lock);
	return rc;
}

static uint64_t microseconds(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000u + (uint64_t)time->tv_usec;
}

/* waitid(2) with the rusage that glibc's wrapper leaves out. */
int kk_child_how(const struct kk_process *process, int options, struct kk_process_end *end)
{
	siginfo_t info = {0};
	struct rusage usage = {0};
	long rc;

	do
		rc = syscall(SYS_waitid, P_PIDFD, process->pidfd, &info, WEXITED | options, &usage);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return KK_ERR_SYSTEM;
	if (info.si_pid == 0)
		return KK_ERR_EMPTY;
	*end = (struct kk_process_end){
	    .exited = info.si_code == CLD_EXITED,
	    .code = info.si_code == CLD_EXITED ? info.si_status : 0,
	    .signal = info.si_code == CLD_EXITED ? 0 : info.si_status,
	    .core = info.si_code == CLD_DUMPED,
	    .user_us = microseconds(&usage.ru_utime),
	    .system_us = microseconds(&usage.ru_stime),
	    .max_rss_bytes = (uint64_t)usage.ru_maxrss * 1024u,
	};
	return KK_OK;
}

static int await(int fd, int timeout_ms)
{
	return kk_deadline_poll(fd, POLLIN, kk_deadline(timeout_ms));
}

/* Its server has died, and it, or is about to. Whoever inherits a server's children can still learn how. */
static int lost(struct kk_process *process, int options, struct kk_process_end *end)
{
	bool look = options & WNOHANG;

	if (look && await(process->pidfd, 0) < 0)
		return KK_ERR_EMPTY;
	if (!look) {
		kk_server_await(process->server);
		if (await(process->pidfd, -1) < 0)
			return KK_ERR_SYSTEM;
	}
	if (kk_child_how(process, options | WNOHANG, end) < 0)
		*end = (struct kk_process_end){.signal = SIGKILL};
	end->lost = true;
	return KK_OK;
}

/* What its server tells. */
static int how_remote(struct kk_process *process, int options, struct kk_process_end *end)
{
	int flags = (options & WNOWAIT ? MSG_PEEK : 0) | (options & WNOHANG ? MSG_DONTWAIT : 0);
	ssize_t n;

	do
		n = recv(process->channel, end, sizeof(*end), flags);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(*end))
		return KK_OK;
	return n < 0 && errno == EAGAIN ? KK_ERR_EMPTY : lost(process, options, end);
}

static int how(struct kk_process *process, int options, struct kk_process_end *end)
{
	return process->server ? how_remote(process, options, end) : kk_child_how(process, options, end);
}

int kk_process_peek(struct kk_process *process, struct kk_process_end *end)
{
	int rc = KK_OK;

	if (!is_owner(process))
		return KK_ERR_NOT_OWNER;
	pthread_mutex_lock(&process->lock);
	if (process->reaped) {
		*end = process->end;
	} else if (process->taken) {
		errno = ECHILD;
		rc = KK_ERR_SYSTEM;
	} else {
		rc = how(process, WNOWAIT | WNOHANG, end);
	}
	if (rc == KK_OK && !process->reaped)
		end->user_us = end->system_us = end->max_rss_bytes = 0;
	pthread_mutex_unlock(&process->lock);
	return rc;
}

/* With its lock held, once nothing more is to be learned: what is left of its group ends with the lifeline, and its
 * server may reap it. The channel is not closed: other threads may poll it. */
static void let_go(struct kk_process *process)
{
	kk_private_close(&process->lifeline);
	if (process->channel >= 0)
		shutdown(process->channel, SHUT_RDWR);
}

/* With its lock held. */
static int reap(struct kk_process *process)
{
	int rc;

	/* Before the reaping: as long as the leader is a zombie, the group's number is nobody else's. */
	if (process->own_group)
		kill_group(process, SIGKILL);
	rc = process->taken ? KK_ERR_SYSTEM : how(process, 0, &process->end);
	if (rc < 0 && !process->taken && errno != ECHILD)
		return rc;
	process->reaped = rc == KK_OK;
	process->taken = !process->reaped;
	let_go(process);
	if (process->taken)
		errno = ECHILD;
	return process->taken ? KK_ERR_SYSTEM : KK_OK;
}

int kk_process_wait(struct kk_process *process, int timeout_ms, struct kk_process_end *end)
{
	bool first;
	int rc;

	if (!is_owner(process))
		return KK_ERR_NOT_OWNER;
	rc = await(kk_process_sentinel(process), timeout_ms);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&process->lock);
	first = !process->reaped && !process->taken;
	if (!process->reaped)
		rc = reap(process);
	int failed = errno;
	first = first && (process->reaped || process->taken);
	if (rc == KK_OK && end)
		*end = process->end;
	pthread_mutex_unlock(&process->lock);
	if (first && process->family)
		kk_family_bury(process->family);
	errno = failed;
	return rc;
}

void kk_child_await(struct kk_process *process)
{
	await(process->pidfd, -1);
	if (kk_process_wait(process, WORD_MS, NULL) != KK_ERR_TIMEOUT)
		return;
	pthread_mutex_lock(&process->lock);
	process->taken = !process->reaped;
	let_go(process);
	pthread_mutex_unlock(&process->lock);
	if (process->family)
		kk_family_bury(process->family);
}

int kk_process_join(struct kk_process *process, int timeout_ms)
{
	return kk_process_wait(process, timeout_ms, NULL);
}

int kk_process_exitcode(struct kk_process *process, int *code)
{
	struct kk_process_end end;
	int rc = kk_process_peek(process, &end);

	if (rc == KK_OK)
		*code = end.exited ? end.code : -end.signal;
	return rc;
}

bool kk_process_is_alive(struct kk_process *process)
{
	struct kk_process_end end;

	return kk_process_peek(process, &end) == KK_ERR_EMPTY;
}

int kk_process_terminate(struct kk_process *process)
{
	return kk_process_kill(process, SIGTERM);
}

static void kill_all_of(struct kk_process *process)
{
	kk_process_kill_group(process, SIGKILL);
	kk_process_kill(process, SIGKILL);
}

/* Once it has ended nothing depends on its server any more, which may be stopped. */
void kk_process_free(struct kk_process *process)
{
	if (!process)
		return;
	if (!is_owner(process)) {
		free(process);
		return;
	}
	if (!process->reaped) {
		kill_all_of(process);
		await(process->pidfd, -1);
		if (kk_process_wait(process, 0, NULL) == KK_ERR_TIMEOUT && process->family)
			kk_family_bury(process->family);
	}
	kk_child_unmake(process);
}

int kk_process_close(struct kk_process *process)
{
	if (process && kk_process_is_alive(process))
		return KK_ERR_INVALID;
	kk_process_free(process);
	return KK_OK;
}

void kk_process_abandon(struct kk_process *process)
{
	if (process && is_owner(process) && !process->reaped) {
		kill_all_of(process);
		kk_child_unmake(process);
	} else {
		kk_process_free(process);
	}
}
