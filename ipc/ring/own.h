/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/ring/own.h - reads and produces the two kinds of words the ring is made of. Inside ipc/ring only.
 *
 *   own word   state:3 | role:9 | ring:11 | side:1 | position:40
 *   slot word  cycle:40 | handle:24        cycle = position >> log2(slots)
 */
#ifndef IPC_RING_OWN_H
#define IPC_RING_OWN_H

#include "wait/point.h"
#include <kakehi/ring.h>
#include <stdatomic.h>

#define POSITION_MASK   ((UINT64_C(1) << KK_POSITION_BITS) - 1)
#define HANDLE_NONE     0xffffffu /* a slot that was never filled */
#define HANDLE_SENTINEL 0xfffffeu

static inline uint64_t own_make(enum kk_own_state state, unsigned role, unsigned ring, unsigned side, uint64_t position)
{
	return (uint64_t)state << 61 | (uint64_t)role << 52 | (uint64_t)ring << 41 | (uint64_t)side << 40 | position;
}
static inline enum kk_own_state own_state(uint64_t own)
{
	return (enum kk_own_state)(own >> 61);
}
static inline unsigned own_role(uint64_t own)
{
	return (unsigned)(own >> 52) & 0x1ffu;
}
static inline unsigned own_ring(uint64_t own)
{
	return (unsigned)(own >> 41) & 0x7ffu;
}
static inline unsigned own_side(uint64_t own)
{
	return (unsigned)(own >> 40) & 1u;
}
static inline uint64_t own_position(uint64_t own)
{
	return own & POSITION_MASK;
}
/* The same owner and claim in another state. */
static inline uint64_t own_with_state(uint64_t own, enum kk_own_state state)
{
	return (own & ~(UINT64_C(7) << 61)) | (uint64_t)state << 61;
}
/* Is this entry in ring `ring` at `position`, whoever put it there and on whichever side? */
static inline bool own_is_queued_at(uint64_t own, unsigned ring, uint64_t position)
{
	return (own & ~own_make(KK_OWN_IDLE, KK_ROLE_MAX, 0, 1, 0)) == own_make(KK_OWN_QUEUED, 0, ring, 0, position);
}

static inline uint64_t slot_make(uint64_t cycle, uint32_t handle)
{
	return cycle << 24 | handle;
}
static inline uint64_t slot_cycle(uint64_t slot)
{
	return slot >> 24;
}
static inline uint32_t slot_handle(uint64_t slot)
{
	return (uint32_t)(slot & 0xffffffu);
}

/* The private handle on a table. */
struct kk_table {
	_Atomic uint64_t *own; /* one word an entry, side by side */
	unsigned char *entries;
	uint32_t count, stride;
	unsigned role;
};

static inline _Atomic uint64_t *own_of(const struct kk_table *table, uint32_t handle)
{
	return &table->own[handle];
}

/* ring.c: is the entry what the slot at its recorded position holds? For the heir. */
bool kk_ring_holds(const struct kk_ring *ring, uint32_t handle, uint64_t own);
unsigned kk_ring_number(const struct kk_ring *ring);

#endif
