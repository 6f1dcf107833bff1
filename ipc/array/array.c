/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/array/array.c - numbers in shared memory, each changed by single atomic instructions.
 *
 * Every access is seq_cst: programs build their own protocols out of these numbers (a flag here, a result there), and
 * an order over all of them is what one expects of a variable. The cost against acquire/release is one locked store.
 */
#include "array/layout.h"

#include "head/head.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_MAGIC   0x6b6b6172U
#define ARRAY_VERSION 1U

uint64_t kk_array_size(uint64_t length)
{
	return array_bytes(length, sizeof(uint64_t));
}

uint64_t array_bytes(uint64_t length, unsigned width)
{
	if (length > (UINT64_MAX - 1024) / width)
		return 0;
	return (sizeof(struct array_memory) + length * width + 63) / 64 * 64;
}

int kk_array_init(void *memory, uint64_t bytes, enum kk_number kind, uint64_t length, struct kk_error *error)
{
	uint64_t size = kk_array_size(length);
	if (!memory || (uintptr_t)memory % 64 != 0 || length == 0 || size == 0 || bytes < size)
		return kk_error_set(error, KK_ERR_INVALID,
		                    "%" PRIu64 " bytes cannot hold an array of %" PRIu64 " elements", bytes, length);
	if (number_form(kind)->width == 0)
		return kk_error_set(error, KK_ERR_INVALID, "there are no elements of kind %d", (int)kind);
	array_lay_out(memory, kind, length);
	return KK_OK;
}

void array_lay_out(struct array_memory *array, enum kk_number kind, uint64_t length)
{
	*array = (struct array_memory){
	    .magic = ARRAY_MAGIC, .version = ARRAY_VERSION, .kind = (uint32_t)kind, .length = length};
	memset(array->element, 0, length * number_form(kind)->width);
}

static const struct head our_head = {
    .what = "array", .magic = ARRAY_MAGIC, .version = ARRAY_VERSION, .bytes = sizeof(struct array_memory)};

struct kk_array *kk_array_attach(void *memory, uint64_t bytes, struct kk_error *error)
{
	struct array_memory *shared = memory;
	struct kk_array *array = NULL;
	if (head_check(&our_head, memory, bytes, error) < 0)
		return NULL;
	array = calloc(1, sizeof(*array));
	if (!array) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for an array's handle");
		return NULL;
	}
	array->memory = shared;
	array->length = shared->length;
	array->kind = (enum kk_number)shared->kind;
	array->form = number_form(array->kind);
	uint64_t size = array->form->width == 0 ? 0 : array_bytes(array->length, array->form->width);
	if (array->length == 0 || size == 0 || size > bytes) {
		(void)kk_error_set(error, KK_ERR_CORRUPT, "the array is larger than its memory or of no known kind");
		kk_array_detach(array);
		array = NULL;
	}
	return array;
}

void kk_array_detach(struct kk_array *array)
{
	free(array);
}

int kk_array_check(const struct kk_array *array, struct kk_error *error)
{
	const struct array_memory *shared = array->memory;
	if (shared->magic != ARRAY_MAGIC || shared->version != ARRAY_VERSION || shared->length != array->length ||
	    shared->kind != (uint32_t)array->kind)
		return kk_error_set(error, KK_ERR_CORRUPT, "the header of an array was overwritten");
	return KK_OK;
}

uint64_t kk_array_length(const struct kk_array *array)
{
	return array->length;
}

enum kk_number kk_array_kind(const struct kk_array *array)
{
	return array->kind;
}

size_t kk_array_width(const struct kk_array *array)
{
	return array->form->width;
}

void *kk_array_data(const struct kk_array *array)
{
	return array->memory->element;
}

/* ---- one element */

/* The element, or NULL if there is none or it is of the other kind. */
static void *element(const struct kk_array *array, uint64_t index, bool is_float)
{
	if (index >= array->length || array->form->is_float != is_float)
		return NULL;
	return array->memory->element + index * array->form->width;
}

int kk_array_get_int(const struct kk_array *array, uint64_t index, int64_t *to)
{
	const void *at = element(array, index, false);
	if (!at)
		return KK_ERR_INVALID;
	*to = number_to_int(array->form, number_load(at, array->form->width));
	return KK_OK;
}

int kk_array_set_int(struct kk_array *array, uint64_t index, int64_t value)
{
	void *at = element(array, index, false);
	if (!at)
		return KK_ERR_INVALID;
	number_store(at, array->form->width, number_of_int(array->form, value));
	return KK_OK;
}

