/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/value/value.c - one number in shared memory: an array of one element under a shorter name. */
#include "array/layout.h"
#include "family/kinds.h"
#include <kakehi/value.h>

/* A value's handle is the handle of its array; the type of its own keeps the two from being mixed up. */
static struct kk_array *array_of(const struct kk_value *value)
{
	return (struct kk_array *)(uintptr_t)value;
}

/* ---- in a family */

struct kk_value *kk_value_create(struct kk_family *family, enum kk_number kind, bool with_lock, struct kk_error *error)
{
	return (struct kk_value *)array_create(family, &kk_kind_value, kind, 1, with_lock, error);
}

struct kk_value *kk_value_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	return (struct kk_value *)array_open(family, &kk_kind_value, ref, error);
}

uint64_t kk_value_ref(const struct kk_value *value)
{
	return kk_array_ref(array_of(value));
}

void kk_value_close(struct kk_value *value)
{
	kk_array_close(array_of(value));
}

void kk_value_destroy(struct kk_value *value)
{
	kk_array_destroy(array_of(value));
}

int kk_value_lock(struct kk_value *value, int timeout_ms)
{
	return kk_array_lock(array_of(value), timeout_ms);
}

int kk_value_unlock(struct kk_value *value)
{
	return kk_array_unlock(array_of(value));
}

const struct kk_kind kk_kind_value = {
    .name = "value", .number = KK_KIND_VALUE, .layout = 1, .bury = array_bury, .check = array_sound};

/* ---- in memory */

uint64_t kk_value_size(void)
{
	return kk_array_size(1);
}

int kk_value_init(void *memory, uint64_t bytes, enum kk_number kind, struct kk_error *error)
{
	return kk_array_init(memory, bytes, kind, 1, error);
}

struct kk_value *kk_value_attach(void *memory, uint64_t bytes, struct kk_error *error)
{
	struct kk_array *array = kk_array_attach(memory, bytes, error);
	if (array && kk_array_length(array) != 1) {
		(void)kk_error_set(error, KK_ERR_CORRUPT, "there is an array in this memory, not a value");
		kk_array_detach(array);
		array = NULL;
	}
	return (struct kk_value *)array;
}

void kk_value_detach(struct kk_value *value)
{
	kk_array_detach(array_of(value));
}

int kk_value_check(const struct kk_value *value, struct kk_error *error)
{
	return kk_array_check(array_of(value), error);
}

enum kk_number kk_value_kind(const struct kk_value *value)
{
	return kk_array_kind(array_of(value));
}

void *kk_value_data(const struct kk_value *value)
{
	return kk_array_data(array_of(value));
}

/* ---- the number */

int kk_value_get_int(const struct kk_value *value, int64_t *to)
{
	return kk_array_get_int(array_of(value), 0, to);
}

int kk_value_set_int(struct kk_value *value, int64_t to)
{
	return kk_array_set_int(array_of(value), 0, to);
}

int kk_value_add_int(struct kk_value *value, int64_t amount, int64_t *now)
{
	return kk_array_add_int(array_of(value), 0, amount, now);
}

int kk_value_cas_int(struct kk_value *value, int64_t *expected, int64_t to, bool *done)
{
	return kk_array_cas_int(array_of(value), 0, expected, to, done);
}

int kk_value_get_float(const struct kk_value *value, double *to)
{
	return kk_array_get_float(array_of(value), 0, to);
}

int kk_value_set_float(struct kk_value *value, double to)
{
	return kk_array_set_float(array_of(value), 0, to);
}

int kk_value_add_float(struct kk_value *value, double amount, double *now)
{
	return kk_array_add_float(array_of(value), 0, amount, now);
}

int kk_value_cas_float(struct kk_value *value, double *expected, double to, bool *done)
{
	return kk_array_cas_float(array_of(value), 0, expected, to, done);
}
