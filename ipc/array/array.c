/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/array/array.c - numbers in shared memory, each changed by single atomic instructions.
 *
 * Every access is seq_cst: programs build their own protocols out of these numbers (a flag here, a result there), and
 * an order over all of them is what one expects of a variable. The cost against acquire/release is one locked store.
 */
#include <kakehi/array.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_MAGIC   0x6b6b6172U
#define ARRAY_VERSION 1U

/* Shared.   field     written by          read by
 *           header    init, once          attach, check
 *           element   any process, atomic any process, atomic */
struct array_memory {
	uint32_t magic, version;
	uint32_t kind, reserved;
	uint64_t length;
	uint64_t padding[5];
	_Atomic uint64_t element[];
};
_Static_assert(offsetof(struct array_memory, element) == 64, "elements start on a cache line");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock inside of atomics would not be shared between processes");

/* The length is a copy: a process that damages the shared one cannot make this one reach outside. */
struct kk_array {
	struct array_memory *memory;
	uint64_t length;
	enum kk_number kind;
};

static uint64_t bits_of(double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static double float_of(uint64_t bits)
{
	double value;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

uint64_t kk_array_size(uint64_t length)
{
	if (length > (UINT64_MAX - 128) / sizeof(uint64_t))
		return 0;
	return (sizeof(struct array_memory) + length * sizeof(uint64_t) + 63) / 64 * 64;
}

int kk_array_init(void *memory, uint64_t bytes, enum kk_number kind, uint64_t length, struct kk_error *error)
{
	struct array_memory *array = memory;
	uint64_t size = kk_array_size(length);
	if (!memory || (uintptr_t)memory % 64 != 0 || length == 0 || size == 0 || bytes < size)
		return kk_error_set(error, KK_ERR_INVALID,
		                    "%" PRIu64 " bytes cannot hold an array of %" PRIu64 " elements", bytes, length);
	if (kind != KK_NUMBER_INT && kind != KK_NUMBER_FLOAT)
		return kk_error_set(error, KK_ERR_INVALID, "an array holds integers or floats");
	*array = (struct array_memory){
	    .magic = ARRAY_MAGIC, .version = ARRAY_VERSION, .kind = (uint32_t)kind, .length = length};
	for (uint64_t i = 0; i < length; i++)
		atomic_init(&array->element[i], 0);
	return KK_OK;
}

struct kk_array *kk_array_attach(void *memory, uint64_t bytes, struct kk_error *error)
{
	struct array_memory *shared = memory;
	struct kk_array *array = NULL;
	if (!memory || (uintptr_t)memory % 64 != 0 || bytes < sizeof(*shared) || shared->magic != ARRAY_MAGIC) {
		(void)kk_error_set(error, KK_ERR_CORRUPT, "there is no array in this memory");
		return NULL;
	}
	if (shared->version != ARRAY_VERSION) {
		(void)kk_error_set(error, KK_ERR_VERSION, "the array has layout version %u, this library has %u",
		                   shared->version, ARRAY_VERSION);
		return NULL;
	}
	array = calloc(1, sizeof(*array));
	if (!array) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for an array's handle");
		return NULL;
	}
	array->memory = shared;
	array->length = shared->length;
	array->kind = (enum kk_number)shared->kind;
	uint64_t size = kk_array_size(array->length);
	if (array->length == 0 || size == 0 || size > bytes ||
	    (array->kind != KK_NUMBER_INT && array->kind != KK_NUMBER_FLOAT)) {
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

/* The element, or NULL if there is none of this kind. */
static _Atomic uint64_t *element(const struct kk_array *array, uint64_t index, enum kk_number kind)
{
	if (index >= array->length || array->kind != kind)
		return NULL;
	return &array->memory->element[index];
}

static bool cas(_Atomic uint64_t *at, uint64_t *expected, uint64_t value)
{
	return atomic_compare_exchange_strong_explicit(at, expected, value, memory_order_seq_cst, memory_order_seq_cst);
}

int kk_array_get_int(const struct kk_array *array, uint64_t index, int64_t *to)
{
	const _Atomic uint64_t *at = element(array, index, KK_NUMBER_INT);
	if (!at)
		return KK_ERR_INVALID;
	*to = (int64_t)atomic_load_explicit(at, memory_order_seq_cst);
	return KK_OK;
}

int kk_array_set_int(struct kk_array *array, uint64_t index, int64_t value)
{
	_Atomic uint64_t *at = element(array, index, KK_NUMBER_INT);
	if (!at)
		return KK_ERR_INVALID;
	atomic_store_explicit(at, (uint64_t)value, memory_order_seq_cst);
	return KK_OK;
}

int kk_array_add_int(struct kk_array *array, uint64_t index, int64_t amount, int64_t *now)
{
	_Atomic uint64_t *at = element(array, index, KK_NUMBER_INT);
	if (!at)
		return KK_ERR_INVALID;
	uint64_t before = atomic_fetch_add_explicit(at, (uint64_t)amount, memory_order_seq_cst);
	if (now)
		*now = (int64_t)(before + (uint64_t)amount);
	return KK_OK;
}

int kk_array_cas_int(struct kk_array *array, uint64_t index, int64_t *expected, int64_t value, bool *done)
{
	_Atomic uint64_t *at = element(array, index, KK_NUMBER_INT);
	if (!at)
		return KK_ERR_INVALID;
	uint64_t bits = (uint64_t)*expected;
	*done = cas(at, &bits, (uint64_t)value);
	*expected = (int64_t)bits;
	return KK_OK;
}

int kk_array_get_float(const struct kk_array *array, uint64_t index, double *to)
{
	const _Atomic uint64_t *at = element(array, index, KK_NUMBER_FLOAT);
	if (!at)
		return KK_ERR_INVALID;
	*to = float_of(atomic_load_explicit(at, memory_order_seq_cst));
	return KK_OK;
}

int kk_array_set_float(struct kk_array *array, uint64_t index, double value)
{
	_Atomic uint64_t *at = element(array, index, KK_NUMBER_FLOAT);
	if (!at)
		return KK_ERR_INVALID;
	atomic_store_explicit(at, bits_of(value), memory_order_seq_cst);
	return KK_OK;
}

int kk_array_add_float(struct kk_array *array, uint64_t index, double amount, double *now)
{
	_Atomic uint64_t *at = element(array, index, KK_NUMBER_FLOAT);
	if (!at)
		return KK_ERR_INVALID;
	uint64_t bits = atomic_load_explicit(at, memory_order_seq_cst);
	double sum;
	do {
		sum = float_of(bits) + amount;
	} while (!cas(at, &bits, bits_of(sum)));
	if (now)
		*now = sum;
	return KK_OK;
}

int kk_array_cas_float(struct kk_array *array, uint64_t index, double *expected, double value, bool *done)
{
	_Atomic uint64_t *at = element(array, index, KK_NUMBER_FLOAT);
	if (!at)
		return KK_ERR_INVALID;
	uint64_t bits = bits_of(*expected);
	*done = cas(at, &bits, bits_of(value));
	*expected = float_of(bits);
	return KK_OK;
}
