/* SPDX-License-Identifier: Apache-2.0 */
#include "header.h"
#include "feed.h"
#include "record.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char byte_order_mark[] = "\xef\xbb\xbf";

/* list_names - "a, b, c" as far as it fits. */
static void list_names(const struct header *header, char *to, size_t size)
{
	size_t length = 0;
	to[0] = '\0';
	for (int i = 0; i < header->count && length + 4 < size; i++) {
		int more = snprintf(to + length, size - length, "%s%s", i ? ", " : "", header->name[i]);
		if (more < 0 || (size_t)more >= size - length) {
			memcpy(to + size - 4, "...", 4);
			break;
		}
		length += (size_t)more;
	}
}

/* copy_names - keeps the names of the columns, trimmed. 0 or -1 (memory). */
static int copy_names(struct header *header, const struct span *fields, int count)
{
	size_t size = 1;
	for (int i = 0; i < count; i++)
		size += fields[i].length + 1;
	header->names = malloc(size);
	if (!header->names)
		return -1;
	char *at = header->names;
	for (int i = 0; i < count; i++) {
		struct span name = span_trim(fields[i]);
		memcpy(at, name.at, name.length);
		at[name.length] = '\0';
		header->name[i] = at;
		at += name.length + 1;
	}
	header->count = count;
	return 0;
}

/* find_key - which column is the key; every other name must be there once only. 0 or -1. */
static int find_key(struct header *header, const char *key, char *why, size_t why_size)
{
	char names[300];
	header->key = -1;
	for (int i = 0; i < header->count; i++) {
		for (int k = 0; k < i; k++) {
			if (*header->name[i] && strcmp(header->name[i], header->name[k]) == 0) {
				snprintf(why, why_size, "two columns are called \"%.60s\"", header->name[i]);
				return -1;
			}
		}
		if (strcmp(header->name[i], key) == 0)
			header->key = i;
	}
	if (header->key >= 0)
		return 0;
	list_names(header, names, sizeof(names));
	snprintf(why, why_size, "no column \"%.60s\"; the columns are: %s", key, names);
	return -1;
}

/* read_columns - the header row in the first `size` bytes. 0 or -1. */
static int read_columns(struct header *header, char *at, size_t size, char separator, const char *key, char *why,
                        size_t why_size)
{
	struct span fields[HEADER_MAX_COLUMNS];
	struct record record;
	if (record_find(at, size, separator, &record) != RECORD_WHOLE) {
		snprintf(why, why_size, "the header row does not end within 64 KiB");
		return -1;
	}
	header->start += record.consumed;
	header->lines = record_lines(at, record.consumed);
	enum span_fault fault = span_fault(record.text);
	if (record.text.length == 0 || fault == SPAN_NOT_UTF8 || fault == SPAN_NUL) {
		snprintf(why, why_size, "the first line is not a header row");
		return -1;
	}
	int count = record_split(record.text, separator, fields, HEADER_MAX_COLUMNS);
	if (count == -1)
		snprintf(why, why_size, "the header row has text behind a closing quote");
	else if (count < 0)
		snprintf(why, why_size, "more than %d columns", HEADER_MAX_COLUMNS);
	if (count < 0)
		return -1;
	if (copy_names(header, fields, count) != 0) {
		snprintf(why, why_size, "out of memory");
		return -1;
	}
	return find_key(header, key, why, why_size);
}

int header_read(struct header *header, int fd, char separator, const char *key, char *why, size_t why_size)
{
	struct feed feed;
	char *at;
	int result = -1;

	*header = (struct header){0};
	if (feed_open(&feed, fd, 0) != 0) {
		snprintf(why, why_size, "out of memory");
		return -1;
	}
	ssize_t size = feed_window(&feed, &at);
	if (size < 0) {
		snprintf(why, why_size, "cannot be read: %s", strerror(errno));
		goto out;
	}
	if (size >= 3 && memcmp(at, byte_order_mark, 3) == 0)
		header->start = 3;
	result = separator ? read_columns(header, at + header->start, (size_t)size - header->start, separator, key, why,
	                                  why_size)
	                   : 0;
out:
	feed_close(&feed);
	return result;
}

void header_free(struct header *header)
{
	free(header->names);
	header->names = NULL;
}
