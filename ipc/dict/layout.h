/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/dict/layout.h - reads a shape, produces the places of everything in a dict's memory.
 *
 *	header | role[roles + 1] | bucket[buckets] | slot[slots] | cell[cells] | page[pages]
 *
 * A *slot* holds a key, a *cell* a value, a *page* the entries of one bucket: which slots and cells belong together.
 * All three are *pieces*: nothing is written into a piece as long as it can be read. A *bucket* is the one word behind
 * which all of its keys change: who changes something makes a new page and puts it into the bucket by CAS.
 *
 *	bucket = 0 (no keys) or                    CAS by any writer; a word is never put there twice
 *	         generation:36 | keys:4 | page + 1:24
 *	piece.word = role:9 | generation:36        role 0: free. CAS {0,g} -> {role,g+1} takes it, CAS {role,g} -> {0,g}
 *	                                           frees it; the second may be tried by several and one succeeds
 *	page.entry = 0 or tag:16 | cell + 1:24 | slot + 1:24; a key stays at its index for as long as it is there
 *
 * Why it is right, and what a death leaves behind: ipc/MEMORY.md, "Shared objects".
 */
#ifndef IPC_DICT_LAYOUT_H
#define IPC_DICT_LAYOUT_H

#include "family/object.h"
#include "hash/hash.h"
#include <kakehi/dict.h>
#include <stdatomic.h>
#include <stdbool.h>

#define DICT_MAGIC        0x6b6b6469U
#define DICT_VERSION      2U
#define DICT_PAGE_ENTRIES 14
#define DICT_NONE         UINT32_MAX

enum dict_piece_kind { DICT_SLOT, DICT_CELL, DICT_PAGE, DICT_PIECES };

struct dict_memory {
	uint32_t magic, version;
	struct kk_dict_shape shape;
	struct hash_secret secret;
	_Atomic uint32_t next_bucket; /* where kk_dict_popitem looks first: a hint */
	uint32_t reserved[5];
};
_Static_assert(sizeof(struct dict_memory) <= 64, "the header is one cache line");

/* What a role has in hand, as far as its heir must know: pieces that it may have taken (index + 1), and words of
 * pieces that it may have to free. Both may be out of date. The hints say where to look for a free piece first.
 *
 *	field         written by     read by
 *	old, taken    the role       the heir
 *	hint          the role       the role
 */
struct dict_role {
	_Alignas(64) _Atomic uint64_t old[DICT_PIECES];
	_Atomic uint32_t taken[DICT_PIECES];
	_Atomic uint32_t hint[DICT_PIECES];
};

/* How each piece begins.
 *
 *	field         written by                                      read by
 *	word          takers, and whoever frees: CAS                  all
 *	home          who took it, before a bucket leads to it        all: which bucket that is
 *	bytes, data   the same                                        all, who look at a word again afterwards
 */
struct dict_piece {
	_Atomic uint64_t word;
	_Atomic uint32_t home;
	_Atomic uint32_t bytes;  /* of the key, of the value; 0 in a page          */
	_Atomic uint64_t data[]; /* the key, the value; DICT_PAGE_ENTRIES entries  */
};

struct dict_pool {
	uint64_t at; /* from the start, in bytes */
	uint32_t stride, count;
};

struct dict_places {
	uint64_t role, bucket, end;
	uint32_t buckets;
	struct dict_pool pool[DICT_PIECES];
};

/* All that is used to find a place is a copy: a process that damages the header leads no other one astray. */
struct kk_dict {
	struct kk_object object; /* of a family; without one: family is NULL, and `role` is who we are */
	struct dict_memory *memory;
	struct kk_dict_shape shape;
	struct dict_places at;
	struct hash_secret secret;
	unsigned role;
};

/* What one look at a bucket has found: all of it was there at one moment, when the bucket was `word`. */
struct dict_view {
	uint64_t word;
	uint64_t entry[DICT_PAGE_ENTRIES];
	uint32_t bucket;
	uint16_t tag;
	int at;              /* the entry of the key, or -1                                     */
	uint64_t slot, cell; /* that it names, as references (dict_reference), if there is one */
};

#define DICT_GENERATION_BITS 36
#define DICT_GENERATION_MASK ((UINT64_C(1) << DICT_GENERATION_BITS) - 1)
#define DICT_INDEX_MASK      UINT64_C(0xffffff)

