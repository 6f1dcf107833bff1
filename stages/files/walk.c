/* SPDX-License-Identifier: Apache-2.0 */
#include "walk.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory on the way down; the walk's path starts with its own path, `length` bytes with the slash. */
struct walk_level {
	struct walk_level *above;
	size_t length;
	dev_t device;
	ino_t inode;
	char **names;
	size_t count, next;
};

/* set_path - writes `name` behind the first `length` bytes of the path. 0 or -1 (memory). */
static int set_path(struct walk *walk, size_t length, const char *name)
{
	size_t need = length + strlen(name) + 1;
	if (need > walk->room) {
		char *path = realloc(walk->path, need * 2);
		if (!path)
			return -1;
		walk->path = path;
		walk->room = need * 2;
	}
	memcpy(walk->path + length, name, need - length);
	return 0;
}

static int by_bytes(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

static void free_level(struct walk_level *level)
{
	for (size_t i = 0; i < level->count; i++)
		free(level->names[i]);
	free(level->names);
	free(level);
}

/* add_name - 0 or -1 (memory). */
static int add_name(struct walk_level *level, const char *name)
{
	if ((level->count & (level->count - 1)) == 0) {
		size_t room = level->count ? level->count * 2 : 1;
		char **names = reallocarray(level->names, room, sizeof(*names));
		if (!names)
			return -1;
		level->names = names;
	}
	level->names[level->count] = strdup(name);
	return level->names[level->count] ? (level->count++, 0) : -1;
}

/* read_names - all names in a directory that the rules admit. 0, or -1 with errno. */
static int read_names(struct walk_level *level, DIR *directory, bool hidden)
{
	const struct dirent *entry;
	while (errno = 0, entry = readdir(directory)) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || (*name == '.' && !hidden))
			continue;
		if (add_name(level, name) != 0) {
			errno = ENOMEM;
			break;
		}
	}
	if (errno)
		return -1;
	if (level->count)
		qsort(level->names, level->count, sizeof(*level->names), by_bytes);
	return 0;
}

/* is_inside - is the walk in this directory already? */
static bool is_inside(const struct walk *walk, const struct stat *status)
{
	for (const struct walk_level *level = walk->top; level; level = level->above)
		if (level->inode == status->st_ino && level->device == status->st_dev)
			return true;
	return false;
}

/* open_directory - the one that the path names, unless the walk is in it (errno ELOOP). -1 with errno. */
static int open_directory(const struct walk *walk, int flags, struct stat *status)
{
	int fd = open(walk->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | flags);
	if (fd < 0)
		return -1;
	int failed = fstat(fd, status);
	if (failed || is_inside(walk, status)) {
		int error = failed ? errno : ELOOP;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* descend - makes the directory that the path names the top level. 0, or -1 with errno. */
static int descend(struct walk *walk, int flags)
{
	struct stat status;
	int fd = open_directory(walk, flags, &status);
	if (fd < 0)
		return -1;
	DIR *directory = fdopendir(fd);
	struct walk_level *level = directory ? calloc(1, sizeof(*level)) : NULL;
	size_t length = strlen(walk->path);
	int error = ENOMEM;
	if (level)
		*level = (struct walk_level){.device = status.st_dev, .inode = status.st_ino};
	if (level && read_names(level, directory, walk->rules.hidden) != 0)
		error = errno;
	else if (level && (walk->path[length - 1] == '/' || set_path(walk, length, "/") == 0))
		error = 0;
	if (directory)
		closedir(directory);
	else
		close(fd);
	if (error) {
		if (level)
			free_level(level);
		errno = error;
		return -1;
	}
	level->length = strlen(walk->path);
	level->above = walk->top;
	walk->top = level;
	return 0;
}

int walk_begin(struct walk *walk, const char *path)
{
	walk_end(walk);
	struct walk_level *level = calloc(1, sizeof(*level));
	if (!level || add_name(level, path) != 0) {
		if (level)
			free_level(level);
		return -1;
	}
	walk->top = level;
	return 0;
}

/* look_beneath - what a path is that the walk came to. */
static enum walk_kind look_beneath(struct walk *walk)
{
	struct stat status;
	if (lstat(walk->path, &status) != 0)
		return WALK_FILE;
	bool link = S_ISLNK(status.st_mode);
	if (link && walk->rules.links == WALK_LINKS_NONE)
		return WALK_END;
	if (link && stat(walk->path, &status) != 0)
		return WALK_FILE;
	if (S_ISREG(status.st_mode))
		return WALK_FILE;
	if (!S_ISDIR(status.st_mode) || !walk->rules.recursive || (link && walk->rules.links != WALK_LINKS_ALL))
		return WALK_END;
	if (descend(walk, link ? 0 : O_NOFOLLOW) == 0 || errno == ELOOP || errno == ENOTDIR)
		return WALK_END;
	return WALK_BROKEN;
}

/* look_at_start - the same for the starting path, which is given whatever it is, or walked through. */
static enum walk_kind look_at_start(struct walk *walk)
{
	struct stat status;
	if (stat(walk->path, &status) != 0 || !S_ISDIR(status.st_mode))
		return WALK_FILE;
	if (descend(walk, 0) != 0)
		return errno == ENOTDIR ? WALK_FILE : WALK_BROKEN;
	walk->below = walk->top->length;
	return WALK_END;
}

enum walk_kind walk_next(struct walk *walk)
{
	const struct walk_rules *rules = &walk->rules;
	while (walk->top) {
		struct walk_level *level = walk->top;
		if (level->next == level->count) {
			walk->top = level->above;
			free_level(level);
			continue;
		}
		const char *name = level->names[level->next++];
		if (set_path(walk, level->length, name) != 0)
			return errno = ENOMEM, WALK_BROKEN;
		if (level->above && rules->excluded && rules->excluded(rules->arg, walk->path + walk->below, name))
			continue;
		enum walk_kind kind = level->above ? look_beneath(walk) : look_at_start(walk);
		if (kind != WALK_END)
			return kind;
	}
	return WALK_END;
}

void walk_end(struct walk *walk)
{
	while (walk->top) {
		struct walk_level *above = walk->top->above;
		free_level(walk->top);
		walk->top = above;
	}
	free(walk->path);
	walk->path = NULL;
	walk->room = walk->below = 0;
}
