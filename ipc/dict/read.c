/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/dict/read.c - reading a dict. */
#include "dict/layout.h"

static bool same_bucket(const struct kk_dict *dict, const struct dict_view *view)
{
	return atomic_load_explicit(dict_bucket(dict, view->bucket), memory_order_acquire) == view->word;
}

int64_t kk_dict_get(const struct kk_dict *dict, const void *key, size_t key_bytes, void *to, size_t size)
{
	struct dict_view view;
	if (key_bytes == 0 || key_bytes > dict->shape.key_max)
		return KK_ERR_MISSING;
	for (;;) {
		int rc = dict_look(dict, key, key_bytes, &view);
		if (rc < 0 || view.at < 0)
			return rc < 0 ? rc : KK_ERR_MISSING;
		int64_t bytes = dict_copy(dict, DICT_CELL, view.cell, to, size);
		if (bytes != KK_ERR_MISSING)
			return bytes;
		/* The value of a key that is there is not freed. */
		if (same_bucket(dict, &view))
			return KK_ERR_CORRUPT;
	}
}

int kk_dict_contains(const struct kk_dict *dict, const void *key, size_t key_bytes)
{
	struct dict_view view;
	if (key_bytes == 0 || key_bytes > dict->shape.key_max)
		return 0;
	int rc = dict_look(dict, key, key_bytes, &view);
	return rc < 0 ? rc : view.at >= 0;
}

uint32_t kk_dict_len(const struct kk_dict *dict)
{
	uint32_t keys = 0;
	/* acquire: who was told of a key that somebody set counts it. */
	for (uint32_t i = 0; i < dict->at.buckets; i++)
		keys += dict_keys_of(atomic_load_explicit(dict_bucket(dict, i), memory_order_acquire));
	return keys;
}

/* The entry `i` of a bucket. 1: copied; 0: there is none; KK_ERR_CORRUPT. */
static int copy_entry(const struct kk_dict *dict, uint32_t bucket, int i, struct kk_dict_entry *entry)
{
	struct dict_view view;
	for (;;) {
		int rc = dict_look_at(dict, bucket, &view);
		if (rc < 0 || view.entry[i] == 0)
			return rc;
		rc = dict_entry(dict, &view, i);
		if (rc == KK_ERR_CORRUPT)
			return rc;
		if (rc < 0)
			continue;
		int64_t key = dict_copy(dict, DICT_SLOT, view.slot, entry->key, entry->key_size);
		int64_t value = dict_copy(dict, DICT_CELL, view.cell, entry->value, entry->value_size);
		if (key >= 0 && value >= 0) {
			entry->key_bytes = (size_t)key;
			entry->value_bytes = (size_t)value;
			return 1;
		}
		if (key == KK_ERR_CORRUPT || value == KK_ERR_CORRUPT || same_bucket(dict, &view))
			return KK_ERR_CORRUPT;
	}
}

int kk_dict_next(const struct kk_dict *dict, uint32_t *cursor, struct kk_dict_entry *entry)
{
	int rc = 0;
	while (rc == 0 && *cursor / DICT_PAGE_ENTRIES < dict->at.buckets) {
		uint32_t bucket = *cursor / DICT_PAGE_ENTRIES;
		if (atomic_load_explicit(dict_bucket(dict, bucket), memory_order_acquire) == 0) {
			*cursor = (bucket + 1) * DICT_PAGE_ENTRIES;
			continue;
		}
		rc = copy_entry(dict, bucket, (int)(*cursor % DICT_PAGE_ENTRIES), entry);
		++*cursor;
	}
	return rc;
}

int kk_dict_get_ref(const struct kk_dict *dict, const void *key, size_t key_bytes, uint64_t *ref)
{
	uint64_t found;
	int64_t bytes = kk_dict_get(dict, key, key_bytes, &found, sizeof(found));
	if (bytes < 0)
		return (int)bytes;
	if (bytes != (int64_t)sizeof(found))
		return KK_ERR_INVALID;
	*ref = found;
	return KK_OK;
}