/* A truth value is not a sum of bits: 1 and 1 is 1. */
static int64_t add_to_bool(const struct number_form *form, void *at, int64_t amount)
{
	uint64_t bits = number_load(at, form->width), sum;
	do {
		sum = (uint64_t)number_to_int(form, bits) + (uint64_t)amount != 0;
	} while (!number_swap(at, form->width, &bits, sum));
	return (int64_t)sum;
}

int kk_array_add_int(struct kk_array *array, uint64_t index, int64_t amount, int64_t *now)
{
	const struct number_form *form = array->form;
	void *at = element(array, index, false);
	if (!at)
		return KK_ERR_INVALID;
	int64_t sum;
	if (form->is_bool)
		sum = add_to_bool(form, at, amount);
	else
		sum = number_to_int(form, number_of_int(form, (int64_t)(number_add(at, form->width, (uint64_t)amount) +
		                                                        (uint64_t)amount)));
	if (now)
		*now = sum;
	return KK_OK;
}

int kk_array_cas_int(struct kk_array *array, uint64_t index, int64_t *expected, int64_t value, bool *done)
{
	const struct number_form *form = array->form;
	void *at = element(array, index, false);
	if (!at)
		return KK_ERR_INVALID;
	uint64_t bits = number_of_int(form, *expected);
	*done = number_swap(at, form->width, &bits, number_of_int(form, value));
	*expected = number_to_int(form, bits);
	return KK_OK;
}

int kk_array_get_float(const struct kk_array *array, uint64_t index, double *to)
{
	const void *at = element(array, index, true);
	if (!at)
		return KK_ERR_INVALID;
	*to = number_to_float(array->form, number_load(at, array->form->width));
	return KK_OK;
}

int kk_array_set_float(struct kk_array *array, uint64_t index, double value)
{
	void *at = element(array, index, true);
	if (!at)
		return KK_ERR_INVALID;
	number_store(at, array->form->width, number_of_float(array->form, value));
	return KK_OK;
}

int kk_array_add_float(struct kk_array *array, uint64_t index, double amount, double *now)
{
	const struct number_form *form = array->form;
	void *at = element(array, index, true);
	if (!at)
		return KK_ERR_INVALID;
	uint64_t bits = number_load(at, form->width), sum;
	do {
		sum = number_of_float(form, number_to_float(form, bits) + amount);
	} while (!number_swap(at, form->width, &bits, sum));
	if (now)
		*now = number_to_float(form, sum);
	return KK_OK;
}

int kk_array_cas_float(struct kk_array *array, uint64_t index, double *expected, double value, bool *done)
{
	const struct number_form *form = array->form;
	void *at = element(array, index, true);
	if (!at)
		return KK_ERR_INVALID;
	uint64_t bits = number_of_float(form, *expected);
	*done = number_swap(at, form->width, &bits, number_of_float(form, value));
	*expected = number_to_float(form, bits);
	return KK_OK;
}

/* ---- many */

static bool has(const struct kk_array *array, uint64_t first, uint64_t count)
{
	return first <= array->length && count <= array->length - first;
}

int kk_array_read(const struct kk_array *array, uint64_t first, uint64_t count, void *to)
{
	unsigned width = array->form->width;
	if (!has(array, first, count))
		return KK_ERR_INVALID;
	number_read(array->memory->element + first * width, width, count, to);
	return KK_OK;
}

int kk_array_write(struct kk_array *array, uint64_t first, uint64_t count, const void *from)
{
	unsigned width = array->form->width;
	if (!has(array, first, count))
		return KK_ERR_INVALID;
	number_write(array->memory->element + first * width, width, count, from);
	return KK_OK;
}

int kk_array_get_text(const struct kk_array *array, char *to, size_t size)
{
	uint64_t length = 0;
	if (array->kind != KK_NUMBER_CHAR || size == 0)
		return KK_ERR_INVALID;
	for (; length < array->length; length++) {
		char one = (char)number_load(array->memory->element + length, 1);
		if (one == '\0')
			break;
		if (length + 1 >= size)
			return KK_ERR_NO_ROOM;
		to[length] = one;
	}
	to[length] = '\0';
	return KK_OK;
}

int kk_array_set_text(struct kk_array *array, const char *text)
{
	size_t length = strlen(text);
	if (array->kind != KK_NUMBER_CHAR)
		return KK_ERR_INVALID;
	if (length > array->length)
		return KK_ERR_NO_ROOM;
	return kk_array_write(array, 0, length + (length < array->length), text);
}
