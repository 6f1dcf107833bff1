/* SPDX-License-Identifier: Apache-2.0 */
/* What only the process does that plays the allocating role of a region. */
#include "block/log.h"
#include <stdlib.h>
#include <string.h>

static uint32_t region_base(const struct kk_arena *arena, uint32_t region)
{
	return region * arena->shape.blocks;
}

static struct block_log *log_at(const struct kk_arena *arena, uint32_t index)
{
	return &arena->memory->block[index];
}

/* Where the caller's own block lies and how long it is, by what only this process can write: others may write into the
 * log, but nobody shall make us write into our arena at a place of his choosing, or behind its end. */
static bool own_extent(const struct kk_arena *arena, const struct kk_block_ref *ref, uint64_t *offset, uint64_t *length)
{
	uint32_t index = ref->index - 1;
	if (!arena->region || ref->index == 0 || ref->index > arena->count)
		return false;
	if (is_big(arena, index)) {
		*offset = arena->shape.regions * arena->shape.region_bytes;
		*length = arena->shape.big_bytes;
		return true;
	}
	if (index < arena->base || !region_at(arena->region, index - arena->base, offset, length))
		return false;
	*offset += arena->region_offset;
	return true;
}

void *kk_block_memory(const struct kk_arena *arena, const struct kk_block_ref *ref)
{
	uint64_t offset, length;
	return own_extent(arena, ref, &offset, &length) ? arena->data + offset : NULL;
}

uint64_t kk_block_capacity(const struct kk_arena *arena, const struct kk_block_ref *ref)
{
	uint64_t offset, length;
	return own_extent(arena, ref, &offset, &length) ? length : 0;
}

static bool block_is_free(void *arg, uint32_t slot)
{
	struct kk_arena *arena = arg;
	KK_POINT("alloc: read word");
	/* acquire: pairs with the last reader's release; its looks at the data are over. */
	uint64_t word = atomic_load_explicit(&log_at(arena, arena->base + slot)->word, memory_order_acquire);
	return word_state(word) == BLOCK_FREE;
}

static void free_claimed(struct kk_arena *arena, uint32_t index)
{
	KK_POINT("cancel: read word");
	uint64_t word = atomic_load_explicit(&log_at(arena, index)->word, memory_order_relaxed);
	KK_POINT("cancel");
	atomic_store_explicit(&log_at(arena, index)->word,
	                      word_make(BLOCK_FREE, 0, (word_generation(word) + 1) & GENERATION_MASK, 0),
	                      memory_order_release);
	KK_POINT("cancel: done");
}

/* Frees what a predecessor claimed and shared with nobody; enters what lives into the private book. */
static int take_over(struct kk_arena *arena, uint32_t index, unsigned role)
{
	struct block_log *log = log_at(arena, index);
	KK_POINT("adopt: read word");
	uint64_t word = atomic_load_explicit(&log->word, memory_order_acquire);
	if (word_state(word) == BLOCK_CLAIMED && word_role(word) == role) {
		free_claimed(arena, index);
		return KK_OK;
	}
	if (word_state(word) != BLOCK_SHARED || is_big(arena, index))
		return KK_OK;
	KK_POINT("adopt: read extent");
	uint64_t offset = atomic_load_explicit(&log->offset, memory_order_relaxed);
	uint64_t length = atomic_load_explicit(&log->length, memory_order_relaxed);
	bool entered = offset >= arena->region_offset &&
	               region_insert(arena->region, index - arena->base, offset - arena->region_offset, length);
	return entered ? KK_OK : KK_ERR_CORRUPT;
}

int kk_arena_adopt(struct kk_arena *arena, uint32_t region, unsigned role)
{
	if (region >= arena->shape.regions || role == 0 || !arena->data || arena->region)
		return KK_ERR_INVALID;
	arena->role = role;
	arena->base = region_base(arena, region);
	arena->region_offset = region * arena->shape.region_bytes;
	arena->region = region_new(arena->shape.region_bytes, arena->shape.blocks, block_is_free, arena);
	if (!arena->region)
		return KK_ERR_MEMORY;
	int status = KK_OK;
	for (uint32_t i = 0; i < arena->shape.blocks && status == KK_OK; i++)
		status = take_over(arena, arena->base + i, role);
	if (status == KK_OK && arena->shape.big_bytes)
		status = take_over(arena, arena->count - 1, role);
	/* Others of this stage may be waiting for the big block that our predecessor held. */
	kk_event_wake_all(&arena->memory->room, arena->bell);
	return status;
}

static uint64_t rounded(uint64_t size)
{
	return size == 0 ? KK_BLOCK_ALIGN : (size + KK_BLOCK_ALIGN - 1) & ~(uint64_t)(KK_BLOCK_ALIGN - 1);
}

