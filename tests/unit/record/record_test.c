/* SPDX-License-Identifier: Apache-2.0 */
/* Records: the bytes of docs/record.md, what is read of them, and what is refused. */
#include "harness.h"
#include <kakehi/record.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The record as hexadecimal digits, a blank between bytes. */
static char *hex_of(struct kk_record_writer *writer)
{
	struct kk_error error = {0};
	const void *data;
	size_t bytes;
	char *text;

	if (kk_record_finish(writer, &data, &bytes, &error) < 0)
		fail_msg("%s", error.text);
	text = harness_keep(calloc(bytes + 1, 3));
	for (size_t i = 0; i < bytes; i++)
		sprintf(text + 3 * i, i + 1 < bytes ? "%02x " : "%02x", ((const unsigned char *)data)[i]);
	return text;
}

static size_t from_hex(const char *hex, unsigned char *to)
{
	size_t count = 0;
	unsigned byte;
	int used;

	for (; sscanf(hex, "%2x%n", &byte, &used) == 1; hex += used)
		to[count++] = (unsigned char)byte;
	return count;
}

static char *text_of(const struct kk_record_value *value)
{
	static char text[2000];

	assert_true(kk_record_text(value, text, sizeof(text)) < sizeof(text));
	return text;
}

static struct kk_record_value opened(struct kk_record_writer *writer)
{
	struct kk_error error = {0};
	struct kk_record_value value;
	const void *data;
	size_t bytes;

	if (kk_record_finish(writer, &data, &bytes, &error) < 0 || kk_record_open(data, bytes, &value, &error) < 0)
		fail_msg("%s", error.text);
	return value;
}

/* ---- one encoding for each value */

static void test_ints(void **state)
{
	static const struct {
		int64_t number;
		const char *hex;
	} rows[] = {
	    {0, "e1 01 03 00"},
	    {-1, "e1 01 03 01"},
	    {1, "e1 01 03 02"},
	    {-64, "e1 01 03 7f"},
	    {64, "e1 01 03 80 01"},
	    {300, "e1 01 03 d8 04"},
	    {INT64_MAX, "e1 01 03 fe ff ff ff ff ff ff ff ff 01"},
	    {INT64_MIN, "e1 01 03 ff ff ff ff ff ff ff ff ff 01"},
	};
	unsigned char buffer[20];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct kk_record_writer writer;
		struct kk_record_value value;
		int64_t number = 7;
		kk_record_begin(&writer, buffer, sizeof(buffer));
		assert_int_equal(kk_record_put_int(&writer, rows[i].number), KK_OK);
		assert_string_equal(hex_of(&writer), rows[i].hex);
		value = opened(&writer);
		assert_int_equal(value.type, KK_RECORD_INT);
		assert_int_equal(kk_record_int(&value, &number), KK_OK);
		assert_true(number == rows[i].number);
	}
}

static void test_doubles(void **state)
{
	static const struct {
		double number;
		const char *hex, *text;
	} rows[] = {
	    {0, "e1 01 04 00 00 00 00 00 00 00 00", "0.0"},
	    {-0.0, "e1 01 04 00 00 00 00 00 00 00 80", "-0.0"},
	    {1.5, "e1 01 04 00 00 00 00 00 00 f8 3f", "1.5"},
	    {0.1, "e1 01 04 9a 99 99 99 99 99 b9 3f", "0.1"},
	    {1e300, "e1 01 04 9c 75 00 88 3c e4 37 7e", "1e+300"},
	    {-123456, "e1 01 04 00 00 00 00 00 24 fe c0", "-123456.0"},
	    {INFINITY, "e1 01 04 00 00 00 00 00 00 f0 7f", "inf"},
	    {-INFINITY, "e1 01 04 00 00 00 00 00 00 f0 ff", "-inf"},
	};
	unsigned char buffer[20];
	struct kk_record_writer writer;
	struct kk_record_value value;
	double number;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		kk_record_begin(&writer, buffer, sizeof(buffer));
		assert_int_equal(kk_record_put_double(&writer, rows[i].number), KK_OK);
		assert_string_equal(hex_of(&writer), rows[i].hex);
		value = opened(&writer);
		assert_int_equal(kk_record_double(&value, &number), KK_OK);
		assert_memory_equal(&number, &rows[i].number, sizeof(number));
		assert_string_equal(text_of(&value), rows[i].text);
	}
	kk_record_begin(&writer, buffer, sizeof(buffer));
	kk_record_put_double(&writer, NAN);
	value = opened(&writer);
	assert_int_equal(kk_record_double(&value, &number), KK_OK);
	assert_true(isnan(number));
	assert_string_equal(text_of(&value), "nan");
}

