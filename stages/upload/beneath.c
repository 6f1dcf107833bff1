/* SPDX-License-Identifier: Apache-2.0 */
#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* One component; made first if it is missing. */
static int step(int at, const char *name, bool make, bool sync)
{
	int fd = openat(at, name, DIRECTORY | O_NOFOLLOW);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	if (mkdirat(at, name, 0777) != 0 && errno != EEXIST)
		return -1;
	if (sync && fsync(at) != 0)
		return -1;
	return openat(at, name, DIRECTORY | O_NOFOLLOW);
}

static bool climbs(const char *name)
{
	return strcmp(name, "..") == 0 || strcmp(name, ".") == 0;
}

/* Goes down component by component. */
static int walk(int root, const char *path, bool make, bool sync)
{
	char copy[PATH_MAX], *rest = copy, *name;
	int at = root, next, error;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	while ((name = strsep(&rest, "/"))) {
		errno = EXDEV;
		next = climbs(name) ? -1 : step(at, name, make, sync);
		error = errno;
		if (at != root)
			close(at);
		errno = error;
		if (next < 0)
			return -1;
		at = next;
	}
	return at;
}

static int open_at_once(int root, const char *path)
{
	struct open_how how = {
	    .flags = DIRECTORY,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

int beneath_open_dir(int root, const char *path, bool sync)
{
	int fd = open_at_once(root, path);

	/* EAGAIN: a rename somewhere else made the kernel unsure. ENOSYS, EPERM: an old kernel, a strict container. */
	if (fd < 0 && (errno == ENOENT || errno == EAGAIN || errno == ENOSYS || errno == EPERM))
		fd = walk(root, path, true, sync);
	return fd;
}

int beneath_make_root(const char *path)
{
	char copy[PATH_MAX];

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (char *slash = copy + 1; *copy && (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		if (mkdir(copy, 0777) != 0 && errno != EEXIST)
			return -1;
		*slash = '/';
	}
	if (mkdir(copy, 0777) != 0 && errno != EEXIST)
		return -1;
	return open(path, DIRECTORY);
}
