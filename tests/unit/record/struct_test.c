/* SPDX-License-Identifier: Apache-2.0 */
/* C structs as records: three versions of one type, each written by one and read by the others. */
#include "harness.h"
#include <kakehi/record.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Version 1: a photograph has a name, a width and a rating. */
struct photo1 {
	char name[16];
	int32_t width;
	uint8_t rating;
	struct kk_record_value kept;
};

static const struct kk_record_field fields1[] = {
    {KK_RECORD_MEMBER("name", KK_FIELD_TEXT, struct photo1, name), .required = true},
    {KK_RECORD_MEMBER("width", KK_FIELD_INT, struct photo1, width)},
    {KK_RECORD_MEMBER("rating", KK_FIELD_UINT, struct photo1, rating), .default_int = 3},
};

static const struct kk_record_schema schema1 = {.name = "photo",
                                                .version = 1,
                                                .fields = fields1,
                                                .field_count = 3,
                                                .keeps = true,
                                                .kept_at = offsetof(struct photo1, kept)};

/* Version 2: it has a height, too, required from now on. */
struct photo2 {
	char name[16];
	int32_t width, height;
	uint8_t rating;
	struct kk_record_value kept;
};

static const struct kk_record_field fields2[] = {
    {KK_RECORD_MEMBER("name", KK_FIELD_TEXT, struct photo2, name), .required = true},
    {KK_RECORD_MEMBER("width", KK_FIELD_INT, struct photo2, width)},
    {KK_RECORD_MEMBER("height", KK_FIELD_INT, struct photo2, height), .since = 2, .required = true, .default_int = -1},
    {KK_RECORD_MEMBER("rating", KK_FIELD_UINT, struct photo2, rating), .default_int = 3},
};

static const struct kk_record_schema schema2 = {.name = "photo",
                                                .version = 2,
                                                .fields = fields2,
                                                .field_count = 4,
                                                .keeps = true,
                                                .kept_at = offsetof(struct photo2, kept)};

/* Version 3: the name is called title, the rating is gone, there is a place in a struct of its own. */
struct place {
	double latitude, longitude;
};

static const struct kk_record_field place_fields[] = {
    {KK_RECORD_MEMBER("latitude", KK_FIELD_DOUBLE, struct place, latitude)},
    {KK_RECORD_MEMBER("longitude", KK_FIELD_DOUBLE, struct place, longitude), .default_double = 0.5},
};

static const struct kk_record_schema place_schema = {
    .name = "place", .version = 1, .fields = place_fields, .field_count = 2};

struct photo3 {
	char title[16];
	int64_t width, height;
	struct place place;
};

static const struct kk_record_field fields3[] = {
    {KK_RECORD_MEMBER("title", KK_FIELD_TEXT, struct photo3, title), .renamed_from = "name", .renamed = 3},
    {KK_RECORD_MEMBER("width", KK_FIELD_INT, struct photo3, width)},
    {KK_RECORD_MEMBER("height", KK_FIELD_INT, struct photo3, height), .since = 2, .default_int = -1},
    {.name = "rating", .kind = KK_FIELD_UINT, .removed = 3, .default_int = 3},
    {KK_RECORD_MEMBER("place", KK_FIELD_STRUCT, struct photo3, place), .since = 3, .schema = &place_schema},
};

static const struct kk_record_schema schema3 = {.name = "photo", .version = 3, .fields = fields3, .field_count = 5};

static unsigned char record[500], again[500];

static size_t encode(const struct kk_record_schema *schema, const void *from, unsigned char to[500])
{
	struct kk_error error = {0};
	int64_t bytes = kk_record_encode(schema, from, to, 500, &error);

	if (bytes < 0)
		fail_msg("%s", error.text);
	return (size_t)bytes;
}

static void decode(const struct kk_record_schema *schema, const unsigned char *data, size_t bytes, void *to)
{
	struct kk_error error = {0};

	if (kk_record_decode(schema, data, bytes, to, &error) < 0)
		fail_msg("%s", error.text);
}

