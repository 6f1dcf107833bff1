/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/dict/check.c - is a dict sound, and who has what in hand? */
#include "dict/layout.h"

#include <inttypes.h>
#include <string.h>

void kk_dict_usage(const struct kk_dict *dict, struct kk_dict_usage *usage)
{
	*usage = (struct kk_dict_usage){.keys = kk_dict_len(dict)};
	for (int kind = 0; kind < DICT_PIECES; kind++) {
		for (uint32_t i = 0; i < dict->at.pool[kind].count; i++) {
			const struct dict_piece *piece = dict_piece(dict, (enum dict_piece_kind)kind, i);
			uint64_t word = atomic_load_explicit(&piece->word, memory_order_acquire);
			if (dict_role_of(word) != 0 && !dict_published(dict, (enum dict_piece_kind)kind, i))
				usage->in_hand++;
		}
	}
}

/* A piece that the bucket leads to: is it in use, and does it say so? */
static const char *fault_of_piece(const struct kk_dict *dict, enum dict_piece_kind kind, uint32_t i, uint32_t bucket)
{
	if (i >= dict->at.pool[kind].count)
		return "leads out of the memory";
	const struct dict_piece *piece = dict_piece(dict, kind, i);
	unsigned role = dict_role_of(atomic_load_explicit(&piece->word, memory_order_acquire));
	uint32_t bytes = atomic_load_explicit(&piece->bytes, memory_order_acquire);
	if (role == 0 || role > dict->shape.roles)
		return "leads to a piece that nobody has taken";
	if (atomic_load_explicit(&piece->home, memory_order_acquire) != bucket)
		return "leads to a piece of another bucket";
	if (kind == DICT_SLOT && (bytes == 0 || bytes > dict->shape.key_max))
		return "leads to a key of impossible length";
	if (kind == DICT_CELL && bytes > dict->shape.value_max)
		return "leads to a value of impossible length";
	return NULL;
}

static const char *fault_of_view(const struct kk_dict *dict, const struct dict_view *view)
{
	unsigned keys = 0;
	uint32_t page = dict_index_of(view->word);
	const char *fault = view->word ? fault_of_piece(dict, DICT_PAGE, page, view->bucket) : NULL;
	if (fault || view->word == 0)
		return fault;
	uint64_t word = atomic_load_explicit(&dict_piece(dict, DICT_PAGE, page)->word, memory_order_acquire);
	if ((word & DICT_GENERATION_MASK) != dict_generation_of(view->word))
		return "leads to a page of another time";
	for (int i = 0; i < DICT_PAGE_ENTRIES && !fault; i++) {
		if (view->entry[i] == 0)
			continue;
		keys++;
		fault = fault_of_piece(dict, DICT_SLOT, dict_slot_of(view->entry[i]), view->bucket);
		if (!fault)
			fault = fault_of_piece(dict, DICT_CELL, dict_cell_of(view->entry[i]), view->bucket);
	}
	if (!fault && (keys == 0 || keys != dict_keys_of(view->word)))
		fault = "miscounts its keys";
	return fault;
}

int kk_dict_check(const struct kk_dict *dict, struct kk_error *error)
{
	const struct dict_memory *header = dict->memory;
	struct dict_view view;
	if (header->magic != DICT_MAGIC || header->version != DICT_VERSION ||
	    memcmp(&header->secret, &dict->secret, sizeof(dict->secret)) != 0 ||
	    memcmp(&header->shape, &dict->shape, sizeof(dict->shape)) != 0)
		return kk_error_set(error, KK_ERR_CORRUPT, "the header of a dict was overwritten");
	for (uint32_t i = 0; i < dict->at.buckets; i++) {
		const char *fault = NULL;
		/* While others write, what was found of a bucket counts only if it is the bucket's still. */
		do {
			if (dict_look_at(dict, i, &view) < 0)
				fault = "leads out of the memory";
			else
				fault = fault_of_view(dict, &view);
		} while (fault && atomic_load_explicit(dict_bucket(dict, i), memory_order_acquire) != view.word);
		if (fault)
			return kk_error_set(error, KK_ERR_CORRUPT, "bucket %" PRIu32 " of a dict %s", i, fault);
	}
	return KK_OK;
}
