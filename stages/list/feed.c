/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* So much larger than the window that moving its rest to the front is rare. */
#define FEED_BUFFER (256 << 10)

int feed_open(struct feed *feed, int fd, uint64_t offset)
{
	*feed = (struct feed){.fd = fd, .offset = offset, .buffer = malloc(FEED_BUFFER + 1)};
	return feed->buffer ? 0 : -1;
}

/* fill - one read behind the window. Bytes read, 0 at the end, -1 with errno. */
static ssize_t fill(struct feed *feed)
{
	ssize_t got;
	do
		got = pread(feed->fd, feed->buffer + feed->to, FEED_BUFFER - feed->to,
		            (off_t)(feed->offset + (feed->to - feed->from)));
	while (got < 0 && errno == EINTR);
	if (got > 0)
		feed->to += (size_t)got;
	return got;
}

ssize_t feed_window(struct feed *feed, char **at)
{
	if (feed->to - feed->from < FEED_WINDOW) {
		memmove(feed->buffer, feed->buffer + feed->from, feed->to - feed->from);
		feed->to -= feed->from;
		feed->from = 0;
	}
	while (feed->to - feed->from < FEED_WINDOW) {
		ssize_t got = fill(feed);
		if (got < 0)
			return -1;
		if (got == 0)
			break;
	}
	*at = feed->buffer + feed->from;
	return (ssize_t)(feed->to - feed->from);
}

void feed_consume(struct feed *feed, size_t size)
{
	feed->from += size;
	feed->offset += size;
}

void feed_close(struct feed *feed)
{
	free(feed->buffer);
	feed->buffer = NULL;
}
