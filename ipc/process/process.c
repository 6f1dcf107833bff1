/* SPDX-License-Identifier: Apache-2.0 */
/* One child from its start to its reaping, as its parent sees it. What the child does before it is itself is in
 * birth.c. */
#include "process/birth.h"
#include "process/living.h"
#include <errno.h>
#include <fcntl.h>
#include <kakehi/process.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct kk_process {
	struct kk_living living;
	pid_t pid;
	int pidfd;
	int lifeline; /* our end of the pipe: the child lives while it is open; -1: none */
	bool own_group;
	bool reaped;
	struct kk_process_end end; /* once reaped */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The pipe tells an exec that failed (a failure comes) from one that went well (it closes on exec). */
static int read_birth_report(int fd, struct kk_birth_failure *failure)
{
	ssize_t n;

	do
		n = read(fd, failure, sizeof(*failure));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*failure) ? -1 : 0;
}

static int say_stillborn(const struct kk_process_spec *spec, const struct kk_birth_failure *failure,
                         struct kk_error *error)
{
	const char *name = spec->argv && spec->argv[0] ? spec->argv[0] : "the child process";
	bool missing = failure->system == ENOENT || failure->system == ENOTDIR;

	if (spec->path)
		name = spec->path;
	errno = failure->system;
	if (failure->step == KK_BIRTH_DIRECTORY)
		return kk_error_set(error, KK_ERR_SYSTEM, "cannot start %s: cannot enter %s", name, spec->directory);
	kk_error_set(error, KK_ERR_SYSTEM, "cannot start %s", name);
	if (failure->step != KK_BIRTH_PROGRAM || !spec->paths || !missing)
		return KK_ERR_SYSTEM;
	if (error)
		error->code = KK_ERR_MISSING;
	return KK_ERR_MISSING;
}

