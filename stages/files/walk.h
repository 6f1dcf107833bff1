/* SPDX-License-Identifier: Apache-2.0 */
/* stages/files/walk.h - reads a directory, produces the paths beneath it, depth first, names sorted by their bytes.
 *
 * Symbolic links to files are followed, those to directories are not (the starting path itself may be one), so a walk
 * always ends. Of every directory on the way down the names are held in memory.
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

struct walk_rules {
	bool recursive; /* go into directories beneath the starting one    */
	bool hidden;    /* do not pass over names that start with a dot    */
};

struct walk_level;

struct walk {
	struct walk_rules rules;
	char *path; /* the last path found                             */
	size_t room;
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
