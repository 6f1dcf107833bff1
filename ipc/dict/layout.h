/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/dict/layout.h - reads a shape, produces the places of everything in a dict's memory.
 *
 *	header | role[roles + 1] | bucket[buckets] | slot[keys] | cell[cells]
 *
 * A *slot* holds a key and says which cell holds its value; a *bucket* of the hash table names a slot; a *cell* holds
 * one value and is never written while it can be read: a set fills a fresh cell and puts its word into the slot.
 *
 *	bucket = 0, or slot + 1                    0 -> slot + 1 once, by CAS; never changes again
 *	slot.owner = 0 (free) or role              CAS 0 -> role takes a free one; role -> 0 gives an unused one back
 *	slot.value = 0 (no value) or               CAS by any writer
 *	             generation:40 | cell + 1:24
 *	cell.word = role:9 | generation:40         role 0: free. CAS {0,g} -> {role,g+1} takes it, CAS {role,g} -> {0,g}
 *	                                           frees it; the second may be tried by several and one succeeds
 *
 *	field                 written by                                  read by
 *	header                init                                        attach, check
 *	header.next_slot      any writer, a hint                          any writer
 *	role[w]               who plays w                                 the heir of w
 *	bucket                any writer, CAS                             all
 *	slot.key, key_bytes   its owner, until a bucket names the slot    all, after they found it in a bucket
 *	slot.home             the same                                    heir of the owner, check, next
 *	slot.owner            takers, the owner, its heir                 writers, heirs, check
 *	slot.value            any writer, CAS                             all
 *	cell.word             takers, and whoever frees                   all
 *	cell.slot,bytes,data  who took it, until it is in slot.value      all (and they look at the word again
 *afterwards)
 *
 * D1  A key is in one slot at most that a bucket names. (Who inserts a key probes the buckets in the order of its
 *     hash and CASes its slot into the first empty one. Buckets are never emptied and a named slot never changes its
 *     key, so two inserters of one key meet at the same bucket, one CAS fails, and the loser finds the winner's key.)
 * D2  A word {g,c} is put into a slot at most once, so a slot's value never returns to an old word. (Only the taker
 *     of generation g puts it there, once; the next taker of c has g+1.)
 * D3  A cell {role,g} whose word stands in no slot is in the hands of exactly one role: the one that took it and
 *     has not put it there, or the one whose CAS put another word in its place and that has not freed it yet. Each
 *     role has at most one such cell, so keys + roles cells are enough for a taker to find a free one.
 *
 * What a process killed at any instruction leaves behind, and what kk_dict_inherit does about it:
 *
 *	killed                                        left                               the heir
 *	after taking a slot, before its bucket        slot.owner = w, not named by       gives it back
 *	                                              bucket[slot.home]
 *	after the bucket's CAS                        a key without a value              nothing: it is as if removed
 *	after taking a cell, before slot.value's CAS  cell {w,g} that is not in          frees it
 *	                                              slot[cell.slot].value
 *	after slot.value's CAS, before freeing `old`  role[w] = {slot, old}, and the     frees `old`
 *	                                              slot's value is another word
 *
 * home and cell.slot are stored before the CAS that publishes, so what is published is always recognised as such; a
 * stale one cannot pass for published, as the place it names would have to hold this very slot or word (D1, D2).
 * role[w] is read only where its slot is set: the slot is stored after `old` and cleared before the next `old` of
 * another slot. `old` of an operation that did not come to its CAS is either still the slot's value (left alone) or
 * was replaced by somebody else, who frees it: freeing is a CAS on its generation, so doing it twice does nothing.
 */
#ifndef IPC_DICT_LAYOUT_H
#define IPC_DICT_LAYOUT_H

#include <kakehi/dict.h>
#include <stdatomic.h>
#include <stdbool.h>

#define KK_DICT_MAGIC   0x6b6b6469U
#define KK_DICT_VERSION 1U

