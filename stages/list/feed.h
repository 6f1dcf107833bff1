/* SPDX-License-Identifier: Apache-2.0 */
/* stages/list/feed.h - reads a text of any length, produces a window on it of bounded size.
 */
#ifndef STAGES_LIST_FEED_H
#define STAGES_LIST_FEED_H

#include "unpack.h"
#include <stddef.h>
#include <stdint.h>

struct feed {
	struct unpack unpack;
	char *buffer; /* `room` bytes and a spare one: the byte behind the window may be written to */
	size_t room;
	size_t from, to; /* the window: bytes of the buffer not consumed yet                        */
	uint64_t offset; /* of buffer[from] in the text                                             */
	bool ended;      /* nothing comes behind the window                                         */
};

enum feed_result { FEED_BROKEN = -1, FEED_MORE = 0, FEED_ENDED, FEED_LATER };

/* feed_open - starts at the beginning. `window`: so much can be seen at once, if there is as much. 0 or -1 (memory). */
int feed_open(struct feed *feed, struct raw *raw, enum unpack_kind kind, unsigned window_log, size_t window);

/* feed_more - reads some more behind the window, which moves in memory. Not if it is as large as asked for.
 * FEED_BROKEN: a sentence in `why`. */
enum feed_result feed_more(struct feed *feed, char *why, size_t why_size);

/* feed_consume - moves on by `size` bytes of the window, which stay where they are until feed_more. */
void feed_consume(struct feed *feed, size_t size);

/* feed_go_to - moves on to `offset`: FEED_MORE, there; FEED_ENDED: the text is shorter; else to be called again, or
 * broken. */
enum feed_result feed_go_to(struct feed *feed, uint64_t offset, char *why, size_t why_size);

static inline char *feed_at(const struct feed *feed)
{
	return feed->buffer + feed->from;
}
static inline size_t feed_size(const struct feed *feed)
{
	return feed->to - feed->from;
}

/* feed_close - frees it all. A zeroed feed may be closed. */
void feed_close(struct feed *feed);

#endif
