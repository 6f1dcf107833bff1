/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/pipe/users.c - who uses an end, and what the other end is told when nobody does any more. */
#include "pipe/layout.h"

#include <unistd.h>

/* Does anybody use the end? Who is leaving does not count. */
static bool is_used(struct pipe_memory *pipe, uint32_t seats, unsigned end)
{
	for (unsigned i = 1; i <= seats; i++) {
		uint64_t mark = atomic_load(pipe_user(pipe, seats, end, i));
		if (mark != 0 && !(mark & PIPE_LEAVING))
			return true;
	}
	return false;
}

static uint64_t next_fate(uint64_t fate, enum pipe_state state)
{
	return (fate & ~PIPE_STATE_MASK) + PIPE_VERSION_ONE + (uint64_t)state;
}

/* The version of `fate`, where a mark keeps it. */
static uint64_t version_of(uint64_t fate)
{
	return fate / PIPE_VERSION_ONE << 32;
}

/* Is the end of a use told? Of an end that nobody has used since kk_connection_renew only if the use began after that:
 * it was killed before it could say so (V2). */
static bool is_told(uint64_t fate, uint64_t mark)
{
	enum pipe_state state = pipe_state_of(fate);
	return state == PIPE_USED || (state == PIPE_FRESH && version_of(fate) == (mark >> 32 << 32));
}

/* X2, X3. Those who leave are marked; `mark` is of one of them. */
static void settle(struct pipe_memory *pipe, uint32_t seats, unsigned end, uint64_t mark, enum pipe_state outcome)
{
	struct pipe_end *at = &pipe->end[end];
	uint64_t fate = atomic_load(&at->fate);
	while (is_told(fate, mark) && !is_used(pipe, seats, end) &&
	       !atomic_compare_exchange_strong(&at->fate, &fate, next_fate(fate, outcome)))
		;
	kk_event_wake_all(&pipe->end[0].event, -1);
	kk_event_wake_all(&pipe->end[1].event, -1);
}

/* ---- begin */

static void begin(struct kk_connection *c, _Atomic uint64_t *mark)
{
	struct pipe_end *own = pipe_own(c);
	uint64_t fate = atomic_load(&own->fate);
	do
		atomic_store(mark, version_of(fate) | (uint32_t)getpid()); /* V1 */
	while (pipe_state_of(fate) != PIPE_SHUT &&
	       !atomic_compare_exchange_strong(&own->fate, &fate, next_fate(fate, PIPE_USED))); /* V2 */
}

int pipe_enter(struct kk_connection *c)
{
	int seat = kk_family_seat(c->object.family);
	if (seat <= 0)
		return seat;
	_Atomic uint64_t *mark = pipe_user(c->pipe, c->seats, c->end, (unsigned)seat);
	/* relaxed: only we set it, and what another seat's burial sets for us counts as ours. */
	if (atomic_load_explicit(mark, memory_order_relaxed) == 0)
		begin(c, mark);
	return seat;
}

bool pipe_is_alone(const struct kk_connection *c, unsigned seat)
{
	uint64_t own = atomic_load_explicit(pipe_user(c->pipe, c->seats, c->end, seat), memory_order_relaxed);
	for (unsigned i = 1; i <= c->seats; i++) {
		uint64_t mark = atomic_load_explicit(pipe_user(c->pipe, c->seats, c->end, i), memory_order_relaxed);
		if (mark != 0 && pipe_pid_of(mark) != pipe_pid_of(own))
			return false;
	}
	return true;
}

/* ---- end */

/* X1 of all seats of a process. One of their marks; 0: there was none. */
static uint64_t mark_leaving(struct kk_connection *c, uint32_t pid)
{
	uint64_t marked = 0;
	for (unsigned i = 1; i <= c->seats; i++) {
		_Atomic uint64_t *at = pipe_user(c->pipe, c->seats, c->end, i);
		uint64_t mark = atomic_load(at);
		if (pipe_pid_of(mark) == pid && !(mark & PIPE_LEAVING) &&
		    atomic_compare_exchange_strong(at, &mark, mark | PIPE_LEAVING))
			marked = mark;
	}
	return marked;
}

