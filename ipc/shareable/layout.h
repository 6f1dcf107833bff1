/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/shareable/layout.h - reads items, produces where they lie: slots, and two cells for each. Inside ipc/shareable
 * only. Why it is right: ipc/MEMORY.md, "Shareable list".
 *
 *   field      written by                 read by       ordering
 *   slot.word  who has the writer's lock  all           release / acquire
 *   cells      the same, the one that     all           relaxed, between fences
 *              word does not name
 *   the rest   its maker, once            open
 */
#ifndef IPC_SHAREABLE_LAYOUT_H
#define IPC_SHAREABLE_LAYOUT_H

#include <kakehi/shareable.h>
#include <pthread.h>
#include <stdatomic.h>

#define SHAREABLE_MAGIC   UINT64_C(0x3174736c6b6b) /* "kklst1" */
#define SHAREABLE_VERSION 1U

/* word = version:32 cell:1 type:3 bytes:28 */
#define WORD_BYTES_MASK  UINT64_C(0x0fffffff)
#define WORD_TYPE_SHIFT  28
#define WORD_CELL_SHIFT  31
#define WORD_VERSION_ONE (UINT64_C(1) << 32)

struct shareable_slot {
	_Atomic uint64_t word;
	uint64_t at;   /* of the first cell, from the start of the list; the other one lies behind it */
	uint64_t room; /* of each, a multiple of 8 */
};

struct shareable_memory {
	_Atomic uint64_t magic; /* stored last, with release; looked at first, with acquire */
	uint32_t version, mutex_bytes;
	uint64_t count, bytes;
	pthread_mutex_t writer; /* robust: whoever dies in it leaves every slot as it was, or as it should be */
	uint8_t padding[128 - 32 - sizeof(pthread_mutex_t)];
	struct shareable_slot slot[];
};
_Static_assert(offsetof(struct shareable_memory, slot) == 128, "slots start on a cache line");

static inline unsigned word_cell(uint64_t word)
{
	return word >> WORD_CELL_SHIFT & 1;
}

static inline enum kk_item_type word_type(uint64_t word)
{
	return (enum kk_item_type)(word >> WORD_TYPE_SHIFT & 7);
}

static inline size_t word_bytes(uint64_t word)
{
	return word & WORD_BYTES_MASK;
}

struct kk_shareable {
	struct shareable_memory *memory;
	size_t count;
	uint64_t bytes; /* copies: what others may write there does not make us look outside */
};

/* shareable_size - bytes of a list of these items, or 0: they cannot be. */
uint64_t shareable_size(const struct kk_item *items, size_t count);
/* shareable_lay_out - into zeros. 0 or KK_ERR_SYSTEM. */
int shareable_lay_out(struct shareable_memory *memory, uint64_t bytes, const struct kk_item *items, size_t count);
/* shareable_look_at - fills the handle. 0, KK_ERR_CORRUPT, KK_ERR_VERSION. */
int shareable_look_at(struct kk_shareable *list, struct shareable_memory *memory, uint64_t bytes,
                      struct kk_error *error);

#endif
