/* SPDX-License-Identifier: Apache-2.0 */
/* stages/list/feed.h - reads a file of any length, produces a window on it of bounded size.
 */
#ifndef STAGES_LIST_FEED_H
#define STAGES_LIST_FEED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The window always shows at least this much, or all that is left. */
#define FEED_WINDOW ((64 << 10) + 2)

struct feed {
	int fd;          /* borrowed                                                */
	char *buffer;    /* FEED_BUFFER bytes and a spare one: the byte behind the window may be written to */
	size_t from, to; /* the window: bytes of the buffer not consumed yet        */
	uint64_t offset; /* of buffer[from] in the file                             */
};

/* feed_open - starts at a byte of the file `fd`, which stays the caller's and is read with pread. 0 or -1 (memory). */
int feed_open(struct feed *feed, int fd, uint64_t offset);

/* feed_window - shows the next bytes, writable, valid until the next call. Returns how many: 0 at the end of the file,
 * -1 with errno if reading failed. */
ssize_t feed_window(struct feed *feed, char **at);

/* feed_consume - moves on by `size` bytes of the window. */
void feed_consume(struct feed *feed, size_t size);

/* feed_close - frees the buffer. A zeroed feed may be closed. */
void feed_close(struct feed *feed);

#endif
