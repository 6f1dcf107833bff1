/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/pipe/send.c - putting messages into a lane. */
#include "pipe/layout.h"

static uint64_t room_of(const struct kk_connection *c)
{
	const struct pipe_lane *lane = pipe_out(c);
	/* seq_cst: head is read after we have announced that we wait for it. It is an acquire as well: the receiver has
	 * copied what lay before it. */
	uint64_t used = (atomic_load(&lane->tail) & ~PIPE_OPEN) - atomic_load(&lane->head);
	return used > c->capacity ? 0 : c->capacity - used;
}

/* Is there room for `need` bytes? */
static int look_for_room(struct kk_connection *c, unsigned seat, uint64_t need)
{
	int rc = pipe_own_gone(c);
	if (rc == KK_OK)
		rc = pipe_peer_gone(c);
	if (rc < 0)
		return rc;
	return room_of(c) >= need ? 1 : pipe_drain(c, seat);
}

static int put(struct kk_connection *c, unsigned seat, const struct pipe_record *record, const void *data, bool open,
               int64_t deadline_ns)
{
	int rc = pipe_wait(c, seat, look_for_room, pipe_record_bytes(record), deadline_ns);
	if (rc < 0)
		return rc;
	pipe_put(pipe_out(c), c->out, record, data, open);
	pipe_wake(pipe_peer(c));
	return KK_OK;
}

/* A message of more than half of the lane goes in pieces of a quarter, so that both sides work at the same time. */
static int put_long(struct kk_connection *c, unsigned seat, const unsigned char *data, uint64_t bytes,
                    int64_t deadline_ns)
{
	uint64_t piece = c->capacity / 4 - sizeof(struct pipe_record), done = 0;
	int rc = KK_OK;
	while (rc == KK_OK && done < bytes) {
		uint64_t part = bytes - done < piece ? bytes - done : piece;
		struct pipe_record record = {
		    .total = bytes, .bytes = (uint32_t)part, .kind = done == 0 ? PIPE_FIRST : PIPE_MORE};
		rc = put(c, seat, &record, data + done, done + part < bytes, deadline_ns);
		done += rc == KK_OK ? part : 0;
	}
	if (rc < 0 && done > 0) {
		/* Abandoned: the receiver drops what it has. */
		atomic_fetch_and(&pipe_out(c)->tail, ~PIPE_OPEN);
		pipe_wake(pipe_peer(c));
	}
	return rc;
}

static int send_message(struct kk_connection *c, const struct pipe_record *record, const void *data, int timeout_ms)
{
	int64_t deadline_ns = pipe_deadline(timeout_ms);
	if (!c->out.bytes)
		return KK_ERR_INVALID;
	int seat = pipe_enter(c);
	if (seat < 0)
		return seat;
	struct kk_guard *guard = &pipe_out(c)->sending;
	int rc = kk_guard_take(c->object.family, guard, (unsigned)seat, deadline_ns);
	if (rc < 0)
		return rc;
	if (record->total > c->capacity / 2 - sizeof(*record) && record->kind == PIPE_WHOLE)
		rc = put_long(c, (unsigned)seat, data, record->total, deadline_ns);
	else
		rc = put(c, (unsigned)seat, record, data, false, deadline_ns);
	kk_guard_give(guard);
	return rc;
}

int kk_connection_send_bytes(struct kk_connection *c, const void *data, size_t bytes, int timeout_ms)
{
	struct pipe_record record = {.total = bytes, .bytes = (uint32_t)bytes, .kind = PIPE_WHOLE};
	return send_message(c, &record, data, timeout_ms);
}

int kk_connection_send_memory(struct kk_connection *c, const struct kk_memory *memory, uint64_t offset, uint64_t bytes,
                              int timeout_ms)
{
	struct pipe_range range = {.ref = kk_memory_ref(memory), .offset = offset};
	struct pipe_record record = {.total = bytes, .bytes = sizeof(range), .kind = PIPE_RANGE};
	uint64_t all = kk_memory_bytes(memory);
	/* A handle begins with its object. */
	const struct kk_object *object = (const struct kk_object *)(const void *)memory;
	if (object->family != c->object.family || offset > all || bytes > all - offset)
		return KK_ERR_INVALID;
	return send_message(c, &record, &range, timeout_ms);
}
