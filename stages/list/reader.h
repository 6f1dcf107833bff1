/* SPDX-License-Identifier: Apache-2.0 */
/* stages/list/reader.h - reads raw bytes, produces the records of a list one by one, with their lines and positions.
 *
 * Of a list with columns the header comes first and is no record. Blank lines and comments are passed over.
 */
#ifndef STAGES_LIST_READER_H
#define STAGES_LIST_READER_H

#include "feed.h"
#include "header.h"
#include "options.h"
#include "record.h"
#include <kakehi/stage.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reader_result {
	READER_RECORD, /* in `record`, `end` and `line`; position is behind it                 */
	READER_END,
	READER_LATER,  /* nothing has come for a while                                         */
	READER_BROKEN, /* the rest cannot be read: a sentence in `why`                         */
};

enum { READER_NAME_BYTES = 121 };

struct reader {
	const struct list_options *options; /* borrowed */
	struct record_rules rules;
	struct feed feed;
	struct header header;
	uint64_t lines;               /* before the window                                       */
	struct kk_position start;     /* where to go on once the header is known                 */
	bool ready;                   /* it is, and the place is found                           */
	bool skipping;                /* the rest of a line that is too long                     */
	bool passed_over;             /* the last one found is a comment or blank                */
	struct span record;           /* may be written to; valid until the next call            */
	enum record_end end;          /* WHOLE, TOO_LONG or UNCLOSED                              */
	uint64_t line;                /* its first, from 1                                       */
	struct kk_position position;  /* offset in the text, and lines before it                 */
	char name[READER_NAME_BYTES]; /* of what is being skipped: how it begins                 */
	char why[300];
};

/* reader_open - to go on at `start`, which came from `position` before, or is zero. `raw` is borrowed. 0 or -1: memory.
 */
int reader_open(struct reader *reader, const struct list_options *options, struct raw *raw, struct kk_position start);

/* reader_begin - as far as where the records begin: READER_RECORD then. reader_next does it if nobody has. */
enum reader_result reader_begin(struct reader *reader);

/* reader_next - the next record. */
enum reader_result reader_next(struct reader *reader);

/* reader_close - a zeroed reader may be closed. */
void reader_close(struct reader *reader);

#endif
