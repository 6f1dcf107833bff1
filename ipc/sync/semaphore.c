/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/sync/semaphore.c - permits with a record of who has them. Why it is right: ipc/MEMORY.md, "Semaphore".
 *
 * The state are `now` and the records together. `now` says what the last operation has still to do to one record;
 * whoever comes next does it, if that has not been done (M1). So it changes as a whole, by one CAS of `now` (M3).
 */
#include <kakehi/semaphore.h>

#include "family/handle.h"
#include "family/kinds.h"
#include "sync/turnstile.h"
#include "wait/point.h"
#include <inttypes.h>
#include <stdlib.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "atomics must not use locks of a process");

/* What an operation does to the record of its seat: it has none left, one more, or one less. */
enum operation { DROP, TAKE, GIVE };

/* Shared.
 *   field    written by                  read by
 *   now      all, by CAS                 all
 *   max      create                      all
 *   record   whoever helps, by CAS       all; [0] is of nobody: it counts operations on no record */
struct semaphore_memory {
	_Atomic uint64_t now; /* value:24 operation:2 seat:9 number:29 */
	uint32_t max, reserved;
	struct turnstile turnstile;
	_Atomic uint64_t record[]; /* held:32 number:29 */
};

struct kk_semaphore {
	struct kk_object object;
	struct semaphore_memory *memory;
	struct turnstile_user user;
	uint32_t seats; /* records, without the one of nobody */
	uint32_t max;
};

enum { SEAT_MASK = 0x1ff, NUMBER_BITS = 29, VALUE_BITS = 24 };
#define NUMBER_MASK ((UINT64_C(1) << NUMBER_BITS) - 1)

_Static_assert(KK_SEAT_MAX <= SEAT_MASK && KK_SEMAPHORE_MAX < 1U << VALUE_BITS, "seat and value fit into their fields");

static uint64_t make_now(uint32_t value, enum operation operation, unsigned seat, uint64_t number)
{
	return (uint64_t)value << 40 | (uint64_t)operation << 38 | (uint64_t)seat << NUMBER_BITS | number;
}

static uint32_t value_of(uint64_t now)
{
	return (uint32_t)(now >> 40);
}

static enum operation operation_of(uint64_t now)
{
	return (enum operation)(now >> 38 & 3);
}

static unsigned seat_of(uint64_t now)
{
	return now >> NUMBER_BITS & SEAT_MASK;
}

/* Of a record, or of the operation that changes it. */
static uint64_t number_of(uint64_t word)
{
	return word & NUMBER_MASK;
}

static uint32_t held_in(uint64_t record)
{
	return (uint32_t)(record >> 32);
}

static uint64_t record_after(uint64_t record, uint64_t now)
{
	static const int change[4] = {[TAKE] = 1, [GIVE] = -1};
	uint32_t held =
	    operation_of(now) == DROP ? 0 : (uint32_t)((int64_t)held_in(record) + change[operation_of(now)]);
	return (uint64_t)held << 32 | number_of(now);
}

/* M1 */
static void finish(struct semaphore_memory *memory, uint64_t now)
{
	_Atomic uint64_t *at = &memory->record[seat_of(now)];
	uint64_t record = atomic_load(at);
	if (number_of(record) == number_of(now) || atomic_load(&memory->now) != now)
		return;
	KK_POINT("M1");
	/* Lost: somebody else has done it. */
	(void)atomic_compare_exchange_strong(at, &record, record_after(record, now));
	KK_POINT("M1: done");
}

/* M3, and M1 for it. False: something has happened since `now`, which is what there is now. */
static bool change(struct semaphore_memory *memory, uint64_t *now, uint32_t value, enum operation operation,
                   unsigned seat)
{
	uint64_t number = number_of(atomic_load(&memory->record[seat]) + 1);
	uint64_t next = make_now(value, operation, seat, number);
	KK_POINT("M3");
	if (!atomic_compare_exchange_strong(&memory->now, now, next))
		return false;
	KK_POINT("M3: decided");
	finish(memory, next);
	return true;
}

/* ---- taking */

