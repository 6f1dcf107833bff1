/* SPDX-License-Identifier: Apache-2.0 */
#include "record/wire.h"
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 256 };

void kk_record_begin(struct kk_record_writer *writer, void *buffer, size_t size)
{
	*writer = (struct kk_record_writer){.data = buffer, .size = size, .max = size};
	if (writer->max > KK_RECORD_MAX)
		writer->max = KK_RECORD_MAX;
	kk_record_again(writer);
}

void kk_record_begin_growing(struct kk_record_writer *writer, size_t max)
{
	*writer = (struct kk_record_writer){.max = max > 0 && max < KK_RECORD_MAX ? max : KK_RECORD_MAX, .grows = true};
}

void kk_record_again(struct kk_record_writer *writer)
{
	writer->used = 0;
	writer->depth = 0;
	writer->status = KK_OK;
	writer->wrong = NULL;
}

void kk_record_free(struct kk_record_writer *writer)
{
	if (writer->grows)
		free(writer->data);
	*writer = (struct kk_record_writer){.max = writer->max, .grows = writer->grows};
}

int kk_record_fail(struct kk_record_writer *writer, int status, const char *wrong)
{
	if (writer->status == KK_OK) {
		writer->status = status;
		writer->wrong = wrong;
	}
	return writer->status;
}

static int make_room(struct kk_record_writer *writer, size_t bytes)
{
	size_t size = writer->size > 0 ? writer->size : FIRST_ROOM;
	unsigned char *data;

	if (bytes > writer->max - writer->used)
		return kk_record_fail(writer, KK_ERR_NO_ROOM, "it does not fit");
	if (!writer->grows || bytes <= writer->size - writer->used)
		return KK_OK;
	while (size - writer->used < bytes)
		size *= 2;
	data = realloc(writer->data, size);
	if (!data)
		return kk_record_fail(writer, KK_ERR_MEMORY, "no memory for it");
	writer->data = data;
	writer->size = size;
	return KK_OK;
}

static int append(struct kk_record_writer *writer, const void *data, size_t bytes)
{
	int rc = make_room(writer, bytes);

	if (rc == KK_OK && bytes > 0) {
		memcpy(writer->data + writer->used, data, bytes);
		writer->used += bytes;
	}
	return rc;
}

static int append_number(struct kk_record_writer *writer, uint64_t number)
{
	unsigned char encoded[KK_WIRE_VARINT_MAX];

	return append(writer, encoded, kk_wire_put_number(encoded, number));
}

static int append_sized(struct kk_record_writer *writer, const void *data, size_t bytes)
{
	int rc = append_number(writer, bytes);

	return rc == KK_OK ? append(writer, data, bytes) : rc;
}

/* Is there a place for a value? The first one of all comes behind the record's head. */
static int take_place(struct kk_record_writer *writer)
{
	static const unsigned char head[KK_WIRE_HEAD] = {KK_WIRE_MARK, KK_WIRE_FORMAT};

	if (writer->status < 0)
		return writer->status;
	if (writer->depth == 0)
		return writer->used == 0 ? append(writer, head, sizeof(head))
		                         : kk_record_fail(writer, KK_ERR_INVALID, "it has a value already");
	if (writer->open[writer->depth - 1].type == KK_RECORD_LIST)
		return KK_OK;
	if (!writer->open[writer->depth - 1].has_key)
		return kk_record_fail(writer, KK_ERR_INVALID, "a value without a key");
	writer->open[writer->depth - 1].has_key = false;
	return KK_OK;
}

static int put(struct kk_record_writer *writer, unsigned char tag)
{
	int rc = take_place(writer);

	return rc == KK_OK ? append(writer, &tag, 1) : rc;
}

int kk_record_put_none(struct kk_record_writer *writer)
{
	return put(writer, KK_TAG_NONE);
}

int kk_record_put_bool(struct kk_record_writer *writer, bool value)
{
	return put(writer, value ? KK_TAG_TRUE : KK_TAG_FALSE);
}

int kk_record_put_int(struct kk_record_writer *writer, int64_t value)
{
	int rc = put(writer, KK_TAG_INT);

	return rc == KK_OK ? append_number(writer, (uint64_t)value << 1 ^ -(uint64_t)(value < 0)) : rc;
}

int kk_record_put_double(struct kk_record_writer *writer, double value)
{
	unsigned char encoded[8];
	uint64_t bits;
	int rc = put(writer, KK_TAG_DOUBLE);

	memcpy(&bits, &value, sizeof(bits));
	for (unsigned i = 0; i < 8; i++)
		encoded[i] = (unsigned char)(bits >> (8 * i));
	return rc == KK_OK ? append(writer, encoded, sizeof(encoded)) : rc;
}

int kk_record_put_string(struct kk_record_writer *writer, const char *data, size_t bytes)
{
	int rc = put(writer, KK_TAG_STRING);

	if (bytes == SIZE_MAX)
		bytes = strlen(data);
	if (rc == KK_OK && !kk_wire_is_utf8(data, bytes))
		rc = kk_record_fail(writer, KK_ERR_INVALID, "a string that is not UTF-8");
	return rc == KK_OK ? append_sized(writer, data, bytes) : rc;
}

int kk_record_put_bytes(struct kk_record_writer *writer, const void *data, size_t bytes)
{
	int rc = put(writer, KK_TAG_BYTES);

	return rc == KK_OK ? append_sized(writer, data, bytes) : rc;
}

