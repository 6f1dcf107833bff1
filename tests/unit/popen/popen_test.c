/* SPDX-License-Identifier: Apache-2.0 */
/* kk_popen: what the child gets, what goes to and fro, how its end is told, and that it does not outlive anybody. */
#include "shell.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LONG_MS = 20000 };

/* Runs to the end; returns what it wrote to stdout. */
static char *output_of(struct kk_command command, int expected)
{
	struct kk_error error = {0};
	struct kk_popen *popen;
	int code = -1;
	char *text;

	if (command.out.kind == KK_STREAM_INHERIT)
		command.out.kind = KK_STREAM_PIPE;
	popen = start(&command);
	if (kk_popen_communicate(popen, NULL, 0, LONG_MS, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(kk_popen_poll(popen, &code), KK_OK);
	assert_int_equal(code, expected);
	text = harness_text("%s", kk_popen_captured(popen, 1).data);
	kk_popen_free(popen);
	return text;
}

static void wait_for(struct kk_popen *popen, int expected)
{
	int code = -1000;

	assert_int_equal(kk_popen_wait(popen, LONG_MS, &code), KK_OK);
	assert_int_equal(code, expected);
}

static int exit_of(struct kk_command command)
{
	struct kk_popen *popen = start(&command);
	int code = -1000;

	assert_int_equal(kk_popen_wait(popen, LONG_MS, &code), KK_OK);
	kk_popen_free(popen);
	return code;
}

/* Waits for the line that a child writes when it is ready. */
static void await_line(const struct kk_popen *popen)
{
	char c = 0;

	while (c != '\n')
		assert_int_equal(read(kk_popen_fd(popen, 1), &c, 1), 1);
}

/* ---- programs and their names */

static void test_path_is_searched(void **state)
{
	static const char *const args[] = {"tool", NULL};
	const char *one = harness_path("one"), *two = harness_path("two");
	const char *const environment[] = {harness_text("PATH=%s/none:%s:%s", harness_dir(), one, two), NULL};
	struct kk_command command = {.args = args, .environment = environment};

	(void)state;
	harness_make_dir(one);
	harness_make_dir(two);
	harness_write_text(harness_path("one/tool"), "#!/bin/sh\necho one\n");
	harness_write_text(harness_path("two/tool"), "#!/bin/sh\necho two\n");
	/* The first one cannot be executed: the search goes on. */
	assert_int_equal(chmod(harness_path("two/tool"), 0700), 0);
	assert_string_equal(output_of(command, 0), "two\n");
	assert_int_equal(chmod(harness_path("one/tool"), 0700), 0);
	assert_string_equal(output_of(command, 0), "one\n");
}

static void test_path_default_and_empty(void **state)
{
	static const char *const args[] = {"true", NULL}, *const tool[] = {"tool", NULL};
	static const char *const none[] = {NULL}, *const empty[] = {"PATH=", NULL};

	(void)state;
	assert_int_equal(exit_of((struct kk_command){.args = args, .environment = none}), 0);
	/* An empty PATH is the directory where the child works. */
	harness_write_text(harness_path("tool"), "#!/bin/sh\nexit 7\n");
	assert_int_equal(chmod(harness_path("tool"), 0700), 0);
	assert_int_equal(exit_of((struct kk_command){.args = tool, .environment = empty, .directory = harness_dir()}),
	                 7);
}

static void must_not_start(const struct kk_command *command, int code, int system, const char *text)
{
	struct kk_error error = {0};
	struct kk_popen *popen = kk_popen(command, &error);

	assert_null(popen);
	assert_int_equal(error.code, code);
	assert_int_equal(error.system, system);
	if (!strstr(error.text, text))
		fail_msg("\"%s\" does not say \"%s\"", error.text, text);
}

static void test_errors_name_the_program(void **state)
{
	static const char *const missing[] = {"no-such-tool", NULL}, *const absolute[] = {"/no/such/tool", NULL};
	static const char *const path[] = {"PATH=/bin:/usr/bin", NULL}, *const folder[] = {"/etc", NULL};
	const char *const script[] = {harness_path("script"), NULL}, *const plain[] = {harness_path("plain"), NULL};
	struct kk_command command = {.args = missing, .environment = path};

	(void)state;
	must_not_start(&command, KK_ERR_MISSING, ENOENT,
	               "cannot start no-such-tool: not found in PATH (/bin:/usr/bin)");
	command.args = absolute;
	must_not_start(&command, KK_ERR_MISSING, ENOENT, "cannot start /no/such/tool: not found");
	command.executable = "/no/executable";
	must_not_start(&command, KK_ERR_MISSING, ENOENT, "cannot start /no/executable: not found");
	command.executable = NULL;
	command.args = folder;
	must_not_start(&command, KK_ERR_SYSTEM, EACCES, "cannot start /etc, which cannot be executed: Permission");
	harness_write_text(script[0], "#!/no/interpreter\n");
	harness_write_text(plain[0], "exit 0\n");
	command.args = plain;
	must_not_start(&command, KK_ERR_SYSTEM, EACCES, "plain, which cannot be executed: Permission");
	assert_int_equal(chmod(script[0], 0700) | chmod(plain[0], 0700), 0);
	command.args = script;
	must_not_start(&command, KK_ERR_MISSING, ENOENT, "script: the interpreter that it asks for is not there");
	command.args = plain; /* no shell takes over */
	must_not_start(&command, KK_ERR_SYSTEM, ENOEXEC, "plain, which cannot be executed: Exec format");
}

static void test_bad_directory_is_told(void **state)
{
	struct kk_command command = shell("exit 0");

	(void)state;
	command.directory = "/no/such/directory";
	must_not_start(&command, KK_ERR_SYSTEM, ENOENT,
	               "cannot start /bin/sh: cannot enter /no/such/directory: No such");
}

static void test_bad_commands(void **state)
{
	static const char *const none[] = {NULL}, *const empty[] = {"", NULL};
	static const int closed[] = {900};
	struct kk_command command = {0};

	(void)state;
	must_not_start(&command, KK_ERR_INVALID, 0, "without a program");
	command.args = none;
	must_not_start(&command, KK_ERR_INVALID, 0, "without a program");
	command.args = empty;
	must_not_start(&command, KK_ERR_INVALID, 0, "without a program");
	command = shell("exit 0");
	command.out = (struct kk_stream){KK_STREAM_FD, 900};
	must_not_start(&command, KK_ERR_INVALID, 0, "/bin/sh: descriptor 900, for its stdout, is not open");
	command.out.kind = KK_STREAM_OUT;
	must_not_start(&command, KK_ERR_INVALID, 0, "/bin/sh: no such kind of stdout");
	command = shell("exit 0");
	command.pass_fds = closed;
	command.pass_fd_count = 1;
	must_not_start(&command, KK_ERR_INVALID, 0, "descriptor 900, to be passed");
}

static void test_executable_takes_precedence(void **state)
{
	static const char *const args[] = {"another-name", "-c", "echo $0", NULL};

	(void)state;
	/* $0 is what /bin/sh was called by. */
	assert_string_equal(output_of((struct kk_command){.args = args, .executable = "/bin/sh"}, 0), "another-name\n");
}

static void test_directory(void **state)
{
	static const char *const args[] = {"./tool", NULL};
	struct kk_command command = {.args = args};

	(void)state;
	harness_write_text(harness_path("tool"), "#!/bin/sh\npwd -P\n");
	assert_int_equal(chmod(harness_path("tool"), 0700), 0);
	must_not_start(&command, KK_ERR_MISSING, ENOENT, "cannot start ./tool: not found");
	command.directory = harness_dir();
	assert_string_equal(output_of(command, 0),
	                    harness_text("%s\n", realpath(harness_dir(), harness_keep(malloc(4096)))));
}

/* ---- the environment, limits, umask, signals, sessions */

static void test_environment(void **state)
{
	static const char *const some[] = {"FRUIT=orange=lemon", NULL}, *const none[] = {NULL};
	static const char *const env[] = {"/usr/bin/env", NULL};
	struct kk_command command = shell("echo $FRUIT");

	(void)state;
	assert_int_equal(setenv("FRUIT", "apple", 1), 0);
	assert_string_equal(output_of(command, 0), "apple\n");
	command.environment = some;
	assert_string_equal(output_of(command, 0), "orange=lemon\n");
	assert_string_equal(output_of((struct kk_command){.args = env, .environment = none}, 0), "");
}

static void test_limits_and_umask(void **state)
{
	static const struct kk_process_limit limits[] = {{RLIMIT_NOFILE, 64}, {RLIMIT_CORE, 0}};
	struct kk_command command = shell("ulimit -n; ulimit -c; umask");

	(void)state;
	command.limits = limits;
	command.limit_count = 2;
	command.set_umask = true;
	command.umask = 053;
	assert_string_equal(output_of(command, 0), "64\n0\n0053\n");
}

static void test_signals_are_restored(void **state)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	sigset_t all, old;

	(void)state;
	sigaction(SIGPIPE, &ignore, &before);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	assert_string_equal(output_of(shell("grep -c -E 'Sig(Blk|Ign):.0*$' /proc/self/status"), 0), "2\n");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	sigaction(SIGPIPE, &before, NULL);
}

static void test_sessions_and_groups(void **state)
{
	/* The child's own pid, group and session. */
	struct kk_command command = shell("read -r pid name state parent group session rest </proc/self/stat;"
	                                  "echo $pid $group $session");
	int pid, group, session;

	(void)state;
	assert_int_equal(sscanf(output_of(command, 0), "%d %d %d", &pid, &group, &session), 3);
	assert_int_equal(pid, group);
	assert_int_equal(session, getsid(0));
	command.own_session = true;
	assert_int_equal(sscanf(output_of(command, 0), "%d %d %d", &pid, &group, &session), 3);
	assert_int_equal(pid, group);
	assert_int_equal(pid, session);
	command.own_session = false;
	command.same_group = true;
	assert_int_equal(sscanf(output_of(command, 0), "%d %d %d", &pid, &group, &session), 3);
	assert_int_equal(group, getpgrp());
}

/* ---- streams */

static int file_with(const char *text)
{
	int fd = open(harness_path("file-%s", text), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static char *content_of(int fd)
{
	char text[100];
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

	assert_true(got >= 0);
	text[got] = 0;
	return harness_text("%s", text);
}

static void test_streams_to_descriptors(void **state)
{
	struct kk_command command = shell("cat; echo apple; echo orange >&2");
	int in = file_with("pear\n"), out = file_with(""), err = file_with("-");

	(void)state;
	command.in = (struct kk_stream){KK_STREAM_FD, in};
	command.out = (struct kk_stream){KK_STREAM_FD, out};
	command.err = (struct kk_stream){KK_STREAM_FD, err};
	assert_int_equal(exit_of(command), 0);
	assert_string_equal(content_of(out), "pear\napple\n");
	assert_string_equal(content_of(err), "orange\n");
	assert_int_equal(ftruncate(out, 0) | (int)lseek(out, 0, SEEK_SET) | (int)lseek(in, 0, SEEK_SET), 0);
	command.err = command.out; /* one open file for both */
	assert_int_equal(exit_of(command), 0);
	assert_string_equal(content_of(out), "pear\napple\norange\n");
	close(in);
	close(out);
	close(err);
}

static void test_stderr_to_stdout(void **state)
{
	struct kk_command command = shell("echo apple; echo orange >&2");

	(void)state;
	command.err.kind = KK_STREAM_OUT;
	assert_string_equal(output_of(command, 0), "apple\norange\n");
}

static void test_null(void **state)
{
	struct kk_command command = shell("test -z \"$(cat)\" && head -c 1000000 /dev/zero && echo x >&2");
	struct kk_popen *popen;

	(void)state;
	command.in.kind = command.out.kind = command.err.kind = KK_STREAM_NULL;
	popen = start(&command);
	for (int i = -1; i <= 3; i++)
		assert_int_equal(kk_popen_fd(popen, i), -1);
	wait_for(popen, 0);
	assert_int_equal(kk_popen_captured(popen, 1).bytes, 0);
	kk_popen_free(popen);
}

/* Runs `test` in a process whose standard descriptors it may do with as it likes; all is well if it returns 0. */
static void in_child(int (*test)(int argument), int argument)
{
	pid_t pid = fork();
	int status = -1;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(test(argument));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("the child with %d ended with %#x", argument, (unsigned)status);
}

static int inherits_ours(int file)
{
	static const char *const args[] = {"/bin/sh", "-c", "echo given; echo told >&2", NULL};
	/* stderr goes to stdout, which is not set itself. */
	const struct kk_command command = {.args = args, .err = {KK_STREAM_OUT, 0}};
	struct kk_popen *popen;
	int code = -1;

	dup2(file, 1);
	popen = kk_popen(&command, NULL);
	if (!popen || kk_popen_wait(popen, LONG_MS, &code) < 0 || code != 0)
		return 1;
	kk_popen_free(popen);
	return 0;
}

static void test_inherited(void **state)
{
	int file = file_with("");

	(void)state;
	in_child(inherits_ours, file);
	assert_string_equal(content_of(file), "given\ntold\n");
	close(file);
}

/* With the standard descriptors closed that the bits say. */
static int some_closed(int which)
{
	static const char *const args[] = {"/bin/sh", "-c", "printf apple; printf orange >&2", NULL};
	const struct kk_command command = {
	    .args = args, .in = {KK_STREAM_PIPE, 0}, .out = {KK_STREAM_PIPE, 0}, .err = {KK_STREAM_PIPE, 0}};
	struct kk_popen *popen;
	int code = -1;
	bool right;

	for (int fd = 0; fd <= 2; fd++) {
		if (which & 1 << fd)
			close(fd);
	}
	popen = kk_popen(&command, NULL);
	/* What this program prints must not get there. */
	for (int fd = 0; popen && fd <= 2; fd++) {
		if (kk_popen_fd(popen, fd) <= 2)
			return 3;
	}
	if (!popen || kk_popen_communicate(popen, "x", 1, LONG_MS, NULL) < 0 || kk_popen_poll(popen, &code) < 0)
		return 1;
	right = code == 0 && strcmp(kk_popen_captured(popen, 1).data, "apple") == 0 &&
	        strcmp(kk_popen_captured(popen, 2).data, "orange") == 0;
	kk_popen_free(popen);
	return right ? 0 : 2;
}

static void test_closed_standard_descriptors(void **state)
{
	(void)state;
	for (int which = 1; which < 8; which++)
		in_child(some_closed, which);
}

/* 0, 1 and 2 are files; the child gets them in another order: the digits of `order`. */
static int swapped(int order)
{
	static const char *const args[] = {"/bin/sh", "-c", "printf \"got $(cat)\"; printf err >&2", NULL};
	int from[3] = {order / 100, order / 10 % 10, order % 10}, code = -1;
	struct kk_command command = {.args = args,
	                             .in = {KK_STREAM_FD, from[0]},
	                             .out = {KK_STREAM_FD, from[1]},
	                             .err = {KK_STREAM_FD, from[2]}};
	struct kk_popen *popen;
	char text[100] = "";

	for (int fd = 0; fd <= 2; fd++) {
		FILE *file = tmpfile();
		if (!file || dup2(fileno(file), fd) < 0)
			return 1;
	}
	if (write(from[0], "STDIN", 5) != 5 || lseek(from[0], 0, SEEK_SET) != 0)
		return 2;
	popen = kk_popen(&command, NULL);
	if (!popen || kk_popen_wait(popen, LONG_MS, &code) < 0 || code != 0)
		return 3;
	kk_popen_free(popen);
	if (pread(from[1], text, sizeof(text), 0) != 9 || memcmp(text, "got STDIN", 9) != 0)
		return 4;
	return pread(from[2], text, sizeof(text), 0) == 3 && memcmp(text, "err", 3) == 0 ? 0 : 5;
}

static void test_swapped_standard_descriptors(void **state)
{
	static const int orders[] = {12, 21, 102, 120, 201, 210};

	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++)
		in_child(swapped, orders[i]);
}

/* What the child has open: `ls` opens one more, the directory, and the lifeline is the high one. */
static const char list_fds[] = "exec ls /proc/self/fd";

static void test_only_what_is_passed(void **state)
{
	int ends[2], passed[3];
	struct kk_command command = shell(list_fds);
	char *text;

	(void)state;
	assert_int_equal(pipe(ends), 0); /* inheritable, but not listed */
	text = output_of(command, 0);
	assert_string_equal(text, "0\n1\n2\n200\n3\n");
	passed[0] = dup2(ends[0], 77);
	passed[1] = fcntl(ends[1], F_DUPFD_CLOEXEC, 90);
	passed[2] = passed[0];
	command.pass_fds = passed;
	command.pass_fd_count = 3;
	command.out = (struct kk_stream){KK_STREAM_PIPE, 0};
	assert_string_equal(output_of(command, 0), "0\n1\n2\n200\n3\n77\n90\n");
	assert_true(fcntl(passed[1], F_GETFD) & FD_CLOEXEC); /* with us it is as it was */
	/* Passed and given as a stream: both. */
	command.in = (struct kk_stream){KK_STREAM_FD, 77};
	assert_string_equal(output_of(command, 0), "0\n1\n2\n200\n3\n77\n90\n");
	close(77);
	close(90);
	close(ends[0]);
	close(ends[1]);
}

static void test_lifeline_makes_way(void **state)
{
	static const struct rlimit few = {40, 40};
	struct rlimit before;
	struct kk_command command = shell(list_fds);
	int passed = 20;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(dup2(0, passed), passed);
	command.pass_fds = &passed;
	command.pass_fd_count = 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){few.rlim_cur, before.rlim_max}), 0);
	assert_string_equal(output_of(command, 0), "0\n1\n19\n2\n20\n3\n");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	close(passed);
}

