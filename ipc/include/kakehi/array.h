/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/array.h - reads memory that processes share, produces an array of numbers that they change together: Array and
 * RawArray of multiprocessing.
 *
 * Each element is changed by one atomic instruction (for doubles: by a compare-and-swap of its bits), so a process
 * killed at any point has either done it or not; nobody ever waits. All operations on all arrays and values of a
 * process group have one order that every process sees (sequential consistency).
 *
 *	in a family:  kk_array_create or kk_array_open -> ... -> kk_array_close or kk_array_destroy
 *	in memory:    kk_array_size -> kk_array_init (once, by one process) -> kk_array_attach (each process) -> detach
 *
 * What takes more than one operation (x = f(x), two elements at once) is done under the array's lock, as in Python:
 * kk_array_lock. Who counts only, needs none: kk_array_add_int.
 */
#ifndef KAKEHI_ARRAY_H
#define KAKEHI_ARRAY_H

#include <kakehi/family.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of elements: C types of fixed width. Integers wrap around and are cut to their width, as unsigned ones do in C
 * and ctypes does in Python: setting 300 in a uint8_t stores 44, adding 1 to the largest int8_t gives the smallest. */
enum kk_number {
	KK_NUMBER_I64 = 1, /* int64_t                                                    */
	KK_NUMBER_F64,     /* double                                                     */
	KK_NUMBER_BOOL,    /* 0 or 1: whatever is not 0 is stored as 1                   */
	KK_NUMBER_CHAR,    /* a byte, 0 .. 255; an array of them holds text              */
	KK_NUMBER_I8,
	KK_NUMBER_I16,
	KK_NUMBER_I32,
	KK_NUMBER_U8,
	KK_NUMBER_U16,
	KK_NUMBER_U32,
	KK_NUMBER_U64, /* as an int64_t of the same bits in the functions below      */
	KK_NUMBER_F32, /* float                                                      */
	KK_NUMBER_INT = KK_NUMBER_I64,
	KK_NUMBER_FLOAT = KK_NUMBER_F64,
};

/* One process's handle of an array. Private memory. */
struct kk_array;

/* ---- in a family */

/* kk_array_create - makes an array of `length` zeros. `with_lock`: with a lock of its own, which knows recursion, as
 * get_lock() in Python. NULL: KK_ERR_INVALID, KK_ERR_NO_ROOM, KK_ERR_FULL, KK_ERR_MEMORY, KK_ERR_CORRUPT. */
KK_API struct kk_array *kk_array_create(struct kk_family *family, enum kk_number kind, uint64_t length, bool with_lock,
                                        struct kk_error *error);
/* kk_array_open - a handle of the array that `ref` names. NULL: KK_ERR_MISSING, KK_ERR_INVALID, KK_ERR_VERSION,
 * KK_ERR_MEMORY, KK_ERR_CORRUPT. */
KK_API struct kk_array *kk_array_open(struct kk_family *family, uint64_t ref, struct kk_error *error);
/* kk_array_ref - its name in the family; 0: it is in none. */
KK_API uint64_t kk_array_ref(const struct kk_array *array);
/* kk_array_close - frees the handle; the array stays. NULL does nothing. */
KK_API void kk_array_close(struct kk_array *array);
/* kk_array_destroy - frees array and handle. By anybody, once all are through with it. NULL does nothing. */
KK_API void kk_array_destroy(struct kk_array *array);

/* kk_array_lock - takes the array's lock, once more if the caller has it. As kk_lock_acquire: 0; KK_OWNER_DIED: taken,
 * but the last owner died in the middle of something; KK_ERR_TIMEOUT ...; KK_ERR_INVALID also: it has none. The
 * functions below do not ask for it. kk_array_unlock - as kk_lock_release. */
KK_API int kk_array_lock(struct kk_array *array, int timeout_ms);
KK_API int kk_array_unlock(struct kk_array *array);

/* ---- in memory of the program's */

/* kk_array_size - bytes of shared memory for `length` elements of any kind; 0: too many. */
KK_API uint64_t kk_array_size(uint64_t length);

