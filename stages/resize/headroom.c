/* SPDX-License-Identifier: Apache-2.0 */
#include "headroom.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

int headroom_open(void)
{
	return open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

/* data_bytes - what RLIMIT_DATA counts (a little more: statm adds the stack). 0, or -1. */
static int data_bytes(int fd, uint64_t *bytes)
{
	char text[256];
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);
	if (length <= 0)
		return -1;
	text[length] = '\0';
	unsigned long pages;
	if (sscanf(text, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
		return -1;
	*bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}

uint64_t headroom_bytes(int fd)
{
	struct rlimit limit;
	uint64_t used;
	if (getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || data_bytes(fd, &used) != 0)
		return UINT64_MAX;
	return used < limit.rlim_cur ? limit.rlim_cur - used : 0;
}
