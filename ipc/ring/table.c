/* SPDX-License-Identifier: Apache-2.0 */
/* The table of entries, and the heir's walk through it. */
#include "ring/own.h"
#include <stdlib.h>

#define TABLE_MAGIC UINT64_C(0x6b6b7461626c3032) /* "kktabl02" */

/* In shared memory; the own words follow, then the entries. Written by the creator, before anybody attaches.
 *
 * The own words lie side by side, away from what the entries hold: a hop then moves an eighth of a cache line from one
 * processor to the next instead of a whole one, since entries travel in about the order in which they were put, and an
 * heir's walk reads a fraction of the memory. Two that change neighbouring words disturb each other, as two do that
 * fill neighbouring slots; that costs less by far.
 */
struct table_memory {
	_Alignas(64) uint64_t magic;
	uint32_t count, stride;
};

static size_t own_bytes(uint32_t entries)
{
	return (entries * sizeof(uint64_t) + 63) & ~(size_t)63;
}

size_t kk_table_size(uint32_t entries, uint32_t entry_bytes)
{
	if (entries == 0 || entries > KK_TABLE_MAX || entry_bytes < 64 || entry_bytes % 64)
		return 0;
	return sizeof(struct table_memory) + own_bytes(entries) + (size_t)entries * entry_bytes;
}

int kk_table_init(void *memory, uint32_t entries, uint32_t entry_bytes)
{
	struct table_memory *m = memory;
	if (!kk_table_size(entries, entry_bytes) || (uintptr_t)memory % 64)
		return KK_ERR_INVALID;
	m->count = entries;
	m->stride = entry_bytes;
	m->magic = TABLE_MAGIC;
	return KK_OK;
}

int kk_table_attach(struct kk_table **table, void *memory, size_t bytes, unsigned role)
{
	struct table_memory *m = memory;
	if (!table || !m || role > KK_ROLE_MAX || bytes < sizeof(*m))
		return KK_ERR_INVALID;
	if (m->magic != TABLE_MAGIC)
		return KK_ERR_VERSION;
	size_t size = kk_table_size(m->count, m->stride);
	if (size == 0 || size > bytes)
		return KK_ERR_CORRUPT;
	struct kk_table *t = calloc(1, sizeof(*t));
	if (!t)
		return KK_ERR_MEMORY;
	t->own = (_Atomic uint64_t *)(void *)(m + 1);
	t->entries = (unsigned char *)(m + 1) + own_bytes(m->count);
	t->count = m->count;
	t->stride = m->stride;
	t->role = role;
	*table = t;
	return KK_OK;
}

void kk_table_detach(struct kk_table *table)
{
	free(table);
}

uint32_t kk_table_entries(const struct kk_table *table)
{
	return table->count;
}

void *kk_table_entry(const struct kk_table *table, uint32_t handle)
{
	return handle < table->count ? table->entries + (size_t)handle * table->stride : NULL;
}

uint64_t kk_table_own_word(const struct kk_table *table, uint32_t handle)
{
	KK_POINT("look at own");
	return atomic_load_explicit(own_of(table, handle), memory_order_acquire);
}

static struct kk_own own_apart(uint64_t own)
{
	return (struct kk_own){own_state(own), own_role(own), own_ring(own), own_side(own), own_position(own)};
}

struct kk_own kk_table_own(const struct kk_table *table, uint32_t handle)
{
	return own_apart(kk_table_own_word(table, handle));
}

void kk_table_copy(const struct kk_table *table, uint32_t handle, void *to, size_t bytes)
{
	const _Atomic uint64_t *from = (const _Atomic uint64_t *)kk_table_entry(table, handle);
	uint64_t *words = to;
	for (size_t i = 0; i < bytes / sizeof(*words); i++)
		words[i] = atomic_load_explicit(&from[i], memory_order_relaxed);
}

bool kk_table_look(const struct kk_table *table, uint32_t handle, void *to, size_t bytes, struct kk_own *own)
{
	uint64_t before = kk_table_own_word(table, handle);
	*own = own_apart(before);
	if (own->role != table->role || (own->state != KK_OWN_CLAIMED && own->state != KK_OWN_COMMIT))
		return false;
	KK_POINT("look: copy");
	kk_table_copy(table, handle, to, bytes);
	/* Who begins the entry anew says so in the own word (kk_table_idle) before anybody writes into the rest: a copy
	 * that holds a later word is followed by a look at a later own word. */
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(own_of(table, handle), memory_order_relaxed) == before;
}

