/* SPDX-License-Identifier: Apache-2.0 */
/* stages/list/record.h - reads text, produces records and their fields: lines, or rows of RFC 4180 (csv, tsv).
 *
 * A record ends with LF or CRLF, or with the file. A field that starts with a quote ends with the next one that is not
 * doubled; separators and line ends between them belong to it. Elsewhere a quote is a character like any other.
 */
#ifndef STAGES_LIST_RECORD_H
#define STAGES_LIST_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	char *at;
	size_t length;
};

enum record_end {
	RECORD_WHOLE,    /* `text` is the record, `consumed` includes its line end                            */
	RECORD_TOO_LONG, /* more than `max` bytes; its last line goes on if no line end was consumed        */
	RECORD_UNCLOSED, /* a quoted field has no end; `text` and `consumed` are the first line of the record */
	RECORD_PART,     /* its end is not there yet                                                        */
};

struct record {
	struct span text;
	size_t consumed;
};

/* What a record may be. */
struct record_rules {
	char separator; /* 0: plain lines without quoting      */
	size_t max;     /* bytes of a record without its end   */
};
#define RECORD_WINDOW(max) ((max) + 2)

/* record_find - the record at the start of `size` bytes; `ended`: nothing comes behind them. What it says does not
 * depend on how many there are, unless it is RECORD_PART, and it is not with RECORD_WINDOW(max) bytes. */
enum record_end record_find(char *at, size_t size, bool ended, const struct record_rules *rules, struct record *to);

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