static void test_pipe_bytes(void **state)
{
	struct kk_command command = piped("exec cat >/dev/null");
	struct kk_popen *popen;

	(void)state;
	command.pipe_bytes = 8192;
	popen = start(&command);
	for (int i = 0; i <= 2; i++)
		assert_int_equal(fcntl(kk_popen_fd(popen, i), F_GETPIPE_SZ), 8192);
	kk_popen_free(popen);
}

/* ---- communicate */

static void test_pipes_by_hand(void **state)
{
	struct kk_command command = piped("read -r line; echo got $line; cat >/dev/null");
	struct kk_popen *popen = start(&command);
	char text[20] = "";

	(void)state;
	assert_int_equal(write(kk_popen_fd(popen, 0), "pear\n", 5), 5);
	assert_int_equal(read(kk_popen_fd(popen, 1), text, sizeof(text)), 9);
	assert_string_equal(text, "got pear\n");
	assert_int_equal(kk_popen_poll(popen, NULL), KK_ERR_EMPTY);
	assert_int_equal(kk_popen_close_fd(popen, 0), KK_OK);
	assert_int_equal(kk_popen_close_fd(popen, 0), KK_ERR_MISSING);
	assert_int_equal(kk_popen_close_fd(popen, 7), KK_ERR_MISSING);
	wait_for(popen, 0);
	kk_popen_free(popen);
}

