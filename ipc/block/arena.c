/* SPDX-License-Identifier: Apache-2.0 */
/* An arena's shape, its handle, and the words everybody may move: share, add, release, read. */
#include "block/log.h"
#include "wait/look.h"
#include <limits.h>
#include <stdlib.h>

#define ARENA_MAGIC UINT64_C(0x6b6b6172656e3031) /* "kkaren01" */
#define BLOCKS_MAX  (1u << 24)

static bool shape_is_sound(const struct kk_arena_shape *s)
{
	uint64_t count = (uint64_t)s->regions * s->blocks + 1;
	return s->regions <= 512 && count < BLOCKS_MAX && s->region_bytes % KK_BLOCK_ALIGN == 0 &&
	       s->big_bytes % KK_BLOCK_ALIGN == 0 && s->region_bytes < (UINT64_C(1) << 40) &&
	       s->big_bytes < (UINT64_C(1) << 32);
}

size_t kk_arena_log_size(const struct kk_arena_shape *shape)
{
	if (!shape_is_sound(shape))
		return 0;
	return sizeof(struct arena_memory) +
	       (((size_t)arena_count(shape) * sizeof(struct block_log) + 63) & ~(size_t)63);
}

uint64_t kk_arena_data_size(const struct kk_arena_shape *shape)
{
	return shape_is_sound(shape) ? shape->regions * shape->region_bytes + shape->big_bytes : 0;
}

int kk_arena_init(void *log, const struct kk_arena_shape *shape)
{
	struct arena_memory *m = log;
	if (!shape_is_sound(shape) || (uintptr_t)log % 64)
		return KK_ERR_INVALID;
	m->shape = *shape;
	uint32_t count = arena_count(shape);
	for (uint32_t i = 0; i < count; i++)
		atomic_store_explicit(&m->block[i].word, word_make(BLOCK_FREE, 0, 1, 0), memory_order_relaxed);
	if (shape->big_bytes) {
		atomic_store(&m->block[count - 1].offset, shape->regions * shape->region_bytes);
		atomic_store(&m->block[count - 1].length, shape->big_bytes);
	}
	m->magic = ARENA_MAGIC;
	return KK_OK;
}

int kk_arena_attach(struct kk_arena **arena, void *log, size_t log_bytes, void *data, uint64_t data_bytes)
{
	struct arena_memory *m = log;
	if (!arena || !m || log_bytes < sizeof(*m))
		return KK_ERR_INVALID;
	if (m->magic != ARENA_MAGIC)
		return KK_ERR_VERSION;
	struct kk_arena_shape shape = m->shape;
	if (!shape_is_sound(&shape) || kk_arena_log_size(&shape) > log_bytes ||
	    (data && kk_arena_data_size(&shape) > data_bytes))
		return KK_ERR_CORRUPT;
	struct kk_arena *a = calloc(1, sizeof(*a));
	if (!a)
		return KK_ERR_MEMORY;
	*a = (struct kk_arena){.memory = m, .data = data, .shape = shape, .count = arena_count(&shape), .bell = -1};
	*arena = a;
	return KK_OK;
}

void kk_arena_detach(struct kk_arena *arena)
{
	if (!arena)
		return;
	region_free(arena->region);
	free(arena);
}

void kk_arena_bell(struct kk_arena *arena, int bell)
{
	arena->bell = bell;
}

struct kk_event *kk_arena_room_event(struct kk_arena *arena)
{
	return &arena->memory->room;
}

static struct block_log *log_of(const struct kk_arena *arena, const struct kk_block_ref *ref)
{
	return ref->index > 0 && ref->index <= arena->count ? &arena->memory->block[ref->index - 1] : NULL;
}

void kk_block_share(struct kk_arena *arena, const struct kk_block_ref *ref, uint32_t lanes)
{
	struct block_log *log = log_of(arena, ref);
	KK_POINT("share");
	atomic_store_explicit(&log->word, word_make(BLOCK_SHARED, 0, ref->generation, lanes), memory_order_release);
	KK_POINT("share: done");
	arena->claimed--;
}

