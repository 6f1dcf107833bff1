/* SPDX-License-Identifier: Apache-2.0 */
/* Concurrency Kit's ring for many producers and takers. It holds one entry less than its slots: it gets twice as many.
 */
#include "rival.h"
#include <ck_ring.h>

struct memory {
	ck_ring_t ring;
	_Alignas(64) ck_ring_buffer_t slot[];
};

static size_t bytes_of(uint32_t slots)
{
	return sizeof(struct memory) + 2 * slots * sizeof(ck_ring_buffer_t);
}

static int make(struct channel *channel)
{
	struct memory *memory = channel->memory;
	ck_ring_init(&memory->ring, 2 * channel->slots);
	return 0;
}

static void *open_end(const struct channel *channel, const struct seat *seat)
{
	(void)seat;
	return channel->memory;
}

static int put(void *end, const uint64_t *words, int count)
{
	struct memory *memory = end;
	int done = 0;
	while (done < count && ck_ring_enqueue_mpmc(&memory->ring, memory->slot, (void *)((uintptr_t)words[done] + 1)))
		done++;
	return done;
}

static int take(void *end, uint64_t *words, int max)
{
	struct memory *memory = end;
	void *pointer;
	int taken = 0;
	while (taken < max && ck_ring_dequeue_mpmc(&memory->ring, memory->slot, (void *)&pointer))
		words[taken++] = (uintptr_t)pointer - 1;
	return taken;
}

static void close_end(void *end)
{
	(void)end;
}

const struct rival rival_ck = {
    .name = "ck_ring",
    .handles = true,
    .bytes = bytes_of,
    .make = make,
    .open = open_end,
    .put = put,
    .take = take,
    .close = close_end,
};
