/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/list/read.c - reading a list: load the root, read, look whether it is the root still. */
#include "list/layout.h"

#include "word/bytes.h"
#include <stdlib.h>
#include <string.h>

/* How often writers may overtake a reader before it takes a turn of its own among them. */
enum { PATIENCE = 64 };

int64_t list_slot(int64_t index, uint32_t length)
{
	return index < 0 ? index + (int64_t)length : index;
}

static uint32_t bounded(int64_t index, uint32_t length)
{
	int64_t slot = list_slot(index, length);
	return slot < 0 ? 0 : slot > (int64_t)length ? length : (uint32_t)slot;
}

void list_cut(int64_t *from, int64_t *to, uint32_t length)
{
	*from = bounded(*from, length);
	*to = bounded(*to, length);
	if (*to < *from)
		*to = *from;
}

uint64_t list_find(const struct kk_list *list, unsigned table, uint32_t index, uint32_t *k)
{
	uint32_t low = 0, high = list->at.entries;
	uint64_t found = LIST_NO_ENTRY;
	/* acquire: pairs with the releases in splice.c and store.c. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		uint64_t entry = atomic_load_explicit(list_entry(list, table, middle), memory_order_acquire);
		if (list_first(entry) <= index) {
			found = entry;
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (k)
		*k = low - 1;
	return found;
}

int list_refer(const struct kk_list *list, uint64_t root, uint32_t index, struct list_ref *ref)
{
	uint64_t entry = list_find(list, list_table(root), index, NULL);
	if (entry == LIST_NO_ENTRY || list_chunk(entry) >= list->at.chunks ||
	    index - list_first(entry) >= list->at.chunk_items)
		return KK_ERR_CORRUPT;
	/* acquire, both: pair with the releases in splice.c and store.c. */
	ref->item =
	    atomic_load_explicit(list_place(list, list_chunk(entry), index - list_first(entry)), memory_order_acquire);
	if (ref->item >= list->at.items)
		return KK_ERR_CORRUPT;
	ref->generation = atomic_load_explicit(&list_item(list, ref->item)->generation, memory_order_acquire);
	return KK_OK;
}

bool list_unchanged(const struct kk_list *list, uint64_t root)
{
	/* relaxed: after the acquires of what was read. Who has seen a word that was stored after a later root sees
	 * that root here. */
	return atomic_load_explicit(&list->memory->root, memory_order_relaxed) == root;
}

int64_t list_copy(const struct kk_list *list, const struct list_ref *ref, void *to, size_t size)
{
	const struct list_item *item = list_item(list, ref->item);
	uint32_t bytes = atomic_load_explicit(&item->bytes, memory_order_acquire);
	/* acquire: pairs with the release in list_new_item(). */
	if (bytes <= list->shape.item_max)
		bytes_load(item->data, to, bytes < size ? bytes : size, memory_order_acquire);
	/* relaxed: after the acquires. The same generation: nobody had written into it. */
	if (atomic_load_explicit(&item->generation, memory_order_relaxed) != ref->generation)
		return KK_ERR_MISSING;
	return bytes <= list->shape.item_max ? (int64_t)bytes : KK_ERR_CORRUPT;
}

uint64_t list_root(const struct kk_list *list)
{
	/* acquire: pairs with the release in list_publish(). */
	return atomic_load_explicit(&list->memory->root, memory_order_acquire);
}

int64_t kk_list_len(const struct kk_list *list)
{
	uint32_t length = list_length(list_root(list));
	return length <= list->shape.items ? (int64_t)length : KK_ERR_CORRUPT;
}

/* Reads and says KK_ERR_CANCELLED if it was overtaken. */
typedef int64_t list_attempt(const struct kk_list *list, void *arg);

/* Tries until nobody overtakes it; in the end nobody can, if it may take the lock. */
static int64_t insist(struct kk_list *list, list_attempt *attempt, void *arg)
{
	bool only_reads = !list->object.family && list->role == 0;
	int64_t result = KK_ERR_CANCELLED;
	for (unsigned i = 0; result == KK_ERR_CANCELLED && (only_reads || i < PATIENCE); i++)
		result = attempt(list, arg);
	if (result == KK_ERR_CANCELLED) {
		int rc = list_lock(list);
		if (rc < 0)
			return rc;
		result = attempt(list, arg);
		list_unlock(list);
	}
	return result == KK_ERR_CANCELLED ? KK_ERR_CORRUPT : result;
}

struct get {
	int64_t index;
	void *to;
	size_t size;
};

