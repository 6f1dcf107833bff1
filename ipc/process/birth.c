/* SPDX-License-Identifier: Apache-2.0 */
/* What a child does between fork and being itself: descriptors, limits, group, signals, ties to its parent. */
#include "process/child.h"
#include "process/follow.h"
#include "process/private.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_STILLBORN 127

static int by_number(const void *a, const void *b)
{
	int left = ((const struct kk_process_fd *)a)->to, right = ((const struct kk_process_fd *)b)->to;

	return (left > right) - (left < right);
}

int kk_birth_prepare(struct kk_birth *birth, const struct kk_process_spec *spec, int lifeline, struct kk_error *error)
{
	static const char *const empty[] = {NULL};

	if (!!spec->path + !!spec->paths + !!spec->function + !!birth->order != 1 || (spec->paths && !spec->argv))
		return kk_error_set(error, KK_ERR_INVALID, "a process needs either a program or a function");
	birth->spec = spec;
	birth->fds = calloc(spec->fd_count + 1, sizeof(*birth->fds));
	if (!birth->fds)
		return kk_error_set(error, KK_ERR_MEMORY, "no memory for a list of descriptors");
	for (size_t i = 0; i < spec->fd_count; i++)
		birth->fds[birth->fd_count++] = spec->fds[i];
	birth->lifeline = lifeline;
	if (lifeline >= 0 && !birth->order)
		birth->fds[birth->fd_count++] = (struct kk_process_fd){lifeline, spec->lifeline};
	qsort(birth->fds, birth->fd_count, sizeof(*birth->fds), by_number);
	for (size_t i = 0; i < birth->fd_count; i++) {
		if (birth->fds[i].from < 0 || birth->fds[i].to < 0)
			return kk_error_set(error, KK_ERR_INVALID, "a negative descriptor");
		if (i > 0 && birth->fds[i].to == birth->fds[i - 1].to)
			return kk_error_set(error, KK_ERR_INVALID, "descriptor %d is given twice", birth->fds[i].to);
	}
	birth->default_argv[0] = birth->default_paths[0] = spec->path;
	birth->paths = spec->paths ? spec->paths : birth->default_paths;
	birth->argv = spec->argv ? spec->argv : birth->default_argv;
	birth->environment = spec->environment ? spec->environment : empty;
	birth->parent = getpid();
	return KK_OK;
}

void kk_birth_done(struct kk_birth *birth)
{
	free(birth->fds);
	birth->fds = NULL;
}

static int close_between(int first, int last)
{
	return first > last ? 0 : close_range((unsigned)first, (unsigned)last, 0);
}

static int highest_target(const struct kk_birth *birth)
{
	size_t n = birth->fd_count;

	return n > 0 && birth->fds[n - 1].to > 2 ? birth->fds[n - 1].to : 2;
}

/* A library that opens a file must not get 0, 1 or 2 and then be written to by a printf. */
static int fill_standard(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			return -1;
	}
	return 0;
}

/* Puts every descriptor where the spec wants it and closes all others but the report's. Since a `from` may be
 * another's `to`, all sources first move above every target. Returns the report's new number, or -1. */
static int place_descriptors(const struct kk_birth *birth)
{
	struct kk_process_fd *fds = birth->fds;
	size_t n = birth->fd_count;
	int top = highest_target(birth), next = 0;
	int report = fcntl(birth->report, F_DUPFD_CLOEXEC, top + 1);

	if (report < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		fds[i].from = fcntl(fds[i].from, F_DUPFD_CLOEXEC, top + 1);
		if (fds[i].from < 0)
			return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (dup2(fds[i].from, fds[i].to) < 0 || close_between(next, fds[i].to - 1) < 0)
			return -1;
		next = fds[i].to + 1;
	}
	if (close_between(next, report - 1) < 0 || close_range((unsigned)report + 1, ~0U, 0) < 0)
		return -1;
	kk_private_drop(false);
	return fill_standard() < 0 ? -1 : report;
}

/* Moves a descriptor above every target, out of the way of what follows; the old one is private and goes with them. */
static int lift(int *fd, int how, int top)
{
	int lifted = *fd < 0 ? -1 : fcntl(*fd, how, top + 1);

	if (lifted < 0)
		return *fd < 0 ? 0 : -1;
	*fd = lifted;
	return 0;
}