void pipe_leave_process(struct kk_connection *c)
{
	uint32_t pid = (uint32_t)getpid();
	uint64_t last = 0;
	/* Until two rounds find none: a thread that ends may hand its own on to a seat behind us (hand_on). */
	for (int clean = 0; clean < 2; clean++) {
		uint64_t mark = mark_leaving(c, pid);
		if (mark == 0)
			continue;
		last = mark;
		clean = -1;
	}
	if (last == 0)
		return;
	settle(c->pipe, c->seats, c->end, last, PIPE_CLOSED);
	for (unsigned i = 1; i <= c->seats; i++) {
		_Atomic uint64_t *at = pipe_user(c->pipe, c->seats, c->end, i);
		uint64_t mark = atomic_load(at);
		/* X4. By CAS: a seat may be another thread's by now. */
		if (pipe_pid_of(mark) == pid && (mark & PIPE_LEAVING))
			(void)atomic_compare_exchange_strong(at, &mark, 0);
	}
}

static bool lives_in(struct kk_family *family, unsigned seat, uint32_t pid)
{
	struct kk_sitter sitter;
	return kk_family_sitter(family, seat, &sitter) == KK_OK && sitter.alive && (uint32_t)sitter.pid == pid;
}

/* A thread has ended, but not its process: another one of its threads stands for it from now on. */
static void hand_on(struct kk_family *family, struct pipe_memory *pipe, uint32_t seats, unsigned end, unsigned seat,
                    uint64_t mark)
{
	uint32_t pid = pipe_pid_of(mark);
	_Atomic uint64_t *own = pipe_user(pipe, seats, end, seat);
	/* Unless another thread closes the end for all of them: then our own mark is not what it was. */
	for (unsigned i = 1; i <= seats && atomic_load(own) == mark; i++) {
		_Atomic uint64_t *to = pipe_user(pipe, seats, end, i);
		uint64_t there = 0;
		if (i == seat || !lives_in(family, i, pid))
			continue;
		if (!atomic_compare_exchange_strong(to, &there, mark) && pipe_pid_of(there) == pid &&
		    !(there & PIPE_LEAVING))
			return;
		/* Alive after it has the mark: it will be buried with it. Before ours is marked as leaving: who closes
		 * sees it. */
		if (there == 0 && lives_in(family, i, pid) && atomic_load(own) == mark)
			return;
		there = mark;
		(void)atomic_compare_exchange_strong(to, &there, 0);
	}
}

void pipe_leave_dead(struct kk_family *family, struct pipe_memory *pipe, unsigned end, unsigned seat, bool left)
{
	uint32_t seats = kk_family_seats(family);
	_Atomic uint64_t *at = pipe_user(pipe, seats, end, seat);
	uint64_t mark = atomic_load(at);
	if (mark == 0)
		return;
	if (left && !(mark & PIPE_LEAVING))
		hand_on(family, pipe, seats, end, seat, mark);
	atomic_store(at, mark | PIPE_LEAVING); /* X1 */
	settle(pipe, seats, end, mark, left ? PIPE_CLOSED : PIPE_DIED);
}

void pipe_forget(struct pipe_memory *pipe, uint32_t seats, unsigned end, unsigned seat)
{
	atomic_store(pipe_user(pipe, seats, end, seat), 0); /* X4 */
}

/* ---- tell */

void pipe_shut(struct pipe_end *end)
{
	atomic_store(&end->fate, PIPE_SHUT);
}

void kk_connection_renew(struct kk_connection *c)
{
	struct pipe_end *peer = pipe_peer(c);
	uint64_t fate = atomic_load(&peer->fate);
	while ((pipe_state_of(fate) == PIPE_CLOSED || pipe_state_of(fate) == PIPE_DIED) &&
	       !atomic_compare_exchange_strong(&peer->fate, &fate, next_fate(fate, PIPE_FRESH)))
		;
}

int pipe_peer_gone(const struct kk_connection *c)
{
	static const int status[] = {
	    [PIPE_CLOSED] = KK_ERR_CLOSED, [PIPE_DIED] = KK_ERR_DIED, [PIPE_SHUT] = KK_ERR_CLOSED};
	unsigned state = pipe_state_of(atomic_load(&pipe_peer(c)->fate));
	return state < sizeof(status) / sizeof(status[0]) ? status[state] : KK_ERR_CORRUPT;
}

int pipe_own_gone(const struct kk_connection *c)
{
	return pipe_state_of(atomic_load(&pipe_own(c)->fate)) == PIPE_SHUT ? KK_ERR_CLOSED : KK_OK;
}
