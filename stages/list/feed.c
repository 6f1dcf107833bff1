/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So much more than the window that moving its rest to the front is rare. */
#define FEED_SPARE (128 << 10)

int feed_open(struct feed *feed, struct raw *raw, enum unpack_kind kind, unsigned window_log, size_t window)
{
	*feed = (struct feed){.room = window + FEED_SPARE, .buffer = malloc(window + FEED_SPARE + 1)};
	unpack_open(&feed->unpack, raw, kind, window_log);
	return feed->buffer ? 0 : -1;
}

enum feed_result feed_more(struct feed *feed, char *why, size_t why_size)
{
	if (feed->ended)
		return FEED_ENDED;
	if (feed->room - feed->to < FEED_SPARE / 2) {
		memmove(feed->buffer, feed_at(feed), feed_size(feed));
		feed->to -= feed->from;
		feed->from = 0;
	}
	snprintf(why, why_size, "%s", "");
	ssize_t got = unpack_read(&feed->unpack, feed->buffer + feed->to, feed->room - feed->to, why, why_size);
	if (got > 0) {
		feed->to += (size_t)got;
		return FEED_MORE;
	}
	if (got == 0) {
		feed->ended = true;
		return FEED_ENDED;
	}
	if (errno == EAGAIN)
		return FEED_LATER;
	if (!*why)
		snprintf(why, why_size, "%s", strerror(errno));
	return FEED_BROKEN;
}

void feed_consume(struct feed *feed, size_t size)
{
	feed->from += size;
	feed->offset += size;
}

enum feed_result feed_go_to(struct feed *feed, uint64_t offset, char *why, size_t why_size)
{
	enum feed_result result = FEED_MORE;
	if (offset - feed->offset > feed_size(feed) && unpack_seek(&feed->unpack, offset)) {
		feed->from = feed->to = 0;
		feed->offset = offset;
		feed->ended = false;
	}
	while (result == FEED_MORE && feed->offset < offset) {
		uint64_t left = offset - feed->offset;
		feed_consume(feed, left < feed_size(feed) ? (size_t)left : feed_size(feed));
		if (feed->offset < offset)
			result = feed_more(feed, why, why_size);
	}
	return result;
}

void feed_close(struct feed *feed)
{
	unpack_close(&feed->unpack);
	free(feed->buffer);
	*feed = (struct feed){.buffer = NULL};
}
