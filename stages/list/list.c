/* SPDX-License-Identifier: Apache-2.0 */
/* list - source: an item per line of a text file, or per row of a csv or tsv file.
 *
 * Empty lines are skipped, CRLF is accepted, white space around the key is taken off. Rows carry their other columns
 * along as fields. What is wrong with one record fails that record alone: too long, not UTF-8, an unclosed quote (its
 * first line fails, reading goes on behind it), another number of columns than the header row has.
 *
 * Position: `at` is the offset of the next record, `extra` the number of lines before it.
 */
#include "feed.h"
#include "header.h"
#include "record.h"
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

enum list_format { FORMAT_AUTO = 0, FORMAT_TEXT, FORMAT_CSV, FORMAT_TSV };

static const char *const format_words[] = {
    [FORMAT_AUTO] = "auto", [FORMAT_TEXT] = "text", [FORMAT_CSV] = "csv", [FORMAT_TSV] = "tsv", NULL};
static const char separators[] = {[FORMAT_TEXT] = 0, [FORMAT_CSV] = ',', [FORMAT_TSV] = '\t'};

struct list_options {
	const char *path, *column;
	int format;
};

struct list {
	int fd;
	char separator; /* 0: plain lines               */
	struct header header;
	struct feed feed;
	uint64_t lines; /* before the window            */
	bool broken;    /* reading failed: nothing more */
};

#define AT(field) offsetof(struct list_options, field)
static const struct kk_option rows[] = {
    {.name = "path",
     .type = KK_OPTION_STRING,
     .flags = KK_OPTION_REQUIRED | KK_OPTION_AFFECTS_OUTPUT | KK_OPTION_PATH,
     .at = AT(path),
     .text = "The file with the list."},
    {.name = "format",
     .type = KK_OPTION_ENUM,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(format),
     .def = "auto",
     .words = format_words,
     .text = "text: a key per line; csv, tsv: a header row, then a key per row; auto: by the file's suffix."},
    {.name = "column",
     .type = KK_OPTION_STRING,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(column),
     .def = "url",
     .text = "csv and tsv: the column with the key; the others are carried along as fields."},
    {0},
};
#undef AT

static char separator_of(const struct list_options *o)
{
	if (o->format != FORMAT_AUTO)
		return separators[o->format];
	const char *suffix = strrchr(o->path, '.');
	for (int format = FORMAT_CSV; suffix && format <= FORMAT_TSV; format++)
		if (strcasecmp(suffix + 1, format_words[format]) == 0)
			return separators[format];
	return separators[FORMAT_TEXT];
}

/* open_list - opens the file and reads its header. The descriptor, or -1 with a sentence in `why`. */
static int open_list(const struct list_options *o, struct header *header, char *why, size_t why_size)
{
	char reason[400];
	struct stat status;
	int fd = open(o->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status) != 0) {
		snprintf(why, why_size, "cannot open \"%.100s\": %s", o->path, strerror(errno));
		goto fail;
	}
	if (!S_ISREG(status.st_mode)) {
		snprintf(why, why_size, "\"%.100s\" is not a regular file", o->path);
		goto fail;
	}
	if (header_read(header, fd, separator_of(o), o->column, reason, sizeof(reason)) != 0) {
		snprintf(why, why_size, "\"%.100s\": %s", o->path, reason);
		header_free(header);
		goto fail;
	}
	return fd;
fail:
	if (fd >= 0)
		close(fd);
	return -1;
}

static int list_plan(const void *options, struct kk_demand *demand, char *why, size_t why_size)
{
	struct header header;
	int fd = open_list(options, &header, why, why_size);
	if (fd < 0)
		return -1;
	header_free(&header);
	close(fd);
	demand->largest = 0;
	return 0;
}

