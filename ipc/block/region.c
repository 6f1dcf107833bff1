/* SPDX-License-Identifier: Apache-2.0 */
#include "block/region.h"
#include <stdlib.h>

#define NOBODY UINT32_MAX

struct place {
	uint64_t offset, length; /* length 0: no block     */
	uint32_t before, after;  /* neighbours in the order of addresses */
};

struct region {
	uint64_t bytes;
	uint32_t slots;
	uint32_t first; /* the block with the lowest address                   */
	uint32_t last;  /* the one placed last: the next search starts here    */
	uint32_t unused_count;
	region_is_free *is_free;
	void *arg;
	uint32_t *unused; /* stack of slots without a block */
	struct place *place;
};

struct region *region_new(uint64_t bytes, uint32_t slots, region_is_free *is_free, void *arg)
{
	struct region *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	*r = (struct region){
	    .bytes = bytes, .slots = slots, .first = NOBODY, .last = NOBODY, .is_free = is_free, .arg = arg};
	r->unused = calloc(slots ? slots : 1, sizeof(*r->unused));
	r->place = calloc(slots ? slots : 1, sizeof(*r->place));
	if (!r->unused || !r->place) {
		region_free(r);
		return NULL;
	}
	for (uint32_t i = slots; i > 0; i--)
		r->unused[r->unused_count++] = i - 1;
	return r;
}

void region_free(struct region *region)
{
	if (!region)
		return;
	free(region->unused);
	free(region->place);
	free(region);
}

/* Links `slot` in behind `before` (NOBODY: in front of all). */
static void link_behind(struct region *r, uint32_t before, uint32_t slot, uint64_t offset, uint64_t length)
{
	uint32_t after = before == NOBODY ? r->first : r->place[before].after;
	r->place[slot] = (struct place){offset, length, before, after};
	if (before == NOBODY)
		r->first = slot;
	else
		r->place[before].after = slot;
	if (after != NOBODY)
		r->place[after].before = slot;
}

bool region_at(const struct region *region, uint32_t slot, uint64_t *offset, uint64_t *length)
{
	if (slot >= region->slots || region->place[slot].length == 0)
		return false;
	*offset = region->place[slot].offset;
	*length = region->place[slot].length;
	return true;
}

/* A broken process can make the log say that a block is free which its owner will give back once more. */
void region_remove(struct region *region, uint32_t slot)
{
	struct place *p = &region->place[slot];
	if (p->length == 0)
		return;
	p->length = 0;
	if (p->before == NOBODY)
		region->first = p->after;
	else
		region->place[p->before].after = p->after;
	if (p->after != NOBODY)
		region->place[p->after].before = p->before;
	if (region->last == slot)
		region->last = p->before;
	region->unused[region->unused_count++] = slot;
}

/* The end of the free room that begins behind `before`: removes dead neighbours on the way. */
static uint64_t room_end(struct region *r, uint32_t before)
{
	for (;;) {
		uint32_t after = before == NOBODY ? r->first : r->place[before].after;
		if (after == NOBODY)
			return r->bytes;
		if (!r->is_free(r->arg, after))
			return r->place[after].offset;
		region_remove(r, after);
	}
}

static uint64_t room_start(const struct region *r, uint32_t before)
{
	return before == NOBODY ? 0 : r->place[before].offset + r->place[before].length;
}

static void drop_dead_last(struct region *r)
{
	while (r->last != NOBODY && r->is_free(r->arg, r->last))
		region_remove(r, r->last);
}

bool region_place(struct region *region, uint64_t length, uint32_t *slot, uint64_t *offset)
{
	struct region *r = region;
	drop_dead_last(r);
	uint32_t before = r->last;
	bool wrapped = before == NOBODY;
	for (;;) {
		uint64_t end = room_end(r, before), start = room_start(r, before);
		if (end - start >= length && r->unused_count > 0) {
			*slot = r->unused[--r->unused_count];
			*offset = start;
			link_behind(r, before, *slot, start, length);
			r->last = *slot;
			return true;
		}
		/* On to the next living block; at the end once round, up to where the search began. */
		uint32_t next = before == NOBODY ? r->first : r->place[before].after;
		if (next == NOBODY) {
			if (wrapped)
				return false;
			wrapped = true;
			before = NOBODY;
		} else {
			before = next;
		}
	}
}

bool region_insert(struct region *region, uint32_t slot, uint64_t offset, uint64_t length)
{
	struct region *r = region;
	if (slot >= r->slots || length == 0 || length > r->bytes || offset > r->bytes - length)
		return false;
	uint32_t i = 0;
	while (i < r->unused_count && r->unused[i] != slot)
		i++;
	if (i == r->unused_count)
		return false;
	uint32_t before = NOBODY, next = r->first;
	/* Blocks mostly come in rising order: look from the last one on. */
	if (r->last != NOBODY && r->place[r->last].offset <= offset) {
		before = r->last;
		next = r->place[before].after;
	}
	while (next != NOBODY && r->place[next].offset <= offset) {
		before = next;
		next = r->place[next].after;
	}
	if (room_start(r, before) > offset || (next != NOBODY && r->place[next].offset < offset + length))
		return false;
	r->unused[i] = r->unused[--r->unused_count];
	link_behind(r, before, slot, offset, length);
	r->last = slot;
	return true;
}

bool region_resize(struct region *region, uint32_t slot, uint64_t length)
{
	struct place *p = &region->place[slot];
	if (p->length == 0 || (length > p->length && room_end(region, slot) - p->offset < length))
		return false;
	p->length = length;
	return true;
}
