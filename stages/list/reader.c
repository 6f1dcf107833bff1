/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"
#include "../packed/packed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char byte_order_mark[] = "\xef\xbb\xbf";
enum { BYTE_ORDER_MARK_BYTES = 3 };

int reader_open(struct reader *reader, const struct list_options *options, struct raw *raw, struct kk_position start)
{
	*reader = (struct reader){
	    .options = options,
	    .rules = {.separator = list_separator_of(options), .max = (size_t)options->max_line},
	    .start = start,
	};
	return feed_open(&reader->feed, raw, (enum unpack_kind)options->compression,
	                 packed_window_log(options->max_window), RECORD_WINDOW(reader->rules.max));
}

void reader_close(struct reader *reader)
{
	feed_close(&reader->feed);
	header_free(&reader->header);
}

/* result_of - READER_RECORD: look at the window, which has moved, grown or ended. */
static enum reader_result result_of(enum feed_result result)
{
	if (result == FEED_LATER)
		return READER_LATER;
	return result == FEED_BROKEN ? READER_BROKEN : READER_RECORD;
}

static enum reader_result more(struct reader *reader)
{
	return result_of(feed_more(&reader->feed, reader->why, sizeof(reader->why)));
}

/* see - until `size` bytes are in sight, or all there are. */
static enum reader_result see(struct reader *reader, size_t size)
{
	enum reader_result result = READER_RECORD;
	while (result == READER_RECORD && feed_size(&reader->feed) < size && !reader->feed.ended)
		result = more(reader);
	return result;
}

/* starts_with - the window; `size` bytes are in sight if there are as many. */
static bool starts_with(const struct reader *reader, const char *text, size_t size)
{
	return feed_size(&reader->feed) >= size && memcmp(feed_at(&reader->feed), text, size) == 0;
}

/* look - finds the record at the start of the window. READER_END: there is none. */
static enum reader_result look(struct reader *reader, struct record *record)
{
	const char *mark = reader->options->comment;
	struct record_rules rules = reader->rules;
	enum reader_result result = see(reader, strlen(mark) ? strlen(mark) : 1);
	if (result != READER_RECORD)
		return result;
	reader->passed_over = *mark && starts_with(reader, mark, strlen(mark));
	if (reader->passed_over)
		rules.separator = 0;
	struct feed *feed = &reader->feed;
	while (feed_size(feed) > 0 || !feed->ended) {
		reader->end = feed_size(feed) == 0
		                  ? RECORD_PART
		                  : record_find(feed_at(feed), feed_size(feed), feed->ended, &rules, record);
		if (reader->end != RECORD_PART)
			return READER_RECORD;
		result = more(reader);
		if (result != READER_RECORD)
			return result;
	}
	return READER_END;
}

/* ---- the beginning */

static enum reader_result wrong_header(struct reader *reader, const char *why)
{
	snprintf(reader->why, sizeof(reader->why), "%s", why);
	return READER_BROKEN;
}

/* read_header - READER_RECORD: it is behind us, or there is none. */
static enum reader_result read_header(struct reader *reader)
{
	char why[sizeof(reader->why)];
	struct record record;
	enum reader_result result;
	for (;;) {
		result = look(reader, &record);
		if (result == READER_END && reader->options->header)
			return wrong_header(reader, "the first line is not a header row: the list is empty");
		if (result == READER_END)
			return READER_RECORD;
		if (result != READER_RECORD)
			return result;
		if (reader->end != RECORD_WHOLE)
			return wrong_header(reader, "the header row does not end within max_line bytes");
		if (!reader->passed_over)
			break;
		reader->lines++;
		feed_consume(&reader->feed, record.consumed);
	}
	/* Without a header the first row is only looked at, and stays as it is. */
	char *copy = reader->options->header ? NULL : malloc(record.text.length + 1);
	if (copy)
		memcpy(copy, record.text.at, record.text.length); /* it may have NUL bytes */
	struct span text = {copy ? copy : record.text.at, record.text.length};
	if (!copy && !reader->options->header)
		return wrong_header(reader, "out of memory");
	int status = header_read(&reader->header, reader->options, text, why, sizeof(why));
	free(copy);
	if (status < 0)
		return wrong_header(reader, why);
	if (reader->options->header) {
		reader->lines += record_lines(record.text.at, record.consumed);
		feed_consume(&reader->feed, record.consumed);
	}
	return READER_RECORD;
}

