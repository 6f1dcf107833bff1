/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/namespace.h - reads a family of processes, produces attributes that they share: names with typed values.
 *
 * A namespace is a dict (kakehi/dict.h) whose keys are names and whose values know their type, with all that is said
 * there: no locks, whole values, nothing half done by who is killed.
 *
 *	space = kk_namespace_create(family, NULL, &error);
 *	kk_namespace_set_double(space, "rate", 0.5);
 */
#ifndef KAKEHI_NAMESPACE_H
#define KAKEHI_NAMESPACE_H

#include <kakehi/error.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_NAMESPACE_ATTRIBUTES 64U
#define KK_NAMESPACE_NAME_MAX   63U /* bytes, 1 .. */
#define KK_NAMESPACE_VALUE_MAX  255U

struct kk_family;

/* All zero: the values above. */
struct kk_namespace_shape {
	uint32_t attributes; /* there is room for, at least                */
	uint32_t value_max;  /* bytes of the longest string or bytes, 8 .. */
};

enum kk_attribute {
	KK_ATTRIBUTE_INT = 1,
	KK_ATTRIBUTE_DOUBLE,
	KK_ATTRIBUTE_STRING,
	KK_ATTRIBUTE_BYTES,
	KK_ATTRIBUTE_REF, /* another object of the family */
};

/* One process's handle of a namespace. Private memory, for any number of threads. */
struct kk_namespace;

/* kk_namespace_create, _open, _ref, _close, _destroy - as those of kk_dict. `shape` NULL: all defaults. */
KK_API struct kk_namespace *kk_namespace_create(struct kk_family *family, const struct kk_namespace_shape *shape,
                                                struct kk_error *error);
KK_API struct kk_namespace *kk_namespace_open(struct kk_family *family, uint64_t ref, struct kk_error *error);
KK_API uint64_t kk_namespace_ref(const struct kk_namespace *space);
KK_API void kk_namespace_close(struct kk_namespace *space);
KK_API int kk_namespace_destroy(struct kk_namespace *space);

/* kk_namespace_set_... - sets an attribute, whatever it was before. 0; KK_ERR_INVALID: name or value of impossible
 * length; KK_ERR_FULL, KK_ERR_CORRUPT, KK_ERR_MEMORY. */
KK_API int kk_namespace_set_int(struct kk_namespace *space, const char *name, int64_t value);
KK_API int kk_namespace_set_double(struct kk_namespace *space, const char *name, double value);
KK_API int kk_namespace_set_string(struct kk_namespace *space, const char *name, const char *value);
KK_API int kk_namespace_set_bytes(struct kk_namespace *space, const char *name, const void *value, size_t bytes);
KK_API int kk_namespace_set_ref(struct kk_namespace *space, const char *name, uint64_t ref);

/* kk_namespace_get_... - copies an attribute. 0; KK_ERR_MISSING: there is none; KK_ERR_INVALID: it is of another type;
 * KK_ERR_CORRUPT. */
KK_API int kk_namespace_get_int(const struct kk_namespace *space, const char *name, int64_t *to);
KK_API int kk_namespace_get_double(const struct kk_namespace *space, const char *name, double *to);
KK_API int kk_namespace_get_ref(const struct kk_namespace *space, const char *name, uint64_t *to);
/* kk_namespace_get_string - the same, cut at `size` (> 0) with its NUL; kk_namespace_get_bytes - without. The length of
 * all of it, or an error as above, or KK_ERR_MEMORY. */
KK_API int64_t kk_namespace_get_string(const struct kk_namespace *space, const char *name, char *to, size_t size);
KK_API int64_t kk_namespace_get_bytes(const struct kk_namespace *space, const char *name, void *to, size_t size);

/* kk_namespace_add - adds to an int, at one moment; one that is not there begins at 0. `now` (may be NULL) gets the
 * sum, which wraps around. 0; KK_ERR_INVALID: it is of another type. */
KK_API int kk_namespace_add(struct kk_namespace *space, const char *name, int64_t amount, int64_t *now);

/* kk_namespace_type - enum kk_attribute of an attribute, or KK_ERR_MISSING. */
KK_API int kk_namespace_type(const struct kk_namespace *space, const char *name);
/* kk_namespace_delete - 0, or KK_ERR_MISSING. */
KK_API int kk_namespace_delete(struct kk_namespace *space, const char *name);
/* kk_namespace_next - goes through the names, in no useful order: start with *cursor = 0. `name` has room for
 * KK_NAMESPACE_NAME_MAX + 1 bytes. 1; 0: there are no more; KK_ERR_CORRUPT. */
KK_API int kk_namespace_next(const struct kk_namespace *space, uint32_t *cursor, char *name);

#ifdef __cplusplus
}
#endif
#endif
