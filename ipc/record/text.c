/* SPDX-License-Identifier: Apache-2.0 */
/* Records for people. */
#include "record/wire.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where text goes: what does not fit is counted all the same. */
struct sink {
	char *to;
	size_t size, length;
};

static void add(struct sink *sink, const char *text, size_t bytes)
{
	size_t room = sink->length < sink->size ? sink->size - sink->length : 0, fits = bytes < room ? bytes : room;

	if (fits > 0)
		memcpy(sink->to + sink->length, text, fits);
	sink->length += bytes;
}

static void say(struct sink *sink, const char *text)
{
	add(sink, text, strlen(text));
}

static void quote(struct sink *sink, struct kk_record_view text)
{
	char escaped[8];

	say(sink, "\"");
	for (size_t i = 0; i < text.bytes; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c == '"' || c == '\\')
			snprintf(escaped, sizeof(escaped), "\\%c", c);
		else if (c == '\n')
			snprintf(escaped, sizeof(escaped), "\\n");
		else if (c < 0x20 || c == 0x7F)
			snprintf(escaped, sizeof(escaped), "\\u%04x", c);
		else
			snprintf(escaped, sizeof(escaped), "%c", c);
		say(sink, escaped);
	}
	say(sink, "\"");
}

static void hex(struct sink *sink, const struct kk_record_value *value)
{
	char digits[3];

	say(sink, "b\"");
	for (size_t i = 0; i < value->bytes; i++) {
		snprintf(digits, sizeof(digits), "%02x", value->data[i]);
		say(sink, digits);
	}
	say(sink, "\"");
}

/* As few digits as say exactly this number; with a point, whatever the locale calls one, or an exponent. */
static void real(struct sink *sink, double number)
{
	char text[40];
	bool whole = true;

	if (!isfinite(number)) {
		say(sink, isnan(number) ? "nan" : number < 0 ? "-inf" : "inf");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	for (char *c = text; *c; c++) {
		if (!strchr("0123456789-+e", *c))
			*c = '.';
		whole = whole && strchr("0123456789-", *c);
	}
	say(sink, text);
	if (whole)
		say(sink, ".0");
}

static void any(struct sink *sink, const struct kk_record_value *value);

static void items(struct sink *sink, const struct kk_record_value *value)
{
	bool entries = value->type != KK_RECORD_LIST, first = true;
	struct kk_record_cursor cursor = {0};
	struct kk_record_type_of type;
	struct kk_record_value item;
	struct kk_record_view key;
	char version[16];

	if (kk_record_object(value, &type) == KK_OK) {
		add(sink, type.name.data, type.name.bytes);
		snprintf(version, sizeof(version), "/%" PRIu32 " ", type.version);
		say(sink, version);
	}
	say(sink, entries ? "{" : "[");
	kk_record_each(value, &cursor);
	while (kk_record_next(&cursor, &key, &item) > 0) {
		if (!first)
			say(sink, ", ");
		first = false;
		if (entries) {
			quote(sink, key);
			say(sink, ": ");
		}
		any(sink, &item);
	}
	say(sink, entries ? "}" : "]");
}

static void any(struct sink *sink, const struct kk_record_value *value)
{
	struct kk_record_view text = {(const char *)value->data, value->bytes};
	int64_t integer = 0;
	double number = 0;
	bool yes = false;
	char digits[24];

	switch (value->type) {
	case KK_RECORD_NONE:
		say(sink, "null");
		break;
	case KK_RECORD_BOOL:
		kk_record_bool(value, &yes);
		say(sink, yes ? "true" : "false");
		break;
	case KK_RECORD_INT:
		kk_record_int(value, &integer);
		snprintf(digits, sizeof(digits), "%" PRId64, integer);
		say(sink, digits);
		break;
	case KK_RECORD_DOUBLE:
		kk_record_double(value, &number);
		real(sink, number);
		break;
	case KK_RECORD_STRING:
		quote(sink, text);
		break;
	case KK_RECORD_BYTES:
		hex(sink, value);
		break;
	default:
		items(sink, value);
	}
}

size_t kk_record_text(const struct kk_record_value *value, char *to, size_t size)
{
	struct sink sink = {.to = to, .size = size - 1};

	any(&sink, value);
	to[sink.length < sink.size ? sink.length : sink.size] = 0;
	return sink.length;
}
