/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/list/write.c - the operations that change a list. */
#include "list/layout.h"

#include "word/bytes.h"
#include <stdlib.h>
#include <string.h>

static uint32_t length_of(const struct kk_list *list)
{
	return list_length(list_root(list));
}

static int unlock(struct kk_list *list, int rc)
{
	list_unlock(list);
	return rc;
}

/* Takes the lock of a list that is as long as it may be. */
static int begin(struct kk_list *list)
{
	int rc = list_lock(list);
	if (rc == KK_OK && length_of(list) > list->shape.items)
		rc = unlock(list, KK_ERR_CORRUPT);
	return rc;
}

/* Somebody else has changed it: once more. */
enum { AGAIN = 1 };

/* ---- at the end */

/* Puts an item behind the last one: there is nothing that anybody could read. */
static int put_last(struct kk_list *list, uint32_t item)
{
	uint64_t root = list_root(list);
	unsigned table = list_table(root);
	uint32_t length = list_length(root), chunks = list_chunks(list, table), k;
	uint64_t last = list_find(list, table, length, &k);
	if (chunks == 0 || length - list_first(last) >= list->at.chunk_items) {
		if (chunks == list->at.entries)
			return list_splice(list, length, length, &item, 1, true);
		int64_t chunk = list_new_chunk(list);
		if (chunk < 0)
			return (int)chunk;
		last = (uint64_t)length << 32 | (uint64_t)chunk;
		/* release: pairs with the acquire in list_find(). */
		atomic_store_explicit(list_entry(list, table, chunks), last, memory_order_release);
	}
	if (list_chunk(last) >= list->at.chunks)
		return KK_ERR_CORRUPT;
	/* release: pairs with the acquire in list_refer(). */
	atomic_store_explicit(list_place(list, list_chunk(last), length - list_first(last)), item,
	                      memory_order_release);
	list_publish(list, table, length + 1);
	return KK_OK;
}

/* Takes the last item off. Chunks that begin behind the new end go; an empty one that begins there waits for the next
 * item. */
static int drop_last(struct kk_list *list)
{
	struct list_ref ref;
	uint64_t root = list_root(list);
	unsigned table = list_table(root);
	uint32_t length = list_length(root) - 1;
	int rc = list_refer(list, root, length, &ref);
	if (rc < 0)
		return rc;
	list_publish(list, table, length);
	for (uint32_t k = list_chunks(list, table); k-- > 0;) {
		uint64_t entry = atomic_load_explicit(list_entry(list, table, k), memory_order_relaxed);
		if (list_first(entry) <= length)
			break;
		atomic_store_explicit(list_entry(list, table, k), LIST_NO_ENTRY, memory_order_release);
		list_free_chunk_of(list, entry);
	}
	list_free_one(list, ref.item);
	return KK_OK;
}

/* ---- adding */

int kk_list_insert(struct kk_list *list, int64_t index, const void *item, size_t bytes)
{
	if (bytes > list->shape.item_max)
		return KK_ERR_INVALID;
	int rc = begin(list);
	if (rc < 0)
		return rc;
	uint32_t length = length_of(list);
	int64_t end = KK_LIST_END;
	list_cut(&index, &end, length);
	int64_t number = length < list->shape.items ? list_new_item(list, item, bytes) : KK_ERR_FULL;
	uint32_t fresh = (uint32_t)number;
	if (number < 0)
		return unlock(list, (int)number);
	rc = index == (int64_t)length ? put_last(list, fresh)
	                              : list_splice(list, (uint32_t)index, (uint32_t)index, &fresh, 1, true);
	if (rc < 0)
		list_free_one(list, fresh);
	return unlock(list, rc);
}

int kk_list_append(struct kk_list *list, const void *item, size_t bytes)
{
	return kk_list_insert(list, KK_LIST_END, item, bytes);
}

int kk_list_append_ref(struct kk_list *list, uint64_t ref)
{
	return kk_list_append(list, &ref, sizeof(ref));
}

int kk_list_extend(struct kk_list *list, const struct kk_list_item *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (items[i].bytes > list->shape.item_max)
			return KK_ERR_INVALID;
	if (count > list->shape.items)
		return KK_ERR_FULL;
	uint32_t *fresh = malloc(count * sizeof(*fresh) + 1), taken = 0;
	int rc = fresh ? begin(list) : KK_ERR_MEMORY;
	if (rc < 0) {
		free(fresh);
		return rc;
	}
	uint32_t length = length_of(list);
	if (count > list->shape.items - length)
		rc = KK_ERR_FULL;
	while (rc == KK_OK && taken < count) {
		int64_t number = list_new_item(list, items[taken].data, items[taken].bytes);
		if (number < 0)
			rc = (int)number;
		else
			fresh[taken++] = (uint32_t)number;
	}
	if (rc == KK_OK && count > 0)
		rc = list_splice(list, length, length, fresh, taken, true);
	for (uint32_t i = 0; rc < 0 && i < taken; i++)
		list_free_one(list, fresh[i]);
	free(fresh);
	return unlock(list, rc);
}

