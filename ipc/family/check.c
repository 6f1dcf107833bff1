/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/family/check.c - what is used, and is it sound? */
#include "family/kinds.h"
#include "family/layout.h"

#include <inttypes.h>
#include <stdlib.h>

void kk_family_usage(const struct kk_family *family, struct kk_family_usage *usage)
{
	*usage =
	    (struct kk_family_usage){.bytes = family->heap_bytes, .seats = family->seats, .objects = family->objects};
	for (uint32_t i = 1; i <= family->objects; i++) {
		const struct family_entry *entry = &family->entry[i];
		if (entry_state_of(atomic_load(&entry->word)) == ENTRY_FREE)
			continue;
		usage->objects_used++;
		usage->bytes_used += atomic_load_explicit(&entry->bytes, memory_order_relaxed);
	}
	for (uint32_t i = 1; i <= family->seats; i++) {
		uint64_t word = atomic_load_explicit(&family->seat[i].word, memory_order_acquire);
		usage->seats_taken += seat_state_of(word) != SEAT_EMPTY;
		usage->deaths += (word & SEAT_DEATH_MASK) / SEAT_DEATH_ONE;
	}
}

/* ---- checking */

struct extent {
	uint64_t at, bytes;
	uint32_t index;
};

static int compare_extents(const void *one, const void *other)
{
	const struct extent *a = one, *b = other;
	return a->at < b->at ? -1 : a->at > b->at;
}

static int check_numbers(const struct kk_family *family, struct kk_error *error)
{
	const struct family_header *header = family->header;
	if (header->magic != FAMILY_MAGIC || header->version != FAMILY_VERSION || header->seats != family->seats ||
	    header->objects != family->objects || header->heap_bytes != family->heap_bytes ||
	    atomic_load(&header->high) > family->objects)
		return kk_error_set(error, KK_ERR_CORRUPT, "the header of the family has changed");
	for (uint32_t i = 1; i <= family->seats; i++) {
		uint64_t word = atomic_load(&family->seat[i].word);
		if ((word & SEAT_STATE_MASK) > SEAT_LEFT || atomic_load(&family->seat[i].pin) > family->objects)
			return kk_error_set(error, KK_ERR_CORRUPT, "seat %" PRIu32 " of the family is damaged", i);
	}
	return KK_OK;
}

/* All entries that are not free, in the order of their memory. Nobody makes one meanwhile; one that is freed is as good
 * as before. */
static int list_extents(const struct kk_family *family, struct extent *to, size_t *count, struct kk_error *error)
{
	int rc = directory_lock(family, error);
	if (rc < 0)
		return rc;
	*count = 0;
	for (uint32_t i = 1; i <= family->objects; i++) {
		const struct family_entry *entry = &family->entry[i];
		if (entry_state_of(atomic_load(&entry->word)) != ENTRY_FREE)
			to[(*count)++] =
			    (struct extent){.at = atomic_load_explicit(&entry->at, memory_order_relaxed),
			                    .bytes = atomic_load_explicit(&entry->bytes, memory_order_relaxed),
			                    .index = i};
	}
	directory_unlock(family);
	qsort(to, *count, sizeof(*to), compare_extents);
	return KK_OK;
}

static int check_extents(const struct kk_family *family, const struct extent *extent, size_t count,
                         struct kk_error *error)
{
	uint64_t end = 0;
	for (size_t i = 0; i < count; i++) {
		if (extent[i].at < end || extent[i].at % FAMILY_ALIGN != 0 || extent[i].bytes == 0 ||
		    extent[i].at > family->heap_bytes || extent[i].bytes > family->heap_bytes - extent[i].at)
			return kk_error_set(error, KK_ERR_CORRUPT,
			                    "the memory of object %" PRIu32 " of the family is not its own",
			                    extent[i].index);
		end = extent[i].at + extent[i].bytes;
	}
	return KK_OK;
}

/* What a kind says of an object counts only if the object was there all the time. */
static int check_object(const struct kk_family *family, const struct extent *extent, struct kk_error *error)
{
	const struct family_entry *entry = &family->entry[extent->index];
	struct kk_error found = {0};
	uint64_t word = atomic_load(&entry->word);
	const struct kk_kind *kind = kk_kind_of(atomic_load_explicit(&entry->kind, memory_order_relaxed));
	int rc = KK_OK;
	if (entry_state_of(word) != ENTRY_LIVE || extent->at != atomic_load_explicit(&entry->at, memory_order_relaxed))
		return KK_OK;
	if (!kind)
		rc = kk_error_set(&found, KK_ERR_CORRUPT, "it is of no kind");
	else if (kind->check)
		rc = kind->check(family->heap + extent->at, extent->bytes, &found);
	if (rc == KK_OK || atomic_load(&entry->word) != word)
		return KK_OK;
	return kk_error_set(error, KK_ERR_CORRUPT, "%s %" PRIu32 " of the family: %s", kind ? kind->name : "object",
	                    extent->index, found.text);
}

int kk_family_check(const struct kk_family *family, struct kk_error *error)
{
	size_t count = 0;
	struct extent *extents = malloc(family->objects * sizeof(*extents));
	if (!extents)
		return kk_error_set(error, KK_ERR_MEMORY, "no memory to check a family");
	int rc = check_numbers(family, error);
	if (rc == KK_OK)
		rc = list_extents(family, extents, &count, error);
	if (rc == KK_OK)
		rc = check_extents(family, extents, count, error);
	for (size_t i = 0; i < count && rc == KK_OK; i++)
		rc = check_object(family, &extents[i], error);
	free(extents);
	return rc;
}
