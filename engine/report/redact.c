/* SPDX-License-Identifier: Apache-2.0 */
#include "report/redact.h"
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Parts of the names of query parameters whose values give access. */
static const char *const secret[] = {"sig", "token", "key", "secret", "password", "credential", "auth"};

struct copy {
	char *at;
	size_t room;
};

static void put(struct copy *to, const char *text, size_t length)
{
	if (length > to->room)
		length = to->room;
	memcpy(to->at, text, length);
	to->at += length;
	to->room -= length;
}

static bool is_secret(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(secret) / sizeof(*secret); i++)
		for (size_t at = 0; at + strlen(secret[i]) <= length; at++)
			if (strncasecmp(name + at, secret[i], strlen(secret[i])) == 0)
				return true;
	return false;
}

static void put_query(struct copy *to, const char *query)
{
	while (*query) {
		size_t name = strcspn(query, "=&#"), all = strcspn(query, "&");
		if (query[name] == '=' && is_secret(query, name)) {
			put(to, query, name + 1);
			put(to, "***", 3);
		} else {
			put(to, query, all);
		}
		query += all;
		if (*query) {
			put(to, query, 1);
			query++;
		}
	}
}

void kk_redact(const char *key, char *to, size_t size)
{
	struct copy copy = {to, size - 1};
	const char *host = strstr(key, "://");
	if (host) {
		host += 3;
		size_t authority = strcspn(host, "/?#");
		const char *at = memrchr(host, '@', authority);
		put(&copy, key, (size_t)(host - key));
		if (at)
			put(&copy, "***", 3);
		key = at ? at : host;
	}
	size_t path = host ? strcspn(key, "?") : strlen(key);
	put(&copy, key, path);
	put_query(&copy, key + path);
	*copy.at = 0;
}
