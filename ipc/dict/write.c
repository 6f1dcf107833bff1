/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/dict/write.c - changing a dict: take what is needed, look, decide, publish; if somebody came between the look and
 * the publishing, look again. */
#include "dict/layout.h"

#include <stdlib.h>
#include <string.h>

/* Somebody else was quicker: look again. */
enum { AGAIN = 1 };

/* The caller, and pieces that he has taken and not published. */
struct hand {
	struct kk_dict *dict;
	unsigned role;
	uint64_t piece[DICT_PIECES];
};

static int begin(struct hand *hand, struct kk_dict *dict, size_t key_bytes, size_t value_bytes)
{
	int me = dict_me(dict);
	if (me < 0)
		return me;
	*hand = (struct hand){.dict = dict, .role = (unsigned)me};
	return key_bytes == 0 || key_bytes > dict->shape.key_max || value_bytes > dict->shape.value_max ? KK_ERR_INVALID
	                                                                                                : KK_OK;
}

/* Frees a piece, which the role will find first when it needs one. */
static void drop(struct hand *hand, enum dict_piece_kind kind, uint64_t reference)
{
	if (reference == 0)
		return;
	atomic_store_explicit(&dict_role(hand->dict, hand->role)->hint[kind], dict_index_of(reference) + 1,
	                      memory_order_relaxed);
	dict_free(hand->dict, kind, reference);
}

static int end(struct hand *hand, int rc)
{
	for (int kind = 0; kind < DICT_PIECES; kind++)
		drop(hand, (enum dict_piece_kind)kind, hand->piece[kind]);
	return rc;
}

static int take(struct hand *hand, enum dict_piece_kind kind)
{
	if (hand->piece[kind] == 0)
		hand->piece[kind] = dict_take(hand->dict, hand->role, kind);
	if (hand->piece[kind] == 0)
		return kind == DICT_SLOT ? KK_ERR_FULL : KK_ERR_CORRUPT;
	return KK_OK;
}

/* Puts the entries into the bucket in place of what the view has seen there. 0, AGAIN, KK_ERR_CORRUPT. What `old`
 * names (0: nothing) is freed. */
static int publish(struct hand *hand, const struct dict_view *view, const uint64_t *entries, const uint64_t *old)
{
	struct kk_dict *dict = hand->dict;
	struct dict_role *record = dict_role(dict, hand->role);
	uint64_t expected = view->word, word = 0, keys = 0;
	for (int i = 0; i < DICT_PAGE_ENTRIES; i++)
		keys += entries[i] != 0;
	if (keys > 0) {
		if (take(hand, DICT_PAGE) < 0)
			return KK_ERR_CORRUPT;
		word = hand->piece[DICT_PAGE] | keys << 24;
		dict_fill(dict, DICT_PAGE, hand->piece[DICT_PAGE], view->bucket, entries,
		          DICT_PAGE_ENTRIES * sizeof(uint64_t));
	}
	/* Before the CAS, whose release keeps them there: the heir frees what it still finds of these. */
	for (int kind = 0; kind < DICT_PIECES; kind++)
		atomic_store_explicit(&record->old[kind], old[kind], memory_order_relaxed);
	/* release: pairs with the acquire in try_look(). */
	if (!atomic_compare_exchange_strong_explicit(dict_bucket(dict, view->bucket), &expected, word,
	                                             memory_order_acq_rel, memory_order_relaxed))
		return AGAIN;
	if (keys > 0)
		hand->piece[DICT_PAGE] = 0;
	for (int kind = 0; kind < DICT_PIECES; kind++)
		drop(hand, (enum dict_piece_kind)kind, old[kind]);
	return KK_OK;
}

/* Publishes the bucket without the entry that the view is at. */
static int publish_without(struct hand *hand, const struct dict_view *view)
{
	uint64_t entries[DICT_PAGE_ENTRIES];
	const uint64_t old[DICT_PIECES] = {
	    [DICT_SLOT] = view->slot, [DICT_CELL] = view->cell, [DICT_PAGE] = view->word};
	memcpy(entries, view->entry, sizeof(entries));
	entries[view->at] = 0;
	return publish(hand, view, entries, old);
}

static int find_hole(const struct dict_view *view)
{
	for (int i = 0; i < DICT_PAGE_ENTRIES; i++)
		if (view->entry[i] == 0)
			return i;
	return -1;
}