static void test_communicate(void **state)
{
	struct kk_command command = piped("cat; printf pineapple >&2");
	struct kk_popen *popen = start(&command);

	(void)state;
	assert_int_equal(write(kk_popen_fd(popen, 0), "banana", 6), 6);
	assert_int_equal(kk_popen_communicate(popen, "split", 5, LONG_MS, NULL), KK_OK);
	assert_string_equal(kk_popen_captured(popen, 1).data, "bananasplit");
	assert_int_equal(kk_popen_captured(popen, 1).bytes, 11);
	assert_string_equal(kk_popen_captured(popen, 2).data, "pineapple");
	for (int i = 0; i <= 2; i++)
		assert_int_equal(kk_popen_fd(popen, i), -1);
	wait_for(popen, 0);
	/* Once more is no mistake. */
	assert_int_equal(kk_popen_communicate(popen, NULL, 0, LONG_MS, NULL), KK_OK);
	assert_string_equal(kk_popen_captured(popen, 1).data, "bananasplit");
	kk_popen_free(popen);
}

static void test_communicate_leaks_nothing(void **state)
{
	unsigned before = open_fds();

	(void)state;
	for (int which = 0; which < 8; which++) {
		struct kk_command command = shell("exit 0");
		struct kk_popen *popen;
		command.in.kind = which & 1 ? KK_STREAM_PIPE : KK_STREAM_NULL;
		command.out.kind = which & 2 ? KK_STREAM_PIPE : KK_STREAM_NULL;
		command.err.kind = which & 4 ? KK_STREAM_PIPE : KK_STREAM_NULL;
		popen = start(&command);
		assert_int_equal(kk_popen_communicate(popen, NULL, 0, LONG_MS, NULL), KK_OK);
		kk_popen_free(popen);
		assert_int_equal(open_fds(), before);
	}
	for (int i = 0; i < 300; i++) {
		static const char *const args[] = {"no-such-tool", NULL};
		const struct kk_command command = {
		    .args = args, .in = {KK_STREAM_PIPE, 0}, .out = {KK_STREAM_PIPE, 0}, .err = {KK_STREAM_PIPE, 0}};
		assert_null(kk_popen(&command, NULL));
	}
	assert_int_equal(open_fds(), before);
}

