/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/pair.h - reads the fields of an item as they lie in memory, name\0value\0 ..., produces them one by
 * one.
 *
 * They come from other processes: what does not end before `end` is none.
 */
#ifndef ENGINE_WORKER_PAIR_H
#define ENGINE_WORKER_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct pair {
	const char *name, *value;
};

/* pair_next - the pair at *at, which moves on behind it; false: there is no whole one before `end`. */
static inline bool pair_next(const char **at, const char *end, struct pair *to)
{
	const char *value = *at < end ? (const char *)memchr(*at, 0, (size_t)(end - *at)) : NULL;
	const char *after = value ? (const char *)memchr(value + 1, 0, (size_t)(end - value - 1)) : NULL;
	if (!after)
		return false;
	*to = (struct pair){*at, value + 1};
	*at = after + 1;
	return true;
}

/* pair_find - the value of the first pair of this name; NULL: there is none. */
static inline const char *pair_find(const char *at, const char *end, const char *name)
{
	struct pair pair;
	while (pair_next(&at, end, &pair))
		if (strcmp(pair.name, name) == 0)
			return pair.value;
	return NULL;
}

#endif
