/* SPDX-License-Identifier: Apache-2.0 */
/* list - source: an item per line of a text, per row of a csv or tsv table, or per object of an NDJSON file; packed by
 * gzip or zstd or not; from a file or from standard input. (The source `stdin` is the same without a path.)
 *
 * Blank lines are passed over, CRLF is accepted, white space around the key is taken off. What is wrong with one record
 * fails that record alone: too long, not UTF-8, an unclosed quote (its first line fails, reading goes on behind it),
 * another number of columns than the header row has, not JSON. If the rest cannot be read that is one failed item, and
 * the end.
 *
 * Position: `at` is the offset of the next record in the text, `extra` the number of lines before it; of something
 * packed it is unpacked again up to there. GAVE_UP: the rest cannot be read, and that has been told.
 */
#include "options.h"
#include "raw.h"
#include "reader.h"
#include "row.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <kakehi/stage.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define GAVE_UP (UINT64_C(1) << 63)

/* What a parsed line of JSON can take, and what there is beside buffers and windows. */
enum { JSON_FACTOR = 64, OTHER_HEAP = 2 << 20 };

static const char *const format_words[] = {[FORMAT_AUTO] = "auto", [FORMAT_TEXT] = "text",     [FORMAT_CSV] = "csv",
                                           [FORMAT_TSV] = "tsv",   [FORMAT_NDJSON] = "ndjson", NULL};
static const char *const compression_words[] = {
    [UNPACK_AUTO] = "auto", [UNPACK_NONE] = "none", [UNPACK_GZIP] = "gzip", [UNPACK_ZSTD] = "zstd", NULL};

struct list {
	int fd; /* of the file; -1: standard input */
	struct raw raw;
	struct reader reader;
	bool gave_up;
};

#define AT(field) offsetof(struct list_options, field)
static const struct kk_option rows[] = {
#ifndef LIST_OF_STDIN
    {.name = "path",
     .type = KK_OPTION_STRING,
     .flags = KK_OPTION_REQUIRED | KK_OPTION_AFFECTS_OUTPUT | KK_OPTION_PATH | KK_OPTION_EXISTS,
     .at = AT(path),
     .text = "The file with the list; - is standard input."},
#endif
    {.name = "format",
     .type = KK_OPTION_ENUM,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(format),
     .def = "auto",
     .words = format_words,
     .text = "text: a key per line; csv, tsv: a key per row; ndjson: a key per object; auto: by the file's suffix, "
             "text if it has none of these."},
    {.name = "compression",
     .type = KK_OPTION_ENUM,
     .at = AT(compression),
     .def = "auto",
     .words = compression_words,
     .text = "How the file is packed; auto: by its first bytes."},
    {.name = "key",
     .type = KK_OPTION_STRING,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(key),
     .def = "url",
     .text = "csv, tsv: the column with the key, by name or number (from 1). ndjson: the member, with dots for one "
             "inside another."},
    {.name = "fields",
     .type = KK_OPTION_LIST,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(fields),
     .def = "*",
     .text =
         "csv, tsv, ndjson: the columns or members to carry along as fields; *: all others that are single values."},
    {.name = "header",
     .type = KK_OPTION_BOOL,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(header),
     .def = "true",
     .text = "csv, tsv: the first row has the columns' names; false: they are called 1, 2, 3 ..."},
    {.name = "separator",
     .type = KK_OPTION_STRING,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(separator),
     .def = "",
     .text = "csv, tsv: the character between columns if it is another one, such as ;"},
    {.name = "comment",
     .type = KK_OPTION_STRING,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(comment),
     .def = "",
     .text = "Pass over lines that begin so, such as #; empty: there are no comments."},
    {.name = "max_line",
     .type = KK_OPTION_SIZE,
     .at = AT(max_line),
     .def = "64KiB",
     .min = 64,
     .max = 1048576,
     .unit = "bytes",
     .text = "Fail records longer than this."},
    {.name = "max_window",
     .type = KK_OPTION_SIZE,
     .at = AT(max_window),
     .def = "8MiB",
     .min = 1024,
     .max = 2147483648.0,
     .unit = "bytes",
     .text = "Refuse zstd frames that need more memory than this to unpack (zstd -19: 8MiB, --ultra, --long: up to "
             "128MiB and more)."},
    {0},
};
#undef AT

