/* SPDX-License-Identifier: Apache-2.0 */
/* kk_process: what a child gets, how its end is told, and that it does not outlive its parent. */
#include "harness.h"
#include <errno.h>
#include <fcntl.h>
#include <kakehi/process.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int exit_with(void *argument)
{
	return *(int *)argument;
}

static int die_of(void *argument)
{
	raise(*(int *)argument);
	return 0;
}

static int sleep_for_ever(void *argument)
{
	(void)argument;
	while (pause() < 0)
		;
	return 0;
}

static struct kk_process *spawn(const struct kk_process_spec *spec)
{
	struct kk_error error = {0};
	struct kk_process *process = kk_process_spawn(spec, &error);

	if (!process)
		fail_msg("%s", error.text);
	return process;
}

static struct kk_process_end end_of(const struct kk_process_spec *spec)
{
	struct kk_process *process = spawn(spec);
	struct kk_process_end end = {0};

	assert_int_equal(kk_process_wait(process, 10000, &end), KK_OK);
	kk_process_free(process);
	return end;
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void read_exactly(int fd, void *to, size_t size)
{
	for (size_t got = 0; got < size;) {
		ssize_t n = read(fd, (char *)to + got, size - got);
		if (n < 0 && errno == EINTR)
			continue;
		assert_true(n > 0);
		got += (size_t)n;
	}
}

static void test_exit_status(void **state)
{
	int code = 3;
	struct kk_process_end end =
	    end_of(&(struct kk_process_spec){.function = exit_with, .argument = &code, .own_group = true});

	(void)state;
	assert_true(end.exited);
	assert_int_equal(end.code, 3);
	assert_int_equal(end.signal, 0);
	assert_true(end.max_rss_bytes > 0);
}

static void test_obituaries(void **state)
{
	static const struct {
		struct kk_process_end end;
		const char *text;
	} rows[] = {
	    {{.exited = true, .code = 0}, "exit 0"},
	    {{.exited = true, .code = 3}, "exit 3"},
	    {{.signal = SIGSEGV}, "killed by SIGSEGV"},
	    {{.signal = SIGSEGV, .core = true}, "killed by SIGSEGV (core dumped)"},
	    {{.signal = SIGKILL}, "killed by SIGKILL"},
	    {{.signal = 40}, "killed by signal 40"},
	};
	char text[64], cut[6];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(kk_process_obituary(&rows[i].end, text, sizeof(text)), rows[i].text);
	assert_string_equal(kk_process_obituary(&rows[0].end, cut, sizeof(cut)), "exit ");
}

static void test_killed_by(void **state)
{
	static const int signals[] = {SIGTERM, SIGKILL, SIGUSR1};
	struct kk_process_limit no_core = {RLIMIT_CORE, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		int signal = signals[i];
		struct kk_process_end end = end_of(&(struct kk_process_spec){
		    .function = die_of, .argument = &signal, .limits = &no_core, .limit_count = 1});
		assert_false(end.exited);
		assert_int_equal(end.signal, signal);
		assert_false(end.core);
	}
}

static void test_peek_does_not_reap(void **state)
{
	struct kk_process *process = spawn(&(struct kk_process_spec){.function = sleep_for_ever, .own_group = true});
	struct pollfd ended = {.fd = kk_process_pidfd(process), .events = POLLIN};
	struct kk_process_end end = {0};

	(void)state;
	assert_int_equal(kk_process_peek(process, &end), KK_ERR_EMPTY);
	assert_int_equal(kk_process_wait(process, 0, &end), KK_ERR_TIMEOUT);
	assert_int_equal(kk_process_kill(process, SIGTERM), KK_OK);
	assert_int_equal(poll(&ended, 1, 10000), 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(kk_process_peek(process, &end), KK_OK);
		assert_int_equal(end.signal, SIGTERM);
		assert_int_equal(kill(kk_process_pid(process), 0), 0);
	}
	assert_int_equal(kk_process_wait(process, 0, &end), KK_OK);
	assert_int_equal(kk_process_wait(process, 0, &end), KK_OK);
	assert_int_equal(end.signal, SIGTERM);
	assert_int_equal(kk_process_kill(process, SIGTERM), KK_ERR_MISSING);
	assert_int_equal(kk_process_kill_group(process, SIGTERM), KK_ERR_MISSING);
	kk_process_free(process);
}

static void test_free_kills(void **state)
{
	struct kk_process *process = spawn(&(struct kk_process_spec){.function = sleep_for_ever, .own_group = true});
	pid_t pid = kk_process_pid(process);

	(void)state;
	kk_process_free(process);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void test_abandon_kills_without_waiting(void **state)
{
	unsigned before = open_descriptors();
	struct kk_process *process = spawn(&(struct kk_process_spec){.function = sleep_for_ever, .own_group = true});
	int end = pidfd_open(kk_process_pid(process), 0);

	(void)state;
	kk_process_abandon(process);
	assert_int_equal(poll(&(struct pollfd){.fd = end, .events = POLLIN}, 1, 10000), 1);
	close(end);
	assert_int_equal(harness_wait_orphans(1000), 0);
	assert_int_equal(open_descriptors(), before);
}

/* ---- descriptors: pipes whose write ends carry a letter, so that the child can tell which came where */

static int letters_at(void *argument)
{
	const char *expected = argument; /* expected[i] is the letter at descriptor 3 + i, '-': closed */
	char got;

	for (int i = 0; expected[i]; i++) {
		int fd = 3 + i;
		if (expected[i] == '-') {
			if (fcntl(fd, F_GETFD) >= 0)
				return 10 + i;
		} else if (read(fd, &got, 1) != 1 || got != expected[i]) {
			return 20 + i;
		}
	}
	for (int fd = 3 + (int)strlen(expected); fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			return 30;
	}
	return 0;
}

static int letter_pipe(const char *letters)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], letters, strlen(letters)), (ssize_t)strlen(letters));
	close(ends[1]);
	return ends[0];
}

