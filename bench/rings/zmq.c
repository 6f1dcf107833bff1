/* SPDX-License-Identifier: Apache-2.0 */
/* ZeroMQ over ipc: every taker binds an abstract socket and pulls, every producer pushes to all of them in turn. */
#include "rival.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

struct end {
	void *context, *socket;
};

static size_t bytes_of(uint32_t slots)
{
	(void)slots;
	return 0;
}

static int make(struct channel *channel)
{
	(void)channel;
	return 0;
}

static void close_end(void *handle)
{
	struct end *end = handle;
	if (end->socket)
		zmq_close(end->socket);
	if (end->context)
		zmq_ctx_term(end->context);
	free(end);
}

static int join(const struct channel *channel, const struct seat *seat, void *socket)
{
	char address[128];
	int most = seat->producer ? channel->takers : 1, status = 0;
	for (int i = 0; i < most && status == 0; i++) {
		snprintf(address, sizeof(address), "ipc://@%s-%d", channel->name, seat->producer ? i : seat->index);
		status = seat->producer ? zmq_connect(socket, address) : zmq_bind(socket, address);
	}
	return status;
}

static void *open_end(const struct channel *channel, const struct seat *seat)
{
	const int poll_ms = 100, retry_ms = 1;
	struct end *end = calloc(1, sizeof(*end));
	if (!end)
		return NULL;
	end->context = zmq_ctx_new();
	end->socket = end->context ? zmq_socket(end->context, seat->producer ? ZMQ_PUSH : ZMQ_PULL) : NULL;
	if (!end->socket || zmq_setsockopt(end->socket, ZMQ_RCVTIMEO, &poll_ms, sizeof(poll_ms)) ||
	    zmq_setsockopt(end->socket, ZMQ_RECONNECT_IVL, &retry_ms, sizeof(retry_ms)) ||
	    join(channel, seat, end->socket)) {
		close_end(end);
		return NULL;
	}
	return end;
}

static int put(void *handle, const uint64_t *words, int count)
{
	struct end *end = handle;
	int status;
	do
		status = zmq_send(end->socket, words, (size_t)count * sizeof(*words), 0);
	while (status < 0 && errno == EINTR);
	return status < 0 ? -1 : count;
}

static int take(void *handle, uint64_t *words, int max)
{
	struct end *end = handle;
	int bytes = zmq_recv(end->socket, words, (size_t)max * sizeof(*words), 0);
	if (bytes < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	return bytes / (int)sizeof(*words);
}

const struct rival rival_zmq = {
    .name = "ZeroMQ",
    .bytes = bytes_of,
    .make = make,
    .open = open_end,
    .put = put,
    .take = take,
    .close = close_end,
};