/* ---- options */

/* has_suffix - the `length` bytes of a path end in a dot and this. */
static bool has_suffix(const char *path, size_t length, const char *suffix)
{
	size_t bytes = strlen(suffix);
	return length > bytes && path[length - bytes - 1] == '.' &&
	       strncasecmp(path + length - bytes, suffix, bytes) == 0;
}

enum list_format list_format_of(const struct list_options *o)
{
	static const char *const packed[] = {"gz", "gzip", "zst", "zstd"};
	if (o->format != FORMAT_AUTO)
		return (enum list_format)o->format;
	size_t length = o->path ? strlen(o->path) : 0;
	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
		if (has_suffix(o->path, length, packed[i])) {
			length -= strlen(packed[i]) + 1;
			break;
		}
	}
	for (int format = FORMAT_CSV; format <= FORMAT_NDJSON; format++)
		if (has_suffix(o->path, length, format_words[format]))
			return (enum list_format)format;
	return has_suffix(o->path, length, "jsonl") ? FORMAT_NDJSON : FORMAT_TEXT;
}

char list_separator_of(const struct list_options *o)
{
	static const char separators[] = {[FORMAT_CSV] = ',', [FORMAT_TSV] = '\t', [FORMAT_NDJSON] = 0};
	char separator = separators[list_format_of(o)];
	return separator && *o->separator ? *o->separator : separator;
}

bool list_carries(const struct list_options *o, const char *name, bool *named)
{
	bool all = false;
	*named = false;
	for (size_t i = 0; i < o->fields.count; i++) {
		all = all || strcmp(o->fields.at[i], "*") == 0;
		*named = *named || strcmp(o->fields.at[i], name) == 0;
	}
	return all || *named;
}

static bool is_input(const struct list_options *o)
{
	return !o->path || strcmp(o->path, "-") == 0;
}

static int check_texts(const struct list_options *o, char *why, size_t why_size)
{
	if (strlen(o->separator) > 1 || strpbrk(o->separator, "\"\r\n")) {
		snprintf(why, why_size, "separator is one character, and no quote or line end");
		return -1;
	}
	if (strlen(o->comment) >= o->max_line || strpbrk(o->comment, "\r\n")) {
		snprintf(why, why_size, "comment is how a line begins");
		return -1;
	}
	return 0;
}

/* ---- opening */

/* open_file - the descriptor of a regular file, or -1 with a sentence in `why`. */
static int open_file(const char *path, char *why, size_t why_size)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status) != 0)
		snprintf(why, why_size, "cannot open \"%.100s\": %s", path, strerror(errno));
	else if (!S_ISREG(status.st_mode))
		snprintf(why, why_size, "\"%.100s\" is not a regular file; - reads standard input", path);
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* check_file - is it there, and does it begin as it should? *kind: how it is packed. 0 or -1. */
static int check_file(const struct list_options *o, enum unpack_kind *kind, char *why, size_t why_size)
{
	struct raw raw;
	struct reader reader = {.options = NULL};
	int fd = open_file(o->path, why, why_size), status = -1;
	if (fd < 0)
		return -1;
	raw_open_file(&raw, fd);
	if (reader_open(&reader, o, &raw, (struct kk_position){.at = 0}) != 0)
		snprintf(why, why_size, "out of memory");
	else if (reader_begin(&reader) != READER_RECORD)
		snprintf(why, why_size, "\"%.100s\": %s", o->path, reader.why);
	else
		status = 0;
	*kind = reader.feed.unpack.kind;
	reader_close(&reader);
	close(fd);
	return status;
}

static int list_plan(const void *options, struct kk_demand *demand, char *why, size_t why_size)
{
	static const char *const none[] = {NULL};
	const struct list_options *o = options;
	enum unpack_kind kind = (enum unpack_kind)o->compression;
	if (check_texts(o, why, why_size) != 0)
		return -1;
	if (!is_input(o) && check_file(o, &kind, why, why_size) != 0)
		return -1;
	/* which columns or members there are, the list itself says */
	if (list_format_of(o) == FORMAT_TEXT)
		demand->fields = none;
	demand->largest = 0;
	demand->heap = OTHER_HEAP + o->max_line;
	if (kind == UNPACK_ZSTD || kind == UNPACK_AUTO)
		demand->heap += o->max_window;
	if (list_format_of(o) == FORMAT_NDJSON)
		demand->heap += o->max_line * JSON_FACTOR;
	if (is_input(o))
		demand->needs |= KK_NEED_KEEP;
	return 0;
}