static bool is_open(void *what)
{
	return value_of(atomic_load(&((struct kk_semaphore *)what)->memory->now)) != 0;
}

static int take(void *what, unsigned seat)
{
	struct semaphore_memory *memory = ((struct kk_semaphore *)what)->memory;
	uint64_t now = atomic_load(&memory->now);
	do {
		if (value_of(now) == 0)
			return KK_ERR_EMPTY;
		finish(memory, now);
	} while (!change(memory, &now, value_of(now) - 1, TAKE, seat));
	return KK_OK;
}

static const struct turnstile_gate gate = {is_open, take};

static int take_slowly(struct kk_semaphore *semaphore, unsigned seat, int timeout_ms)
{
	int rc = KK_ERR_EMPTY;
	if (timeout_ms == 0) {
		/* Perhaps it is a dead one who has it. */
		(void)kk_family_bury(semaphore->object.family);
		rc = take(semaphore, seat);
		return rc == KK_ERR_EMPTY ? KK_ERR_TIMEOUT : rc;
	}
	rc = turnstile_pass(&semaphore->user, seat, timeout_ms);
	/* Several may have been given back, of which one was told: the next one is ours to tell. */
	if (rc == KK_OK && is_open(semaphore))
		turnstile_let(&semaphore->memory->turnstile);
	return rc;
}

int kk_semaphore_acquire(struct kk_semaphore *semaphore, int timeout_ms)
{
	int seat = kk_family_seat(semaphore->object.family);
	if (seat < 0)
		return seat;
	int rc = KK_ERR_EMPTY;
	if (timeout_ms == 0 || turnstile_is_clear(&semaphore->memory->turnstile))
		rc = take(semaphore, (unsigned)seat);
	return rc == KK_ERR_EMPTY ? take_slowly(semaphore, (unsigned)seat, timeout_ms) : rc;
}

/* ---- giving back */

/* Somebody who has a permit, the caller first; 0: nobody. */
static unsigned find_holder(const struct kk_semaphore *semaphore, unsigned seat)
{
	const struct semaphore_memory *memory = semaphore->memory;
	if (held_in(atomic_load(&memory->record[seat])) != 0)
		return seat;
	for (unsigned other = 1; other <= semaphore->seats; other++)
		if (held_in(atomic_load(&memory->record[other])) != 0)
			return other;
	return 0;
}

static int give(const struct kk_semaphore *semaphore, unsigned seat)
{
	struct semaphore_memory *memory = semaphore->memory;
	uint64_t now = atomic_load(&memory->now);
	for (;;) {
		finish(memory, now);
		unsigned holder = find_holder(semaphore, seat);
		if (holder != 0 || value_of(now) < semaphore->max) {
			if (change(memory, &now, value_of(now) + 1, holder == 0 ? DROP : GIVE, holder))
				return KK_OK;
			continue;
		}
		/* What was read belongs together if nothing has happened meanwhile. */
		uint64_t then = now;
		now = atomic_load(&memory->now);
		if (now == then)
			return KK_ERR_INVALID;
	}
}

int kk_semaphore_release(struct kk_semaphore *semaphore)
{
	struct semaphore_memory *memory = semaphore->memory;
	int seat = kk_family_seat(semaphore->object.family);
	if (seat < 0)
		return seat;
	int rc = give(semaphore, (unsigned)seat);
	if (rc == KK_OK)
		turnstile_let(&memory->turnstile);
	return rc;
}

/* ---- the rest */

static uint64_t size_for(unsigned seats)
{
	return sizeof(struct semaphore_memory) + (seats + 1) * sizeof(uint64_t);
}

static int bury(struct kk_family *family, void *at, uint64_t bytes, unsigned seat, bool left)
{
	struct semaphore_memory *memory = at;
	(void)left;
	if (bytes < size_for(kk_family_seats(family)))
		return KK_ERR_CORRUPT;
	uint64_t now = atomic_load(&memory->now);
	for (;;) {
		finish(memory, now);
		uint32_t held = held_in(atomic_load(&memory->record[seat]));
		if (held <= memory->max && value_of(now) <= memory->max - held) {
			if (held == 0 || change(memory, &now, value_of(now) + held, DROP, seat))
				break;
			continue;
		}
		uint64_t then = now;
		now = atomic_load(&memory->now);
		if (now == then)
			return KK_ERR_CORRUPT;
	}
	turnstile_bury(&memory->turnstile, seat);
	return KK_OK;
}

