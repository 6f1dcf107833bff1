/* SPDX-License-Identifier: Apache-2.0 */
/* stages/list/header.h - reads the start of a list, produces the names of its columns and where the records begin.
 */
#ifndef STAGES_LIST_HEADER_H
#define STAGES_LIST_HEADER_H

#include <stddef.h>
#include <stdint.h>

#define HEADER_MAX_COLUMNS 256

struct header {
	uint64_t start;                       /* offset of the first record                                        */
	uint64_t lines;                       /* lines before it                                                   */
	int count;                            /* columns; 0: plain lines                                           */
	int key;                              /* the column with the key                                           */
	char *names;                          /* count names one behind the other, each closed by NUL              */
	const char *name[HEADER_MAX_COLUMNS]; /* into names; an empty one: not carried       */
};

/* header_read - looks at the start of the file `fd`: a byte order mark, and for a separator other than 0 the header
 * row, in which `key` must be a column. 0, or -1 with a sentence in `why`. */
int header_read(struct header *header, int fd, char separator, const char *key, char *why, size_t why_size);

/* header_free - a zeroed header may be freed. */
void header_free(struct header *header);

#endif
