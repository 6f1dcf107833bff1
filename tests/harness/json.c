/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_blanks(const char *at)
{
	while (*at && isspace((unsigned char)*at))
		at++;
	return at;
}

/* The first byte behind the string that starts at `at`, or NULL. */
static const char *skip_string(const char *at)
{
	for (at++; *at && *at != '"'; at++)
		if (*at == '\\' && at[1])
			at++;
	return *at ? at + 1 : NULL;
}

/* The first byte behind the value that starts at `at`, or NULL. */
static const char *skip_value(const char *at)
{
	int depth = 0;

	if (*at == '"')
		return skip_string(at);
	do {
		if (*at == '"') {
			at = skip_string(at);
			if (!at)
				return NULL;
			continue;
		}
		if (depth == 0 && (*at == ',' || *at == '}' || *at == ']'))
			break;
		depth += *at == '{' || *at == '[';
		depth -= *at == '}' || *at == ']';
		at++;
	} while (*at);
	return depth == 0 ? at : NULL;
}

static const char *find(const char *set, char what)
{
	return what ? strchr(set, what) : NULL;
}

/* A copy of the value [from, to); of a string, what is between its quotes, unescaped (\u: ASCII only). */
static char *copy_value(const char *from, const char *to)
{
	static const char names[] = "nrtbf", bytes[] = "\n\r\t\b\f";
	char *text = harness_keep(calloc(1, (size_t)(to - from) + 1)), *end = text;
	bool string = *from == '"';

	for (from += string, to -= string; from < to; from++) {
		const char *name;

		if (!string || *from != '\\') {
			*end++ = *from;
		} else if (*++from == 'u' && to - from > 4) {
			*end++ = (char)strtoul((const char[]){from[1], from[2], from[3], from[4], 0}, NULL, 16);
			from += 4;
		} else {
			name = find(names, *from);
			*end++ = name ? bytes[name - names] : *from;
		}
	}
	while (!string && end > text && isspace((unsigned char)end[-1]))
		*--end = 0;
	return text;
}

char *harness_json(const char *line, const char *member)
{
	const char *at = skip_blanks(line), *end;

	if (*at++ != '{')
		return NULL;
	for (;;) {
		const char *name = skip_blanks(at);

		if (*name != '"' || !(at = skip_string(name)))
			return NULL;
		end = at - 1;
		at = skip_blanks(at);
		if (*at++ != ':')
			return NULL;
		at = skip_blanks(at);
		if (strlen(member) == (size_t)(end - name - 1) && strncmp(member, name + 1, strlen(member)) == 0) {
			end = skip_value(at);
			return end ? copy_value(at, end) : NULL;
		}
		at = skip_value(at);
		if (!at || *(at = skip_blanks(at)) != ',')
			return NULL;
		at++;
	}
}

char *harness_line(const char *text, size_t n)
{
	const char *end;

	for (; n > 0; n--) {
		text = strchr(text, '\n');
		if (!text)
			return NULL;
		text++;
	}
	if (!*text)
		return NULL;
	end = strchrnul(text, '\n');
	return harness_text("%.*s", (int)(end - text), text);
}

size_t harness_count_lines(const char *text)
{
	size_t lines = 0;

	while (*text) {
		text = strchrnul(text, '\n');
		text += *text == '\n';
		lines++;
	}
	return lines;
}
