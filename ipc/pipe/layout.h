/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/pipe/layout.h - reads a capacity, produces where ends, lanes and marks of a pipe lie. Inside ipc/pipe only. Why
 * it is right, and what the steps are called: ipc/MEMORY.md, "Pipe".
 *
 *   field          written by                        read by    ordering
 *   lane.tail      who has the sending guard         all        exchange / acquire
 *   lane.head      who has the receiving guard       all        exchange / acquire
 *   end.fate       any user of the end, buriers      all        CAS, seq_cst
 *   user[][]       the seat, its process, buriers    all        seq_cst
 *   the rest       its maker, once                   open
 */
#ifndef IPC_PIPE_LAYOUT_H
#define IPC_PIPE_LAYOUT_H

#include "family/object.h"
#include "guard/guard.h"
#include <kakehi/pipe.h>
#include <stdatomic.h>

/* ---- shared */

/* Positions are multiples of 16; bit 0 of tail: a long message is open. */
#define PIPE_ALIGN 16U
#define PIPE_OPEN  UINT64_C(1)

struct pipe_lane {
	_Atomic uint64_t tail;
	struct kk_guard sending;
	uint8_t padding_tail[48];
	_Atomic uint64_t head;
	struct kk_guard receiving;
	uint8_t padding_head[48];
};
_Static_assert(sizeof(struct pipe_lane) == 128, "head and tail lie in cache lines of their own");

enum pipe_state {
	PIPE_FRESH, /* nobody has used it yet                                */
	PIPE_USED,
	PIPE_CLOSED, /* the last user closed it, or ended in peace            */
	PIPE_DIED,   /* the last user was killed                              */
	PIPE_SHUT,   /* for good                                              */
};

/* fate = version:61 state:3 */
#define PIPE_STATE_MASK  UINT64_C(7)
#define PIPE_VERSION_ONE UINT64_C(8)

struct pipe_end {
	_Atomic uint64_t fate;
	struct kk_event event; /* whoever waits at this end, for whatever */
	uint8_t padding[52];
};
_Static_assert(sizeof(struct pipe_end) == 64, "an end lies in a cache line of its own");

struct pipe_memory {
	uint64_t capacity; /* of each lane, a power of two */
	uint32_t duplex, seats;
	uint8_t padding[48];
	struct pipe_end end[2];
	struct pipe_lane lane[2]; /* [e]: what end e sends */
	                          /* then user[2][seats + 1], then the bytes of the lanes */
};
_Static_assert(sizeof(struct pipe_memory) == 448, "as computed by pipe_users_at");

/* A mark in user[end][seat]: 0, or version:32 leaving:1 pid:31; the version of the fate that its use began with. */
#define PIPE_LEAVING  UINT64_C(0x80000000)
#define PIPE_PID_MASK UINT64_C(0x7fffffff)

static inline uint32_t pipe_pid_of(uint64_t mark)
{
	return (uint32_t)(mark & PIPE_PID_MASK);
}

static inline uint64_t pipe_users_bytes(uint32_t seats)
{
	return (2 * (uint64_t)(seats + 1) * sizeof(uint64_t) + 63) / 64 * 64;
}

static inline uint64_t pipe_total_bytes(uint64_t capacity, bool duplex, uint32_t seats)
{
	return sizeof(struct pipe_memory) + pipe_users_bytes(seats) + (duplex ? 2 : 1) * capacity;
}

static inline _Atomic uint64_t *pipe_user(struct pipe_memory *pipe, uint32_t seats, unsigned end, unsigned seat)
{
	return (_Atomic uint64_t *)(void *)(pipe + 1) + (uint64_t)end * (seats + 1) + seat;
}

/* Does end `e` send? */
static inline bool pipe_sends(bool duplex, unsigned e)
{
	return duplex || e == 1;
}

static inline enum pipe_state pipe_state_of(uint64_t fate)
{
	return (enum pipe_state)(fate & PIPE_STATE_MASK);
}

/* What a lane carries. The header of a record; `bytes` of it follow, all rounded up to PIPE_ALIGN. */
enum pipe_record_kind {
	PIPE_WHOLE = 1,
	PIPE_RANGE, /* a struct pipe_range: where the message lies */
	PIPE_FIRST, /* the first part of a long message            */
	PIPE_MORE,
};

struct pipe_record {
	uint64_t total; /* of the message            */
	uint32_t bytes; /* of this record            */
	uint32_t kind;  /* enum pipe_record_kind     */
};
_Static_assert(sizeof(struct pipe_record) == PIPE_ALIGN, "headers never wrap");

struct pipe_range {
	uint64_t ref, offset;
};

/* ---- private */

/* The bytes of a lane. */
struct pipe_bytes {
	unsigned char *bytes;
	uint64_t capacity;
};

/* A message that was taken out of a lane before anybody asked for it. */
struct pipe_kept {
	struct pipe_kept *next;
	unsigned char *data;
	size_t bytes;
	struct pipe_range range;
	bool is_range;
};

/* What this process took in: complete messages, older than those in the lane, and one that is being put together.
 * Guarded by the lane's receiving guard, but for what is atomic. */
struct pipe_store {
	struct pipe_kept *first, *last;
	_Atomic bool any;     /* are there complete ones?         */
	_Atomic bool partial; /* and is one being put together?   */
	struct pipe_kept *building;
	size_t got;
	uint64_t next;  /* the lane's head behind its last part */
	uint32_t owner; /* whose store it is, by pid: not that of a child forked from it */
};

