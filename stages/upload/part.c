/* SPDX-License-Identifier: Apache-2.0 */
#include "part.h"
#include "../whole/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names that one worker may choose from: as many runs may write to one directory with stages of one name. */
#define CHOICES 4

/* Roles of a run are fewer than this. */
#define MOST_WORKERS 512

static void set_name(char name[300], const struct part_place *place, unsigned worker, unsigned choice)
{
	size_t length = (size_t)snprintf(name, 300, ".kakehi-%.200s-%u.%u.part", place->stage, worker, choice);

	for (size_t i = 0; i < length; i++)
		if (name[i] == '/')
			name[i] = '_';
}

/* Locks the file if nobody else has it and it still has this name. */
static bool own(int fd, int root, const char *name)
{
	struct stat file, named;

	/* A file system without locks has only one user. */
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return false;
	if (fstat(fd, &file) != 0 || fstatat(root, name, &named, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	return file.st_dev == named.st_dev && file.st_ino == named.st_ino;
}

/* Removes the file of this name, unless somebody has it locked. */
static void sweep_one(int root, const char *name)
{
	int fd = openat(root, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return;
	if (own(fd, root, name))
		(void)unlinkat(root, name, 0);
	close(fd);
}

static int create(int root, const char *name, mode_t mode)
{
	return openat(root, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
}

static int try_name(struct part *part, int root, mode_t mode)
{
	int fd = create(root, part->name, mode);

	if (fd < 0 && errno == EEXIST) {
		sweep_one(root, part->name);
		fd = create(root, part->name, mode);
	}
	if (fd >= 0 && own(fd, root, part->name)) {
		part->fd = fd;
		return 0;
	}
	if (fd >= 0) {
		close(fd);
		errno = EEXIST;
	}
	return -1;
}

int part_begin(struct part *part, const struct part_place *place, mode_t mode)
{
	for (unsigned choice = 0; choice < CHOICES; choice++) {
		set_name(part->name, place, place->worker, choice);
		if (try_name(part, place->root, mode) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	part->fd = -1;
	return -1;
}

int part_write(struct part *part, const void *data, size_t size, bool sync)
{
	if (whole_write(part->fd, data, size) != 0)
		return -1;
	return sync ? fdatasync(part->fd) : 0;
}

static int move(int root, const char *from, int dir, const char *name, bool replace)
{
	struct stat there;

	if (replace)
		return renameat(root, from, dir, name);
	if (renameat2(root, from, dir, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* A file system that cannot do both in one step. */
	if (fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(root, from, dir, name);
}

int part_publish(struct part *part, const struct part_place *place, int dir, const char *name, bool replace)
{
	int result = move(place->root, part->name, dir, name, replace), error = errno;

	if (result != 0) {
		part_drop(part, place);
		errno = error;
		return -1;
	}
	/* The lock goes only now: until then nobody may take the old name for a leftover. */
	result = close(part->fd);
	part->fd = -1;
	return result;
}

void part_drop(struct part *part, const struct part_place *place)
{
	(void)unlinkat(place->root, part->name, 0);
	close(part->fd);
	part->fd = -1;
}

void part_sweep(const struct part_place *place, unsigned workers)
{
	char name[300];

	for (unsigned worker = place->worker; worker < MOST_WORKERS; worker += workers ? workers : MOST_WORKERS) {
		for (unsigned choice = 0; choice < CHOICES; choice++) {
			set_name(name, place, worker, choice);
			sweep_one(place->root, name);
		}
	}
}
