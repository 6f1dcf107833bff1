/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/list/splice.c - putting items in place of others: the chunks they stand in are made anew, and with them the table
 * that does not count; then it counts. */
#include "list/layout.h"

#include <stdlib.h>
#include <string.h>

/* Which entries of a table are made anew, and the items that they then hold. */
struct middle {
	uint32_t from, to; /* entries, `to` excluded                    */
	uint32_t start;    /* the index of the first item in them       */
	uint32_t count;    /* of items afterwards                       */
	uint32_t chunks;   /* that they take                            */
};

static uint64_t entry_of(const struct kk_list *list, unsigned table, uint32_t k)
{
	/* relaxed: under the lock. */
	return atomic_load_explicit(list_entry(list, table, k), memory_order_relaxed);
}

static uint32_t first_of(const struct kk_list *list, unsigned table, uint32_t k, uint32_t chunks, uint32_t length)
{
	return k < chunks ? list_first(entry_of(list, table, k)) : length;
}

int list_gather(const struct kk_list *list, uint32_t from, uint32_t to, uint32_t *items)
{
	uint64_t root = list_root(list);
	for (uint32_t i = from; i < to; i++) {
		struct list_ref ref;
		if (list_refer(list, root, i, &ref) < 0)
			return KK_ERR_CORRUPT;
		items[i - from] = ref.item;
	}
	return KK_OK;
}

/* Finds what has to be made anew for [from, to) to become `count` items: the chunks with its ends in them, a neighbour
 * if little would be left, and everything if the table would have too many entries. */
static struct middle find_middle(const struct kk_list *list, uint64_t root, uint32_t from, uint32_t to, uint32_t count)
{
	struct middle middle = {0};
	unsigned table = list_table(root);
	uint32_t length = list_length(root), chunks = list_chunks(list, table), limit = list->at.chunk_items;
	if (chunks > 0) {
		(void)list_find(list, table, from, &middle.from);
		(void)list_find(list, table, to, &middle.to);
		middle.to++;
	}
	for (;;) {
		middle.start = first_of(list, table, middle.from, chunks, length);
		uint32_t end = first_of(list, table, middle.to, chunks, length);
		middle.count = end - middle.start - (to - from) + count;
		middle.chunks = (middle.count + limit - 1) / limit;
		if (middle.count < limit / 4 && middle.from > 0)
			middle.from--;
		else if (chunks - (middle.to - middle.from) + middle.chunks > list->at.entries)
			middle.from = 0, middle.to = chunks;
		else
			return middle;
	}
}

/* Fills fresh chunks with the items, about as many into each, and enters them. */
static int enter_chunks(struct kk_list *list, unsigned table, const struct middle *middle, const uint32_t *items)
{
	uint32_t done = 0;
	for (uint32_t k = 0; k < middle->chunks; k++) {
		int64_t chunk = list_new_chunk(list);
		uint32_t end = (uint32_t)((uint64_t)middle->count * (k + 1) / middle->chunks);
		if (chunk < 0)
			return (int)chunk;
		uint64_t entry = (uint64_t)(middle->start + done) << 32 | (uint64_t)chunk;
		/* release, both: pair with the acquires in list_find() and list_refer(): who sees these words sees the
		 * root that the chunk, or the table, has left. */
		for (uint32_t i = 0; done < end; i++, done++)
			atomic_store_explicit(list_place(list, (uint32_t)chunk, i), items[done], memory_order_release);
		atomic_store_explicit(list_entry(list, table, middle->from + k), entry, memory_order_release);
	}
	return KK_OK;
}

/* Makes the table that does not count out of the one that does. */
static int make_table(struct kk_list *list, uint64_t root, const struct middle *middle, const uint32_t *items,
                      uint32_t length)
{
	unsigned old = list_table(root), table = !old;
	uint32_t chunks = list_chunks(list, old), k = middle->from + middle->chunks;
	for (uint32_t i = 0; i < middle->from; i++)
		atomic_store_explicit(list_entry(list, table, i), entry_of(list, old, i), memory_order_release);
	int rc = enter_chunks(list, table, middle, items);
	for (uint32_t i = middle->to; i < chunks; i++, k++) {
		uint64_t entry = entry_of(list, old, i);
		uint64_t first = list_first(entry) - list_length(root) + length;
		atomic_store_explicit(list_entry(list, table, k), first << 32 | list_chunk(entry),
		                      memory_order_release);
	}
	for (; k < list->at.entries; k++)
		atomic_store_explicit(list_entry(list, table, k), LIST_NO_ENTRY, memory_order_release);
	return rc;
}

int list_splice(struct kk_list *list, uint32_t from, uint32_t to, const uint32_t *fresh, uint32_t count, bool free_old)
{
	uint64_t root = list_root(list);
	unsigned old = list_table(root);
	uint32_t length = list_length(root) - (to - from) + count;
	struct middle middle = find_middle(list, root, from, to, count);
	uint32_t before = from - middle.start, after = middle.count - before - count;
	uint32_t *items = malloc(((size_t)middle.count + (to - from)) * sizeof(uint32_t) + 1);
	uint32_t *gone = items + middle.count;
	if (!items)
		return KK_ERR_MEMORY;
	int rc = list_gather(list, middle.start, from, items);
	if (rc == KK_OK)
		rc = list_gather(list, from, to, gone);
	if (rc == KK_OK)
		rc = list_gather(list, to, to + after, items + before + count);
	if (rc == KK_OK && count > 0)
		memcpy(items + before, fresh, count * sizeof(*fresh));
	if (rc == KK_OK)
		rc = make_table(list, root, &middle, items, length);
	if (rc == KK_OK) {
		list_publish(list, !old, length);
		for (uint32_t k = middle.from; k < middle.to; k++)
			list_free_chunk_of(list, entry_of(list, old, k));
		for (uint32_t i = 0; free_old && i < to - from; i++)
			list_free_one(list, gone[i]);
	}
	free(items);
	return rc;
}