static int64_t try_get(const struct kk_list *list, void *arg)
{
	const struct get *get = arg;
	struct list_ref ref;
	uint64_t root = list_root(list);
	int64_t slot = list_slot(get->index, list_length(root));
	if (slot < 0 || slot >= (int64_t)list_length(root))
		return KK_ERR_MISSING;
	int rc = list_refer(list, root, (uint32_t)slot, &ref);
	if (!list_unchanged(list, root))
		return KK_ERR_CANCELLED;
	int64_t bytes = rc < 0 ? rc : list_copy(list, &ref, get->to, get->size);
	return bytes == KK_ERR_MISSING ? KK_ERR_CANCELLED : bytes;
}

int64_t kk_list_get(struct kk_list *list, int64_t index, void *to, size_t size)
{
	struct get get = {index, to, size};
	return insist(list, try_get, &get);
}

struct slice {
	int64_t from, to;
	struct kk_list_item *items;
};

/* The bytes of `count` items, copied behind the array. */
static int64_t copy_all(const struct kk_list *list, const struct list_ref *refs, size_t count, struct slice *slice)
{
	size_t total = count * sizeof(struct kk_list_item);
	for (size_t i = 0; i < count; i++) {
		int64_t bytes = list_copy(list, &refs[i], NULL, 0);
		if (bytes < 0)
			return bytes == KK_ERR_MISSING ? KK_ERR_CANCELLED : bytes;
		total += ((size_t)bytes + 15) / 16 * 16;
	}
	struct kk_list_item *items = malloc(total + 1);
	if (!items)
		return KK_ERR_MEMORY;
	char *at = (char *)(items + count);
	for (size_t i = 0; i < count; i++) {
		size_t room = total - (size_t)(at - (char *)items);
		int64_t bytes = list_copy(list, &refs[i], at, room);
		if (bytes < 0 || (size_t)bytes > room) {
			free(items);
			return bytes == KK_ERR_CORRUPT ? KK_ERR_CORRUPT : KK_ERR_CANCELLED;
		}
		items[i] = (struct kk_list_item){.data = at, .bytes = (size_t)bytes};
		at += ((size_t)bytes + 15) / 16 * 16;
	}
	slice->items = items;
	return (int64_t)count;
}

static int64_t try_slice(const struct kk_list *list, void *arg)
{
	struct slice *slice = arg;
	uint64_t root = list_root(list);
	uint32_t length = list_length(root);
	int64_t from = slice->from, to = slice->to, rc = KK_OK;
	if (length > list->shape.items)
		return KK_ERR_CORRUPT;
	list_cut(&from, &to, length);
	size_t count = (size_t)(to - from);
	struct list_ref *refs = malloc(count * sizeof(*refs) + 1);
	if (!refs)
		return KK_ERR_MEMORY;
	for (size_t i = 0; i < count && rc == KK_OK; i++)
		rc = list_refer(list, root, (uint32_t)from + (uint32_t)i, &refs[i]);
	if (!list_unchanged(list, root))
		rc = KK_ERR_CANCELLED;
	if (rc == KK_OK)
		rc = copy_all(list, refs, count, slice);
	free(refs);
	return rc;
}

int64_t kk_list_slice(struct kk_list *list, int64_t from, int64_t to, struct kk_list_item **items)
{
	struct slice slice = {from, to, NULL};
	int64_t count = insist(list, try_slice, &slice);
	if (count >= 0)
		*items = slice.items;
	return count;
}

static bool equal(const struct kk_list_item *one, const void *data, size_t bytes)
{
	return one->bytes == bytes && (bytes == 0 || memcmp(one->data, data, bytes) == 0);
}

int64_t kk_list_index(struct kk_list *list, const void *item, size_t bytes)
{
	struct kk_list_item *items;
	int64_t count = kk_list_slice(list, 0, KK_LIST_END, &items), i = 0;
	if (count < 0)
		return count;
	while (i < count && !equal(&items[i], item, bytes))
		i++;
	free(items);
	return i < count ? i : KK_ERR_MISSING;
}

int64_t kk_list_count(struct kk_list *list, const void *item, size_t bytes)
{
	struct kk_list_item *items;
	int64_t count = kk_list_slice(list, 0, KK_LIST_END, &items), found = 0;
	if (count < 0)
		return count;
	for (int64_t i = 0; i < count; i++)
		found += equal(&items[i], item, bytes);
	free(items);
	return found;
}

int kk_list_get_ref(struct kk_list *list, int64_t index, uint64_t *ref)
{
	uint64_t found;
	int64_t bytes = kk_list_get(list, index, &found, sizeof(found));
	if (bytes < 0)
		return (int)bytes;
	if (bytes != (int64_t)sizeof(found))
		return KK_ERR_INVALID;
	*ref = found;
	return KK_OK;
}