/* The same for a call, which keeps what else is open. */
static int place_among_others(struct kk_birth *birth)
{
	struct kk_process_fd *fds = birth->fds;
	int top = highest_target(birth);

	if (lift(&birth->report, F_DUPFD_CLOEXEC, top) < 0 || lift(&birth->lifeline, F_DUPFD, top) < 0 ||
	    lift(&birth->carry, F_DUPFD_CLOEXEC, top) < 0)
		return -1;
	for (size_t i = 0; i < birth->fd_count; i++) {
		if (lift(&fds[i].from, F_DUPFD_CLOEXEC, top) < 0)
			return -1;
	}
	if (birth->directory >= 0 && fchdir(birth->directory) < 0)
		return -1;
	kk_private_drop(true);
	for (size_t i = 0; i < birth->fd_count; i++) {
		if (dup2(fds[i].from, fds[i].to) < 0 || close(fds[i].from) < 0)
			return -1;
	}
	return fill_standard() < 0 ? -1 : birth->report;
}

static int set_limits(const struct kk_process_spec *spec)
{
	for (size_t i = 0; i < spec->limit_count; i++) {
		struct rlimit limit = {.rlim_cur = spec->limits[i].value, .rlim_max = spec->limits[i].value};
		if (setrlimit((__rlimit_resource_t)spec->limits[i].resource, &limit) < 0)
			return -1;
	}
	return 0;
}

/* What a terminal sent to our parent's group before we had left it was not meant for us; to ignore it drops it. */
static void drop_signals_of_terminal(void)
{
	static const int signals[] = {SIGINT, SIGQUIT, SIGHUP, SIGTSTP};
	struct sigaction action = {.sa_handler = SIG_IGN};

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaction(signals[i], &action, NULL);
}

static void reset_signals(const struct kk_process_spec *spec)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	if (spec->own_group)
		drop_signals_of_terminal();
	/* Fails for SIGKILL, SIGSTOP and libc's own, which need no reset. */
	for (int signal = 1; signal < NSIG; signal++)
		sigaction(signal, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int tie_to_parent(const struct kk_birth *birth)
{
	if (birth->spec->die_with_thread) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
			return -1;
		/* The parent may have gone before the kernel knew that we care. */
		if (getppid() != birth->parent)
			_exit(EXIT_STILLBORN);
	}
	int lifeline = birth->order ? birth->lifeline : birth->spec->lifeline;
	if (lifeline <= 0)
		return 0;
	return kk_follow_as(lifeline, birth->spec->own_group ? -getpid() : getpid()) < 0 ? -1 : 0;
}

static int lead(const struct kk_process_spec *spec)
{
	if (!spec->own_group)
		return 0;
	return spec->own_session ? setsid() : setpgid(0, 0);
}

/* The search goes on past what cannot be executed, and then tells of that rather than of what was not there. */
static int execute_first(const struct kk_birth *birth)
{
	int failed = ENOENT;

	for (const char *const *path = birth->paths; *path; path++) {
		execve(*path, (char *const *)birth->argv, (char *const *)birth->environment);
		if (failed == ENOENT || failed == ENOTDIR)
			failed = errno;
	}
	return failed;
}

static void tell(int report, const struct kk_birth_failure *failure)
{
	while (write(report, failure, sizeof(*failure)) < 0 && errno == EINTR)
		;
}

/* Where the program ignores SIGCHLD or waits for any child, nothing is left of one that has ended: we must not end
 * before our parent has a pidfd of us. If it ends itself nobody will want us. */
static void await_parent(struct kk_birth *birth)
{
	char byte;
	ssize_t n;

	kk_private_close(&birth->licence[1]);
	do
		n = read(birth->licence[0], &byte, 1);
	while (n < 0 && errno == EINTR);
	kk_private_close(&birth->licence[0]);
	if (n != 1)
		_exit(EXIT_STILLBORN);
}

void kk_birth_run(struct kk_birth *birth)
{
	const struct kk_process_spec *spec = birth->spec;
	struct kk_birth_failure failure = {.step = KK_BIRTH_SETUP};
	int report;

	await_parent(birth);
	report = birth->order ? place_among_others(birth) : place_descriptors(birth);
	if (report < 0) {
		report = birth->report;
		goto stillborn;
	}
	if (lead(spec) < 0 || tie_to_parent(birth) < 0 || set_limits(spec) < 0)
		goto stillborn;
	if (spec->set_umask)
		umask(spec->umask);
	failure.step = KK_BIRTH_DIRECTORY;
	if (spec->directory && chdir(spec->directory) < 0)
		goto stillborn;
	reset_signals(spec);
	if (birth->order) {
		if (birth->order->serve)
			kk_serve_undisturbed();
		close(report);
		_exit(kk_order_run(birth->order, birth->function, birth->carry));
	}
	if (spec->function) {
		close(report);
		_exit(spec->function(spec->argument));
	}
	failure.step = KK_BIRTH_PROGRAM;
	errno = execute_first(birth);
stillborn:
	failure.system = errno;
	tell(report, &failure);
	_exit(EXIT_STILLBORN);
}