static pid_t fork_quietly(const struct kk_birth *birth)
{
	sigset_t all, old;
	pid_t pid;

	/* No handler of the parent's may run in the child. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		kk_birth_run(birth);
	int saved = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
	return pid;
}

/* Starts the child and learns whether it became what was asked for; a stillborn one is reaped here. */
static int give_birth(struct kk_process *process, struct kk_birth *birth, struct kk_error *error)
{
	struct kk_birth_failure failure = {0};
	int report[2] = {-1, -1}, rc = KK_ERR_SYSTEM;

	if (pipe2(report, O_CLOEXEC) < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "cannot make a pipe");
	birth->report = report[1];
	process->pid = fork_quietly(birth);
	if (process->pid < 0) {
		kk_error_set(error, rc, "cannot fork");
		goto out;
	}
	kk_living_add(&process->living, process->pid);
	close_fd(&report[1]);
	process->pidfd = pidfd_open(process->pid, 0);
	if (process->pidfd < 0) {
		kk_error_set(error, rc, "cannot open a pidfd");
		kill(process->pid, SIGKILL);
		while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
			;
		goto out;
	}
	if (read_birth_report(report[0], &failure) < 0) {
		kk_process_wait(process, -1, NULL);
		rc = say_stillborn(birth->spec, &failure, error);
		goto out;
	}
	rc = KK_OK;
out:
	close_fd(&report[0]);
	close_fd(&report[1]);
	return rc;
}

struct kk_process *kk_process_spawn(const struct kk_process_spec *spec, struct kk_error *error)
{
	struct kk_birth birth = {0};
	int lifeline[2] = {-1, -1};
	struct kk_process *process = NULL;
	int rc = KK_ERR_SYSTEM;

	if (spec->lifeline > 0 && pipe2(lifeline, O_CLOEXEC) < 0) {
		kk_error_set(error, KK_ERR_SYSTEM, "cannot make a lifeline");
		goto out;
	}
	if (kk_birth_prepare(&birth, spec, lifeline[0], error) < 0)
		goto out;
	process = calloc(1, sizeof(*process));
	if (!process) {
		kk_error_set(error, KK_ERR_MEMORY, "no memory for a process");
		goto out;
	}
	process->pidfd = -1;
	process->own_group = spec->own_group;
	process->lifeline = lifeline[1];
	lifeline[1] = -1;
	rc = give_birth(process, &birth, error);
out:
	kk_birth_done(&birth);
	close_fd(&lifeline[0]);
	close_fd(&lifeline[1]);
	if (rc < 0 && process) {
		kk_living_remove(&process->living);
		close_fd(&process->pidfd);
		close_fd(&process->lifeline);
		free(process);
		process = NULL;
	}
	return process;
}

pid_t kk_process_pid(const struct kk_process *process)
{
	return process->pid;
}

int kk_process_pidfd(const struct kk_process *process)
{
	return process->pidfd;
}

static int kill_result(int rc)
{
	if (rc == 0)
		return KK_OK;
	return errno == ESRCH ? KK_ERR_MISSING : KK_ERR_SYSTEM;
}

int kk_process_kill(struct kk_process *process, int signal)
{
	if (process->reaped)
		return KK_ERR_MISSING;
	return kill_result(pidfd_send_signal(process->pidfd, signal, NULL, 0));
}

int kk_process_kill_group(struct kk_process *process, int signal)
{
	if (!process->own_group)
		return kk_process_kill(process, signal);
	if (process->reaped)
		return KK_ERR_MISSING;
	/* The group's number cannot belong to somebody else: its leader is ours and not reaped. */
	return kill_result(kill(-process->pid, signal));
}

static uint64_t microseconds(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000u + (uint64_t)time->tv_usec;
}

/* waitid(2) with the rusage that glibc's wrapper leaves out. */
static int wait_for_end(struct kk_process *process, int options, struct kk_process_end *end)
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

int kk_process_peek(struct kk_process *process, struct kk_process_end *end)
{
	int rc = KK_OK;

	if (process->reaped)
		*end = process->end;
	else
		rc = wait_for_end(process, WNOWAIT | WNOHANG, end);
	if (rc == KK_OK && !process->reaped)
		end->user_us = end->system_us = end->max_rss_bytes = 0;
	return rc;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* 0 once the process has ended. */
static int await_end(const struct kk_process *process, int timeout_ms)
{
	int64_t until = now_ms() + timeout_ms;
	struct pollfd ended = {.fd = process->pidfd, .events = POLLIN};
	int left = timeout_ms, n;

	for (;;) {
		n = poll(&ended, 1, left);
		if (n > 0)
			return KK_OK;
		if (n == 0)
			return KK_ERR_TIMEOUT;
		if (errno != EINTR)
			return KK_ERR_SYSTEM;
		if (timeout_ms >= 0)
			left = until > now_ms() ? (int)(until - now_ms()) : 0;
	}
}

int kk_process_wait(struct kk_process *process, int timeout_ms, struct kk_process_end *end)
{
	int rc;

	if (!process->reaped) {
		rc = await_end(process, timeout_ms);
		if (rc < 0)
			return rc;
		/* Before the reaping: as long as the leader is a zombie, the group's number is nobody else's. */
		if (process->own_group)
			kill(-process->pid, SIGKILL);
		rc = wait_for_end(process, 0, &process->end);
		if (rc < 0)
			return rc;
		process->reaped = true;
		close_fd(&process->lifeline);
	}
	if (end)
		*end = process->end;
	return KK_OK;
}

static void release(struct kk_process *process)
{
	kk_living_remove(&process->living);
	close_fd(&process->lifeline);
	close_fd(&process->pidfd);
	free(process);
}

static void kill_all_of(struct kk_process *process)
{
	kk_process_kill_group(process, SIGKILL);
	kk_process_kill(process, SIGKILL);
}

void kk_process_free(struct kk_process *process)
{
	if (!process)
		return;
	if (!process->reaped) {
		kill_all_of(process);
		kk_process_wait(process, -1, NULL);
	}
	release(process);
}

void kk_process_abandon(struct kk_process *process)
{
	if (!process)
		return;
	if (!process->reaped)
		kill_all_of(process);
	release(process);
}
