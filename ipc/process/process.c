/* SPDX-License-Identifier: Apache-2.0 */
/* One child from its start to its reaping, as its parent sees it. What the child does before it is itself is in
 * birth.c. */
#include "process/child.h"
#include "process/private.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

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
	bool unfit = failure->step == KK_BIRTH_PROGRAM && (failure->system == EACCES || failure->system == ENOEXEC);

	if (spec->path || (spec->paths && !spec->paths[1]))
		name = spec->path ? spec->path : spec->paths[0];
	errno = failure->system;
	if (failure->step == KK_BIRTH_DIRECTORY)
		return kk_error_set(error, KK_ERR_SYSTEM, "cannot start %s: cannot enter %s", name, spec->directory);
	kk_error_set(error, KK_ERR_SYSTEM, "cannot start %s%s", name, unfit ? ", which cannot be executed" : "");
	if (failure->step != KK_BIRTH_PROGRAM || !spec->paths || !missing)
		return KK_ERR_SYSTEM;
	if (error)
		error->code = KK_ERR_MISSING;
	return KK_ERR_MISSING;
}

/* With all signals blocked: no handler of the parent's may run in the child. */
static pid_t fork_quietly(struct kk_birth *birth)
{
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = kk_private_fork();
	int saved = errno;
	if (pid == 0)
		kk_birth_run(birth);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
	return pid;
}

/* The licence for the child to go on, and maybe to end: we know it by its pidfd. If it has been killed already there
 * is still a reader, us, so no SIGPIPE. */
static void let_go(int licence)
{
	while (write(licence, "", 1) < 0 && errno == EINTR)
		;
}

/* Starts the child and learns whether it became what was asked for; a stillborn one is reaped here. */
static int give_birth(struct kk_process *process, struct kk_birth *birth, struct kk_error *error)
{
	struct kk_birth_failure failure = {0};
	int report[2] = {-1, -1}, licence[2] = {-1, -1}, rc = KK_ERR_SYSTEM;

	if (kk_private_pipe(report) < 0 || kk_private_pipe(licence) < 0) {
		kk_error_set(error, rc, "cannot make a pipe");
		goto out;
	}
	birth->report = report[1];
	memcpy(birth->licence, licence, sizeof(licence));
	process->pid = fork_quietly(birth);
	if (process->pid < 0) {
		kk_error_set(error, rc, "cannot fork");
		goto out;
	}
	kk_private_close(&report[1]);
	process->pidfd = kk_private_adopt(pidfd_open(process->pid, 0));
	if (process->pidfd < 0) {
		kk_error_set(error, rc, "cannot open a pidfd");
		kill(process->pid, SIGKILL);
		while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
			;
		goto out;
	}
	kk_living_add(&process->living, process->pid, process->called ? process : NULL);
	let_go(licence[1]);
	if (read_birth_report(report[0], &failure) < 0) {
		kk_process_wait(process, -1, NULL);
		rc = say_stillborn(birth->spec, &failure, error);
		goto out;
	}
	rc = KK_OK;
out:
	for (int i = 0; i < 2; i++) {
		kk_private_close(&report[i]);
		kk_private_close(&licence[i]);
	}
	return rc;
}

int kk_child_start(struct kk_process *process, const struct kk_process_spec *spec, struct kk_birth *birth,
                   struct kk_error *error)
{
	int lifeline[2] = {-1, -1};
	int rc;

	process->own_group = spec->own_group;
	if ((spec->lifeline > 0 || birth->order) && kk_private_pipe(lifeline) < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "cannot make a lifeline");
	process->lifeline = lifeline[1];
	rc = kk_birth_prepare(birth, spec, lifeline[0], error);
	if (rc == KK_OK)
		rc = give_birth(process, birth, error);
	kk_birth_done(birth);
	kk_private_close(&lifeline[0]);
	return rc;
}

static int fork_call(struct kk_process *process, const struct kk_process_spec *spec, const struct kk_order *order,
                     struct kk_error *error)
{
	struct kk_birth birth = {.order = order, .function = spec->call, .carry = -1, .directory = -1};