static inline uint64_t dict_word(unsigned role, uint64_t generation)
{
	return (uint64_t)role << DICT_GENERATION_BITS | (generation & DICT_GENERATION_MASK);
}

static inline unsigned dict_role_of(uint64_t word)
{
	return (unsigned)(word >> DICT_GENERATION_BITS);
}

/* A reference to one life of a piece: what a bucket holds, without the number of keys. */
static inline uint64_t dict_reference(uint32_t index, uint64_t generation)
{
	return (generation & DICT_GENERATION_MASK) << 28 | (index + 1);
}

static inline uint64_t dict_generation_of(uint64_t reference)
{
	return reference >> 28;
}

/* The piece that a reference or a bucket names; DICT_NONE for 0. */
static inline uint32_t dict_index_of(uint64_t reference)
{
	return (uint32_t)(reference & DICT_INDEX_MASK) - 1U;
}

static inline unsigned dict_keys_of(uint64_t bucket)
{
	return (unsigned)(bucket >> 24) & 0xfU;
}

static inline uint32_t dict_slot_of(uint64_t entry)
{
	return dict_index_of(entry);
}

static inline uint32_t dict_cell_of(uint64_t entry)
{
	return dict_index_of(entry >> 24);
}

static inline _Atomic uint64_t *dict_bucket(const struct kk_dict *dict, uint32_t i)
{
	return (_Atomic uint64_t *)((char *)dict->memory + dict->at.bucket) + i;
}

static inline struct dict_role *dict_role(const struct kk_dict *dict, unsigned i)
{
	return (struct dict_role *)((char *)dict->memory + dict->at.role) + i;
}

static inline struct dict_piece *dict_piece(const struct kk_dict *dict, enum dict_piece_kind kind, uint32_t i)
{
	const struct dict_pool *pool = &dict->at.pool[kind];
	return (struct dict_piece *)((char *)dict->memory + pool->at + (uint64_t)i * pool->stride);
}

/* dict_view_of - the handle of a dict that lies in `memory`, without an allocation. 0, KK_ERR_CORRUPT, _VERSION. */
int dict_view_of(struct kk_dict *dict, void *memory, uint64_t bytes, struct kk_error *error);

/* dict_me - the role of the caller, or a negative status. */
int dict_me(struct kk_dict *dict);

/* dict_look - looks at the bucket of a key. 0 (see view->at), or KK_ERR_CORRUPT. dict_look_at - at a bucket, for no key
 * in particular. */
int dict_look(const struct kk_dict *dict, const void *key, size_t bytes, struct dict_view *view);
int dict_look_at(const struct kk_dict *dict, uint32_t bucket, struct dict_view *view);

/* dict_entry - makes entry `i` of a view the one it is at. 0, or KK_ERR_EMPTY: there is none, or it has changed since.
 */
int dict_entry(const struct kk_dict *dict, struct dict_view *view, int i);

/* dict_copy - copies what the piece holds, cut at `size`. Its whole length; KK_ERR_MISSING: it has been freed since;
 * KK_ERR_CORRUPT. */
int64_t dict_copy(const struct kk_dict *dict, enum dict_piece_kind kind, uint64_t reference, void *to, size_t size);

/* dict_holds - is that what the piece holds, byte for byte? As dict_copy: the caller looks at a word again. */
bool dict_holds(const struct dict_piece *piece, const void *data, size_t bytes);

/* dict_take - a free piece for `role`, as a reference; 0: there is none. */
uint64_t dict_take(struct kk_dict *dict, unsigned role, enum dict_piece_kind kind);

/* dict_fill - writes into a piece that the caller has taken. */
void dict_fill(struct kk_dict *dict, enum dict_piece_kind kind, uint64_t reference, uint32_t home, const void *data,
               size_t bytes);

/* dict_free - frees the life of a piece that `reference` names, if nobody has yet. 0 does nothing. */
void dict_free(struct kk_dict *dict, enum dict_piece_kind kind, uint64_t reference);

/* dict_published - does its bucket lead to the piece now? */
bool dict_published(const struct kk_dict *dict, enum dict_piece_kind kind, uint32_t i);

/* dict_settle - frees what the last player of `role` had in hand. */
void dict_settle(struct kk_dict *dict, unsigned role);

#endif
