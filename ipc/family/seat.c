/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/family/seat.c - who sits where: taking a seat, giving it up, and burying those who died in theirs.
 *
 * A seat's `life` is a robust mutex that its sitter holds as long as it sits. What is due for a seat stands in its
 * word; the mutex only says whether somebody who lives holds it. Whoever gets hold of it otherwise is the undertaker.
 */
#include "family/layout.h"
#include "robust/robust.h"

#include <errno.h>
#include <kakehi/process.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- life */

/* The thread that holds the mutex and lives; 0: nobody. The kernel fixes what its word looks like (linux/futex.h); that
 * it comes first in the mutex, family_init_mutex() makes sure of. seq_cst: pairs with the unlock and the kernel's mark;
 * and what the caller has stored (seq_cst) before he looks, whoever buries that thread later finds. */
static pid_t holder(const pthread_mutex_t *life)
{
	const _Atomic uint32_t *at = (const _Atomic uint32_t *)(const void *)life;
	uint32_t word = atomic_load(at);
	return word & FUTEX_OWNER_DIED ? 0 : (pid_t)(word & FUTEX_TID_MASK);
}

static bool is_held(const pthread_mutex_t *life)
{
	return holder(life) != 0;
}

/* Gets hold of the mutex if nobody who lives has it. That its owner died is made good at once: what it means stands in
 * the seat's word, and if we die here, the next one is told again. */
static bool hold(pthread_mutex_t *life)
{
	if (is_held(life))
		return false;
	int rc = pthread_mutex_trylock(life);
	if (rc == EOWNERDEAD)
		rc = pthread_mutex_consistent(life);
	return rc == 0;
}

bool family_knows_deaths(void)
{
	void *list = NULL;
	size_t bytes;
	if (syscall(SYS_get_robust_list, 0, &list, &bytes) == 0)
		return list != NULL;
	/* Forbidden is not missing. */
	return errno != ENOSYS;
}

int family_init_mutex(pthread_mutex_t *mutex)
{
	if (kk_robust_init(mutex) < 0 || is_held(mutex) || pthread_mutex_trylock(mutex) != 0)
		return KK_ERR_SYSTEM;
	bool held = is_held(mutex);
	(void)pthread_mutex_unlock(mutex);
	return held && !is_held(mutex) ? KK_OK : KK_ERR_SYSTEM;
}

/* ---- burying */

/* Settles what is due for a seat whose life we hold. 1: settled; 0: nothing was due; KK_ERR_CORRUPT: settled, but not
 * everywhere; KK_ERR_MEMORY: it is due still. */
static int settle(struct kk_family *family, unsigned seat)
{
	_Atomic uint64_t *at = &family->seat[seat].word;
	uint64_t word = atomic_load_explicit(at, memory_order_acquire);
	bool left = seat_state_of(word) == SEAT_LEFT;
	if (seat_state_of(word) == SEAT_EMPTY)
		return 0;
	int rc = directory_bury(family, seat, left);
	if (rc == KK_ERR_MEMORY)
		return rc;
	if (!left)
		word = (word & ~SEAT_DEATH_MASK) | ((word + SEAT_DEATH_ONE) & SEAT_DEATH_MASK);
	/* The death is settled and counted by this very store. release: whoever finds the seat empty finds nothing of
	 * the dead in any object. */
	atomic_store_explicit(at, seat_word_with(word, SEAT_EMPTY), memory_order_release);
	return rc < 0 ? rc : 1;
}

int kk_family_bury(struct kk_family *family)
{
	int settled = 0, worst = KK_OK;
	for (unsigned i = 1; i <= family->seats; i++) {
		struct family_seat *seat = &family->seat[i];
		uint64_t word = atomic_load_explicit(&seat->word, memory_order_acquire);
		if (seat_state_of(word) == SEAT_EMPTY || !hold(&seat->life))
			continue;
		int rc = settle(family, i);
		(void)pthread_mutex_unlock(&seat->life);
		settled += rc > 0;
		if (rc < 0 && worst != KK_ERR_CORRUPT)
			worst = rc;
	}
	return worst < 0 ? worst : settled;
}

