/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/cache.h - reads small things under keys, produces a lossy memory that processes share: what was stored is
 * there for so long, unless something newer needed its room.
 *
 * Nobody takes a lock and nobody waits. An entry is copied word by word and carries a checksum over its key, its time
 * and its contents: one that is being written, that two wrote at once, or that was left half-written by a killed
 * process, reads as if it were not there. Keys are told apart by 128 bits of a hash with a secret of the cache, drawn
 * at random, so that nobody who chooses keys can make one pass for another. Processes that can write the memory can of
 * course store what they like under any key: share it only among those who may.
 *
 * Times are nanoseconds of one clock that all callers read alike: CLOCK_MONOTONIC.
 */
#ifndef KAKEHI_CACHE_H
#define KAKEHI_CACHE_H

#include <kakehi/error.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_CACHE_MAX_ENTRIES 4194304U
#define KK_CACHE_MAX_BYTES   448U /* of one thing */

/* One process's handle of a cache. Private memory; used by one thread at a time. */
struct kk_cache;

/* kk_cache_size - bytes of shared memory for at least `entries` things (512 bytes each); 0: none or too many. A key can
 * lie at eight places only, so a few things are lost before all room is in use. */
KK_API uint64_t kk_cache_size(uint32_t entries);

/* kk_cache_init - lays an empty cache out in `memory`, 64-byte aligned, of at least kk_cache_size(entries) bytes.
 * Before anybody attaches. 0, KK_ERR_INVALID or KK_ERR_SYSTEM (no random bytes). */
KK_API int kk_cache_init(void *memory, uint64_t bytes, uint32_t entries, struct kk_error *error);

/* kk_cache_attach - a handle of the cache that lies in `memory`, which must outlive it; `bytes`: how much memory there
 * is. NULL: KK_ERR_CORRUPT, KK_ERR_VERSION, KK_ERR_MEMORY. To load alone the memory may be mapped read-only. Free with
 * kk_cache_detach. */
KK_API struct kk_cache *kk_cache_attach(void *memory, uint64_t bytes, struct kk_error *error);
KK_API void kk_cache_detach(struct kk_cache *cache);

/* kk_cache_store - keeps a copy of `bytes` bytes under a key until `until_ns`, in place of what was there. A time that
 * is over forgets it. 0, or KK_ERR_INVALID: more than KK_CACHE_MAX_BYTES. Any process. */
KK_API int kk_cache_store(struct kk_cache *cache, const void *key, size_t key_bytes, const void *what, size_t bytes,
                          uint64_t now_ns, uint64_t until_ns);

/* kk_cache_load - copies what is kept under a key, whole, into `to`. Returns its bytes; KK_ERR_MISSING: nothing, or not
 * any more; KK_ERR_NO_ROOM: more than `size` bytes. Any process. */
KK_API int64_t kk_cache_load(const struct kk_cache *cache, const void *key, size_t key_bytes, void *to, size_t size,
                             uint64_t now_ns);

/* kk_cache_check - does the shared header still say what it said at attach? 0 or KK_ERR_CORRUPT. */
KK_API int kk_cache_check(const struct kk_cache *cache, struct kk_error *error);

#ifdef __cplusplus
}
#endif
#endif
