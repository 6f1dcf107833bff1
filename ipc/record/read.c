/* SPDX-License-Identifier: Apache-2.0 */
#include "record/wire.h"
#include <string.h>

#define EXACT (INT64_C(1) << 53) /* up to here a double holds every integer */

static int look_into(struct kk_wire *wire, unsigned depth);

/* The items of a list, map or object that lies in `value`. */
static int look_at_items(const struct kk_record_value *value, unsigned depth, struct kk_wire *outer)
{
	struct kk_wire wire = {.at = value->data, .end = value->data + value->bytes};
	struct kk_record_type_of type;
	struct kk_record_view key;
	int rc = KK_OK;

	if (depth > KK_RECORD_DEPTH) {
		outer->wrong = "too many values in each other";
		return KK_ERR_CORRUPT;
	}
	if (value->type == KK_RECORD_OBJECT)
		rc = kk_wire_type_of(&wire, &type);
	if (rc == KK_OK && value->type != KK_RECORD_LIST)
		rc = kk_wire_keys(wire, &wire.wrong);
	while (rc == KK_OK && wire.at < wire.end) {
		if (value->type != KK_RECORD_LIST)
			rc = kk_wire_string(&wire, &key);
		if (rc == KK_OK)
			rc = look_into(&wire, depth);
	}
	if (rc < 0) {
		outer->at = wire.at;
		outer->wrong = wire.wrong;
	}
	return rc;
}

/* Looks through one value and all that is in it. On an error `at` is where that is. */
static int look_into(struct kk_wire *wire, unsigned depth)
{
	struct kk_record_value value;
	int rc = kk_wire_value(wire, &value);

	if (rc < 0)
		return rc;
	if (value.type == KK_RECORD_STRING && !kk_wire_is_utf8(value.data, value.bytes)) {
		wire->at = value.encoded;
		wire->wrong = "a string that is not UTF-8";
		return KK_ERR_CORRUPT;
	}
	return value.type >= KK_RECORD_LIST ? look_at_items(&value, depth + 1, wire) : KK_OK;
}

int kk_record_open(const void *data, size_t bytes, struct kk_record_value *value, struct kk_error *error)
{
	const unsigned char *start = data;
	struct kk_wire wire;

	*value = (struct kk_record_value){0};
	if (bytes > KK_RECORD_MAX)
		return kk_error_set(error, KK_ERR_NO_ROOM, "a record of %zu bytes", bytes);
	if (bytes < KK_WIRE_HEAD || start[0] != KK_WIRE_MARK)
		return kk_error_set(error, KK_ERR_CORRUPT, "not a record");
	if (start[1] != KK_WIRE_FORMAT)
		return kk_error_set(error, KK_ERR_VERSION, "a record of format %u", start[1]);
	wire = (struct kk_wire){.at = start + KK_WIRE_HEAD, .end = start + bytes};
	if (look_into(&wire, 0) < 0)
		return kk_error_set(error, KK_ERR_CORRUPT, "not a record: %s, at byte %zu", wire.wrong,
		                    (size_t)(wire.at - start));
	if (wire.at != wire.end)
		return kk_error_set(error, KK_ERR_CORRUPT, "not a record: something follows it, at byte %zu",
		                    (size_t)(wire.at - start));
	wire.at = start + KK_WIRE_HEAD;
	return kk_wire_value(&wire, value);
}

const char *kk_record_type_name(enum kk_record_type type)
{
	static const char *const names[] = {
	    [KK_RECORD_NONE] = "none",     [KK_RECORD_BOOL] = "bool",     [KK_RECORD_INT] = "int",
	    [KK_RECORD_DOUBLE] = "double", [KK_RECORD_STRING] = "string", [KK_RECORD_BYTES] = "bytes",
	    [KK_RECORD_LIST] = "list",     [KK_RECORD_MAP] = "map",       [KK_RECORD_OBJECT] = "object",
	};

	return (unsigned)type <= KK_RECORD_OBJECT ? names[type] : "unknown";
}

int kk_record_bool(const struct kk_record_value *value, bool *to)
{
	if (value->type != KK_RECORD_BOOL)
		return KK_ERR_INVALID;
	*to = value->encoded[0] == KK_TAG_TRUE;
	return KK_OK;
}

static struct kk_wire inside(const struct kk_record_value *value)
{
	return (struct kk_wire){.at = value->data, .end = value->data + value->bytes};
}