static int open_raw(struct kk_context *context, struct list *l, char *why, size_t why_size)
{
	const struct list_options *o = context->options;
	if (is_input(o))
		return raw_open_input(&l->raw, context, why, why_size);
	l->fd = open_file(o->path, why, why_size);
	raw_open_file(&l->raw, l->fd);
	return l->fd < 0 ? -1 : 0;
}

static int list_prepare(struct kk_context *context)
{
	char why[600] = "out of memory";
	struct list *l = calloc(1, sizeof(*l));
	if (l) {
		l->fd = -1;
		if (open_raw(context, l, why, sizeof(why)) == 0) {
			context->state = l;
			return 0;
		}
	}
	kk_log(context, KK_LOG_ERROR, "%s", why);
	free(l);
	return -1;
}

static int list_open(struct kk_context *context)
{
	struct list *l = context->state;
	struct kk_position start = context->position;
	l->gave_up = start.extra & GAVE_UP;
	start.extra &= ~GAVE_UP;
	if (reader_open(&l->reader, context->options, &l->raw, start) != 0) {
		kk_log(context, KK_LOG_ERROR, "out of memory");
		return -1;
	}
	return 0;
}

/* ---- items */

/* give_up - the rest cannot be read. That it cannot be kept is no fault of the list. */
static enum kk_verdict give_up(struct kk_item *item, struct list *l)
{
	struct kk_position at = l->reader.position;
	if (l->raw.full) {
		kk_log(item->context, KK_LOG_ERROR, "there is no room to keep standard input in: %s", l->reader.why);
		return KK_BROKEN;
	}
	l->gave_up = true;
	item->position = (struct kk_position){.at = at.at, .extra = at.extra | GAVE_UP};
	return row_fail(item, KK_FAIL_IO, (struct span){0}, at.extra + 1, l->reader.why);
}

/* end - has the list become shorter since an earlier process read it? */
static enum kk_verdict end(struct kk_context *context, const struct list *l)
{
	const struct feed *feed = &l->reader.feed;
	struct stat status;
	uint64_t there = feed->offset;
	if (l->fd >= 0 && feed->unpack.kind == UNPACK_NONE && fstat(l->fd, &status) == 0)
		there = (uint64_t)status.st_size;
	if (l->reader.start.at > there)
		kk_log(context, KK_LOG_WARNING, "the list is shorter than what was already read of it");
	return KK_END;
}

static enum kk_verdict list_next(struct kk_context *context, struct kk_item *item)
{
	struct list *l = context->state;
	if (l->gave_up)
		return KK_END;
	switch (reader_next(&l->reader)) {
	case READER_END:
		return end(context, l);
	case READER_LATER:
		return KK_LATER;
	case READER_BROKEN:
		return give_up(item, l);
	case READER_RECORD:
		break;
	}
	if (l->reader.feed.unpack.kind == UNPACK_NONE)
		raw_release(&l->raw, context->position.at);
	item->position = l->reader.position;
	return row_take(item, &l->reader);
}

static void list_close(struct kk_context *context)
{
	struct list *l = context->state;
	if (!l)
		return;
	reader_close(&l->reader);
	if (l->fd >= 0)
		close(l->fd);
	free(l);
	context->state = NULL;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_SOURCE,
#ifdef LIST_OF_STDIN
    .name = "stdin",
    .text = "Reads keys (URLs, paths) from standard input, as list does from a file.",
#else
    .name = "list",
    .text = "Reads keys (URLs, paths) from text, csv, tsv or NDJSON, also packed, also from standard input.",
#endif
    .options = rows,
    .options_size = sizeof(struct list_options),
    .plan = list_plan,
    .prepare = list_prepare,
    .open = list_open,
    .next = list_next,
    .close = list_close,
};
