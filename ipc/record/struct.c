/* SPDX-License-Identifier: Apache-2.0 */
/* C structs as objects, from one version of a program to another.
 *
 * A reader takes a field from its name now, else from its older name, else its default. So whatever a writer of another
 * version says under the name that both know is taken, and a program that does not know a field cannot destroy it: the
 * new name, which an old program has only carried along, counts more than the old one, which it has made up.
 */
#include "record/wire.h"
#include <string.h>

static bool lives(const struct kk_record_field *field, uint32_t version)
{
	return field->since <= version && (field->removed == 0 || version < field->removed);
}

static const char *name_in(const struct kk_record_field *field, uint32_t version)
{
	return field->renamed_from && version < field->renamed ? field->renamed_from : field->name;
}

static bool is_called(const char *name, struct kk_record_view key)
{
	return name && strlen(name) == key.bytes && memcmp(name, key.data, key.bytes) == 0;
}

static bool is_known(const struct kk_record_schema *schema, struct kk_record_view key)
{
	for (size_t i = 0; i < schema->field_count; i++) {
		if (is_called(schema->fields[i].name, key) || is_called(schema->fields[i].renamed_from, key))
			return true;
	}
	return false;
}

/* ---- members of any size */

static int64_t load_int(const void *at, size_t size)
{
	int8_t i8;
	int16_t i16;
	int32_t i32;
	int64_t i64;

	switch (size) {
	case 1:
		memcpy(&i8, at, 1);
		return i8;
	case 2:
		memcpy(&i16, at, 2);
		return i16;
	case 4:
		memcpy(&i32, at, 4);
		return i32;
	default:
		memcpy(&i64, at, 8);
		return i64;
	}
}

static uint64_t load_uint(const void *at, size_t size)
{
	uint64_t bits = (uint64_t)load_int(at, size);

	return size < 8 ? bits & ((UINT64_C(1) << (8 * size)) - 1) : bits;
}

static void store(void *at, size_t size, uint64_t bits)
{
	uint8_t u8 = (uint8_t)bits;
	uint16_t u16 = (uint16_t)bits;
	uint32_t u32 = (uint32_t)bits;

	switch (size) {
	case 1:
		memcpy(at, &u8, 1);
		break;
	case 2:
		memcpy(at, &u16, 2);
		break;
	case 4:
		memcpy(at, &u32, 4);
		break;
	default:
		memcpy(at, &bits, 8);
	}
}

static bool int_fits(int64_t number, size_t size, bool is_signed)
{
	int64_t half = size < 8 ? INT64_C(1) << (8 * size - 1) : 0;

	if (!is_signed)
		return number >= 0 && (size == 8 || number < 2 * half);
	return size == 8 || (number >= -half && number < half);
}

static double load_double(const void *at, size_t size)
{
	float single;
	double number;

	if (size == sizeof(single)) {
		memcpy(&single, at, sizeof(single));
		return (double)single;
	}
	memcpy(&number, at, sizeof(number));
	return number;
}

static void store_double(void *at, size_t size, double number)
{
	float single = (float)number;

	if (size == sizeof(single))
		memcpy(at, &single, sizeof(single));
	else
		memcpy(at, &number, sizeof(number));
}

/* A member has the size that its kind can have. Wrong tables are found by the first use. */
static bool is_sound(const struct kk_record_field *field)
{
	static const size_t sizes[] = {
	    [KK_FIELD_BOOL] = sizeof(bool),
	    [KK_FIELD_STRING] = sizeof(struct kk_record_view),
	    [KK_FIELD_BYTES] = sizeof(struct kk_record_view),
	    [KK_FIELD_VALUE] = sizeof(struct kk_record_value),
	};

	switch (field->kind) {
	case KK_FIELD_INT:
	case KK_FIELD_UINT:
		return field->size == 1 || field->size == 2 || field->size == 4 || field->size == 8;
	case KK_FIELD_DOUBLE:
		return field->size == sizeof(float) || field->size == sizeof(double);
	case KK_FIELD_TEXT:
		return field->size > 0;
	case KK_FIELD_STRUCT:
		return field->schema != NULL;
	default:
		return (unsigned)field->kind < KK_FIELD_STRUCT && field->size == sizes[field->kind];
	}
}

