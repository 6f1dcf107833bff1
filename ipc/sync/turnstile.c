/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/sync/turnstile.c - waiting for a lock or a permit. The steps T1 .. T4, U1 .. U4 are those of ipc/MEMORY.md. */
#include "sync/turnstile.h"

#include "wait/point.h"
#include "wait/spin.h"

#define STARVING_NS INT64_C(5000000) /* who has waited for so long wants to go first                 */
#define PATIENCE_NS INT64_C(2000000) /* and loses that if he leaves what is to be had alone for so long */
enum { MAX_SPINS = 100, LEAST_SPINS = 10 };

static unsigned favourite_of(const struct turnstile *turnstile)
{
	return atomic_load(&turnstile->word) & TURNSTILE_FAVOURITE;
}

/* From `seat` to nobody. False: it was not he. */
static bool remove_favourite(struct turnstile *turnstile, unsigned seat)
{
	uint32_t word = atomic_load(&turnstile->word);
	do {
		if ((word & TURNSTILE_FAVOURITE) != seat)
			return false;
		KK_POINT("turnstile: remove");
	} while (!atomic_compare_exchange_weak(&turnstile->word, &word, word & ~(uint32_t)TURNSTILE_FAVOURITE));
	return true;
}

static bool become_favourite(struct turnstile *turnstile, unsigned seat)
{
	uint32_t word = atomic_load(&turnstile->word);
	do {
		if (word & TURNSTILE_FAVOURITE)
			return false;
		KK_POINT("turnstile: favour");
	} while (!atomic_compare_exchange_weak(&turnstile->word, &word, word | seat));
	return true;
}

void turnstile_let(struct turnstile *turnstile)
{
	uint32_t word = atomic_load(&turnstile->word);
	KK_POINT("U2");
	if (word & TURNSTILE_FAVOURITE) {
		if (event_is_waited(&turnstile->favoured))
			kk_event_wake(&turnstile->favoured, 1, -1);
		return;
	}
	KK_POINT("U3");
	if ((word & TURNSTILE_TOLD) || !event_is_waited(&turnstile->waiting))
		return;
	KK_POINT("U4");
	atomic_fetch_or(&turnstile->word, TURNSTILE_TOLD);
	KK_POINT("U4: told");
	kk_event_wake(&turnstile->waiting, 1, -1);
}

void turnstile_bury(struct turnstile *turnstile, unsigned seat)
{
	(void)remove_favourite(turnstile, seat);
	kk_event_wake_all(&turnstile->favoured, -1);
	kk_event_wake_all(&turnstile->waiting, -1);
}

/* ---- spinning */

/* Twice as long as it usually takes, not at all where somebody waits already: there is no processor left for spinning,
 * or it takes long. Where spinning does not pay it is given up but for an attempt. */
static int spin(struct turnstile_user *user, unsigned seat)
{
	int usual = atomic_load_explicit(&user->usual_spins, memory_order_relaxed), spins = 0, rc = KK_ERR_EMPTY;
	int limit = usual * 2 + LEAST_SPINS < MAX_SPINS ? usual * 2 + LEAST_SPINS : MAX_SPINS;
	if (!kk_spin_pays() || event_is_waited(&user->turnstile->waiting))
		return KK_ERR_EMPTY;
	while (rc == KK_ERR_EMPTY && spins++ < limit) {
		kk_relax();
		if (turnstile_is_clear(user->turnstile) && user->gate->is_open(user->what))
			rc = user->gate->take(user->what, seat);
	}
	usual += ((rc == KK_ERR_EMPTY ? 0 : spins) - usual) / 8;
	atomic_store_explicit(&user->usual_spins, usual, memory_order_relaxed);
	return rc;
}

/* ---- waiting */

/* One who waits, on his own stack. */
struct passage {
	struct turnstile_user *user;
	unsigned seat, round;
	int64_t began_ns, deadline_ns;
	unsigned blocker;   /* the favourite for whom we left something alone, or 0 */
	int64_t blocked_ns; /* since when                                           */
};

