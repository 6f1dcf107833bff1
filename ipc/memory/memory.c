/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/memory/memory.c - plain bytes of a family. */
#include <kakehi/memory.h>

#include "family/handle.h"
#include "family/kinds.h"

#include <inttypes.h>
#include <stdlib.h>

/* Shared.   field   written by            read by
 *           bytes   its maker, once       open
 *           data    the program           the program */
struct memory_shared {
	uint64_t bytes;
	uint64_t reserved[7];
	unsigned char data[];
};
_Static_assert(sizeof(struct memory_shared) == 64, "the data start on a cache line");

struct kk_memory {
	struct kk_object object;
	uint64_t bytes;
};

struct kk_memory *kk_memory_create(struct kk_family *family, uint64_t bytes, struct kk_error *error)
{
	if (bytes == 0 || bytes > INT64_MAX / 2) {
		(void)kk_error_set(error, KK_ERR_INVALID, "a memory of %" PRIu64 " bytes cannot be", bytes);
		return NULL;
	}
	struct kk_memory *memory =
	    handle_create(family, &kk_kind_memory, sizeof(*memory), sizeof(struct memory_shared) + bytes, error);
	if (!memory)
		return NULL;
	((struct memory_shared *)memory->object.memory)->bytes = memory->bytes = bytes;
	kk_object_publish(&memory->object);
	return memory;
}

struct kk_memory *kk_memory_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	struct kk_memory *memory =
	    handle_open(family, ref, &kk_kind_memory, sizeof(*memory), sizeof(struct memory_shared), error);
	if (!memory)
		return NULL;
	const struct memory_shared *shared = memory->object.memory;
	memory->bytes = shared->bytes;
	if (memory->bytes > memory->object.bytes - sizeof(*shared)) {
		(void)kk_error_set(error, KK_ERR_CORRUPT, "the header of a memory was overwritten");
		free(memory);
		memory = NULL;
	}
	return memory;
}

uint64_t kk_memory_ref(const struct kk_memory *memory)
{
	return memory->object.ref;
}

void *kk_memory_data(const struct kk_memory *memory)
{
	return ((struct memory_shared *)memory->object.memory)->data;
}

uint64_t kk_memory_bytes(const struct kk_memory *memory)
{
	return memory->bytes;
}

void kk_memory_close(struct kk_memory *memory)
{
	free(memory);
}

void kk_memory_destroy(struct kk_memory *memory)
{
	handle_destroy(memory ? &memory->object : NULL);
}