/* Of a seat, when the operation that `now` speaks of is done. */
static uint32_t held_after(const struct semaphore_memory *memory, uint64_t now, unsigned seat)
{
	uint64_t record = atomic_load(&memory->record[seat]);
	bool undone = seat_of(now) == seat && number_of(record) != number_of(now);
	return held_in(undone ? record_after(record, now) : record);
}

static int check(const void *at, uint64_t bytes, struct kk_error *error)
{
	const struct semaphore_memory *memory = at;
	uint64_t now = atomic_load(&memory->now), permits = value_of(now);
	for (unsigned i = 1; size_for(i) <= bytes; i++)
		permits += held_after(memory, now, i);
	if (permits > memory->max && atomic_load(&memory->now) == now)
		return kk_error_set(error, KK_ERR_CORRUPT, "a semaphore of %" PRIu32 " permits has %" PRIu64,
		                    memory->max, permits);
	return KK_OK;
}

const struct kk_kind kk_kind_semaphore = {
    .name = "semaphore", .number = KK_KIND_SEMAPHORE, .layout = 1, .bury = bury, .check = check};

static void make_handle(struct kk_semaphore *semaphore)
{
	semaphore->memory = semaphore->object.memory;
	semaphore->seats = kk_family_seats(semaphore->object.family);
	semaphore->max = semaphore->memory->max;
	semaphore->user = (struct turnstile_user){.family = semaphore->object.family,
	                                          .turnstile = &semaphore->memory->turnstile,
	                                          .gate = &gate,
	                                          .what = semaphore};
}

struct kk_semaphore *kk_semaphore_create(struct kk_family *family, uint32_t value, uint32_t max, struct kk_error *error)
{
	max = max == 0 ? KK_SEMAPHORE_MAX : max;
	if (value > max || max > KK_SEMAPHORE_MAX) {
		(void)kk_error_set(error, KK_ERR_INVALID, "%" PRIu32 " permits of at most %" PRIu32 " (at most %u)",
		                   value, max, KK_SEMAPHORE_MAX);
		return NULL;
	}
	struct kk_semaphore *semaphore =
	    handle_create(family, &kk_kind_semaphore, sizeof(*semaphore), size_for(kk_family_seats(family)), error);
	if (!semaphore)
		return NULL;
	struct semaphore_memory *memory = semaphore->object.memory;
	memory->max = max;
	atomic_init(&memory->now, make_now(value, DROP, 0, 0));
	make_handle(semaphore);
	kk_object_publish(&semaphore->object);
	return semaphore;
}

struct kk_semaphore *kk_semaphore_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	struct kk_semaphore *semaphore =
	    handle_open(family, ref, &kk_kind_semaphore, sizeof(*semaphore), size_for(kk_family_seats(family)), error);
	if (semaphore)
		make_handle(semaphore);
	return semaphore;
}

uint64_t kk_semaphore_ref(const struct kk_semaphore *semaphore)
{
	return semaphore->object.ref;
}

void kk_semaphore_close(struct kk_semaphore *semaphore)
{
	free(semaphore);
}

void kk_semaphore_destroy(struct kk_semaphore *semaphore)
{
	handle_destroy(semaphore ? &semaphore->object : NULL);
}

uint32_t kk_semaphore_value(const struct kk_semaphore *semaphore)
{
	return value_of(atomic_load(&semaphore->memory->now));
}

uint32_t kk_semaphore_held(const struct kk_semaphore *semaphore, unsigned seat)
{
	const struct semaphore_memory *memory = semaphore->memory;
	uint64_t now = atomic_load(&memory->now);
	uint32_t held = 0;
	if (seat > semaphore->seats)
		return 0;
	for (unsigned i = seat == 0 ? 1 : seat; i <= (seat == 0 ? semaphore->seats : seat); i++)
		held += held_after(memory, now, i);
	return held;
}