static void test_communicate_large_both_ways(void **state)
{
	enum { BYTES = 10 << 20 };
	struct kk_command command = piped("tee /dev/stderr");
	struct kk_popen *popen = start(&command);
	const char *input = pattern(BYTES);

	(void)state;
	assert_int_equal(kk_popen_communicate(popen, input, BYTES, LONG_MS, NULL), KK_OK);
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(kk_popen_captured(popen, i).bytes, BYTES);
		assert_memory_equal(kk_popen_captured(popen, i).data, input, BYTES);
		assert_int_equal(kk_popen_captured(popen, i).data[BYTES], 0);
	}
	wait_for(popen, 0);
	kk_popen_free(popen);
}

static void test_communicate_goes_on_after_a_timeout(void **state)
{
	enum { BYTES = 1 << 20 };
	int go[2];
	char *input = pattern(BYTES);
	struct kk_command command = piped("echo begun >&2; read -r go <&9; cat; echo done >&2");
	struct kk_popen *popen;
	struct kk_error error = {0};
	int passed = 9;

	(void)state;
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(dup3(go[0], passed, O_CLOEXEC), passed);
	command.pass_fds = &passed;
	command.pass_fd_count = 1;
	popen = start(&command);
	assert_int_equal(kk_popen_communicate(popen, input, BYTES, 50, &error), KK_ERR_TIMEOUT);
	assert_string_equal(error.text, "/bin/sh has not ended in time");
	while (kk_popen_captured(popen, 2).bytes < 6)
		assert_int_equal(kk_popen_communicate(popen, NULL, 0, 10, NULL), KK_ERR_TIMEOUT);
	assert_string_equal(kk_popen_captured(popen, 2).data, "begun\n");
	assert_int_equal(kk_popen_communicate(popen, NULL, 0, 0, NULL), KK_ERR_TIMEOUT);
	/* The input was given; there is no second one. */
	assert_int_equal(kk_popen_communicate(popen, "more", 4, 0, &error), KK_ERR_INVALID);
	assert_string_equal(error.text, "/bin/sh: it was given its input by the first call");
	assert_int_equal(write(go[1], "\n", 1), 1);
	assert_int_equal(kk_popen_communicate(popen, NULL, 0, LONG_MS, NULL), KK_OK);
	assert_int_equal(kk_popen_captured(popen, 1).bytes, BYTES);
	assert_memory_equal(kk_popen_captured(popen, 1).data, input, BYTES);
	assert_string_equal(kk_popen_captured(popen, 2).data, "begun\ndone\n");
	wait_for(popen, 0);
	kk_popen_free(popen);
	close(passed);
	close(go[0]);
	close(go[1]);
}

