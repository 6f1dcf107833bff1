/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/dict/look.c - looking at a bucket: everything that it leads to, at one moment. */
#include "dict/layout.h"

#include <string.h>

/* The entry's pieces with their generations; false: it names what there is not. */
static bool refer(const struct kk_dict *dict, struct dict_view *view, int i)
{
	uint32_t slot = dict_slot_of(view->entry[i]), cell = dict_cell_of(view->entry[i]);
	if (slot >= dict->at.pool[DICT_SLOT].count || cell >= dict->at.pool[DICT_CELL].count)
		return false;
	view->at = i;
	view->slot =
	    dict_reference(slot, atomic_load_explicit(&dict_piece(dict, DICT_SLOT, slot)->word, memory_order_acquire));
	view->cell =
	    dict_reference(cell, atomic_load_explicit(&dict_piece(dict, DICT_CELL, cell)->word, memory_order_acquire));
	return true;
}

/* Does the bucket hold what it held when the view was taken? */
static bool unchanged(const struct kk_dict *dict, const struct dict_view *view)
{
	/* relaxed: after the acquires of everything that was read. What is read out of a piece that has left the bucket
	 * and was filled again is released by who had seen it leave: so we see here that the bucket has changed. */
	return atomic_load_explicit(dict_bucket(dict, view->bucket), memory_order_relaxed) == view->word;
}

/* One attempt. 1: what was read belongs together; 0: it has changed meanwhile; KK_ERR_CORRUPT. */
static int try_look(const struct kk_dict *dict, const void *key, size_t bytes, struct dict_view *view)
{
	bool sound = true;
	view->at = -1;
	memset(view->entry, 0, sizeof(view->entry));
	/* acquire: pairs with the CAS in dict_publish(): page, keys and values are seen. */
	view->word = atomic_load_explicit(dict_bucket(dict, view->bucket), memory_order_acquire);
	if (view->word == 0)
		return 1;
	uint32_t page = dict_index_of(view->word);
	if (page >= dict->at.pool[DICT_PAGE].count)
		return KK_ERR_CORRUPT;
	const struct dict_piece *piece = dict_piece(dict, DICT_PAGE, page);
	for (int i = 0; i < DICT_PAGE_ENTRIES; i++) {
		uint64_t entry = atomic_load_explicit(&piece->data[i], memory_order_acquire);
		view->entry[i] = entry;
		if (key && entry && entry >> 48 == view->tag && view->at < 0) {
			uint32_t slot = dict_slot_of(entry);
			if (slot >= dict->at.pool[DICT_SLOT].count)
				sound = false;
			else if (dict_holds(dict_piece(dict, DICT_SLOT, slot), key, bytes))
				sound = refer(dict, view, i);
		}
	}
	if (!unchanged(dict, view))
		return 0;
	return sound ? 1 : KK_ERR_CORRUPT;
}

int dict_look(const struct kk_dict *dict, const void *key, size_t bytes, struct dict_view *view)
{
	struct hash128 hash = hash_bytes(&dict->secret, key, bytes);
	int rc;
	view->bucket = (uint32_t)hash.low & (dict->at.buckets - 1);
	view->tag = (uint16_t)(hash.high >> 48);
	while ((rc = try_look(dict, key, bytes, view)) == 0)
		;
	return rc < 0 ? rc : KK_OK;
}

int dict_look_at(const struct kk_dict *dict, uint32_t bucket, struct dict_view *view)
{
	int rc;
	view->bucket = bucket;
	while ((rc = try_look(dict, NULL, 0, view)) == 0)
		;
	return rc < 0 ? rc : KK_OK;
}

int dict_entry(const struct kk_dict *dict, struct dict_view *view, int i)
{
	if (view->entry[i] == 0)
		return KK_ERR_EMPTY;
	if (!refer(dict, view, i))
		return KK_ERR_CORRUPT;
	return unchanged(dict, view) ? KK_OK : KK_ERR_EMPTY;
}
