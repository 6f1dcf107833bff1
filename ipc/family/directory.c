/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/family/directory.c - the objects of a family: entries, their memory, and who works in them.
 *
 * An entry's word is the record of its making, and the heap has none of its own: memory is taken exactly where an entry
 * that is not free says so. `heap` lets one maker at a time look and write an entry; a maker who dies under it
 * leaves a free entry or a MAKING one, both of which are right.
 */
#include "family/kinds.h"
#include "family/layout.h"
#include "robust/robust.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- freeing */

static bool is_pinned(const struct kk_family *family, uint32_t index)
{
	for (uint32_t i = 1; i <= family->seats; i++)
		if (atomic_load(&family->seat[i].pin) == index)
			return true;
	return false;
}

/* `word`, an ENDING one, becomes free if no undertaker works in the object; else he frees it when he is through. The
 * word was ENDING before we look at the pins, and who pins looks at the word after it (bury_object): one of us sees
 * the other. */
static void free_ended(struct kk_family *family, uint32_t index, uint64_t word)
{
	uint64_t next = (entry_generation_of(word) + 1) % ENTRY_GENERATIONS;
	if (!is_pinned(family, index))
		(void)atomic_compare_exchange_strong(&family->entry[index].word, &word,
		                                     entry_word(next, 0, ENTRY_FREE));
}

static void end_entry(struct kk_family *family, uint32_t index, uint64_t word)
{
	uint64_t ending = entry_word(entry_generation_of(word), 0, ENTRY_ENDING);
	if (atomic_compare_exchange_strong(&family->entry[index].word, &word, ending))
		free_ended(family, index, ending);
}

/* ---- burying */

/* The object's memory, or NULL: the entry speaks of something outside of the heap. */
static void *memory_of(const struct kk_family *family, const struct family_entry *entry, uint64_t *bytes)
{
	/* relaxed: the caller looks at the entry's word before, and after if he has not pinned it. */
	uint64_t at = atomic_load_explicit(&entry->at, memory_order_relaxed);
	*bytes = atomic_load_explicit(&entry->bytes, memory_order_relaxed);
	if (at % FAMILY_ALIGN != 0 || at > family->heap_bytes || *bytes > family->heap_bytes - at)
		return NULL;
	return family->heap + at;
}

static int settle(struct kk_family *family, const struct family_entry *entry, unsigned seat, bool left)
{
	const struct kk_kind *kind = kk_kind_of(atomic_load_explicit(&entry->kind, memory_order_relaxed));
	uint64_t bytes;
	void *memory = memory_of(family, entry, &bytes);
	if (!kind || !memory)
		return KK_ERR_CORRUPT;
	return kind->bury ? kind->bury(family, memory, bytes, seat, left) : KK_OK;
}

/* Settles in one object, which nobody frees meanwhile. */
static int bury_object(struct kk_family *family, uint32_t index, uint64_t word, unsigned seat, bool left)
{
	struct family_entry *entry = &family->entry[index];
	int rc = KK_OK;
	atomic_store(&family->seat[seat].pin, index);
	if (atomic_load(&entry->word) == word)
		rc = settle(family, entry, seat, left);
	atomic_store(&family->seat[seat].pin, 0);
	word = atomic_load(&entry->word);
	if (entry_state_of(word) == ENTRY_ENDING)
		free_ended(family, index, word);
	return rc;
}

/* What will be done again counts for more than what never can be. */
static int worse(int one, int other)
{
	if (one == KK_ERR_MEMORY || other >= 0)
		return one;
	return other == KK_ERR_MEMORY ? other : KK_ERR_CORRUPT;
}

int directory_bury(struct kk_family *family, unsigned seat, bool left)
{
	uint32_t high = atomic_load_explicit(&family->header->high, memory_order_acquire);
	int rc = KK_OK;
	/* An undertaker before us may have died in an object. What has ended since is freed on our way. */
	atomic_store(&family->seat[seat].pin, 0);
	for (uint32_t i = 1; i <= high && i <= family->objects; i++) {
		uint64_t word = atomic_load(&family->entry[i].word);
		switch (entry_state_of(word)) {
		case ENTRY_FREE:
			break;
		case ENTRY_MAKING:
			if (entry_seat_of(word) == seat)
				end_entry(family, i, word);
			break;
		case ENTRY_LIVE:
			rc = worse(rc, bury_object(family, i, word, seat, left));
			break;
		case ENTRY_ENDING:
			free_ended(family, i, word);
			break;
		}
	}
	return rc;
}

/* ---- making */

struct span {
	uint64_t at, bytes;
};

/* Where a new object can go. */
struct place {
	uint32_t index; /* 0: no entry is free */
	uint64_t at;
	uint64_t free_bytes, largest;
};