static void test_communicate_ends_a_flood_in_time(void **state)
{
	struct kk_command command = shell("exec yes");
	struct kk_popen *popen;

	(void)state;
	command.out.kind = KK_STREAM_PIPE;
	popen = start(&command);
	assert_int_equal(kk_popen_communicate(popen, NULL, 0, 100, NULL), KK_ERR_TIMEOUT);
	assert_true(kk_popen_captured(popen, 1).bytes > 0);
	assert_memory_equal(kk_popen_captured(popen, 1).data, "y\ny\n", 4);
	assert_int_equal(kk_popen_kill(popen), KK_OK);
	assert_int_equal(kk_popen_communicate(popen, NULL, 0, LONG_MS, NULL), KK_OK);
	wait_for(popen, -SIGKILL);
	kk_popen_free(popen);
}

static void test_communicate_after_stdout_was_closed(void **state)
{
	struct kk_command command = piped("exec >&-; read -r line || true");
	struct kk_popen *popen = start(&command);

	(void)state;
	/* Nothing comes from stdout any more, and stdin is open: only the child's end is missing. */
	assert_int_equal(kk_popen_close_fd(popen, 2), KK_OK);
	while (kk_popen_communicate(popen, NULL, 0, 5, NULL) == KK_ERR_TIMEOUT)
		;
	wait_for(popen, 0);
	kk_popen_free(popen);
}