static void test_double_from_int(void **state)
{
	static const struct {
		int64_t number;
		int expected;
	} rows[] = {{5, KK_OK}, {-(1LL << 53), KK_OK}, {1LL << 53, KK_OK}, {(1LL << 53) + 1, KK_ERR_INVALID}};
	unsigned char buffer[20];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct kk_record_writer writer;
		struct kk_record_value value;
		double number = 0;
		kk_record_begin(&writer, buffer, sizeof(buffer));
		kk_record_put_int(&writer, rows[i].number);
		value = opened(&writer);
		assert_int_equal(kk_record_double(&value, &number), rows[i].expected);
		assert_true(rows[i].expected < 0 || number == (double)rows[i].number);
	}
}

/* The example of docs/record.md. */
static void put_example(struct kk_record_writer *writer)
{
	kk_record_put_object(writer, "point", 2, 1);
	kk_record_put_key(writer, "x");
	kk_record_put_double(writer, 1.5);
	kk_record_put_key(writer, "tags");
	kk_record_put_list(writer);
	kk_record_put_string(writer, "\xc3\xa9", SIZE_MAX);
	kk_record_put_none(writer);
	kk_record_put_bool(writer, true);
	kk_record_put_bool(writer, false);
	kk_record_end(writer);
	kk_record_put_key(writer, "raw");
	kk_record_put_bytes(writer, "\x00\xff", 2);
	kk_record_put_key(writer, "more");
	kk_record_put_map(writer);
	kk_record_put_key(writer, "");
	kk_record_put_int(writer, -300);
	kk_record_end(writer);
	kk_record_end(writer);
}

static void test_documented_example(void **state)
{
	unsigned char buffer[100];
	struct kk_record_writer writer;
	struct kk_record_value value, item;
	struct kk_record_type_of type;
	struct kk_record_view view;
	bool yes = false;

	(void)state;
	kk_record_begin(&writer, buffer, sizeof(buffer));
	put_example(&writer);
	assert_string_equal(hex_of(&writer), "e1 01 09 34 05 70 6f 69 6e 74 02 01 01 78 04 00 00 00 00 00 00 f8 3f "
	                                     "04 74 61 67 73 07 07 05 02 c3 a9 00 02 01 03 72 61 77 06 02 00 ff "
	                                     "04 6d 6f 72 65 08 04 00 03 d7 04");
	value = opened(&writer);
	assert_string_equal(text_of(&value), "point/2 {\"x\": 1.5, \"tags\": [\"\xc3\xa9\", null, true, false], "
	                                     "\"raw\": b\"00ff\", \"more\": {\"\": -300}}");
	assert_int_equal(kk_record_object(&value, &type), KK_OK);
	assert_int_equal(type.version, 2);
	assert_int_equal(type.needs, 1);
	assert_memory_equal(type.name.data, "point", type.name.bytes);
	assert_int_equal(kk_record_count(&value), 4);
	assert_int_equal(kk_record_find(&value, "raw", &item), KK_OK);
	assert_int_equal(kk_record_bytes(&item, &view), KK_OK);
	assert_int_equal(view.bytes, 2);
	assert_memory_equal(view.data, "\x00\xff", 2);
	assert_int_equal(kk_record_find(&value, "ra", &item), KK_ERR_MISSING);
	assert_int_equal(kk_record_find(&value, "tags", &item), KK_OK);
	assert_int_equal(kk_record_count(&item), 4);
	assert_int_equal(kk_record_at(&item, 2, &value), KK_OK);
	assert_int_equal(kk_record_bool(&value, &yes), KK_OK);
	assert_true(yes);
	assert_int_equal(kk_record_at(&item, 4, &value), KK_ERR_MISSING);
	assert_int_equal(kk_record_at(&item, 0, &value), KK_OK);
	assert_int_equal(kk_record_string(&value, &view), KK_OK);
	assert_int_equal(view.bytes, 2);
}

