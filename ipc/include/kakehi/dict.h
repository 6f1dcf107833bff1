/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/dict.h - reads memory that processes share, produces a bounded map from byte strings to byte strings.
 *
 * Nobody takes a lock: readers and writers never wait for each other, nor for a process that was stopped or killed in
 * the middle of an operation. Each operation on one key happens at one moment: a reader gets a whole value that was
 * there at some moment of its call; a set, swap, change or pop finds what it decides about unchanged when it does it. A
 * write whose call returned is there for ever; one whose process was killed in it has happened or has not. What is said
 * of several keys (update, clear, going through all of them) happens one key after the other; for more take a lock.
 *
 * A dict of a family (kk_dict_create) may be used by all members, any number of threads at once:
 *
 *	struct kk_dict_shape shape = {.keys = 1000, .key_max = 32, .value_max = 100};
 *	dict = kk_dict_create(family, &shape, &error);
 *	kk_dict_set(dict, KK_TEXT("answer"), KK_TEXT("42"));
 *	... another member: dict = kk_dict_open(family, ref, &error);
 *
 * One that lies in other memory (kk_dict_init, kk_dict_attach) has writers that act as a role: a number from 1 to
 * `roles` that one process, and of it one thread, at a time plays. What a killed process had in hand is kept for its
 * role until the process that plays the role next calls kk_dict_inherit. Readers need no role.
 */
#ifndef KAKEHI_DICT_H
#define KAKEHI_DICT_H

#include <kakehi/error.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_DICT_MAX_KEYS  8388608U /* 2^23 */
#define KK_DICT_MAX_ROLES 511U
#define KK_DICT_MAX_BYTES 1048576U /* of a key, of a value */

/* KK_TEXT - a string as the two arguments that keys and values are: without its NUL. */
#define KK_TEXT(text) (text), strlen(text)

struct kk_family;

struct kk_dict_shape {
	uint32_t keys;      /* so many at a time find room for certain; up to `roles` more may. 1 .. KK_DICT_MAX_KEYS */
	uint32_t roles;     /* writers are 1 .. roles; not read by kk_dict_create            */
	uint32_t key_max;   /* bytes of the longest key, 1 ..                                */
	uint32_t value_max; /* bytes of the longest value, 0 ..                              */
};

/* One process's handle of a dict. Private memory. One that was attached is used by one thread at a time. */
struct kk_dict;

/* ---- a dict of a family */

/* kk_dict_create - makes an empty dict. NULL on error: KK_ERR_INVALID, KK_ERR_NO_ROOM, KK_ERR_FULL (no seat),
 * KK_ERR_MEMORY, KK_ERR_SYSTEM. Any member; end with kk_dict_close. */
KK_API struct kk_dict *kk_dict_create(struct kk_family *family, const struct kk_dict_shape *shape,
                                      struct kk_error *error);
/* kk_dict_open - the dict that `ref` names. NULL: KK_ERR_MISSING, KK_ERR_INVALID (it is no dict), KK_ERR_VERSION,
 * KK_ERR_CORRUPT, KK_ERR_MEMORY. */
KK_API struct kk_dict *kk_dict_open(struct kk_family *family, uint64_t ref, struct kk_error *error);
/* kk_dict_ref - its reference; 0 for one that was attached. */
KK_API uint64_t kk_dict_ref(const struct kk_dict *dict);
/* kk_dict_close - frees the handle; the dict stays. NULL does nothing. */
KK_API void kk_dict_close(struct kk_dict *dict);
/* kk_dict_destroy - the same, and the dict is gone, too: once all are through with it. 0; KK_ERR_MISSING: it was
 * destroyed before. */
KK_API int kk_dict_destroy(struct kk_dict *dict);

/* ---- a dict in other memory */

/* kk_dict_size - bytes of shared memory that such a dict takes; 0: the shape is out of range. */
KK_API uint64_t kk_dict_size(const struct kk_dict_shape *shape);

