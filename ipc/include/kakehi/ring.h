/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/ring.h - the recording ring: a bounded FIFO of handles between processes that survives their deaths.
 *
 * Reads handles of entries of a table, produces them in order, each exactly once, although a process may be killed
 * at any instruction. Each entry has an own word, which records who owns it; taking an entry out of a ring and
 * recording the new owner are one compare-and-swap, so there is never a moment at which an entry belongs to nobody.
 * Descends from Vyukov's bounded MPMC queue (a cycle number in each slot), from which it keeps the two
 * read-modify-writes a hop.
 * The argument, the table of crash points and the ordering pairs stand in ipc/MEMORY.md.
 *
 * Words
 *   table   entries of equal size in shared memory and an own word for each; any number of rings share one
 *   handle  an entry's index in its table
 *   role    1 .. 511: who owns; one process at a time plays it. The next process that plays a role is its heir and
 *           first of all calls kk_table_inherit(), which finishes what the dead one had in hand
 *
 * Nobody waits for a process that is dead, stopped or preempted: a slot is never reserved before it is filled.
 */
#ifndef KAKEHI_RING_H
#define KAKEHI_RING_H

#include <kakehi/error.h>
#include <kakehi/wait.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_ROLE_MAX      511u
#define KK_RING_MAX      2047u     /* ring numbers within a table: 0 .. 2047                    */
#define KK_TABLE_MAX     0xfffff0u /* entries of a table                                        */
#define KK_POSITION_BITS 40        /* positions are counted modulo 2^40                         */

enum kk_own_state {
	KK_OWN_IDLE = 0, /* belongs to nobody yet: never put anywhere                           */
	KK_OWN_CLAIMED,  /* `role` took it out of `ring` at `position`                          */
	KK_OWN_QUEUED,   /* `role` put it into `ring` at `position`                             */
	KK_OWN_COMMIT,   /* `role` holds it and has decided; what it decided stands in the entry */
	KK_OWN_PARKED,   /* in nobody's hand until the owner of its group says otherwise        */
};

/* An own word, taken apart. `side` is one bit that the user of the table may give an entry when putting it; it stays
 * with it until the next put. */
struct kk_own {
	enum kk_own_state state;
	unsigned role, ring, side;
	uint64_t position;
};

/* Private handles; a process makes its own by attaching. */
struct kk_table;
struct kk_ring;

/* ---- tables */

/* kk_table_size - bytes of shared memory for `entries` of `entry_bytes` each (a multiple of 64); 0 if out of range. */
KK_API size_t kk_table_size(uint32_t entries, uint32_t entry_bytes);
/* kk_table_init - makes a table in `memory` (64-byte aligned, zeroed): all entries IDLE. Once, by the creator. */
KK_API int kk_table_init(void *memory, uint32_t entries, uint32_t entry_bytes);
/* kk_table_attach - a private handle for a process that plays `role` (0: only looks). `bytes` is what is mapped. The
 * memory must stay mapped until kk_table_detach. KK_ERR_VERSION or KK_ERR_CORRUPT if it is no sound table. */
KK_API int kk_table_attach(struct kk_table **table, void *memory, size_t bytes, unsigned role);
KK_API void kk_table_detach(struct kk_table *table);
KK_API uint32_t kk_table_entries(const struct kk_table *table);
/* kk_table_entry - the entry's memory, all of it the caller's (the own word lies elsewhere), aligned to 64 bytes; NULL
 * if there is no such handle. */
KK_API void *kk_table_entry(const struct kk_table *table, uint32_t handle);
/* kk_table_own - the entry's own word as it is now. */
KK_API struct kk_own kk_table_own(const struct kk_table *table, uint32_t handle);
/* kk_table_own_word - the same in one number: a tag that names this very claim (compare only). */
KK_API uint64_t kk_table_own_word(const struct kk_table *table, uint32_t handle);

/* kk_table_look - if the entry is in the hand (CLAIMED or COMMIT) of the table's role: copies its first `bytes` (a
 * multiple of 8) to `to`, says how it is held and returns true. What it copies is of this one claim: an entry that is
 * parked, and perhaps begun anew by others, while we look is not ours any more. */
KK_API bool kk_table_look(const struct kk_table *table, uint32_t handle, void *to, size_t bytes, struct kk_own *own);
/* kk_table_copy - the same of whatever state, and without a promise that it is of one moment: each word is whole. */
KK_API void kk_table_copy(const struct kk_table *table, uint32_t handle, void *to, size_t bytes);

/* kk_table_commit - the caller holds the entry (CLAIMED): everything it wrote into the entry before is its decision.
 * A death after this call makes the heir complete it, before it redo the work. */
KK_API void kk_table_commit(struct kk_table *table, uint32_t handle);
/* kk_table_park - the caller holds the entry (CLAIMED or COMMIT) and gives it up without putting it anywhere. Does
 * nothing if the entry is no longer the caller's. */
KK_API void kk_table_park(struct kk_table *table, uint32_t handle);
/* kk_table_idle - the owner of an entry's group resets a parked or idle entry. */
KK_API void kk_table_idle(struct kk_table *table, uint32_t handle);

/* ---- rings */

/* kk_ring_size - bytes of shared memory for a ring of `slots` (a power of two, 1 .. 2^20); 0 if out of range. */
KK_API size_t kk_ring_size(uint32_t slots);
/* kk_ring_init - makes an empty ring number `number` in `memory` (64-byte aligned, zeroed), whose first position is
 * `start` (any; tests start near the wrap). Once, by the creator. */
