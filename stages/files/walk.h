/* SPDX-License-Identifier: Apache-2.0 */
/* stages/files/walk.h - reads a directory, produces the paths beneath it, depth first, names sorted by their bytes.
 *
 * The starting path itself may be a symbolic link. Of links beneath it the rules say which are followed; one to a
 * directory that the walk is in already is not, so a walk always ends. Of every directory on the way down the names are
 * held in memory.
 */
#ifndef STAGES_FILES_WALK_H
#define STAGES_FILES_WALK_H

#include <stdbool.h>
#include <stddef.h>

enum walk_kind {
	WALK_END,    /* nothing more                                                                    */
	WALK_FILE,   /* a regular file, or something that could not be looked at (opening it tells why) */
	WALK_BROKEN, /* a directory that could not be read: errno                                       */
};

enum walk_links {
	WALK_LINKS_TO_FILES, /* follow those that do not lead to directories */
	WALK_LINKS_ALL,
	WALK_LINKS_NONE, /* pass over them */
};

struct walk_rules {
	bool recursive; /* go into directories beneath the starting one    */
	bool hidden;    /* do not pass over names that start with a dot    */
	enum walk_links links;
	/* Is this path beneath the starting one, without it, to be passed over with all beneath it? NULL: none is. */
	bool (*excluded)(const void *arg, const char *path, const char *name);
	const void *arg;
};

struct walk_level;

struct walk {
	struct walk_rules rules;
	char *path; /* the last path found                             */
	size_t room;
	size_t below; /* where in it what lies beneath the starting path begins */
	struct walk_level *top;
};

/* walk_begin - starts at `path`: a directory is walked through, anything else is the only result. Ends a walk under
 * way. 0, or -1: out of memory. */
int walk_begin(struct walk *walk, const char *path);

/* walk_next - the next path, in walk->path until the next call. */
enum walk_kind walk_next(struct walk *walk);

/* walk_end - frees everything. A walk with nothing but its rules set may be ended. */
void walk_end(struct walk *walk);

#endif