/* How many containers are in each other in a value. */
static unsigned depth_of(const struct kk_record_value *value)
{
	struct kk_record_cursor cursor;
	struct kk_record_value item;
	unsigned deepest = 0;

	if (kk_record_each(value, &cursor) < 0)
		return 0;
	while (kk_record_next(&cursor, NULL, &item) > 0) {
		unsigned depth = depth_of(&item);
		deepest = depth > deepest ? depth : deepest;
	}
	return deepest + 1;
}

int kk_record_put_value(struct kk_record_writer *writer, const struct kk_record_value *value)
{
	int rc;

	if (!value->encoded)
		return kk_record_put_none(writer);
	rc = take_place(writer);
	if (rc == KK_OK && writer->depth + depth_of(value) > KK_RECORD_DEPTH)
		rc = kk_record_fail(writer, KK_ERR_INVALID, "too many values in each other");
	return rc == KK_OK ? append(writer, value->encoded, value->encoded_bytes) : rc;
}

/* One byte is kept free for the length, which most often is enough. */
static int open_container(struct kk_record_writer *writer, enum kk_record_type type, unsigned char tag)
{
	static const unsigned char length = 0;
	int rc;

	if (writer->status == KK_OK && writer->depth == KK_RECORD_DEPTH)
		return kk_record_fail(writer, KK_ERR_INVALID, "too many values in each other");
	rc = put(writer, tag);
	if (rc == KK_OK)
		rc = append(writer, &length, 1);
	if (rc == KK_OK)
		writer->open[writer->depth++] = (struct kk_record_open_container){.start = writer->used, .type = type};
	return rc;
}

int kk_record_put_list(struct kk_record_writer *writer)
{
	return open_container(writer, KK_RECORD_LIST, KK_TAG_LIST);
}

int kk_record_put_map(struct kk_record_writer *writer)
{
	return open_container(writer, KK_RECORD_MAP, KK_TAG_MAP);
}

int kk_record_put_object(struct kk_record_writer *writer, const char *name, uint32_t version, uint32_t needs)
{
	size_t bytes = strlen(name);
	int rc = open_container(writer, KK_RECORD_OBJECT, KK_TAG_OBJECT);

	if (needs == 0)
		needs = 1;
	if (rc == KK_OK && !kk_wire_is_name((struct kk_record_view){name, bytes}))
		rc = kk_record_fail(writer, KK_ERR_INVALID, "no name for a type");
	if (rc == KK_OK && needs > version)
		rc = kk_record_fail(writer, KK_ERR_INVALID, "a type that needs a later version than its own");
	if (rc == KK_OK)
		rc = append_sized(writer, name, bytes);
	if (rc == KK_OK)
		rc = append_number(writer, version);
	return rc == KK_OK ? append_number(writer, needs) : rc;
}

int kk_record_put_key_view(struct kk_record_writer *writer, struct kk_record_view key)
{
	struct kk_record_open_container *top = writer->depth > 0 ? &writer->open[writer->depth - 1] : NULL;

	if (writer->status < 0)
		return writer->status;
	if (!top || top->type == KK_RECORD_LIST || top->has_key)
		return kk_record_fail(writer, KK_ERR_INVALID, "a key where none belongs");
	if (!kk_wire_is_utf8(key.data, key.bytes))
		return kk_record_fail(writer, KK_ERR_INVALID, "a key that is not UTF-8");
	top->has_key = true;
	return append_sized(writer, key.data, key.bytes);
}

int kk_record_put_key(struct kk_record_writer *writer, const char *key)
{
	return kk_record_put_key_view(writer, (struct kk_record_view){key, strlen(key)});
}

/* The entries of what is open on top: behind the name and the versions if it is an object. */
static int check_keys(struct kk_record_writer *writer, const struct kk_record_open_container *top)
{
	struct kk_wire wire = {.at = writer->data + top->start, .end = writer->data + writer->used};
	struct kk_record_type_of type;

	if (top->type == KK_RECORD_LIST)
		return KK_OK;
	if (top->type == KK_RECORD_OBJECT)
		kk_wire_type_of(&wire, &type);
	return kk_wire_keys(wire, &wire.wrong) < 0 ? kk_record_fail(writer, KK_ERR_INVALID, wire.wrong) : KK_OK;
}

int kk_record_end(struct kk_record_writer *writer)
{
	const struct kk_record_open_container *top;
	unsigned char length[KK_WIRE_VARINT_MAX];
	size_t bytes, more;
	int rc;

	if (writer->status < 0)
		return writer->status;
	if (writer->depth == 0)
		return kk_record_fail(writer, KK_ERR_INVALID, "an end of what was not begun");
	top = &writer->open[writer->depth - 1];
	if (top->has_key)
		return kk_record_fail(writer, KK_ERR_INVALID, "a key without a value");
	rc = check_keys(writer, top);
	if (rc < 0)
		return rc;
	bytes = writer->used - top->start;
	more = kk_wire_put_number(length, bytes) - 1;
	rc = make_room(writer, more);
	if (rc < 0)
		return rc;
	memmove(writer->data + top->start + more, writer->data + top->start, bytes);
	memcpy(writer->data + top->start - 1, length, more + 1);
	writer->used += more;
	writer->depth--;
	return KK_OK;
}

int kk_record_finish(struct kk_record_writer *writer, const void **data, size_t *bytes, struct kk_error *error)
{
	if (writer->status == KK_OK && writer->depth > 0)
		kk_record_fail(writer, KK_ERR_INVALID, "a list, map or object that was not ended");
	if (writer->status == KK_OK && writer->used == 0)
		kk_record_fail(writer, KK_ERR_INVALID, "it has no value");
	if (writer->status < 0)
		return kk_error_set(error, writer->status, "cannot write a record: %s", writer->wrong);
	*data = writer->data;
	*bytes = writer->used;
	return KK_OK;
}
