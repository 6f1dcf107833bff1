/* SPDX-License-Identifier: Apache-2.0 */
#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* One component; made first if it is missing. */
static int step(int at, const char *name, bool make)
{
	int fd = openat(at, name, DIRECTORY | O_NOFOLLOW);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	if (mkdirat(at, name, 0777) != 0 && errno != EEXIST)
		return -1;
	return openat(at, name, DIRECTORY | O_NOFOLLOW);
}

static bool climbs(const char *name)
{
	return strcmp(name, "..") == 0 || strcmp(name, ".") == 0;
}

/* Goes down component by component. */
static int walk(int root, const char *path, bool make)
{
	char copy[PATH_MAX], *rest = copy, *name;
	int at = root, next, error;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	while ((name = strsep(&rest, "/"))) {
		errno = EXDEV;
		next = climbs(name) ? -1 : step(at, name, make);
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

static int open_at_once(int root, const char *path, int flags)
{
	struct open_how how = {
	    .flags = (uint64_t)flags,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* EAGAIN: a rename somewhere else made the kernel unsure. ENOSYS, EPERM: an old kernel, a strict container. */
static bool is_unsure(int error)
{
	return error == EAGAIN || error == ENOSYS || error == EPERM;
}

int beneath_open_dir(int root, const char *path)
{
	int fd = open_at_once(root, path, DIRECTORY);

	if (fd < 0 && (errno == ENOENT || is_unsure(errno)))
		fd = walk(root, path, true);
	return fd;
}

int beneath_open_file(int root, const char *path)
{
	/* Neither a pipe nor a device may make us wait. */
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = open_at_once(root, path, flags), dir = root, error;
	char copy[PATH_MAX], *slash;

	if (fd >= 0 || !is_unsure(errno))
		return fd;
	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	slash = strrchr(copy, '/');
	if (slash) {
		*slash = 0;
		dir = walk(root, copy, false);
	}
	errno = dir < 0 ? errno : EXDEV;
	if (dir >= 0 && !climbs(slash ? slash + 1 : copy))
		fd = openat(dir, slash ? slash + 1 : copy, flags | O_NOFOLLOW);
	error = errno;
	if (dir >= 0 && dir != root)
		close(dir);
	errno = error;
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