static void test_other_types_are_refused(void **state)
{
	static const struct kk_record_value none = {0};
	unsigned char buffer[20];
	struct kk_record_writer writer;
	struct kk_record_value list, item;
	struct kk_record_cursor cursor;
	struct kk_record_type_of type;
	struct kk_record_view view;
	int64_t number;
	double real;
	bool yes;

	(void)state;
	assert_int_equal(kk_record_bool(&none, &yes), KK_ERR_INVALID);
	assert_int_equal(kk_record_int(&none, &number), KK_ERR_INVALID);
	assert_int_equal(kk_record_double(&none, &real), KK_ERR_INVALID);
	assert_int_equal(kk_record_string(&none, &view), KK_ERR_INVALID);
	assert_int_equal(kk_record_bytes(&none, &view), KK_ERR_INVALID);
	assert_int_equal(kk_record_object(&none, &type), KK_ERR_INVALID);
	assert_int_equal(kk_record_each(&none, &cursor), KK_ERR_INVALID);
	assert_int_equal(kk_record_count(&none), KK_ERR_INVALID);
	assert_int_equal(kk_record_at(&none, 0, &item), KK_ERR_INVALID);
	assert_int_equal(kk_record_find(&none, "a", &item), KK_ERR_INVALID);
	assert_string_equal(text_of(&none), "null");
	kk_record_begin(&writer, buffer, sizeof(buffer));
	kk_record_put_list(&writer);
	kk_record_end(&writer);
	list = opened(&writer);
	assert_int_equal(kk_record_find(&list, "a", &item), KK_ERR_INVALID);
	assert_int_equal(kk_record_count(&list), 0);
	for (int i = KK_RECORD_NONE; i <= KK_RECORD_OBJECT; i++)
		assert_true(strlen(kk_record_type_name((enum kk_record_type)i)) > 2);
	assert_string_equal(kk_record_type_name((enum kk_record_type)99), "unknown");
}

/* ---- bytes that are no record */