/* Publishes the bucket with the value for the key: new, or in place of the one that the view is at. */
static int publish_with(struct hand *hand, const struct dict_view *view, const void *key, size_t key_bytes,
                        const void *value, size_t value_bytes)
{
	uint64_t entries[DICT_PAGE_ENTRIES], old[DICT_PIECES] = {[DICT_PAGE] = view->word};
	bool is_new = view->at < 0;
	int at = is_new ? find_hole(view) : view->at;
	int rc = at < 0 ? KK_ERR_FULL : take(hand, DICT_CELL);
	if (rc == KK_OK && is_new)
		rc = take(hand, DICT_SLOT);
	if (rc < 0)
		return rc;
	uint64_t slot = is_new ? hand->piece[DICT_SLOT] : view->slot;
	if (is_new)
		dict_fill(hand->dict, DICT_SLOT, slot, view->bucket, key, key_bytes);
	else
		old[DICT_CELL] = view->cell;
	dict_fill(hand->dict, DICT_CELL, hand->piece[DICT_CELL], view->bucket, value, value_bytes);
	memcpy(entries, view->entry, sizeof(entries));
	entries[at] =
	    (uint64_t)view->tag << 48 | (hand->piece[DICT_CELL] & DICT_INDEX_MASK) << 24 | (slot & DICT_INDEX_MASK);
	rc = publish(hand, view, entries, old);
	if (rc == KK_OK) {
		hand->piece[DICT_CELL] = 0;
		hand->piece[DICT_SLOT] = is_new ? 0 : hand->piece[DICT_SLOT];
	}
	return rc;
}

/* ---- set */

enum wanted { ANY, ABSENT, PRESENT };

static int set(struct kk_dict *dict, const void *key, size_t key_bytes, const void *value, size_t value_bytes,
               enum wanted wanted)
{
	struct hand hand;
	struct dict_view view;
	int rc = begin(&hand, dict, key_bytes, value_bytes);
	if (rc < 0)
		return rc;
	do {
		rc = dict_look(dict, key, key_bytes, &view);
		if (rc == KK_OK && wanted == ABSENT && view.at >= 0)
			rc = KK_ERR_EXISTS;
		if (rc == KK_OK && wanted == PRESENT && view.at < 0)
			rc = KK_ERR_MISSING;
		if (rc == KK_OK)
			rc = publish_with(&hand, &view, key, key_bytes, value, value_bytes);
	} while (rc == AGAIN);
	return end(&hand, rc);
}

int kk_dict_set(struct kk_dict *dict, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
	return set(dict, key, key_bytes, value, value_bytes, ANY);
}

int kk_dict_insert(struct kk_dict *dict, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
	return set(dict, key, key_bytes, value, value_bytes, ABSENT);
}

int kk_dict_replace(struct kk_dict *dict, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
	return set(dict, key, key_bytes, value, value_bytes, PRESENT);
}

int64_t kk_dict_setdefault(struct kk_dict *dict, const void *key, size_t key_bytes, const void *value,
                           size_t value_bytes, void *to, size_t size)
{
	int rc = KK_ERR_EXISTS;
	int64_t bytes = KK_ERR_MISSING;
	while (rc == KK_ERR_EXISTS && bytes == KK_ERR_MISSING) {
		bytes = kk_dict_get(dict, key, key_bytes, to, size);
		if (bytes == KK_ERR_MISSING)
			rc = kk_dict_insert(dict, key, key_bytes, value, value_bytes);
	}
	if (bytes != KK_ERR_MISSING || rc < 0)
		return bytes != KK_ERR_MISSING ? bytes : rc;
	if (value_bytes > 0 && size > 0)
		memcpy(to, value, value_bytes < size ? value_bytes : size);
	return (int64_t)value_bytes;
}

int kk_dict_update(struct kk_dict *dict, const struct kk_dict_item *items, size_t count)
{
	int rc = KK_OK;
	for (size_t i = 0; i < count && rc == KK_OK; i++)
		rc = kk_dict_set(dict, items[i].key, items[i].key_bytes, items[i].value, items[i].value_bytes);
	return rc;
}

int kk_dict_set_ref(struct kk_dict *dict, const void *key, size_t key_bytes, uint64_t ref)
{
	return kk_dict_set(dict, key, key_bytes, &ref, sizeof(ref));
}

/* ---- change */