/* kk_array_init - lays an array of zeros out in `memory`, 64-byte aligned, of at least kk_array_size(length) bytes.
 * Before anybody attaches. 0, or KK_ERR_INVALID. */
KK_API int kk_array_init(void *memory, uint64_t bytes, enum kk_number kind, uint64_t length, struct kk_error *error);

/* kk_array_attach - a handle of the array that lies in `memory`, which must outlive it; `bytes`: how much memory there
 * is. NULL: KK_ERR_CORRUPT, KK_ERR_VERSION, KK_ERR_MEMORY. For reading alone the memory may be mapped read-only. Free
 * with kk_array_detach. */
KK_API struct kk_array *kk_array_attach(void *memory, uint64_t bytes, struct kk_error *error);
KK_API void kk_array_detach(struct kk_array *array);

/* ---- elements */

/* kk_array_check - does the shared header still say what it said at attach? 0 or KK_ERR_CORRUPT. */
KK_API int kk_array_check(const struct kk_array *array, struct kk_error *error);

/* kk_array_length - how many numbers there are. kk_array_kind - of which kind. */
KK_API uint64_t kk_array_length(const struct kk_array *array);
KK_API enum kk_number kk_array_kind(const struct kk_array *array);

/* kk_array_data - the elements themselves, as an array of the C type; valid as long as the array. Slices are plain
 * pointers into it (RawArray). Such accesses are the program's own affair: under the lock, or of one process. */
KK_API void *kk_array_data(const struct kk_array *array);
/* kk_array_width - bytes of an element. */
KK_API size_t kk_array_width(const struct kk_array *array);

/* The ..._int functions are for all kinds but float and double, the ..._float functions for these two. All of them
 * return 0, or KK_ERR_INVALID if there is no such element or the array is of the other kind. Any process.
 *
 * get    copies the element
 * set    stores `value`
 * add    adds `amount`; `now` (may be NULL) gets the sum
 * cas    stores `value` if the element is *expected; says in `done` whether it did, and if not, copies what is there
 *        to *expected. What is compared is what would be stored: floats by their bits (-0.0 is not
 *        0.0, a NaN is the same NaN). */
KK_API int kk_array_get_int(const struct kk_array *array, uint64_t index, int64_t *to);
KK_API int kk_array_set_int(struct kk_array *array, uint64_t index, int64_t value);
KK_API int kk_array_add_int(struct kk_array *array, uint64_t index, int64_t amount, int64_t *now);
KK_API int kk_array_cas_int(struct kk_array *array, uint64_t index, int64_t *expected, int64_t value, bool *done);
KK_API int kk_array_get_float(const struct kk_array *array, uint64_t index, double *to);
KK_API int kk_array_set_float(struct kk_array *array, uint64_t index, double value);
KK_API int kk_array_add_float(struct kk_array *array, uint64_t index, double amount, double *now);
KK_API int kk_array_cas_float(struct kk_array *array, uint64_t index, double *expected, double value, bool *done);

/* kk_array_read - copies `count` elements from `first` on to `to`, an array of the C type. Each element is whole; all
 * together are of one moment only under the lock. kk_array_write - copies to the array. 0; KK_ERR_INVALID: there are
 * not that many. */
KK_API int kk_array_read(const struct kk_array *array, uint64_t first, uint64_t count, void *to);
KK_API int kk_array_write(struct kk_array *array, uint64_t first, uint64_t count, const void *from);

/* kk_array_get_text - what a KK_NUMBER_CHAR array holds up to its first NUL, or all of it, NUL-terminated (.value in
 * Python; .raw is kk_array_read). KK_ERR_NO_ROOM: `size` is too small. kk_array_set_text - stores it, and a NUL behind
 * it if there is room. KK_ERR_NO_ROOM: longer than the array. Both: KK_ERR_INVALID: not of that kind. */
KK_API int kk_array_get_text(const struct kk_array *array, char *to, size_t size);
KK_API int kk_array_set_text(struct kk_array *array, const char *text);

#ifdef __cplusplus
}
#endif
#endif
