/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/array.h - reads memory that processes share, produces an array of numbers that they change together.
 *
 * Each element is changed by one atomic instruction (for doubles: by a compare-and-swap of its bits), so a process
 * killed at any point has either done it or not; nobody ever waits. All operations on all arrays and values of a
 * process group have one order that every process sees (sequential consistency).
 *
 *	memory: kk_array_size -> kk_array_init (once, by one process) -> kk_array_attach (each process) -> detach
 */
#ifndef KAKEHI_ARRAY_H
#define KAKEHI_ARRAY_H

#include <kakehi/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum kk_number {
	KK_NUMBER_INT = 1, /* int64_t; sums wrap around */
	KK_NUMBER_FLOAT,   /* double                    */
};

/* One process's handle of an array. Private memory. */
struct kk_array;

/* kk_array_size - bytes of shared memory for `length` elements; 0: too many. */
KK_API uint64_t kk_array_size(uint64_t length);

/* kk_array_init - lays an array of zeros out in `memory`, 64-byte aligned, of at least kk_array_size(length) bytes.
 * Before anybody attaches. 0, or KK_ERR_INVALID. */
KK_API int kk_array_init(void *memory, uint64_t bytes, enum kk_number kind, uint64_t length, struct kk_error *error);

/* kk_array_attach - a handle of the array that lies in `memory`, which must outlive it; `bytes`: how much memory there
 * is. NULL: KK_ERR_CORRUPT, KK_ERR_VERSION, KK_ERR_MEMORY. For reading alone the memory may be mapped read-only. Free
 * with kk_array_detach. */
KK_API struct kk_array *kk_array_attach(void *memory, uint64_t bytes, struct kk_error *error);
KK_API void kk_array_detach(struct kk_array *array);

/* kk_array_check - does the shared header still say what it said at attach? 0 or KK_ERR_CORRUPT. */
KK_API int kk_array_check(const struct kk_array *array, struct kk_error *error);

/* kk_array_length - how many numbers there are. kk_array_kind - of which kind. */
KK_API uint64_t kk_array_length(const struct kk_array *array);
KK_API enum kk_number kk_array_kind(const struct kk_array *array);

/* All of these return 0, or KK_ERR_INVALID if there is no such element or the array is of the other kind. Any process.
 *
 * get    copies the element
 * set    stores `value`
 * add    adds `amount`; `now` (may be NULL) gets the sum
 * cas    stores `value` if the element is *expected; says in `done` whether it did, and if not, copies what is there
 *        to *expected. Doubles are compared by their bits: -0.0 is not 0.0, a NaN is the same NaN. */
KK_API int kk_array_get_int(const struct kk_array *array, uint64_t index, int64_t *to);
KK_API int kk_array_set_int(struct kk_array *array, uint64_t index, int64_t value);
KK_API int kk_array_add_int(struct kk_array *array, uint64_t index, int64_t amount, int64_t *now);
KK_API int kk_array_cas_int(struct kk_array *array, uint64_t index, int64_t *expected, int64_t value, bool *done);
KK_API int kk_array_get_float(const struct kk_array *array, uint64_t index, double *to);
KK_API int kk_array_set_float(struct kk_array *array, uint64_t index, double value);
KK_API int kk_array_add_float(struct kk_array *array, uint64_t index, double amount, double *now);
KK_API int kk_array_cas_float(struct kk_array *array, uint64_t index, double *expected, double value, bool *done);

#ifdef __cplusplus
}
#endif
#endif
