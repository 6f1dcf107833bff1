/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/memory.h - reads a size, produces plain bytes that all members of a family see.
 *
 * What is written there is the program's own affair: nothing orders or guards it but what the program uses for that (a
 * lock, a message that says where to look). It lives until it is destroyed, whoever dies.
 */
#ifndef KAKEHI_MEMORY_H
#define KAKEHI_MEMORY_H

#include <kakehi/family.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One process's handle. Private memory. */
struct kk_memory;

/* kk_memory_create - makes `bytes` bytes, all zero. NULL: KK_ERR_INVALID (0 bytes), KK_ERR_NO_ROOM, KK_ERR_FULL,
 * KK_ERR_MEMORY, KK_ERR_CORRUPT. Free the handle with kk_memory_close, handle and bytes with kk_memory_destroy. */
KK_API struct kk_memory *kk_memory_create(struct kk_family *family, uint64_t bytes, struct kk_error *error);

/* kk_memory_open - a handle of what `ref` names. NULL: KK_ERR_MISSING, KK_ERR_INVALID (it names something else),
 * KK_ERR_VERSION, KK_ERR_MEMORY, KK_ERR_CORRUPT. */
KK_API struct kk_memory *kk_memory_open(struct kk_family *family, uint64_t ref, struct kk_error *error);

/* kk_memory_ref - its name in the family; never 0. */
KK_API uint64_t kk_memory_ref(const struct kk_memory *memory);

/* kk_memory_data - the first byte, 64-byte aligned; valid until the memory is destroyed or the family closed, also
 * after kk_memory_close. In another process it lies elsewhere. */
KK_API void *kk_memory_data(const struct kk_memory *memory);

/* kk_memory_bytes - its size: what was asked for. */
KK_API uint64_t kk_memory_bytes(const struct kk_memory *memory);

/* kk_memory_close - frees the handle; the bytes stay. NULL does nothing. */
KK_API void kk_memory_close(struct kk_memory *memory);

/* kk_memory_destroy - frees the bytes and the handle. By anybody, once all are through with them. NULL does nothing. */
KK_API void kk_memory_destroy(struct kk_memory *memory);

#ifdef __cplusplus
}
#endif
#endif
