/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/array/number.c - numbers of one to eight bytes in shared memory. */
#include "array/number.h"

#include <stdatomic.h>
#include <string.h>

_Static_assert(ATOMIC_CHAR_LOCK_FREE == 2 && ATOMIC_SHORT_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2 &&
                   ATOMIC_LLONG_LOCK_FREE == 2,
               "a lock inside of atomics would not be shared between processes");

static const struct number_form forms[] = {
    [KK_NUMBER_I64] = {.width = 8, .is_signed = true},
    [KK_NUMBER_F64] = {.width = 8, .is_float = true},
    [KK_NUMBER_BOOL] = {.width = 1, .is_bool = true},
    [KK_NUMBER_CHAR] = {.width = 1},
    [KK_NUMBER_I8] = {.width = 1, .is_signed = true},
    [KK_NUMBER_I16] = {.width = 2, .is_signed = true},
    [KK_NUMBER_I32] = {.width = 4, .is_signed = true},
    [KK_NUMBER_U8] = {.width = 1},
    [KK_NUMBER_U16] = {.width = 2},
    [KK_NUMBER_U32] = {.width = 4},
    [KK_NUMBER_U64] = {.width = 8},
    [KK_NUMBER_F32] = {.width = 4, .is_float = true},
};

const struct number_form *number_form(enum kk_number kind)
{
	unsigned n = (unsigned)kind;
	return &forms[n < sizeof(forms) / sizeof(forms[0]) ? n : 0];
}

/* ---- conversions */

int64_t number_to_int(const struct number_form *form, uint64_t bits)
{
	unsigned unused = 64 - 8U * form->width;
	if (!form->is_signed)
		return (int64_t)bits;
	/* gcc and clang both define the shift of a negative number as arithmetic. */
	return (int64_t)(bits << unused) >> unused;
}

uint64_t number_of_int(const struct number_form *form, int64_t value)
{
	if (form->is_bool)
		return value != 0;
	return (uint64_t)value & (UINT64_MAX >> (64 - 8U * form->width));
}

double number_to_float(const struct number_form *form, uint64_t bits)
{
	double wide;
	float narrow;
	uint32_t low = (uint32_t)bits;
	if (form->width == 4) {
		memcpy(&narrow, &low, sizeof(narrow));
		return (double)narrow;
	}
	memcpy(&wide, &bits, sizeof(wide));
	return wide;
}

uint64_t number_of_float(const struct number_form *form, double value)
{
	uint64_t bits;
	uint32_t low;
	float narrow = (float)value;
	if (form->width == 4) {
		memcpy(&low, &narrow, sizeof(low));
		return low;
	}
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/* ---- accesses */

#define FOR_EACH_WIDTH(X) X(1, uint8_t) X(2, uint16_t) X(4, uint32_t) X(8, uint64_t)

uint64_t number_load(const void *at, unsigned width)
{
#define LOAD(bytes, type)                                                                                              \
	case bytes:                                                                                                    \
		return atomic_load((const _Atomic type *)at);
	switch (width) {
		FOR_EACH_WIDTH(LOAD)
	default:
		return 0;
	}
#undef LOAD
}

void number_store(void *at, unsigned width, uint64_t bits)
{
#define STORE(bytes, type)                                                                                             \
	case bytes:                                                                                                    \
		atomic_store((_Atomic type *)at, (type)bits);                                                          \
		break;
	switch (width) {
		FOR_EACH_WIDTH(STORE)
	default:
		break;
	}
#undef STORE
}

uint64_t number_add(void *at, unsigned width, uint64_t amount)
{
#define ADD(bytes, type)                                                                                               \
	case bytes:                                                                                                    \
		return atomic_fetch_add((_Atomic type *)at, (type)amount);
	switch (width) {
		FOR_EACH_WIDTH(ADD)
	default:
		return 0;
	}
#undef ADD
}

bool number_swap(void *at, unsigned width, uint64_t *expected, uint64_t bits)
{
	bool done = false;
#define SWAP(bytes, type)                                                                                              \
	case bytes: {                                                                                                  \
		type there = (type)*expected;                                                                          \
		done = atomic_compare_exchange_strong((_Atomic type *)at, &there, (type)bits);                         \
		*expected = there;                                                                                     \
		break;                                                                                                 \
	}
	switch (width) {
		FOR_EACH_WIDTH(SWAP)
	default:
		break;
	}
#undef SWAP
	return done;
}

void number_read(const void *shared, unsigned width, uint64_t count, void *own)
{
	unsigned char *to = own;
#define READ(bytes, type)                                                                                              \
	case bytes:                                                                                                    \
		for (uint64_t i = 0; i < count; i++) {                                                                 \
			type one = atomic_load_explicit((const _Atomic type *)shared + i, memory_order_relaxed);       \
			memcpy(to + i * bytes, &one, bytes);                                                           \
		}                                                                                                      \
		break;
	atomic_thread_fence(memory_order_seq_cst);
	switch (width) {
		FOR_EACH_WIDTH(READ)
	default:
		break;
	}
	atomic_thread_fence(memory_order_seq_cst);
#undef READ
}

void number_write(void *shared, unsigned width, uint64_t count, const void *own)
{
	const unsigned char *from = own;
#define WRITE(bytes, type)                                                                                             \
	case bytes:                                                                                                    \
		for (uint64_t i = 0; i < count; i++) {                                                                 \
			type one;                                                                                      \
			memcpy(&one, from + i * bytes, bytes);                                                         \
			atomic_store_explicit((_Atomic type *)shared + i, one, memory_order_relaxed);                  \
		}                                                                                                      \
		break;
	atomic_thread_fence(memory_order_seq_cst);
	switch (width) {
		FOR_EACH_WIDTH(WRITE)
	default:
		break;
	}
	atomic_thread_fence(memory_order_seq_cst);
#undef WRITE
}