static void test_hostile_bytes(void **state)
{
	static const struct {
		const char *hex, *wrong;
		int code;
	} rows[] = {
	    {"", "not a record", KK_ERR_CORRUPT},
	    {"e1", "not a record", KK_ERR_CORRUPT},
	    {"7b 7d", "not a record", KK_ERR_CORRUPT},
	    {"e1 02 00", "a record of format 2", KK_ERR_VERSION},
	    {"e1 01", "a value is missing, at byte 2", KK_ERR_CORRUPT},
	    {"e1 01 0a", "an unknown type, at byte 2", KK_ERR_CORRUPT},
	    {"e1 01 ff", "an unknown type, at byte 2", KK_ERR_CORRUPT},
	    {"e1 01 00 00", "something follows it, at byte 3", KK_ERR_CORRUPT},
	    {"e1 01 03", "it ends in a number, at byte 2", KK_ERR_CORRUPT},
	    {"e1 01 03 80", "it ends in a number", KK_ERR_CORRUPT},
	    {"e1 01 03 80 00", "zeros before it", KK_ERR_CORRUPT},
	    {"e1 01 03 ff ff ff ff ff ff ff ff ff 02", "more than 64 bits", KK_ERR_CORRUPT},
	    {"e1 01 03 ff ff ff ff ff ff ff ff ff ff 01", "more than 64 bits", KK_ERR_CORRUPT},
	    {"e1 01 04 00 00 00 00 00 00 00", "it ends in a double", KK_ERR_CORRUPT},
	    {"e1 01 05 02 61", "beyond the end", KK_ERR_CORRUPT},
	    {"e1 01 05 ff ff ff ff ff ff ff ff ff 01 61", "beyond the end", KK_ERR_CORRUPT},
	    {"e1 01 05 81 00 61", "zeros before it", KK_ERR_CORRUPT},
	    {"e1 01 05 01 ff", "not UTF-8, at byte 2", KK_ERR_CORRUPT},
	    {"e1 01 07 02 00", "beyond the end", KK_ERR_CORRUPT},
	    {"e1 01 07 01 03 00", "it ends in a number", KK_ERR_CORRUPT},
	    {"e1 01 07 03 05 02 61 61", "beyond the end", KK_ERR_CORRUPT},
	    {"e1 01 08 02 01 61", "a value is missing", KK_ERR_CORRUPT},
	    {"e1 01 08 03 01 ff 00", "not UTF-8", KK_ERR_CORRUPT},
	    {"e1 01 08 06 01 61 00 01 61 00", "a key that comes twice", KK_ERR_CORRUPT},
	    {"e1 01 08 09 01 61 00 01 62 00 01 61 00", "a key that comes twice", KK_ERR_CORRUPT},
	    {"e1 01 09 00", "it ends in a number", KK_ERR_CORRUPT},
	    {"e1 01 09 03 00 01 01", "name of a type", KK_ERR_CORRUPT},
	    {"e1 01 09 06 03 61 00 62 01 01", "name of a type", KK_ERR_CORRUPT},
	    {"e1 01 09 04 01 7f 01 01", "name of a type", KK_ERR_CORRUPT},
	    {"e1 01 09 04 01 61 01 00", "version of a type", KK_ERR_CORRUPT},
	    {"e1 01 09 04 01 61 00 00", "version of a type", KK_ERR_CORRUPT},
	    {"e1 01 09 04 01 61 01 02", "version of a type", KK_ERR_CORRUPT},
	    {"e1 01 09 08 01 61 80 80 80 80 10 01", "version of a type", KK_ERR_CORRUPT},
	    {"e1 01 09 03 01 61 01", "it ends in a number", KK_ERR_CORRUPT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned char bytes[64];
		struct kk_record_value value;
		struct kk_error error = {0};
		int rc = kk_record_open(bytes, from_hex(rows[i].hex, bytes), &value, &error);
		if (rc != rows[i].code || !strstr(error.text, rows[i].wrong))
			fail_msg("%s: %d, %s", rows[i].hex, rc, error.text);
		assert_int_equal(value.type, KK_RECORD_NONE);
	}
	assert_int_equal(kk_record_open("", (size_t)KK_RECORD_MAX + 1, &(struct kk_record_value){0}, NULL),
	                 KK_ERR_NO_ROOM);
}

static void test_every_cut_is_refused(void **state)
{
	unsigned char buffer[100];
	struct kk_record_writer writer;
	struct kk_record_value value;
	const void *data;
	size_t bytes;

	(void)state;
	kk_record_begin(&writer, buffer, sizeof(buffer));
	put_example(&writer);
	assert_int_equal(kk_record_finish(&writer, &data, &bytes, NULL), KK_OK);
	for (size_t cut = 0; cut < bytes; cut++) {
		/* A copy of that size, so that a sanitizer sees who reads beyond. */
		unsigned char *copy = malloc(cut + 1);
		assert_non_null(copy);
		memcpy(copy + 1, data, cut);
		assert_int_equal(kk_record_open(copy + 1, cut, &value, NULL), KK_ERR_CORRUPT);
		free(copy);
	}
}

static void test_utf8(void **state)
{
	static const struct {
		const char *text;
		bool right;
	} rows[] = {
	    {"", true},
	    {"plain \x01\x7f", true},
	    {"\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf", true},
	    {"\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf", true},
	    {"\x80", false},             /* a second byte alone */
	    {"\xc2", false},             /* cut */
	    {"\xe2\x82", false},         /* cut */
	    {"\xf0\x9f\x98", false},     /* cut */
	    {"\xc0\x80", false},         /* longer than it must be */
	    {"\xc1\xbf", false},         /* longer than it must be */
	    {"\xe0\x9f\xbf", false},     /* longer than it must be */
	    {"\xf0\x8f\xbf\xbf", false}, /* longer than it must be */
	    {"\xed\xa0\x80", false},     /* a surrogate */
	    {"\xf4\x90\x80\x80", false}, /* above U+10FFFF */
	    {"\xf5\x80\x80\x80", false}, /* above U+10FFFF */
	    {"\xc2\x41", false},         /* no second byte */
	    {"\xe2\x82\x41", false},     /* no third byte */
	    {"\xff", false},
	};
	unsigned char buffer[100];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct kk_record_writer writer;
		struct kk_error error = {0};
		const void *data;
		size_t bytes;
		kk_record_begin(&writer, buffer, sizeof(buffer));
		if ((kk_record_put_string(&writer, rows[i].text, SIZE_MAX) == KK_OK) != rows[i].right)
			fail_msg("row %zu", i);
		assert_int_equal(kk_record_finish(&writer, &data, &bytes, &error),
		                 rows[i].right ? KK_OK : KK_ERR_INVALID);
	}
}

