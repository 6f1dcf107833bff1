/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/cache/cache.c - a lossy memory of small things. Why it is right: ipc/MEMORY.md, "Cache".
 *
 *	header | set[sets] of WAYS entries of 64 words
 *
 * All accesses to entries are relaxed: what a reader got together is believed for its checksum, not for its order.
 */
#include <kakehi/cache.h>

#include "hash/hash.h"
#include "head/head.h"
#include "wait/point.h"
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_MAGIC   0x6b6b6363U
#define CACHE_VERSION 1U

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "atomics must not use locks of a process");

enum { WAYS = 8, ENTRY_WORDS = 64, CONTENT_WORDS = KK_CACHE_MAX_BYTES / 8 };

/* Shared.   field    written by                 read by
 *           header   init, once                 attach, check
 *           entry    any process, word by word  any process */
struct cache_memory {
	uint32_t magic, version;
	uint32_t sets, reserved;
	struct hash_secret secret; /* of keys and of checksums */
	uint64_t padding[4];
};
_Static_assert(sizeof(struct cache_memory) == 64, "entries start on a cache line");

/* An entry as a process has it for itself; in shared memory it is as many atomic words. */
struct entry {
	uint64_t check;    /* over all that follows, to the end of the contents */
	struct hash128 id; /* of the key                                        */
	uint64_t until_ns; /* 0: never used                                     */
	uint64_t since_ns;
	uint64_t bytes;
	uint64_t content[CONTENT_WORDS];
	uint64_t reserved[2];
};
_Static_assert(sizeof(struct entry) == ENTRY_WORDS * sizeof(uint64_t), "an entry is 512 bytes");

enum { HEAD_WORDS = offsetof(struct entry, content) / 8 };

typedef _Atomic uint64_t shared_entry[ENTRY_WORDS];

/* All that is used to find an entry is a copy: a process that damages the header leads no other one astray. */
struct kk_cache {
	struct cache_memory *memory;
	struct hash_secret secret;
	uint32_t sets;
};

/* ---- layout */

static uint64_t size_of(uint64_t sets)
{
	return sizeof(struct cache_memory) + sets * WAYS * sizeof(shared_entry);
}

static uint32_t sets_for(uint32_t entries)
{
	return (entries + WAYS - 1) / WAYS;
}

uint64_t kk_cache_size(uint32_t entries)
{
	return entries == 0 || entries > KK_CACHE_MAX_ENTRIES ? 0 : size_of(sets_for(entries));
}

static shared_entry *entry_at(const struct kk_cache *cache, uint64_t i)
{
	return (shared_entry *)(void *)(cache->memory + 1) + i;
}

/* The first entry of the set that a key belongs to. */
static shared_entry *set_of(const struct kk_cache *cache, const struct hash128 *id)
{
	return entry_at(cache, (id->low >> 32) * cache->sets / (UINT64_C(1) << 32) * WAYS);
}

int kk_cache_init(void *memory, uint64_t bytes, uint32_t entries, struct kk_error *error)
{
	struct cache_memory *header = memory;
	uint64_t size = kk_cache_size(entries);
	struct hash_secret secret;
	if (!memory || (uintptr_t)memory % 64 != 0 || size == 0 || bytes < size)
		return kk_error_set(error, KK_ERR_INVALID, "%" PRIu64 " bytes cannot hold %" PRIu32 " cached things",
		                    bytes, entries);
	if (hash_draw_secret(&secret) != KK_OK)
		return kk_error_set(error, KK_ERR_SYSTEM, "no random bytes for a cache");
	*header = (struct cache_memory){
	    .magic = CACHE_MAGIC, .version = CACHE_VERSION, .sets = sets_for(entries), .secret = secret};
	_Atomic uint64_t *word = (_Atomic uint64_t *)(void *)(header + 1);
	for (uint64_t i = 0; i < (size - sizeof(*header)) / sizeof(*word); i++)
		atomic_init(&word[i], 0);
	return KK_OK;
}

static const struct head our_head = {
    .what = "cache", .magic = CACHE_MAGIC, .version = CACHE_VERSION, .bytes = sizeof(struct cache_memory)};

struct kk_cache *kk_cache_attach(void *memory, uint64_t bytes, struct kk_error *error)
{
	struct cache_memory *shared = memory;
	struct kk_cache *cache = NULL;
	if (head_check(&our_head, memory, bytes, error) < 0)
		return NULL;
	cache = calloc(1, sizeof(*cache));
	if (!cache) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a cache's handle");
		return NULL;
	}
	cache->memory = shared;
	cache->secret = shared->secret;
	cache->sets = shared->sets;
	if (cache->sets == 0 || cache->sets > KK_CACHE_MAX_ENTRIES / WAYS || size_of(cache->sets) > bytes) {
		(void)kk_error_set(error, KK_ERR_CORRUPT, "the cache is larger than its memory");
		kk_cache_detach(cache);
		cache = NULL;
	}
	return cache;
}

void kk_cache_detach(struct kk_cache *cache)
{
	free(cache);
}