void kk_table_commit(struct kk_table *table, uint32_t handle)
{
	_Atomic uint64_t *own = own_of(table, handle);
	KK_POINT("commit: read own");
	uint64_t now = atomic_load_explicit(own, memory_order_relaxed);
	KK_POINT("commit");
	/* Only the heir reads this, whose start is ordered behind the death; release keeps the record in front of it
	 * for whoever looks from outside. */
	atomic_store_explicit(own, own_with_state(now, KK_OWN_COMMIT), memory_order_release);
	KK_POINT("commit: done");
}

void kk_table_park(struct kk_table *table, uint32_t handle)
{
	_Atomic uint64_t *own = own_of(table, handle);
	KK_POINT("park: read own");
	uint64_t now = atomic_load_explicit(own, memory_order_acquire);
	enum kk_own_state state = own_state(now);
	if (own_role(now) != table->role || (state != KK_OWN_CLAIMED && state != KK_OWN_COMMIT))
		return;
	KK_POINT("park");
	/* A CAS, since the group may have been settled and begun anew by others behind our back. */
	atomic_compare_exchange_strong(own, &now, own_make(KK_OWN_PARKED, 0, 0, 0, 0));
	KK_POINT("park: done");
}

void kk_table_idle(struct kk_table *table, uint32_t handle)
{
	KK_POINT("idle");
	atomic_store_explicit(own_of(table, handle), own_make(KK_OWN_IDLE, 0, 0, 0, 0), memory_order_release);
	/* Pairs with the fence in kk_table_look: what is written into the entry from now on, by us or by those to whom
	 * we hand the group on, is not seen before this word is. */
	atomic_thread_fence(memory_order_release);
	KK_POINT("idle: done");
}

static int put_waiting(const struct kk_heir *heir, struct kk_ring *ring, uint32_t handle, unsigned side)
{
	int status;
	while ((status = kk_ring_put(ring, handle, side)) == KK_ERR_FULL) {
		status = heir->wait_room(heir->arg, ring);
		if (status < 0)
			return status;
	}
	if (status == KK_OK)
		kk_ring_announce(ring, 1);
	return status;
}

/* QUEUED by our predecessor: if the slot does not hold it, it died between K1 and K2, or somebody took it since. Only
 * an own word that has not changed meanwhile says which: nobody but us can take an entry that is in no slot. */
static bool is_published(const struct kk_table *table, const struct kk_ring *ring, uint32_t handle, uint64_t own)
{
	if (kk_ring_holds(ring, handle, own))
		return true;
	KK_POINT("heir: read own again");
	if (atomic_load_explicit(own_of(table, handle), memory_order_acquire) != own)
		return true;
	return false;
}

bool kk_table_published(const struct kk_table *table, const struct kk_ring *ring, uint32_t handle)
{
	uint64_t own = kk_table_own_word(table, handle);
	if (own_state(own) != KK_OWN_QUEUED || own_ring(own) != kk_ring_number(ring))
		return true;
	return is_published(table, ring, handle, own);
}

static int finish_put(struct kk_table *table, const struct kk_heir *heir, uint32_t handle, uint64_t own)
{
	struct kk_ring *ring = heir->ring(heir->arg, own_ring(own));
	if (!ring)
		return KK_ERR_CORRUPT;
	if (is_published(table, ring, handle, own))
		return 0;
	int status = put_waiting(heir, ring, handle, own_side(own));
	return status < 0 ? status : 1;
}

static int inherit_one(struct kk_table *table, const struct kk_heir *heir, uint32_t handle, bool decisions)
{
	KK_POINT("heir: read own");
	uint64_t own = atomic_load_explicit(own_of(table, handle), memory_order_acquire);
	if (own_role(own) != table->role)
		return 0;
	int status = 0;
	switch (own_state(own)) {
	case KK_OWN_COMMIT:
		status = decisions ? heir->complete(heir->arg, handle) : 0;
		return status < 0 ? status : decisions;
	case KK_OWN_CLAIMED:
		status = decisions ? 0 : heir->redo(heir->arg, handle, own_ring(own));
		return status < 0 ? status : !decisions;
	case KK_OWN_QUEUED:
		return decisions ? 0 : finish_put(table, heir, handle, own);
	case KK_OWN_IDLE:
	case KK_OWN_PARKED:
		return 0;
	}
	return KK_ERR_CORRUPT;
}

long kk_table_inherit(struct kk_table *table, const struct kk_heir *heir)
{
	long found = 0;
	/* Two passes: a decision may concern entries that the second pass would otherwise take for abandoned ones. */
	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t handle = 0; handle < table->count; handle++) {
			int status = inherit_one(table, heir, handle, pass == 0);
			if (status < 0)
				return status;
			found += status;
		}
	}
	return found;
}