bool kk_family_alive(struct kk_family *family, unsigned seat)
{
	return seat > 0 && seat <= family->seats && is_held(&family->seat[seat].life);
}

/* ---- sitting down */

/* The seat that this thread used last, and all that it has. */
static _Thread_local struct {
	struct kk_family *family;
	int seat;
	struct sitting *sittings;
} self;

static pthread_key_t ends; /* has a value in each thread that sits somewhere */

static void draw_face(struct seat_face *face)
{
	uint64_t name[FACE_WORDS] = {0};
	memcpy(name, kk_process_current()->name, sizeof(name));
	/* relaxed: the seat's word is stored after it, and looked at before and after it is read. */
	atomic_store_explicit(&face->id, (uint64_t)(uint32_t)getpid() << 32 | (uint32_t)gettid(), memory_order_relaxed);
	for (int i = 0; i < FACE_WORDS; i++)
		atomic_store_explicit(&face->name[i], name[i], memory_order_relaxed);
}

/* Takes a seat that nobody sits in. The seat, KK_ERR_FULL, or KK_ERR_CORRUPT: a burial on the way failed. */
static int take_seat(struct kk_family *family)
{
	for (unsigned i = 1; i <= family->seats; i++) {
		struct family_seat *seat = &family->seat[i];
		if (!hold(&seat->life))
			continue;
		int rc = settle(family, i);
		if (rc < 0)
			(void)pthread_mutex_unlock(&seat->life);
		if (rc == KK_ERR_MEMORY)
			continue;
		if (rc < 0)
			return rc;
		uint64_t word = atomic_load_explicit(&seat->word, memory_order_relaxed) + SEAT_SITTING_ONE;
		draw_face(&seat->face[word / SEAT_SITTING_ONE % 2]);
		/* From here on a death of ours is one. */
		atomic_store_explicit(&seat->word, seat_word_with(word, SEAT_TAKEN), memory_order_release);
		return (int)i;
	}
	return KK_ERR_FULL;
}

static int sit_down(struct kk_family *family, struct sitting *sitting)
{
	if (pthread_setspecific(ends, &self) != 0)
		return KK_ERR_SYSTEM;
	family_lock();
	int seat = take_seat(family);
	if (seat > 0) {
		*sitting = (struct sitting){
		    .family = family, .seat = (unsigned)seat, .next = self.sittings, .companion = family->sittings};
		self.sittings = family->sittings = sitting;
	}
	family_unlock();
	return seat;
}

/* Out of the way of those who have one already. */
static __attribute__((noinline)) int find_seat(struct kk_family *family)
{
	struct sitting *sitting = self.sittings;
	while (sitting && sitting->family != family)
		sitting = sitting->next;
	if (sitting)
		return (int)sitting->seat;
	sitting = malloc(sizeof(*sitting));
	if (!sitting)
		return KK_ERR_SYSTEM;
	int seat = sit_down(family, sitting);
	if (seat <= 0)
		free(sitting);
	return seat;
}

int kk_family_seat(struct kk_family *family)
{
	if (self.family == family)
		return self.seat;
	int seat = find_seat(family);
	if (seat > 0) {
		self.family = family;
		self.seat = seat;
	}
	return seat;
}

/* ---- standing up */

/* Of one that is taken: left in peace. */
static void mark_left(struct kk_family *family, unsigned i)
{
	_Atomic uint64_t *at = &family->seat[i].word;
	uint64_t word = atomic_load_explicit(at, memory_order_relaxed);
	if (seat_state_of(word) == SEAT_TAKEN)
		atomic_store_explicit(at, seat_word_with(word, SEAT_LEFT), memory_order_release);
}

static void bury_leaver(struct kk_family *family, unsigned i)
{
	mark_left(family, i);
	(void)settle(family, i);
}

/* By the thread whose sitting it is, under the lock: gives up the seat. */
static void stand_up(struct sitting *sitting)
{
	struct kk_family *family = sitting->family;
	struct sitting **at = &family->sittings;
	bury_leaver(family, sitting->seat);
	(void)pthread_mutex_unlock(&family->seat[sitting->seat].life);
	while (*at != sitting)
		at = &(*at)->companion;
	*at = sitting->companion;
	if (self.family == family)
		self.family = NULL;
	free(sitting);
}

