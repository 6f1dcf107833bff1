/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/dict/dict.c - making a dict, reading and writing it. Why it is right stands in layout.h. */
#include "dict/layout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "atomics must not use locks of a process");

#define NONE UINT32_MAX

/* Passes over all cells before a missing free one counts as damage (D3 says that there always is one, but others may
 * take it in front of us). */
#define CELL_PASSES 1000

/* ---- layout */

static uint64_t rounded(uint64_t bytes, uint64_t to)
{
	return (bytes + to - 1) / to * to;
}

static int find_places(const struct kk_dict_shape *shape, struct dict_places *at)
{
	if (shape->keys == 0 || shape->keys > KK_DICT_MAX_KEYS || shape->roles == 0 ||
	    shape->roles > KK_DICT_MAX_ROLES || shape->key_max == 0 || shape->key_max > KK_DICT_MAX_BYTES ||
	    shape->value_max > KK_DICT_MAX_BYTES)
		return KK_ERR_INVALID;
	/* Half of the buckets at least stay empty, which keeps probing short. */
	at->buckets = 2;
	while (at->buckets < 2 * shape->keys)
		at->buckets *= 2;
	/* One spare cell for each role is needed, a second one makes free ones easier to find. */
	at->cells = shape->keys + 2 * shape->roles;
	at->slot_stride = (uint32_t)rounded(offsetof(struct dict_slot, key) + shape->key_max, 8);
	at->cell_stride = (uint32_t)rounded(sizeof(struct dict_cell) + shape->value_max, 8);
	at->role = rounded(sizeof(struct dict_memory), 64);
	at->bucket = at->role + (shape->roles + 1) * sizeof(struct dict_role);
	at->slot = rounded(at->bucket + (uint64_t)at->buckets * sizeof(uint32_t), 64);
	at->cell = rounded(at->slot + (uint64_t)shape->keys * at->slot_stride, 64);
	at->end = rounded(at->cell + (uint64_t)at->cells * at->cell_stride, 64);
	return KK_OK;
}

uint64_t kk_dict_size(const struct kk_dict_shape *shape)
{
	struct dict_places at;
	return find_places(shape, &at) < 0 ? 0 : at.end;
}

int kk_dict_init(void *memory, uint64_t bytes, const struct kk_dict_shape *shape, struct kk_error *error)
{
	struct dict_memory *header = memory;
	uint64_t size = kk_dict_size(shape), seed;
	if (size == 0)
		return kk_error_set(error, KK_ERR_INVALID, "the shape of a dict is out of range");
	if (!memory || (uintptr_t)memory % 64 != 0 || bytes < size)
		return kk_error_set(error, KK_ERR_INVALID,
		                    "a dict needs %" PRIu64 " bytes of aligned memory, not %" PRIu64, size, bytes);
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return kk_error_set(error, KK_ERR_SYSTEM, "getrandom");
	/* Zeros are an empty dict: no bucket names a slot, no slot or cell is owned. */
	memset(memory, 0, size);
	*header =
	    (struct dict_memory){.magic = KK_DICT_MAGIC, .version = KK_DICT_VERSION, .shape = *shape, .seed = seed};
	return KK_OK;
}

struct kk_dict *kk_dict_attach(void *memory, uint64_t bytes, struct kk_error *error)
{
	struct dict_memory *header = memory;
	if (!memory || (uintptr_t)memory % 64 != 0 || bytes < sizeof(*header) || header->magic != KK_DICT_MAGIC) {
		(void)kk_error_set(error, KK_ERR_CORRUPT, "there is no dict in this memory");
		return NULL;
	}
	if (header->version != KK_DICT_VERSION) {
		(void)kk_error_set(error, KK_ERR_VERSION, "the dict has layout version %u, this library has %u",
		                   header->version, KK_DICT_VERSION);
		return NULL;
	}
	struct kk_dict *dict = calloc(1, sizeof(*dict));
	if (!dict) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a dict's handle");
		return NULL;
	}
	dict->memory = header;
	dict->shape = header->shape;
	dict->seed = header->seed;
	if (find_places(&dict->shape, &dict->at) < 0 || dict->at.end > bytes) {
		(void)kk_error_set(error, KK_ERR_CORRUPT, "the dict is larger than its memory");
		kk_dict_detach(dict);
		dict = NULL;
	}
	return dict;
}

void kk_dict_detach(struct kk_dict *dict)
{
	free(dict);
}

/* ---- keys */

