/* SPDX-License-Identifier: Apache-2.0 */
/* A pipe, shared by all producers and all takers. Messages of up to PIPE_BUF bytes arrive whole; a larger one does
 * only with one producer and one taker. */
#include "rival.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct end {
	int fd;
	size_t message_bytes;
};

static size_t bytes_of(uint32_t slots)
{
	(void)slots;
	return 0;
}

static int make(struct channel *channel)
{
	return pipe(channel->fds);
}

static void *open_end(const struct channel *channel, const struct seat *seat)
{
	struct end *end = malloc(sizeof(*end));
	if (end)
		*end = (struct end){channel->fds[seat->producer], channel->message_bytes};
	return end;
}

static int put(void *handle, const uint64_t *words, int count)
{
	struct end *end = handle;
	const char *from = (const char *)words;
	size_t left = (size_t)count * sizeof(*words);
	while (left > 0) {
		ssize_t written = write(end->fd, from, left);
		if (written < 0 && errno != EINTR)
			return -1;
		if (written > 0) {
			from += written;
			left -= (size_t)written;
		}
	}
	return count;
}

static int take(void *handle, uint64_t *words, int max)
{
	struct end *end = handle;
	char *to = (char *)words;
	size_t wanted = (size_t)max * sizeof(*words), got = 0;
	/* A large message comes in pieces; of small ones, whatever is there will do. */
	do {
		ssize_t bytes = read(end->fd, to + got, wanted - got);
		if (bytes == 0 || (bytes < 0 && errno != EINTR))
			return -1;
		if (bytes > 0)
			got += (size_t)bytes;
	} while (got < wanted && (got % sizeof(*words) || end->message_bytes > 4096));
	return (int)(got / sizeof(*words));
}

const struct rival rival_pipe = {
    .name = "pipe",
    .eof = true,
    .bytes = bytes_of,
    .make = make,
    .open = open_end,
    .put = put,
    .take = take,
    .close = free,
};
