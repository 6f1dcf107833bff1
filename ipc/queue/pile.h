/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/queue/pile.h - reads items and an order, produces them in that order: what kk_lifo and kk_priority_queue have in
 * common. Inside ipc/queue only. Why it is right stands in ipc/MEMORY.md, "Lifo and priority queue".
 *
 *	header | heap[entries] | unused[entries] | entry[entries] | data[entries] if items do not fit into their entries
 *
 * What counts is the word of each entry, which changes by one store. Heap, unused and the counts follow from the words:
 * who has the guard keeps them so; when he dies, `stale` makes the next one build them anew.
 *
 *	word = state:3 seat:9 lost:16 deaths:8 generation:28
 *
 *	FREE --put--> WAITING --get--> HELD(seat), joinable --done--> FREE          plain get: WAITING --> FREE
 *	              WAITING --remove--> REMOVED --comes up--> FREE
 *	              HELD --its holder is buried--> RETURNED --next with the guard--> WAITING;   or FREE, one more lost
 *
 *	field                      written by                       read by    ordering
 *	capacity .. seats, order   creator                          all        before it is published
 *	guard                      see ipc/guard
 *	stale, shut                burials; who has the guard       all        seq_cst
 *	waiting                    who has the guard                all        relaxed: a hint, outside of the guard
 *	counts, heap, entries      who has the guard                likewise   by the guard
 *	entry.word                 who has the guard; the burial of the seat it names      release / acquire
 */
#ifndef IPC_QUEUE_PILE_H
#define IPC_QUEUE_PILE_H

#include "family/object.h"
#include "guard/guard.h"
#include <kakehi/queue.h>

#define PILE_MAGIC   0x6b6b7069U
#define PILE_VERSION 1U
#define PILE_NONE    UINT32_MAX

enum pile_order { PILE_LAST_FIRST, PILE_SMALLEST_FIRST };
enum pile_state { PILE_FREE, PILE_WAITING, PILE_HELD, PILE_RETURNED, PILE_REMOVED };

struct pile_memory {
	uint32_t magic, version, order;
	uint32_t capacity, item_max, in_hand, redeliver, joinable, seats;
	_Alignas(64) struct kk_guard guard;
	_Atomic uint32_t stale, shut, waiting;
	uint32_t heap_count, unused_count, held; /* in the heap are WAITING and REMOVED ones */
	uint64_t sequence;                       /* of the next item                        */
	_Alignas(64) struct kk_event items;      /* or the end */
	struct kk_event room, done;
};

struct pile_entry {
	_Atomic uint64_t word;
	int64_t priority;
	uint64_t sequence;
	uint64_t next_tag; /* held after this one by the same seat: its word, and its number */
	uint32_t next;
	uint32_t bytes;
	uint32_t place; /* in the heap */
	unsigned char data[20];
};
_Static_assert(sizeof(struct pile_entry) == 64, "an entry is a cache line");

#define PILE_INLINE sizeof(((struct pile_entry *)0)->data)

struct pile_plan {
	uint32_t capacity, item_max, entries, redeliver, seats;
	enum pile_order order;
	bool joinable;
	uint64_t heap_at, unused_at, entry_at, data_at, data_stride, bytes;
};

/* What a thread in a seat got and is not done with, first to last: a list through the entries. Of an earlier sitter, if
 * the first one's word is not `tag`. */
struct pile_hold {
	uint32_t first, last;
	uint64_t tag;
};

/* The private side. A handle of a lifo or priority queue is one; their types only keep the two from being mixed up. */
struct pile {
	struct kk_object object;
	struct pile_plan plan;
	struct pile_memory *memory;
	uint32_t *heap, *unused;
	struct pile_entry *entry;
	unsigned char *data;
	struct pile_hold *hold; /* [1 .. seats] */
	int spins;
};

/* ---- words */

#define PILE_GENERATIONS (UINT64_C(1) << 28)

