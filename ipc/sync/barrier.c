/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/sync/barrier.c - each waits for all the others. Why it is right: ipc/MEMORY.md, "Barrier". */
#include <kakehi/barrier.h>

#include "family/handle.h"
#include "family/kinds.h"
#include "wait/look.h"
#include "wait/point.h"
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>

/* epoch:27 turn:27 arrived:10. Odd epochs are broken ones. When all have arrived the last one runs the action. */
#define ARRIVED_MASK UINT64_C(0x3ff)
#define TURN_ONE     UINT64_C(0x400)
#define EPOCH_ONE    (TURN_ONE << 27)
#define EPOCH_MASK   (~(EPOCH_ONE - 1))
#define TURN_MASK    (EPOCH_ONE - TURN_ONE)

/* Of a seat: taken_part:1 inside:1 dying:1, and the epoch to be broken by its death. */
enum { TAKEN_PART = 1, INSIDE = 2, DYING = 4, PART_EPOCH_ONE = 8 };

/* Shared.
 *   field        written by                            read by
 *   parties      create                                all
 *   word         all, by CAS                           all
 *   killed_in    burials                               who waits: somebody was killed in this epoch and turn
 *   event        who waits, who ends a turn, burials   both
 *   part         its sitter, its burial                its burial */
struct barrier_memory {
	uint32_t parties;
	struct kk_event event;
	_Atomic uint64_t word;
	_Atomic uint64_t killed_in; /* epoch and turn as in `word`, and 1 */
	_Atomic uint32_t part[];    /* [0] is not used                    */
};

struct kk_barrier {
	struct kk_object object;
	struct barrier_memory *memory;
	unsigned parties;
	int (*action)(void *arg);
	void *arg;
};

static bool is_broken(uint64_t word)
{
	return word & EPOCH_ONE;
}

static bool same_turn(uint64_t one, uint64_t other)
{
	return ((one ^ other) & (EPOCH_MASK | TURN_MASK)) == 0;
}

/* Breaks what `word` has in common with `seen` under `mask`. False: that is over, or broken already. */
static bool break_it(struct barrier_memory *memory, uint64_t seen, uint64_t mask)
{
	uint64_t word = atomic_load(&memory->word);
	do {
		if (((word ^ seen) & mask) != 0 || is_broken(word))
			return false;
		KK_POINT("barrier: break");
	} while (!atomic_compare_exchange_weak(&memory->word, &word, (word + EPOCH_ONE) & ~ARRIVED_MASK));
	KK_POINT("barrier: broken");
	kk_event_wake(&memory->event, INT_MAX, -1);
	return true;
}

/* ---- waiting */

/* Somebody was killed while we waited: are there still enough? Asked before each sleep, since who is being buried by
 * another one still seems to live. */
static void break_if_too_few(struct kk_barrier *barrier, uint64_t word)
{
	struct kk_family *family = barrier->object.family;
	unsigned living = 0;
	uint64_t killed = atomic_load(&barrier->memory->killed_in);
	if (!(killed & 1) || !same_turn(killed, word))
		return;
	for (unsigned i = 1; i <= kk_family_seats(family); i++)
		living += kk_family_alive(family, i);
	if (living < barrier->parties)
		(void)break_it(barrier->memory, word, EPOCH_MASK | TURN_MASK);
}

/* Sleeps until epoch or turn are not those of `seen`, or breaks them because it is too late (KK_ERR_TIMEOUT). */
static int wait_for_change(struct kk_barrier *barrier, uint64_t seen, int64_t deadline_ns)
{
	struct barrier_memory *memory = barrier->memory;
	unsigned round = 0;
	bool late = false;
	for (;;) {
		uint32_t ticket = kk_event_prepare(&memory->event);
		KK_POINT("B5");
		break_if_too_few(barrier, seen);
		if (!same_turn(atomic_load(&memory->word), seen))
			return KK_OK;
		if (late)
			return break_it(memory, seen, EPOCH_MASK | TURN_MASK) ? KK_ERR_TIMEOUT : KK_OK;
		late = kk_family_sleep(barrier->object.family, &memory->event, ticket, deadline_ns, &round) ==
		       KK_ERR_TIMEOUT;
	}
}