static uint32_t hash(const struct kk_dict *dict, const void *key, size_t bytes)
{
	const unsigned char *at = key;
	uint64_t h = dict->seed ^ UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < bytes; i++)
		h = (h ^ at[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	return (uint32_t)h & (dict->at.buckets - 1);
}

/* Does the slot that a bucket names hold this key? 1, 0, KK_ERR_CORRUPT. Named slots do not change any more. */
static int holds_key(const struct kk_dict *dict, uint32_t bucket_value, const void *key, size_t bytes)
{
	if (bucket_value > dict->shape.keys)
		return KK_ERR_CORRUPT;
	const struct dict_slot *slot = dict_slot(dict, bucket_value - 1);
	return slot->key_bytes == bytes && memcmp(slot->key, key, bytes) == 0;
}

/* The slot of a key that is there, or KK_ERR_MISSING, KK_ERR_CORRUPT. */
static int64_t find_slot(const struct kk_dict *dict, const void *key, size_t bytes)
{
	uint32_t bucket = hash(dict, key, bytes);
	for (uint32_t i = 0; i < dict->at.buckets; i++) {
		/* acquire: pairs with the CAS in name_slot(); the slot's key is seen whole. */
		uint32_t value = atomic_load_explicit(dict_bucket(dict, bucket), memory_order_acquire);
		if (value == 0)
			return KK_ERR_MISSING;
		int same = holds_key(dict, value, key, bytes);
		if (same != 0)
			return same < 0 ? same : (int64_t)value - 1;
		bucket = (bucket + 1) & (dict->at.buckets - 1);
	}
	return KK_ERR_CORRUPT;
}

/* Takes a free slot and writes the key into it; NONE if there is none. */
static uint32_t take_slot(struct kk_dict *dict, unsigned role, const void *key, size_t bytes)
{
	/* relaxed: a hint. */
	uint32_t start = atomic_load_explicit(&dict->memory->next_slot, memory_order_relaxed) % dict->shape.keys;
	for (uint32_t i = 0; i < dict->shape.keys; i++) {
		uint32_t n = (start + i) % dict->shape.keys;
		struct dict_slot *slot = dict_slot(dict, n);
		uint32_t free_owner = 0;
		/* acquire: pairs with the release in give_slot_back() and kk_dict_inherit(): the last owner is done
		 * with it. */
		if (atomic_load_explicit(&slot->owner, memory_order_relaxed) != 0 ||
		    !atomic_compare_exchange_strong_explicit(&slot->owner, &free_owner, role, memory_order_acq_rel,
		                                             memory_order_relaxed))
			continue;
		atomic_store_explicit(&dict->memory->next_slot, n + 1, memory_order_relaxed);
		slot->key_bytes = (uint32_t)bytes;
		memcpy(slot->key, key, bytes);
		return n;
	}
	return NONE;
}

static void give_slot_back(struct kk_dict *dict, uint32_t n)
{
	/* release: pairs with the acquire in take_slot(). */
	if (n != NONE)
		atomic_store_explicit(&dict_slot(dict, n)->owner, 0, memory_order_release);
}

/* Puts the slot `n` into an empty bucket. 0, or what somebody else has put there. */
static uint32_t name_slot(struct kk_dict *dict, uint32_t n, uint32_t bucket)
{
	uint32_t found = 0;
	/* Before the CAS, also for an heir: it must not find a named slot that does not say where. */
	atomic_store_explicit(&dict_slot(dict, n)->home, bucket, memory_order_release);
	/* release: pairs with the acquire in find_slot() and get_slot(), publishes key and home. */
	if (atomic_compare_exchange_strong_explicit(dict_bucket(dict, bucket), &found, n + 1, memory_order_acq_rel,
	                                            memory_order_acquire))
		return 0;
	return found;
}

/* The slot of a key, made if it is not there; or KK_ERR_FULL, KK_ERR_CORRUPT. */
static int64_t get_slot(struct kk_dict *dict, unsigned role, const void *key, size_t bytes)
{
	int64_t result = KK_ERR_CORRUPT;
	uint32_t mine = NONE, bucket = hash(dict, key, bytes);
	for (uint32_t i = 0; i < dict->at.buckets; i++) {
		uint32_t value = atomic_load_explicit(dict_bucket(dict, bucket), memory_order_acquire);
		if (value == 0 && mine == NONE) {
			mine = take_slot(dict, role, key, bytes);
			/* The last slot may have gone to this very key. */
			value = atomic_load_explicit(dict_bucket(dict, bucket), memory_order_acquire);
			if (value == 0 && mine == NONE) {
				result = KK_ERR_FULL;
				break;
			}
		}
		if (value == 0) {
			value = name_slot(dict, mine, bucket);
			if (value == 0)
				return mine;
		}
		int same = holds_key(dict, value, key, bytes);
		if (same != 0) {
			result = same < 0 ? same : (int64_t)value - 1;
			break;
		}
		bucket = (bucket + 1) & (dict->at.buckets - 1);
	}
	give_slot_back(dict, mine);
	return result;
}

bool dict_slot_published(const struct kk_dict *dict, uint32_t i)
{
	uint32_t home = atomic_load_explicit(&dict_slot(dict, i)->home, memory_order_acquire);
	return home < dict->at.buckets && atomic_load_explicit(dict_bucket(dict, home), memory_order_acquire) == i + 1;
}

/* ---- values */

bool dict_free_value(struct kk_dict *dict, uint64_t old)
{
	uint32_t i = dict_cell_of(old);
	if (i >= dict->at.cells)
		return false;
	struct dict_cell *cell = dict_cell(dict, i);
	uint64_t word = atomic_load_explicit(&cell->word, memory_order_relaxed);
	if (dict_role_of(word) == 0 || (word & DICT_GENERATION_MASK) != dict_generation_of(old))
		return false;
	dict->hint = i;
	/* release: pairs with the CAS in take_cell(). The CAS that took the word out of its slot stays before it. */
	return atomic_compare_exchange_strong_explicit(&cell->word, &word, dict_cell_word(0, dict_generation_of(old)),
	                                               memory_order_release, memory_order_relaxed);
}

/* Takes a free cell: its index, and in `word` what will name it in a slot. NONE: the dict is damaged. */
static uint32_t take_cell(struct kk_dict *dict, unsigned role, uint64_t *value_word)
{
	uint32_t n = dict->hint;
	for (uint64_t i = 0; i < (uint64_t)dict->at.cells * CELL_PASSES; i++) {
		_Atomic uint64_t *at = &dict_cell(dict, n)->word;
		uint64_t word = atomic_load_explicit(at, memory_order_relaxed);
		uint64_t generation = word + 1;
		/* acquire: pairs with the release in dict_free_value(). */
		if (dict_role_of(word) == 0 &&
		    atomic_compare_exchange_strong_explicit(at, &word, dict_cell_word(role, generation),
		                                            memory_order_acq_rel, memory_order_relaxed)) {
			*value_word = dict_value_word(n, generation);
			return n;
		}
		n = n + 1 < dict->at.cells ? n + 1 : 0;
	}
	return NONE;
}

static void fill_cell(struct dict_cell *cell, uint32_t slot, const void *value, size_t bytes)
{
	/* release, each of them: pairs with the acquires in copy_cell(). A reader that sees one of these words sees
	 * the generation that take_cell() stored before, and so that its copy is of no use. */
	atomic_store_explicit(&cell->slot, slot, memory_order_release);
	atomic_store_explicit(&cell->bytes, (uint32_t)bytes, memory_order_release);
	for (size_t i = 0; i * 8 < bytes; i++) {
		uint64_t word = 0;
		memcpy(&word, (const char *)value + i * 8, bytes - i * 8 < 8 ? bytes - i * 8 : 8);
		atomic_store_explicit(&cell->data[i], word, memory_order_release);
	}
}

/* Copies a value, whole or not: the caller looks at the cell's generation afterwards. */
static int64_t copy_cell(const struct kk_dict *dict, const struct dict_cell *cell, void *to, size_t size)
{
	uint32_t bytes = atomic_load_explicit(&cell->bytes, memory_order_acquire);
	if (bytes > dict->shape.value_max)
		return KK_ERR_CORRUPT;
	size_t want = bytes < size ? bytes : size;
	for (size_t i = 0; i * 8 < want; i++) {
		/* acquire: pairs with the release in fill_cell(). */
		uint64_t word = atomic_load_explicit(&cell->data[i], memory_order_acquire);
		memcpy((char *)to + i * 8, &word, want - i * 8 < 8 ? want - i * 8 : 8);
	}
	return bytes;
}

int64_t dict_read_value(const struct kk_dict *dict, uint32_t slot, void *to, size_t size)
{
	for (;;) {
		/* acquire: pairs with the CAS in swap_value(); the cell's contents are seen. */
		uint64_t value = atomic_load_explicit(&dict_slot(dict, slot)->value, memory_order_acquire);
		if (value == 0)
			return KK_ERR_MISSING;
		uint32_t i = dict_cell_of(value);
		if (i >= dict->at.cells)
			return KK_ERR_CORRUPT;
		const struct dict_cell *cell = dict_cell(dict, i);
		int64_t bytes = copy_cell(dict, cell, to, size);
		/* relaxed: after the acquires of copy_cell(). The same generation: nobody has written into it yet. */
		uint64_t word = atomic_load_explicit(&cell->word, memory_order_relaxed);
		if ((word & DICT_GENERATION_MASK) == dict_generation_of(value))
			return bytes;
		if (atomic_load_explicit(&dict_slot(dict, slot)->value, memory_order_acquire) == value)
			return KK_ERR_CORRUPT;
	}
}

/* Puts `value` (0: none) into the slot in place of whatever is there, and frees that. 0, or KK_ERR_MISSING: nothing
 * was there and `value` is 0. */
static int swap_value(struct kk_dict *dict, unsigned role, uint32_t slot, uint64_t value)
{
	struct dict_role *record = dict_role(dict, role);
	_Atomic uint64_t *at = &dict_slot(dict, slot)->value;
	uint64_t old = atomic_load_explicit(at, memory_order_acquire);
	do {
		if (old == 0 && value == 0)
			break;
		/* release, all three: in this order for an heir. `old` without `slot` is not read; another `old` of
		 * the same slot may be there at any time. */
		atomic_store_explicit(&record->old, old, memory_order_release);
		atomic_store_explicit(&record->slot, slot + 1, memory_order_release);
		/* release: pairs with the acquire in dict_read_value(), and puts the record before it. */
	} while (!atomic_compare_exchange_weak_explicit(at, &old, value, memory_order_acq_rel, memory_order_acquire));
	if (old != 0)
		(void)dict_free_value(dict, old);
	atomic_store_explicit(&record->slot, 0, memory_order_release);
	return old == 0 && value == 0 ? KK_ERR_MISSING : KK_OK;
}

bool dict_cell_published(const struct kk_dict *dict, uint32_t i, uint64_t word)
{
	uint32_t slot = atomic_load_explicit(&dict_cell(dict, i)->slot, memory_order_acquire);
	return slot < dict->shape.keys &&
	       atomic_load_explicit(&dict_slot(dict, slot)->value, memory_order_acquire) == dict_value_word(i, word);
}

/* ---- operations */

int64_t kk_dict_get(const struct kk_dict *dict, const void *key, size_t key_bytes, void *to, size_t size)
{
	int64_t slot = find_slot(dict, key, key_bytes);
	return slot < 0 ? slot : dict_read_value(dict, (uint32_t)slot, to, size);
}

int kk_dict_set(struct kk_dict *dict, unsigned role, const void *key, size_t key_bytes, const void *value,
                size_t value_bytes)
{
	uint64_t word = 0;
	if (role == 0 || role > dict->shape.roles || key_bytes == 0 || key_bytes > dict->shape.key_max ||
	    value_bytes > dict->shape.value_max)
		return KK_ERR_INVALID;
	int64_t slot = get_slot(dict, role, key, key_bytes);
	if (slot < 0)
		return (int)slot;
	uint32_t cell = take_cell(dict, role, &word);
	if (cell == NONE)
		return KK_ERR_CORRUPT;
	fill_cell(dict_cell(dict, cell), (uint32_t)slot, value, value_bytes);
	return swap_value(dict, role, (uint32_t)slot, word);
}

int kk_dict_remove(struct kk_dict *dict, unsigned role, const void *key, size_t key_bytes)
{
	if (role == 0 || role > dict->shape.roles)
		return KK_ERR_INVALID;
	int64_t slot = find_slot(dict, key, key_bytes);
	return slot < 0 ? (int)slot : swap_value(dict, role, (uint32_t)slot, 0);
}

int kk_dict_next(const struct kk_dict *dict, uint32_t *cursor, struct kk_dict_entry *entry)
{
	int64_t bytes = KK_ERR_MISSING;
	while (*cursor < dict->shape.keys && bytes == KK_ERR_MISSING) {
		const struct dict_slot *slot = dict_slot(dict, *cursor);
		if (dict_slot_published(dict, *cursor)) {
			if (slot->key_bytes > dict->shape.key_max)
				return KK_ERR_CORRUPT;
			entry->key_bytes = slot->key_bytes;
			memcpy(entry->key, slot->key,
			       entry->key_bytes < entry->key_size ? entry->key_bytes : entry->key_size);
			bytes = dict_read_value(dict, *cursor, entry->value, entry->value_size);
		}
		++*cursor;
	}
	if (bytes == KK_ERR_MISSING)
		return 0;
	if (bytes < 0)
		return (int)bytes;
	entry->value_bytes = (size_t)bytes;
	return 1;
}