static void test_broken_pipe_is_no_error(void **state)
{
	enum { BYTES = 1 << 20 };
	struct kk_command command = piped("exec <&-; echo closed");
	struct kk_popen *popen = start(&command);
	sigset_t pending;

	(void)state;
	assert_int_equal(kk_popen_communicate(popen, pattern(BYTES), BYTES, LONG_MS, NULL), KK_OK);
	assert_string_equal(kk_popen_captured(popen, 1).data, "closed\n");
	wait_for(popen, 0);
	kk_popen_free(popen);
	/* Also for a child that has ended already. */
	command.out.kind = command.err.kind = KK_STREAM_NULL;
	popen = start(&command);
	wait_for(popen, 0);
	assert_int_equal(kk_popen_communicate(popen, pattern(BYTES), BYTES, LONG_MS, NULL), KK_OK);
	kk_popen_free(popen);
	sigpending(&pending);
	assert_false(sigismember(&pending, SIGPIPE));
}

static void test_a_pending_sigpipe_stays(void **state)
{
	struct kk_command command = piped("exit 0");
	struct kk_popen *popen = start(&command);
	sigset_t pipe, old, pending, now;

	(void)state;
	wait_for(popen, 0);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &old);
	raise(SIGPIPE);
	assert_int_equal(kk_popen_communicate(popen, "x", 1, LONG_MS, NULL), KK_OK);
	sigpending(&pending);
	assert_true(sigismember(&pending, SIGPIPE));
	assert_int_equal(sigtimedwait(&pipe, NULL, &(struct timespec){0}), SIGPIPE);
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	assert_true(sigismember(&now, SIGPIPE));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	kk_popen_free(popen);
}

static void test_input_without_a_pipe(void **state)
{
	struct kk_command command = shell("exit 0");
	struct kk_popen *popen = start(&command);
	struct kk_error error = {0};

	(void)state;
	assert_int_equal(kk_popen_communicate(popen, "x", 1, LONG_MS, &error), KK_ERR_INVALID);
	assert_string_equal(error.text, "/bin/sh: no pipe leads to its stdin");
	assert_int_equal(kk_popen_communicate(popen, NULL, 0, LONG_MS, &error), KK_OK);
	kk_popen_free(popen);
}

static void test_capture_max(void **state)
{
	static const struct {
		size_t max, written;
		int expected;
	} rows[] = {{10, 9, KK_OK}, {10, 10, KK_OK}, {10, 11, KK_ERR_NO_ROOM}, {20000, 1000000, KK_ERR_NO_ROOM}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct kk_command command = shell(harness_text("head -c %zu /dev/zero; :", rows[i].written));
		size_t kept = rows[i].written < rows[i].max ? rows[i].written : rows[i].max;
		struct kk_popen *popen;
		command.out.kind = command.err.kind = KK_STREAM_PIPE;
		command.capture_max = rows[i].max;
		popen = start(&command);
		assert_int_equal(kk_popen_communicate(popen, NULL, 0, LONG_MS, NULL), rows[i].expected);
		assert_int_equal(kk_popen_captured(popen, 1).bytes, kept);
		/* The child was cut off from that pipe, and goes on to its end. */
		assert_int_equal(kk_popen_communicate(popen, NULL, 0, LONG_MS, NULL), rows[i].expected);
		assert_int_equal(kk_popen_captured(popen, 1).bytes, kept);
		wait_for(popen, 0);
		kk_popen_free(popen);
	}
}

static void on_signal(int signal)
{
	(void)signal;
}

static void test_communicate_is_interrupted(void **state)
{
	struct sigaction action = {.sa_handler = on_signal}, before;
	struct kk_command command = piped("for i in 1 2 3 4 5; do kill -USR1 $PPID; echo $i; done");
	struct kk_popen *popen;

	(void)state;
	sigaction(SIGUSR1, &action, &before);
	popen = start(&command);
	assert_int_equal(kk_popen_communicate(popen, NULL, 0, LONG_MS, NULL), KK_OK);
	assert_string_equal(kk_popen_captured(popen, 1).data, "1\n2\n3\n4\n5\n");
	wait_for(popen, 0);
	kk_popen_free(popen);
	sigaction(SIGUSR1, &before, NULL);
}

/* ---- ends */

static void test_poll_and_wait(void **state)
{
	struct kk_command command = piped("read -r line; exit 47");
	struct kk_popen *popen = start(&command);
	struct kk_process_end end = {0};
	struct pollfd ended = {.fd = kk_popen_pidfd(popen), .events = POLLIN};
	int code = -1;

	(void)state;
	assert_int_equal(kk_popen_poll(popen, &code), KK_ERR_EMPTY);
	assert_int_equal(kk_popen_wait(popen, 0, &code), KK_ERR_TIMEOUT);
	assert_int_equal(kk_popen_wait(popen, 5, &code), KK_ERR_TIMEOUT);
	assert_int_equal(kk_popen_end(popen, &end), KK_ERR_EMPTY);
	assert_int_equal(write(kk_popen_fd(popen, 0), "\n", 1), 1);
	assert_int_equal(poll(&ended, 1, LONG_MS), 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kk_popen_poll(popen, &code), KK_OK);
		assert_int_equal(code, 47);
		wait_for(popen, 47);
		assert_int_equal(kk_popen_poll(popen, NULL), KK_OK);
	}
	assert_int_equal(kk_popen_end(popen, &end), KK_OK);
	assert_true(end.exited && end.code == 47 && end.max_rss_bytes > 0);
	kk_popen_free(popen);
}