/* ---- replacing */

/* Puts `item` in place of another one, if that is the one expected (NULL: any). 0, KK_ERR_MISSING, KK_ERR_CANCELLED:
 * another one is there. */
static int replace(struct kk_list *list, int64_t index, const struct list_ref *expected, const void *item, size_t bytes)
{
	struct list_ref ref;
	uint64_t root = list_root(list);
	int64_t slot = list_slot(index, list_length(root));
	if (slot < 0 || slot >= (int64_t)list_length(root))
		return KK_ERR_MISSING;
	int rc = list_refer(list, root, (uint32_t)slot, &ref);
	if (rc == KK_OK && expected && (ref.item != expected->item || ref.generation != expected->generation))
		rc = KK_ERR_CANCELLED;
	if (rc < 0)
		return rc;
	int64_t fresh = list_new_item(list, item, bytes);
	if (fresh < 0)
		return KK_ERR_CORRUPT;
	uint64_t entry = list_find(list, list_table(root), (uint32_t)slot, NULL);
	/* release: pairs with the acquire in list_refer(). This is the change; the root follows, so that nobody joins
	 * what he read before it to what he reads after the next. */
	atomic_store_explicit(list_place(list, list_chunk(entry), (uint32_t)slot - list_first(entry)), (uint32_t)fresh,
	                      memory_order_release);
	list_publish(list, list_table(root), list_length(root));
	list_free_one(list, ref.item);
	return KK_OK;
}

int kk_list_set(struct kk_list *list, int64_t index, const void *item, size_t bytes)
{
	if (bytes > list->shape.item_max)
		return KK_ERR_INVALID;
	int rc = begin(list);
	return rc < 0 ? rc : unlock(list, replace(list, index, NULL, item, bytes));
}

/* One attempt of a change; the function is called without the lock. */
static int try_change(struct kk_list *list, int64_t index, kk_list_function *function, void *arg, void *item,
                      void *next)
{
	struct list_ref ref;
	size_t size = list->shape.item_max;
	uint64_t root = list_root(list);
	int64_t slot = list_slot(index, list_length(root));
	if (slot < 0 || slot >= (int64_t)list_length(root))
		return KK_ERR_MISSING;
	int rc = list_refer(list, root, (uint32_t)slot, &ref);
	if (!list_unchanged(list, root))
		return AGAIN;
	int64_t bytes = rc < 0 ? rc : list_copy(list, &ref, item, size);
	if (bytes < 0)
		return bytes == KK_ERR_MISSING ? AGAIN : (int)bytes;
	bytes = function(arg, item, bytes, next, size);
	if (bytes < 0 || bytes > (int64_t)size)
		return bytes < 0 ? (int)bytes : KK_ERR_INVALID;
	rc = begin(list);
	if (rc < 0)
		return rc;
	rc = unlock(list, replace(list, index, &ref, next, (size_t)bytes));
	return rc == KK_ERR_CANCELLED ? AGAIN : rc;
}

int kk_list_change(struct kk_list *list, int64_t index, kk_list_function *function, void *arg)
{
	size_t size = ((size_t)list->shape.item_max + 15) / 16 * 16;
	char *room = malloc(2 * size + 1);
	int rc;
	if (!room)
		return KK_ERR_MEMORY;
	do
		rc = try_change(list, index, function, arg, room, room + size);
	while (rc == AGAIN);
	free(room);
	return rc;
}

/* ---- removing */

int64_t kk_list_pop(struct kk_list *list, int64_t index, void *to, size_t size)
{
	struct list_ref ref;
	int rc = begin(list);
	if (rc < 0)
		return rc;
	uint64_t root = list_root(list);
	uint32_t length = list_length(root);
	int64_t slot = list_slot(index, length), bytes = KK_ERR_MISSING;
	if (slot >= 0 && slot < (int64_t)length) {
		rc = list_refer(list, root, (uint32_t)slot, &ref);
		bytes = rc < 0 ? rc : list_copy(list, &ref, to, size);
		if (bytes >= 0)
			rc = slot + 1 == (int64_t)length
			         ? drop_last(list)
			         : list_splice(list, (uint32_t)slot, (uint32_t)slot + 1, NULL, 0, true);
	}
	list_unlock(list);
	return rc < 0 ? rc : bytes;
}

static bool holds(const struct kk_list *list, uint32_t number, const void *data, size_t bytes)
{
	const struct list_item *item = list_item(list, number);
	/* relaxed, both: under the lock nobody writes into it. */
	return atomic_load_explicit(&item->bytes, memory_order_relaxed) == bytes &&
	       bytes_equal(item->data, data, bytes, memory_order_relaxed);
}

