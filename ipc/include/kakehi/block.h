/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/block.h - arenas: payload memory between processes that survives their deaths.
 *
 * Reads sizes, produces contiguous blocks that one process fills and others read without copying. Two pieces of
 * shared memory make an arena: the *data*, writable only by the processes that fill it, and the *log*, one word per
 * block, writable by everybody, since whoever reads a block last frees it:
 *
 *   log word   state:2 | role:9 | generation:29 | lanes:24
 *   FREE --kk_block_alloc--> CLAIMED(role) --kk_block_share--> SHARED(lanes) --kk_block_release, last lane--> FREE
 *
 * Every arrow is one store or one compare-and-swap, so a death leaves a block in exactly one of these states, and a
 * release that is repeated after a death does nothing (the generation has moved on or the lane's bit is gone).
 *
 * The data is cut into *regions*, one for each role that fills it. The allocation inside a region is the private
 * knowledge of the process that plays the role (first fit from where it last allocated, neighbours coalesce by
 * themselves); its heir reads it off the log. So allocating takes no lock and waits for nobody. Besides the regions
 * an arena has one *big* block, as large as its largest payload, for whoever finds no room in his region: its holder
 * can always finish, which is why memory cannot wedge (ipc/MEMORY.md).
 */
#ifndef KAKEHI_BLOCK_H
#define KAKEHI_BLOCK_H

#include <kakehi/error.h>
#include <kakehi/wait.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_BLOCK_LANES 24u /* parties that can hold one block at once         */
#define KK_BLOCK_ALIGN 64u /* offsets and lengths are multiples of this       */

/* Names a block and what of it is used. Plain data: may be copied, stored in shared memory, compared. All zero: no
 * block. */
struct kk_block_ref {
	uint32_t index;      /* of its log word, + 1 */
	uint32_t generation; /* this life of it      */
	uint32_t size;       /* bytes of payload     */
	uint32_t extra;      /* bytes the user keeps behind the payload, from the next multiple of 8 on */
};

/* The shape of an arena. */
struct kk_arena_shape {
	uint32_t regions;      /* roles that fill it                                     */
	uint32_t blocks;       /* log words of each region: blocks that can live at once */
	uint64_t region_bytes; /* of data, per region, a multiple of KK_BLOCK_ALIGN      */
	uint64_t big_bytes;    /* of the big block; 0: none                              */
};

struct kk_arena; /* private handle */

/* kk_arena_log_size, kk_arena_data_size - bytes of the two pieces; 0: out of range. */
KK_API size_t kk_arena_log_size(const struct kk_arena_shape *shape);
KK_API uint64_t kk_arena_data_size(const struct kk_arena_shape *shape);
/* kk_arena_init - makes the log in `log` (64-byte aligned, zeroed). Once, by the creator. The data needs nothing. */
KK_API int kk_arena_init(void *log, const struct kk_arena_shape *shape);
/* kk_arena_attach - a private handle: `data` is where this process has the data mapped (read-only, or writable for a
 * process that will adopt a region; NULL for one that only releases). Both stay mapped until kk_arena_detach. */
KK_API int kk_arena_attach(struct kk_arena **arena, void *log, size_t log_bytes, void *data, uint64_t data_bytes);
KK_API void kk_arena_detach(struct kk_arena *arena);
/* kk_arena_bell - the eventfd of waiters for room who also wait for descriptors (see kk_event_wake); -1: none. */
KK_API void kk_arena_bell(struct kk_arena *arena, int bell);
/* kk_arena_room_event - wait here after KK_ERR_NO_ROOM. */
KK_API struct kk_event *kk_arena_room_event(struct kk_arena *arena);

/* kk_arena_adopt - from now on this process allocates from `region` as `role`; one process at a time. As an heir it
 * frees what its predecessor had allocated but shared with nobody. To be called after the heir's items are settled
 * or known not to use such blocks. Data must be mapped writable. */
KK_API int kk_arena_adopt(struct kk_arena *arena, uint32_t region, unsigned role);

/* kk_block_alloc - a block of at least `size` bytes in the adopted region, CLAIMED. `may_take_big`: if the region has
 * no room, take the big block. KK_ERR_NO_ROOM: nothing free now. KK_ERR_INVALID: larger than anything there is. */
KK_API int kk_block_alloc(struct kk_arena *arena, uint64_t size, bool may_take_big, struct kk_block_ref *ref);
/* kk_block_grow - makes the caller's CLAIMED block at least `size` bytes: in place, else it moves (the first `keep`
 * bytes are copied), else into the big block. On failure it is as it was. */
KK_API int kk_block_grow(struct kk_arena *arena, struct kk_block_ref *ref, uint64_t keep, uint64_t size);
/* kk_block_grow_inside - the same, but never into the big block. */
KK_API int kk_block_grow_inside(struct kk_arena *arena, struct kk_block_ref *ref, uint64_t keep, uint64_t size);
/* kk_block_shrink - gives back what a CLAIMED block has beyond `size` bytes. */
KK_API void kk_block_shrink(struct kk_arena *arena, const struct kk_block_ref *ref, uint64_t size);
/* kk_block_capacity - bytes of the caller's own CLAIMED block; 0 if there is no such block. */
KK_API uint64_t kk_block_capacity(const struct kk_arena *arena, const struct kk_block_ref *ref);
/* kk_block_memory - where the caller's own CLAIMED block lies, writable. */
KK_API void *kk_block_memory(const struct kk_arena *arena, const struct kk_block_ref *ref);
/* kk_block_cancel - frees the caller's CLAIMED block. */
KK_API void kk_block_cancel(struct kk_arena *arena, const struct kk_block_ref *ref);
/* kk_block_claimed - blocks this process has allocated and neither shared nor cancelled. */
KK_API uint32_t kk_block_claimed(const struct kk_arena *arena);

/* kk_block_share - the caller's CLAIMED block now belongs to the lanes in the bit set `lanes` (not 0). The caller has
 * written the ref where an heir finds it *before*. */
KK_API void kk_block_share(struct kk_arena *arena, const struct kk_block_ref *ref, uint32_t lanes);
/* kk_block_add_lane - a holder of the block makes `lane` another one. May be repeated while the caller holds it. */
KK_API void kk_block_add_lane(struct kk_arena *arena, const struct kk_block_ref *ref, unsigned lane);
/* kk_block_release - `lane` does not need the block any more; the last one frees it. May be repeated at any time. Any
 * process. Returns true if this call freed it. */
KK_API bool kk_block_release(struct kk_arena *arena, const struct kk_block_ref *ref, unsigned lane);
/* kk_block_read - where a SHARED block lies, after checking that the ref is alive and inside the arena; NULL if not. */
KK_API const void *kk_block_read(const struct kk_arena *arena, const struct kk_block_ref *ref);

/* kk_arena_used - blocks that are not free: 0 after a complete run. */
KK_API uint32_t kk_arena_used(const struct kk_arena *arena);
/* kk_arena_check - is the log sound? 0 or KK_ERR_CORRUPT with a sentence. */
KK_API int kk_arena_check(const struct kk_arena *arena, struct kk_error *error);

#ifdef __cplusplus
}
#endif
#endif
