/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/sync/lock.c - locks that know their owner. Why it is right: ipc/MEMORY.md, "Lock". */
#include "sync/lock.h"

#include "family/handle.h"
#include "family/kinds.h"
#include "wait/point.h"
#include <stdlib.h>

enum { OWNER = 0x3ff, DIED = 0x400 };

_Static_assert(KK_SEAT_MAX <= OWNER && KK_SEAT_MAX <= TURNSTILE_FAVOURITE, "a seat fits into its field");

static unsigned owner_of(const struct lock_memory *memory)
{
	return atomic_load(&memory->word) & OWNER;
}

bool lock_is_owner(const struct lock_memory *memory, unsigned seat)
{
	/* relaxed: only we ourselves make it ours, or no longer ours. */
	return (atomic_load_explicit(&memory->word, memory_order_relaxed) & OWNER) == seat;
}

bool lock_was_of(const struct lock_memory *memory, unsigned seat)
{
	return lock_is_owner(memory, seat) || atomic_load(&memory->buried) == seat;
}

/* ---- taking */

static bool is_open(void *what)
{
	return owner_of(((struct kk_lock *)what)->memory) == 0;
}

static int take(void *what, unsigned seat)
{
	struct lock_memory *memory = ((struct kk_lock *)what)->memory;
	uint32_t word = atomic_load_explicit(&memory->word, memory_order_relaxed);
	do {
		if (word & OWNER)
			return KK_ERR_EMPTY;
		KK_POINT("lock: take");
	} while (!atomic_compare_exchange_weak(&memory->word, &word, seat));
	KK_POINT("lock: taken");
	return word & DIED ? KK_OWNER_DIED : KK_OK;
}

static const struct turnstile_gate gate = {is_open, take};

/* What the caller finds if he has it already. */
static int take_again(struct kk_lock *lock, int timeout_ms)
{
	struct lock_memory *memory = lock->memory;
	uint32_t depth = atomic_load_explicit(&memory->depth, memory_order_relaxed);
	if (!memory->recursive)
		return timeout_ms == 0 ? KK_ERR_TIMEOUT : KK_ERR_INVALID;
	if (depth == UINT32_MAX)
		return KK_ERR_FULL;
	atomic_store_explicit(&memory->depth, depth + 1, memory_order_relaxed);
	return KK_OK;
}

static int take_slowly(struct kk_lock *lock, unsigned seat, int timeout_ms)
{
	int rc = turnstile_is_clear(&lock->memory->turnstile) || timeout_ms == 0 ? take(lock, seat) : KK_ERR_EMPTY;
	unsigned owner = owner_of(lock->memory);
	/* Who comes after the death need not wait for somebody's next look. */
	if (rc == KK_ERR_EMPTY && owner != 0 && !kk_family_alive(lock->object.family, owner)) {
		(void)kk_family_bury(lock->object.family);
		rc = take(lock, seat);
	}
	if (rc == KK_ERR_EMPTY)
		rc = timeout_ms == 0 ? KK_ERR_TIMEOUT : turnstile_pass(&lock->user, seat, timeout_ms);
	return rc;
}

/* By somebody who does not have it. */
static int take_new(struct kk_lock *lock, unsigned seat, int timeout_ms, uint32_t depth)
{
	struct lock_memory *memory = lock->memory;
	uint32_t nobody = 0;
	int rc = KK_OK;
	if (!turnstile_is_clear(&memory->turnstile) || !atomic_compare_exchange_strong(&memory->word, &nobody, seat))
		rc = take_slowly(lock, seat, timeout_ms);
	if (rc >= 0 && memory->recursive)
		atomic_store_explicit(&memory->depth, depth, memory_order_relaxed);
	return rc;
}

int kk_lock_acquire(struct kk_lock *lock, int timeout_ms)
{
	int seat = kk_family_seat(lock->object.family);
	if (seat < 0)
		return seat;
	if (lock_is_owner(lock->memory, (unsigned)seat))
		return take_again(lock, timeout_ms);
	return take_new(lock, (unsigned)seat, timeout_ms, 1);
}

