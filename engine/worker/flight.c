/* SPDX-License-Identifier: Apache-2.0 */
/* Many items in flight: the stage submits, polls and says what descriptor to wait for; the engine waits for that, for
 * new items, for room, all at once.
 *
 * A turn does everything that can be done now. If nothing could be done, events are prepared (so that whoever changes
 * something rings this stage's bell) and one more turn is made; it waits only if that turn needs no other event than
 * those. With nothing in flight it sleeps on the ring alone.
 */
#include "worker/crew.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct flight {
	struct worker *worker;
	struct hand *hands;
	uint32_t count, in_use, next_free;
	struct hand *refused; /* submitted, but the stage said later     */
	bool solo;            /* what is in flight is there by itself    */
	uint32_t suspect;     /* then: its handle                        */
	bool closed;          /* the sentinel stands at the head         */
	bool moved;           /* something was done in this turn         */
	bool late;            /* the last wait ended by its back-stop    */
	int epoll;
	int stage_fd; /* the one in the epoll set, -1: none yet  */
};

static struct hand *free_hand(struct flight *f)
{
	if (f->in_use == f->count)
		return NULL;
	while (f->hands[f->next_free].in_use)
		f->next_free = (f->next_free + 1) % f->count;
	return &f->hands[f->next_free];
}

static enum kk_verdict submit(struct flight *f, struct hand *hand)
{
	struct worker *worker = f->worker;
	worker_current(worker, CURRENT_ITEM, hand->handle);
	worker_call_begins(worker);
	if (!hand->began_ns)
		hand->began_ns = worker->last_ns;
	enum kk_verdict verdict = worker->module->submit(&worker->context, &hand->item);
	worker_call_ends(worker);
	worker_current(worker, CURRENT_NOTHING, 0);
	if (verdict == KK_LATER) {
		hand_cancel(hand);
		f->refused = hand;
		return verdict;
	}
	f->refused = NULL;
	f->moved = true;
	if (verdict != KK_PENDING && !hand->settled) {
		hand->verdict = verdict;
		hand->settled = true;
	}
	return verdict;
}

static bool begin(struct flight *f, uint32_t handle)
{
	struct hand *hand = free_hand(f);
	if (hand_take(hand, f->worker, handle) < 0) {
		f->worker->corrupt = true;
		return false;
	}
	hand->in_use = true;
	f->in_use++;
	submit(f, hand);
	return true;
}

/* The next item to begin: inherited ones first, a suspect only when nothing else is in flight. -1: none now. */
static int64_t next_item(struct flight *f)
{
	struct worker *worker = f->worker;
	if (f->solo || f->refused || f->in_use == f->count)
		return -1;
	if (handles_alone(&worker->redo)) {
		if (f->in_use > 0)
			return -1;
		f->solo = true;
		worker->context.alone = true;
		f->suspect = (uint32_t)handles_shift(&worker->redo);
		return f->suspect;
	}
	int64_t handle = handles_shift(&worker->redo);
	if (handle >= 0)
		return handle;
	uint32_t taken;
	int status = kk_ring_take(worker->in, &taken, 1);
	f->closed = status == KK_ERR_CLOSED;
	if (status == KK_ERR_CORRUPT)
		worker->corrupt = true;
	return status == 1 ? (int64_t)taken : -1;
}

static void begin_all(struct flight *f)
{
	if (f->refused)
		submit(f, f->refused);
	uint32_t before = f->in_use;
	for (int64_t handle; !f->worker->corrupt && (handle = next_item(f)) >= 0;)
		if (!begin(f, (uint32_t)handle))
			return;
	/* We were woken for all that was put, and cannot carry more: perhaps a sibling sleeps. */
	if (f->in_use > before && (f->in_use == f->count || f->refused))
		kk_ring_announce(f->worker->in, 1);
}

/* Hands on what the stage has finished; what finds its ring full waits for a later turn. */
static void finish_all(struct flight *f)
{
	struct worker *worker = f->worker;
	for (uint32_t i = 0; i < f->count && f->in_use > 0; i++) {
		struct hand *hand = &f->hands[i];
		if (!hand->in_use || !hand->settled)
			continue;
		/* Settled once; delivering may take several turns. */
		if (hand->verdict != KK_PENDING) {
			worker_calls_took(worker, worker->last_ns - hand->began_ns, 1);
			hand_settle(hand, hand->verdict);
		}
		hand->verdict = KK_PENDING;
		if (!deliver(worker, hand->handle, false))
			continue;
		hand->in_use = false;
		f->in_use--;
		f->moved = true;
	}
	if (f->in_use == 0) {
		f->solo = false;
		worker->context.alone = false;
	}
}