static bool schema_is_sound(const struct kk_record_schema *schema)
{
	for (size_t i = 0; i < schema->field_count; i++) {
		if (!schema->fields[i].name || (schema->fields[i].removed == 0 && !is_sound(&schema->fields[i])))
			return false;
	}
	return schema->version > 0 && schema->needs <= schema->version;
}

/* ---- writing */

static const char *default_text(const struct kk_record_field *field)
{
	return field->default_text ? field->default_text : "";
}

/* What programs that still have the field get from one that has not. */
static int put_default(struct kk_record_writer *writer, const struct kk_record_field *field)
{
	switch (field->kind) {
	case KK_FIELD_BOOL:
		return kk_record_put_bool(writer, field->default_int != 0);
	case KK_FIELD_INT:
	case KK_FIELD_UINT:
		return kk_record_put_int(writer, field->default_int);
	case KK_FIELD_DOUBLE:
		return kk_record_put_double(writer, field->default_double);
	case KK_FIELD_TEXT:
	case KK_FIELD_STRING:
		return kk_record_put_string(writer, default_text(field), SIZE_MAX);
	case KK_FIELD_BYTES:
		return kk_record_put_bytes(writer, default_text(field), strlen(default_text(field)));
	default:
		return kk_record_put_none(writer);
	}
}

static int put_view(struct kk_record_writer *writer, enum kk_record_kind kind, const void *at)
{
	struct kk_record_view view;

	memcpy(&view, at, sizeof(view));
	return kind == KK_FIELD_STRING ? kk_record_put_string(writer, view.data, view.bytes)
	                               : kk_record_put_bytes(writer, view.data, view.bytes);
}

static int put_member(struct kk_record_writer *writer, const struct kk_record_field *field, const char *at)
{
	struct kk_record_value value;
	size_t length;

	switch (field->kind) {
	case KK_FIELD_BOOL:
		return kk_record_put_bool(writer, load_uint(at, sizeof(bool)) != 0);
	case KK_FIELD_INT:
		return kk_record_put_int(writer, load_int(at, field->size));
	case KK_FIELD_UINT:
		if (load_uint(at, field->size) > INT64_MAX)
			return kk_record_fail(writer, KK_ERR_INVALID, "a number above 2^63 - 1");
		return kk_record_put_int(writer, (int64_t)load_uint(at, field->size));
	case KK_FIELD_DOUBLE:
		return kk_record_put_double(writer, load_double(at, field->size));
	case KK_FIELD_TEXT:
		length = strnlen(at, field->size);
		return length < field->size ? kk_record_put_string(writer, at, length)
		                            : kk_record_fail(writer, KK_ERR_INVALID, "a text without an end");
	case KK_FIELD_VALUE:
		memcpy(&value, at, sizeof(value));
		return kk_record_put_value(writer, &value);
	case KK_FIELD_STRUCT:
		return kk_record_pack(writer, field->schema, at, 0);
	default:
		return put_view(writer, field->kind, at);
	}
}

/* What was read and is not in the table goes behind what is. */
static int put_kept(struct kk_record_writer *writer, const struct kk_record_schema *schema, const void *from)
{
	struct kk_record_value kept, item;
	struct kk_record_cursor cursor;
	struct kk_record_view key;
	int rc = KK_OK;

	if (!schema->keeps)
		return KK_OK;
	memcpy(&kept, (const char *)from + schema->kept_at, sizeof(kept));
	if (kept.type != KK_RECORD_OBJECT || kk_record_each(&kept, &cursor) < 0)
		return KK_OK;
	while (rc == KK_OK && kk_record_next(&cursor, &key, &item) > 0) {
		if (is_known(schema, key))
			continue;
		kk_record_put_key_view(writer, key);
		rc = kk_record_put_value(writer, &item);
	}
	return rc;
}

int kk_record_pack(struct kk_record_writer *writer, const struct kk_record_schema *schema, const void *from,
                   uint32_t as_version)
{
	uint32_t version = as_version > 0 ? as_version : schema->version;
	int rc;

	if (!schema_is_sound(schema))
		return kk_record_fail(writer, KK_ERR_INVALID, "the table of a type is wrong");
	if (version > schema->version)
		return kk_record_fail(writer, KK_ERR_INVALID, "a version of a type that there is not yet");
	rc = kk_record_put_object(writer, schema->name, version, schema->needs < version ? schema->needs : version);
	for (size_t i = 0; i < schema->field_count && rc == KK_OK; i++) {
		const struct kk_record_field *field = &schema->fields[i];
		if (!lives(field, version))
			continue;
		kk_record_put_key(writer, name_in(field, version));
		rc = field->removed > 0 ? put_default(writer, field)
		                        : put_member(writer, field, (const char *)from + field->at);
	}
	if (rc == KK_OK)
		rc = put_kept(writer, schema, from);
	return rc == KK_OK ? kk_record_end(writer) : rc;
}

