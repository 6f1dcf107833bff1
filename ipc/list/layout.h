/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/list/layout.h - reads a shape, produces the places of everything in a list's memory.
 *
 *	header | table[2] | chunk[chunks] | item[items] | free items | free chunks | marks
 *
 * A *table* lists chunks with the index of the first item of each, in order; a *chunk* lists items; an *item* is a
 * string of bytes. The root says which table counts, and how long the list is.
 *
 *	root = generation:39 | table:1 | length:24      stored by the holder of the lock alone
 *	table.entry = first:32 | chunk:32               LIST_NO_ENTRY: none
 *
 * Why it is right, and what a death leaves behind: ipc/MEMORY.md, "Shared objects".
 */
#ifndef IPC_LIST_LAYOUT_H
#define IPC_LIST_LAYOUT_H

#include "family/object.h"
#include "guard/guard.h"
#include <kakehi/list.h>
#include <stdatomic.h>
#include <stdbool.h>

#define LIST_MAGIC    0x6b6b6c69U
#define LIST_VERSION  1U
#define LIST_NO_ENTRY UINT64_MAX

/*	field                 written by              read by
 *	magic .. shape        create                  all
 *	root                  the holder of the lock  all
 *	guard                 the lock: see ipc/guard writers
 *	free_items, _chunks   the holder of the lock  the same; check
 */
struct list_memory {
	uint32_t magic, version;
	struct kk_list_shape shape;
	_Alignas(64) _Atomic uint64_t root;
	_Alignas(64) struct kk_guard guard;       /* of the writer */
	_Atomic uint32_t free_items, free_chunks; /* how many are on each stack */
};

struct list_item {
	_Atomic uint64_t generation;
	_Atomic uint32_t bytes;
	uint32_t reserved;
	_Atomic uint64_t data[];
};

struct list_places {
	uint64_t table, chunk, item, free_item, free_chunk, mark, end;
	uint32_t entries;     /* of a table                       */
	uint32_t chunk_items; /* of a chunk                       */
	uint32_t chunks, items;
	uint32_t item_stride;
};

/* All that is used to find a place is a copy: a process that damages the header leads no other one astray. */
struct kk_list {
	struct kk_object object; /* without a family: attached */
	unsigned role;           /* of an attached one; 0: none */
	struct list_memory *memory;
	struct kk_list_shape shape;
	struct list_places at;
};

#define LIST_LENGTH_MASK UINT64_C(0xffffff)

static inline uint32_t list_length(uint64_t root)
{
	return (uint32_t)(root & LIST_LENGTH_MASK);
}

static inline unsigned list_table(uint64_t root)
{
	return (unsigned)(root >> 24) & 1U;
}

static inline uint32_t list_first(uint64_t entry)
{
	return (uint32_t)(entry >> 32);
}

static inline uint32_t list_chunk(uint64_t entry)
{
	return (uint32_t)entry;
}

static inline _Atomic uint64_t *list_entry(const struct kk_list *list, unsigned table, uint32_t i)
{
	return (_Atomic uint64_t *)((char *)list->memory + list->at.table) + (uint64_t)table * list->at.entries + i;
}

static inline _Atomic uint32_t *list_place(const struct kk_list *list, uint32_t chunk, uint32_t i)
{
	return (_Atomic uint32_t *)((char *)list->memory + list->at.chunk) + (uint64_t)chunk * list->at.chunk_items + i;
}

static inline struct list_item *list_item(const struct kk_list *list, uint32_t i)
{
	return (struct list_item *)((char *)list->memory + list->at.item + (uint64_t)i * list->at.item_stride);
}

static inline _Atomic uint32_t *list_free_item(const struct kk_list *list, uint32_t i)
{
	return (_Atomic uint32_t *)((char *)list->memory + list->at.free_item) + i;
}

static inline _Atomic uint32_t *list_free_chunk(const struct kk_list *list, uint32_t i)
{
	return (_Atomic uint32_t *)((char *)list->memory + list->at.free_chunk) + i;
}

/* One life of an item. */
struct list_ref {
	uint64_t generation;
	uint32_t item;
};

/* ---- layout: list.c */

/* list_view_of - the handle of a list that lies in `memory`, without an allocation. 0, KK_ERR_CORRUPT, _VERSION. */
int list_view_of(struct kk_list *list, void *memory, uint64_t bytes, struct kk_error *error);

/* ---- looking: read.c. Of a root that may have changed meanwhile: then what they say means nothing. */

/* list_find - the entry of `table` with the item at `index`, or LIST_NO_ENTRY. *k, if not NULL: which one it is. */
uint64_t list_find(const struct kk_list *list, unsigned table, uint32_t index, uint32_t *k);
/* list_refer - the item at `index`. 0, or KK_ERR_CORRUPT. */
int list_refer(const struct kk_list *list, uint64_t root, uint32_t index, struct list_ref *ref);
/* list_unchanged - is it the root still? Then what was read since it was loaded belongs together. */
bool list_unchanged(const struct kk_list *list, uint64_t root);
/* list_copy - copies an item, cut at `size`. Its length; KK_ERR_MISSING: its life is over; KK_ERR_CORRUPT. */
int64_t list_copy(const struct kk_list *list, const struct list_ref *ref, void *to, size_t size);
/* list_slot - an index of a list so long as one from its start; negative: before it. */
int64_t list_slot(int64_t index, uint32_t length);
/* list_cut - the bounds of a slice as indices from the start, *from <= *to <= length. */
void list_cut(int64_t *from, int64_t *to, uint32_t length);

/* ---- writing: store.c. With the lock. */

/* list_lock - waits for the lock. 0, or an error of kk_family_seat; KK_ERR_INVALID: the caller has it, or no role. */
int list_lock(struct kk_list *list);
void list_unlock(struct kk_list *list);
uint64_t list_root(const struct kk_list *list);
/* list_publish - from now on the list is `table`, `length` long. */
void list_publish(struct kk_list *list, unsigned table, uint32_t length);
/* list_new_item - takes a free item and fills it: its number, or KK_ERR_FULL, KK_ERR_CORRUPT. */
int64_t list_new_item(struct kk_list *list, const void *data, size_t bytes);
void list_free_one(struct kk_list *list, uint32_t item);
/* list_new_chunk - an empty chunk, or KK_ERR_CORRUPT. */
int64_t list_new_chunk(struct kk_list *list);
void list_free_chunk_of(struct kk_list *list, uint64_t entry);
/* list_chunks - how many entries the table has. */
uint32_t list_chunks(const struct kk_list *list, unsigned table);
/* list_settle - makes the stacks anew from what the root leads to, raises its generation. 0 or KK_ERR_CORRUPT. */
int list_settle(struct kk_list *list);

/* ---- splice.c. With the lock. */

/* list_gather - the items from index `from` to `to`, of the root. 0 or KK_ERR_CORRUPT. */
int list_gather(const struct kk_list *list, uint32_t from, uint32_t to, uint32_t *items);
/* list_splice - publishes the list with the items `fresh` in place of those from index `from` to `to`, which are
 * freed if `free_old` says so. 0, KK_ERR_MEMORY, KK_ERR_CORRUPT. */
int list_splice(struct kk_list *list, uint32_t from, uint32_t to, const uint32_t *fresh, uint32_t count, bool free_old);

#endif
