/* SPDX-License-Identifier: Apache-2.0 */
#include "run/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

static bool in_memory(const char *directory)
{
	struct statfs where;
	return statfs(directory, &where) == 0 && (where.f_type == TMPFS_MAGIC || where.f_type == RAMFS_MAGIC);
}

/* Not every file system has files that never had a name. */
static int open_unnamed(const char *directory)
{
	char path[PATH_MAX];
	int fd = open(directory, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd;
	if (snprintf(path, sizeof(path), "%s/kakehi-XXXXXX", directory) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0 && unlink(path) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int kk_scratch_open(struct kk_error *error)
{
	const char *const places[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
	const size_t count = sizeof(places) / sizeof(places[0]);
	const char *last = places[1];
	for (int memory = 0; memory <= 1; memory++) {
		for (size_t i = 0; i < count; i++) {
			if (!places[i] || !*places[i] || in_memory(places[i]) != memory)
				continue;
			int fd = open_unnamed(places[i]);
			if (fd >= 0)
				return fd;
			last = places[i];
		}
	}
	return kk_error_set(error, KK_ERR_SYSTEM, "cannot make a temporary file in \"%s\" (TMPDIR names another place)",
	                    last);
}