static bool alloc_in_region(struct kk_arena *arena, uint64_t length, struct kk_block_ref *ref)
{
	uint32_t slot;
	uint64_t offset;
	if (!region_place(arena->region, length, &slot, &offset))
		return false;
	struct block_log *log = log_at(arena, arena->base + slot);
	KK_POINT("alloc: read generation");
	uint32_t generation = word_generation(atomic_load_explicit(&log->word, memory_order_relaxed));
	KK_POINT("alloc: write offset");
	atomic_store_explicit(&log->offset, arena->region_offset + offset, memory_order_relaxed);
	KK_POINT("alloc: write length");
	atomic_store_explicit(&log->length, length, memory_order_relaxed);
	KK_POINT("alloc: claim");
	atomic_store_explicit(&log->word, word_make(BLOCK_CLAIMED, arena->role, generation, 0), memory_order_release);
	KK_POINT("alloc: claimed");
	*ref = (struct kk_block_ref){.index = arena->base + slot + 1, .generation = generation};
	return true;
}

static bool alloc_big(struct kk_arena *arena, uint64_t length, struct kk_block_ref *ref)
{
	if (length > arena->shape.big_bytes)
		return false;
	struct block_log *log = log_at(arena, arena->count - 1);
	KK_POINT("alloc: read big");
	uint64_t word = atomic_load_explicit(&log->word, memory_order_relaxed);
	if (word_state(word) != BLOCK_FREE)
		return false;
	KK_POINT("alloc: claim big");
	if (!atomic_compare_exchange_strong_explicit(&log->word, &word,
	                                             word_make(BLOCK_CLAIMED, arena->role, word_generation(word), 0),
	                                             memory_order_acq_rel, memory_order_relaxed))
		return false;
	KK_POINT("alloc: claimed big");
	*ref = (struct kk_block_ref){.index = arena->count, .generation = word_generation(word)};
	return true;
}

int kk_block_alloc(struct kk_arena *arena, uint64_t size, bool may_take_big, struct kk_block_ref *ref)
{
	if (!arena->region)
		return KK_ERR_INVALID;
	uint64_t length = rounded(size);
	if (length > arena->shape.region_bytes && length > arena->shape.big_bytes)
		return KK_ERR_INVALID;
	if (!alloc_in_region(arena, length, ref) && !(may_take_big && alloc_big(arena, length, ref)))
		return KK_ERR_NO_ROOM;
	arena->claimed++;
	return KK_OK;
}

/* Into other room, with what is in it: `to` is claimed already. */
static void move_block(struct kk_arena *arena, struct kk_block_ref *ref, struct kk_block_ref to, uint64_t keep)
{
	to.size = ref->size;
	to.extra = ref->extra;
	memcpy(kk_block_memory(arena, &to), kk_block_memory(arena, ref), keep);
	KK_POINT("grow: moved");
	kk_block_cancel(arena, ref);
	*ref = to;
}

static int grow(struct kk_arena *arena, struct kk_block_ref *ref, uint64_t keep, uint64_t size, bool may_take_big)
{
	uint64_t length = rounded(size), capacity = kk_block_capacity(arena, ref);
	uint32_t index = ref->index - 1;
	if (length <= capacity)
		return KK_OK;
	if (length > arena->shape.region_bytes && length > arena->shape.big_bytes)
		return KK_ERR_INVALID;
	if (is_big(arena, index))
		return KK_ERR_INVALID;
	if (region_resize(arena->region, index - arena->base, length)) {
		KK_POINT("grow: write length");
		atomic_store_explicit(&log_at(arena, index)->length, length, memory_order_relaxed);
		KK_POINT("grow: done");
		return KK_OK;
	}
	struct kk_block_ref to;
	if (!alloc_in_region(arena, length, &to) && !(may_take_big && alloc_big(arena, length, &to)))
		return KK_ERR_NO_ROOM;
	arena->claimed++;
	move_block(arena, ref, to, keep < capacity ? keep : capacity);
	return KK_OK;
}

int kk_block_grow(struct kk_arena *arena, struct kk_block_ref *ref, uint64_t keep, uint64_t size)
{
	return grow(arena, ref, keep, size, true);
}

int kk_block_grow_inside(struct kk_arena *arena, struct kk_block_ref *ref, uint64_t keep, uint64_t size)
{
	return grow(arena, ref, keep, size, false);
}

void kk_block_shrink(struct kk_arena *arena, const struct kk_block_ref *ref, uint64_t size)
{
	uint64_t length = rounded(size);
	uint32_t index = ref->index - 1;
	if (is_big(arena, index) || length >= kk_block_capacity(arena, ref))
		return;
	region_resize(arena->region, index - arena->base, length);
	KK_POINT("shrink: write length");
	atomic_store_explicit(&log_at(arena, index)->length, length, memory_order_relaxed);
	KK_POINT("shrink: done");
}

void kk_block_cancel(struct kk_arena *arena, const struct kk_block_ref *ref)
{
	uint32_t index = ref->index - 1;
	free_claimed(arena, index);
	if (is_big(arena, index))
		kk_event_wake_all(&arena->memory->room, arena->bell);
	else
		region_remove(arena->region, index - arena->base);
	arena->claimed--;
}

uint32_t kk_block_claimed(const struct kk_arena *arena)
{
	return arena->claimed;
}
