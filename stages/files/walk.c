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

/* descend - makes the directory that the path names the top level. 0, or -1 with errno. */
static int descend(struct walk *walk, int flags)
{
	int fd = open(walk->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | flags);
	if (fd < 0)
		return -1;
	DIR *directory = fdopendir(fd);
	struct walk_level *level = directory ? calloc(1, sizeof(*level)) : NULL;
	size_t length = strlen(walk->path);
	int error = ENOMEM;
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

/* look - what the path is. A link is what it leads to, but a link to a directory counts only at the start. */
static enum walk_kind look(struct walk *walk, bool start)
{
	struct stat status;
	if (stat(walk->path, &status) != 0)
		return WALK_FILE;
	if (S_ISREG(status.st_mode))
		return WALK_FILE;
	if (!S_ISDIR(status.st_mode))
		return start ? WALK_FILE : WALK_END;
	if (!start && !walk->rules.recursive)
		return WALK_END;
	if (descend(walk, start ? 0 : O_NOFOLLOW) == 0 || errno == ELOOP || errno == ENOTDIR)
		return WALK_END;
	return WALK_BROKEN;
}

enum walk_kind walk_next(struct walk *walk)
{
	while (walk->top) {
		struct walk_level *level = walk->top;
		if (level->next == level->count) {
			walk->top = level->above;
			free_level(level);
			continue;
		}
		if (set_path(walk, level->length, level->names[level->next++]) != 0)
			return errno = ENOMEM, WALK_BROKEN;
		enum walk_kind kind = look(walk, level->above == NULL);
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
	walk->room = 0;
}