/* ---- limits */

static void test_depth(void **state)
{
	unsigned char buffer[100];
	struct kk_record_writer writer;
	struct kk_record_value deep;

	(void)state;
	for (unsigned depth = KK_RECORD_DEPTH; depth <= KK_RECORD_DEPTH + 1; depth++) {
		bool fits = depth == KK_RECORD_DEPTH;
		unsigned char bytes[2 + 2 * (KK_RECORD_DEPTH + 1)] = {0xE1, 1};
		kk_record_begin(&writer, buffer, sizeof(buffer));
		for (unsigned i = 0; i < depth; i++)
			assert_int_equal(kk_record_put_list(&writer), i < KK_RECORD_DEPTH ? KK_OK : KK_ERR_INVALID);
		for (unsigned i = 0; i < depth && fits; i++)
			assert_int_equal(kk_record_end(&writer), KK_OK);
		/* The same by hand: lists of 2 * (what is inside) bytes. */
		for (unsigned i = 0; i < depth; i++) {
			bytes[2 + 2 * i] = 7;
			bytes[3 + 2 * i] = (unsigned char)(2 * (depth - 1 - i));
		}
		assert_int_equal(kk_record_open(bytes, 2 + 2 * depth, &deep, NULL), fits ? KK_OK : KK_ERR_CORRUPT);
	}
	/* A copy counts where it is put. */
	kk_record_begin(&writer, buffer, sizeof(buffer));
	for (unsigned i = 0; i < KK_RECORD_DEPTH; i++)
		kk_record_put_list(&writer);
	for (unsigned i = 0; i < KK_RECORD_DEPTH; i++)
		kk_record_end(&writer);
	deep = opened(&writer);
	{
		unsigned char other[100];
		kk_record_begin(&writer, other, sizeof(other));
		assert_int_equal(kk_record_put_value(&writer, &deep), KK_OK);
		kk_record_again(&writer);
		kk_record_put_list(&writer);
		assert_int_equal(kk_record_put_value(&writer, &deep), KK_ERR_INVALID);
	}
}

