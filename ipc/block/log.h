/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/block/log.h - reads and produces log words and the log's layout. Inside ipc/block only. */
#ifndef IPC_BLOCK_LOG_H
#define IPC_BLOCK_LOG_H

#include "block/region.h"
#include "wait/point.h"
#include <kakehi/block.h>
#include <stdatomic.h>

enum block_state { BLOCK_FREE = 0, BLOCK_CLAIMED = 1, BLOCK_SHARED = 2 };

#define GENERATION_MASK 0x1fffffffu
#define LANES_MASK      ((1u << KK_BLOCK_LANES) - 1)

static inline uint64_t word_make(enum block_state state, unsigned role, uint32_t generation, uint32_t lanes)
{
	return (uint64_t)state << 62 | (uint64_t)role << 53 | (uint64_t)generation << 24 | lanes;
}
static inline enum block_state word_state(uint64_t word)
{
	return (enum block_state)(word >> 62);
}
static inline unsigned word_role(uint64_t word)
{
	return (unsigned)(word >> 53) & 0x1ffu;
}
static inline uint32_t word_generation(uint64_t word)
{
	return (uint32_t)(word >> 24) & GENERATION_MASK;
}
static inline uint32_t word_lanes(uint64_t word)
{
	return (uint32_t)word & LANES_MASK;
}

/* One block. Offset and length are written by the allocating role while it is FREE or CLAIMED by it.
 *   field          written by                          read by          ordering
 *   word           allocator; sharers and releasers    all              see MEMORY.md, "blocks"
 *   offset, length allocator of the region (big: none) readers          relaxed; ordered by word and by the ring
 */
struct block_log {
	_Atomic uint64_t word;
	_Atomic uint64_t offset, length;
	uint64_t reserved;
};

struct arena_memory {
	uint64_t magic;
	struct kk_arena_shape shape;
	_Alignas(64) struct kk_event room;
	_Alignas(64) struct block_log block[];
};

struct kk_arena {
	struct arena_memory *memory;
	unsigned char *data;
	struct kk_arena_shape shape; /* a private copy: the shared one may be overwritten */
	uint32_t count;              /* log words, the big block's included               */
	int bell;
	unsigned role;
	struct region *region;  /* what this process knows as an allocator, or NULL  */
	uint32_t base;          /* the adopted region's first log word               */
	uint64_t region_offset; /* and where it lies in the data                     */
	uint32_t claimed;
};

static inline uint32_t arena_count(const struct kk_arena_shape *shape)
{
	return shape->regions * shape->blocks + (shape->big_bytes ? 1 : 0);
}
static inline bool is_big(const struct kk_arena *arena, uint32_t index)
{
	return arena->shape.big_bytes && index == arena->count - 1;
}

#endif