/* Three pipes at numbers 3, 4, 5 and a stray one at 9. */
static void lay_out_descriptors(int at[4])
{
	static const char *const letters[] = {"aaa", "bbb", "ccc", "sss"};
	static const int numbers[] = {3, 4, 5, 9};

	for (int i = 0; i < 4; i++) {
		int fd = letter_pipe(letters[i]);
		at[i] = fcntl(fd, F_DUPFD, 100);
		close(fd);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(dup2(at[i], numbers[i]), numbers[i]);
		close(at[i]);
		at[i] = numbers[i];
	}
}

static void test_overlapping_descriptors(void **state)
{
	static const struct {
		struct kk_process_fd fds[4];
		size_t count;
		const char *expected;
	} rows[] = {
	    {{{3, 3}, {4, 4}, {5, 5}}, 3, "abc"},  {{{3, 4}, {4, 5}, {5, 3}}, 3, "cab"}, /* a ring */
	    {{{4, 3}, {3, 4}}, 2, "ba"},                                                 /* a swap */
	    {{{5, 3}, {5, 4}, {3, 6}}, 3, "cc-a"}, {{{3, 5}}, 1, "--a"},
	    {{{9, 3}, {3, 9}}, 2, "s-----a"},      {{{0, 0}}, 0, ""},
	};
	int at[4];

	(void)state;
	lay_out_descriptors(at);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		/* Each child reads a letter of each pipe: refill by a fresh layout. */
		struct kk_process_end end = end_of(&(struct kk_process_spec){.function = letters_at,
		                                                             .argument = (void *)rows[i].expected,
		                                                             .fds = rows[i].fds,
		                                                             .fd_count = rows[i].count});
		if (!end.exited || end.code != 0)
			fail_msg("row %zu: %s %d", i, end.exited ? "exit" : "signal", end.code + end.signal);
		for (int k = 0; k < 4; k++)
			close(at[k]);
		lay_out_descriptors(at);
	}
	for (int k = 0; k < 4; k++)
		close(at[k]);
}

static int standard_is_null(void *argument)
{
	struct stat null, fd;

	(void)argument;
	if (stat("/dev/null", &null) < 0)
		return 1;
	for (int i = 0; i <= 2; i++) {
		if (fstat(i, &fd) < 0 || fd.st_rdev != null.st_rdev)
			return 2 + i;
	}
	return 0;
}