int kk_record_int(const struct kk_record_value *value, int64_t *to)
{
	struct kk_wire wire;
	uint64_t number;

	if (value->type != KK_RECORD_INT)
		return KK_ERR_INVALID;
	wire = inside(value);
	if (kk_wire_number(&wire, &number) < 0)
		return KK_ERR_CORRUPT;
	*to = (int64_t)(number >> 1 ^ -(number & 1));
	return KK_OK;
}

int kk_record_double(const struct kk_record_value *value, double *to)
{
	uint64_t bits = 0;
	int64_t number;

	if (value->type == KK_RECORD_INT && kk_record_int(value, &number) == KK_OK && number >= -EXACT &&
	    number <= EXACT) {
		*to = (double)number;
		return KK_OK;
	}
	if (value->type != KK_RECORD_DOUBLE)
		return KK_ERR_INVALID;
	for (unsigned i = 0; i < 8; i++)
		bits |= (uint64_t)value->data[i] << (8 * i);
	memcpy(to, &bits, sizeof(*to));
	return KK_OK;
}

static int view(const struct kk_record_value *value, enum kk_record_type type, struct kk_record_view *to)
{
	if (value->type != type)
		return KK_ERR_INVALID;
	*to = (struct kk_record_view){(const char *)value->data, value->bytes};
	return KK_OK;
}

int kk_record_string(const struct kk_record_value *value, struct kk_record_view *to)
{
	return view(value, KK_RECORD_STRING, to);
}

int kk_record_bytes(const struct kk_record_value *value, struct kk_record_view *to)
{
	return view(value, KK_RECORD_BYTES, to);
}

int kk_record_object(const struct kk_record_value *value, struct kk_record_type_of *to)
{
	struct kk_wire wire;

	if (value->type != KK_RECORD_OBJECT)
		return KK_ERR_INVALID;
	wire = inside(value);
	return kk_wire_type_of(&wire, to);
}

int kk_record_each(const struct kk_record_value *value, struct kk_record_cursor *cursor)
{
	struct kk_record_type_of type;
	struct kk_wire wire;

	if (value->type < KK_RECORD_LIST)
		return KK_ERR_INVALID;
	wire = inside(value);
	if (value->type == KK_RECORD_OBJECT && kk_wire_type_of(&wire, &type) < 0)
		return KK_ERR_CORRUPT;
	*cursor = (struct kk_record_cursor){wire.at, wire.end, value->type != KK_RECORD_LIST};
	return KK_OK;
}

int kk_record_next(struct kk_record_cursor *cursor, struct kk_record_view *key, struct kk_record_value *item)
{
	struct kk_wire wire = {.at = cursor->at, .end = cursor->end};
	struct kk_record_view name = {"", 0};

	if (wire.at == wire.end)
		return 0;
	if ((cursor->entries && kk_wire_string(&wire, &name) < 0) || kk_wire_value(&wire, item) < 0)
		return KK_ERR_CORRUPT;
	cursor->at = wire.at;
	if (key)
		*key = name;
	return 1;
}

int64_t kk_record_count(const struct kk_record_value *value)
{
	struct kk_record_cursor cursor;
	struct kk_record_value item;
	int64_t count = 0;
	int rc = kk_record_each(value, &cursor);

	if (rc < 0)
		return rc;
	while ((rc = kk_record_next(&cursor, NULL, &item)) > 0)
		count++;
	return rc < 0 ? rc : count;
}

int kk_record_at(const struct kk_record_value *list, size_t index, struct kk_record_value *item)
{
	struct kk_record_cursor cursor;
	int rc;

	if (list->type != KK_RECORD_LIST)
		return KK_ERR_INVALID;
	kk_record_each(list, &cursor);
	do
		rc = kk_record_next(&cursor, NULL, item);
	while (rc > 0 && index-- > 0);
	if (rc > 0)
		return KK_OK;
	return rc < 0 ? rc : KK_ERR_MISSING;
}

int kk_record_find(const struct kk_record_value *map, const char *key, struct kk_record_value *value)
{
	struct kk_record_cursor cursor;
	struct kk_record_view name;
	struct kk_record_value item;
	size_t bytes = strlen(key);
	int rc;

	if (map->type < KK_RECORD_MAP)
		return KK_ERR_INVALID;
	rc = kk_record_each(map, &cursor);
	while (rc >= 0 && (rc = kk_record_next(&cursor, &name, &item)) > 0) {
		if (name.bytes == bytes && memcmp(name.data, key, bytes) == 0) {
			*value = item;
			return KK_OK;
		}
	}
	return rc < 0 ? rc : KK_ERR_MISSING;
}
