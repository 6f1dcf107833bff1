/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/room.c - pages for arguments and answers that do not fit inline: chains of pages, each of which names
 * the task that has it. What a page says is all there is to know about it, so a death can leave no other state. */
#include "executor/layout.h"
#include <limits.h>
#include <string.h>

static _Atomic uint32_t *owners(struct executor_memory *memory, int room)
{
	return executor_at(memory, memory->owner_at[room]);
}

static uint32_t *next_pages(struct executor_memory *memory, int room)
{
	return executor_at(memory, memory->next_at[room]);
}

static unsigned char *page_of(struct executor_memory *memory, int room, uint32_t page)
{
	return (unsigned char *)executor_at(memory, memory->page_at[room]) + (size_t)page * PAGE;
}

/* relaxed: which task has a page concerns nobody else but its taker, whose CAS acquires. */
static bool take(struct executor_memory *memory, int room, uint32_t page, uint32_t handle)
{
	_Atomic uint32_t *owner = &owners(memory, room)[page];
	uint32_t nobody = 0;
	return atomic_load_explicit(owner, memory_order_relaxed) == 0 &&
	       atomic_compare_exchange_strong(owner, &nobody, handle + 1);
}

static void wake_takers(struct executor_memory *memory, int room)
{
	struct kk_event *event = &memory->pages[room].room;
	kk_event_wake(event, INT_MAX, -1);
}

int room_put(struct executor_memory *memory, int room, uint32_t handle, const void *from, uint64_t bytes,
             uint32_t *first)
{
	const uint32_t count = memory->page_count[room];
	const unsigned char *at = from;
	uint32_t *next = next_pages(memory, room), *link = first;
	uint32_t start = atomic_load_explicit(&memory->pages[room].hint, memory_order_relaxed) % (count ? count : 1);
	if (bytes > (uint64_t)count * PAGE)
		return KK_ERR_INVALID;
	*first = 0;
	for (uint32_t i = 0; i < count && bytes > 0; i++) {
		uint32_t page = start + i < count ? start + i : start + i - count;
		if (!take(memory, room, page, handle))
			continue;
		size_t part = bytes < PAGE ? (size_t)bytes : PAGE;
		memcpy(page_of(memory, room, page), at, part);
		*link = page + 1;
		link = &next[page];
		*link = 0;
		at += part;
		bytes -= part;
		atomic_store_explicit(&memory->pages[room].hint, page + 1, memory_order_relaxed);
	}
	if (bytes == 0)
		return KK_OK;
	room_give_back(memory, room, handle, *first);
	*first = 0;
	return KK_ERR_NO_ROOM;
}

int room_get(struct executor_memory *memory, int room, uint32_t first, void *to, uint64_t bytes)
{
	unsigned char *at = to;
	while (bytes > 0) {
		if (first == 0 || first > memory->page_count[room])
			return KK_ERR_CORRUPT;
		size_t part = bytes < PAGE ? (size_t)bytes : PAGE;
		memcpy(at, page_of(memory, room, first - 1), part);
		first = next_pages(memory, room)[first - 1];
		at += part;
		bytes -= part;
	}
	return KK_OK;
}

void room_give_back(struct executor_memory *memory, int room, uint32_t handle, uint32_t first)
{
	const uint32_t *next = next_pages(memory, room);
	if (first == 0)
		return;
	while (first != 0 && first <= memory->page_count[room]) {
		uint32_t page = first - 1;
		if (atomic_load_explicit(&owners(memory, room)[page], memory_order_relaxed) != handle + 1)
			break;
		first = next[page];
		/* release: what was read and written there is over before the next one takes it. */
		atomic_store_explicit(&owners(memory, room)[page], 0, memory_order_release);
	}
	wake_takers(memory, room);
}

void room_sweep(struct executor_memory *memory, int room, uint32_t handle)
{
	bool found = false;
	for (uint32_t page = 0; page < memory->page_count[room]; page++) {
		if (atomic_load_explicit(&owners(memory, room)[page], memory_order_relaxed) != handle + 1)
			continue;
		atomic_store_explicit(&owners(memory, room)[page], 0, memory_order_release);
		found = true;
	}
	if (found)
		wake_takers(memory, room);
}

uint32_t room_used(struct executor_memory *memory, int room)
{
	uint32_t used = 0;
	for (uint32_t page = 0; page < memory->page_count[room]; page++)
		used += atomic_load_explicit(&owners(memory, room)[page], memory_order_relaxed) != 0;
	return used;
}