static void test_signals(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGKILL, SIGUSR1};
	static const struct kk_process_limit no_core = {RLIMIT_CORE, 0};
	struct kk_command command = piped("echo ready; exec sleep 1000");

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		struct kk_popen *popen = start(&command);
		await_line(popen);
		if (signals[i] == SIGTERM)
			assert_int_equal(kk_popen_terminate(popen), KK_OK);
		else if (signals[i] == SIGKILL)
			assert_int_equal(kk_popen_kill(popen), KK_OK);
		else
			assert_int_equal(kk_popen_send_signal(popen, signals[i]), KK_OK);
		assert_int_equal(kk_popen_communicate(popen, NULL, 0, LONG_MS, NULL), KK_OK);
		assert_int_equal(kk_popen_captured(popen, 2).bytes, 0);
		wait_for(popen, -signals[i]);
		kk_popen_free(popen);
	}
	command = shell("kill -ABRT $$");
	command.limits = &no_core;
	command.limit_count = 1;
	assert_int_equal(exit_of(command), -SIGABRT);
}

static void test_signals_to_the_dead(void **state)
{
	struct kk_command command = shell("exit 3");
	struct kk_popen *popen = start(&command);
	struct pollfd ended = {.fd = kk_popen_pidfd(popen), .events = POLLIN};

	(void)state;
	assert_int_equal(poll(&ended, 1, LONG_MS), 1);
	assert_int_equal(kk_popen_send_signal(popen, SIGINT), KK_OK); /* a zombie */
	wait_for(popen, 3);
	assert_int_equal(kk_popen_send_signal(popen, SIGINT), KK_OK);
	assert_int_equal(kk_popen_terminate(popen), KK_OK);
	assert_int_equal(kk_popen_kill(popen), KK_OK);
	assert_int_equal(kk_popen_signal_group(popen, SIGKILL), KK_OK);
	wait_for(popen, 3);
	kk_popen_free(popen);
	command = shell("exec sleep 1000");
	popen = start(&command);
	assert_int_equal(kk_popen_send_signal(popen, 1000), KK_ERR_SYSTEM);
	kk_popen_free(popen);
}

static void test_group_is_signalled(void **state)
{
	struct kk_command command = piped("sleep 1000 & echo $!; wait");
	struct kk_popen *popen = start(&command);
	char text[20] = "";
	pid_t grandchild;

	(void)state;
	assert_true(read(kk_popen_fd(popen, 1), text, sizeof(text) - 1) > 0);
	grandchild = (pid_t)atoi(text);
	assert_true(harness_alive(grandchild));
	assert_int_equal(kk_popen_signal_group(popen, SIGTERM), KK_OK);
	wait_for(popen, -SIGTERM);
	assert_int_equal(kk_popen_communicate(popen, NULL, 0, LONG_MS, NULL), KK_OK); /* nobody holds the pipes */
	kk_popen_free(popen);
	assert_int_equal(harness_wait_orphans(LONG_MS), 0);
}

static void test_free_ends_it(void **state)
{
	struct kk_command command = piped("sleep 1000 & echo ready; exec sleep 1000");
	struct kk_popen *popen = start(&command);
	pid_t pid = kk_popen_pid(popen);
	unsigned before;

	(void)state;
	await_line(popen);
	before = open_fds();
	kk_popen_free(popen);
	kk_popen_free(NULL);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(harness_wait_orphans(LONG_MS), 0);
	assert_int_equal(open_fds(), before - 5); /* three pipes, the pidfd, the lifeline */
}

static void test_end_that_was_lost(void **state)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	struct kk_command command = piped("echo seen");
	struct kk_popen *popen;
	struct kk_error error = {0};
	struct kk_process_end end;

	(void)state;
	sigaction(SIGCHLD, &ignore, &before);
	popen = start(&command);
	assert_int_equal(kk_popen_communicate(popen, NULL, 0, LONG_MS, &error), KK_ERR_SYSTEM);
	assert_non_null(strstr(error.text, "/bin/sh: somebody else waited for its end"));
	assert_string_equal(kk_popen_captured(popen, 1).data, "seen\n");
	assert_int_equal(kk_popen_poll(popen, NULL), KK_ERR_SYSTEM);
	assert_int_equal(kk_popen_wait(popen, -1, NULL), KK_ERR_SYSTEM);
	assert_int_equal(kk_popen_end(popen, &end), KK_ERR_EMPTY);
	assert_int_equal(kk_popen_kill(popen), KK_OK);
	kk_popen_free(popen);
	sigaction(SIGCHLD, &before, NULL);
}

/* ---- nobody outlives the caller */

/* Starts a child with a child, says their pids and waits for death. */
static void become_parent(int say)
{
	static const char *const args[] = {"/bin/sh", "-c", "sleep 1000 & echo $$ $!; exec sleep 1000", NULL};
	const struct kk_command command = {.args = args, .out = {KK_STREAM_FD, say}};
	struct kk_popen *popen = kk_popen(&command, NULL);

	while (popen)
		pause();
	_exit(1);
}

static void test_children_die_with_the_caller(void **state)
{
	int say[2], child, grandchild, status;
	char text[40] = "";
	pid_t parent;

	(void)state;
	assert_int_equal(pipe2(say, O_CLOEXEC), 0);
	parent = fork();
	assert_true(parent >= 0);
	if (parent == 0)
		become_parent(say[1]);
	assert_true(read(say[0], text, sizeof(text) - 1) > 0);
	assert_int_equal(sscanf(text, "%d %d", &child, &grandchild), 2);
	assert_true(harness_alive(child) && harness_alive(grandchild));
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_int_equal(harness_wait_orphans(LONG_MS), 0);
	close(say[0]);
	close(say[1]);
}

