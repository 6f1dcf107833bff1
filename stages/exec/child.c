/* SPDX-License-Identifier: Apache-2.0 */
/* The only place of this stage that starts and ends processes. It does so by the toolkit's functions, which are
 * compiled into the module. */
#include "child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { ORPHANS_MS = 5000 };

int child_prepare(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	/* A program that reads no further must not end the worker. */
	if (sigaction(SIGPIPE, &ignore, NULL) < 0)
		return -1;
	return kk_process_gather() == KK_OK ? 0 : -1;
}

uint64_t child_clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int child_start(struct child *child, const struct child_command *command, char *why, size_t why_size)
{
	struct kk_error error = {.code = 0};
	struct kk_process_fd fds[CHILD_FDS];
	struct kk_process_limit limit = {RLIMIT_DATA, command->memory};
	struct kk_process_spec spec = {
	    .path = command->path,
	    .argv = command->argv,
	    .environment = command->environment,
	    .fds = fds,
	    .limits = &limit,
	    .limit_count = 1,
	    .die_with_thread = true,
	    .own_group = true,
	};
	for (int to = 0; to < CHILD_FDS; to++)
		if (command->fd[to] >= 0)
			fds[spec.fd_count++] = (struct kk_process_fd){command->fd[to], to};
	child->process = kk_process_spawn(&spec, &error);
	if (!child->process)
		snprintf(why, why_size, "%s", error.text);
	return child->process ? 0 : -1;
}

static void pass_all(struct child *child)
{
	outflow_pass(&child->in);
	inflow_pass(&child->out);
	inflow_pass(&child->err);
	inflow_pass(&child->facts);
}

static bool over(const struct child *child)
{
	return child->out.over || child->out.failed || child->err.failed || child->facts.over || child->facts.failed;
}

/* What it wrote before it ended is in the pipes by then; what its own children may still write is not waited for. */
enum child_news child_turn(struct child *child, uint64_t deadline_ms)
{
	struct pollfd fds[] = {
	    {.fd = kk_process_pidfd(child->process), .events = POLLIN},
	    {.fd = child->in.left || child->in.ends ? child->in.fd : -1, .events = POLLOUT},
	    {.fd = child->out.fd, .events = POLLIN},
	    {.fd = child->err.fd, .events = POLLIN},
	    {.fd = child->facts.fd, .events = POLLIN},
	};
	uint64_t now_ms = child_clock_ms(), left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
	int ready = poll(fds, sizeof(fds) / sizeof(fds[0]), left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
	bool ended = ready > 0 && fds[0].revents != 0;
	pass_all(child);
	if (over(child))
		return CHILD_OVER;
	if (ended)
		return CHILD_ENDED;
	return child_clock_ms() >= deadline_ms ? CHILD_LATE : CHILD_MOVED;
}

void child_end(struct child *child, uint64_t deadline_ms, struct kk_process_end *end)
{
	struct kk_process_end mine = {.exited = false};
	if (child->process) {
		uint64_t now_ms = child_clock_ms(), left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
		if (kk_process_wait(child->process, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms, &mine) != KK_OK) {
			(void)kk_process_kill_group(child->process, SIGKILL);
			(void)kk_process_kill(child->process, SIGKILL);
			(void)kk_process_wait(child->process, -1, &mine);
		}
		kk_process_free(child->process);
		child->process = NULL;
		(void)kk_process_end_orphans(ORPHANS_MS);
	}
	outflow_close(&child->in);
	inflow_close(&child->out);
	inflow_close(&child->err);
	inflow_close(&child->facts);
	if (end)
		*end = mine;
}

const char *child_last_words(const struct child *child, char *to, size_t size)
{
	const char *text = child->err.at;
	size_t end = child->err.size, used = 0;
	while (end > 0 && strchr(" \t\r\n", text[end - 1]))
		end--;
	size_t begin = end;
	while (begin > 0 && text[begin - 1] != '\n')
		begin--;
	for (size_t i = begin; i < end && used + 1 < size; i++)
		to[used++] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
	to[used] = 0;
	return to;
}
