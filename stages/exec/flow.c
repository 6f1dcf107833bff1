/* SPDX-License-Identifier: Apache-2.0 */
#include "flow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10, KEPT_ROOM = 1 << 20, PIPE_BYTES = 1 << 20 };

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int flow_pipe(int ends[2], int mine)
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	/* Fewer turns for large payloads; the user's quota may say no. */
	(void)fcntl(ends[mine], F_SETPIPE_SZ, PIPE_BYTES);
	if (fcntl(ends[mine], F_SETFL, O_NONBLOCK) == 0)
		return 0;
	int saved = errno;
	close(ends[0]);
	close(ends[1]);
	errno = saved;
	return -1;
}

void outflow_close(struct outflow *flow)
{
	close_fd(&flow->fd);
}

void inflow_close(struct inflow *flow)
{
	close_fd(&flow->fd);
}

/* A reader that has gone wanted no more: that is its good right. */
void outflow_pass(struct outflow *flow)
{
	while (flow->fd >= 0 && flow->left > 0) {
		ssize_t n = write(flow->fd, flow->at, flow->left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			close_fd(&flow->fd);
			return;
		}
		flow->at += n;
		flow->left -= (size_t)n;
	}
	if (flow->ends)
		close_fd(&flow->fd);
}

/* Room for another read, at most one byte more than may come: that byte tells that it is too much. */
static size_t make_room(struct inflow *flow)
{
	size_t most = flow->rule == INFLOW_KEEP ? flow->limit + 1 : 2 * flow->limit;
	if (flow->size == flow->room && flow->room < most) {
		size_t room = flow->room ? 2 * flow->room : READ_BYTES;
		if (room > most)
			room = most;
		char *at = realloc(flow->at, room);
		if (at) {
			flow->at = at;
			flow->room = room;
		}
	}
	return flow->room - flow->size;
}

static void keep_tail(struct inflow *flow)
{
	if (flow->size < 2 * flow->limit)
		return;
	memmove(flow->at, flow->at + flow->size - flow->limit, flow->limit);
	flow->size = flow->limit;
}

static ssize_t read_some(struct inflow *flow)
{
	char nowhere[READ_BYTES];
	if (flow->rule == INFLOW_DROP)
		return read(flow->fd, nowhere, sizeof(nowhere));
	size_t room = make_room(flow);
	if (room == 0) {
		errno = ENOMEM;
		return -1;
	}
	ssize_t n = read(flow->fd, flow->at + flow->size, room);
	if (n > 0)
		flow->size += (size_t)n;
	return n;
}

void inflow_pass(struct inflow *flow)
{
	while (flow->fd >= 0 && !flow->over && !flow->failed) {
		ssize_t n = read_some(flow);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			flow->failed = true;
		if (n == 0)
			close_fd(&flow->fd);
		if (flow->rule == INFLOW_TAIL)
			keep_tail(flow);
		else if (flow->rule == INFLOW_KEEP)
			flow->over = flow->size > flow->limit;
	}
}

void inflow_clear(struct inflow *flow)
{
	flow->size = 0;
	flow->over = flow->failed = false;
	if (flow->room > KEPT_ROOM)
		inflow_free(flow);
}

void inflow_free(struct inflow *flow)
{
	free(flow->at);
	flow->at = NULL;
	flow->size = flow->room = 0;
}
