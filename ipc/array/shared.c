/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/array/shared.c - arrays as objects of a family, with a lock of their own in front of them. */
#include "array/layout.h"
#include "family/kinds.h"

#include <inttypes.h>
#include <stdlib.h>

/* A handle of the array in an object. */
static struct kk_array *handle_of(const struct kk_object *object, struct kk_error *error)
{
	struct array_preface *preface = object->memory;
	struct kk_array *array = kk_array_attach(preface + 1, object->bytes - sizeof(*preface), error);
	if (!array)
		return NULL;
	array->object = *object;
	array->locked = preface->locked;
	lock_handle(&array->lock, object->family, &preface->lock);
	return array;
}

struct kk_array *array_create(struct kk_family *family, const struct kk_kind *kind, enum kk_number number,
                              uint64_t length, bool with_lock, struct kk_error *error)
{
	struct kk_object object;
	unsigned width = number_form(number)->width;
	uint64_t bytes = width == 0 || length == 0 ? 0 : array_bytes(length, width);
	if (bytes == 0 || bytes > INT64_MAX / 2) {
		(void)kk_error_set(error, KK_ERR_INVALID, "an array of %" PRIu64 " elements of kind %d cannot be",
		                   length, (int)number);
		return NULL;
	}
	if (kk_object_make(family, kind, sizeof(struct array_preface) + bytes, &object, error) < 0)
		return NULL;
	struct array_preface *preface = object.memory;
	preface->locked = with_lock;
	lock_init(&preface->lock, true);
	array_lay_out((struct array_memory *)(preface + 1), number, length);
	struct kk_array *array = handle_of(&object, error);
	if (array)
		kk_object_publish(&object);
	else
		(void)kk_object_destroy(&object);
	return array;
}

struct kk_array *array_open(struct kk_family *family, const struct kk_kind *kind, uint64_t ref, struct kk_error *error)
{
	struct kk_object object;
	if (kk_object_find(family, ref, kind, &object, error) < 0)
		return NULL;
	if (object.bytes < sizeof(struct array_preface)) {
		(void)kk_error_set(error, KK_ERR_CORRUPT, "the directory of the family is damaged");
		return NULL;
	}
	return handle_of(&object, error);
}

struct kk_array *kk_array_create(struct kk_family *family, enum kk_number kind, uint64_t length, bool with_lock,
                                 struct kk_error *error)
{
	return array_create(family, &kk_kind_array, kind, length, with_lock, error);
}

struct kk_array *kk_array_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	return array_open(family, &kk_kind_array, ref, error);
}

uint64_t kk_array_ref(const struct kk_array *array)
{
	return array->object.ref;
}

void kk_array_close(struct kk_array *array)
{
	kk_array_detach(array);
}

void kk_array_destroy(struct kk_array *array)
{
	if (!array)
		return;
	/* KK_ERR_MISSING: somebody else has destroyed it. */
	if (array->object.family)
		(void)kk_object_destroy(&array->object);
	kk_array_detach(array);
}

int kk_array_lock(struct kk_array *array, int timeout_ms)
{
	return array->locked ? kk_lock_acquire(&array->lock, timeout_ms) : KK_ERR_INVALID;
}

int kk_array_unlock(struct kk_array *array)
{
	return array->locked ? kk_lock_release(&array->lock) : KK_ERR_INVALID;
}

/* ---- deaths: elements are whole whatever happens, so that only the lock is to be settled */

int array_bury(struct kk_family *family, void *memory, uint64_t bytes, unsigned seat, bool left)
{
	struct array_preface *preface = memory;
	(void)family;
	(void)left;
	if (bytes < sizeof(*preface))
		return KK_ERR_CORRUPT;
	if (preface->locked)
		lock_bury(&preface->lock, seat);
	return KK_OK;
}

int array_sound(const void *memory, uint64_t bytes, struct kk_error *error)
{
	const struct array_preface *preface = memory;
	const struct array_memory *array = (const struct array_memory *)(const void *)(preface + 1);
	if (bytes < sizeof(*preface) + sizeof(*array))
		return kk_error_set(error, KK_ERR_CORRUPT, "it is too small for an array");
	unsigned width = number_form((enum kk_number)array->kind)->width;
	uint64_t size = width == 0 || array->length == 0 ? 0 : array_bytes(array->length, width);
	if (size == 0 || size > bytes - sizeof(*preface))
		return kk_error_set(error, KK_ERR_CORRUPT, "its header was overwritten");
	return KK_OK;
}

const struct kk_kind kk_kind_array = {
    .name = "array", .number = KK_KIND_ARRAY, .layout = 1, .bury = array_bury, .check = array_sound};
