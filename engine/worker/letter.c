/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/letter.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int letters_open(const char *directory)
{
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		return -1;
	return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, data, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return -1;
		data += written;
		size -= (size_t)written;
	}
	return 0;
}

int letters_write(int directory, const char *name, const void *data, size_t size)
{
	char part[300];
	snprintf(part, sizeof(part), ".%.280s.part", name);
	int fd = openat(directory, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	int status = write_all(fd, data, size);
	if (close(fd) < 0)
		status = -1;
	if (status == 0)
		status = renameat(directory, part, directory, name);
	if (status < 0) {
		int saved = errno;
		unlinkat(directory, part, 0);
		errno = saved;
	}
	return status;
}
