/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/list/store.c - what the holder of the lock does: takes pieces, gives them back, publishes. */
#include "list/layout.h"

#include "word/bytes.h"
#include <string.h>

int list_lock(struct kk_list *list)
{
	int me = list->object.family ? kk_family_seat(list->object.family) : (int)list->role;
	if (me < 0)
		return me;
	if (me == 0 || kk_guard_is_of(&list->memory->guard, (unsigned)me))
		return KK_ERR_INVALID;
	return kk_guard_take(list->object.family, &list->memory->guard, (unsigned)me, -1);
}

void list_unlock(struct kk_list *list)
{
	kk_guard_give(&list->memory->guard);
}

void list_publish(struct kk_list *list, unsigned table, uint32_t length)
{
	uint64_t generation = (atomic_load_explicit(&list->memory->root, memory_order_relaxed) >> 25) + 1;
	/* release: pairs with the acquire in list_root(). */
	atomic_store_explicit(&list->memory->root, generation << 25 | (uint64_t)table << 24 | length,
	                      memory_order_release);
}

/* ---- items */

int64_t list_new_item(struct kk_list *list, const void *data, size_t bytes)
{
	/* relaxed: under the lock. */
	uint32_t count = atomic_load_explicit(&list->memory->free_items, memory_order_relaxed);
	if (count == 0)
		return KK_ERR_FULL;
	uint32_t i = count > list->at.items
	                 ? UINT32_MAX
	                 : atomic_load_explicit(list_free_item(list, count - 1), memory_order_relaxed);
	if (i >= list->at.items)
		return KK_ERR_CORRUPT;
	atomic_store_explicit(&list->memory->free_items, count - 1, memory_order_relaxed);
	struct list_item *item = list_item(list, i);
	uint64_t generation = atomic_load_explicit(&item->generation, memory_order_relaxed) + 1;
	/* release, all of them: pair with the acquires of readers. Who sees one of these words sees the root that this
	 * item has left, and who sees one of the later ones sees the new generation. */
	atomic_store_explicit(&item->generation, generation, memory_order_release);
	atomic_store_explicit(&item->bytes, (uint32_t)bytes, memory_order_release);
	bytes_store(item->data, data, bytes, memory_order_release);
	return i;
}

void list_free_one(struct kk_list *list, uint32_t item)
{
	uint32_t count = atomic_load_explicit(&list->memory->free_items, memory_order_relaxed);
	if (count >= list->at.items)
		return;
	atomic_store_explicit(list_free_item(list, count), item, memory_order_relaxed);
	atomic_store_explicit(&list->memory->free_items, count + 1, memory_order_relaxed);
}

/* ---- chunks */

int64_t list_new_chunk(struct kk_list *list)
{
	uint32_t count = atomic_load_explicit(&list->memory->free_chunks, memory_order_relaxed);
	if (count == 0 || count > list->at.chunks)
		return KK_ERR_CORRUPT;
	uint32_t chunk = atomic_load_explicit(list_free_chunk(list, count - 1), memory_order_relaxed);
	if (chunk >= list->at.chunks)
		return KK_ERR_CORRUPT;
	atomic_store_explicit(&list->memory->free_chunks, count - 1, memory_order_relaxed);
	return chunk;
}

void list_free_chunk_of(struct kk_list *list, uint64_t entry)
{
	uint32_t count = atomic_load_explicit(&list->memory->free_chunks, memory_order_relaxed);
	if (count >= list->at.chunks || list_chunk(entry) >= list->at.chunks)
		return;
	atomic_store_explicit(list_free_chunk(list, count), list_chunk(entry), memory_order_relaxed);
	atomic_store_explicit(&list->memory->free_chunks, count + 1, memory_order_relaxed);
}

uint32_t list_chunks(const struct kk_list *list, unsigned table)
{
	uint32_t k;
	(void)list_find(list, table, UINT32_MAX - 1, &k);
	return k + 1;
}

/* ---- after a death */

/* A mark for each item, then for each chunk: 1 says that the root leads to it. Only the holder of the lock. */
static unsigned char *marks(struct kk_list *list)
{
	return (unsigned char *)list->memory + list->at.mark;
}

/* Marks what the root leads to, and takes entries behind the last item out of the table. */
static int mark(struct kk_list *list, uint64_t root)
{
	unsigned char *item_marks = marks(list), *chunk_marks = item_marks + list->at.items;
	uint32_t length = list_length(root), used = 0;
	struct list_ref ref;
	memset(item_marks, 0, (size_t)list->at.items + list->at.chunks);
	for (uint32_t i = 0; i < length; i++) {
		if (list_refer(list, root, i, &ref) < 0)
			return KK_ERR_CORRUPT;
		item_marks[ref.item] = 1;
		chunk_marks[list_chunk(list_find(list, list_table(root), i, &used))] = 1;
	}
	for (uint32_t k = length ? used + 1 : 0; k < list->at.entries; k++)
		atomic_store_explicit(list_entry(list, list_table(root), k), LIST_NO_ENTRY, memory_order_release);
	return KK_OK;
}

int list_settle(struct kk_list *list)
{
	uint64_t root = list_root(list);
	uint32_t items = 0, chunks = 0;
	if (list_length(root) > list->shape.items)
		return KK_ERR_CORRUPT;
	list_publish(list, list_table(root), list_length(root));
	if (mark(list, root) < 0)
		return KK_ERR_CORRUPT;
	const unsigned char *item_marks = marks(list), *chunk_marks = item_marks + list->at.items;
	/* From the end, so that the first ones are taken first. */
	for (uint32_t i = list->at.items; i-- > 0;)
		if (!item_marks[i])
			atomic_store_explicit(list_free_item(list, items++), i, memory_order_relaxed);
	for (uint32_t i = list->at.chunks; i-- > 0;)
		if (!chunk_marks[i])
			atomic_store_explicit(list_free_chunk(list, chunks++), i, memory_order_relaxed);
	atomic_store_explicit(&list->memory->free_items, items, memory_order_relaxed);
	atomic_store_explicit(&list->memory->free_chunks, chunks, memory_order_relaxed);
	return KK_OK;
}
