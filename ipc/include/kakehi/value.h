/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/value.h - reads memory that processes share, produces one number that they change together: Value and RawValue
 * of multiprocessing.
 *
 * A value is an array (kakehi/array.h) of one element, with what is said there.
 */
#ifndef KAKEHI_VALUE_H
#define KAKEHI_VALUE_H

#include <kakehi/array.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One process's handle of a value. Private memory. */
struct kk_value;

/* ---- in a family: as kk_array_create and so on */

KK_API struct kk_value *kk_value_create(struct kk_family *family, enum kk_number kind, bool with_lock,
                                        struct kk_error *error);
KK_API struct kk_value *kk_value_open(struct kk_family *family, uint64_t ref, struct kk_error *error);
KK_API uint64_t kk_value_ref(const struct kk_value *value);
KK_API void kk_value_close(struct kk_value *value);
KK_API void kk_value_destroy(struct kk_value *value);
KK_API int kk_value_lock(struct kk_value *value, int timeout_ms);
KK_API int kk_value_unlock(struct kk_value *value);

/* ---- in memory of the program's */

/* kk_value_size - bytes of shared memory for a value. */
KK_API uint64_t kk_value_size(void);

/* kk_value_init - lays a zero out in `memory`, 64-byte aligned. Before anybody attaches. 0, or KK_ERR_INVALID. */
KK_API int kk_value_init(void *memory, uint64_t bytes, enum kk_number kind, struct kk_error *error);

/* kk_value_attach - a handle of the value that lies in `memory`, which must outlive it. NULL: KK_ERR_CORRUPT,
 * KK_ERR_VERSION, KK_ERR_MEMORY. Free with kk_value_detach. */
KK_API struct kk_value *kk_value_attach(void *memory, uint64_t bytes, struct kk_error *error);
KK_API void kk_value_detach(struct kk_value *value);

/* kk_value_check - does the shared header still say what it said at attach? 0 or KK_ERR_CORRUPT. */
KK_API int kk_value_check(const struct kk_value *value, struct kk_error *error);

/* kk_value_kind - of which kind it is. */
KK_API enum kk_number kk_value_kind(const struct kk_value *value);

/* kk_value_data - the number itself, of its C type, as kk_array_data. */
KK_API void *kk_value_data(const struct kk_value *value);

/* As kk_array_get_int and so on; KK_ERR_INVALID if the value is of the other kind. */
KK_API int kk_value_get_int(const struct kk_value *value, int64_t *to);
KK_API int kk_value_set_int(struct kk_value *value, int64_t to);
KK_API int kk_value_add_int(struct kk_value *value, int64_t amount, int64_t *now);
KK_API int kk_value_cas_int(struct kk_value *value, int64_t *expected, int64_t to, bool *done);
KK_API int kk_value_get_float(const struct kk_value *value, double *to);
KK_API int kk_value_set_float(struct kk_value *value, double to);
KK_API int kk_value_add_float(struct kk_value *value, double amount, double *now);
KK_API int kk_value_cas_float(struct kk_value *value, double *expected, double to, bool *done);

#ifdef __cplusplus
}
#endif
#endif