static char *text_of(const unsigned char *data, size_t bytes)
{
	static char text[1000];
	struct kk_record_value value;

	assert_int_equal(kk_record_open(data, bytes, &value, NULL), KK_OK);
	kk_record_text(&value, text, sizeof(text));
	return text;
}

static void must_not_decode(const struct kk_record_schema *schema, const unsigned char *data, size_t bytes, void *to,
                            int code, const char *text)
{
	struct kk_error error = {0};

	assert_int_equal(kk_record_decode(schema, data, bytes, to, &error), code);
	if (!strstr(error.text, text))
		fail_msg("\"%s\" does not say \"%s\"", error.text, text);
}

static void test_same_version(void **state)
{
	const struct photo2 written = {.name = "lake", .width = -7, .height = 600, .rating = 255};
	struct photo2 read;
	size_t bytes = encode(&schema2, &written, record);

	(void)state;
	assert_string_equal(text_of(record, bytes),
	                    "photo/2 {\"name\": \"lake\", \"width\": -7, \"height\": 600, \"rating\": 255}");
	memset(&read, 0xAA, sizeof(read));
	decode(&schema2, record, bytes, &read);
	assert_string_equal(read.name, "lake");
	assert_int_equal(read.width, -7);
	assert_int_equal(read.height, 600);
	assert_int_equal(read.rating, 255);
	assert_int_equal(encode(&schema2, &read, again), bytes);
	assert_memory_equal(record, again, bytes);
}

static void test_old_writer_new_reader(void **state)
{
	const struct photo1 one = {.name = "lake", .width = 800, .rating = 5};
	struct photo2 two;
	struct photo3 three;
	size_t bytes = encode(&schema1, &one, record);

	(void)state;
	/* What version 1 has not is missing, though required since 2: the default. */
	decode(&schema2, record, bytes, &two);
	assert_string_equal(two.name, "lake");
	assert_int_equal(two.width, 800);
	assert_int_equal(two.height, -1);
	assert_int_equal(two.rating, 5);
	/* Renamed, removed, and a struct of defaults. */
	decode(&schema3, record, bytes, &three);
	assert_string_equal(three.title, "lake");
	assert_int_equal(three.width, 800);
	assert_int_equal(three.height, -1);
	assert_true(three.place.latitude == 0.0 && three.place.longitude == 0.5);
}

static void test_new_writer_old_reader(void **state)
{
	const struct photo2 two = {.name = "lake", .width = 800, .height = 600, .rating = 5};
	struct photo1 one;
	struct photo2 back;
	size_t bytes = encode(&schema2, &two, record);

	(void)state;
	decode(&schema1, record, bytes, &one);
	assert_string_equal(one.name, "lake");
	assert_int_equal(one.width, 800);
	/* It changes what it knows; what it does not know goes with it. */
	one.width = 801;
	bytes = encode(&schema1, &one, again);
	assert_string_equal(text_of(again, bytes),
	                    "photo/1 {\"name\": \"lake\", \"width\": 801, \"rating\": 5, \"height\": 600}");
	decode(&schema2, again, bytes, &back);
	assert_int_equal(back.width, 801);
	assert_int_equal(back.height, 600);
}

static void test_unknown_fields_need_not_be_kept(void **state)
{
	struct kk_record_schema forgets = schema1;
	const struct photo2 two = {.name = "lake", .height = 600};
	struct photo1 one;
	size_t bytes = encode(&schema2, &two, record);

	(void)state;
	forgets.keeps = false;
	decode(&forgets, record, bytes, &one);
	bytes = encode(&forgets, &one, again);
	assert_string_equal(text_of(again, bytes), "photo/1 {\"name\": \"lake\", \"width\": 0, \"rating\": 0}");
}

