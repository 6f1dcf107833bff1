/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/queue/layout.h - reads a queue's spec, produces where things lie in its memory, and the rings that its entries
 * travel through. Inside ipc/queue only. Why it is right stands in ipc/MEMORY.md, "Queue".
 *
 *	header | table of entries | rings | data[items] if items do not fit into their entries
 *
 *	              .----------- put ----------.                .--- got, plain queue; done ----.
 *	FREE --take--> CLAIMED(FREE) --> WORK --take--> CLAIMED --> COMMIT(joinable: delivered) --> FREE
 *	                                  BACK <-- the getter died, or gave it back --'
 *
 * A *note* is an entry without data: it says who died, and travels through the same rings from NOTES and back there.
 *
 *	field            written by            read by         ordering
 *	all up to seats  creator               who opens       before the queue is published
 *	producer[seat]   the seat; its burial  its burial      relaxed; behind the death
 *	room, done       see wait.h
 *	entry, data      who holds the entry   its next holder by the rings (K2, L1)
 */
#ifndef IPC_QUEUE_LAYOUT_H
#define IPC_QUEUE_LAYOUT_H

#include "family/object.h"
#include "wait/look.h"
#include "wait/spin.h"
#include <kakehi/queue.h>
#include <kakehi/ring.h>
#include <stdatomic.h>

#define QUEUE_MAGIC   0x6b6b7175U
#define QUEUE_VERSION 1U
#define QUEUE_NONE    UINT32_MAX
#define QUEUE_BATCH   64 /* entries taken at a time */

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

enum queue_ring {
	QUEUE_WORK,  /* what waits to be got, in order; ends with the sentinel               */
	QUEUE_FREE,  /* unused entries                                                       */
	QUEUE_BACK,  /* what comes before WORK: it was taken out of there, and not delivered */
	QUEUE_LATE,  /* notes that came after the sentinel                                   */
	QUEUE_NOTES, /* unused notes                                                         */
	QUEUE_LOST,  /* items on their way to FREE that nobody will ever have done           */
	QUEUE_RINGS,
};

struct queue_memory {
	uint32_t magic, version;
	uint32_t capacity, item_max, in_hand, redeliver, joinable, seats;
	/* On a line that is hardly ever written: everybody looks there whether somebody waits. */
	_Alignas(
	    64) struct kk_event room; /* an entry has fallen free, or room in WORK; also for who waits for the end */
	struct kk_event done;         /* an item is finished                                                      */
	_Alignas(64) _Atomic uint32_t producer[KK_SEAT_MAX + 1]; /* enum, or a note + PRODUCER_FILING: see bury.c */
};

enum { PRODUCER_NONE, PRODUCER_YES, PRODUCER_FILING };

/* What an entry of the table holds: an item or a note. */
struct queue_entry {
	uint32_t bytes;
	uint32_t next; /* held after this one by the same seat, or QUEUE_NONE; and its tag */
	uint64_t next_tag;
	uint64_t deaths; /* count:16 | claim:48: how many died with it, the last of them in this claim */
	unsigned char data[40];
};
struct queue_note {
	uint32_t pid, seat;
	uint64_t reserved;
	char name[KK_NAME_MAX + 1];
};
_Static_assert(sizeof(struct queue_entry) == 64 && sizeof(struct queue_note) == 64, "an entry is a cache line");

#define QUEUE_INLINE sizeof(((struct queue_entry *)0)->data)

/* Where everything lies: follows from the header alone. */
struct queue_plan {
	uint32_t capacity, item_max, items, notes, redeliver, seats;
	bool joinable;
	uint32_t slots[QUEUE_RINGS];
	uint64_t table_at, table_bytes, ring_at[QUEUE_RINGS], data_at, data_stride, bytes;
};

/* queue.c: 0, or KK_ERR_INVALID: out of range. */
int queue_plan_make(struct queue_plan *plan, const struct kk_queue_spec *spec, uint32_t seats);
/* queue.c: the plan of a queue in memory; KK_ERR_CORRUPT, KK_ERR_VERSION. */
int queue_plan_read(struct queue_plan *plan, const void *memory, uint64_t bytes);

/* A seat's own handles on table and rings, and what it alone knows. Used by the thread that sits there, or by who
 * buries it. */
struct queue_side {
	struct kk_table *table;
	struct kk_ring *ring[QUEUE_RINGS];
	struct queue_memory *memory;
	unsigned char *data;
	uint64_t data_stride;
	uint32_t items, item_max;
	unsigned seat;
	bool keeps; /* joinable */
	/* The items of kk_queue_get that are not done, first to last: a list through the entries. Of an earlier sitter,
	 * if the first one's own word is not `held_tag`. */
	uint32_t held_first, held_last;
	uint64_t held_tag;
	pid_t told; /* the thread that was told of the casualty; 0: none */
	struct kk_casualty casualty;
};

/* queue.c: seat 0 only looks. KK_ERR_MEMORY, KK_ERR_CORRUPT. */
int queue_side_make(struct queue_side **side, const struct queue_plan *plan, void *memory, unsigned seat);
void queue_side_free(struct queue_side *side);

struct kk_queue {
	struct kk_object object;
	struct queue_plan plan;
	int spins; /* looks before sleeping */
	struct queue_side *looker;
	_Atomic(struct queue_side *) side[]; /* [1 .. seats], made by each seat's first operation */
};

/* queue.c: the side of the calling thread, or what kk_family_seat says. */
int queue_side_new(struct kk_queue *queue, unsigned seat, struct queue_side **side);
static inline int queue_side_of(struct kk_queue *queue, struct queue_side **side)
{
	int seat = kk_family_seat(queue->object.family);
	if (UNLIKELY(seat < 0))
		return seat;
	*side = atomic_load_explicit(&queue->side[seat], memory_order_acquire);
	return LIKELY(*side != NULL) ? KK_OK : queue_side_new(queue, (unsigned)seat, side);
}

static inline bool queue_is_note(const struct queue_side *side, uint32_t handle)
{
	return handle >= side->items;
}
static inline struct queue_entry *queue_entry_of(const struct queue_side *side, uint32_t handle)
{
	return kk_table_entry(side->table, handle);
}
static inline void *queue_data_of(const struct queue_side *side, uint32_t handle)
{
	return side->data ? side->data + handle * side->data_stride : queue_entry_of(side, handle)->data;
}

/* An entry that the side holds is unused again. */
int queue_free(struct queue_side *side, uint32_t handle);
/* An entry that the side holds comes before all that wait. */
int queue_back(struct queue_side *side, uint32_t handle);
/* Who waits for room, or for the end, looks again; also who does so by kk_wait_any: at the end that sleeps on the
 * items' event. queue_tell_room - after any change: there is room in the queue, or something has left a hand. */
void queue_wake_room(struct queue_side *side);
static inline void queue_tell_room(struct queue_side *side)
{
	if (kk_event_waited(&side->memory->room))
		queue_wake_room(side);
}
/* Does the calling thread's side hold this item in this very hold? KK_ERR_NOT_OWNER. */
int queue_holds(const struct queue_side *side, const struct kk_queue_item *item);

#endif
