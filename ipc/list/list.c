/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/list/list.c - making lists and handles of them, settling deaths, looking whether all is sound. */
#include "list/layout.h"

#include "family/place.h"
#include "head/head.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "atomics must not use locks of a process");

enum { LEAST_CHUNK = 16, LARGEST_CHUNK = 1024 };

/* ---- layout */

static int find_places(const struct kk_list_shape *shape, struct list_places *at)
{
	if (shape->items == 0 || shape->items > KK_LIST_MAX_ITEMS || shape->item_max > KK_LIST_MAX_BYTES)
		return KK_ERR_INVALID;
	/* About as many items in a chunk as chunks in a table: a change in the middle copies one of each. */
	at->chunk_items = LEAST_CHUNK;
	while (at->chunk_items < LARGEST_CHUNK && (uint64_t)at->chunk_items * at->chunk_items < shape->items)
		at->chunk_items *= 2;
	/* Chunks may be half empty. Beside those of the table there are enough to make all of it anew. */
	uint32_t full = (shape->items + at->chunk_items - 1) / at->chunk_items;
	at->entries = 2 * full + 4;
	at->chunks = at->entries + full + 4;
	/* One to spare for who replaces an item of a full list. */
	at->items = shape->items + 1;
	at->item_stride = (uint32_t)((sizeof(struct list_item) + shape->item_max + 7) / 8 * 8);
	at->end = sizeof(struct list_memory);
	at->table = place_part(&at->end, 2 * (uint64_t)at->entries * sizeof(uint64_t));
	at->chunk = place_part(&at->end, (uint64_t)at->chunks * at->chunk_items * sizeof(uint32_t));
	at->item = place_part(&at->end, (uint64_t)at->items * at->item_stride);
	at->free_item = place_part(&at->end, at->items * sizeof(uint32_t));
	at->free_chunk = place_part(&at->end, at->chunks * sizeof(uint32_t));
	at->mark = place_part(&at->end, (uint64_t)at->items + at->chunks);
	return KK_OK;
}

static const struct head our_head = {
    .what = "list", .magic = LIST_MAGIC, .version = LIST_VERSION, .bytes = sizeof(struct list_memory)};

int list_view_of(struct kk_list *list, void *memory, uint64_t bytes, struct kk_error *error)
{
	struct list_memory *header = memory;
	int rc = head_check(&our_head, memory, bytes, error);
	if (rc < 0)
		return rc;
	*list = (struct kk_list){.memory = header, .shape = header->shape};
	if (find_places(&list->shape, &list->at) < 0 || list->at.end > bytes)
		return kk_error_set(error, KK_ERR_CORRUPT, "the list is larger than its memory");
	return KK_OK;
}

/* ---- handles */

/* What a writer has left behind that died. */
static int settle_death(struct kk_list *list, unsigned writer)
{
	struct kk_guard *guard = &list->memory->guard;
	int rc = kk_guard_is_of(guard, writer) ? list_settle(list) : KK_OK;
	kk_guard_bury(guard, writer);
	return rc;
}

static int bury(struct kk_family *family, void *memory, uint64_t bytes, unsigned seat, bool left)
{
	struct kk_list list;
	(void)family;
	(void)left;
	return list_view_of(&list, memory, bytes, NULL) < 0 ? KK_ERR_CORRUPT : settle_death(&list, seat);
}

static int check(const void *memory, uint64_t bytes, struct kk_error *error)
{
	struct kk_list list;
	int rc = list_view_of(&list, (void *)(uintptr_t)memory, bytes, error);
	return rc < 0 ? rc : kk_list_check(&list, error);
}

const struct kk_kind kk_kind_list = {
    .name = "list", .number = KK_KIND_LIST, .layout = LIST_VERSION, .bury = bury, .check = check};

/* A handle of what lies in the object's memory, whether it belongs to a family or not. */
static struct kk_list *handle_of(const struct kk_object *object, struct kk_error *error)
{
	struct kk_list *list = calloc(1, sizeof(*list));
	if (!list) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a list's handle");
	} else if (list_view_of(list, object->memory, object->bytes, error) < 0) {
		free(list);
		list = NULL;
	} else {
		list->object = *object;
	}
	return list;
}

/* An empty list in memory that nobody else knows yet. */
static int lay_out(void *memory, uint64_t bytes, const struct kk_list_shape *shape, struct kk_error *error)
{
	struct kk_list list;
	*(struct list_memory *)memory =
	    (struct list_memory){.magic = LIST_MAGIC, .version = LIST_VERSION, .shape = *shape};
	int rc = list_view_of(&list, memory, bytes, error);
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < 2 * list.at.entries; i++)
		atomic_init(list_entry(&list, 0, i), LIST_NO_ENTRY);
	return list_settle(&list);
}

/* ---- a list in other memory */

uint64_t kk_list_size(const struct kk_list_shape *shape)
{
	struct list_places at;
	return find_places(shape, &at) < 0 ? 0 : at.end;
}

