/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/dict/inherit.c - what a dead process had in hand, and whether a dict is sound. Why it is right: layout.h. */
#include "dict/layout.h"

#include <inttypes.h>

/* The swap that may have happened without the replaced cell having been freed. */
static int finish_swap(struct kk_dict *dict, unsigned role)
{
	struct dict_role *record = dict_role(dict, role);
	/* acquire: pairs with the releases in swap_value(), though the death of the writer orders all this already. */
	uint32_t slot = atomic_load_explicit(&record->slot, memory_order_acquire);
	uint64_t old = atomic_load_explicit(&record->old, memory_order_acquire);
	if (slot == 0)
		return KK_OK;
	if (slot > dict->shape.keys)
		return KK_ERR_CORRUPT;
	if (old != 0 && atomic_load_explicit(&dict_slot(dict, slot - 1)->value, memory_order_acquire) != old)
		(void)dict_free_value(dict, old);
	atomic_store_explicit(&record->slot, 0, memory_order_release);
	return KK_OK;
}

int kk_dict_inherit(struct kk_dict *dict, unsigned role)
{
	if (role == 0 || role > dict->shape.roles)
		return KK_ERR_INVALID;
	int rc = finish_swap(dict, role);
	for (uint32_t i = 0; rc == KK_OK && i < dict->shape.keys; i++) {
		struct dict_slot *slot = dict_slot(dict, i);
		/* release: pairs with the acquire in take_slot(). */
		if (atomic_load_explicit(&slot->owner, memory_order_acquire) == role && !dict_slot_published(dict, i))
			atomic_store_explicit(&slot->owner, 0, memory_order_release);
	}
	for (uint32_t i = 0; rc == KK_OK && i < dict->at.cells; i++) {
		uint64_t word = atomic_load_explicit(&dict_cell(dict, i)->word, memory_order_acquire);
		if (dict_role_of(word) == role && !dict_cell_published(dict, i, word))
			(void)dict_free_value(dict, dict_value_word(i, word));
	}
	return rc;
}

void kk_dict_usage(const struct kk_dict *dict, struct kk_dict_usage *usage)
{
	*usage = (struct kk_dict_usage){0};
	for (uint32_t i = 0; i < dict->shape.keys; i++) {
		const struct dict_slot *slot = dict_slot(dict, i);
		if (dict_slot_published(dict, i))
			usage->keys++;
		else if (atomic_load_explicit(&slot->owner, memory_order_acquire) != 0)
			usage->in_hand++;
		if (atomic_load_explicit(&slot->value, memory_order_acquire) != 0)
			usage->present++;
	}
	for (uint32_t i = 0; i < dict->at.cells; i++) {
		uint64_t word = atomic_load_explicit(&dict_cell(dict, i)->word, memory_order_acquire);
		if (dict_role_of(word) != 0 && !dict_cell_published(dict, i, word))
			usage->in_hand++;
	}
}

/* One slot: what the hash table says of it, and the cell that it names. */
static const char *fault_of_slot(const struct kk_dict *dict, uint32_t i)
{
	const struct dict_slot *slot = dict_slot(dict, i);
	uint64_t value = atomic_load_explicit(&slot->value, memory_order_acquire);
	if (!dict_slot_published(dict, i))
		return value != 0 ? "has a value but no bucket" : NULL;
	uint32_t owner = atomic_load_explicit(&slot->owner, memory_order_acquire);
	if (owner == 0 || owner > dict->shape.roles)
		return "is in use without an owner";
	if (slot->key_bytes == 0 || slot->key_bytes > dict->shape.key_max)
		return "has a key of impossible length";
	if (value == 0)
		return NULL;
	uint32_t cell = dict_cell_of(value);
	if (cell >= dict->at.cells)
		return "names no cell";
	uint64_t word = atomic_load_explicit(&dict_cell(dict, cell)->word, memory_order_acquire);
	/* While others write, the cell may have been replaced, freed and taken since the slot was read. */
	if ((word & DICT_GENERATION_MASK) == dict_generation_of(value) && dict_role_of(word) != 0)
		return NULL;
	return atomic_load_explicit(&slot->value, memory_order_acquire) == value ? "names a cell that is free" : NULL;
}

int kk_dict_check(const struct kk_dict *dict, struct kk_error *error)
{
	const struct dict_memory *header = dict->memory;
	const struct kk_dict_shape *shape = &header->shape;
	if (header->magic != KK_DICT_MAGIC || header->version != KK_DICT_VERSION || header->seed != dict->seed ||
	    shape->keys != dict->shape.keys || shape->roles != dict->shape.roles ||
	    shape->key_max != dict->shape.key_max || shape->value_max != dict->shape.value_max)
		return kk_error_set(error, KK_ERR_CORRUPT, "the header of a dict was overwritten");
	for (uint32_t i = 0; i < dict->at.buckets; i++) {
		uint32_t value = atomic_load_explicit(dict_bucket(dict, i), memory_order_acquire);
		if (value == 0)
			continue;
		if (value > dict->shape.keys ||
		    atomic_load_explicit(&dict_slot(dict, value - 1)->home, memory_order_acquire) != i)
			return kk_error_set(error, KK_ERR_CORRUPT, "bucket %" PRIu32 " of a dict names a wrong slot",
			                    i);
	}
	for (uint32_t i = 0; i < dict->shape.keys; i++) {
		const char *fault = fault_of_slot(dict, i);
		if (fault)
			return kk_error_set(error, KK_ERR_CORRUPT, "slot %" PRIu32 " of a dict %s", i, fault);
	}
	return KK_OK;
}