/* ---- threads */

static void *kill_and_wait(void *argument)
{
	struct kk_popen *popen = argument;
	int code = 0;

	if (kk_popen_poll(popen, NULL) != KK_ERR_EMPTY || kk_popen_kill(popen) < 0 ||
	    kk_popen_wait(popen, LONG_MS, &code) < 0)
		return "the killer failed";
	return code == -SIGKILL ? NULL : "another code";
}

static void *just_wait(void *argument)
{
	int code = 0;

	return kk_popen_wait(argument, LONG_MS, &code) == KK_OK && code == -SIGKILL ? NULL : "a waiter failed";
}

static void test_wait_by_several_threads(void **state)
{
	struct kk_command command = shell("exec sleep 1000");
	struct kk_popen *popen = start(&command);
	pthread_t threads[5];

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, i < 4 ? just_wait : kill_and_wait, popen), 0);
	for (int i = 0; i < 5; i++) {
		void *wrong;
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_ptr_equal(wrong, NULL);
	}
	kk_popen_free(popen);
}

static void *communicate(void *argument)
{
	int rc;

	do
		rc = kk_popen_communicate(argument, NULL, 0, LONG_MS, NULL);
	while (rc == KK_ERR_INVALID);
	return rc == KK_OK ? NULL : "not all was read";
}

static bool is_refused(void *argument)
{
	/* The other thread has begun. If this one was first, the other one is refused, and tries again. */
	return kk_popen_communicate(argument, NULL, 0, 0, NULL) == KK_ERR_INVALID;
}

static void test_one_thread_communicates(void **state)
{
	struct kk_command command = piped("read -r go <&9; echo $go");
	struct kk_popen *popen;
	pthread_t thread;
	void *wrong;
	int go[2], passed = 9;

	(void)state;
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(dup3(go[0], passed, O_CLOEXEC), passed);
	command.pass_fds = &passed;
	command.pass_fd_count = 1;
	popen = start(&command);
	assert_int_equal(pthread_create(&thread, NULL, communicate, popen), 0);
	assert_true(harness_wait_until(is_refused, popen, LONG_MS));
	assert_int_equal(kk_popen_close_fd(popen, 1), KK_ERR_INVALID);
	assert_int_equal(write(go[1], "went\n", 5), 5);
	assert_int_equal(pthread_join(thread, &wrong), 0);
	assert_ptr_equal(wrong, NULL);
	assert_string_equal(kk_popen_captured(popen, 1).data, "went\n");
	kk_popen_free(popen);
	close(passed);
	close(go[0]);
	close(go[1]);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_path_is_searched),
    cmocka_unit_test(test_path_default_and_empty),
    cmocka_unit_test(test_errors_name_the_program),
    cmocka_unit_test(test_bad_directory_is_told),
    cmocka_unit_test(test_bad_commands),
    cmocka_unit_test(test_executable_takes_precedence),
    cmocka_unit_test(test_directory),
    cmocka_unit_test(test_environment),
    cmocka_unit_test(test_limits_and_umask),
    cmocka_unit_test(test_signals_are_restored),
    cmocka_unit_test(test_sessions_and_groups),
    cmocka_unit_test(test_streams_to_descriptors),
    cmocka_unit_test(test_stderr_to_stdout),
    cmocka_unit_test(test_null),
    cmocka_unit_test(test_inherited),
    cmocka_unit_test(test_closed_standard_descriptors),
    cmocka_unit_test(test_swapped_standard_descriptors),
    cmocka_unit_test(test_only_what_is_passed),
    cmocka_unit_test(test_lifeline_makes_way),
    cmocka_unit_test(test_pipe_bytes),
    cmocka_unit_test(test_pipes_by_hand),
    cmocka_unit_test(test_communicate),
    cmocka_unit_test(test_communicate_leaks_nothing),
    cmocka_unit_test(test_communicate_large_both_ways),
    cmocka_unit_test(test_communicate_goes_on_after_a_timeout),
    cmocka_unit_test(test_communicate_ends_a_flood_in_time),
    cmocka_unit_test(test_communicate_after_stdout_was_closed),
    cmocka_unit_test(test_broken_pipe_is_no_error),
    cmocka_unit_test(test_a_pending_sigpipe_stays),
    cmocka_unit_test(test_input_without_a_pipe),
    cmocka_unit_test(test_capture_max),
    cmocka_unit_test(test_communicate_is_interrupted),
    cmocka_unit_test(test_poll_and_wait),
    cmocka_unit_test(test_signals),
    cmocka_unit_test(test_signals_to_the_dead),
    cmocka_unit_test(test_group_is_signalled),
    cmocka_unit_test(test_free_ends_it),
    cmocka_unit_test(test_end_that_was_lost),
    cmocka_unit_test(test_children_die_with_the_caller),
    cmocka_unit_test(test_wait_by_several_threads),
    cmocka_unit_test(test_one_thread_communicates),
};

HARNESS_MAIN(tests)
