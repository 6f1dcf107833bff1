/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/family/object.h - reads a kind and a size, produces memory of a family with a name that every member knows: what
 * each shared object of the toolkit is built on.
 *
 * The directory of a family has one entry for each object. An entry is the record of its making:
 *
 *	FREE --make--> MAKING(seat) --publish--> LIVE --destroy--> ENDING --> FREE, with the next generation
 *
 * A death in MAKING frees the entry, one in ENDING leaves that to the next who looks; where memory is free follows from
 * the entries alone.
 */
#ifndef IPC_FAMILY_OBJECT_H
#define IPC_FAMILY_OBJECT_H

#include <kakehi/family.h>
#include <kakehi/wait.h>
#include <stdbool.h>
#include <stdint.h>

/* What the family has to know of a kind of object. One const row for each, listed in kinds.c. */
struct kk_kind {
	const char *name; /* "lock": in messages                                             */
	uint32_t number;  /* enum kk_kind_number                                             */
	uint32_t layout;  /* of its shared struct; another one is KK_ERR_VERSION             */
	/* Settles what `seat` had in hand in the object at `memory`, and wakes whoever may go on because of it. Every
	 * step must be repeatable: it may be killed, and begun again by another. Run by one survivor at a time for one
	 * seat (several may run for different seats), who owns `seat` for as long: it may act as that role. Must not
	 * wait for anybody, take locks of the family, or ask for the caller's own seat. The object may be in use by
	 * others, but its memory stays until the burial is through. NULL: nothing to settle. `left`: the sitter left in
	 * peace. 0; KK_ERR_CORRUPT; KK_ERR_MEMORY: this process has none for it, the burial stays due. */
	int (*bury)(struct kk_family *family, void *memory, uint64_t bytes, unsigned seat, bool left);
	/* Is the object sound? 0 or KK_ERR_CORRUPT. NULL: nothing to check. */
	int (*check)(const void *memory, uint64_t bytes, struct kk_error *error);
};

enum kk_kind_number {
	KK_KIND_LOCK = 1,
	KK_KIND_SEMAPHORE,
	KK_KIND_CONDITION,
	KK_KIND_FLAG,
	KK_KIND_BARRIER,
	KK_KIND_QUEUE,
	KK_KIND_LIFO,
	KK_KIND_PRIORITY,
	KK_KIND_PIPE,
	KK_KIND_VALUE,
	KK_KIND_ARRAY,
	KK_KIND_SHAREABLE,
	KK_KIND_DICT,
	KK_KIND_LIST,
	KK_KIND_EXECUTOR,
	KK_KIND_MEMORY, /* plain bytes */
	KK_KIND_COUNT
};

/* The private side of an object: embed it as the first member of a handle. */
struct kk_object {
	struct kk_family *family;
	uint64_t ref;
	void *memory; /* in this process; 64-byte aligned */
	uint64_t bytes;
};

/* kk_object_make - takes a directory entry and `bytes` zeroed bytes. The object is the caller's alone until
 * kk_object_publish; if the caller dies before, both are free again. 0; KK_ERR_NO_ROOM (says of what), KK_ERR_FULL (no
 * seat), KK_ERR_INVALID, KK_ERR_CORRUPT. */
int kk_object_make(struct kk_family *family, const struct kk_kind *kind, uint64_t bytes, struct kk_object *to,
                   struct kk_error *error);
/* kk_object_publish - it is complete: others may find it, it outlives its maker. */
void kk_object_publish(const struct kk_object *object);
/* kk_object_find - the object that `ref` names. 0; KK_ERR_MISSING: it was destroyed, or never was; KK_ERR_INVALID: it
 * is of another kind; KK_ERR_VERSION; KK_ERR_CORRUPT. */
int kk_object_find(struct kk_family *family, uint64_t ref, const struct kk_kind *kind, struct kk_object *to,
                   struct kk_error *error);
/* kk_object_destroy - frees entry and memory, of a MAKING or LIVE object. By anybody, once all are through with it; the
 * second time KK_ERR_MISSING. */
int kk_object_destroy(const struct kk_object *object);

/* kk_family_now - CLOCK_MONOTONIC in nanoseconds. kk_family_deadline - of a `timeout_ms`; -1: for ever. */
int64_t kk_family_now(void);
int64_t kk_family_deadline(int timeout_ms);

/* kk_family_sleep - kk_event_sleep for those who wait for other members: until the event was woken after `ticket`, or
 * it is time to look after the dead (which it does: kk_family_bury), or `deadline_ns` has passed. 0: look again;
 * KK_ERR_TIMEOUT. `round`: 0 before the first sleep of a wait, kept by the caller for the next ones; it makes the looks
 * rarer from 10 ms to 160 ms. */
int kk_family_sleep(struct kk_family *family, struct kk_event *event, uint32_t ticket, int64_t deadline_ns,
                    unsigned *round);

/* kk_family_alive - does whoever sits in `seat` live? One look at its mutex, no system call; changes nothing. A false
 * for a seat that recorded something means that its burial is due: call kk_family_bury, look again. While somebody
 * buries it the seat is alive: he wakes who waits, and if he dies of it the burial is due again. */
bool kk_family_alive(struct kk_family *family, unsigned seat);

/* kk_family_part - this process ends in peace: gives up its seats in all its families. Done by exit(3); for those who
 * end otherwise (_exit). Other threads may still run; they are taken for gone once the process is. */
void kk_family_part(void);

/* kk_family_seats - how many seats there are; kk_family_base - where the segment lies in this process. */
unsigned kk_family_seats(const struct kk_family *family);
void *kk_family_base(const struct kk_family *family);

#endif