static int compare_spans(const void *one, const void *other)
{
	const struct span *a = one, *b = other;
	return a->at < b->at ? -1 : a->at > b->at;
}

/* Writes the spans that are taken; returns how many. The first free entry goes to `place`. */
static size_t list_spans(struct kk_family *family, struct span *to, struct place *place)
{
	size_t n = 0;
	place->index = 0;
	for (uint32_t i = 1; i <= family->objects; i++) {
		struct family_entry *entry = &family->entry[i];
		uint64_t word = atomic_load(&entry->word);
		if (entry_state_of(word) == ENTRY_ENDING) {
			/* Whoever destroyed it may have died before it was free. */
			free_ended(family, i, word);
			word = atomic_load(&entry->word);
		}
		if (entry_state_of(word) != ENTRY_FREE) {
			to[n++] = (struct span){atomic_load_explicit(&entry->at, memory_order_relaxed),
			                        atomic_load_explicit(&entry->bytes, memory_order_relaxed)};
			continue;
		}
		if (place->index == 0)
			place->index = i;
		if (i > atomic_load_explicit(&family->header->high, memory_order_relaxed))
			break;
	}
	return n;
}

/* The smallest gap that is large enough: large ones stay for large objects. 0, KK_ERR_NO_ROOM, KK_ERR_CORRUPT. */
static int find_gap(const struct kk_family *family, const struct span *taken, size_t count, uint64_t bytes,
                    struct place *place)
{
	uint64_t end = 0, best = UINT64_MAX;
	place->free_bytes = place->largest = 0;
	for (size_t i = 0; i <= count; i++) {
		uint64_t next = i < count ? taken[i].at : family->heap_bytes;
		if (next < end || next > family->heap_bytes ||
		    (i < count && taken[i].bytes > family->heap_bytes - next))
			return KK_ERR_CORRUPT;
		uint64_t gap = next - end;
		place->free_bytes += gap;
		place->largest = gap > place->largest ? gap : place->largest;
		if (gap >= bytes && gap < best) {
			best = gap;
			place->at = end;
		}
		end = i < count ? next + taken[i].bytes : end;
	}
	return best == UINT64_MAX ? KK_ERR_NO_ROOM : KK_OK;
}

static int find_place(struct kk_family *family, struct span *scratch, const struct kk_kind *kind, uint64_t bytes,
                      struct place *place, struct kk_error *error)
{
	size_t count = list_spans(family, scratch, place);
	if (place->index == 0)
		return kk_error_set(error, KK_ERR_NO_ROOM, "no room for a %s: the family has its %" PRIu32 " objects",
		                    kind->name, family->objects);
	qsort(scratch, count, sizeof(*scratch), compare_spans);
	int rc = find_gap(family, scratch, count, bytes, place);
	if (rc == KK_ERR_CORRUPT)
		return kk_error_set(error, rc, "the directory of the family is damaged");
	if (rc == KK_ERR_NO_ROOM)
		return kk_error_set(error, rc,
		                    "no room for a %s of %" PRIu64 " bytes: %" PRIu64 " of the family's %" PRIu64
		                    " are free, %" PRIu64 " in one piece",
		                    kind->name, bytes, place->free_bytes, family->heap_bytes, place->largest);
	return rc;
}

/* Under `heap`. A death before the last store leaves a free entry, one after it an entry of a dead seat. */
static uint64_t take_entry(struct kk_family *family, const struct kk_kind *kind, const struct place *place,
                           uint64_t bytes, unsigned seat)
{
	struct family_entry *entry = &family->entry[place->index];
	_Atomic uint32_t *high = &family->header->high;
	uint64_t generation = entry_generation_of(atomic_load(&entry->word));
	/* release: pairs with directory_bury(), which must not overlook an entry that a dead seat has taken. */
	if (atomic_load_explicit(high, memory_order_relaxed) < place->index)
		atomic_store_explicit(high, place->index, memory_order_release);
	atomic_store_explicit(&entry->at, place->at, memory_order_relaxed);
	atomic_store_explicit(&entry->bytes, bytes, memory_order_relaxed);
	atomic_store_explicit(&entry->kind, kind->number, memory_order_relaxed);
	atomic_store_explicit(&entry->layout, kind->layout, memory_order_relaxed);
	atomic_store(&entry->word, entry_word(generation, seat, ENTRY_MAKING));
	return generation << REF_INDEX_BITS | place->index;
}

int directory_lock(const struct kk_family *family, struct kk_error *error)
{
	int rc = kk_robust_lock(&family->header->heap);
	return rc == KK_OK ? rc : kk_error_set(error, rc, "the lock of the family's memory is damaged");
}

