/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/shareable.h - reads some items, produces a list of them that processes share: shared_memory.ShareableList of
 * multiprocessing.
 *
 * The list has as many slots as it was made with. An item may be replaced by one of another type; text and bytes by
 * others that fit into the slot. Reading takes no lock and is never torn: an item is the one that was set last, also
 * while it is being set, and whoever is stopped or killed setting it. Setting takes the list's lock for a moment.
 */
#ifndef KAKEHI_SHAREABLE_H
#define KAKEHI_SHAREABLE_H

#include <kakehi/family.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_ITEM_BYTES_MAX 268435455U /* of text or bytes */

enum kk_item_type {
	KK_ITEM_NONE,
	KK_ITEM_BOOL,
	KK_ITEM_INT,
	KK_ITEM_FLOAT,
	KK_ITEM_STR, /* `bytes` bytes of text, without a NUL behind them; nobody looks whether it is UTF-8 */
	KK_ITEM_BYTES,
};

struct kk_item {
	enum kk_item_type type;
	union {
		bool as_bool;
		int64_t as_int;
		double as_float;
	};
	const void *data; /* of STR and BYTES */
	size_t bytes;
	size_t room; /* only when a list is made: bytes that a text in this slot may ever have. At least as many as it
	                has now, and the next multiple of 8, as in Python, are always there. */
};

struct kk_shareable; /* private handle; any number of threads */

/* kk_shareable_create - a list of `count` items in a family. NULL: KK_ERR_INVALID, KK_ERR_NO_ROOM, KK_ERR_FULL,
 * KK_ERR_MEMORY, KK_ERR_SYSTEM, KK_ERR_CORRUPT. kk_shareable_open - the one that `ref` names; NULL: KK_ERR_MISSING,
 * KK_ERR_INVALID, KK_ERR_VERSION, KK_ERR_MEMORY, KK_ERR_CORRUPT. */
KK_API struct kk_shareable *kk_shareable_create(struct kk_family *family, const struct kk_item *items, size_t count,
                                                struct kk_error *error);
KK_API struct kk_shareable *kk_shareable_open(struct kk_family *family, uint64_t ref, struct kk_error *error);
/* kk_shareable_ref - its name in the family; 0: it is in none. */
KK_API uint64_t kk_shareable_ref(const struct kk_shareable *list);

/* kk_shareable_create_named - the same in a named segment of its own (kakehi/shm.h), for processes that are not
 * related. `name` NULL: under a name that nobody has yet. kk_shareable_open_named - finds it. NULL as
 * kk_shm_open_named. */
KK_API struct kk_shareable *kk_shareable_create_named(const char *name, const struct kk_item *items, size_t count,
                                                      struct kk_error *error);
KK_API struct kk_shareable *kk_shareable_open_named(const char *name, struct kk_error *error);
/* kk_shareable_name - of its segment, lives as long as the handle; NULL: it is in a family. */
KK_API const char *kk_shareable_name(const struct kk_shareable *list);

/* kk_shareable_close - frees the handle; the list stays. kk_shareable_destroy - frees both; of a named one it removes
 * the name, and who has it open keeps it. NULL does nothing. */
KK_API void kk_shareable_close(struct kk_shareable *list);
KK_API void kk_shareable_destroy(struct kk_shareable *list);

/* kk_shareable_length - how many slots it has. kk_shareable_room - bytes of text that fit into one; 0: no such slot. */
KK_API size_t kk_shareable_length(const struct kk_shareable *list);
KK_API size_t kk_shareable_room(const struct kk_shareable *list, size_t index);

/* kk_shareable_get - copies an item. Text and bytes go to `buffer` (item->data points there then), with a NUL behind
 * them if there is room for it. 0; KK_ERR_INVALID: no such slot; KK_ERR_NO_ROOM: they have item->bytes bytes;
 * KK_ERR_CORRUPT. */
KK_API int kk_shareable_get(const struct kk_shareable *list, size_t index, struct kk_item *item, void *buffer,
                            size_t size);

/* kk_shareable_set - replaces an item. 0; KK_ERR_INVALID: no such slot or type; KK_ERR_NO_ROOM: it does not fit into
 * the slot, which is as it was; KK_ERR_CORRUPT. */
KK_API int kk_shareable_set(struct kk_shareable *list, size_t index, const struct kk_item *item);

/* kk_shareable_count - how many items are of the same type and value (floats: the same bits). kk_shareable_index - the
 * first of them, or KK_ERR_MISSING. */
KK_API size_t kk_shareable_count(const struct kk_shareable *list, const struct kk_item *item);
KK_API int64_t kk_shareable_index(const struct kk_shareable *list, const struct kk_item *item);

#ifdef __cplusplus
}
#endif
#endif
