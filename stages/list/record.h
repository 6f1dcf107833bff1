/* SPDX-License-Identifier: Apache-2.0 */
/* stages/list/record.h - reads text, produces records and their fields: lines, or rows of RFC 4180 (csv, tsv).
 *
 * A record ends with LF or CRLF, or with the file. A field that starts with a quote ends with the next one that is not
 * doubled; separators and line ends between them belong to it. Elsewhere a quote is a character like any other.
 */
#ifndef STAGES_LIST_RECORD_H
#define STAGES_LIST_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define RECORD_MAX (64 << 10) /* bytes of a record without its line end */

struct span {
	char *at;
	size_t length;
};

enum record_end {
	RECORD_WHOLE,    /* `text` is the record, `consumed` includes its line end                            */
	RECORD_TOO_LONG, /* more than RECORD_MAX bytes; its last line goes on if no line end was consumed   */
	RECORD_UNCLOSED, /* a quoted field has no end; `text` and `consumed` are the first line of the record */
};

struct record {
	struct span text;
	size_t consumed;
};

/* record_find - the record at the start of `size` bytes, which are RECORD_MAX + 2 or all that is left of the file.
 * separator 0: plain lines without quoting. */
enum record_end record_find(char *at, size_t size, char separator, struct record *to);

/* record_split - the fields of a whole record, quotes taken off in place. Returns how many, at least 1;
 * -1: text behind a closing quote; -2: more than `max`. */
int record_split(struct span record, char separator, struct span *fields, int max);

/* record_lines - line ends in `size` bytes. */
uint64_t record_lines(const char *at, size_t size);

/* span_trim - without the white space around it. */
struct span span_trim(struct span span);

/* What text of unknown origin may hide. */
enum span_fault { SPAN_CLEAN = 0, SPAN_NOT_UTF8, SPAN_NUL, SPAN_CONTROL };

/* span_fault - the worst in it: invalid UTF-8, else a NUL byte, else an ASCII control character. */
enum span_fault span_fault(struct span span);

#endif
