/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/namespace/namespace.c - attributes: entries of a dict whose values begin with a byte that is their type. */
#include <kakehi/namespace.h>

#include <kakehi/dict.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct kk_namespace {
	struct kk_dict *dict;
};

/* A value of 8 bytes, as it lies in the dict. */
struct __attribute__((packed)) number {
	unsigned char type;
	uint64_t bits;
};

/* ---- handles */

static struct kk_namespace *handle_of(struct kk_dict *dict, struct kk_error *error)
{
	struct kk_namespace *space = dict ? calloc(1, sizeof(*space)) : NULL;
	if (space)
		space->dict = dict;
	else if (dict)
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a namespace's handle");
	return space;
}

struct kk_namespace *kk_namespace_create(struct kk_family *family, const struct kk_namespace_shape *shape,
                                         struct kk_error *error)
{
	struct kk_dict_shape inner = {
	    .keys = shape && shape->attributes ? shape->attributes : KK_NAMESPACE_ATTRIBUTES,
	    .key_max = KK_NAMESPACE_NAME_MAX,
	    .value_max = shape && shape->value_max ? shape->value_max : KK_NAMESPACE_VALUE_MAX,
	};
	if (inner.value_max < sizeof(uint64_t) || inner.value_max >= KK_DICT_MAX_BYTES) {
		(void)kk_error_set(error, KK_ERR_INVALID, "values of a namespace take 8 to %u bytes",
		                   KK_DICT_MAX_BYTES - 1);
		return NULL;
	}
	inner.value_max++;
	struct kk_dict *dict = kk_dict_create(family, &inner, error);
	struct kk_namespace *space = handle_of(dict, error);
	if (dict && !space)
		(void)kk_dict_destroy(dict);
	return space;
}

struct kk_namespace *kk_namespace_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	struct kk_dict *dict = kk_dict_open(family, ref, error);
	struct kk_namespace *space = handle_of(dict, error);
	if (!space)
		kk_dict_close(dict);
	return space;
}

uint64_t kk_namespace_ref(const struct kk_namespace *space)
{
	return kk_dict_ref(space->dict);
}

void kk_namespace_close(struct kk_namespace *space)
{
	if (!space)
		return;
	kk_dict_close(space->dict);
	free(space);
}

int kk_namespace_destroy(struct kk_namespace *space)
{
	int rc = kk_dict_destroy(space->dict);
	free(space);
	return rc;
}

/* ---- numbers */

static int set_number(struct kk_namespace *space, const char *name, enum kk_attribute type, uint64_t bits)
{
	struct number number = {(unsigned char)type, bits};
	return kk_dict_set(space->dict, KK_TEXT(name), &number, sizeof(number));
}

static int get_number(const struct kk_namespace *space, const char *name, enum kk_attribute type, uint64_t *bits)
{
	struct number number;
	int64_t bytes = kk_dict_get(space->dict, KK_TEXT(name), &number, sizeof(number));
	if (bytes < 0)
		return (int)bytes;
	if (bytes != (int64_t)sizeof(number) || number.type != type)
		return KK_ERR_INVALID;
	*bits = number.bits;
	return KK_OK;
}

int kk_namespace_set_int(struct kk_namespace *space, const char *name, int64_t value)
{
	return set_number(space, name, KK_ATTRIBUTE_INT, (uint64_t)value);
}

int kk_namespace_set_double(struct kk_namespace *space, const char *name, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	return set_number(space, name, KK_ATTRIBUTE_DOUBLE, bits);
}

int kk_namespace_set_ref(struct kk_namespace *space, const char *name, uint64_t ref)
{
	return set_number(space, name, KK_ATTRIBUTE_REF, ref);
}

int kk_namespace_get_int(const struct kk_namespace *space, const char *name, int64_t *to)
{
	uint64_t bits = 0;
	int rc = get_number(space, name, KK_ATTRIBUTE_INT, &bits);
	if (rc == KK_OK)
		*to = (int64_t)bits;
	return rc;
}

int kk_namespace_get_double(const struct kk_namespace *space, const char *name, double *to)
{
	uint64_t bits = 0;
	int rc = get_number(space, name, KK_ATTRIBUTE_DOUBLE, &bits);
	if (rc == KK_OK)
		memcpy(to, &bits, sizeof(*to));
	return rc;
}

int kk_namespace_get_ref(const struct kk_namespace *space, const char *name, uint64_t *to)
{
	return get_number(space, name, KK_ATTRIBUTE_REF, to);
}

