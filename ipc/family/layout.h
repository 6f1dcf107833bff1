/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/family/layout.h - reads the numbers of a family, produces where things lie in its segment: header, seats,
 * directory, heap. Inside ipc/family only. Why it is right stands in ipc/MEMORY.md, "Family".
 *
 *   field          written by                        read by              ordering
 *   seat.life      its sitter, undertakers, kernel   all                  a robust mutex; a look at its word: acquire
 *   seat.word      who holds life                    all                  release / acquire
 *   seat.face[]    who sits down, the one not shown  all                  between two looks at word
 *   seat.pin       who holds life                    who frees an entry   seq_cst, against entry.word
 *   entry.word     maker, destroyer, undertakers     all                  seq_cst
 *   entry others   maker, under `heap`               all                  between two looks at word
 *   heap           a robust mutex: one maker at a time takes an entry and memory
 *   high           makers, under `heap`              undertakers          release / acquire
 */
#ifndef IPC_FAMILY_LAYOUT_H
#define IPC_FAMILY_LAYOUT_H

#include "family/object.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#define FAMILY_MAGIC   UINT64_C(0x594c494d41466b6b) /* "kkFAMILY" */
#define FAMILY_VERSION 1U
#define FAMILY_ALIGN   64U

#define FAMILY_OBJECTS_MAX ((1U << 20) - 1)

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "atomics must not use locks of a process");

struct family_header {
	uint64_t magic;
	uint32_t version, seats, objects, mutex_bytes;
	uint64_t bytes; /* of the segment */
	uint64_t heap_at, heap_bytes;
	pthread_mutex_t heap;
	_Atomic uint32_t high; /* no entry above this one was ever used */
};

/* ---- seats */

/* word = sittings:31 deaths:31 state:2 */
enum seat_state {
	SEAT_EMPTY, /* nothing is due */
	SEAT_TAKEN, /* by the holder of life; if nobody who lives holds that: a death that is to be settled */
	SEAT_LEFT,  /* the sitter left in peace: likewise to be settled */
};

#define SEAT_STATE_MASK  UINT64_C(3)
#define SEAT_DEATH_ONE   (UINT64_C(1) << 2)
#define SEAT_DEATH_MASK  (UINT64_C(0x7fffffff) << 2)
#define SEAT_SITTING_ONE (UINT64_C(1) << 33)

enum { FACE_WORDS = (KK_NAME_MAX + 1) / 8 };

struct seat_face {
	_Atomic uint64_t id; /* pid:32 tid:32 */
	_Atomic uint64_t name[FACE_WORDS];
};

struct family_seat {
	pthread_mutex_t life;
	_Atomic uint64_t word;
	_Atomic uint64_t pin;     /* the entry that the undertaker of this seat works in; 0: none */
	struct seat_face face[2]; /* of sitting n: [n % 2]; the next sitter draws the other one   */
} __attribute__((aligned(FAMILY_ALIGN)));

static inline enum seat_state seat_state_of(uint64_t word)
{
	return (enum seat_state)(word & SEAT_STATE_MASK);
}

static inline uint64_t seat_word_with(uint64_t word, enum seat_state state)
{
	return (word & ~SEAT_STATE_MASK) | (uint64_t)state;
}

/* ---- directory */

/* word = generation:40 seat:9 state:2 */
enum entry_state {
	ENTRY_FREE,
	ENTRY_MAKING, /* by `seat` */
	ENTRY_LIVE,
	ENTRY_ENDING, /* free as soon as no undertaker works in it */
};

#define ENTRY_GENERATIONS  (UINT64_C(1) << 40)
#define ENTRY_SEAT_SHIFT   2
#define ENTRY_GENERATION_0 11
#define REF_INDEX_BITS     20

struct family_entry {
	_Atomic uint64_t word;
	_Atomic uint64_t at, bytes; /* in the heap */
	_Atomic uint32_t kind, layout;
};

static inline uint64_t entry_word(uint64_t generation, unsigned seat, enum entry_state state)
{
	return generation << ENTRY_GENERATION_0 | (uint64_t)seat << ENTRY_SEAT_SHIFT | (uint64_t)state;
}

static inline enum entry_state entry_state_of(uint64_t word)
{
	return (enum entry_state)(word & 3);
}

static inline unsigned entry_seat_of(uint64_t word)
{
	return (unsigned)(word >> ENTRY_SEAT_SHIFT) & KK_SEAT_MAX;
}

static inline uint64_t entry_generation_of(uint64_t word)
{
	return word >> ENTRY_GENERATION_0;
}

/* ---- private */

/* A thread of this process in a seat. Guarded by the lock of family.c; `family` and `seat` never change. */
struct sitting {
	struct kk_family *family;
	unsigned seat;
	struct sitting *next;      /* of the same thread: touched by it alone */
	struct sitting *companion; /* of the same family                      */
};

struct kk_family {
	struct family_header *header;
	struct family_seat *seat;   /* [1 .. seats]   */
	struct family_entry *entry; /* [1 .. objects] */
	unsigned char *heap;
	/* Copies: what others may write there does not make us look outside of the segment. */
	uint32_t seats, objects;
	uint64_t bytes, heap_bytes;
	int fd;
	dev_t device;
	ino_t inode;
	unsigned opens;            /* 0: closed, but threads of this process still sit in it */
	struct sitting *sittings;  /* of this process */
	_Atomic int64_t looked_ns; /* when a sleeper of this process last looked after the dead; relaxed */
	struct kk_family *next;
};

/* ---- family.c */

/* The lock of this process for its families and sittings; fork holds it. */
void family_lock(void);
void family_unlock(void);
/* The first of the families of this process. Under the lock. */
struct kk_family *family_first(void);
/* Frees a family that is closed if nobody of this process sits there. Under the lock. */
void family_release(struct kk_family *family);

/* ---- seat.c */

/* Does the kernel keep a robust list of this thread? Some emulators do not: then nobody would notice a death. */
bool family_knows_deaths(void);
/* Prepares a robust mutex in shared memory; KK_ERR_SYSTEM if there are none here. */
int family_init_mutex(pthread_mutex_t *mutex);
/* Once for each process: what has to happen when threads and processes end or fork. 0 or KK_ERR_MEMORY. */
int family_watch_ends(void);
/* All sittings of this process in the family end. Under the lock. */
void family_stand_up(struct kk_family *family);

/* ---- directory.c */

/* Settles what `seat` had in hand, in the directory and in all objects. Called by who holds its life. 0;
 * KK_ERR_CORRUPT: not in all of them; KK_ERR_MEMORY: it has to be done again. */
int directory_bury(struct kk_family *family, unsigned seat, bool left);
/* From one to the other nobody makes an object. 0 or KK_ERR_CORRUPT with a sentence. */
int directory_lock(const struct kk_family *family, struct kk_error *error);
void directory_unlock(const struct kk_family *family);

#endif
