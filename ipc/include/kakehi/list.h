/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/list.h - reads a family of processes, produces a bounded list of byte strings that they share.
 *
 * Every operation, also one on many items, happens at one moment and as a whole: whoever is killed in it has done it or
 * has not, and a reader gets items that stood together at one moment of its call. Readers take no lock: nobody who
 * writes, is stopped or was killed holds them up. (One that writers overtake 64 times in a row waits for its turn among
 * them.) Writers write one after the other; what a killed one has begun is undone by the next.
 *
 *	struct kk_list_shape shape = {.items = 1000, .item_max = 64};
 *	list = kk_list_create(family, &shape, &error);
 *	kk_list_append(list, KK_TEXT("first"));
 *
 * An `index` counts from the end if it is negative, as in Python: -1 is the last item.
 *
 * A list that lies in other memory (kk_list_init, kk_list_attach) has writers that act as a role: a number from 1 that
 * one process, and of it one thread, at a time plays. If it is killed while it writes, other writers wait until the
 * process that plays the role next has called kk_list_inherit. Readers need no role.
 */
#ifndef KAKEHI_LIST_H
#define KAKEHI_LIST_H

#include <kakehi/error.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_LIST_MAX_ITEMS 8388608U  /* 2^23 */
#define KK_LIST_MAX_BYTES 1048576U  /* of an item */
#define KK_LIST_END       INT64_MAX /* as the end of a slice: all there are */

struct kk_family;

struct kk_list_shape {
	uint32_t items;    /* there is room for, 1 .. KK_LIST_MAX_ITEMS   */
	uint32_t item_max; /* bytes of the longest one, 0 ..              */
};

struct kk_list_item {
	const void *data;
	size_t bytes;
};

/* One process's handle of a list. Private memory, for any number of threads. */
struct kk_list;

/* kk_list_create - makes an empty list. NULL on error: KK_ERR_INVALID, KK_ERR_NO_ROOM, KK_ERR_FULL (no seat),
 * KK_ERR_MEMORY. Any member; end with kk_list_close. */
KK_API struct kk_list *kk_list_create(struct kk_family *family, const struct kk_list_shape *shape,
                                      struct kk_error *error);
/* kk_list_open - the list that `ref` names. NULL: KK_ERR_MISSING, KK_ERR_INVALID (it is no list), KK_ERR_VERSION,
 * KK_ERR_CORRUPT, KK_ERR_MEMORY. */
KK_API struct kk_list *kk_list_open(struct kk_family *family, uint64_t ref, struct kk_error *error);
/* kk_list_ref - its reference. */
KK_API uint64_t kk_list_ref(const struct kk_list *list);
/* kk_list_close - frees the handle; the list stays. NULL does nothing. */
KK_API void kk_list_close(struct kk_list *list);
/* kk_list_destroy - the same, and the list is gone, too: once all are through with it. 0, or KK_ERR_MISSING. */
KK_API int kk_list_destroy(struct kk_list *list);

/* ---- a list in other memory */

/* kk_list_size - bytes of shared memory that such a list takes; 0: the shape is out of range. */
KK_API uint64_t kk_list_size(const struct kk_list_shape *shape);

/* kk_list_init - lays an empty list out in `memory`, 64-byte aligned, of at least kk_list_size(shape) bytes. Before
 * anybody attaches. 0 or KK_ERR_INVALID. */
KK_API int kk_list_init(void *memory, uint64_t bytes, const struct kk_list_shape *shape, struct kk_error *error);

/* kk_list_attach - a handle of the list that lies in `memory`, which must outlive it; `bytes`: how much memory there
 * is. NULL: KK_ERR_CORRUPT, KK_ERR_VERSION, KK_ERR_MEMORY. Free with kk_list_close. */
KK_API struct kk_list *kk_list_attach(void *memory, uint64_t bytes, struct kk_error *error);

/* kk_list_inherit - from now on the handle acts as `role`; undoes what the last process that played it had begun when
 * it died, and lets the next one write. By the next process of that role, after the death of the last one is certain
 * and before it writes, or waits for anybody who does; may be repeated. 0, KK_ERR_INVALID or KK_ERR_CORRUPT. */
KK_API int kk_list_inherit(struct kk_list *list, unsigned role);

/* ---- reading. All may return KK_ERR_CORRUPT. */

