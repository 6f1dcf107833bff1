/* SPDX-License-Identifier: Apache-2.0 */
#include "redact.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Parts of parameters' names whose values give access; engine/config/conceal.c has them, too. */
static const char *const secrets[] = {"sig", "token",      "key",  "secret", "passw",
                                      "pwd", "credential", "auth", "cookie", "policy"};

struct text {
	char *to;
	size_t size, length;
};

static void append(struct text *text, const char *from, size_t length)
{
	if (length >= text->size - text->length)
		length = text->size - text->length - 1;
	memcpy(text->to + text->length, from, length);
	text->length += length;
	text->to[text->length] = 0;
}

static bool is_secret(const char *name, size_t length)
{
	char copy[64];

	if (length >= sizeof(copy))
		return true;
	memcpy(copy, name, length);
	copy[length] = 0;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		if (strcasestr(copy, secrets[i]))
			return true;
	return false;
}

/* Of a query, a fragment, or both. */
static void append_parameters(struct text *text, const char *query)
{
	while (*query) {
		size_t name = strcspn(query, "=&#;"), all = strcspn(query, "&#;");

		if (query[name] == '=' && is_secret(query, name)) {
			append(text, query, name + 1);
			append(text, "***", 3);
		} else {
			append(text, query, all);
		}
		query += all;
		append(text, query, *query != 0);
		query += *query != 0;
	}
}

const char *redact_url(const char *url, char *to, size_t size)
{
	struct text text = {to, size, 0};
	const char *authority = strstr(url, "://"), *at = NULL;
	size_t end, query;

	to[0] = 0;
	authority = authority ? authority + 3 : url;
	end = strcspn(authority, "/?#");
	at = memrchr(authority, '@', end);
	append(&text, url, (size_t)(authority - url));
	if (at) {
		append(&text, "***@", 4);
		authority = at + 1;
	}
	query = strcspn(authority, "?#");
	append(&text, authority, query);
	append_parameters(&text, authority + query);
	return to;
}
