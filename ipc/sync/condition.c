/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/sync/condition.c - waiting for what others change under a lock. Why it is right: ipc/MEMORY.md, "Condition". */
#include <kakehi/condition.h>

#include "family/handle.h"
#include "family/kinds.h"
#include "sync/lock.h"
#include "wait/point.h"
#include <limits.h>
#include <stdlib.h>

enum { IDLE, WAITING, TOLD, STATE_MASK = 3, ORDER_ONE = 4 };

/* Of one seat. Shared.
 *   field   written by                                             read by
 *   word    its sitter, under the lock: WAITING, IDLE;             all
 *           who notifies, or the sitter: WAITING -> TOLD; burial
 *   event   its sitter, who notifies, burials                      both */
struct condition_seat {
	_Atomic uint32_t word; /* order:30 state:2 */
	struct kk_event event;
};

/* Shared.
 *   field      written by             read by
 *   lock_ref   create                 open
 *   next       who has the lock       the same: the order of the next one that waits */
struct condition_memory {
	uint64_t lock_ref; /* 0: its own */
	_Atomic uint32_t next;
	uint32_t reserved;
	struct lock_memory own;
	struct condition_seat seat[]; /* [0] is not used */
};

struct kk_condition {
	struct kk_object object;
	struct condition_memory *memory;
	struct kk_lock *lock, *opened; /* opened: to be closed */
	struct kk_lock own;
	unsigned seats;
};

static bool is(uint32_t word, uint32_t state)
{
	return (word & STATE_MASK) == state;
}

static uint32_t in_state(uint32_t word, uint32_t state)
{
	return (word & ~(uint32_t)STATE_MASK) | state;
}

/* ---- waiting */

/* Until told, or too late: then nobody can tell us any more. */
static int sleep_until_told(struct kk_condition *condition, struct condition_seat *seat, int64_t deadline_ns)
{
	unsigned round = 0;
	for (;;) {
		uint32_t ticket = kk_event_prepare(&seat->event);
		KK_POINT("C3");
		uint32_t word = atomic_load(&seat->word);
		if (!is(word, WAITING))
			return KK_OK;
		if (kk_family_sleep(condition->object.family, &seat->event, ticket, deadline_ns, &round) !=
		    KK_ERR_TIMEOUT)
			continue;
		KK_POINT("C3: late");
		return atomic_compare_exchange_strong(&seat->word, &word, in_state(word, TOLD)) ? KK_ERR_TIMEOUT
		                                                                                : KK_OK;
	}
}

static int wait_until(struct kk_condition *condition, unsigned number, int64_t deadline_ns)
{
	struct condition_memory *memory = condition->memory;
	struct condition_seat *seat = &memory->seat[number];
	uint32_t order = atomic_load_explicit(&memory->next, memory_order_relaxed);
	atomic_store_explicit(&memory->next, order + ORDER_ONE, memory_order_relaxed);
	KK_POINT("C1");
	atomic_store(&seat->word, in_state(order, WAITING));
	KK_POINT("C2");
	uint32_t depth = lock_give_up(condition->lock, number);
	int slept = sleep_until_told(condition, seat, deadline_ns);
	KK_POINT("C4");
	int taken = lock_resume(condition->lock, number, depth);
	KK_POINT("C5");
	atomic_store(&seat->word, IDLE);
	return taken != KK_OK ? taken : slept;
}

/* The caller's seat, or KK_ERR_NOT_OWNER. */
static int owning_seat(const struct kk_condition *condition)
{
	int seat = kk_family_seat(condition->object.family);
	return seat >= 0 && !lock_is_owner(condition->lock->memory, (unsigned)seat) ? KK_ERR_NOT_OWNER : seat;
}

int kk_condition_wait(struct kk_condition *condition, int timeout_ms)
{
	int seat = owning_seat(condition);
	return seat < 0 ? seat : wait_until(condition, (unsigned)seat, kk_family_deadline(timeout_ms));
}

int kk_condition_wait_for(struct kk_condition *condition, bool (*predicate)(void *arg), void *arg, int timeout_ms)
{
	int64_t deadline_ns = kk_family_deadline(timeout_ms);
	int rc = owning_seat(condition);
	while (rc >= 0) {
		unsigned seat = (unsigned)rc;
		if (predicate(arg))
			return KK_OK;
		rc = wait_until(condition, seat, deadline_ns);
		if (rc == KK_ERR_TIMEOUT && predicate(arg))
			return KK_OK;
		if (rc != KK_OK)
			return rc;
		rc = (int)seat;
	}
	return rc;
}

/* ---- notifying */

/* False: he is not waiting any more. */
static bool tell(struct condition_seat *seat, uint32_t word)
{
	KK_POINT("N1");
	if (!atomic_compare_exchange_strong(&seat->word, &word, in_state(word, TOLD)))
		return false;
	KK_POINT("N2");
	kk_event_wake(&seat->event, 1, -1);
	return true;
}

/* Who has waited longest, and his word; NULL: nobody waits. */
static struct condition_seat *oldest(struct kk_condition *condition, uint32_t *word)
{
	struct condition_seat *found = NULL;
	for (unsigned i = 1; i <= condition->seats; i++) {
		struct condition_seat *seat = &condition->memory->seat[i];
		uint32_t its = atomic_load(&seat->word);
		/* The order is counted modulo 2^30. */
		if (!is(its, WAITING) || (found && (int32_t)(its - *word) > 0))
			continue;
		found = seat;
		*word = its;
	}
	return found;
}

