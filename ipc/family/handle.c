/* SPDX-License-Identifier: Apache-2.0 */
#include "family/handle.h"

#include <inttypes.h>
#include <stdlib.h>

static struct kk_object *make_handle(const struct kk_kind *kind, size_t handle_bytes, struct kk_error *error)
{
	struct kk_object *handle = calloc(1, handle_bytes);
	if (!handle)
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for the handle of a %s", kind->name);
	return handle;
}

void *handle_create(struct kk_family *family, const struct kk_kind *kind, size_t handle_bytes, uint64_t bytes,
                    struct kk_error *error)
{
	struct kk_object *handle = make_handle(kind, handle_bytes, error);
	if (handle && kk_object_make(family, kind, bytes, handle, error) < 0) {
		free(handle);
		handle = NULL;
	}
	return handle;
}

void *handle_open(struct kk_family *family, uint64_t ref, const struct kk_kind *kind, size_t handle_bytes,
                  uint64_t bytes, struct kk_error *error)
{
	struct kk_object *handle = make_handle(kind, handle_bytes, error);
	if (!handle)
		return NULL;
	int rc = kk_object_find(family, ref, kind, handle, error);
	if (rc == KK_OK && handle->bytes < bytes)
		rc = kk_error_set(error, KK_ERR_CORRUPT, "a %s has %" PRIu64 " bytes instead of %" PRIu64, kind->name,
		                  handle->bytes, bytes);
	if (rc < 0) {
		free(handle);
		handle = NULL;
	}
	return handle;
}

void handle_destroy(struct kk_object *handle)
{
	if (handle)
		(void)kk_object_destroy(handle);
	free(handle);
}