/* ---- reading */

struct reading {
	const struct kk_record_schema *schema;
	struct kk_record_type_of type;
	struct kk_error *error;
};

static int refuse_field(const struct reading *reading, int code, const struct kk_record_field *field, const char *what)
{
	return kk_error_set(reading->error, code, "%s of %s (version %u) %s", field->name, reading->schema->name,
	                    (unsigned)reading->type.version, what);
}

static int refuse_type(const struct reading *reading, const struct kk_record_field *field,
                       const struct kk_record_value *value)
{
	return kk_error_set(reading->error, KK_ERR_INVALID, "%s of %s (version %u) is of type %s", field->name,
	                    reading->schema->name, (unsigned)reading->type.version, kk_record_type_name(value->type));
}

static int unpack_defaults(const struct kk_record_schema *schema, char *to, struct kk_error *error);

static int set_text(const struct reading *reading, const struct kk_record_field *field, struct kk_record_view text,
                    char *at)
{
	if (text.bytes >= field->size || (text.bytes > 0 && memchr(text.data, 0, text.bytes)))
		return refuse_field(reading, KK_ERR_INVALID, field, "does not fit into its member");
	if (text.bytes > 0)
		memcpy(at, text.data, text.bytes);
	memset(at + text.bytes, 0, field->size - text.bytes);
	return KK_OK;
}

static int set_default(const struct reading *reading, const struct kk_record_field *field, char *at)
{
	struct kk_record_view text = {default_text(field), strlen(default_text(field))};

	switch (field->kind) {
	case KK_FIELD_BOOL:
		store(at, sizeof(bool), field->default_int != 0);
		return KK_OK;
	case KK_FIELD_INT:
	case KK_FIELD_UINT:
		store(at, field->size, (uint64_t)field->default_int);
		return KK_OK;
	case KK_FIELD_DOUBLE:
		store_double(at, field->size, field->default_double);
		return KK_OK;
	case KK_FIELD_TEXT:
		return set_text(reading, field, text, at);
	case KK_FIELD_STRUCT:
		return unpack_defaults(field->schema, at, reading->error);
	case KK_FIELD_VALUE:
		memset(at, 0, field->size);
		return KK_OK;
	default:
		memcpy(at, &text, sizeof(text));
		return KK_OK;
	}
}

static int set_number(const struct reading *reading, const struct kk_record_field *field,
                      const struct kk_record_value *value, char *at)
{
	int64_t number = 0;

	if (kk_record_int(value, &number) < 0)
		return refuse_type(reading, field, value);
	if (!int_fits(number, field->size, field->kind == KK_FIELD_INT))
		return refuse_field(reading, KK_ERR_INVALID, field, "does not fit into its member");
	store(at, field->size, (uint64_t)number);
	return KK_OK;
}

static int set_member(const struct reading *reading, const struct kk_record_field *field,
                      const struct kk_record_value *value, char *at)
{
	struct kk_record_view view;
	double number;
	bool yes;

	switch (field->kind) {
	case KK_FIELD_BOOL:
		if (kk_record_bool(value, &yes) < 0)
			return refuse_type(reading, field, value);
		store(at, sizeof(bool), yes);
		return KK_OK;
	case KK_FIELD_INT:
	case KK_FIELD_UINT:
		return set_number(reading, field, value, at);
	case KK_FIELD_DOUBLE:
		if (kk_record_double(value, &number) < 0)
			return refuse_type(reading, field, value);
		store_double(at, field->size, number);
		return KK_OK;
	case KK_FIELD_VALUE:
		memcpy(at, value, sizeof(*value));
		return KK_OK;
	case KK_FIELD_STRUCT:
		if (kk_record_unpack(value, field->schema, at, reading->error) < 0)
			return kk_error_wrap(reading->error, "%s of %s", field->name, reading->schema->name);
		return KK_OK;
	default:
		break;
	}
	if ((field->kind == KK_FIELD_BYTES ? kk_record_bytes : kk_record_string)(value, &view) < 0)
		return refuse_type(reading, field, value);
	if (field->kind == KK_FIELD_TEXT)
		return set_text(reading, field, view, at);
	memcpy(at, &view, sizeof(view));
	return KK_OK;
}