static int notify(struct kk_condition *condition, int count)
{
	int told = 0;
	uint32_t word;
	struct condition_seat *seat;
	while (told < count && (seat = oldest(condition, &word)))
		told += tell(seat, word);
	return told;
}

int kk_condition_notify(struct kk_condition *condition, int count)
{
	int seat = owning_seat(condition);
	if (seat < 0 || count < 0)
		return seat < 0 ? seat : KK_ERR_INVALID;
	return notify(condition, count);
}

int kk_condition_notify_all(struct kk_condition *condition)
{
	return kk_condition_notify(condition, INT_MAX);
}

unsigned kk_condition_waiting(const struct kk_condition *condition)
{
	unsigned waiting = 0;
	for (unsigned i = 1; i <= condition->seats; i++)
		waiting += is(atomic_load(&condition->memory->seat[i].word), WAITING);
	return waiting;
}

/* ---- the rest */

static uint64_t size_for(unsigned seats)
{
	return sizeof(struct condition_memory) + (seats + 1) * sizeof(struct condition_seat);
}

static void tell_all(struct condition_memory *memory, unsigned seats)
{
	for (unsigned i = 1; i <= seats; i++) {
		struct condition_seat *seat = &memory->seat[i];
		uint32_t word = atomic_load(&seat->word);
		if (is(word, WAITING))
			(void)tell(seat, word);
		/* Also whom the dead had told without waking him. */
		if (is(atomic_load(&seat->word), TOLD))
			kk_event_wake_all(&seat->event, -1);
	}
}

/* Does `seat` have the lock, or had it when it ended? Where the lock is gone, so is the condition. */
static bool ended_in_lock(struct kk_family *family, struct condition_memory *memory, unsigned seat)
{
	struct lock_memory *lock = &memory->own;
	struct kk_object object;
	if (memory->lock_ref != 0) {
		if (kk_object_find(family, memory->lock_ref, &kk_kind_lock, &object, NULL) < 0 ||
		    object.bytes < sizeof(*lock))
			return false;
		lock = object.memory;
	}
	return lock_was_of(lock, seat);
}

static int bury(struct kk_family *family, void *at, uint64_t bytes, unsigned number, bool left)
{
	struct condition_memory *memory = at;
	unsigned seats = kk_family_seats(family);
	if (bytes < size_for(seats))
		return KK_ERR_CORRUPT;
	struct condition_seat *seat = &memory->seat[number];
	bool inside = !is(atomic_load(&seat->word), IDLE);
	if (!left || inside || ended_in_lock(family, memory, number))
		tell_all(memory, seats);
	if (memory->lock_ref == 0)
		lock_bury(&memory->own, number);
	KK_POINT("condition: bury");
	atomic_store(&seat->word, IDLE);
	return KK_OK;
}

const struct kk_kind kk_kind_condition = {.name = "condition", .number = KK_KIND_CONDITION, .layout = 1, .bury = bury};

/* Finds the lock and completes the handle. */
static int make_handle(struct kk_condition *condition, struct kk_error *error)
{
	struct kk_family *family = condition->object.family;
	condition->memory = condition->object.memory;
	condition->seats = kk_family_seats(family);
	if (condition->memory->lock_ref == 0) {
		lock_handle(&condition->own, family, &condition->memory->own);
		condition->lock = &condition->own;
		return KK_OK;
	}
	struct kk_error why = {0};
	condition->lock = condition->opened = kk_lock_open(family, condition->memory->lock_ref, &why);
	if (!condition->lock)
		return kk_error_set(error, why.code, "the lock of a condition: %s", why.text);
	return KK_OK;
}

struct kk_condition *kk_condition_create(struct kk_family *family, struct kk_lock *lock, struct kk_error *error)
{
	if (lock && kk_lock_ref(lock) == 0) {
		(void)kk_error_set(error, KK_ERR_INVALID, "this lock belongs to another condition");
		return NULL;
	}
	struct kk_condition *condition =
	    handle_create(family, &kk_kind_condition, sizeof(*condition), size_for(kk_family_seats(family)), error);
	if (!condition)
		return NULL;
	struct condition_memory *memory = condition->object.memory;
	memory->lock_ref = lock ? kk_lock_ref(lock) : 0;
	lock_init(&memory->own, true);
	if (make_handle(condition, error) < 0) {
		kk_condition_destroy(condition);
		return NULL;
	}
	kk_object_publish(&condition->object);
	return condition;
}

struct kk_condition *kk_condition_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	struct kk_condition *condition =
	    handle_open(family, ref, &kk_kind_condition, sizeof(*condition), size_for(kk_family_seats(family)), error);
	if (condition && make_handle(condition, error) < 0) {
		kk_condition_close(condition);
		condition = NULL;
	}
	return condition;
}

uint64_t kk_condition_ref(const struct kk_condition *condition)
{
	return condition->object.ref;
}

struct kk_lock *kk_condition_lock(struct kk_condition *condition)
{
	return condition->lock;
}

void kk_condition_close(struct kk_condition *condition)
{
	if (condition)
		kk_lock_close(condition->opened);
	free(condition);
}

void kk_condition_destroy(struct kk_condition *condition)
{
	if (!condition)
		return;
	kk_lock_close(condition->opened);
	handle_destroy(&condition->object);
}
