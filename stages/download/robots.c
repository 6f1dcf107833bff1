/* SPDX-License-Identifier: Apache-2.0 */
#include "robots.h"

#include <string.h>
#include <strings.h>

static const char header_name[] = "x-robots-tag:", reservation[] = "tdm-reservation:";
static const char *const denying[] = {"noai", "noimageai", "noindex", "noimageindex", "none"};

/* Directives that have a value behind a colon: not names of robots. */
static const char *const valued[] = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"};

struct word {
	const char *at;
	size_t length;
};

static bool is(struct word word, const char *text)
{
	return word.length == strlen(text) && strncasecmp(word.at, text, word.length) == 0;
}

static bool is_one_of(struct word word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is(word, list[i]))
			return true;
	return false;
}

static struct word trim(const char *at, size_t length)
{
	while (length > 0 && (*at == ' ' || *at == '\t')) {
		at++;
		length--;
	}
	while (length > 0 && (at[length - 1] == ' ' || at[length - 1] == '\t'))
		length--;
	return (struct word){at, length};
}

/* What stands before a colon is a robot's name only if it could be one: dates have colons, too. */
static bool is_name(struct word word)
{
	for (size_t i = 0; i < word.length; i++)
		if (word.at[i] <= ' ' || word.at[i] > '~')
			return false;
	return word.length > 0 && (word.at[0] < '0' || word.at[0] > '9');
}

/* TDM-Reservation: 1 - the rights to text and data mining are reserved. */
static bool reserves(const char *line, size_t length)
{
	struct word value;

	if (length < sizeof(reservation) - 1 || strncasecmp(line, reservation, sizeof(reservation) - 1) != 0)
		return false;
	value = trim(line + sizeof(reservation) - 1, length - (sizeof(reservation) - 1));
	return is(value, "1");
}

bool robots_denies(const char *line, size_t length, const char *robot)
{
	const char *end = line + length;
	bool for_us = true;

	if (reserves(line, length))
		return true;
	if (length < sizeof(header_name) - 1 || strncasecmp(line, header_name, sizeof(header_name) - 1) != 0)
		return false;
	for (line += sizeof(header_name) - 1; line < end;) {
		const char *comma = memchr(line, ',', (size_t)(end - line));
		const char *stop = comma ? comma : end;
		const char *colon = memchr(line, ':', (size_t)(stop - line));
		struct word word = trim(line, (size_t)((colon ? colon : stop) - line));

		if (colon && is_name(word) && !is_one_of(word, valued, sizeof(valued) / sizeof(valued[0]))) {
			/* A robot's name: what follows, up to the next name, is for that one. */
			for_us = is(word, "*") || is(word, robot);
			word = trim(colon + 1, (size_t)(stop - colon - 1));
		}
		if (for_us && is_one_of(word, denying, sizeof(denying) / sizeof(denying[0])))
			return true;
		line = stop + 1;
	}
	return false;
}
