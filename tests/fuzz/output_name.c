/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/output_name.c - any key and any pattern as the name of an output: whatever comes out and is taken for a
 * path stays beneath its directory. */
#include "upload/name.h"
#include "upload/target.h"
#include "worker/name.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every component is a name and none leads up. */
static void check(const char *path)
{
	int depth = 0;

	if (*path == '/' || !*path)
		abort();
	while (*path) {
		size_t length = strcspn(path, "/");

		if (length == 0 || length > NAME_MAX || strncmp(path, "-", 1) == 0)
			abort();
		if (length <= 2 && strspn(path, ".") >= length)
			abort();
		for (size_t i = 0; i < length; i++)
			if (path[i] == 0)
				abort();
		depth++;
		path += length + (path[length] == '/');
	}
	if (depth < 1)
		abort();
}

static const char *no_field(void *key, const char *name)
{
	return strcmp(name, "field") == 0 ? key : NULL;
}

static void fill_in(const char *pattern, const char *key)
{
	struct kk_name_item item = {.source = "list", .key = key, .field = no_field, .arg = (void *)(uintptr_t)key};
	char path[PATH_MAX];

	if (kk_name_expand(pattern, &item, path, sizeof(path)) < 0 || !name_make_safe(path, sizeof(path)))
		return;
	if (!name_is_path(path))
		return;
	check(path);
	if (name_spread(path, sizeof(path), "0123456789abcdef", 8))
		check(path);
}

/* The first line is a pattern, the rest a key. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *key, why[300];
	struct target target;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	key = strchr(text, '\n');
	if (key)
		*key++ = 0;
	if (target_parse(&target, text, why, sizeof(why)) == 0) {
		if (!target.http)
			fill_in(target.rest, key ? key : "");
		target_free(&target);
	}
	free(text);
	return 0;
}
