/* SPDX-License-Identifier: Apache-2.0 */
#include "report/redact.h"
#include "config/conceal.h"
#include <string.h>

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

/* Of a query, a fragment, or both. */
static void put_parameters(struct copy *to, const char *query)
{
	while (*query) {
		size_t name = strcspn(query, "=&;#"), all = strcspn(query, "&;#");
		if (query[name] == '=' && kk_conceal_suspect(query, name)) {
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
	size_t path = host ? strcspn(key, "?#") : strlen(key);
	put(&copy, key, path);
	put_parameters(&copy, key + path);
	*copy.at = 0;
}