struct addition {
	int64_t amount, sum;
};

static int64_t add(void *arg, const void *value, int64_t bytes, void *to, size_t size)
{
	struct addition *addition = arg;
	struct number number = {KK_ATTRIBUTE_INT, 0};
	if (bytes != KK_ERR_MISSING) {
		if (bytes != (int64_t)sizeof(number) || *(const unsigned char *)value != KK_ATTRIBUTE_INT)
			return KK_ERR_INVALID;
		memcpy(&number, value, sizeof(number));
	}
	number.bits += (uint64_t)addition->amount;
	addition->sum = (int64_t)number.bits;
	if (size < sizeof(number))
		return KK_ERR_INVALID;
	memcpy(to, &number, sizeof(number));
	return (int64_t)sizeof(number);
}

int kk_namespace_add(struct kk_namespace *space, const char *name, int64_t amount, int64_t *now)
{
	struct addition addition = {.amount = amount};
	int rc = kk_dict_change(space->dict, KK_TEXT(name), add, &addition);
	if (rc == KK_OK && now)
		*now = addition.sum;
	return rc;
}

/* ---- text and bytes */

static int set_bytes(struct kk_namespace *space, const char *name, enum kk_attribute type, const void *value,
                     size_t bytes)
{
	unsigned char *whole = malloc(bytes + 1);
	if (!whole)
		return KK_ERR_MEMORY;
	whole[0] = (unsigned char)type;
	if (bytes > 0)
		memcpy(whole + 1, value, bytes);
	int rc = kk_dict_set(space->dict, KK_TEXT(name), whole, bytes + 1);
	free(whole);
	return rc;
}

static int64_t get_bytes(const struct kk_namespace *space, const char *name, enum kk_attribute type, void *to,
                         size_t size)
{
	unsigned char *whole = malloc(size + 1);
	if (!whole)
		return KK_ERR_MEMORY;
	int64_t bytes = kk_dict_get(space->dict, KK_TEXT(name), whole, size + 1);
	if (bytes == 0 || (bytes > 0 && whole[0] != type))
		bytes = KK_ERR_INVALID;
	else if (bytes > 0)
		bytes--;
	if (bytes > 0 && size > 0)
		memcpy(to, whole + 1, (size_t)bytes < size ? (size_t)bytes : size);
	free(whole);
	return bytes;
}

int kk_namespace_set_string(struct kk_namespace *space, const char *name, const char *value)
{
	return set_bytes(space, name, KK_ATTRIBUTE_STRING, value, strlen(value));
}

int kk_namespace_set_bytes(struct kk_namespace *space, const char *name, const void *value, size_t bytes)
{
	return set_bytes(space, name, KK_ATTRIBUTE_BYTES, value, bytes);
}

int64_t kk_namespace_get_string(const struct kk_namespace *space, const char *name, char *to, size_t size)
{
	if (size == 0)
		return KK_ERR_INVALID;
	int64_t bytes = get_bytes(space, name, KK_ATTRIBUTE_STRING, to, size - 1);
	if (bytes >= 0)
		to[(size_t)bytes < size ? (size_t)bytes : size - 1] = '\0';
	return bytes;
}

int64_t kk_namespace_get_bytes(const struct kk_namespace *space, const char *name, void *to, size_t size)
{
	return get_bytes(space, name, KK_ATTRIBUTE_BYTES, to, size);
}

/* ---- the names */

int kk_namespace_type(const struct kk_namespace *space, const char *name)
{
	unsigned char type = 0;
	int64_t bytes = kk_dict_get(space->dict, KK_TEXT(name), &type, 1);
	if (bytes < 0)
		return (int)bytes;
	return bytes > 0 ? type : KK_ERR_INVALID;
}

int kk_namespace_delete(struct kk_namespace *space, const char *name)
{
	return kk_dict_remove(space->dict, KK_TEXT(name));
}

int kk_namespace_next(const struct kk_namespace *space, uint32_t *cursor, char *name)
{
	struct kk_dict_entry entry = {.key = name, .key_size = KK_NAMESPACE_NAME_MAX};
	int rc = kk_dict_next(space->dict, cursor, &entry);
	if (rc == 1)
		name[entry.key_bytes < KK_NAMESPACE_NAME_MAX ? entry.key_bytes : KK_NAMESPACE_NAME_MAX] = '\0';
	return rc;
}