static void test_unlisted_standard_descriptors(void **state)
{
	struct kk_process_end end = end_of(&(struct kk_process_spec){.function = standard_is_null});

	(void)state;
	assert_true(end.exited);
	assert_int_equal(end.code, 0);
}

static void test_bad_specs(void **state)
{
	int code = 0;
	struct kk_process_fd twice[] = {{1, 5}, {2, 5}}, negative[] = {{-1, 5}};
	struct kk_error error = {0};

	(void)state;
	assert_null(kk_process_spawn(&(struct kk_process_spec){0}, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_process_spawn(&(struct kk_process_spec){.path = "/bin/true", .function = exit_with}, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_process_spawn(
	    &(struct kk_process_spec){.function = exit_with, .argument = &code, .fds = twice, .fd_count = 2}, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_process_spawn(
	    &(struct kk_process_spec){.function = exit_with, .argument = &code, .fds = negative, .fd_count = 1},
	    &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
}

static void test_exec_failure_is_told(void **state)
{
	unsigned before = open_descriptors();
	struct kk_error error = {0};
	struct kk_process_fd bad = {900, 3}; /* not open */
	struct kk_process *process;

	(void)state;
	process = kk_process_spawn(&(struct kk_process_spec){.path = "/no/such/program", .lifeline = 5}, &error);
	assert_null(process);
	assert_int_equal(error.code, KK_ERR_SYSTEM);
	assert_int_equal(error.system, ENOENT);
	process = kk_process_spawn(&(struct kk_process_spec){.path = "/etc/passwd"}, &error);
	assert_null(process);
	assert_int_equal(error.system, EACCES);
	process = kk_process_spawn(&(struct kk_process_spec){.path = "/bin/true", .fds = &bad, .fd_count = 1}, &error);
	assert_null(process);
	assert_int_equal(error.system, EBADF);
	assert_int_equal(open_descriptors(), before);
}

static void test_exec_environment_and_title(void **state)
{
	static const char *const argv[] = {"kakehi: resize/2", "-c", "test \"$A\" = b && test -z \"$HOME\" && echo $0",
	                                   NULL};
	static const char *const environment[] = {"A=b", NULL};
	int out[2];
	struct kk_process_fd fd;
	char text[64] = "";
	struct kk_process_end end;

	(void)state;
	assert_int_equal(setenv("HOME", "/", 1), 0);
	assert_int_equal(pipe(out), 0);
	fd = (struct kk_process_fd){out[1], 1};
	end = end_of(&(struct kk_process_spec){
	    .path = "/bin/sh", .argv = argv, .environment = environment, .fds = &fd, .fd_count = 1});
	close(out[1]);
	assert_true(end.exited);
	assert_int_equal(end.code, 0);
	assert_true(read(out[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "kakehi: resize/2\n");
	close(out[0]);
}

/* ---- signals, limits, groups */

static int signals_are_default(void *argument)
{
	sigset_t blocked;
	struct sigaction action;

	(void)argument;
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	for (int signal = 1; signal < SIGRTMIN; signal++) {
		sigaction(signal, NULL, &action);
		if (sigismember(&blocked, signal) || action.sa_handler != SIG_DFL)
			return signal;
	}
	return 0;
}

static void test_signals_are_reset(void **state)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old_action;
	sigset_t block, old, now;
	struct kk_process_end end;

	(void)state;
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigprocmask(SIG_BLOCK, &block, &old);
	sigaction(SIGPIPE, &ignore, &old_action);
	end = end_of(&(struct kk_process_spec){.function = signals_are_default});
	sigprocmask(SIG_SETMASK, NULL, &now);
	assert_true(sigismember(&now, SIGINT));
	assert_false(sigismember(&now, SIGTERM));
	sigaction(SIGPIPE, &old_action, NULL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	assert_true(end.exited);
	assert_int_equal(end.code, 0);
}

static int limits_hold(void *argument)
{
	struct rlimit core, files;

	(void)argument;
	getrlimit(RLIMIT_CORE, &core);
	getrlimit(RLIMIT_NOFILE, &files);
	return core.rlim_cur == 0 && core.rlim_max == 0 && files.rlim_cur == 64 ? 0 : 1;
}

static void test_limits(void **state)
{
	struct kk_process_limit limits[] = {{RLIMIT_CORE, 0}, {RLIMIT_NOFILE, 64}};
	struct kk_process_end end =
	    end_of(&(struct kk_process_spec){.function = limits_hold, .limits = limits, .limit_count = 2});

	(void)state;
	assert_true(end.exited);
	assert_int_equal(end.code, 0);
}

/* Starts a child of its own, without any tie, tells its pid through descriptor 3, and goes on as `argument` says. */
static int leave_a_child(void *argument)
{
	struct kk_process *child = kk_process_spawn(&(struct kk_process_spec){.function = sleep_for_ever}, NULL);
	pid_t pid = child ? kk_process_pid(child) : -1;

	if (write(3, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
		return 1;
	return argument ? sleep_for_ever(NULL) : 0;
}

static pid_t grandchild_of(struct kk_process_spec *spec, struct kk_process **middle)
{
	int ends[2];
	struct kk_process_fd fd;
	pid_t pid = -1;

	assert_int_equal(pipe(ends), 0);
	fd = (struct kk_process_fd){ends[1], 3};
	spec->fds = &fd;
	spec->fd_count = 1;
	*middle = spawn(spec);
	close(ends[1]);
	read_exactly(ends[0], &pid, sizeof(pid));
	close(ends[0]);
	assert_true(pid > 0);
	return pid;
}

/* The descriptor is opened while the process is known to live, so it cannot name another one. */
static void assert_gone_within_1s(int pidfd)
{
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};

	assert_int_equal(poll(&ended, 1, 1000), 1);
	close(pidfd);
}

static void test_the_group_goes_with_its_leader(void **state)
{
	struct kk_process_spec spec = {.function = leave_a_child, .argument = &spec, .own_group = true};
	struct kk_process *middle;
	int grandchild = pidfd_open(grandchild_of(&spec, &middle), 0);

	(void)state;
	assert_true(grandchild >= 0);
	assert_int_equal(kk_process_kill(middle, SIGKILL), KK_OK);
	assert_int_equal(kk_process_wait(middle, 10000, NULL), KK_OK);
	assert_gone_within_1s(grandchild);
	kk_process_free(middle);
	assert_int_equal(harness_wait_orphans(1000), 0);
}

/* ---- orphans */

struct tie {
	int lifeline;
	bool die_with_thread;
	bool exec;
};

static int leave_a_tied_child(void *argument)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	const struct tie *tie = argument;
	struct kk_process_spec spec = {.function = tie->exec ? NULL : sleep_for_ever,
	                               .path = tie->exec ? "/bin/sleep" : NULL,
	                               .argv = argv,
	                               .lifeline = tie->lifeline,
	                               .die_with_thread = tie->die_with_thread,
	                               .own_group = true};
	struct kk_process *child = kk_process_spawn(&spec, NULL);
	pid_t pid = child ? kk_process_pid(child) : -1;

	if (write(3, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
		return 1;
	return sleep_for_ever(NULL);
}

static void test_orphans_die_with_their_parent(void **state)
{
	static const struct tie ties[] = {{.lifeline = 7},
	                                  {.lifeline = 7, .exec = true},
	                                  {.die_with_thread = true},
	                                  {.lifeline = 7, .die_with_thread = true}};

	(void)state;
	for (size_t i = 0; i < sizeof(ties) / sizeof(*ties); i++) {
		struct kk_process_spec spec = {.function = leave_a_tied_child, .argument = (void *)&ties[i]};
		struct kk_process *middle;
		int grandchild = pidfd_open(grandchild_of(&spec, &middle), 0);

		assert_true(grandchild >= 0);
		assert_int_equal(kk_process_kill(middle, SIGKILL), KK_OK);
		assert_gone_within_1s(grandchild);
		assert_int_equal(kk_process_wait(middle, 10000, NULL), KK_OK);
		kk_process_free(middle);
		assert_int_equal(harness_wait_orphans(1000), 0);
	}
}

static int follow_descriptor_3(void *argument)
{
	(void)argument;
	kk_process_follow(3);
	return sleep_for_ever(NULL);
}

static void test_following_a_pipe_already_hung_up(void **state)
{
	int ends[2];
	struct kk_process_fd fd;
	struct kk_process_end end;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[1]);
	fd = (struct kk_process_fd){ends[0], 3};
	end = end_of(&(struct kk_process_spec){.function = follow_descriptor_3, .fds = &fd, .fd_count = 1});
	close(ends[0]);
	assert_int_equal(end.signal, SIGKILL);
}

static int raise_blocked(void *argument)
{
	sigset_t all;

	(void)argument;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	kk_process_raise(SIGINT);
}

static void test_raise_ends_by_the_signal(void **state)
{
	struct kk_process_end end = end_of(&(struct kk_process_spec){.function = raise_blocked});

	(void)state;
	assert_int_equal(end.signal, SIGINT);
}

static void test_no_descriptor_is_leaked(void **state)
{
	unsigned before = open_descriptors();
	int code = 0;

	(void)state;
	for (int i = 0; i < 20; i++)
		end_of(&(struct kk_process_spec){
		    .function = exit_with, .argument = &code, .lifeline = 4, .own_group = true});
	assert_int_equal(open_descriptors(), before);
}

/* Leaves a child in its group, one in a session of its own, and one that has a child itself. */
static int leave_orphans(void *argument)
{
	(void)argument;
	for (int i = 0; i < 3; i++) {
		if (fork() != 0)
			continue;
		if (i == 1)
			setsid();
		if (i == 2)
			fork();
		sleep_for_ever(NULL);
	}
	return 0;
}

static void test_orphans_are_ended_and_nobody_else(void **state)
{
	struct kk_process_end end;

	(void)state;
	/* Whoever was there before is somebody else's business. */
	pid_t earlier = fork();
	assert_true(earlier >= 0);
	if (earlier == 0)
		_exit(sleep_for_ever(NULL));
	assert_int_equal(kk_process_gather(), KK_OK);
	struct kk_process *known = spawn(&(struct kk_process_spec){.function = sleep_for_ever});
	assert_int_equal(kk_process_end_orphans(0), KK_OK);
	for (int i = 0; i < 3; i++) {
		end_of(&(struct kk_process_spec){.function = leave_orphans});
		assert_int_equal(kk_process_end_orphans(10000), KK_OK);
	}
	assert_int_equal(kk_process_peek(known, &end), KK_ERR_EMPTY);
	assert_int_equal(waitpid(earlier, NULL, WNOHANG), 0);
	kk_process_free(known);
	assert_int_equal(kill(earlier, SIGKILL), 0);
	assert_int_equal(waitpid(earlier, NULL, 0), earlier);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_exit_status),
    cmocka_unit_test(test_obituaries),
    cmocka_unit_test(test_killed_by),
    cmocka_unit_test(test_peek_does_not_reap),
    cmocka_unit_test(test_free_kills),
    cmocka_unit_test(test_abandon_kills_without_waiting),
    cmocka_unit_test(test_overlapping_descriptors),
    cmocka_unit_test(test_unlisted_standard_descriptors),
    cmocka_unit_test(test_bad_specs),
    cmocka_unit_test(test_exec_failure_is_told),
    cmocka_unit_test(test_exec_environment_and_title),
    cmocka_unit_test(test_signals_are_reset),
    cmocka_unit_test(test_limits),
    cmocka_unit_test(test_the_group_goes_with_its_leader),
    cmocka_unit_test(test_orphans_die_with_their_parent),
    cmocka_unit_test(test_following_a_pipe_already_hung_up),
    cmocka_unit_test(test_raise_ends_by_the_signal),
    cmocka_unit_test(test_no_descriptor_is_leaked),
    cmocka_unit_test(test_orphans_are_ended_and_nobody_else),
};

HARNESS_MAIN(tests)