/* What works the next value out, with room for `size` bytes of the value that is there and of the next one. */
struct change {
	kk_dict_function *function;
	void *arg, *value, *next;
	size_t size;
};

static int try_change(struct hand *hand, const struct dict_view *view, const void *key, size_t key_bytes,
                      const struct change *change)
{
	int64_t bytes = KK_ERR_MISSING;
	if (view->at >= 0) {
		bytes = dict_copy(hand->dict, DICT_CELL, view->cell, change->value, change->size);
		if (bytes < 0)
			return bytes == KK_ERR_MISSING ? AGAIN : (int)bytes;
	}
	int64_t length = change->function(change->arg, change->value, bytes, change->next, change->size);
	if (length < 0)
		return (int)length;
	if (length > (int64_t)hand->dict->shape.value_max || length > (int64_t)change->size)
		return KK_ERR_INVALID;
	return publish_with(hand, view, key, key_bytes, change->next, (size_t)length);
}

static int change_key(struct kk_dict *dict, const void *key, size_t key_bytes, const struct change *change)
{
	struct hand hand;
	struct dict_view view;
	int rc = begin(&hand, dict, key_bytes, 0);
	if (rc < 0)
		return rc;
	do {
		rc = dict_look(dict, key, key_bytes, &view);
		if (rc == KK_OK)
			rc = try_change(&hand, &view, key, key_bytes, change);
	} while (rc == AGAIN);
	return end(&hand, rc);
}

int kk_dict_change(struct kk_dict *dict, const void *key, size_t key_bytes, kk_dict_function *function, void *arg)
{
	size_t size = dict->shape.value_max;
	char *room = malloc(2 * (size + 8));
	if (!room)
		return KK_ERR_MEMORY;
	struct change change = {function, arg, room, room + (size + 8) / 8 * 8, size};
	int rc = change_key(dict, key, key_bytes, &change);
	free(room);
	return rc;
}

struct addition {
	int64_t amount, sum;
};

static int64_t add(void *arg, const void *value, int64_t bytes, void *to, size_t size)
{
	struct addition *addition = arg;
	int64_t before = 0;
	if (bytes != KK_ERR_MISSING && bytes != (int64_t)sizeof(before))
		return KK_ERR_INVALID;
	if (bytes != KK_ERR_MISSING)
		memcpy(&before, value, sizeof(before));
	addition->sum = (int64_t)((uint64_t)before + (uint64_t)addition->amount);
	memcpy(to, &addition->sum, size);
	return (int64_t)sizeof(addition->sum);
}

int kk_dict_add(struct kk_dict *dict, const void *key, size_t key_bytes, int64_t amount, int64_t *now)
{
	struct addition addition = {.amount = amount};
	int64_t before, after;
	struct change change = {add, &addition, &before, &after, sizeof(before)};
	int rc = change_key(dict, key, key_bytes, &change);
	if (rc == KK_OK && now)
		*now = addition.sum;
	return rc;
}

/* Is the value that the view is at, byte for byte, the expected one? Decided by the publishing, if it is; if not, look
 * whether this was its value all the while: AGAIN says no. */
static int compare(const struct kk_dict *dict, const struct dict_view *view, const void *expected, size_t bytes)
{
	const struct dict_piece *piece = dict_piece(dict, DICT_CELL, dict_index_of(view->cell));
	bool same = dict_holds(piece, expected, bytes);
	uint64_t word = atomic_load_explicit(&piece->word, memory_order_relaxed);
	if ((word & DICT_GENERATION_MASK) != dict_generation_of(view->cell))
		return AGAIN;
	return same ? KK_OK : KK_ERR_EXISTS;
}

int kk_dict_swap(struct kk_dict *dict, const void *key, size_t key_bytes, const void *expected, size_t expected_bytes,
                 const void *value, size_t value_bytes)
{
	struct hand hand;
	struct dict_view view;
	int rc = begin(&hand, dict, key_bytes, value_bytes);
	if (rc == KK_OK && expected_bytes > dict->shape.value_max)
		rc = KK_ERR_INVALID;
	if (rc < 0)
		return rc;
	do {
		rc = dict_look(dict, key, key_bytes, &view);
		if (rc == KK_OK)
			rc = view.at < 0 ? KK_ERR_MISSING : compare(dict, &view, expected, expected_bytes);
		if (rc == KK_OK)
			rc = publish_with(&hand, &view, key, key_bytes, value, value_bytes);
	} while (rc == AGAIN);
	return end(&hand, rc);
}

