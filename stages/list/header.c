/* SPDX-License-Identifier: Apache-2.0 */
#include "header.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
static int copy_names(struct header *header, const struct span *fields, int count, bool numbers)
{
	size_t size = 1;
	for (int i = 0; i < count; i++)
		size += numbers ? 12 : fields[i].length + 1;
	header->names = malloc(size);
	if (!header->names)
		return -1;
	char *at = header->names;
	for (int i = 0; i < count; i++) {
		struct span name = span_trim(fields[i]);
		header->name[i] = at;
		if (numbers) {
			at += snprintf(at, 12, "%d", i + 1) + 1;
			continue;
		}
		memcpy(at, name.at, name.length);
		at[name.length] = '\0';
		at += name.length + 1;
	}
	header->count = count;
	return 0;
}

static int column_named(const struct header *header, const char *name)
{
	for (int i = 0; i < header->count; i++)
		if (strcmp(header->name[i], name) == 0)
			return i;
	return -1;
}

/* column_numbered - by its number from 1; -1: there is none, or it is no number. */
static int column_numbered(const struct header *header, const char *number)
{
	char *end;
	if (*number < '1' || *number > '9')
		return -1;
	long column = strtol(number, &end, 10);
	return *end == '\0' && column <= header->count ? (int)column - 1 : -1;
}

static int no_column(const struct header *header, const char *name, char *why, size_t why_size)
{
	char names[300];
	list_names(header, names, sizeof(names));
	snprintf(why, why_size, "no column \"%.60s\"; the columns are: %s", name, names);
	return -1;
}

/* choose - which column is the key, and which are carried. 0 or -1. */
static int choose(struct header *header, const struct list_options *options, char *why, size_t why_size)
{
	bool named;
	for (int i = 0; i < header->count; i++) {
		if (*header->name[i] && column_named(header, header->name[i]) < i) {
			snprintf(why, why_size, "two columns are called \"%.60s\"", header->name[i]);
			return -1;
		}
		header->carried[i] = *header->name[i] && list_carries(options, header->name[i], &named);
	}
	for (size_t i = 0; i < options->fields.count; i++)
		if (strcmp(options->fields.at[i], "*") != 0 && column_named(header, options->fields.at[i]) < 0)
			return no_column(header, options->fields.at[i], why, why_size);
	header->key = column_named(header, options->key);
	if (header->key < 0)
		header->key = column_numbered(header, options->key);
	if (header->key < 0)
		return no_column(header, options->key, why, why_size);
	/* The key is carried as the key, and again as a field only if somebody says so. */
	if (!list_carries(options, header->name[header->key], &named) || !named)
		header->carried[header->key] = false;
	return 0;
}

int header_read(struct header *header, const struct list_options *options, struct span record, char *why,
                size_t why_size)
{
	struct span fields[HEADER_MAX_COLUMNS];
	*header = (struct header){.count = 0};
	enum span_fault fault = span_fault(record);
	if (record.length == 0 || fault == SPAN_NOT_UTF8 || fault == SPAN_NUL) {
		snprintf(why, why_size, "the first line is not a header row");
		return -1;
	}
	int count = record_split(record, list_separator_of(options), fields, HEADER_MAX_COLUMNS);
	if (count == -1)
		snprintf(why, why_size, "the header row has text behind a closing quote");
	else if (count < 0)
		snprintf(why, why_size, "more than %d columns", HEADER_MAX_COLUMNS);
	if (count < 0)
		return -1;
	if (copy_names(header, fields, count, !options->header) != 0) {
		snprintf(why, why_size, "out of memory");
		return -1;
	}
	return choose(header, options, why, why_size);
}

void header_free(struct header *header)
{
	free(header->names);
	header->names = NULL;
}
