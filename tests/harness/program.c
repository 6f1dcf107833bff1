/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_LIMIT_MS  30000
#define SERVER_LIMIT_MS   10000
#define CANNOT_RUN_STATUS 127

struct harness_program {
	pid_t pid;
	int end;         /* pidfd                      */
	char *name;      /* argv[0], for messages      */
	char *out, *err; /* files                      */
	uint64_t start_ms;
	uint64_t limit_ms;
};

struct harness_server {
	pid_t pid;
	int lifeline; /* its stdin                  */
	int speech;   /* its stdout                 */
	int end;      /* pidfd                      */
	unsigned port;
};

/* In the child: these become stdin, stdout, stderr and perhaps 3, and nothing else stays open. */
static _Noreturn void become(const char *const argv[], const struct harness_options *options, const int fds[3])
{
	unsigned count = 3;

	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], i) < 0)
			_exit(CANNOT_RUN_STATUS);
	if (options && options->fd > 0 && dup2(options->fd, 3) == 3)
		count = fcntl(3, F_SETFD, 0) == 0 ? 4 : 3; /* it may be 3 already, and then keeps its flags */
	close_range(count, ~0U, 0);
	if (chdir(options && options->dir ? options->dir : harness_dir()) < 0)
		_exit(CANNOT_RUN_STATUS);
	for (const char *const *env = options ? options->env : NULL; env && *env; env++)
		putenv((char *)(uintptr_t)*env);
	execvp(argv[0], (char **)(uintptr_t)argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(CANNOT_RUN_STATUS);
}

static pid_t spawn(const char *const argv[], const struct harness_options *options, const int fds[3], int *end)
{
	pid_t pid = fork();

	if (pid == 0)
		become(argv, options, fds);
	if (pid < 0 || (*end = pidfd_open(pid, 0)) < 0)
		fail_msg("cannot start %s: %s", argv[0], strerror(errno));
	return pid;
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 3)
		fail_msg("cannot open %s: %s", path, strerror(errno));
	return fd;
}

/* The input of a program: a file, so that nobody has to feed it. */
static int open_input(const char *text, unsigned number)
{
	char *path;

	if (!text)
		return open_file("/dev/null", O_RDONLY);
	path = harness_path(".input-%u", number);
	harness_write(path, text, strlen(text));
	return open_file(path, O_RDONLY);
}

struct harness_program *harness_start(const char *const argv[], const struct harness_options *options)
{
	static unsigned number;
	struct harness_program *program = harness_keep(calloc(1, sizeof(*program)));
	int fds[3];

	number++;
	program->name = harness_text("%s", argv[0]);
	program->out = harness_path(".output-%u", number);
	program->err = harness_path(".errors-%u", number);
	fds[0] = open_input(options ? options->input : NULL, number);
	fds[1] = open_file(program->out, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
	fds[2] = open_file(program->err, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
	program->start_ms = harness_now_ms();
	program->limit_ms = options && options->limit_ms ? options->limit_ms : DEFAULT_LIMIT_MS;
	program->pid = spawn(argv, options, fds, &program->end);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	return program;
}

pid_t harness_pid(const struct harness_program *program)
{
	return program->pid;
}

/* Waits for the end of a process; false: `limit_ms` have passed before. */
static bool ended(int pidfd, uint64_t limit_ms)
{
	struct pollfd end = {.fd = pidfd, .events = POLLIN};
	uint64_t now, stop = harness_now_ms() + limit_ms;
	int ready;

	do {
		now = harness_now_ms();
		ready = poll(&end, 1, now < stop ? (int)(stop - now) : 0);
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
}

bool harness_running(struct harness_program *program)
{
	return !ended(program->end, 0);
}

char *harness_out(const struct harness_program *program)
{
	return harness_read(program->out, NULL);
}

char *harness_err(const struct harness_program *program)
{
	return harness_read(program->err, NULL);
}

static double cpu_seconds(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

struct harness_result harness_finish(struct harness_program *program)
{
	struct harness_result result = {0};
	uint64_t used = harness_now_ms() - program->start_ms;
	struct rusage usage;
	int status;

	if (!ended(program->end, used < program->limit_ms ? program->limit_ms - used : 0)) {
		kill(program->pid, SIGKILL);
		waitpid(program->pid, NULL, 0);
		close(program->end);
		fail_msg("%s did not end within %llu ms; stderr:\n%s", program->name,
		         (unsigned long long)program->limit_ms, harness_err(program));
	}
	while (wait4(program->pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			fail_msg("cannot wait for %s: %s", program->name, strerror(errno));
	close(program->end);
	result.ms = harness_now_ms() - program->start_ms;
	result.cpu_sec = cpu_seconds(&usage);
	result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	result.out = harness_out(program);
	result.err = harness_err(program);
	return result;
}

struct harness_result harness_exec(const char *const argv[], const struct harness_options *options)
{
	return harness_finish(harness_start(argv, options));
}

/* Reads the line that says that the server is ready, a byte at a time: what follows is not ours. */
static unsigned read_port(int fd, const char *name)
{
	struct pollfd speech = {.fd = fd, .events = POLLIN};
	char line[64];
	size_t length = 0;

	while (length + 1 < sizeof(line)) {
		if (poll(&speech, 1, SERVER_LIMIT_MS) <= 0 || read(fd, &line[length], 1) != 1)
			fail_msg("%s did not say its port", name);
		if (line[length] == '\n')
			break;
		length++;
	}
	line[length] = 0;
	return (unsigned)strtoul(line, NULL, 10);
}

struct harness_server *harness_server_start(const char *const argv[])
{
	struct harness_server *server = harness_keep(calloc(1, sizeof(*server)));
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		fail_msg("cannot start %s: %s", argv[0], strerror(errno));
	server->pid = spawn(argv, NULL, (const int[3]){in[0], out[1], 2}, &server->end);
	close(in[0]);
	close(out[1]);
	server->lifeline = in[1];
	server->speech = out[0];
	server->port = read_port(out[0], argv[0]);
	if (server->port == 0 || server->port > 65535)
		fail_msg("%s said no port", argv[0]);
	return server;
}

unsigned harness_server_port(const struct harness_server *server)
{
	return server->port;
}

pid_t harness_server_pid(const struct harness_server *server)
{
	return server->pid;
}

void harness_server_stop(struct harness_server *server)
{
	int status = -1;
	bool in_time;

	close(server->lifeline);
	in_time = ended(server->end, SERVER_LIMIT_MS);
	if (!in_time)
		kill(server->pid, SIGKILL);
	while (waitpid(server->pid, &status, 0) < 0 && errno == EINTR)
		;
	close(server->speech);
	close(server->end);
	if (!in_time)
		fail_msg("a server did not end when its lifeline was cut");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("a server ended with status 0x%x", (unsigned)status);
}