/* ---- remove */

int64_t kk_dict_pop(struct kk_dict *dict, const void *key, size_t key_bytes, void *to, size_t size)
{
	struct hand hand;
	struct dict_view view;
	int64_t bytes = 0;
	int rc = begin(&hand, dict, key_bytes, 0);
	if (rc < 0)
		return rc;
	do {
		rc = dict_look(dict, key, key_bytes, &view);
		if (rc == KK_OK && view.at < 0)
			rc = KK_ERR_MISSING;
		if (rc < 0)
			break;
		/* Freed meanwhile: then the bucket has changed, too, and nothing will be published. */
		bytes = dict_copy(dict, DICT_CELL, view.cell, to, size);
		rc = bytes == KK_ERR_CORRUPT ? KK_ERR_CORRUPT : publish_without(&hand, &view);
	} while (rc == AGAIN);
	rc = end(&hand, rc);
	return rc < 0 ? rc : bytes;
}

int kk_dict_remove(struct kk_dict *dict, const void *key, size_t key_bytes)
{
	int64_t bytes = kk_dict_pop(dict, key, key_bytes, NULL, 0);
	return bytes < 0 ? (int)bytes : KK_OK;
}

/* Removes the first entry of a bucket from index `from` on, and copies it if `entry` is not NULL. Its index;
 * KK_ERR_EMPTY: there is none; KK_ERR_CORRUPT. */
static int pop_from(struct hand *hand, uint32_t bucket, int from, struct kk_dict_entry *entry)
{
	struct kk_dict *dict = hand->dict;
	struct dict_view view;
	for (;;) {
		int rc = dict_look_at(dict, bucket, &view), i = from;
		while (i < DICT_PAGE_ENTRIES && view.entry[i] == 0)
			i++;
		if (rc < 0 || i == DICT_PAGE_ENTRIES)
			return rc < 0 ? rc : KK_ERR_EMPTY;
		rc = dict_entry(dict, &view, i);
		if (rc == KK_ERR_EMPTY)
			continue;
		int64_t key = 0, value = 0;
		if (rc == KK_OK && entry) {
			key = dict_copy(dict, DICT_SLOT, view.slot, entry->key, entry->key_size);
			value = dict_copy(dict, DICT_CELL, view.cell, entry->value, entry->value_size);
		}
		if (rc < 0 || key == KK_ERR_CORRUPT || value == KK_ERR_CORRUPT)
			return KK_ERR_CORRUPT;
		rc = publish_without(hand, &view);
		if (rc == KK_OK && entry) {
			entry->key_bytes = (size_t)key;
			entry->value_bytes = (size_t)value;
		}
		if (rc != AGAIN)
			return rc < 0 ? rc : i;
	}
}

int kk_dict_popitem(struct kk_dict *dict, struct kk_dict_entry *entry)
{
	struct hand hand;
	int rc = begin(&hand, dict, 1, 0);
	if (rc < 0)
		return rc;
	uint32_t mask = dict->at.buckets - 1;
	uint32_t start = atomic_load_explicit(&dict->memory->next_bucket, memory_order_relaxed);
	rc = KK_ERR_EMPTY;
	for (uint32_t i = 0; i <= mask && rc == KK_ERR_EMPTY; i++) {
		uint32_t bucket = (start + i) & mask;
		if (atomic_load_explicit(dict_bucket(dict, bucket), memory_order_acquire) == 0)
			continue;
		rc = pop_from(&hand, bucket, 0, entry);
		atomic_store_explicit(&dict->memory->next_bucket, bucket, memory_order_relaxed);
	}
	return end(&hand, rc < 0 ? rc : KK_OK);
}

int kk_dict_clear(struct kk_dict *dict)
{
	struct hand hand;
	int rc = begin(&hand, dict, 1, 0);
	if (rc < 0)
		return rc;
	/* Each place once: who sets keys all the while does not keep us busy for ever. */
	for (uint32_t bucket = 0; bucket < dict->at.buckets && rc >= 0; bucket++) {
		for (int i = 0; i < DICT_PAGE_ENTRIES && rc >= 0; i++)
			rc = pop_from(&hand, bucket, i, NULL);
		if (rc == KK_ERR_EMPTY)
			rc = KK_OK;
	}
	return end(&hand, rc < 0 ? rc : KK_OK);
}
