/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/dict/piece.c - the pieces of a dict: taking, filling, reading, freeing them, and settling what a death left. */
#include "dict/layout.h"

#include "word/bytes.h"

/* Passes over all pieces of a kind before a missing free one counts as damage: there always is one (ipc/MEMORY.md, D3),
 * but others may take it in front of us. */
#define PASSES 1000
/* A dict can be full, so that has to be found out soon; but one pass may be too few: a slot that falls free behind us
 * while another is taken in front of us is one that there was all the time. */
#define SLOT_PASSES 4

static uint32_t hint_of(const struct kk_dict *dict, unsigned role, enum dict_piece_kind kind)
{
	uint32_t count = dict->at.pool[kind].count;
	uint32_t hint = atomic_load_explicit(&dict_role(dict, role)->hint[kind], memory_order_relaxed);
	/* Whoever begins, begins away from the others. */
	return hint ? (hint - 1) % count : (uint32_t)((uint64_t)role * count / (dict->shape.roles + 1));
}

uint64_t dict_take(struct kk_dict *dict, unsigned role, enum dict_piece_kind kind)
{
	uint32_t count = dict->at.pool[kind].count;
	uint64_t tries = (uint64_t)count * (kind == DICT_SLOT ? SLOT_PASSES : PASSES);
	struct dict_role *record = dict_role(dict, role);
	uint32_t n = hint_of(dict, role, kind);
	for (uint64_t i = 0; i < tries; i++, n = n + 1 < count ? n + 1 : 0) {
		_Atomic uint64_t *at = &dict_piece(dict, kind, n)->word;
		uint64_t word = atomic_load_explicit(at, memory_order_relaxed);
		if (dict_role_of(word) != 0)
			continue;
		/* Before the CAS, whose release keeps it there: the heir looks at this piece. */
		atomic_store_explicit(&record->taken[kind], n + 1, memory_order_relaxed);
		/* acquire: pairs with the release in dict_free(): the last owner is done with it. */
		if (atomic_compare_exchange_strong_explicit(at, &word, dict_word(role, word + 1), memory_order_acq_rel,
		                                            memory_order_relaxed)) {
			atomic_store_explicit(&record->hint[kind], n + 2, memory_order_relaxed);
			return dict_reference(n, word + 1);
		}
	}
	return 0;
}

void dict_fill(struct kk_dict *dict, enum dict_piece_kind kind, uint64_t reference, uint32_t home, const void *data,
               size_t bytes)
{
	struct dict_piece *piece = dict_piece(dict, kind, dict_index_of(reference));
	/* release, each of them: pairs with the acquires of readers. Who sees one of these words sees the generation
	 * that dict_take() stored before, and that the piece has left its bucket: so that its copy is of no use. */
	atomic_store_explicit(&piece->home, home, memory_order_release);
	atomic_store_explicit(&piece->bytes, (uint32_t)bytes, memory_order_release);
	bytes_store(piece->data, data, bytes, memory_order_release);
}

void dict_free(struct kk_dict *dict, enum dict_piece_kind kind, uint64_t reference)
{
	uint32_t i = dict_index_of(reference);
	if (i >= dict->at.pool[kind].count)
		return;
	struct dict_piece *piece = dict_piece(dict, kind, i);
	uint64_t word = atomic_load_explicit(&piece->word, memory_order_relaxed);
	if (dict_role_of(word) == 0 || (word & DICT_GENERATION_MASK) != dict_generation_of(reference))
		return;
	/* release: pairs with the CAS in dict_take(). The CAS that took it out of its bucket stays before it. */
	(void)atomic_compare_exchange_strong_explicit(&piece->word, &word, dict_word(0, word), memory_order_release,
	                                              memory_order_relaxed);
}

int64_t dict_copy(const struct kk_dict *dict, enum dict_piece_kind kind, uint64_t reference, void *to, size_t size)
{
	const struct dict_piece *piece = dict_piece(dict, kind, dict_index_of(reference));
	uint32_t bytes = atomic_load_explicit(&piece->bytes, memory_order_acquire);
	uint32_t most = kind == DICT_SLOT ? dict->shape.key_max : dict->shape.value_max;
	/* acquire: pairs with the release in dict_fill(). */
	if (bytes <= most)
		bytes_load(piece->data, to, bytes < size ? bytes : size, memory_order_acquire);
	/* relaxed: after the acquires above. The same generation: nobody had written into it yet. */
	uint64_t word = atomic_load_explicit(&piece->word, memory_order_relaxed);
	if ((word & DICT_GENERATION_MASK) != dict_generation_of(reference))
		return KK_ERR_MISSING;
	return bytes <= most ? (int64_t)bytes : KK_ERR_CORRUPT;
}

bool dict_holds(const struct dict_piece *piece, const void *data, size_t bytes)
{
	/* acquire, both: pair with the releases in dict_fill(). */
	return atomic_load_explicit(&piece->bytes, memory_order_acquire) == bytes &&
	       bytes_equal(piece->data, data, bytes, memory_order_acquire);
}

bool dict_published(const struct kk_dict *dict, enum dict_piece_kind kind, uint32_t i)
{
	struct dict_view view;
	uint32_t home = atomic_load_explicit(&dict_piece(dict, kind, i)->home, memory_order_acquire);
	if (home >= dict->at.buckets)
		return false;
	if (kind == DICT_PAGE)
		return dict_index_of(atomic_load_explicit(dict_bucket(dict, home), memory_order_acquire)) == i;
	if (dict_look_at(dict, home, &view) < 0)
		return true; /* a damaged page: better keep what it may name */
	for (int k = 0; k < DICT_PAGE_ENTRIES; k++)
		if (view.entry[k] &&
		    (kind == DICT_SLOT ? dict_slot_of(view.entry[k]) : dict_cell_of(view.entry[k])) == i)
			return true;
	return false;
}

/* A piece that the dead one may have taken, or replaced: free it, unless a bucket leads to it. The word is read first:
 * if it has changed since, the piece was freed by somebody else, and freeing this life of it does nothing. */
static void settle_piece(struct kk_dict *dict, enum dict_piece_kind kind, uint32_t i, uint64_t word)
{
	if (!dict_published(dict, kind, i))
		dict_free(dict, kind, dict_reference(i, word));
}

void dict_settle(struct kk_dict *dict, unsigned role)
{
	struct dict_role *record = dict_role(dict, role);
	for (int kind = 0; kind < DICT_PIECES; kind++) {
		uint32_t taken = atomic_load_explicit(&record->taken[kind], memory_order_acquire) - 1U;
		uint64_t old = atomic_load_explicit(&record->old[kind], memory_order_acquire);
		uint32_t i = dict_index_of(old);
		if (taken < dict->at.pool[kind].count) {
			uint64_t word =
			    atomic_load_explicit(&dict_piece(dict, kind, taken)->word, memory_order_acquire);
			if (dict_role_of(word) == role)
				settle_piece(dict, kind, taken, word);
		}
		if (i < dict->at.pool[kind].count) {
			uint64_t word = atomic_load_explicit(&dict_piece(dict, kind, i)->word, memory_order_acquire);
			if (dict_role_of(word) != 0 && (word & DICT_GENERATION_MASK) == dict_generation_of(old))
				settle_piece(dict, kind, i, word);
		}
	}
}