static int unpack_field(const struct reading *reading, const struct kk_record_value *object,
                        const struct kk_record_field *field, char *to)
{
	struct kk_record_value value = {0};
	int rc = kk_record_find(object, field->name, &value);

	if (rc == KK_ERR_MISSING && field->renamed_from)
		rc = kk_record_find(object, field->renamed_from, &value);
	if (rc < 0 && rc != KK_ERR_MISSING)
		return kk_error_set(reading->error, rc, "%s changed while it was read", reading->schema->name);
	if (rc == KK_OK && (value.type != KK_RECORD_NONE || field->kind == KK_FIELD_VALUE))
		return set_member(reading, field, &value, to + field->at);
	if (field->required && field->since <= reading->type.version)
		return refuse_field(reading, KK_ERR_MISSING, field, "is missing");
	return set_default(reading, field, to + field->at);
}

static void keep(const struct kk_record_schema *schema, const struct kk_record_value *object, char *to)
{
	if (schema->keeps)
		memcpy(to + schema->kept_at, object, sizeof(*object));
}

static int unpack_defaults(const struct kk_record_schema *schema, char *to, struct kk_error *error)
{
	const struct reading reading = {.schema = schema, .error = error};
	const struct kk_record_value nothing = {0};
	int rc = schema_is_sound(schema)
	             ? KK_OK
	             : kk_error_set(error, KK_ERR_INVALID, "the table of %s is wrong", schema->name);

	for (size_t i = 0; i < schema->field_count && rc == KK_OK; i++) {
		if (schema->fields[i].removed == 0)
			rc = set_default(&reading, &schema->fields[i], to + schema->fields[i].at);
	}
	keep(schema, &nothing, to);
	return rc;
}

int kk_record_unpack(const struct kk_record_value *value, const struct kk_record_schema *schema, void *to,
                     struct kk_error *error)
{
	struct reading reading = {.schema = schema, .error = error};
	int rc = KK_OK;

	if (!schema_is_sound(schema))
		return kk_error_set(error, KK_ERR_INVALID, "the table of %s is wrong", schema->name);
	if (kk_record_object(value, &reading.type) < 0)
		return kk_error_set(error, KK_ERR_INVALID, "not a %s: of type %s", schema->name,
		                    kk_record_type_name(value->type));
	if (!is_called(schema->name, reading.type.name))
		return kk_error_set(error, KK_ERR_INVALID, "not a %s: a %.*s", schema->name,
		                    (int)reading.type.name.bytes, reading.type.name.data);
	if (reading.type.needs > schema->version)
		return kk_error_set(error, KK_ERR_VERSION,
		                    "a %s of version %u, for programs that know version %u; this "
		                    "one knows %u",
		                    schema->name, (unsigned)reading.type.version, (unsigned)reading.type.needs,
		                    (unsigned)schema->version);
	for (size_t i = 0; i < schema->field_count && rc == KK_OK; i++) {
		if (schema->fields[i].removed == 0)
			rc = unpack_field(&reading, value, &schema->fields[i], to);
	}
	keep(schema, value, to);
	return rc;
}

int64_t kk_record_encode(const struct kk_record_schema *schema, const void *from, void *buffer, size_t size,
                         struct kk_error *error)
{
	struct kk_record_writer writer;
	const void *data;
	size_t bytes;
	int rc;

	kk_record_begin(&writer, buffer, size);
	kk_record_pack(&writer, schema, from, 0);
	rc = kk_record_finish(&writer, &data, &bytes, error);
	return rc < 0 ? rc : (int64_t)bytes;
}

int kk_record_decode(const struct kk_record_schema *schema, const void *data, size_t bytes, void *to,
                     struct kk_error *error)
{
	struct kk_record_value value;
	int rc = kk_record_open(data, bytes, &value, error);

	return rc < 0 ? rc : kk_record_unpack(&value, schema, to, error);
}
