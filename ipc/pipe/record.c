/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/pipe/record.c - records in the ring of a lane. Each is published by one store of tail, and taken by one of head.
 */
#include "pipe/layout.h"

#include <string.h>

uint64_t pipe_record_bytes(const struct pipe_record *record)
{
	return sizeof(*record) + ((uint64_t)record->bytes + PIPE_ALIGN - 1) / PIPE_ALIGN * PIPE_ALIGN;
}

static uint64_t position_of(uint64_t tail)
{
	return tail & ~PIPE_OPEN;
}

static void copy_in(struct pipe_bytes ring, uint64_t position, const void *from, uint64_t bytes)
{
	uint64_t at = position & (ring.capacity - 1), first = ring.capacity - at < bytes ? ring.capacity - at : bytes;
	if (first > 0)
		memcpy(ring.bytes + at, from, first);
	if (bytes > first)
		memcpy(ring.bytes, (const unsigned char *)from + first, bytes - first);
}

void pipe_put(struct pipe_lane *lane, struct pipe_bytes ring, const struct pipe_record *record, const void *data,
              bool open)
{
	/* relaxed: only who has the guard, we, writes it. */
	uint64_t at = position_of(atomic_load_explicit(&lane->tail, memory_order_relaxed));
	copy_in(ring, at, record, sizeof(*record));
	copy_in(ring, at + sizeof(*record), data, record->bytes);
	/* seq_cst: the record is there before tail says so, and tail before anybody looks who sleeps (look.h). */
	atomic_exchange(&lane->tail, (at + pipe_record_bytes(record)) | (open ? PIPE_OPEN : 0));
}

static bool is_sound(const struct pipe_record *record)
{
	switch (record->kind) {
	case PIPE_WHOLE:
		return record->total == record->bytes;
	case PIPE_RANGE:
		return record->bytes == sizeof(struct pipe_range);
	case PIPE_FIRST:
	case PIPE_MORE:
		return record->total >= record->bytes;
	default:
		return false;
	}
}

int pipe_peek(const struct pipe_lane *lane, struct pipe_bytes ring, struct pipe_record *record)
{
	uint64_t head = atomic_load_explicit(&lane->head, memory_order_relaxed);
	/* acquire: pairs with pipe_put. */
	uint64_t used = position_of(atomic_load_explicit(&lane->tail, memory_order_acquire)) - head;
	if (used == 0)
		return 0;
	memcpy(record, ring.bytes + (head & (ring.capacity - 1)), sizeof(*record));
	if (head % PIPE_ALIGN != 0 || used > ring.capacity || pipe_record_bytes(record) > used || !is_sound(record))
		return KK_ERR_CORRUPT;
	return 1;
}

void pipe_copy_out(const struct pipe_lane *lane, struct pipe_bytes ring, const struct pipe_record *record, void *to)
{
	uint64_t position = atomic_load_explicit(&lane->head, memory_order_relaxed) + sizeof(*record);
	uint64_t at = position & (ring.capacity - 1), bytes = record->bytes;
	uint64_t first = ring.capacity - at < bytes ? ring.capacity - at : bytes;
	if (first > 0)
		memcpy(to, ring.bytes + at, first);
	if (bytes > first)
		memcpy((unsigned char *)to + first, ring.bytes, bytes - first);
}

bool pipe_drop(struct pipe_lane *lane, uint64_t capacity, const struct pipe_record *record)
{
	uint64_t bytes = pipe_record_bytes(record);
	/* seq_cst: what we copied is ours before the place is free, and free before we look at tail, and then at who
	 * sleeps. */
	uint64_t head = atomic_exchange(&lane->head, atomic_load_explicit(&lane->head, memory_order_relaxed) + bytes);
	uint64_t used = position_of(atomic_load(&lane->tail)) - head;
	return used > capacity / 2 && used - bytes <= capacity / 2;
}