int kk_list_remove(struct kk_list *list, const void *item, size_t bytes)
{
	struct list_ref ref;
	int rc = bytes > list->shape.item_max ? KK_ERR_MISSING : begin(list);
	if (rc < 0)
		return rc;
	uint64_t root = list_root(list);
	uint32_t length = list_length(root), i = 0;
	while (i < length && rc == KK_OK) {
		rc = list_refer(list, root, i, &ref);
		if (rc == KK_OK && holds(list, ref.item, item, bytes))
			break;
		i++;
	}
	if (rc == KK_OK)
		rc = i < length ? list_splice(list, i, i + 1, NULL, 0, true) : KK_ERR_MISSING;
	return unlock(list, rc);
}

int kk_list_delete(struct kk_list *list, int64_t from, int64_t to)
{
	int rc = begin(list);
	if (rc < 0)
		return rc;
	list_cut(&from, &to, length_of(list));
	if (from < to)
		rc = list_splice(list, (uint32_t)from, (uint32_t)to, NULL, 0, true);
	return unlock(list, rc);
}

int kk_list_clear(struct kk_list *list)
{
	return kk_list_delete(list, 0, KK_LIST_END);
}

/* ---- ordering */

/* Under the lock: all items, in order, in memory of the caller's. */
static uint32_t *all_items(struct kk_list *list, uint32_t length, int *rc)
{
	uint32_t *items = malloc((size_t)length * sizeof(*items) + 1);
	*rc = items ? list_gather(list, 0, length, items) : KK_ERR_MEMORY;
	return items;
}

int kk_list_reverse(struct kk_list *list)
{
	int rc = begin(list);
	if (rc < 0)
		return rc;
	uint32_t length = length_of(list), *items = all_items(list, length, &rc);
	for (uint32_t i = 0; rc == KK_OK && i < length / 2; i++) {
		uint32_t other = items[i];
		items[i] = items[length - 1 - i];
		items[length - 1 - i] = other;
	}
	if (rc == KK_OK && length > 1)
		rc = list_splice(list, 0, length, items, length, false);
	free(items);
	return unlock(list, rc);
}

struct order {
	const struct kk_list *list;
	kk_list_compare *compare;
	void *arg;
};

static int by_bytes(const struct kk_list_item *one, const struct kk_list_item *other, void *arg)
{
	size_t least = one->bytes < other->bytes ? one->bytes : other->bytes;
	int order = least ? memcmp(one->data, other->data, least) : 0;
	(void)arg;
	return order != 0 ? order : (one->bytes > other->bytes) - (one->bytes < other->bytes);
}

/* Looks at the items where they are: under the lock nobody writes into them. */
static struct kk_list_item look(const struct kk_list *list, uint32_t number)
{
	const struct list_item *item = list_item(list, number);
	uint32_t bytes = atomic_load_explicit(&item->bytes, memory_order_relaxed);
	return (struct kk_list_item){.data = (const void *)(uintptr_t)item->data,
	                             .bytes = bytes <= list->shape.item_max ? bytes : 0};
}

static bool in_order(const struct order *order, uint32_t one, uint32_t other)
{
	struct kk_list_item a = look(order->list, one), b = look(order->list, other);
	return order->compare(&a, &b, order->arg) <= 0;
}

/* Merges the sorted halves of `items` by way of `room`. */
static void merge(const struct order *order, uint32_t *items, uint32_t middle, uint32_t count, uint32_t *room)
{
	uint32_t i = 0, k = middle;
	memcpy(room, items, count * sizeof(*items));
	for (uint32_t n = 0; n < count; n++) {
		bool first = k >= count || (i < middle && in_order(order, room[i], room[k]));
		items[n] = first ? room[i++] : room[k++];
	}
}

/* Stable, and without harm from a comparison that contradicts itself. */
static void sort(const struct order *order, uint32_t *items, uint32_t count, uint32_t *room)
{
	if (count < 2)
		return;
	sort(order, items, count / 2, room);
	sort(order, items + count / 2, count - count / 2, room);
	merge(order, items, count / 2, count, room);
}

int kk_list_sort(struct kk_list *list, kk_list_compare *compare, void *arg)
{
	struct order order = {list, compare ? compare : by_bytes, arg};
	int rc = begin(list);
	if (rc < 0)
		return rc;
	uint32_t length = length_of(list), *items = all_items(list, length, &rc);
	uint32_t *room = malloc((size_t)length * sizeof(*room) + 1);
	if (!room)
		rc = KK_ERR_MEMORY;
	if (rc == KK_OK && length > 1) {
		sort(&order, items, length, room);
		rc = list_splice(list, 0, length, items, length, false);
	}
	free(room);
	free(items);
	return unlock(list, rc);
}