/* B2: takes a place; `mine` is the word of it. As the last of those who need no action the turn is over at once. */
static int arrive(struct kk_barrier *barrier, uint64_t *mine, int64_t deadline_ns)
{
	_Atomic uint64_t *at = &barrier->memory->word;
	uint64_t word = atomic_load(at);
	for (;;) {
		unsigned arrived = word & ARRIVED_MASK;
		if (is_broken(word))
			return KK_ERR_BROKEN;
		if (arrived == barrier->parties) {
			/* The action runs. We are of the next turn. */
			int rc = wait_for_change(barrier, word, deadline_ns);
			if (rc < 0)
				return rc;
			word = atomic_load(at);
			continue;
		}
		bool ends = arrived + 1 == barrier->parties && !barrier->action;
		uint64_t next = ends ? ((word + TURN_ONE) & TURN_MASK) | (word & EPOCH_MASK) : word + 1;
		*mine = word;
		KK_POINT("B2");
		if (atomic_compare_exchange_strong(at, &word, next))
			return (int)arrived;
	}
}

/* B3, by who came last: the others wait for him. */
static int act(struct kk_barrier *barrier, uint64_t mine)
{
	struct barrier_memory *memory = barrier->memory;
	uint64_t word = mine + 1;
	if (!barrier->action)
		return KK_OK;
	if (barrier->action(barrier->arg) != 0) {
		(void)break_it(memory, word, EPOCH_MASK | TURN_MASK);
		return KK_ERR_FAILED;
	}
	KK_POINT("B3");
	uint64_t next = ((word + TURN_ONE) & TURN_MASK) | (word & EPOCH_MASK);
	return atomic_compare_exchange_strong(&memory->word, &word, next) ? KK_OK : KK_ERR_BROKEN;
}

/* Our turn is over: was it complete? If it is the same epoch, or that one's turn was not ours when it broke. */
static int result(uint64_t word, uint64_t mine)
{
	uint64_t epochs = (word & EPOCH_MASK) - (mine & EPOCH_MASK);
	return epochs <= EPOCH_ONE && ((word ^ mine) & TURN_MASK) != 0 ? KK_OK : KK_ERR_BROKEN;
}

static int take_part(struct kk_barrier *barrier, int64_t deadline_ns)
{
	struct barrier_memory *memory = barrier->memory;
	uint64_t mine = 0;
	int rc, place = arrive(barrier, &mine, deadline_ns);
	if (place < 0)
		return place;
	if ((unsigned)place + 1 == barrier->parties) {
		rc = act(barrier, mine);
		KK_POINT("B4");
		kk_event_wake(&memory->event, INT_MAX, -1);
	} else {
		rc = wait_for_change(barrier, mine, deadline_ns);
		if (rc == KK_OK)
			rc = result(atomic_load(&memory->word), mine);
	}
	return rc < 0 ? rc : place;
}

int kk_barrier_wait(struct kk_barrier *barrier, int timeout_ms)
{
	int seat = kk_family_seat(barrier->object.family);
	if (seat < 0)
		return seat;
	_Atomic uint32_t *part = &barrier->memory->part[seat];
	KK_POINT("B1");
	atomic_store(part, TAKEN_PART | INSIDE);
	int place = take_part(barrier, kk_family_deadline(timeout_ms));
	KK_POINT("B6");
	atomic_store(part, TAKEN_PART);
	return place;
}

/* ---- ending a turn otherwise */

void kk_barrier_abort(struct kk_barrier *barrier)
{
	(void)break_it(barrier->memory, 0, 0);
}

void kk_barrier_reset(struct kk_barrier *barrier)
{
	struct barrier_memory *memory = barrier->memory;
	/* Who died before breaks what was, not what begins now. */
	(void)kk_family_bury(barrier->object.family);
	uint64_t word = atomic_load(&memory->word), next;
	do
		next = (word + (is_broken(word) ? 1 : 2) * EPOCH_ONE) & ~ARRIVED_MASK;
	while (!atomic_compare_exchange_weak(&memory->word, &word, next));
	kk_event_wake(&memory->event, INT_MAX, -1);
}