struct kk_connection {
	struct kk_object object;
	struct pipe_memory *pipe;
	unsigned end;
	bool duplex;
	/* Copies: what others may write there does not make us look outside of the object. */
	uint32_t seats;
	uint64_t capacity;
	struct pipe_bytes out, in; /* of the lanes; bytes NULL: not of this end */
	struct pipe_store store;
	_Atomic uint32_t patience, waits; /* how long to spin before sleeping, see wait.c; relaxed */
	unsigned opens;                   /* under the lock of handle.c */
	struct kk_connection *next;
};

static inline struct pipe_end *pipe_own(const struct kk_connection *c)
{
	return &c->pipe->end[c->end];
}

static inline struct pipe_end *pipe_peer(const struct kk_connection *c)
{
	return &c->pipe->end[1 - c->end];
}

static inline struct pipe_lane *pipe_out(const struct kk_connection *c)
{
	return &c->pipe->lane[c->end];
}

static inline struct pipe_lane *pipe_in(const struct kk_connection *c)
{
	return &c->pipe->lane[1 - c->end];
}

/* pipe_wake - after a change that was a seq_cst read-modify-write: wakes all who wait at an end. */
static inline void pipe_wake(struct pipe_end *end)
{
	if (event_is_waited(&end->event))
		kk_event_wake(&end->event, INT32_MAX, -1);
}

/* ---- users.c */

/* pipe_enter - the calling thread uses this end. Its seat, or an error. */
int pipe_enter(struct kk_connection *connection);
/* pipe_is_alone - does no other process use this end? `seat`: the caller's, which does. */
bool pipe_is_alone(const struct kk_connection *connection, unsigned seat);
/* pipe_leave_process - ends the use of this end by the whole process. */
void pipe_leave_process(struct kk_connection *connection);
/* pipe_leave_dead - the same for one seat, by who buries it. X1 .. X3; pipe_forget is X4. */
void pipe_leave_dead(struct kk_family *family, struct pipe_memory *pipe, unsigned end, unsigned seat, bool left);
void pipe_forget(struct pipe_memory *pipe, uint32_t seats, unsigned end, unsigned seat);
/* pipe_shut - for good. */
void pipe_shut(struct pipe_end *end);
/* pipe_peer_gone, pipe_own_gone - KK_ERR_CLOSED, KK_ERR_DIED, or 0: goes on. */
int pipe_peer_gone(const struct kk_connection *connection);
int pipe_own_gone(const struct kk_connection *connection);

/* ---- wait.c */

#define PIPE_PATIENCE 2048U /* looks before a sleep, at most: some 20 to 80 microseconds */

/* pipe_wait - until `look` says something else than 0, which it returns, or KK_ERR_TIMEOUT. */
typedef int pipe_look(struct kk_connection *connection, unsigned seat, uint64_t argument);
int pipe_wait(struct kk_connection *connection, unsigned seat, pipe_look *look, uint64_t argument, int64_t deadline_ns);
/* pipe_deadline - of a `timeout_ms`; 0: not a moment. */
int64_t pipe_deadline(int timeout_ms);

/* ---- record.c: records of a lane, by who has its guard */

/* pipe_put - one record behind tail. There must be room. `open`: its message goes on. */
void pipe_put(struct pipe_lane *lane, struct pipe_bytes ring, const struct pipe_record *record, const void *data,
              bool open);
/* pipe_peek - the record at head. 1; 0: there is none; KK_ERR_CORRUPT. */
int pipe_peek(const struct pipe_lane *lane, struct pipe_bytes ring, struct pipe_record *record);
/* pipe_copy_out - its bytes. pipe_drop - moves head over it; true: who waits for room has to be woken. */
void pipe_copy_out(const struct pipe_lane *lane, struct pipe_bytes ring, const struct pipe_record *record, void *to);
bool pipe_drop(struct pipe_lane *lane, uint64_t capacity, const struct pipe_record *record);
uint64_t pipe_record_bytes(const struct pipe_record *record);

/* ---- store.c: by who has the receiving guard */

/* pipe_store_refresh - forgets what was a parent's, and a partial message that somebody else went on with. */
void pipe_store_refresh(struct kk_connection *connection, unsigned seat);
/* pipe_store_take_in - takes the record at head off the lane, into private memory. MORE without what it belongs to is
 * dropped. 0; KK_ERR_MEMORY: it stays; KK_ERR_CORRUPT. */
int pipe_store_take_in(struct kk_connection *connection, const struct pipe_record *record);
/* pipe_take_off - the record at head is done with: wakes whom the room is for. */
void pipe_take_off(struct kk_connection *connection, const struct pipe_record *record);
/* pipe_store_pop - takes the first complete message out and frees it, but not `data` if that was set to NULL. */
void pipe_store_pop(struct kk_connection *connection);
/* pipe_store_drop_partial - forgets what was being put together; pipe_store_settle - the same, if nothing of it is in
 * the lane and nothing will come. pipe_store_clear - forgets everything. */
void pipe_store_drop_partial(struct kk_connection *connection);
void pipe_store_settle(struct kk_connection *connection);
void pipe_store_clear(struct kk_connection *connection);
/* pipe_gather - puts messages together as far as they have come. 1: the next one can be received (either it is in the
 * store, or the record at head begins it); 0: not yet; KK_ERR_MEMORY, KK_ERR_CORRUPT. `split`: a long one of which only
 * a part has come counts, and stays in the lane. */
int pipe_gather(struct kk_connection *connection, unsigned seat, bool split);
/* pipe_drain - a sender that waits takes in what has come, if it may. 0; KK_ERR_MEMORY, KK_ERR_CORRUPT. */
int pipe_drain(struct kk_connection *connection, unsigned seat);
/* pipe_give_receiving - gives up the receiving guard, and wakes who found it taken. */
void pipe_give_receiving(struct kk_connection *connection);
/* pipe_is_empty - is nothing in the lane that comes to this end? */
bool pipe_is_empty(const struct kk_connection *connection);

#endif