int kk_cache_check(const struct kk_cache *cache, struct kk_error *error)
{
	const struct cache_memory *shared = cache->memory;
	if (shared->magic != CACHE_MAGIC || shared->version != CACHE_VERSION || shared->sets != cache->sets ||
	    memcmp(&shared->secret, &cache->secret, sizeof(cache->secret)) != 0)
		return kk_error_set(error, KK_ERR_CORRUPT, "the header of a cache was overwritten");
	return KK_OK;
}

/* ---- entries */

static size_t words_of(uint64_t bytes)
{
	return (size_t)(bytes + 7) / 8;
}

static void copy_in(shared_entry *shared, size_t first, size_t count, struct entry *to)
{
	uint64_t *word = (uint64_t *)(void *)to;
	for (size_t i = first; i < first + count; i++) {
		KK_POINT("C2");
		word[i] = atomic_load_explicit(&(*shared)[i], memory_order_relaxed);
	}
	KK_POINT("C2: read");
}

static void copy_out(shared_entry *shared, const struct entry *from)
{
	const uint64_t *word = (const uint64_t *)(const void *)from;
	for (size_t i = 0; i < HEAD_WORDS + words_of(from->bytes); i++) {
		KK_POINT("C1");
		atomic_store_explicit(&(*shared)[i], word[i], memory_order_relaxed);
	}
	KK_POINT("C1: written");
}

/* Of an entry whose length is in range. */
static uint64_t check_of(const struct kk_cache *cache, const struct entry *entry)
{
	size_t bytes = (HEAD_WORDS - 1 + words_of(entry->bytes)) * sizeof(uint64_t);
	return hash_bytes(&cache->secret, &entry->id, bytes).high;
}

static bool same(const struct hash128 *one, const struct hash128 *other)
{
	return one->low == other->low && one->high == other->high;
}

/* Takes an entry away, or tears one that somebody writes there just now. */
static void spoil(shared_entry *shared)
{
	KK_POINT("C3");
	atomic_store_explicit(&(*shared)[offsetof(struct entry, until_ns) / 8], 0, memory_order_relaxed);
	KK_POINT("C3: spoilt");
}

/* Where a key's next contents go: over its last ones, else over what is of no use any more, else over the oldest. The
 * heads it looks at may be torn, which only makes it choose less well. Two who stored the key at the same time may have
 * chosen different places: the other one goes. */
static shared_entry *place_for(const struct kk_cache *cache, const struct hash128 *id, uint64_t now_ns)
{
	shared_entry *set = set_of(cache, id), *best = set, *own = NULL;
	uint64_t best_age = UINT64_MAX;
	for (unsigned way = 0; way < WAYS; way++) {
		struct entry head;
		copy_in(&set[way], 0, HEAD_WORDS, &head);
		if (same(&head.id, id) && own)
			spoil(&set[way]);
		else if (same(&head.id, id))
			own = &set[way];
		uint64_t age = head.until_ns <= now_ns ? 0 : head.since_ns;
		if (age >= best_age)
			continue;
		best = &set[way];
		best_age = age;
	}
	return own ? own : best;
}

int kk_cache_store(struct kk_cache *cache, const void *key, size_t key_bytes, const void *what, size_t bytes,
                   uint64_t now_ns, uint64_t until_ns)
{
	struct entry entry = {.until_ns = until_ns, .since_ns = now_ns, .bytes = bytes};
	if (bytes > KK_CACHE_MAX_BYTES)
		return KK_ERR_INVALID;
	entry.id = hash_bytes(&cache->secret, key, key_bytes);
	if (bytes)
		memcpy(entry.content, what, bytes);
	entry.check = check_of(cache, &entry);
	copy_out(place_for(cache, &entry.id, now_ns), &entry);
	return KK_OK;
}

/* The whole of an entry, if it has this key and is sound. */
static bool read_entry(const struct kk_cache *cache, shared_entry *shared, const struct hash128 *id, struct entry *to)
{
	copy_in(shared, 0, HEAD_WORDS, to);
	if (!same(&to->id, id) || to->bytes > KK_CACHE_MAX_BYTES)
		return false;
	copy_in(shared, HEAD_WORDS, words_of(to->bytes), to);
	return to->check == check_of(cache, to);
}

/* Of two that were stored at the same time at different places the newer one counts, also if its time is over. */
int64_t kk_cache_load(const struct kk_cache *cache, const void *key, size_t key_bytes, void *to, size_t size,
                      uint64_t now_ns)
{
	struct hash128 id = hash_bytes(&cache->secret, key, key_bytes);
	shared_entry *set = set_of(cache, &id);
	struct entry entry[2];
	unsigned newest = 0;
	bool found = false;
	for (unsigned way = 0; way < WAYS; way++) {
		if (!read_entry(cache, &set[way], &id, &entry[!newest]))
			continue;
		if (!found || entry[!newest].since_ns > entry[newest].since_ns)
			newest = !newest;
		found = true;
	}
	if (!found || entry[newest].until_ns <= now_ns)
		return KK_ERR_MISSING;
	if (entry[newest].bytes > size)
		return KK_ERR_NO_ROOM;
	if (entry[newest].bytes)
		memcpy(to, entry[newest].content, entry[newest].bytes);
	return (int64_t)entry[newest].bytes;
}
