/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"
#include "../utf8/utf8.h"
#include <string.h>

/* row_end - the line end of the row, or `end`; *quoted: it lies within quotes. */
static char *row_end(char *at, char *end, char separator, bool *quoted)
{
	bool inside = false, starts = true;
	for (; at < end; at++) {
		if (inside) {
			if (*at == '"' && at + 1 < end && at[1] == '"')
				at++;
			else if (*at == '"')
				inside = false;
			continue;
		}
		if (*at == '\n')
			break;
		inside = starts && *at == '"';
		starts = *at == separator;
	}
	*quoted = inside;
	return at;
}

static struct record line_to(char *at, char *end_of_line, bool has_line_end)
{
	size_t length = (size_t)(end_of_line - at);
	struct record record = {.consumed = length + has_line_end};
	if (length && end_of_line[-1] == '\r')
		length--;
	record.text = (struct span){at, length};
	return record;
}

enum record_end record_find(char *at, size_t size, bool ended, const struct record_rules *rules, struct record *to)
{
	if (size >= RECORD_WINDOW(rules->max)) {
		size = RECORD_WINDOW(rules->max);
		ended = true; /* what is longer is too long */
	}
	char *end = at + size;
	bool quoted = false;
	char *line = rules->separator ? row_end(at, end, rules->separator, &quoted) : memchr(at, '\n', size);
	if (!line)
		line = end;
	if (line == end && !ended)
		return RECORD_PART;

	enum record_end result = RECORD_WHOLE;
	if (quoted) {
		result = RECORD_UNCLOSED;
		line = memchr(at, '\n', size);
		if (!line)
			line = end;
	}
	*to = line_to(at, line, line < end);
	if (to->text.length > rules->max)
		result = RECORD_TOO_LONG;
	return result;
}

/* unquote - takes the quotes off the field at `at`; returns what follows the closing one. */
static char *unquote(char *at, char *end, struct span *to)
{
	char *write = at;
	*to = (struct span){at, 0};
	for (at++; at < end; at++) {
		if (*at == '"' && (at + 1 == end || at[1] != '"')) {
			at++;
			break;
		}
		if (*at == '"')
			at++;
		*write++ = *at;
	}
	to->length = (size_t)(write - to->at);
	return at;
}

int record_split(struct span record, char separator, struct span *fields, int max)
{
	char *at = record.at, *end = record.at + record.length;
	for (int count = 0; count < max; at++) {
		if (at < end && *at == '"') {
			at = unquote(at, end, &fields[count++]);
			if (at < end && *at != separator)
				return -1;
		} else {
			char *stop = memchr(at, separator, (size_t)(end - at));
			if (!stop)
				stop = end;
			fields[count++] = (struct span){at, (size_t)(stop - at)};
			at = stop;
		}
		if (at == end)
			return count;
	}
	return -2;
}

uint64_t record_lines(const char *at, size_t size)
{
	uint64_t lines = 0;
	for (const char *end = at + size; (at = memchr(at, '\n', (size_t)(end - at))); at++)
		lines++;
	return lines;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct span span_trim(struct span span)
{
	while (span.length && is_space(span.at[span.length - 1]))
		span.length--;
	while (span.length && is_space(*span.at)) {
		span.at++;
		span.length--;
	}
	return span;
}

enum span_fault span_fault(struct span span)
{
	enum span_fault worst = SPAN_CLEAN;
	const uint8_t *at = (const uint8_t *)span.at;
	for (size_t left = span.length; left;) {
		size_t length = utf8_length(at, left);
		if (length == 0)
			return SPAN_NOT_UTF8;
		if (*at == 0)
			worst = SPAN_NUL;
		else if ((*at < 0x20 || *at == 0x7f) && worst == SPAN_CLEAN)
			worst = SPAN_CONTROL;
		at += length;
		left -= length;
	}
	return worst;
}