static void test_renamed_for_an_old_reader(void **state)
{
	const struct photo3 three = {.title = "lake", .width = 800, .height = 600, .place = {1, 2}};
	struct kk_record_writer writer;
	struct photo2 two;
	struct photo3 back;
	const void *data;
	size_t bytes = encode(&schema3, &three, record);

	(void)state;
	/* An old program does not find what it requires under its old name: it says so. */
	must_not_decode(&schema2, record, bytes, &two, KK_ERR_MISSING, "name of photo (version 3) is missing");
	/* Written for version 2 it has all that version 2 had, and nothing later. */
	kk_record_begin(&writer, record, sizeof(record));
	kk_record_pack(&writer, &schema3, &three, 2);
	assert_int_equal(kk_record_finish(&writer, &data, &bytes, NULL), KK_OK);
	assert_string_equal(text_of(record, bytes),
	                    "photo/2 {\"name\": \"lake\", \"width\": 800, \"height\": 600, \"rating\": 3}");
	decode(&schema2, record, bytes, &two);
	assert_string_equal(two.name, "lake");
	assert_int_equal(two.rating, 3);
	/* And back. */
	bytes = encode(&schema2, &two, record);
	decode(&schema3, record, bytes, &back);
	assert_string_equal(back.title, "lake");
	assert_int_equal(back.height, 600);
	assert_true(back.place.longitude == 0.5);
}

static void test_new_name_counts_more(void **state)
{
	static const struct kk_record_field fields[] = {
	    {KK_RECORD_MEMBER("name", KK_FIELD_TEXT, struct photo1, name), .default_text = "made up"}};
	struct kk_record_schema old = schema1;
	const struct photo3 three = {.title = "lake"};
	struct photo1 one;
	struct photo3 back;
	size_t bytes = encode(&schema3, &three, record);

	(void)state;
	old.fields = fields;
	old.field_count = 1;
	decode(&old, record, bytes, &one);
	assert_string_equal(one.name, "made up");
	bytes = encode(&old, &one, again);
	/* The old program carries the title along beside the name that it has made up: nothing is lost. */
	decode(&schema3, again, bytes, &back);
	assert_string_equal(back.title, "lake");
}

static void test_removed_field_is_dropped(void **state)
{
	struct kk_record_schema keeps = schema1;
	static const struct kk_record_field fields[] = {
	    {KK_RECORD_MEMBER("name", KK_FIELD_TEXT, struct photo1, name)},
	    {.name = "rating", .kind = KK_FIELD_UINT, .removed = 4},
	};
	const struct photo2 two = {.name = "lake", .width = 1, .height = 2, .rating = 9};
	struct photo1 one;
	size_t bytes = encode(&schema2, &two, record);

	(void)state;
	keeps.version = 4;
	keeps.fields = fields;
	keeps.field_count = 2;
	decode(&keeps, record, bytes, &one);
	bytes = encode(&keeps, &one, again);
	/* Not unknown, but gone. */
	assert_string_equal(text_of(again, bytes), "photo/4 {\"name\": \"lake\", \"width\": 1, \"height\": 2}");
}

static void test_needs(void **state)
{
	struct kk_record_schema breaking = schema3;
	const struct photo3 three = {.title = "lake"};
	struct kk_record_writer writer;
	struct photo2 two;
	const void *data;
	size_t bytes;

	(void)state;
	breaking.needs = 3;
	bytes = encode(&breaking, &three, record);
	must_not_decode(&schema2, record, bytes, &two, KK_ERR_VERSION,
	                "a photo of version 3, for programs that know version 3; this one knows 2");
	/* For an old program it asks for no more than that one knows. */
	kk_record_begin(&writer, record, sizeof(record));
	kk_record_pack(&writer, &breaking, &three, 2);
	assert_int_equal(kk_record_finish(&writer, &data, &bytes, NULL), KK_OK);
	decode(&schema2, record, bytes, &two);
	kk_record_again(&writer);
	assert_int_equal(kk_record_pack(&writer, &breaking, &three, 4), KK_ERR_INVALID);
}

/* ---- all kinds of members */

struct all {
	bool yes;
	int8_t i8;
	int16_t i16;
	int32_t i32;
	int64_t i64;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	float single;
	double real;
	char text[4];
	struct kk_record_view string, bytes;
	struct kk_record_value value;
};