int lock_resume(struct kk_lock *lock, unsigned seat, uint32_t depth)
{
	return take_new(lock, seat, -1, depth);
}

/* ---- giving back */

static void give_back(struct lock_memory *memory, unsigned seat)
{
	KK_POINT("U1");
	/* Nobody but its owner changes the word of a lock that is held. */
	atomic_fetch_sub(&memory->word, seat);
	turnstile_let(&memory->turnstile);
}

int kk_lock_release(struct kk_lock *lock)
{
	struct lock_memory *memory = lock->memory;
	int seat = kk_family_seat(lock->object.family);
	if (seat < 0)
		return seat;
	if (!lock_is_owner(memory, (unsigned)seat))
		return KK_ERR_NOT_OWNER;
	uint32_t depth = memory->recursive ? atomic_load_explicit(&memory->depth, memory_order_relaxed) : 1;
	if (depth > 1)
		atomic_store_explicit(&memory->depth, depth - 1, memory_order_relaxed);
	else
		give_back(memory, (unsigned)seat);
	return KK_OK;
}

uint32_t lock_give_up(struct kk_lock *lock, unsigned seat)
{
	uint32_t depth = atomic_load_explicit(&lock->memory->depth, memory_order_relaxed);
	give_back(lock->memory, seat);
	return depth;
}

/* ---- the rest */

void lock_bury(struct lock_memory *memory, unsigned seat)
{
	uint32_t word = atomic_load(&memory->word);
	if ((word & OWNER) == seat) {
		/* First: somebody may take the lock at once, and be through with it. */
		atomic_store(&memory->buried, seat);
		KK_POINT("lock: bury");
		(void)atomic_compare_exchange_strong(&memory->word, &word, DIED);
	}
	turnstile_bury(&memory->turnstile, seat);
}

static int bury(struct kk_family *family, void *memory, uint64_t bytes, unsigned seat, bool left)
{
	(void)family;
	(void)left;
	if (bytes < sizeof(struct lock_memory))
		return KK_ERR_CORRUPT;
	lock_bury(memory, seat);
	return KK_OK;
}

const struct kk_kind kk_kind_lock = {.name = "lock", .number = KK_KIND_LOCK, .layout = 1, .bury = bury};

void lock_init(struct lock_memory *memory, bool recursive)
{
	memory->recursive = recursive;
}

void lock_handle(struct kk_lock *lock, struct kk_family *family, struct lock_memory *memory)
{
	lock->object.family = family;
	lock->memory = memory;
	lock->user =
	    (struct turnstile_user){.family = family, .turnstile = &memory->turnstile, .gate = &gate, .what = lock};
}

static struct kk_lock *create(struct kk_family *family, bool recursive, struct kk_error *error)
{
	struct kk_lock *lock = handle_create(family, &kk_kind_lock, sizeof(*lock), sizeof(struct lock_memory), error);
	if (!lock)
		return NULL;
	lock_init(lock->object.memory, recursive);
	lock_handle(lock, family, lock->object.memory);
	kk_object_publish(&lock->object);
	return lock;
}

struct kk_lock *kk_lock_create(struct kk_family *family, struct kk_error *error)
{
	return create(family, false, error);
}

struct kk_lock *kk_rlock_create(struct kk_family *family, struct kk_error *error)
{
	return create(family, true, error);
}

struct kk_lock *kk_lock_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	struct kk_lock *lock =
	    handle_open(family, ref, &kk_kind_lock, sizeof(*lock), sizeof(struct lock_memory), error);
	if (lock)
		lock_handle(lock, family, lock->object.memory);
	return lock;
}

uint64_t kk_lock_ref(const struct kk_lock *lock)
{
	return lock->object.ref;
}

void kk_lock_close(struct kk_lock *lock)
{
	free(lock);
}

void kk_lock_destroy(struct kk_lock *lock)
{
	handle_destroy(lock ? &lock->object : NULL);
}

unsigned kk_lock_owner(const struct kk_lock *lock)
{
	return owner_of(lock->memory);
}

bool kk_lock_is_recursive(const struct kk_lock *lock)
{
	return lock->memory->recursive != 0;
}