int kk_list_init(void *memory, uint64_t bytes, const struct kk_list_shape *shape, struct kk_error *error)
{
	uint64_t size = kk_list_size(shape);
	if (!memory || (uintptr_t)memory % 64 != 0 || size == 0 || bytes < size)
		return kk_error_set(error, KK_ERR_INVALID,
		                    size ? "too little memory for the list, or not 64-byte aligned"
		                         : "the shape of a list is out of range");
	return lay_out(memory, bytes, shape, error);
}

struct kk_list *kk_list_attach(void *memory, uint64_t bytes, struct kk_error *error)
{
	return handle_of(&(struct kk_object){.memory = memory, .bytes = bytes}, error);
}

int kk_list_inherit(struct kk_list *list, unsigned role)
{
	if (list->object.family || role == 0 || role > INT32_MAX)
		return KK_ERR_INVALID;
	list->role = role;
	return settle_death(list, role);
}

/* ---- a list of a family */

struct kk_list *kk_list_create(struct kk_family *family, const struct kk_list_shape *shape, struct kk_error *error)
{
	struct list_places at;
	struct kk_object object;
	if (find_places(shape, &at) < 0) {
		(void)kk_error_set(error, KK_ERR_INVALID, "the shape of a list is out of range");
		return NULL;
	}
	if (kk_object_make(family, &kk_kind_list, at.end, &object, error) < 0)
		return NULL;
	struct kk_list *list =
	    lay_out(object.memory, object.bytes, shape, error) == KK_OK ? handle_of(&object, error) : NULL;
	if (!list) {
		(void)kk_object_destroy(&object);
		return NULL;
	}
	kk_object_publish(&object);
	return list;
}

struct kk_list *kk_list_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	struct kk_object object;
	if (kk_object_find(family, ref, &kk_kind_list, &object, error) < 0)
		return NULL;
	return handle_of(&object, error);
}

uint64_t kk_list_ref(const struct kk_list *list)
{
	return list->object.ref;
}

void kk_list_close(struct kk_list *list)
{
	free(list);
}

int kk_list_destroy(struct kk_list *list)
{
	int rc = kk_object_destroy(&list->object);
	kk_list_close(list);
	return rc;
}

/* ---- health */

/* What is wrong with the chunks of a root; `seen` has a byte for each chunk and item, all zero. */
static const char *fault_of_root(const struct kk_list *list, uint64_t root, unsigned char *seen)
{
	uint32_t length = list_length(root);
	if (length > list->shape.items)
		return "is longer than it can be";
	for (uint32_t i = 0, chunk = UINT32_MAX; i < length; i++) {
		struct list_ref ref;
		uint64_t entry = list_find(list, list_table(root), i, NULL);
		if (list_refer(list, root, i, &ref) < 0)
			return "leads out of its memory";
		if (list_chunk(entry) != chunk && seen[list->at.items + list_chunk(entry)]++)
			return "has a chunk twice";
		chunk = list_chunk(entry);
		if (seen[ref.item]++)
			return "has an item twice";
		if (atomic_load_explicit(&list_item(list, ref.item)->bytes, memory_order_acquire) >
		    list->shape.item_max)
			return "has an item of impossible length";
	}
	return NULL;
}

/* While nobody writes, each item and chunk is on the list or free. */
static const char *fault_of_stacks(const struct kk_list *list, uint64_t root)
{
	const struct list_memory *memory = list->memory;
	uint32_t items = atomic_load_explicit(&memory->free_items, memory_order_acquire);
	uint32_t chunks = atomic_load_explicit(&memory->free_chunks, memory_order_acquire);
	uint32_t used = list_chunks(list, list_table(root));
	if (items + list_length(root) != list->at.items)
		return "has lost an item, or has one too many";
	return chunks + used != list->at.chunks ? "has lost a chunk, or has one too many" : NULL;
}

int kk_list_check(const struct kk_list *list, struct kk_error *error)
{
	const struct list_memory *header = list->memory;
	const char *fault = NULL;
	size_t size = (size_t)list->at.items + list->at.chunks;
	uint64_t root;
	if (header->magic != LIST_MAGIC || header->version != LIST_VERSION ||
	    memcmp(&header->shape, &list->shape, sizeof(list->shape)) != 0)
		return kk_error_set(error, KK_ERR_CORRUPT, "the header of a list was overwritten");
	unsigned char *seen = malloc(size + 1);
	if (!seen)
		return kk_error_set(error, KK_ERR_MEMORY, "no memory for looking at a list");
	do {
		memset(seen, 0, size);
		/* acquire, both: pair with what the writers release. In this order: who has the lock now has not
		 * changed the root yet, or we look once more. */
		root = list_root(list);
		bool quiet = kk_guard_is_of(&header->guard, 0);
		fault = fault_of_root(list, root, seen);
		const char *leak = fault_of_stacks(list, root);
		if (!fault && quiet && kk_guard_is_of(&header->guard, 0))
			fault = leak;
	} while (!list_unchanged(list, root));
	free(seen);
	return fault ? kk_error_set(error, KK_ERR_CORRUPT, "a list %s", fault) : KK_OK;
}
