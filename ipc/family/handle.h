/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/family/handle.h - reads a kind and sizes, produces the private handle of an object in a family: zeroed memory of
 * the process, whose first member is a struct kk_object. Inside ipc only.
 */
#ifndef IPC_FAMILY_HANDLE_H
#define IPC_FAMILY_HANDLE_H

#include "family/object.h"
#include <stddef.h>

/* handle_create - an object of `bytes` zeroed bytes that is not published yet. NULL on error. */
void *handle_create(struct kk_family *family, const struct kk_kind *kind, size_t handle_bytes, uint64_t bytes,
                    struct kk_error *error);
/* handle_open - the object that `ref` names, which has at least `bytes`. NULL on error. */
void *handle_open(struct kk_family *family, uint64_t ref, const struct kk_kind *kind, size_t handle_bytes,
                  uint64_t bytes, struct kk_error *error);
/* handle_destroy - destroys the object and frees its handle. NULL does nothing. */
void handle_destroy(struct kk_object *handle);

#endif