void directory_unlock(const struct kk_family *family)
{
	(void)pthread_mutex_unlock(&family->header->heap);
}

int kk_object_make(struct kk_family *family, const struct kk_kind *kind, uint64_t bytes, struct kk_object *to,
                   struct kk_error *error)
{
	struct place place = {0};
	uint64_t wanted = (bytes + FAMILY_ALIGN - 1) / FAMILY_ALIGN * FAMILY_ALIGN;
	if (bytes == 0 || wanted < bytes)
		return kk_error_set(error, KK_ERR_INVALID, "a %s cannot have that many bytes", kind->name);
	/* A burial could not settle it. */
	if (kk_kind_of(kind->number) != kind)
		return kk_error_set(error, KK_ERR_INVALID, "a %s is not among the kinds that families know",
		                    kind->name);
	int seat = kk_family_seat(family);
	if (seat < 0)
		return kk_error_set(error, seat, "no seat in the family");
	struct span *scratch = malloc(family->objects * sizeof(*scratch));
	if (!scratch)
		return kk_error_set(error, KK_ERR_MEMORY, "no memory to look for room in the family");
	int rc = directory_lock(family, error);
	if (rc == KK_OK) {
		rc = find_place(family, scratch, kind, wanted, &place, error);
		if (rc == KK_OK)
			to->ref = take_entry(family, kind, &place, wanted, (unsigned)seat);
		directory_unlock(family);
	}
	free(scratch);
	if (rc < 0)
		return rc;
	to->family = family;
	to->memory = family->heap + place.at;
	to->bytes = wanted;
	memset(to->memory, 0, wanted);
	return KK_OK;
}

/* ---- refs */

static struct family_entry *entry_of(struct kk_family *family, uint64_t ref, uint32_t *index)
{
	*index = (uint32_t)(ref & ((1U << REF_INDEX_BITS) - 1));
	return *index == 0 || *index > family->objects ? NULL : &family->entry[*index];
}

void kk_object_publish(const struct kk_object *object)
{
	uint32_t index;
	struct family_entry *entry = entry_of(object->family, object->ref, &index);
	atomic_store(&entry->word, entry_word(object->ref >> REF_INDEX_BITS, 0, ENTRY_LIVE));
}

int kk_object_find(struct kk_family *family, uint64_t ref, const struct kk_kind *kind, struct kk_object *to,
                   struct kk_error *error)
{
	uint32_t index;
	uint64_t bytes, live = entry_word(ref >> REF_INDEX_BITS, 0, ENTRY_LIVE);
	struct family_entry *entry = entry_of(family, ref, &index);
	if (!entry || atomic_load(&entry->word) != live)
		return kk_error_set(error, KK_ERR_MISSING, "the %s was destroyed, or never was", kind->name);
	void *memory = memory_of(family, entry, &bytes);
	uint32_t number = atomic_load_explicit(&entry->kind, memory_order_relaxed);
	uint32_t layout = atomic_load_explicit(&entry->layout, memory_order_relaxed);
	/* Pairs with take_entry(): had a field been written since, the word would not be the same. */
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load(&entry->word) != live)
		return kk_error_set(error, KK_ERR_MISSING, "the %s was destroyed", kind->name);
	if (!memory)
		return kk_error_set(error, KK_ERR_CORRUPT, "the directory of the family is damaged");
	if (number != kind->number) {
		const struct kk_kind *other = kk_kind_of(number);
		return kk_error_set(error, KK_ERR_INVALID, "this is not a %s: %s", kind->name,
		                    other ? other->name : "of a kind unknown");
	}
	if (layout != kind->layout)
		return kk_error_set(error, KK_ERR_VERSION, "the %s has layout %" PRIu32 ", this library has %" PRIu32,
		                    kind->name, layout, kind->layout);
	*to = (struct kk_object){.family = family, .ref = ref, .memory = memory, .bytes = bytes};
	return KK_OK;
}

int kk_object_destroy(const struct kk_object *object)
{
	uint32_t index;
	uint64_t generation = object->ref >> REF_INDEX_BITS;
	struct family_entry *entry = entry_of(object->family, object->ref, &index);
	uint64_t ending = entry_word(generation, 0, ENTRY_ENDING);
	if (!entry)
		return KK_ERR_MISSING;
	uint64_t word = atomic_load(&entry->word);
	do {
		if (entry_generation_of(word) != generation ||
		    (entry_state_of(word) != ENTRY_LIVE && entry_state_of(word) != ENTRY_MAKING))
			return KK_ERR_MISSING;
	} while (!atomic_compare_exchange_weak(&entry->word, &word, ending));
	free_ended(object->family, index, ending);
	return KK_OK;
}
