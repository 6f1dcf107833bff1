/* SPDX-License-Identifier: Apache-2.0 */
#include "whole.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* As read(2), through interruptions. */
static ssize_t read_some(int fd, void *to, size_t size)
{
	ssize_t got;

	do
		got = read(fd, to, size);
	while (got < 0 && errno == EINTR);
	return got;
}

const char *whole_read(int fd, void *to, size_t size)
{
	char *at = to, beyond;
	ssize_t got;

	while (size > 0) {
		got = read_some(fd, at, size);
		if (got <= 0)
			return got < 0 ? strerror(errno) : "became shorter while it was read";
		at += got;
		size -= (size_t)got;
	}
	got = read_some(fd, &beyond, 1);
	if (got != 0)
		return got < 0 ? strerror(errno) : "became longer while it was read";
	return NULL;
}

int whole_write(int fd, const void *from, size_t size)
{
	const char *at = from;

	while (size > 0) {
		ssize_t written = write(fd, at, size < SSIZE_MAX ? size : SSIZE_MAX);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		at += written;
		size -= (size_t)written;
	}
	return 0;
}
