/* SPDX-License-Identifier: Apache-2.0 */
#include "config/conceal.h"
#include <string.h>
#include <strings.h>

/* Parts of names, of options and of URLs' query parameters, whose values give access. */
static const char *const suspects[] = {"sig",    "token",      "key",  "secret", "password",
                                       "passwd", "credential", "auth", "cookie"};

bool kk_conceal_suspect(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(suspects) / sizeof(*suspects); i++) {
		size_t part = strlen(suspects[i]);
		for (size_t at = 0; at + part <= length; at++) {
			if (strncasecmp(name + at, suspects[i], part) == 0)
				return true;
		}
	}
	return false;
}

/* name=value&name=value, up to `end` */
static void cover_query(char *at, const char *end)
{
	while (at < end) {
		char *next = memchr(at, '&', (size_t)(end - at)), *stop = next ? next : at + (end - at);
		char *value = memchr(at, '=', (size_t)(stop - at));
		if (value && kk_conceal_suspect(at, (size_t)(value - at)))
			memset(value + 1, '*', (size_t)(stop - value - 1));
		at = stop + 1;
	}
}

/* A URL, from behind its "://". */
static void cover_url(char *url, char *end)
{
	char *authority = url;

	while (authority < end && !strchr("/?#", *authority))
		authority++;
	char *at = memrchr(url, '@', (size_t)(authority - url));
	if (at)
		memset(url, '*', (size_t)(at - url));
	char *query = memchr(authority, '?', (size_t)(end - authority));
	if (query)
		cover_query(query + 1, end);
}

size_t kk_conceal_urls(char *text, size_t length)
{
	char *at = text, *end = text + length;

	while ((at = memmem(at, (size_t)(end - at), "://", 3))) {
		at += 3;
		char *stop = at;
		while (stop < end && !strchr(" \t\r\n\"'<>", *stop))
			stop++;
		cover_url(at, stop);
		at = stop;
	}
	return length;
}
