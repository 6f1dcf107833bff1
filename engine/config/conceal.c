/* SPDX-License-Identifier: Apache-2.0 */
#include "config/conceal.h"
#include <string.h>
#include <strings.h>

/* Parts of names, of options and of URLs' parameters, whose values give access; stages/http/redact.c has them, too. */
static const char *const suspects[] = {"sig", "token",      "key",  "secret", "passw",
                                       "pwd", "credential", "auth", "cookie", "policy"};

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

/* The first of these characters, or `end`. */
static char *find(char *at, char *end, const char *any)
{
	while (at < end && !strchr(any, *at))
		at++;
	return at;
}

/* name=value&name=value, up to `end` */
static void cover_parameters(char *at, char *end)
{
	while (at < end) {
		char *stop = find(at, end, "&;#"), *value = memchr(at, '=', (size_t)(stop - at));
		if (value && kk_conceal_suspect(at, (size_t)(value - at)))
			memset(value + 1, '*', (size_t)(stop - value - 1));
		at = stop + 1;
	}
}

/* A URL, from behind its "://". */
static void cover_url(char *url, char *end)
{
	char *path = find(url, end, "/?#"), *at = memrchr(url, '@', (size_t)(path - url));

	if (at)
		memset(url, '*', (size_t)(at - url));
	cover_parameters(find(path, end, "?#"), end);
}

size_t kk_conceal_urls(char *text, size_t length)
{
	char *at = text, *end = text + length;

	while ((at = memmem(at, (size_t)(end - at), "://", 3))) {
		at += 3;
		char *stop = find(at, end, " \t\r\n\"'<>");
		cover_url(at, stop);
		at = stop;
	}
	return length;
}