static int with_keys(struct kk_record_writer *writer, unsigned count)
{
	kk_record_again(writer);
	kk_record_put_map(writer);
	for (unsigned i = 0; i < count; i++) {
		/* In no order: the multiplier is odd. */
		kk_record_put_key(writer, harness_text("%u", i * 2654435761u));
		kk_record_put_none(writer);
	}
	return kk_record_end(writer);
}

static void test_keys(void **state)
{
	struct kk_record_writer writer;
	struct kk_record_value map;

	(void)state;
	kk_record_begin_growing(&writer, 0);
	assert_int_equal(with_keys(&writer, KK_RECORD_KEYS), KK_OK);
	map = opened(&writer);
	assert_int_equal(kk_record_count(&map), KK_RECORD_KEYS);
	assert_int_equal(with_keys(&writer, KK_RECORD_KEYS + 1), KK_ERR_INVALID);
	/* Each key once more after all of them. */
	for (unsigned twice = 0; twice < 40; twice++) {
		kk_record_again(&writer);
		kk_record_put_map(&writer);
		for (unsigned i = 0; i < 41; i++) {
			kk_record_put_key(&writer, harness_text("%u", i < 40 ? i : twice));
			kk_record_put_none(&writer);
		}
		assert_int_equal(kk_record_end(&writer), KK_ERR_INVALID);
	}
	kk_record_free(&writer);
}

static void test_fixed_buffer(void **state)
{
	unsigned char buffer[100], whole[100];
	struct kk_record_writer writer;
	struct kk_error error = {0};
	const void *data;
	size_t bytes, need;

	(void)state;
	kk_record_begin(&writer, whole, sizeof(whole));
	put_example(&writer);
	assert_int_equal(kk_record_finish(&writer, &data, &need, NULL), KK_OK);
	for (size_t size = 0; size <= need; size++) {
		memset(buffer, 0xAA, sizeof(buffer));
		kk_record_begin(&writer, buffer, size);
		put_example(&writer);
		assert_int_equal(kk_record_finish(&writer, &data, &bytes, &error),
		                 size < need ? KK_ERR_NO_ROOM : KK_OK);
		for (size_t i = size; i < sizeof(buffer); i++)
			assert_int_equal(buffer[i], 0xAA);
	}
	assert_memory_equal(buffer, whole, need);
	assert_string_equal(error.text, "cannot write a record: it does not fit");
}

static void test_growing(void **state)
{
	enum { BYTES = 3 << 20 };
	struct kk_record_writer writer;
	struct kk_record_value value;
	struct kk_record_view view;
	char *data = harness_keep(malloc(BYTES));

	(void)state;
	memset(data, 'x', BYTES);
	kk_record_begin_growing(&writer, 0);
	/* Lengths of one byte up to four in each other: what is inside moves. */
	kk_record_put_list(&writer);
	kk_record_put_list(&writer);
	kk_record_put_string(&writer, data, 127);
	kk_record_put_string(&writer, data, 128);
	kk_record_end(&writer);
	kk_record_put_string(&writer, data, 16384);
	kk_record_put_bytes(&writer, data, BYTES);
	kk_record_end(&writer);
	value = opened(&writer);
	assert_int_equal(kk_record_count(&value), 3);
	assert_int_equal(kk_record_at(&value, 2, &value), KK_OK);
	assert_int_equal(kk_record_bytes(&value, &view), KK_OK);
	assert_int_equal(view.bytes, BYTES);
	assert_memory_equal(view.data, data, BYTES);
	kk_record_free(&writer);
	kk_record_begin_growing(&writer, 1000);
	assert_int_equal(kk_record_put_bytes(&writer, data, 996), KK_ERR_NO_ROOM);
	kk_record_again(&writer);
	assert_int_equal(kk_record_put_bytes(&writer, data, 995), KK_OK);
	kk_record_free(&writer);
	kk_record_free(&writer);
}

/* ---- writers that are misused */

