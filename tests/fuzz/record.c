/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/record.c - any bytes as a record: what is let pass has one encoding, which is what was given; is unpacked
 * into a struct and packed again without loss; and may change under its reader without harm. */
#include <kakehi/record.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct inner {
	float single;
	bool yes;
};

struct outer {
	int64_t integer;
	uint16_t small;
	double real;
	char text[8];
	struct kk_record_view string, bytes;
	struct kk_record_value value, kept;
	struct inner inner;
};

static const struct kk_record_field inner_fields[] = {
    {KK_RECORD_MEMBER("s", KK_FIELD_DOUBLE, struct inner, single)},
    {KK_RECORD_MEMBER("y", KK_FIELD_BOOL, struct inner, yes)},
};

static const struct kk_record_schema inner_schema = {
    .name = "i", .version = 1, .fields = inner_fields, .field_count = 2};

static const struct kk_record_field fields[] = {
    {KK_RECORD_MEMBER("n", KK_FIELD_INT, struct outer, integer), .default_int = -1},
    {KK_RECORD_MEMBER("u", KK_FIELD_UINT, struct outer, small), .renamed_from = "v", .renamed = 2},
    {KK_RECORD_MEMBER("r", KK_FIELD_DOUBLE, struct outer, real)},
    {KK_RECORD_MEMBER("t", KK_FIELD_TEXT, struct outer, text), .default_text = "t"},
    {KK_RECORD_MEMBER("s", KK_FIELD_STRING, struct outer, string)},
    {KK_RECORD_MEMBER("b", KK_FIELD_BYTES, struct outer, bytes)},
    {KK_RECORD_MEMBER("x", KK_FIELD_VALUE, struct outer, value)},
    {KK_RECORD_MEMBER("i", KK_FIELD_STRUCT, struct outer, inner), .since = 2, .schema = &inner_schema},
    {.name = "g", .kind = KK_FIELD_INT, .removed = 2},
};

static const struct kk_record_schema schema = {.name = "o",
                                               .version = 2,
                                               .fields = fields,
                                               .field_count = sizeof(fields) / sizeof(*fields),
                                               .keeps = true,
                                               .kept_at = offsetof(struct outer, kept)};

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Every value by the function of its type. */
static void copy(struct kk_record_writer *writer, const struct kk_record_value *value)
{
	struct kk_record_type_of type;
	struct kk_record_cursor cursor;
	struct kk_record_value item;
	struct kk_record_view view;
	char name[KK_RECORD_NAME_MAX + 1] = "";
	int64_t number = 0, count = 0;
	double real = 0;
	bool yes = false;

	switch (value->type) {
	case KK_RECORD_NONE:
		kk_record_put_none(writer);
		return;
	case KK_RECORD_BOOL:
		must(kk_record_bool(value, &yes) == 0);
		kk_record_put_bool(writer, yes);
		return;
	case KK_RECORD_INT:
		must(kk_record_int(value, &number) == 0);
		kk_record_put_int(writer, number);
		return;
	case KK_RECORD_DOUBLE:
		must(kk_record_double(value, &real) == 0);
		kk_record_put_double(writer, real);
		return;
	case KK_RECORD_STRING:
		must(kk_record_string(value, &view) == 0);
		kk_record_put_string(writer, view.data, view.bytes);
		return;
	case KK_RECORD_BYTES:
		must(kk_record_bytes(value, &view) == 0);
		kk_record_put_bytes(writer, view.data, view.bytes);
		return;
	case KK_RECORD_LIST:
		kk_record_put_list(writer);
		break;
	case KK_RECORD_MAP:
		kk_record_put_map(writer);
		break;
	case KK_RECORD_OBJECT:
		must(kk_record_object(value, &type) == 0);
		memcpy(name, type.name.data, type.name.bytes);
		kk_record_put_object(writer, name, type.version, type.needs);
		break;
	}
	must(kk_record_each(value, &cursor) == 0);
	while (kk_record_next(&cursor, &view, &item) > 0) {
		if (value->type != KK_RECORD_LIST)
			kk_record_put_key_view(writer, view);
		copy(writer, &item);
		count++;
	}
	must(count == kk_record_count(value));
	kk_record_end(writer);
}

/* Goes everywhere, believes nothing. */
static void wander(const struct kk_record_value *value, unsigned depth)
{
	struct kk_record_cursor cursor;
	struct kk_record_value item;
	struct kk_record_view key;
	int64_t number;
	double real;

	kk_record_int(value, &number);
	kk_record_double(value, &real);
	kk_record_find(value, "n", &item);
	if (depth > KK_RECORD_DEPTH || kk_record_each(value, &cursor) < 0)
		return;
	while (kk_record_next(&cursor, &key, &item) > 0)
		wander(&item, depth + 1);
}

static void same_again(const struct kk_record_value *value, const uint8_t *data, size_t size)
{
	struct kk_record_writer writer;
	const void *again;
	size_t bytes;

	kk_record_begin_growing(&writer, 0);
	copy(&writer, value);
	must(kk_record_finish(&writer, &again, &bytes, NULL) == 0 && bytes == size && memcmp(again, data, size) == 0);
	kk_record_again(&writer);
	kk_record_put_value(&writer, value);
	must(kk_record_finish(&writer, &again, &bytes, NULL) == 0 && bytes == size && memcmp(again, data, size) == 0);
	kk_record_free(&writer);
}

static void as_struct(const struct kk_record_value *value)
{
	static unsigned char first[1 << 20], second[1 << 20];
	struct outer outer;
	int64_t bytes;

	if (kk_record_unpack(value, &schema, &outer, NULL) < 0)
		return;
	bytes = kk_record_encode(&schema, &outer, first, sizeof(first), NULL);
	/* Refused only if the keys became too many. */
	if (bytes < 0)
		return;
	must(kk_record_decode(&schema, first, (size_t)bytes, &outer, NULL) == 0);
	must(kk_record_encode(&schema, &outer, second, sizeof(second), NULL) == bytes);
	must(memcmp(first, second, (size_t)bytes) == 0);
}

static void as_text(const struct kk_record_value *value)
{
	char small[16], *whole;
	size_t length = kk_record_text(value, small, sizeof(small));

	whole = malloc(length + 1);
	must(whole != NULL && kk_record_text(value, whole, length + 1) == length && strlen(whole) == length);
	must(strncmp(small, whole, sizeof(small) - 1) == 0);
	free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kk_record_value value;
	uint8_t *changed;
	size_t at;

	if (kk_record_open(data, size, &value, NULL) < 0)
		return 0;
	same_again(&value, data, size);
	as_struct(&value);
	as_text(&value);
	changed = malloc(size);
	must(changed != NULL);
	memcpy(changed, data, size);
	must(kk_record_open(changed, size, &value, NULL) == 0);
	/* One byte becomes another while it is read; which one the bytes themselves say. */
	at = ((size_t)data[size - 1] * 257 + data[size / 2]) % size;
	changed[at] = (uint8_t)(changed[at] + 1 + data[size / 3]);
	wander(&value, 0);
	free(changed);
	return 0;
}