static inline uint64_t pile_word(enum pile_state state, unsigned seat, uint64_t lost, uint64_t deaths,
                                 uint64_t generation)
{
	return (uint64_t)state << 61 | (uint64_t)seat << 52 | lost << 36 | deaths << 28 | generation % PILE_GENERATIONS;
}
static inline enum pile_state pile_state_of(uint64_t word)
{
	return (enum pile_state)(word >> 61);
}
static inline unsigned pile_seat_of(uint64_t word)
{
	return (unsigned)(word >> 52) & KK_SEAT_MAX;
}
static inline uint64_t pile_lost_of(uint64_t word)
{
	return word >> 36 & 0xffff;
}
static inline uint64_t pile_deaths_of(uint64_t word)
{
	return word >> 28 & 0xff;
}
static inline uint64_t pile_generation_of(uint64_t word)
{
	return word % PILE_GENERATIONS;
}
/* The same life of the entry in another state. */
static inline uint64_t pile_become(uint64_t word, enum pile_state state, unsigned seat)
{
	return pile_word(state, seat, pile_lost_of(word), pile_deaths_of(word), pile_generation_of(word));
}
/* The next life. */
static inline uint64_t pile_begin(uint64_t word, enum pile_state state)
{
	return pile_word(state, 0, pile_lost_of(word), 0, pile_generation_of(word) + 1);
}

/* ---- pile.c */

/* What the public functions of the same names do. */
struct pile *pile_create(struct kk_family *family, enum pile_order order, const struct kk_queue_spec *spec,
                         struct kk_error *error);
struct pile *pile_open(struct kk_family *family, enum pile_order order, uint64_t ref, struct kk_error *error);
uint64_t pile_ref(const struct pile *pile);
void pile_close(struct pile *pile);
void pile_destroy(struct pile *pile);
void pile_usage(struct pile *pile, struct kk_queue_usage *usage);
int pile_check(struct pile *pile, struct kk_error *error);

/* ---- heap.c: all under the guard */

/* A wild number, from broken memory, leads to the first entry. */
static inline struct pile_entry *pile_entry_of(const struct pile *pile, uint32_t number)
{
	return &pile->entry[number < pile->plan.entries ? number : 0];
}
static inline uint64_t pile_look(const struct pile *pile, uint32_t number)
{
	return atomic_load_explicit(&pile_entry_of(pile, number)->word, memory_order_acquire);
}
static inline void pile_store(const struct pile *pile, uint32_t number, uint64_t word)
{
	atomic_store_explicit(&pile_entry_of(pile, number)->word, word, memory_order_release);
}

/* Takes the guard and makes good what a death has left. 0, KK_ERR_TIMEOUT or KK_ERR_CORRUPT. */
int pile_enter(struct pile *pile, unsigned seat, int64_t deadline_ns);
void pile_leave(struct pile *pile);
/* The entry that is next in order, or PILE_NONE. */
uint32_t pile_first(struct pile *pile);
/* An unused entry, or PILE_NONE. It stays unused until its word says otherwise. */
uint32_t pile_unused(struct pile *pile);
/* The last one that pile_unused said is WAITING now. */
void pile_insert(struct pile *pile, uint32_t number);
/* The first one is not WAITING any more; it is FREE if `unused`. */
void pile_pop(struct pile *pile, bool unused);
/* An entry out of somebody's hand is FREE. */
void pile_release(struct pile *pile, uint32_t number);
/* The entry's priority has changed. */
void pile_move(struct pile *pile, uint32_t number);

/* ---- pile_use.c: what the public functions do */

int pile_put(struct pile *pile, int64_t priority, const void *data, size_t bytes, int timeout_ms, uint64_t *id);
/* `take` false: only looks. */
int64_t pile_get(struct pile *pile, int64_t *priority, void *to, size_t room, int timeout_ms, bool take, uint64_t *id);
int pile_remove(struct pile *pile, uint64_t id);
int pile_update(struct pile *pile, uint64_t id, int64_t priority);
int pile_task_done(struct pile *pile);
int pile_join(struct pile *pile, int timeout_ms);
int pile_shutdown(struct pile *pile);
/* Items that wait. */
uint32_t pile_size(struct pile *pile);
bool pile_full(struct pile *pile);

#endif