/* kk_list_len - how many items there are. */
KK_API int64_t kk_list_len(const struct kk_list *list);

/* kk_list_get - copies an item into `to`, cut at `size` bytes. The length of the whole item; KK_ERR_MISSING: there is
 * none at `index`. */
KK_API int64_t kk_list_get(struct kk_list *list, int64_t index, void *to, size_t size);

/* kk_list_slice - copies the items from index `from` up to and without index `to`, cut to what there is, as list[a:b]
 * does. *items gets one block that the caller frees with free(): the array and what its elements point at. The number
 * of items; KK_ERR_MEMORY. */
KK_API int64_t kk_list_slice(struct kk_list *list, int64_t from, int64_t to, struct kk_list_item **items);

/* kk_list_index - where the first item stands that is equal, byte for byte; KK_ERR_MISSING. kk_list_count - how many
 * there are. Both may return KK_ERR_MEMORY. */
KK_API int64_t kk_list_index(struct kk_list *list, const void *item, size_t bytes);
KK_API int64_t kk_list_count(struct kk_list *list, const void *item, size_t bytes);

/* ---- writing. All return 0 if nothing else is said; KK_ERR_INVALID: an item is too long, or called by a function that
 * kk_list_sort calls, or by a handle without a role; KK_ERR_FULL: no room for so many items (then nothing was done), or
 * no seat for the caller; KK_ERR_MISSING: nothing at `index`; KK_ERR_MEMORY, KK_ERR_CORRUPT. */

KK_API int kk_list_append(struct kk_list *list, const void *item, size_t bytes);
/* kk_list_extend - appends all of them, or none. */
KK_API int kk_list_extend(struct kk_list *list, const struct kk_list_item *items, size_t count);
/* kk_list_insert - before the item at `index`; before the first or behind the last one if that is out of range. */
KK_API int kk_list_insert(struct kk_list *list, int64_t index, const void *item, size_t bytes);
KK_API int kk_list_set(struct kk_list *list, int64_t index, const void *item, size_t bytes);
/* kk_list_pop - removes an item and copies it as kk_list_get does. Its length, or an error. */
KK_API int64_t kk_list_pop(struct kk_list *list, int64_t index, void *to, size_t size);
/* kk_list_remove - removes the first item that is equal, byte for byte. */
KK_API int kk_list_remove(struct kk_list *list, const void *item, size_t bytes);
/* kk_list_delete - removes the items from index `from` up to and without index `to`, cut to what there is. */
KK_API int kk_list_delete(struct kk_list *list, int64_t from, int64_t to);
KK_API int kk_list_clear(struct kk_list *list);
KK_API int kk_list_reverse(struct kk_list *list);

/* Less than 0, 0, greater than 0: as for qsort. Must not write into the list. */
typedef int kk_list_compare(const struct kk_list_item *one, const struct kk_list_item *other, void *arg);

/* kk_list_sort - sorts, items that are equal keep their order. `compare` NULL: byte by byte, the shorter first. */
KK_API int kk_list_sort(struct kk_list *list, kk_list_compare *compare, void *arg);

/* Works out what comes in place of an item: `bytes` long, into `to`, which has room for the longest one. Returns its
 * length, or a negative status: leave it. Called again if somebody else changes the item meanwhile. */
typedef int64_t kk_list_function(void *arg, const void *item, int64_t bytes, void *to, size_t size);

/* kk_list_change - fetches the item at `index`, lets `function` change it, and stores it if the same item is still
 * there; else once more. 0, what the function returned, or an error. */
KK_API int kk_list_change(struct kk_list *list, int64_t index, kk_list_function *function, void *arg);

/* kk_list_append_ref, kk_list_get_ref - the reference of another object of the family as an item of 8 bytes. get:
 * KK_ERR_INVALID if something else is there. */
KK_API int kk_list_append_ref(struct kk_list *list, uint64_t ref);
KK_API int kk_list_get_ref(struct kk_list *list, int64_t index, uint64_t *ref);

/* kk_list_check - is everything in it what it should be? 0 or KK_ERR_CORRUPT with a sentence (KK_ERR_MEMORY). Any
 * member, also while others write. */
KK_API int kk_list_check(const struct kk_list *list, struct kk_error *error);

#ifdef __cplusplus
}
#endif
#endif
