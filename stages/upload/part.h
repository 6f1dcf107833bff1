/* SPDX-License-Identifier: Apache-2.0 */
/* stages/upload/part.h - reads a payload, produces a whole file that does not yet have its name.
 *
 * A worker's part file has a name that depends on stage and worker only, so that whoever plays the same role after a
 * kill finds and removes it. It lies in the root directory, is locked while it is written, and leaves by rename: two
 * runs that write to one directory take different names.
 */
#ifndef STAGES_UPLOAD_PART_H
#define STAGES_UPLOAD_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Who writes, and where. */
struct part_place {
	int root; /* directory */
	const char *stage;
	unsigned worker;
};

struct part {
	int fd;
	char name[300];
};

/* part_begin - creates an empty part file, in place of one that was left behind. 0, or -1 with errno. */
int part_begin(struct part *part, const struct part_place *place, mode_t mode);

/* part_write - writes it all; with `sync`, down to the disk. 0, or -1 with errno. */
int part_write(struct part *part, const void *data, size_t size, bool sync);

/* part_publish - gives it its final name in the directory `dir`, replacing what is there or, if not `replace`, failing
 * with EEXIST. part_drop - removes it. Either ends the part. */
int part_publish(struct part *part, const struct part_place *place, int dir, const char *name, bool replace);
void part_drop(struct part *part, const struct part_place *place);

/* part_sweep - removes what killed workers have left: those of this number, and of numbers that are above the
 * `workers` of this run and congruent to it. */
void part_sweep(const struct part_place *place, unsigned workers);

#endif
