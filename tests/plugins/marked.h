/* SPDX-License-Identifier: Apache-2.0 */
/* tests/plugins/marked.h - reads an item, produces whether it is one of those that a plug-in is to misbehave on.
 *
 * A plug-in's options struct starts with a `struct marks`, its rows with MARKS_ROWS.
 */
#ifndef TESTS_PLUGINS_MARKED_H
#define TESTS_PLUGINS_MARKED_H

#include <kakehi/stage.h>
#include <string.h>

struct marks {
	const char *match;
	int64_t every;
};

#define MARKS_ROWS                                                                                                     \
	{.name = "match",                                                                                              \
	 .type = KK_OPTION_STRING,                                                                                     \
	 .at = offsetof(struct marks, match),                                                                          \
	 .def = "",                                                                                                    \
	 .text = "Items whose key contains this are marked."},                                                         \
	{                                                                                                              \
		.name = "every", .type = KK_OPTION_INT, .at = offsetof(struct marks, every), .def = "0", .min = 0,     \
		.max = 1e15, .text = "Every so manieth item of the source is marked, beginning with the first."        \
	}

static inline bool is_marked(const struct marks *marks, const struct kk_item *item)
{
	if (marks->every && item->sequence % (uint64_t)marks->every == 0)
		return true;
	return *marks->match && item->key && strstr(item->key, marks->match);
}

#endif