static const struct kk_record_field all_fields[] = {
    {KK_RECORD_MEMBER("yes", KK_FIELD_BOOL, struct all, yes), .default_int = 1},
    {KK_RECORD_MEMBER("i8", KK_FIELD_INT, struct all, i8), .default_int = -8},
    {KK_RECORD_MEMBER("i16", KK_FIELD_INT, struct all, i16), .default_int = -16},
    {KK_RECORD_MEMBER("i32", KK_FIELD_INT, struct all, i32), .default_int = -32},
    {KK_RECORD_MEMBER("i64", KK_FIELD_INT, struct all, i64), .default_int = -64},
    {KK_RECORD_MEMBER("u8", KK_FIELD_UINT, struct all, u8), .default_int = 8},
    {KK_RECORD_MEMBER("u16", KK_FIELD_UINT, struct all, u16), .default_int = 16},
    {KK_RECORD_MEMBER("u32", KK_FIELD_UINT, struct all, u32), .default_int = 32},
    {KK_RECORD_MEMBER("u64", KK_FIELD_UINT, struct all, u64), .default_int = 64},
    {KK_RECORD_MEMBER("single", KK_FIELD_DOUBLE, struct all, single), .default_double = 0.25},
    {KK_RECORD_MEMBER("real", KK_FIELD_DOUBLE, struct all, real), .default_double = 0.1},
    {KK_RECORD_MEMBER("text", KK_FIELD_TEXT, struct all, text), .default_text = "abc"},
    {KK_RECORD_MEMBER("string", KK_FIELD_STRING, struct all, string), .default_text = "longer"},
    {KK_RECORD_MEMBER("bytes", KK_FIELD_BYTES, struct all, bytes)},
    {KK_RECORD_MEMBER("value", KK_FIELD_VALUE, struct all, value)},
};

static const struct kk_record_schema all_schema = {
    .name = "all", .version = 1, .fields = all_fields, .field_count = sizeof(all_fields) / sizeof(*all_fields)};