static void test_wrong_order(void **state)
{
	static const struct {
		const char *calls, *wrong;
	} rows[] = {
	    {"", "it has no value"},
	    {"vv", "it has a value already"},
	    {"]", "an end of what was not begun"},
	    {"k", "a key where none belongs"},
	    {"[k", "a key where none belongs"},
	    {"[", "was not ended"},
	    {"{v", "a value without a key"},
	    {"{kk", "a key where none belongs"},
	    {"{k]", "a key without a value"},
	    {"{kvkv]", "a key that comes twice"},
	    {"okv[", "a value without a key"},
	    {"[]v", "it has a value already"},
	    {"{u", "a key that is not UTF-8"},
	    {"e", "no name for a type"},
	    {"n", "needs a later version"},
	    {"0", "needs a later version"},
	};
	unsigned char buffer[100];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct kk_record_writer writer;
		struct kk_error error = {0};
		const void *data;
		size_t bytes;
		kk_record_begin(&writer, buffer, sizeof(buffer));
		for (const char *call = rows[i].calls; *call; call++) {
			switch (*call) {
			case 'v':
				kk_record_put_none(&writer);
				break;
			case 'k':
				kk_record_put_key(&writer, "key");
				break;
			case 'u':
				kk_record_put_key(&writer, "\xff");
				break;
			case '[':
				kk_record_put_list(&writer);
				break;
			case '{':
				kk_record_put_map(&writer);
				break;
			case 'o':
				kk_record_put_object(&writer, "type", 1, 0);
				break;
			case 'e':
				kk_record_put_object(&writer, "", 1, 0);
				break;
			case 'n':
				kk_record_put_object(&writer, "type", 1, 2);
				break;
			case '0':
				kk_record_put_object(&writer, "type", 0, 0);
				break;
			default:
				kk_record_end(&writer);
			}
		}
		assert_int_equal(kk_record_finish(&writer, &data, &bytes, &error), KK_ERR_INVALID);
		if (!strstr(error.text, rows[i].wrong))
			fail_msg("%s: %s", rows[i].calls, error.text);
		/* It stays. */
		assert_int_equal(kk_record_put_int(&writer, 1), KK_ERR_INVALID);
		kk_record_again(&writer);
		assert_int_equal(kk_record_put_int(&writer, 1), KK_OK);
	}
}

/* ---- text */

static void test_text_is_cut(void **state)
{
	unsigned char buffer[100];
	struct kk_record_writer writer;
	struct kk_record_value value;
	char text[100], whole[100];
	size_t length;

	(void)state;
	kk_record_begin(&writer, buffer, sizeof(buffer));
	kk_record_put_string(&writer, "a\"b\\c\nd\x01\x7f", SIZE_MAX);
	value = opened(&writer);
	length = kk_record_text(&value, whole, sizeof(whole));
	assert_string_equal(whole, "\"a\\\"b\\\\c\\nd\\u0001\\u007f\"");
	assert_int_equal(length, strlen(whole));
	for (size_t size = 1; size < sizeof(text); size++) {
		memset(text, '#', sizeof(text));
		assert_int_equal(kk_record_text(&value, text, size), length);
		assert_int_equal(strlen(text), size <= length ? size - 1 : length);
		assert_memory_equal(text, whole, strlen(text));
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_ints),
    cmocka_unit_test(test_doubles),
    cmocka_unit_test(test_double_from_int),
    cmocka_unit_test(test_documented_example),
    cmocka_unit_test(test_other_types_are_refused),
    cmocka_unit_test(test_hostile_bytes),
    cmocka_unit_test(test_every_cut_is_refused),
    cmocka_unit_test(test_utf8),
    cmocka_unit_test(test_depth),
    cmocka_unit_test(test_keys),
    cmocka_unit_test(test_fixed_buffer),
    cmocka_unit_test(test_growing),
    cmocka_unit_test(test_wrong_order),
    cmocka_unit_test(test_text_is_cut),
};

HARNESS_MAIN(tests)
