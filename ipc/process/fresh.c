/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/fresh.c - the program of this process from its beginning, to run one function: both sides of it.
 *
 *	parent: executes /proc/self/exe --kakehi-child=N, where descriptor N holds the order
 *	child:  main calls kk_function_main, which takes the order, says hello through a pipe, and runs it
 *
 * A main that does not do that would run as usual, and start children again: so only a process that has called
 * kk_function_main itself starts others afresh.
 */
#include "process/child.h"
#include "process/private.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHILD_ARGUMENT "--kakehi-child="

/* Whether the child found what it is to run. */
struct hello {
	int code;
	char text[200];
};

static bool main_called;

static void say_hello(int fd, const struct hello *hello)
{
	while (write(fd, hello, sizeof(*hello)) < 0 && errno == EINTR)
		;
	close(fd);
}

static void keep_to_itself(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void kk_function_main(int argc, char **argv)
{
	size_t length = strlen(CHILD_ARGUMENT);
	const struct kk_order *order;
	struct hello hello = {KK_OK, ""};
	kk_function *function = NULL;
	int fd;

	main_called = true;
	if (argc != 2 || strncmp(argv[1], CHILD_ARGUMENT, length) != 0)
		return;
	fd = atoi(argv[1] + length);
	order = fd > 2 ? kk_order_receive(fd) : NULL;
	if (!order)
		return;
	close(fd);
	keep_to_itself(order->carry);
	if (order->serve)
		kk_serve_undisturbed();
	else
		function = kk_order_find(order, false);
	if (!order->serve && !function) {
		hello.code = KK_ERR_MISSING;
		snprintf(hello.text, sizeof(hello.text), "the program knows no function %s", order->function);
	}
	say_hello(order->hello, &hello);
	exit(hello.code < 0 ? EXIT_FAILURE : kk_order_run(order, function, order->carry));
}

static int highest(const struct kk_process_spec *spec)
{
	int top = spec->lifeline > 2 ? spec->lifeline : 2;

	for (size_t i = 0; i < spec->fd_count; i++)
		top = spec->fds[i].to > top ? spec->fds[i].to : top;
	return top;
}

long kk_list_standard(const struct kk_process_spec *spec, size_t extra, struct kk_process_fd **to)
{
	size_t count = spec->fd_count;
	struct kk_process_fd *list = calloc(count + 3 + extra, sizeof(*list));

	if (!list)
		return -1;
	if (count > 0)
		memcpy(list, spec->fds, count * sizeof(*list));
	for (int fd = 0; fd <= 2; fd++) {
		bool listed = fcntl(fd, F_GETFD) < 0;
		for (size_t i = 0; i < spec->fd_count; i++)
			listed = listed || spec->fds[i].to == fd;
		if (!listed)
			list[count++] = (struct kk_process_fd){fd, fd};
	}
	*to = list;
	return (long)count;
}

static int read_hello(int fd, struct hello *hello)
{
	ssize_t n;

	do
		n = read(fd, hello, sizeof(*hello));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*hello) ? 0 : -1;
}

/* Waits until the child is at its function. */
static int meet(struct kk_process *process, int fd, struct kk_error *error)
{
	struct hello hello;
	struct kk_process_end end;
	char how[64];

	if (read_hello(fd, &hello) == 0) {
		if (hello.code == KK_OK)
			return KK_OK;
		kk_process_wait(process, -1, NULL);
		return kk_error_set(error, hello.code, "%s", hello.text);
	}
	kk_process_kill(process, SIGKILL);
	kk_process_wait(process, -1, &end);
	return kk_error_set(error, KK_ERR_DIED, "the program started afresh came to no kk_function_main: %s",
	                    kk_process_obituary(&end, how, sizeof(how)));
}

int kk_child_exec(struct kk_process *process, const struct kk_process_spec *spec, struct kk_order *order, int carry,
                  struct kk_error *error)
{
	char argument[40];
	const char *argv[] = {program_invocation_name, argument, NULL};
	struct kk_process_spec program = *spec;
	struct kk_process_fd *fds = NULL;
	struct kk_birth birth = {0};
	int hello[2] = {-1, -1}, sent = -1, top = highest(spec), rc = KK_ERR_SYSTEM;
	long count;

	if (!main_called)
		return kk_error_set(error, KK_ERR_INVALID,
		                    "to start processes afresh, main has to call kk_function_main(argc, argv) first");
	order->fresh = true;
	order->hello = top + 3;
	order->carry = carry >= 0 ? top + 4 : -1;
	count = kk_list_standard(spec, 3, &fds);
	if (count < 0)
		return kk_error_set(error, KK_ERR_MEMORY, "no memory for a list of descriptors");
	sent = kk_order_send(order);
	if (sent < 0 || kk_private_pipe(hello) < 0) {
		kk_error_set(error, rc, "cannot pass on the arguments of a process");
		goto out;
	}
	fds[count++] = (struct kk_process_fd){sent, top + 2};
	fds[count++] = (struct kk_process_fd){hello[1], order->hello};
	if (carry >= 0)
		fds[count++] = (struct kk_process_fd){carry, order->carry};
	snprintf(argument, sizeof(argument), CHILD_ARGUMENT "%d", top + 2);
	program.call = NULL;
	program.path = "/proc/self/exe";
	program.argv = argv;
	program.environment = spec->environment ? spec->environment : (const char *const *)environ;
	program.fds = fds;
	program.fd_count = (size_t)count;
	program.lifeline = spec->lifeline > 0 ? spec->lifeline : top + 1;
	rc = kk_child_start(process, &program, &birth, error);
	kk_private_close(&hello[1]);
	if (rc == KK_OK)
		rc = meet(process, hello[0], error);
out:
	free(fds);
	kk_private_close(&sent);
	kk_private_close(&hello[0]);
	kk_private_close(&hello[1]);
	return rc;
}
