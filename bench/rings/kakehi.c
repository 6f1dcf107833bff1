/* SPDX-License-Identifier: Apache-2.0 */
/* The recording ring. */
#include "rival.h"
#include <kakehi/ring.h>
#include <stdlib.h>

struct end {
	struct kk_table *table;
	struct kk_ring *ring;
};

static int make(struct channel *channel)
{
	return kk_ring_init(channel->memory, channel->slots, channel->number, 0);
}

static void close_end(void *handle)
{
	struct end *end = handle;
	kk_ring_detach(end->ring);
	kk_table_detach(end->table);
	free(end);
}

static void *open_end(const struct channel *channel, const struct seat *seat)
{
	struct end *end = calloc(1, sizeof(*end));
	if (!end)
		return NULL;
	if (kk_table_attach(&end->table, channel->table, channel->table_bytes, seat->role) != KK_OK ||
	    kk_ring_attach(&end->ring, channel->memory, channel->bytes, end->table) != KK_OK) {
		close_end(end);
		return NULL;
	}
	return end;
}

static int put(void *handle, const uint64_t *words, int count)
{
	struct end *end = handle;
	int done = 0;
	while (done < count && kk_ring_put(end->ring, (uint32_t)words[done], 0) == KK_OK)
		done++;
	return done;
}

static int take(void *handle, uint64_t *words, int max)
{
	struct end *end = handle;
	uint32_t handles[BATCH_MAX];
	int taken = kk_ring_take(end->ring, handles, max < BATCH_MAX ? max : BATCH_MAX);
	for (int i = 0; i < taken; i++)
		words[i] = handles[i];
	return taken == KK_ERR_EMPTY ? 0 : taken;
}

static void wake(void *handle, int count)
{
	struct end *end = handle;
	kk_ring_announce(end->ring, count);
}

static struct kk_event *event(void *handle)
{
	struct end *end = handle;
	return kk_ring_items_event(end->ring);
}

const struct rival rival_kakehi = {
    .name = "kakehi",
    .handles = true,
    .bytes = kk_ring_size,
    .make = make,
    .open = open_end,
    .put = put,
    .take = take,
    .wake = wake,
    .event = event,
    .close = close_end,
};
