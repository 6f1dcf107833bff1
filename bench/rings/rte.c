/* SPDX-License-Identifier: Apache-2.0 */
/* DPDK's ring in its default mode (many producers, many takers), placed in memory of our own: rte_ring_init needs no
 * environment. It holds one entry less than its slots: it gets twice as many. */
#include "rival.h"
#include <rte_ring.h>

static size_t bytes_of(uint32_t slots)
{
	ssize_t bytes = rte_ring_get_memsize(2 * slots);
	return bytes < 0 ? 0 : (size_t)bytes;
}

static int make(struct channel *channel)
{
	return rte_ring_init(channel->memory, "bench", 2 * channel->slots, 0);
}

static void *open_end(const struct channel *channel, const struct seat *seat)
{
	(void)seat;
	return channel->memory;
}

static int put(void *end, const uint64_t *words, int count)
{
	return (int)rte_ring_enqueue_burst_elem(end, words, sizeof(*words), (unsigned)count, NULL);
}

static int take(void *end, uint64_t *words, int max)
{
	return (int)rte_ring_dequeue_burst_elem(end, words, sizeof(*words), (unsigned)max, NULL);
}

static void close_end(void *end)
{
	(void)end;
}

const struct rival rival_rte = {
    .name = "rte_ring",
    .handles = true,
    .bytes = bytes_of,
    .make = make,
    .open = open_end,
    .put = put,
    .take = take,
    .close = close_end,
};
