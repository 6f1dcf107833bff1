/* SPDX-License-Identifier: Apache-2.0 */
#include "config/field.h"
#include "config/nearest.h"
#include "config/quantity.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const forms[] = {
    [KK_FIELD_NAME] = "name",
    [KK_FIELD_TEXT] = "text",
    [KK_FIELD_SIZE] = "size",
    [KK_FIELD_DURATION] = "duration",
    [KK_FIELD_COUNT] = "whole number",
    [KK_FIELD_POWER] = "power of two",
    [KK_FIELD_BOOL] = "true or false",
    [KK_FIELD_FLOAT] = "number",
    [KK_FIELD_WORD] = "word",
    [KK_FIELD_WORKERS] = "whole number or auto",
    [KK_FIELD_FAILURES] = "whole number or share such as 5%",
    [KK_FIELD_FROM] = "name or list of names",
    [KK_FIELD_OPTIONS] = "map of the stage's options",
    [KK_FIELD_MAP] = "map",
    [KK_FIELD_NAMED] = "map of names",
    [KK_FIELD_STAGES] = "list of stages",
};

const char *kk_field_form_text(enum kk_field_form form)
{
	return forms[form];
}

const struct kk_field *kk_field_find(const struct kk_field_group *group, const char *name, const char **nearest)
{
	struct kk_nearest near = {.word = name};

	for (const struct kk_field *field = group->fields; field->name; field++) {
		if (strcmp(field->name, name) == 0)
			return field;
		kk_nearest_offer(&near, field->name);
	}
	if (nearest)
		*nearest = near.best;
	return NULL;
}

static const char *bound(const struct kk_field *field, uint64_t value, char *to, size_t size)
{
	if (field->form == KK_FIELD_SIZE)
		return kk_quantity_size_text(value, to, size);
	if (field->form == KK_FIELD_DURATION)
		return kk_quantity_duration_text(value, to, size);
	snprintf(to, size, "%" PRIu64, value);
	return to;
}

const char *kk_field_range(const struct kk_field *field, char *to, size_t size)
{
	char low[40], high[40];

	to[0] = '\0';
	if (!field->max)
		return to;
	bound(field, field->min, low, sizeof(low));
	if (field->max >= INT64_MAX)
		snprintf(to, size, "at least %s", low);
	else
		snprintf(to, size, "%s to %s", low, bound(field, field->max, high, sizeof(high)));
	return to;
}
