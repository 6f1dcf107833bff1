/* SPDX-License-Identifier: Apache-2.0 */
/* stages/list/json.c - records that are JSON objects, one a line. */
#include "row.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* member - by its name; else a name with dots is a path through objects. NULL: there is none. */
static const json_t *member(const json_t *object, const char *name)
{
	const json_t *found = json_object_get(object, name);
	const char *dot = strchr(name, '.');
	if (found || !dot)
		return found;
	char *first = strndup(name, (size_t)(dot - name));
	const json_t *inner = first ? json_object_get(object, first) : NULL;
	free(first);
	return inner ? member(inner, dot + 1) : NULL;
}

/* text_of - a value as text, to be freed; NULL: out of memory. Strings are as they are, all else is JSON. */
static char *text_of(const json_t *value)
{
	if (json_is_string(value))
		return strdup(json_string_value(value));
	return json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(17));
}

static enum kk_verdict set_field(struct kk_item *item, const char *name, const json_t *value, struct span record,
                                 uint64_t line)
{
	char *text = text_of(value);
	int status = text ? kk_set_field(item, name, text) : 0;
	enum kk_verdict verdict = KK_PASS;
	if (!text)
		verdict = row_fail(item, KK_FAIL_MEMORY, record, line, "out of memory");
	else if (status != 0)
		verdict = row_fail(item, KK_FAIL_TOO_LARGE, record, line,
		                   "the fields are too long for the source's records: `fields` chooses some");
	free(text);
	return verdict;
}

/* set_named - the members that the config names, also those within others. */
static enum kk_verdict set_named(struct kk_item *item, const struct list_options *options, const json_t *object,
                                 struct span record, uint64_t line)
{
	enum kk_verdict verdict = KK_PASS;
	for (size_t i = 0; i < options->fields.count && verdict == KK_PASS; i++) {
		const json_t *value = member(object, options->fields.at[i]);
		if (strcmp(options->fields.at[i], "*") != 0 && value && !json_is_null(value))
			verdict = set_field(item, options->fields.at[i], value, record, line);
	}
	return verdict;
}

/* set_all - the object's own members that are not named, as far as they are single values and not the key. */
static enum kk_verdict set_all(struct kk_item *item, const struct list_options *options, json_t *object,
                               struct span record, uint64_t line)
{
	enum kk_verdict verdict = KK_PASS;
	const char *name;
	json_t *value;
	bool named;
	json_object_foreach(object, name, value)
	{
		bool single = json_is_string(value) || json_is_number(value) || json_is_boolean(value);
		bool wanted = *name && single && list_carries(options, name, &named) && !named;
		if (verdict == KK_PASS && wanted && strcmp(name, options->key) != 0)
			verdict = set_field(item, name, value, record, line);
	}
	return verdict;
}

/* take_object - the key, which may be a number, and the fields. */
static enum kk_verdict take_object(struct kk_item *item, const struct list_options *options, json_t *object,
                                   struct span record, uint64_t line)
{
	char why[160];
	const json_t *value = json_is_object(object) ? member(object, options->key) : NULL;
	if (!json_is_string(value) && !json_is_integer(value)) {
		snprintf(why, sizeof(why),
		         json_is_object(object) ? "no member \"%.60s\" that is a string" : "not an object",
		         options->key);
		return row_fail(item, KK_FAIL_OTHER, record, line, why);
	}
	char *key = text_of(value);
	if (!key)
		return row_fail(item, KK_FAIL_MEMORY, record, line, "out of memory");
	enum kk_verdict verdict = row_set_key(item, span_trim((struct span){key, strlen(key)}), line);
	free(key);
	if (verdict == KK_PASS)
		verdict = set_named(item, options, object, record, line);
	return verdict == KK_PASS ? set_all(item, options, object, record, line) : verdict;
}

enum kk_verdict row_take_json(struct kk_item *item, const struct list_options *options, struct span text, uint64_t line)
{
	char why[sizeof(((json_error_t *)0)->text) + 40];
	json_error_t error;
	json_t *object = json_loadb(text.at, text.length, JSON_DECODE_ANY, &error);
	if (!object) {
		snprintf(why, sizeof(why), "not JSON: %s at column %d", error.text, error.column);
		return row_fail(item, KK_FAIL_OTHER, text, line, why);
	}
	enum kk_verdict verdict = take_object(item, options, object, text, line);
	json_decref(object);
	return verdict;
}