static int list_prepare(struct kk_context *context)
{
	char why[600];
	struct list *l = calloc(1, sizeof(*l));
	if (!l) {
		kk_log(context, KK_LOG_ERROR, "out of memory");
		return -1;
	}
	l->separator = separator_of(context->options);
	l->fd = open_list(context->options, &l->header, why, sizeof(why));
	if (l->fd < 0) {
		kk_log(context, KK_LOG_ERROR, "%s", why);
		free(l);
		return -1;
	}
	context->state = l;
	return 0;
}

static int list_open(struct kk_context *context)
{
	struct list *l = context->state;
	struct stat status;
	bool resuming = context->position.at > l->header.start;
	if (fstat(l->fd, &status) == 0 && context->position.at > (uint64_t)status.st_size)
		kk_log(context, KK_LOG_WARNING, "the list is shorter than what was already read of it");
	l->lines = resuming ? context->position.extra : l->header.lines;
	if (feed_open(&l->feed, l->fd, resuming ? context->position.at : l->header.start) != 0) {
		kk_log(context, KK_LOG_ERROR, "out of memory");
		return -1;
	}
	return 0;
}

/* name_failed - gives a record that fails a key to be known by: its beginning, or its line's number. */
static void name_failed(struct kk_item *item, struct span text, uint64_t line)
{
	char key[121];
	struct span span = span_trim(text);
	size_t length = 0;
	for (; length < sizeof(key) - 1 && length < span.length; length++)
		key[length] = span.at[length] >= ' ' && span.at[length] < 0x7f ? span.at[length] : '?';
	if (length == 0)
		length = (size_t)snprintf(key, sizeof(key), "line %" PRIu64, line);
	kk_set_key(item, key, length);
}

static enum kk_verdict fail_record(struct kk_item *item, enum kk_fail_class class, struct span text, uint64_t line,
                                   const char *why)
{
	name_failed(item, text, line);
	return kk_fail(item, class, "line %" PRIu64 ": %s", line, why);
}

static enum kk_verdict set_key(struct kk_item *item, struct span key, uint64_t line)
{
	static const char *const faults[] = {[SPAN_NOT_UTF8] = "not valid UTF-8",
	                                     [SPAN_NUL] = "has a NUL byte",
	                                     [SPAN_CONTROL] = "has a control character"};
	enum span_fault fault = span_fault(key);
	if (fault != SPAN_CLEAN)
		return fail_record(item, KK_FAIL_BAD_URL, key, line, faults[fault]);
	if (key.length == 0)
		return fail_record(item, KK_FAIL_BAD_URL, key, line, "the key is empty");
	if (kk_set_key(item, key.at, key.length) != 0)
		return fail_record(item, KK_FAIL_BAD_URL, key, line, "the key is too long for the source's records");
	return KK_PASS;
}

/* set_fields - carries the columns other than the key along. Each is closed with a NUL in place: behind it stands a
 * separator, a quote, the line end or the feed's spare byte, none of which is needed any more. */
static enum kk_verdict set_fields(struct kk_item *item, const struct header *header, struct span *fields,
                                  struct span name, uint64_t line)
{
	for (int i = 0; i < header->count; i++) {
		if (i == header->key || !*header->name[i])
			continue;
		enum span_fault fault = span_fault(fields[i]);
		if (fault == SPAN_NOT_UTF8 || fault == SPAN_NUL)
			return fail_record(item, KK_FAIL_BAD_URL, name, line, "a column is not valid UTF-8 text");
		fields[i].at[fields[i].length] = '\0';
		if (kk_set_field(item, header->name[i], fields[i].at) != 0)
			return fail_record(item, KK_FAIL_TOO_LARGE, name, line,
			                   "the columns are too long for the source's records");
	}
	return KK_PASS;
}

