/* SPDX-License-Identifier: Apache-2.0 */
/* Vyukov's bounded queue for many producers and takers, written anew: each cell has a turn; whoever moves the end's
 * position on owns the cell until he sets its turn. Killed in between, he leaves a cell that nobody will ever pass. */
#include "rival.h"
#include <stdatomic.h>

struct cell {
	_Atomic uint64_t turn;
	uint64_t word;
};

struct vyukov {
	uint64_t mask;
	_Alignas(64) _Atomic uint64_t head;
	_Alignas(64) _Atomic uint64_t tail;
	struct kk_event items;
	_Alignas(64) struct cell cell[];
};

static size_t bytes_of(uint32_t slots)
{
	return sizeof(struct vyukov) + slots * sizeof(struct cell);
}

static int make(struct channel *channel)
{
	struct vyukov *queue = channel->memory;
	queue->mask = channel->slots - 1;
	for (uint64_t i = 0; i < channel->slots; i++)
		atomic_store(&queue->cell[i].turn, i);
	return 0;
}

static void *open_end(const struct channel *channel, const struct seat *seat)
{
	(void)seat;
	return channel->memory;
}

static bool put_one(struct vyukov *queue, uint64_t word)
{
	uint64_t position = atomic_load_explicit(&queue->tail, memory_order_relaxed);
	for (;;) {
		struct cell *cell = &queue->cell[position & queue->mask];
		int64_t ahead = (int64_t)(atomic_load_explicit(&cell->turn, memory_order_acquire) - position);
		if (ahead < 0)
			return false;
		if (ahead > 0) {
			position = atomic_load_explicit(&queue->tail, memory_order_relaxed);
		} else if (atomic_compare_exchange_weak_explicit(&queue->tail, &position, position + 1,
		                                                 memory_order_relaxed, memory_order_relaxed)) {
			cell->word = word;
			atomic_store_explicit(&cell->turn, position + 1, memory_order_release);
			return true;
		}
	}
}

static bool take_one(struct vyukov *queue, uint64_t *word)
{
	uint64_t position = atomic_load_explicit(&queue->head, memory_order_relaxed);
	for (;;) {
		struct cell *cell = &queue->cell[position & queue->mask];
		int64_t ahead = (int64_t)(atomic_load_explicit(&cell->turn, memory_order_acquire) - (position + 1));
		if (ahead < 0)
			return false;
		if (ahead > 0) {
			position = atomic_load_explicit(&queue->head, memory_order_relaxed);
		} else if (atomic_compare_exchange_weak_explicit(&queue->head, &position, position + 1,
		                                                 memory_order_relaxed, memory_order_relaxed)) {
			*word = cell->word;
			atomic_store_explicit(&cell->turn, position + queue->mask + 1, memory_order_release);
			return true;
		}
	}
}

static int put(void *end, const uint64_t *words, int count)
{
	int done = 0;
	while (done < count && put_one(end, words[done]))
		done++;
	return done;
}

static int take(void *end, uint64_t *words, int max)
{
	int taken = 0;
	while (taken < max && take_one(end, &words[taken]))
		taken++;
	return taken;
}

static void wake(void *end, int count)
{
	struct vyukov *queue = end;
	kk_event_wake(&queue->items, count, -1);
}

static struct kk_event *event(void *end)
{
	struct vyukov *queue = end;
	return &queue->items;
}

static void close_end(void *end)
{
	(void)end;
}

const struct rival rival_vyukov = {
    .name = "Vyukov",
    .handles = true,
    .bytes = bytes_of,
    .make = make,
    .open = open_end,
    .put = put,
    .take = take,
    .wake = wake,
    .event = event,
    .close = close_end,
};