struct dict_memory {
	uint32_t magic, version;
	struct kk_dict_shape shape;
	uint64_t seed; /* of the hash, random */
	_Atomic uint32_t next_slot;
	uint32_t reserved[5];
};
_Static_assert(sizeof(struct dict_memory) <= 64, "the header is one cache line");

/* The operation of a role that may have to be finished: slot + 1, or 0 for none. */
struct dict_role {
	_Alignas(64) _Atomic uint64_t old;
	_Atomic uint32_t slot;
};

struct dict_slot {
	_Atomic uint64_t value;
	_Atomic uint32_t owner;
	_Atomic uint32_t home;
	uint32_t key_bytes;
	unsigned char key[];
};

struct dict_cell {
	_Atomic uint64_t word;
	_Atomic uint32_t slot;
	_Atomic uint32_t bytes;
	_Atomic uint64_t data[];
};

/* Where things are, in bytes from the start. */
struct dict_places {
	uint64_t role, bucket, slot, cell, end;
	uint32_t buckets, cells, slot_stride, cell_stride;
};

/* All that is used to find a place is a copy: a process that damages the header leads no other one astray. */
struct kk_dict {
	struct dict_memory *memory;
	struct kk_dict_shape shape;
	struct dict_places at;
	uint64_t seed;
	uint32_t hint; /* where to look for a free cell first: the last one that was freed here */
};

#define DICT_GENERATION_BITS 40
#define DICT_GENERATION_MASK ((UINT64_C(1) << DICT_GENERATION_BITS) - 1)

static inline uint64_t dict_cell_word(unsigned role, uint64_t generation)
{
	return (uint64_t)role << DICT_GENERATION_BITS | (generation & DICT_GENERATION_MASK);
}

static inline unsigned dict_role_of(uint64_t cell_word)
{
	return (unsigned)(cell_word >> DICT_GENERATION_BITS);
}

static inline uint64_t dict_value_word(uint32_t cell, uint64_t generation)
{
	return (generation & DICT_GENERATION_MASK) << 24 | (cell + 1);
}

static inline uint64_t dict_generation_of(uint64_t value_word)
{
	return value_word >> 24;
}

/* The cell that a value names; `cells` or more if it is damaged (or 0). */
static inline uint32_t dict_cell_of(uint64_t value_word)
{
	return ((uint32_t)value_word & 0xffffffU) - 1U;
}

static inline _Atomic uint32_t *dict_bucket(const struct kk_dict *dict, uint32_t i)
{
	return (_Atomic uint32_t *)((char *)dict->memory + dict->at.bucket) + i;
}

static inline struct dict_role *dict_role(const struct kk_dict *dict, unsigned i)
{
	return (struct dict_role *)((char *)dict->memory + dict->at.role) + i;
}

static inline struct dict_slot *dict_slot(const struct kk_dict *dict, uint32_t i)
{
	return (struct dict_slot *)((char *)dict->memory + dict->at.slot + (uint64_t)i * dict->at.slot_stride);
}

static inline struct dict_cell *dict_cell(const struct kk_dict *dict, uint32_t i)
{
	return (struct dict_cell *)((char *)dict->memory + dict->at.cell + (uint64_t)i * dict->at.cell_stride);
}

/* dict_free_value - frees the cell that the value word `old` names, if nobody has yet. 0 does nothing. */
bool dict_free_value(struct kk_dict *dict, uint64_t old);

/* dict_slot_published - is the slot named by the bucket that it says? */
bool dict_slot_published(const struct kk_dict *dict, uint32_t i);

/* dict_cell_published - is the cell, whose word was `word`, the value of the slot that it says? */
bool dict_cell_published(const struct kk_dict *dict, uint32_t i, uint64_t word);

/* dict_read_value - as kk_dict_get, of a slot. */
int64_t dict_read_value(const struct kk_dict *dict, uint32_t slot, void *to, size_t size);

#endif
