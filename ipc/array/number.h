/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/array/number.h - reads a kind, produces its numbers as bits in memory, each access one atomic operation. */
#ifndef IPC_ARRAY_NUMBER_H
#define IPC_ARRAY_NUMBER_H

#include <kakehi/array.h>

struct number_form {
	uint8_t width; /* bytes; 0: no such kind */
	bool is_signed, is_float, is_bool;
};

/* number_form - how numbers of this kind lie in memory. */
const struct number_form *number_form(enum kk_number kind);

/* Conversions: integers are cut to the width, as a conversion in C does; a bool is 0 or 1. */
int64_t number_to_int(const struct number_form *form, uint64_t bits);
uint64_t number_of_int(const struct number_form *form, int64_t value);
double number_to_float(const struct number_form *form, uint64_t bits);
uint64_t number_of_float(const struct number_form *form, double value);

/* Accesses to one number at `at`, all seq_cst. */
uint64_t number_load(const void *at, unsigned width);
void number_store(void *at, unsigned width, uint64_t bits);
/* number_add - the bits before. */
uint64_t number_add(void *at, unsigned width, uint64_t amount);
/* number_swap - stores `bits` if *expected is there and returns true; else says what is there. */
bool number_swap(void *at, unsigned width, uint64_t *expected, uint64_t bits);

/* Many numbers, each whole. `shared` is aligned to the width, `own` to nothing. Ordered with what the caller does
 * before and after, but not one moment. */
void number_read(const void *shared, unsigned width, uint64_t count, void *own);
void number_write(void *shared, unsigned width, uint64_t count, const void *own);

#endif
