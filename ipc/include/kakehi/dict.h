/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/dict.h - reads memory that processes share, produces a bounded map from byte strings to byte strings.
 *
 * Nobody takes a lock: readers and writers never wait for each other, nor for a process that was stopped or killed in
 * the middle of an operation. A reader gets a whole value that was there at some moment of its call. A set or remove
 * whose call returned is there for ever; one whose process was killed in it has happened or has not.
 *
 * Writers act as a role: a number from 1 to `roles` that one process (and of it one thread) at a time plays. What a
 * killed process had in hand is kept for its role until the process that plays the role next calls kk_dict_inherit,
 * which it does before anything else. Readers need no role.
 *
 * A key once set keeps its place for ever, also after it was removed: `keys` bounds the distinct keys that are ever
 * set, not those that are present at a time.
 */
#ifndef KAKEHI_DICT_H
#define KAKEHI_DICT_H

#include <kakehi/error.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_DICT_MAX_KEYS  8388608U /* 2^23 */
#define KK_DICT_MAX_ROLES 511U
#define KK_DICT_MAX_BYTES 1048576U /* of a key, of a value */

struct kk_dict_shape {
	uint32_t keys;      /* distinct keys there is room for, 1 .. KK_DICT_MAX_KEYS */
	uint32_t roles;     /* writers are 1 .. roles                                 */
	uint32_t key_max;   /* bytes of the longest key, 1 ..                         */
	uint32_t value_max; /* bytes of the longest value, 0 ..                       */
};

/* One process's handle of a dict. Private memory; used by one thread at a time. */
struct kk_dict;

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

/* kk_dict_inherit - frees what the last process that played `role` had in hand when it died. By the next process of
 * that role, after the death of the last one is certain and before it sets or removes anything; may be repeated.
 * 0, KK_ERR_INVALID or KK_ERR_CORRUPT. */
KK_API int kk_dict_inherit(struct kk_dict *dict, unsigned role);

/* kk_dict_get - copies the value of a key into `to`, cut at `size` bytes (no NUL is added). Returns the length of the
 * whole value; KK_ERR_MISSING, KK_ERR_CORRUPT. Any process. */
KK_API int64_t kk_dict_get(const struct kk_dict *dict, const void *key, size_t key_bytes, void *to, size_t size);

/* kk_dict_set - stores copies of key and value, replacing an older value. 0; KK_ERR_FULL: a new key and no room for
 * it; KK_ERR_INVALID: key empty, key or value too long, no such role; KK_ERR_CORRUPT. */
KK_API int kk_dict_set(struct kk_dict *dict, unsigned role, const void *key, size_t key_bytes, const void *value,
                       size_t value_bytes);

/* kk_dict_remove - removes the value of a key. 0; KK_ERR_MISSING: there was none; KK_ERR_INVALID, KK_ERR_CORRUPT. */
KK_API int kk_dict_remove(struct kk_dict *dict, unsigned role, const void *key, size_t key_bytes);

/* One entry as kk_dict_next copies it. The caller gives the buffers and their sizes; lengths are those of the whole
 * key and value, which are cut if the buffers are smaller. */
struct kk_dict_entry {
	void *key, *value;
	size_t key_size, value_size;
	size_t key_bytes, value_bytes;
};

/* kk_dict_next - goes through the entries, in no useful order: start with *cursor = 0. Entries that are there from
 * the first call to the last are seen exactly once. 1: an entry was copied; 0: there are no more; KK_ERR_CORRUPT. */
KK_API int kk_dict_next(const struct kk_dict *dict, uint32_t *cursor, struct kk_dict_entry *entry);

struct kk_dict_usage {
	uint32_t keys;    /* distinct keys ever set                                                     */
	uint32_t present; /* of these, how many have a value now                                        */
	uint32_t in_hand; /* places taken by operations under way, or by the dead until they have heirs */
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