/* kk_dict_init - lays an empty dict out in `memory`, 64-byte aligned, of at least kk_dict_size(shape) bytes. Before
 * anybody attaches. 0, KK_ERR_INVALID or KK_ERR_SYSTEM (no random bytes). */
KK_API int kk_dict_init(void *memory, uint64_t bytes, const struct kk_dict_shape *shape, struct kk_error *error);

/* kk_dict_attach - a handle of the dict that lies in `memory`, which must outlive it; `bytes`: how much memory there
 * is. NULL: KK_ERR_CORRUPT, KK_ERR_VERSION, KK_ERR_MEMORY. For reading alone the memory may be mapped read-only. Free
 * with kk_dict_detach. */
KK_API struct kk_dict *kk_dict_attach(void *memory, uint64_t bytes, struct kk_error *error);
KK_API void kk_dict_detach(struct kk_dict *dict);

/* kk_dict_inherit - from now on the handle acts as `role`; frees what the last process that played it had in hand when
 * it died. By the next process of that role, after the death of the last one is certain and before it writes; may be
 * repeated. 0, KK_ERR_INVALID or KK_ERR_CORRUPT. */
KK_API int kk_dict_inherit(struct kk_dict *dict, unsigned role);

/* ---- reading
 *
 * Keys are 1 .. key_max bytes, values 0 .. value_max. All return KK_ERR_CORRUPT if the dict is damaged. */

/* kk_dict_get - copies the value of a key into `to`, cut at `size` bytes (no NUL is added). Returns the length of the
 * whole value, or KK_ERR_MISSING. */
KK_API int64_t kk_dict_get(const struct kk_dict *dict, const void *key, size_t key_bytes, void *to, size_t size);

/* kk_dict_contains - is the key there? 1 or 0. */
KK_API int kk_dict_contains(const struct kk_dict *dict, const void *key, size_t key_bytes);

/* kk_dict_len - how many keys there are; exact while nobody writes. */
KK_API uint32_t kk_dict_len(const struct kk_dict *dict);

/* One entry as kk_dict_next copies it. The caller gives the buffers and their sizes; lengths are those of the whole
 * key and value, which are cut if the buffers are smaller. */
struct kk_dict_entry {
	void *key, *value;
	size_t key_size, value_size;
	size_t key_bytes, value_bytes;
};

/* kk_dict_next - goes through the entries, in no useful order: start with *cursor = 0. Keys that are there from the
 * first call to the last are seen exactly once. 1: an entry was copied; 0: there are no more. */
KK_API int kk_dict_next(const struct kk_dict *dict, uint32_t *cursor, struct kk_dict_entry *entry);

/* ---- writing
 *
 * All return KK_ERR_INVALID for a key or value of impossible length, or a handle without a role; KK_ERR_CORRUPT if the
 * dict is damaged; KK_ERR_FULL if a new key finds no room, or its caller no seat. While fewer
 * than `keys` keys are there that happens to a new one with a chance below 10^-15 (14 others have the same place in the
 * hash table, whose secret nobody knows). */

/* kk_dict_set - stores copies of key and value, replacing an older value. 0. */
KK_API int kk_dict_set(struct kk_dict *dict, const void *key, size_t key_bytes, const void *value, size_t value_bytes);
/* kk_dict_insert - the same if the key is not there. 0, or KK_ERR_EXISTS. */
KK_API int kk_dict_insert(struct kk_dict *dict, const void *key, size_t key_bytes, const void *value,
                          size_t value_bytes);
/* kk_dict_replace - the same if the key is there. 0, or KK_ERR_MISSING. */
KK_API int kk_dict_replace(struct kk_dict *dict, const void *key, size_t key_bytes, const void *value,
                           size_t value_bytes);
/* kk_dict_setdefault - copies the value of a key as kk_dict_get does, after setting it to `value` if it was not there.
 * Returns the length of what is there now. */