/* Takes the thread's sitting in the family off its list; NULL: it has none. */
static struct sitting *unlink_own(const struct kk_family *family)
{
	struct sitting **at = &self.sittings;
	while (*at && (*at)->family != family)
		at = &(*at)->next;
	struct sitting *sitting = *at;
	if (sitting)
		*at = sitting->next;
	return sitting;
}

int kk_family_leave(struct kk_family *family)
{
	struct sitting *sitting = unlink_own(family);
	if (!sitting)
		return KK_ERR_MISSING;
	family_lock();
	stand_up(sitting);
	family_unlock();
	return KK_OK;
}

/* Only its owner can unlock a mutex, so the seats of other threads stay locked until those end; but nothing is theirs
 * any more. */
void family_stand_up(struct kk_family *family)
{
	struct sitting *own = unlink_own(family);
	if (own)
		stand_up(own);
	for (struct sitting *other = family->sittings; other; other = other->companion)
		bury_leaver(family, other->seat);
}

/* ---- ends */

static void thread_ends(void *value)
{
	(void)value;
	family_lock();
	while (self.sittings) {
		struct sitting *sitting = self.sittings;
		struct kk_family *family = sitting->family;
		self.sittings = sitting->next;
		stand_up(sitting);
		family_release(family);
	}
	family_unlock();
}

/* The other threads run on until the very end of the process: their seats are only marked. */
void kk_family_part(void)
{
	family_lock();
	for (struct kk_family *family = family_first(); family; family = family->next) {
		struct sitting *own = unlink_own(family);
		if (own)
			stand_up(own);
		for (struct sitting *other = family->sittings; other; other = other->companion)
			mark_left(family, other->seat);
	}
	family_unlock();
}

/* The child sits nowhere: the seats are its parent's, whose robust list it has not inherited either. */
static void child_begins(void)
{
	struct kk_family *next;
	self.family = NULL;
	self.sittings = NULL;
	for (struct kk_family *family = family_first(); family; family = next) {
		next = family->next;
		while (family->sittings) {
			struct sitting *sitting = family->sittings;
			family->sittings = sitting->companion;
			free(sitting);
		}
		family_release(family);
	}
	family_unlock();
}

static int watch_result;

static void watch(void)
{
	if (pthread_key_create(&ends, thread_ends) != 0 ||
	    pthread_atfork(family_lock, family_unlock, child_begins) != 0 || atexit(kk_family_part) != 0)
		watch_result = KK_ERR_MEMORY;
}

int family_watch_ends(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)pthread_once(&once, watch);
	return watch_result;
}

/* ---- asking */

int kk_family_sitter(const struct kk_family *family, unsigned number, struct kk_sitter *sitter)
{
	if (number == 0 || number > family->seats)
		return KK_ERR_INVALID;
	const struct family_seat *seat = &family->seat[number];
	uint64_t word, again = atomic_load_explicit(&seat->word, memory_order_acquire);
	do {
		word = again;
		if (word / SEAT_SITTING_ONE == 0)
			return KK_ERR_MISSING;
		const struct seat_face *face = &seat->face[word / SEAT_SITTING_ONE % 2];
		uint64_t id = atomic_load_explicit(&face->id, memory_order_relaxed), name[FACE_WORDS];
		for (int i = 0; i < FACE_WORDS; i++)
			name[i] = atomic_load_explicit(&face->name[i], memory_order_relaxed);
		*sitter = (struct kk_sitter){.pid = (pid_t)(id >> 32), .tid = (pid_t)(uint32_t)id};
		memcpy(sitter->name, name, sizeof(sitter->name));
		sitter->name[KK_NAME_MAX] = '\0';
		/* The same sitting, or the one after it, which draws the other face: what we read is whole. */
		atomic_thread_fence(memory_order_acquire);
		again = atomic_load_explicit(&seat->word, memory_order_relaxed);
	} while (again / SEAT_SITTING_ONE != word / SEAT_SITTING_ONE);
	/* Not somebody who buries him. */
	sitter->alive = seat_state_of(again) == SEAT_TAKEN && holder(&seat->life) == sitter->tid;
	return KK_OK;
}
