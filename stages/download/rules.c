/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"
#include "image_header.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Where the size of an image has not been found within so many bytes, it is not looked for any more. */
#define BEGINNING_BYTES (256U << 10)

static bool matches(const char *pattern, const char *type, size_t length)
{
	size_t fixed = strlen(pattern);

	if (fixed > 0 && pattern[fixed - 1] == '*')
		return length >= fixed && strncasecmp(pattern, type, fixed - 1) == 0;
	return length == fixed && strncasecmp(pattern, type, length) == 0;
}

bool rules_take_type(const struct rules *rules, const char *type, struct reason *reason)
{
	size_t length;

	if (!type || rules->types->count == 0)
		return true;
	type += strspn(type, " \t");
	length = strcspn(type, "; \t,");
	if (length == 0)
		return true;
	for (size_t i = 0; i < rules->types->count; i++)
		if (matches(rules->types->at[i], type, length))
			return true;
	reason->class = KK_FAIL_NOT_AN_IMAGE;
	snprintf(reason->text, sizeof(reason->text), "its type is %.*s, which is not among `types`",
	         (int)(length < 100 ? length : 100), type);
	for (char *c = reason->text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return false;
}

static bool take_size(const struct rules *rules, uint64_t width, uint64_t height, struct reason *reason)
{
	bool long_side = rules->max_side && (width > rules->max_side || height > rules->max_side);
	bool many_pixels = rules->max_pixels && width * height > rules->max_pixels;

	if (!long_side && !many_pixels)
		return true;
	reason->class = KK_FAIL_TOO_LARGE;
	snprintf(reason->text, sizeof(reason->text), "the image has %llu x %llu pixels, more than %s (%llu)",
	         (unsigned long long)width, (unsigned long long)height, long_side ? "max_side" : "max_pixels",
	         (unsigned long long)(long_side ? rules->max_side : rules->max_pixels));
	return false;
}

bool rules_take_beginning(const struct rules *rules, const void *data, size_t size, bool whole, bool *known,
                          struct reason *reason)
{
	uint32_t width = 0, height = 0;
	enum image_verdict verdict;

	*known = true;
	if (!rules->images && !rules->max_pixels && !rules->max_side)
		return true;
	verdict = image_header(data, size, &width, &height);
	if (verdict == IMAGE_SIZED)
		return take_size(rules, width, height, reason);
	*known = verdict != IMAGE_MORE || size >= BEGINNING_BYTES;
	if (!rules->images || verdict == IMAGE_UNSIZED || (verdict == IMAGE_MORE && (!whole || size > 16)))
		return true;
	reason->class = KK_FAIL_NOT_AN_IMAGE;
	snprintf(reason->text, sizeof(reason->text), "%s",
	         size ? "it does not begin as an image does" : "there is nothing in it");
	return false;
}

const char *rules_types_wrong(const struct kk_strings *types)
{
	for (size_t i = 0; i < types->count; i++) {
		const char *slash = strchr(types->at[i], '/');

		if (!slash || slash == types->at[i] || slash[1] == 0 || strpbrk(types->at[i], " \t;,"))
			return types->at[i];
	}
	return NULL;
}