static void poll_stage(struct flight *f)
{
	struct worker *worker = f->worker;
	if (f->in_use == 0)
		return;
	worker_current(worker, f->solo ? CURRENT_ITEM : CURRENT_MANY, f->suspect);
	worker_call_begins(worker);
	worker->wants_room = false;
	if (worker->module->poll(&worker->context) < 0)
		worker_log(worker, KK_LOG_WARNING, "the stage could not poll");
	worker_call_ends(worker);
	worker_current(worker, CURRENT_NOTHING, 0);
}

static void turn(struct flight *f)
{
	f->moved = false;
	begin_all(f);
	poll_stage(f);
	finish_all(f);
	f->worker->now.in_flight = f->in_use;
	deliver_announce(f->worker);
	worker_publish_counters(f->worker);
}

/* ---- waiting */

static bool wants_items(const struct flight *f)
{
	return f->in_use < f->count && !f->refused && !f->solo && !f->closed && f->worker->redo.count == 0;
}

static bool delivery_waits(const struct flight *f)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (f->hands[i].in_use && f->hands[i].settled)
			return true;
	return false;
}

/* What would be news. */
enum { NEED_ITEMS = 1, NEED_MEMORY = 2, NEED_SLOTS = 4 };

static unsigned needs_of(const struct flight *f)
{
	const struct worker *worker = f->worker;
	unsigned needs = wants_items(f) ? NEED_ITEMS : 0;
	if (worker->arena && (worker->wants_room || f->refused))
		needs |= NEED_MEMORY;
	return delivery_waits(f) ? needs | NEED_SLOTS : needs;
}

/* A ticket for the items, if they are among it. */
static uint32_t prepare_events(struct flight *f, unsigned needs)
{
	struct worker *worker = f->worker;
	uint32_t ticket = needs & NEED_ITEMS ? kk_event_prepare(kk_ring_items_event(worker->in)) : 0;
	if (needs & NEED_MEMORY)
		kk_event_prepare(kk_arena_room_event(worker->arena));
	if (needs & NEED_SLOTS)
		for (unsigned lane = 0; lane < worker->plan->lanes; lane++)
			for (unsigned i = 0; i < worker->route[lane].count; i++)
				kk_event_prepare(kk_ring_room_event(worker->run->ring[worker->route[lane].to[i].ring]));
	return ticket;
}

/* The stage's descriptor may change from call to call; it is watched only while something is in flight. */
static void watch_stage(struct flight *f, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	if (fd == f->stage_fd)
		return;
	if (f->stage_fd >= 0)
		epoll_ctl(f->epoll, EPOLL_CTL_DEL, f->stage_fd, NULL);
	f->stage_fd = fd >= 0 && epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? fd : -1;
}

static void wait_for_news(struct flight *f, uint32_t ticket)
{
	struct worker *worker = f->worker;
	struct epoll_event events[4];
	int timeout_ms = (int)(KK_BACKSTOP_NS / 1000000);
	if (f->in_use == 0) {
		f->late = worker_sleep(worker, kk_ring_items_event(worker->in), ticket);
		return;
	}
	watch_stage(f, worker->module->wait(&worker->context, &timeout_ms));
	worker->now.parks++;
	if (epoll_wait(f->epoll, events, 4, timeout_ms) < 0 && errno != EINTR)
		worker_log(worker, KK_LOG_ERROR, "epoll_wait failed: errno %d", errno);
}

static bool is_over(const struct flight *f)
{
	return f->closed && f->in_use == 0 && f->worker->redo.count == 0;
}

static void fly(struct flight *f)
{
	unsigned prepared = 0;
	uint32_t ticket = 0;
	while (!f->worker->corrupt && !is_over(f)) {
		turn(f);
		unsigned needs = needs_of(f);
		if (f->moved && f->late)
			worker_late(f->worker);
		f->late = false;
		if (f->moved) {
			prepared = 0;
		} else if (needs & ~prepared) {
			ticket = prepare_events(f, needs);
			prepared |= needs;
		} else if (!is_over(f)) {
			wait_for_news(f, ticket);
			prepared = 0;
		}
	}
}

int work_flight(struct worker *worker)
{
	struct flight f = {.worker = worker, .count = worker->stage_plan->in_flight, .epoll = -1, .stage_fd = -1};
	int bell = worker->run->bell[worker->stage], status = KK_WORKER_CANNOT;
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = bell};
	worker->may_wait = false;
	f.hands = calloc(f.count, sizeof(*f.hands));
	f.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (f.hands && f.epoll >= 0 && epoll_ctl(f.epoll, EPOLL_CTL_ADD, bell, &event) == 0) {
		fly(&f);
		status = worker->corrupt ? KK_WORKER_CORRUPT : KK_WORKER_DRAINED;
	} else {
		worker_log(worker, KK_LOG_ERROR, "no memory or descriptors for %u items in flight", f.count);
	}
	if (f.epoll >= 0)
		close(f.epoll);
	free(f.hands);
	return status;
}