	return kk_child_start(process, spec, &birth, error);
}

static int exec_call(struct kk_process *process, const struct kk_process_spec *spec, struct kk_order *order,
                     struct kk_error *error)
{
	if (!order->function[0])
		return kk_error_set(error, KK_ERR_INVALID,
		                    "a process that is started afresh finds only functions with a name: KK_FUNCTION");
	return kk_child_exec(process, spec, order, spec->family ? kk_family_fd(spec->family) : -1, error);
}

static int start_as(struct kk_process *process, const struct kk_process_spec *spec, struct kk_error *error)
{
	struct kk_order *order = kk_order_make(spec, error);
	int rc;

	if (!order)
		return KK_ERR_INVALID;
	memcpy(process->name, order->name, sizeof(process->name));
	process->called = true;
	process->daemon = spec->daemon;
	process->family = spec->family;
	rc = kk_join_at_exit();
	/* What was printed before must not be printed by the child, too. */
	fflush(stdout);
	fflush(stderr);
	if (rc < 0)
		kk_error_set(error, rc, "no memory to join children at the end");
	else if (spec->method == KK_START_FORK)
		rc = fork_call(process, spec, order, error);
	else if (spec->method == KK_START_SPAWN)
		rc = exec_call(process, spec, order, error);
	else
		rc = kk_server_ask(process, spec, order, error);
	free(order);
	return rc;
}

static int start_call(struct kk_process *process, const struct kk_process_spec *spec, struct kk_error *error)
{
	struct kk_process_spec all = *spec;
	struct kk_process_fd *fds = NULL;
	int rc;

	if (spec->path || spec->paths || spec->function || spec->argv || spec->method > KK_START_FORKSERVER)
		return kk_error_set(error, KK_ERR_INVALID, "a process is either a call or a program");
	if (spec->method != KK_START_FORK) {
		long count = kk_list_standard(spec, 0, &fds);
		if (count < 0)
			return kk_error_set(error, KK_ERR_MEMORY, "no memory for a list of descriptors");
		all.fds = fds;
		all.fd_count = (size_t)count;
	}
	rc = start_as(process, &all, error);
	free(fds);
	return rc;
}

struct kk_process *kk_process_spawn(const struct kk_process_spec *spec, struct kk_error *error)
{
	struct kk_process *process = kk_child_make(error);
	struct kk_birth birth = {0};
	int rc;

	if (!process)
		return NULL;
	rc = spec->call ? start_call(process, spec, error) : kk_child_start(process, spec, &birth, error);
	if (rc == KK_OK)
		return process;
	kk_child_unmake(process);
	return NULL;
}

struct kk_process *kk_process_start(kk_function *call, const void *args, size_t args_bytes, const char *name,
                                    struct kk_error *error)
{
	struct kk_process_spec spec = {.call = call, .args = args, .args_bytes = args_bytes, .name = name};

	return kk_process_spawn(&spec, error);
}

struct kk_process *kk_child_make(struct kk_error *error)
{
	struct kk_process *process = calloc(1, sizeof(*process));

	if (!process) {
		kk_error_set(error, KK_ERR_MEMORY, "no memory for a process");
		return NULL;
	}
	process->pidfd = process->lifeline = process->channel = -1;
	process->owner = getpid();
	pthread_mutex_init(&process->lock, NULL);
	return process;
}

void kk_child_unmake(struct kk_process *process)
{
	kk_living_remove(&process->living);
	kk_private_close(&process->lifeline);
	kk_private_close(&process->pidfd);
	kk_private_close(&process->channel);
	if (process->server)
		kk_server_release(process->server);
	pthread_mutex_destroy(&process->lock);
	free(process);
}

pid_t kk_process_pid(const struct kk_process *process)
{
	return process->pid;
}

const char *kk_process_name(const struct kk_process *process)
{
	return process->name;
}

int kk_process_pidfd(const struct kk_process *process)
{
	return process->pidfd;
}

int kk_process_sentinel(const struct kk_process *process)
{
	return process->channel >= 0 ? process->channel : process->pidfd;
}
