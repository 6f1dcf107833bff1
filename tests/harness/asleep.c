/* SPDX-License-Identifier: Apache-2.0 */
#include "asleep.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool asleep(pid_t pid)
{
	char path[32], text[256];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t bytes = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (bytes <= 0)
		return false;
	text[bytes] = '\0';
	const char *name_end = strrchr(text, ')');
	return name_end && name_end[1] && name_end[2] == 'S';
}