static void test_all_kinds(void **state)
{
	const struct all rows[] = {
	    {.string = {"", 0}, .bytes = {"", 0}},
	    {true,
	     INT8_MAX,
	     INT16_MAX,
	     INT32_MAX,
	     INT64_MAX,
	     UINT8_MAX,
	     UINT16_MAX,
	     UINT32_MAX,
	     INT64_MAX,
	     1.5F,
	     1e300,
	     "xyz",
	     {"string", 6},
	     {"\0\xff", 2},
	     {0}},
	    {false, INT8_MIN, INT16_MIN, INT32_MIN, INT64_MIN, 0, 0, 0, 0, -1.5F, -0.1, "", {"", 0}, {"", 0}, {0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct all read;
		size_t bytes = encode(&all_schema, &rows[i], record);
		decode(&all_schema, record, bytes, &read);
		assert_int_equal(read.yes, rows[i].yes);
		assert_memory_equal(&read.i8, &rows[i].i8, offsetof(struct all, u8) - offsetof(struct all, i8));
		assert_int_equal(read.u8, rows[i].u8);
		assert_int_equal(read.u16, rows[i].u16);
		assert_int_equal(read.u32, rows[i].u32);
		assert_true(read.u64 == rows[i].u64);
		assert_true(read.single == rows[i].single && read.real == rows[i].real);
		assert_memory_equal(read.text, rows[i].text, sizeof(read.text));
		assert_int_equal(read.string.bytes, rows[i].string.bytes);
		assert_memory_equal(read.string.data, rows[i].string.data, read.string.bytes);
		assert_int_equal(read.bytes.bytes, rows[i].bytes.bytes);
		assert_memory_equal(read.bytes.data, rows[i].bytes.data, read.bytes.bytes);
		assert_int_equal(encode(&all_schema, &read, again), bytes);
		assert_memory_equal(record, again, bytes);
	}
}

/* A record by hand: an object "all" with one field. */
static size_t with_field(const char *name, void (*put)(struct kk_record_writer *writer))
{
	struct kk_record_writer writer;
	const void *data;
	size_t bytes;

	kk_record_begin(&writer, record, sizeof(record));
	kk_record_put_object(&writer, "all", 1, 1);
	if (name) {
		kk_record_put_key(&writer, name);
		put(&writer);
	}
	kk_record_end(&writer);
	assert_int_equal(kk_record_finish(&writer, &data, &bytes, NULL), KK_OK);
	return bytes;
}

static void put_none(struct kk_record_writer *writer)
{
	kk_record_put_none(writer);
}

static void put_list(struct kk_record_writer *writer)
{
	kk_record_put_list(writer);
	kk_record_put_int(writer, 1);
	kk_record_end(writer);
}

static void put_128(struct kk_record_writer *writer)
{
	kk_record_put_int(writer, 128);
}

static void put_minus_1(struct kk_record_writer *writer)
{
	kk_record_put_int(writer, -1);
}

static void put_large(struct kk_record_writer *writer)
{
	kk_record_put_int(writer, INT64_C(1) << 32);
}

static void put_abcd(struct kk_record_writer *writer)
{
	kk_record_put_string(writer, "abcd", 4);
}

static void put_nul(struct kk_record_writer *writer)
{
	kk_record_put_string(writer, "a\0b", 3);
}

static void test_defaults(void **state)
{
	static const char *const names[] = {NULL, "yes", "i8", "u64", "real", "text", "string", "bytes", "value"};
	struct all read;

	(void)state;
	/* Missing, or none. */
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		memset(&read, 0xAA, sizeof(read));
		decode(&all_schema, record, with_field(names[i], put_none), &read);
		assert_true(read.yes);
		assert_int_equal(read.i8 + read.i16 + read.i32 + read.i64, -120);
		assert_int_equal(read.u8 + read.u16 + read.u32 + read.u64, 120);
		assert_true(read.single == 0.25F && read.real == 0.1);
		assert_string_equal(read.text, "abc");
		assert_memory_equal(read.string.data, "longer", read.string.bytes);
		assert_int_equal(read.bytes.bytes, 0);
		assert_int_equal(read.value.type, KK_RECORD_NONE);
	}
}

static void test_values_are_carried(void **state)
{
	struct all read;
	int64_t number = 0;
	struct kk_record_value item;
	size_t bytes = with_field("value", put_list);

	(void)state;
	decode(&all_schema, record, bytes, &read);
	assert_int_equal(kk_record_at(&read.value, 0, &item), KK_OK);
	assert_int_equal(kk_record_int(&item, &number), KK_OK);
	assert_int_equal(number, 1);
	bytes = encode(&all_schema, &read, again);
	assert_non_null(strstr(text_of(again, bytes), "\"value\": [1]"));
}

static void test_what_does_not_fit(void **state)
{
	static const struct {
		const char *name;
		void (*put)(struct kk_record_writer *writer);
		const char *text;
	} rows[] = {
	    {"i8", put_128, "i8 of all (version 1) does not fit"},
	    {"u8", put_minus_1, "u8 of all (version 1) does not fit"},
	    {"u64", put_minus_1, "u64 of all (version 1) does not fit"},
	    {"i32", put_large, "i32 of all (version 1) does not fit"},
	    {"u32", put_large, "u32 of all (version 1) does not fit"},
	    {"text", put_abcd, "text of all (version 1) does not fit"},
	    {"text", put_nul, "text of all (version 1) does not fit"},
	    {"yes", put_128, "yes of all (version 1) is of type int"},
	    {"i16", put_abcd, "i16 of all (version 1) is of type string"},
	    {"real", put_abcd, "real of all (version 1) is of type string"},
	    {"string", put_list, "string of all (version 1) is of type list"},
	    {"bytes", put_abcd, "bytes of all (version 1) is of type string"},
	    {"text", put_list, "text of all (version 1) is of type list"},
	};
	struct all read;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		must_not_decode(&all_schema, record, with_field(rows[i].name, rows[i].put), &read, KK_ERR_INVALID,
		                rows[i].text);
	decode(&all_schema, record, with_field("u8", put_128), &read);
	assert_int_equal(read.u8, 128);
	decode(&all_schema, record, with_field("real", put_128), &read);
	assert_true(read.real == 128);
}

static void test_what_cannot_be_written(void **state)
{
	struct all one = {.string = {"", 0}, .bytes = {"", 0}};
	struct kk_error error = {0};

	(void)state;
	one.u64 = UINT64_MAX;
	assert_int_equal(kk_record_encode(&all_schema, &one, record, sizeof(record), &error), KK_ERR_INVALID);
	assert_string_equal(error.text, "cannot write a record: a number above 2^63 - 1");
	one.u64 = 0;
	memcpy(one.text, "abcd", 4);
	assert_int_equal(kk_record_encode(&all_schema, &one, record, sizeof(record), &error), KK_ERR_INVALID);
	assert_string_equal(error.text, "cannot write a record: a text without an end");
	one.text[0] = (char)0xFF;
	one.text[1] = 0;
	assert_int_equal(kk_record_encode(&all_schema, &one, record, sizeof(record), &error), KK_ERR_INVALID);
	one.text[0] = 0;
	assert_int_equal(kk_record_encode(&all_schema, &one, record, 20, &error), KK_ERR_NO_ROOM);
}

static void test_other_types(void **state)
{
	struct kk_record_writer writer;
	struct photo1 one;
	struct photo3 three;
	const void *data;
	size_t bytes;

	(void)state;
	must_not_decode(&schema1, record, with_field(NULL, NULL), &one, KK_ERR_INVALID, "not a photo: a all");
	must_not_decode(&schema1, (const unsigned char *)"\xe1\x01\x08\x00", 4, &one, KK_ERR_INVALID,
	                "not a photo: of type map");
	must_not_decode(&schema1, record, 3, &one, KK_ERR_CORRUPT, "not a record");
	/* A struct in it that is another one says where. */
	kk_record_begin(&writer, record, sizeof(record));
	kk_record_put_object(&writer, "photo", 3, 1);
	kk_record_put_key(&writer, "place");
	kk_record_put_int(&writer, 1);
	kk_record_end(&writer);
	assert_int_equal(kk_record_finish(&writer, &data, &bytes, NULL), KK_OK);
	must_not_decode(&schema3, record, bytes, &three, KK_ERR_INVALID, "place of photo: not a place: of type int");
}

static void test_wrong_tables(void **state)
{
	static const struct {
		const char *name;
		enum kk_record_kind kind;
		size_t size;
	} rows[] = {{"a", KK_FIELD_INT, 3},    {"a", KK_FIELD_DOUBLE, 2},        {"a", KK_FIELD_TEXT, 0},
	            {"a", KK_FIELD_STRUCT, 8}, {"a", KK_FIELD_STRING, 8},        {"a", KK_FIELD_BOOL, 4},
	            {NULL, KK_FIELD_INT, 4},   {"a", (enum kk_record_kind)99, 4}};
	char memory[16] = "";
	struct kk_error error = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct kk_record_field field = {.name = rows[i].name, .kind = rows[i].kind, .size = rows[i].size};
		const struct kk_record_schema schema = {
		    .name = "all", .version = 1, .fields = &field, .field_count = 1};
		assert_int_equal(kk_record_encode(&schema, memory, record, sizeof(record), &error), KK_ERR_INVALID);
		assert_string_equal(error.text, "cannot write a record: the table of a type is wrong");
		must_not_decode(&schema, record, with_field(NULL, NULL), memory, KK_ERR_INVALID,
		                "the table of all is wrong");
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_same_version),
    cmocka_unit_test(test_old_writer_new_reader),
    cmocka_unit_test(test_new_writer_old_reader),
    cmocka_unit_test(test_unknown_fields_need_not_be_kept),
    cmocka_unit_test(test_renamed_for_an_old_reader),
    cmocka_unit_test(test_new_name_counts_more),
    cmocka_unit_test(test_removed_field_is_dropped),
    cmocka_unit_test(test_needs),
    cmocka_unit_test(test_all_kinds),
    cmocka_unit_test(test_defaults),
    cmocka_unit_test(test_values_are_carried),
    cmocka_unit_test(test_what_does_not_fit),
    cmocka_unit_test(test_what_cannot_be_written),
    cmocka_unit_test(test_other_types),
    cmocka_unit_test(test_wrong_tables),
};

HARNESS_MAIN(tests)
