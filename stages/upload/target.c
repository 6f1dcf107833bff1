/* SPDX-License-Identifier: Apache-2.0 */
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_http(const char *pattern)
{
	return strncasecmp(pattern, "http://", 7) == 0 || strncasecmp(pattern, "https://", 8) == 0;
}

/* The length of the part before the rest. For a directory: up to the last slash before the first placeholder. */
static size_t split(const char *pattern, bool http)
{
	size_t fixed = strcspn(pattern, "{");
	const char *slash;

	if (http)
		return (size_t)(strstr(pattern, "://") - pattern) + 3 + strcspn(strstr(pattern, "://") + 3, "/");
	slash = memrchr(pattern, '/', fixed);
	return slash ? (size_t)(slash - pattern) : 0;
}

static const char *wrong_rest(const char *rest, bool http)
{
	const char *part = rest + (http && *rest == '/');

	for (; *part; part += strcspn(part, "/"), part += *part == '/') {
		size_t length = strcspn(part, "/");

		if (length == 0 || (length == 1 && *part == '.') || (length == 2 && strncmp(part, "..", 2) == 0))
			return "has an empty, \".\" or \"..\" component behind its first placeholder";
	}
	return part == rest || part[-1] == '/' ? "names a directory, not a file" : NULL;
}

static const char *wrong(const char *pattern)
{
	bool http = is_http(pattern);
	size_t root = split(pattern, http);

	if (!strchr(pattern, '{'))
		return "has no placeholder such as {id}: all items would have one name";
	if (!http && strstr(pattern, "://"))
		return "is neither a path nor an http or https URL";
	if (http && (memchr(pattern, '{', root) || pattern[root] != '/'))
		return "needs a fixed host and a path behind it";
	if (http && strcspn(pattern, " \"<>\\^`|") < root)
		return "has a character in its host that no host has";
	return wrong_rest(pattern + root + (!http && pattern[root] == '/'), http);
}

int target_parse(struct target *target, const char *pattern, char *why, size_t why_size)
{
	const char *reason = wrong(pattern);
	size_t root;

	*target = (struct target){.http = is_http(pattern)};
	if (reason) {
		/* A URL may hold a password. */
		if (target->http)
			snprintf(why, why_size, "to: the URL %s", reason);
		else
			snprintf(why, why_size, "to: \"%s\" %s", pattern, reason);
		return -1;
	}
	root = split(pattern, target->http);
	target->rest = strdup(pattern + root + (!target->http && pattern[root] == '/'));
	if (target->http || root > 0)
		target->root = strndup(pattern, root);
	else
		target->root = strdup(pattern[0] == '/' ? "/" : ".");
	if (!target->rest || !target->root) {
		snprintf(why, why_size, "out of memory");
		target_free(target);
		return -1;
	}
	return 0;
}

void target_free(struct target *target)
{
	free(target->root);
	free(target->rest);
	*target = (struct target){0};
}