void kk_block_add_lane(struct kk_arena *arena, const struct kk_block_ref *ref, unsigned lane)
{
	struct block_log *log = log_of(arena, ref);
	if (!log || lane >= KK_BLOCK_LANES)
		return;
	KK_POINT("add lane");
	/* The caller holds a lane, so the block lives; only the bits of other holders may change under us. */
	atomic_fetch_or_explicit(&log->word, UINT64_C(1) << lane, memory_order_acq_rel);
	KK_POINT("add lane: done");
}

bool kk_block_release(struct kk_arena *arena, const struct kk_block_ref *ref, unsigned lane)
{
	struct block_log *log = log_of(arena, ref);
	if (!log || lane >= KK_BLOCK_LANES)
		return false;
	KK_POINT("release: read word");
	uint64_t word = atomic_load_explicit(&log->word, memory_order_relaxed), next;
	do {
		if (word_state(word) != BLOCK_SHARED || word_generation(word) != ref->generation ||
		    !(word_lanes(word) >> lane & 1))
			return false;
		next = word & ~(UINT64_C(1) << lane);
		if (word_lanes(next) == 0)
			next = word_make(BLOCK_FREE, 0, (ref->generation + 1) & GENERATION_MASK, 0);
		KK_POINT("release");
		/* release: our last look at the data comes before the allocator uses it again, which acquires. seq_cst:
		 * it is W1 of the look at the room's flag. */
	} while (!atomic_compare_exchange_weak_explicit(&log->word, &word, next, memory_order_seq_cst,
	                                                memory_order_relaxed));
	KK_POINT("release: done");
	if (word_state(next) != BLOCK_FREE)
		return false;
	if (event_is_waited(&arena->memory->room))
		kk_event_wake(&arena->memory->room, INT_MAX, arena->bell);
	return true;
}

/* Offset and length as the log says them, if they lie inside the data. */
static bool extent_of(const struct kk_arena *arena, const struct block_log *log, uint64_t *offset, uint64_t *length)
{
	KK_POINT("read extent");
	*offset = atomic_load_explicit(&log->offset, memory_order_relaxed);
	*length = atomic_load_explicit(&log->length, memory_order_relaxed);
	uint64_t bytes = kk_arena_data_size(&arena->shape);
	return *length <= bytes && *offset <= bytes - *length;
}

const void *kk_block_read(const struct kk_arena *arena, const struct kk_block_ref *ref)
{
	const struct block_log *log = log_of(arena, ref);
	uint64_t offset, length;
	if (!log || !arena->data)
		return NULL;
	KK_POINT("read: look at word");
	uint64_t word = atomic_load_explicit(&log->word, memory_order_acquire);
	if (word_state(word) != BLOCK_SHARED || word_generation(word) != ref->generation ||
	    !extent_of(arena, log, &offset, &length))
		return NULL;
	uint64_t used = ref->extra ? (((uint64_t)ref->size + 7) & ~UINT64_C(7)) + ref->extra : ref->size;
	return used <= length ? arena->data + offset : NULL;
}

uint32_t kk_arena_used(const struct kk_arena *arena)
{
	uint32_t used = 0;
	for (uint32_t i = 0; i < arena->count; i++)
		used +=
		    word_state(atomic_load_explicit(&arena->memory->block[i].word, memory_order_acquire)) != BLOCK_FREE;
	return used;
}

int kk_arena_check(const struct kk_arena *arena, struct kk_error *error)
{
	if (arena->memory->magic != ARENA_MAGIC)
		return kk_error_set(error, KK_ERR_CORRUPT, "arena: its header was overwritten");
	for (uint32_t i = 0; i < arena->count; i++) {
		const struct block_log *log = &arena->memory->block[i];
		uint64_t offset, length, word = atomic_load_explicit(&log->word, memory_order_acquire);
		if (word_state(word) > BLOCK_SHARED ||
		    (word_state(word) != BLOCK_FREE && !extent_of(arena, log, &offset, &length)))
			return kk_error_set(error, KK_ERR_CORRUPT, "arena: block %u is not sound", i);
	}
	return KK_OK;
}