void kk_barrier_action(struct kk_barrier *barrier, int (*action)(void *arg), void *arg)
{
	barrier->action = action;
	barrier->arg = arg;
}

/* ---- the rest */

static uint64_t size_for(unsigned seats)
{
	return sizeof(struct barrier_memory) + (seats + 1) * sizeof(uint32_t);
}

/* Which epoch dies with the seat is written down first: what somebody resets meanwhile is not broken again. */
static void break_for(struct barrier_memory *memory, _Atomic uint32_t *part)
{
	uint32_t its = atomic_load(part);
	if (!(its & DYING)) {
		uint64_t epoch = (atomic_load(&memory->word) & EPOCH_MASK) / EPOCH_ONE;
		its |= DYING | (uint32_t)epoch * PART_EPOCH_ONE;
		atomic_store(part, its);
	}
	KK_POINT("barrier: dying");
	(void)break_it(memory, (uint64_t)(its / PART_EPOCH_ONE) * EPOCH_ONE, EPOCH_MASK);
}

/* Of somebody who never took part. Not over what another burial has noted since we looked, which may be of a later
 * turn. */
static void note_killed(struct barrier_memory *memory)
{
	uint64_t killed = atomic_load(&memory->killed_in), word;
	do {
		word = atomic_load(&memory->word);
		if ((word & ARRIVED_MASK) == 0)
			return;
		KK_POINT("barrier: killed");
	} while (!atomic_compare_exchange_weak(&memory->killed_in, &killed, (word & ~ARRIVED_MASK) | 1));
}

static int bury(struct kk_family *family, void *at, uint64_t bytes, unsigned seat, bool left)
{
	struct barrier_memory *memory = at;
	if (bytes < size_for(kk_family_seats(family)))
		return KK_ERR_CORRUPT;
	uint32_t its = atomic_load(&memory->part[seat]);
	if ((its & INSIDE) || (its && !left))
		break_for(memory, &memory->part[seat]);
	else if (!left)
		note_killed(memory);
	kk_event_wake_all(&memory->event, -1);
	KK_POINT("barrier: bury");
	atomic_store(&memory->part[seat], 0);
	return KK_OK;
}

const struct kk_kind kk_kind_barrier = {.name = "barrier", .number = KK_KIND_BARRIER, .layout = 1, .bury = bury};

static void make_handle(struct kk_barrier *barrier)
{
	barrier->memory = barrier->object.memory;
	barrier->parties = barrier->memory->parties;
}

struct kk_barrier *kk_barrier_create(struct kk_family *family, unsigned parties, struct kk_error *error)
{
	unsigned seats = kk_family_seats(family);
	if (parties == 0 || parties > seats) {
		(void)kk_error_set(error, KK_ERR_INVALID, "a barrier for %u parties in a family of %u seats", parties,
		                   seats);
		return NULL;
	}
	struct kk_barrier *barrier = handle_create(family, &kk_kind_barrier, sizeof(*barrier), size_for(seats), error);
	if (!barrier)
		return NULL;
	((struct barrier_memory *)barrier->object.memory)->parties = parties;
	make_handle(barrier);
	kk_object_publish(&barrier->object);
	return barrier;
}

struct kk_barrier *kk_barrier_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	struct kk_barrier *barrier =
	    handle_open(family, ref, &kk_kind_barrier, sizeof(*barrier), size_for(kk_family_seats(family)), error);
	if (barrier)
		make_handle(barrier);
	return barrier;
}

uint64_t kk_barrier_ref(const struct kk_barrier *barrier)
{
	return barrier->object.ref;
}

void kk_barrier_close(struct kk_barrier *barrier)
{
	free(barrier);
}

void kk_barrier_destroy(struct kk_barrier *barrier)
{
	handle_destroy(barrier ? &barrier->object : NULL);
}

unsigned kk_barrier_parties(const struct kk_barrier *barrier)
{
	return barrier->parties;
}

unsigned kk_barrier_waiting(const struct kk_barrier *barrier)
{
	return atomic_load(&barrier->memory->word) & ARRIVED_MASK;
}

bool kk_barrier_is_broken(const struct kk_barrier *barrier)
{
	return is_broken(atomic_load(&barrier->memory->word));
}
