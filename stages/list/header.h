/* SPDX-License-Identifier: Apache-2.0 */
/* stages/list/header.h - reads the first record of a list with columns, produces their names and what is done with
 * each.
 */
#ifndef STAGES_LIST_HEADER_H
#define STAGES_LIST_HEADER_H

#include "options.h"
#include "record.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEADER_MAX_COLUMNS 256

struct header {
	int count;                            /* columns                                          */
	int key;                              /* the column with the key                          */
	char *names;                          /* count names one behind the other, each closed by NUL */
	const char *name[HEADER_MAX_COLUMNS]; /* into names                                       */
	bool carried[HEADER_MAX_COLUMNS];     /* along, as a field                                */
};

/* header_read - from the header row or, if there is none in this list, from the first row: the columns' names are their
 * numbers from 1 then. The record is taken apart in place. 0, or -1 with a sentence in `why`. */
int header_read(struct header *header, const struct list_options *options, struct span record, char *why,
                size_t why_size);

/* header_free - a zeroed header may be freed. */
void header_free(struct header *header);

#endif