/* go_on - to where the reader was to start. */
static enum reader_result go_on(struct reader *reader)
{
	if (reader->start.at <= reader->feed.offset)
		return READER_RECORD;
	reader->lines = reader->start.extra;
	return result_of(feed_go_to(&reader->feed, reader->start.at, reader->why, sizeof(reader->why)));
}

enum reader_result reader_begin(struct reader *reader)
{
	enum reader_result result = READER_RECORD;
	if (reader->ready)
		return result;
	if (reader->feed.offset == 0) {
		result = see(reader, BYTE_ORDER_MARK_BYTES);
		if (result != READER_RECORD)
			return result;
		if (starts_with(reader, byte_order_mark, BYTE_ORDER_MARK_BYTES))
			feed_consume(&reader->feed, BYTE_ORDER_MARK_BYTES);
	}
	if (reader->rules.separator && reader->header.count == 0)
		result = read_header(reader);
	if (result == READER_RECORD)
		result = go_on(reader);
	reader->ready = result == READER_RECORD;
	reader->position = (struct kk_position){.at = reader->feed.offset, .extra = reader->lines};
	return result;
}

/* ---- records */

/* keep_name - how a record begins that will not be in sight any more. */
static void keep_name(struct reader *reader, struct span text)
{
	struct span span = span_trim(text);
	size_t length = span.length < sizeof(reader->name) - 1 ? span.length : sizeof(reader->name) - 1;
	memcpy(reader->name, span.at, length);
	reader->record = (struct span){reader->name, length};
}

/* skip - the rest of the line. */
static enum reader_result skip(struct reader *reader)
{
	struct feed *feed = &reader->feed;
	while (reader->skipping) {
		enum reader_result result = see(reader, 1);
		if (result != READER_RECORD)
			return result;
		char *end = feed_size(feed) ? memchr(feed_at(feed), '\n', feed_size(feed)) : NULL;
		reader->skipping = !end && feed_size(feed) > 0;
		feed_consume(feed, end ? (size_t)(end - feed_at(feed)) + 1 : feed_size(feed));
		reader->lines += end != NULL;
	}
	return READER_RECORD;
}

/* take - finds the next record or comment, or goes on skipping the last one. */
static enum reader_result take(struct reader *reader)
{
	struct record record;
	if (reader->skipping)
		return skip(reader);
	enum reader_result result = look(reader, &record);
	if (result != READER_RECORD)
		return result;
	bool blank = reader->end == RECORD_WHOLE && span_trim(record.text).length == 0;
	reader->passed_over = reader->passed_over || blank;
	reader->line = reader->lines + 1;
	reader->record = record.text;
	reader->lines += record_lines(record.text.at, record.consumed);
	feed_consume(&reader->feed, record.consumed);
	if (reader->end != RECORD_TOO_LONG || record.text.at[record.consumed - 1] == '\n')
		return READER_RECORD;
	reader->skipping = true;
	keep_name(reader, record.text);
	return skip(reader);
}

enum reader_result reader_next(struct reader *reader)
{
	enum reader_result result = reader_begin(reader);
	while (result == READER_RECORD) {
		result = take(reader);
		if (result != READER_RECORD)
			break;
		reader->position = (struct kk_position){.at = reader->feed.offset, .extra = reader->lines};
		if (!reader->passed_over)
			break;
	}
	return result;
}