KK_API int kk_ring_init(void *memory, uint32_t slots, unsigned number, uint64_t start);
/* kk_ring_attach - a private handle on the ring for entries of `table`, which must outlive it. `items` and `room` are
 * the events to wake when entries come or slots fall free: NULL for the ring's own ones. `items_bell` and `room_bell`:
 * see kk_event_wake. */
KK_API int kk_ring_attach(struct kk_ring **ring, void *memory, size_t bytes, struct kk_table *table);
KK_API void kk_ring_detach(struct kk_ring *ring);
/* kk_ring_events - replaces the events and bells this handle wakes: several rings may share one (the same choice in
 * every process). NULL keeps the ring's own. */
KK_API void kk_ring_events(struct kk_ring *ring, struct kk_event *items, int items_bell, struct kk_event *room,
                           int room_bell);
KK_API struct kk_event *kk_ring_items_event(struct kk_ring *ring);
KK_API struct kk_event *kk_ring_room_event(struct kk_ring *ring);

/* kk_ring_limit - through this handle no more than `entries` (1 .. slots) are put into the ring: FULL is then exact for
 * any number, if all who put have the same limit. The sentinel needs a slot of its own beyond it. KK_ERR_INVALID. */
KK_API int kk_ring_limit(struct kk_ring *ring, uint32_t entries);

/* kk_ring_fill - puts the entries 0-based `first` .. `first + count - 1` (IDLE) into a new ring. Creator only, before
 * anybody else attaches. */
KK_API int kk_ring_fill(struct kk_ring *ring, uint32_t first, uint32_t count);

/* kk_ring_put - puts an entry the caller holds behind all others, with `side`. On 0 it is no longer the caller's. On
 * KK_ERR_FULL it still is, as it was; likewise on KK_ERR_CLOSED: the sentinel stands where it would have come. Wakes
 * nobody: call kk_ring_announce after one or several puts, and before waiting for anything. KK_ERR_CORRUPT: the shared
 * memory is not sound. */
KK_API int kk_ring_put(struct kk_ring *ring, uint32_t handle, unsigned side);
/* kk_ring_announce - tells waiting takers that `count` entries were put. */
KK_API void kk_ring_announce(struct kk_ring *ring, int count);
/* kk_ring_take - takes up to `max` entries in order; they are the caller's (CLAIMED). Returns how many, KK_ERR_EMPTY,
 * or KK_ERR_CLOSED: the sentinel stands at the head, nothing will come any more. Wakes waiting putters when the ring
 * has become half empty. */
KK_API int kk_ring_take(struct kk_ring *ring, uint32_t *handles, int max);

/* kk_ring_close - puts the sentinel. Everyone who comes to it sees it; nobody takes it, nothing is put behind it. Wakes
 * all takers. KK_ERR_FULL: no free slot now. Doing it twice does nothing. Any process. */
KK_API int kk_ring_close(struct kk_ring *ring);
KK_API bool kk_ring_closed(const struct kk_ring *ring);

/* kk_ring_count - entries in the ring: exact while nobody moves, otherwise somewhere between. */
KK_API uint64_t kk_ring_count(const struct kk_ring *ring);
/* kk_ring_puts - how many entries were ever put since kk_ring_init (without the sentinel): exact while nobody
 * moves, and a lower bound otherwise. A kill cannot make it wrong: it is read off the slots. */
KK_API uint64_t kk_ring_puts(const struct kk_ring *ring);
KK_API uint32_t kk_ring_slots(const struct kk_ring *ring);
/* kk_ring_check - are the ring's words within their ranges and its slots in order? 0 or KK_ERR_CORRUPT. */
KK_API int kk_ring_check(const struct kk_ring *ring, struct kk_error *error);

/* ---- inheriting */

/* What the heir's program does with what it finds. Each is called with `arg`; handles are the heir's own. */
struct kk_heir {
	/* COMMIT: complete what the entry says, also if some of it is done already (every step must be repeatable). */
	int (*complete)(void *arg, uint32_t handle);
	/* CLAIMED out of ring number `ring`: an item in hand, or an unused entry of a free ring. Keep it or put it. */
	int (*redo)(void *arg, uint32_t handle, unsigned ring);
	/* The ring with this number, to finish a put into it; NULL: corrupt. */
	struct kk_ring *(*ring)(void *arg, unsigned number);
	/* The ring is full: wait for room (0), or give up (negative, which ends the inheriting). */
	int (*wait_room)(void *arg, struct kk_ring *ring);
	void *arg;
};

/* kk_table_inherit - the first thing a process does that plays the table handle's role: finishes the predecessor's
 * business, decisions first. May be killed and repeated. Returns the number of entries found in its hand, or a
 * negative code from a callback, or KK_ERR_CORRUPT. */
KK_API long kk_table_inherit(struct kk_table *table, const struct kk_heir *heir);

/* kk_table_published - for an heir with a walk of its own: false if the predecessor died while it put this entry
 * (QUEUED, by the table's role) into `ring`, so that nobody else can find it. */
KK_API bool kk_table_published(const struct kk_table *table, const struct kk_ring *ring, uint32_t handle);

#ifdef __cplusplus
}
#endif
#endif
