/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include "../whole/whole.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "kakehi-exec."

enum { DEEPEST = 32, TRIES = 16 };

static int open_directory(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void remove_all_in(int fd, int deep);

static void remove_entry(int at, const char *name, int deep)
{
	if (unlinkat(at, name, 0) == 0 || deep == 0)
		return;
	int fd = open_directory(at, name);
	if (fd < 0)
		return;
	remove_all_in(fd, deep - 1);
	(void)unlinkat(at, name, AT_REMOVEDIR);
	close(fd);
}

static void remove_all_in(int fd, int deep)
{
	int again = open_directory(fd, ".");
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;
	if (!dir) {
		if (again >= 0)
			close(again);
		return;
	}
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_entry(fd, entry->d_name, deep);
	closedir(dir);
}

/* Ours, and nobody holds it: whoever made it is dead. */
static void sweep_one(int at, const char *name)
{
	struct stat st;
	int fd = open_directory(at, name);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0) {
		remove_all_in(fd, DEEPEST);
		(void)unlinkat(at, name, AT_REMOVEDIR);
	}
	close(fd);
}

static void sweep(const char *where)
{
	int at = open_directory(AT_FDCWD, where);
	DIR *dir = at >= 0 ? fdopendir(at) : NULL;
	if (!dir) {
		if (at >= 0)
			close(at);
		return;
	}
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0)
			sweep_one(dirfd(dir), entry->d_name);
	closedir(dir);
}

/* Between making and locking it somebody who sweeps may have taken it for a dead one's. */
static bool still_there(const struct scratch *scratch)
{
	struct stat held, named;
	return fstat(scratch->fd, &held) == 0 && lstat(scratch->path, &named) == 0 && held.st_ino == named.st_ino &&
	       held.st_dev == named.st_dev && held.st_nlink > 0;
}

int scratch_make(struct scratch *scratch, const char *where)
{
	sweep(where);
	for (int i = 0; i < TRIES; i++) {
		int length = snprintf(scratch->path, sizeof(scratch->path), "%s/" PREFIX "XXXXXX", where);
		if (length < 0 || (size_t)length >= sizeof(scratch->path)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		if (!mkdtemp(scratch->path))
			return -1;
		scratch->fd = open_directory(AT_FDCWD, scratch->path);
		if (scratch->fd >= 0 && flock(scratch->fd, LOCK_EX) == 0 && still_there(scratch))
			return 0;
		if (scratch->fd >= 0)
			close(scratch->fd);
		scratch->fd = -1;
	}
	errno = EAGAIN;
	return -1;
}

void scratch_empty(struct scratch *scratch)
{
	remove_all_in(scratch->fd, DEEPEST);
}

void scratch_remove(struct scratch *scratch)
{
	if (scratch->fd < 0)
		return;
	scratch_empty(scratch);
	(void)rmdir(scratch->path);
	close(scratch->fd);
	scratch->fd = -1;
}

int scratch_put(const struct scratch *scratch, const char *name, const void *data, size_t size)
{
	int fd = openat(scratch->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	int result = whole_write(fd, data, size), saved = errno;
	if (close(fd) < 0 && result == 0) {
		result = -1;
		saved = errno;
	}
	errno = saved;
	return result;
}

int scratch_open(const struct scratch *scratch, const char *name, uint64_t *size)
{
	struct stat st;
	int fd = openat(scratch->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	*size = (uint64_t)st.st_size;
	return fd;
}