/* T2: who looks has seen the flag clear, or cleared it, between announcing himself and his look. */
static void clear_told(struct turnstile *turnstile)
{
	KK_POINT("T2");
	if (atomic_load(&turnstile->word) & TURNSTILE_TOLD)
		atomic_fetch_and(&turnstile->word, ~(uint32_t)TURNSTILE_TOLD);
}

/* Somebody else is favoured. Has he been leaving alone what he could have for so long that he must be stopped? */
static bool is_overdue(struct passage *passage, unsigned favourite)
{
	struct turnstile *turnstile = passage->user->turnstile;
	int64_t now = kk_family_now();
	if (!passage->user->gate->is_open(passage->user->what)) {
		passage->blocker = 0;
		return false;
	}
	if (passage->blocker != favourite) {
		passage->blocker = favourite;
		passage->blocked_ns = now;
		return false;
	}
	if (now - passage->blocked_ns < PATIENCE_NS)
		return false;
	if (remove_favourite(turnstile, favourite))
		kk_event_wake(&turnstile->favoured, 1, -1);
	return true;
}

/* T3 */
static int look(struct passage *passage)
{
	struct turnstile_user *user = passage->user;
	unsigned favourite = favourite_of(user->turnstile);
	KK_POINT("T3");
	if (favourite != 0 && favourite != passage->seat && !is_overdue(passage, favourite))
		return KK_ERR_EMPTY;
	passage->blocker = 0;
	return user->gate->take(user->what, passage->seat);
}

/* T4. True: it is too late. */
static bool sleep_until_told(struct passage *passage, struct kk_event *event, uint32_t ticket)
{
	int64_t until_ns = passage->deadline_ns;
	bool last = true;
	if (passage->blocker != 0 && (until_ns < 0 || passage->blocked_ns + PATIENCE_NS < until_ns)) {
		until_ns = passage->blocked_ns + PATIENCE_NS;
		last = false;
	}
	return kk_family_sleep(passage->user->family, event, ticket, until_ns, &passage->round) == KK_ERR_TIMEOUT &&
	       last;
}

static bool is_starving(const struct passage *passage)
{
	return passage->blocker == 0 && kk_family_now() - passage->began_ns > STARVING_NS;
}

static int wait_for_turn(struct passage *passage)
{
	struct turnstile *turnstile = passage->user->turnstile;
	bool late = false;
	for (;;) {
		bool favoured = favourite_of(turnstile) == passage->seat;
		struct kk_event *event = favoured ? &turnstile->favoured : &turnstile->waiting;
		KK_POINT("T1");
		uint32_t ticket = kk_event_prepare(event);
		clear_told(turnstile);
		int rc = look(passage);
		if (rc != KK_ERR_EMPTY || late)
			return rc == KK_ERR_EMPTY ? KK_ERR_TIMEOUT : rc;
		/* Nobody wakes us where we are not expected. */
		if (favoured != (favourite_of(turnstile) == passage->seat))
			continue;
		if (!favoured && is_starving(passage) && become_favourite(turnstile, passage->seat))
			continue;
		late = sleep_until_told(passage, event, ticket);
	}
}

int turnstile_pass(struct turnstile_user *user, unsigned seat, int timeout_ms)
{
	struct passage passage = {
	    .user = user, .seat = seat, .began_ns = kk_family_now(), .deadline_ns = kk_family_deadline(timeout_ms)};
	int rc = spin(user, seat);
	if (rc != KK_ERR_EMPTY)
		return rc;
	rc = wait_for_turn(&passage);
	/* Who stood back for us has to be told; if we took something, we will do so giving it back. */
	if (remove_favourite(user->turnstile, seat) && rc < 0)
		turnstile_let(user->turnstile);
	return rc;
}