static enum kk_verdict take_row(struct kk_item *item, const struct list *l, struct span text)
{
	struct span fields[HEADER_MAX_COLUMNS];
	uint64_t line = l->lines + 1;
	char why[100];
	int count = record_split(text, l->separator, fields, HEADER_MAX_COLUMNS);
	if (count < 0)
		return fail_record(item, KK_FAIL_OTHER, (struct span){0}, line,
		                   count == -1 ? "text behind a closing quote" : "too many columns");
	struct span name = fields[l->header.key < count ? l->header.key : 0];
	if (count != l->header.count) {
		snprintf(why, sizeof(why), "%d columns, the header row has %d", count, l->header.count);
		return fail_record(item, KK_FAIL_OTHER, name, line, why);
	}
	enum kk_verdict verdict = set_key(item, span_trim(name), line);
	return verdict == KK_PASS ? set_fields(item, &l->header, fields, name, line) : verdict;
}

/* take_record - turns a record into an item. KK_SKIP: it is blank, there is no item in it. */
static enum kk_verdict take_record(struct kk_item *item, const struct list *l, enum record_end end, struct span text)
{
	uint64_t line = l->lines + 1;
	if (end == RECORD_TOO_LONG)
		return fail_record(item, KK_FAIL_BAD_URL, text, line, "longer than 64 KiB");
	if (end == RECORD_UNCLOSED)
		return fail_record(item, KK_FAIL_OTHER, text, line, "a quoted field is not closed within 64 KiB");
	if (span_trim(text).length == 0)
		return KK_SKIP;
	return l->separator ? take_row(item, l, text) : set_key(item, span_trim(text), line);
}

/* skip_line - moves to the next line. 0, or -1 with errno. */
static int skip_line(struct list *l)
{
	char *at;
	ssize_t size;
	while ((size = feed_window(&l->feed, &at)) > 0) {
		char *end = memchr(at, '\n', (size_t)size);
		feed_consume(&l->feed, end ? (size_t)(end - at) + 1 : (size_t)size);
		if (end) {
			l->lines++;
			break;
		}
	}
	return size < 0 ? -1 : 0;
}

/* give_up - the file cannot be read any further. The position stays before this record: a later run tries again. */
static enum kk_verdict give_up(struct kk_item *item, struct list *l, struct kk_position before)
{
	int error = errno;
	uint64_t line = before.extra + 1;
	l->broken = true;
	item->position = before;
	name_failed(item, (struct span){0}, line);
	return kk_fail(item, KK_FAIL_IO, "line %" PRIu64 ": reading failed, the rest of the list is missing: %s", line,
	               strerror(error));
}

static enum kk_verdict list_next(struct kk_context *context, struct kk_item *item)
{
	struct list *l = context->state;
	enum kk_verdict verdict = KK_SKIP;
	while (verdict == KK_SKIP) {
		struct kk_position before = {.at = l->feed.offset, .extra = l->lines};
		struct record record;
		char *at;
		ssize_t size = l->broken ? 0 : feed_window(&l->feed, &at);
		if (size < 0)
			return give_up(item, l, before);
		if (size == 0)
			return KK_END;
		enum record_end end = record_find(at, (size_t)size, l->separator, &record);
		uint64_t lines = record_lines(at, record.consumed);
		bool goes_on = end == RECORD_TOO_LONG && at[record.consumed - 1] != '\n';
		verdict = take_record(item, l, end, record.text);
		feed_consume(&l->feed, record.consumed);
		l->lines += lines;
		if (goes_on && skip_line(l) != 0)
			return give_up(item, l, before);
	}
	item->position = (struct kk_position){.at = l->feed.offset, .extra = l->lines};
	return verdict;
}

static void list_close(struct kk_context *context)
{
	struct list *l = context->state;
	if (!l)
		return;
	feed_close(&l->feed);
	header_free(&l->header);
	close(l->fd);
	free(l);
	context->state = NULL;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_SOURCE,
    .name = "list",
    .text = "Reads keys (URLs, paths) from a text, csv or tsv file.",
    .options = rows,
    .options_size = sizeof(struct list_options),
    .plan = list_plan,
    .prepare = list_prepare,
    .open = list_open,
    .next = list_next,
    .close = list_close,
};