KK_API int64_t kk_dict_setdefault(struct kk_dict *dict, const void *key, size_t key_bytes, const void *value,
                                  size_t value_bytes, void *to, size_t size);
/* kk_dict_swap - sets the value of a key that is there if it is `expected`, byte for byte. 0; KK_ERR_EXISTS: it is
 * another one; KK_ERR_MISSING. */
KK_API int kk_dict_swap(struct kk_dict *dict, const void *key, size_t key_bytes, const void *expected,
                        size_t expected_bytes, const void *value, size_t value_bytes);

/* Works out the next value of a key: from `value`, `bytes` long (KK_ERR_MISSING: the key is not there), into `to`,
 * which has room for the longest one. Returns its length, or a negative status: leave it. Called again if somebody else
 * changes the key meanwhile. It may read the dict, but must not write to it: the call that it is made from has room in
 * hand for one change. */
typedef int64_t kk_dict_function(void *arg, const void *value, int64_t bytes, void *to, size_t size);

/* kk_dict_change - fetches, lets `function` change, and stores if nobody has changed the key meanwhile; else once more.
 * 0, what the function returned, KK_ERR_MEMORY. */
KK_API int kk_dict_change(struct kk_dict *dict, const void *key, size_t key_bytes, kk_dict_function *function,
                          void *arg);
/* kk_dict_add - adds to a counter: an int64_t of 8 bytes, which begins at 0. `now` (may be NULL) gets the sum, which
 * wraps around. 0; KK_ERR_INVALID: there is something else. */
KK_API int kk_dict_add(struct kk_dict *dict, const void *key, size_t key_bytes, int64_t amount, int64_t *now);

/* kk_dict_remove - removes a key. 0, or KK_ERR_MISSING. */
KK_API int kk_dict_remove(struct kk_dict *dict, const void *key, size_t key_bytes);
/* kk_dict_pop - the same, and copies its value as kk_dict_get does: a value is popped once. Its length, or
 * KK_ERR_MISSING. */
KK_API int64_t kk_dict_pop(struct kk_dict *dict, const void *key, size_t key_bytes, void *to, size_t size);
/* kk_dict_popitem - removes any entry and copies it as kk_dict_next does. 0, or KK_ERR_EMPTY. */
KK_API int kk_dict_popitem(struct kk_dict *dict, struct kk_dict_entry *entry);
/* kk_dict_clear - removes all keys that are there when it is called. 0. */
KK_API int kk_dict_clear(struct kk_dict *dict);

struct kk_dict_item {
	const void *key;
	size_t key_bytes;
	const void *value;
	size_t value_bytes;
};

/* kk_dict_update - sets each of them, in order. 0, or what stopped it. */
KK_API int kk_dict_update(struct kk_dict *dict, const struct kk_dict_item *items, size_t count);

/* kk_dict_set_ref, kk_dict_get_ref - the reference of another object of the family as a value of 8 bytes. get: 0,
 * KK_ERR_MISSING, KK_ERR_INVALID (something else is there). */
KK_API int kk_dict_set_ref(struct kk_dict *dict, const void *key, size_t key_bytes, uint64_t ref);
KK_API int kk_dict_get_ref(const struct kk_dict *dict, const void *key, size_t key_bytes, uint64_t *ref);

/* ---- health */

struct kk_dict_usage {
	uint32_t keys;    /* that are there                                                          */
	uint32_t in_hand; /* pieces in the hands of operations under way, or of the dead until they have heirs */
};

/* kk_dict_usage - counts; exact while nobody writes. */
KK_API void kk_dict_usage(const struct kk_dict *dict, struct kk_dict_usage *usage);

/* kk_dict_check - is everything in it what it should be? 0 or KK_ERR_CORRUPT with a sentence. Any process, also while
 * others write. */
KK_API int kk_dict_check(const struct kk_dict *dict, struct kk_error *error);

#ifdef __cplusplus
}
#endif
#endif
