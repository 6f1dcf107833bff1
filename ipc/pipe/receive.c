/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/pipe/receive.c - taking messages out of a lane, or out of what was taken in before. */
#include "pipe/layout.h"

#include <stdlib.h>
#include <string.h>

/* ---- is there something? */

/* Something to take, or an end to the waiting. */
static int look_for_more(struct kk_connection *c, unsigned seat, uint64_t argument)
{
	(void)seat;
	(void)argument;
	int rc = pipe_own_gone(c);
	if (rc < 0)
		return rc;
	/* The fate first: what was sent before it is seen then. */
	rc = pipe_peer_gone(c);
	if (atomic_load(&c->store.any))
		return 1;
	const struct pipe_lane *lane = pipe_in(c);
	uint64_t head = atomic_load(&lane->head), tail = atomic_load(&lane->tail);
	if ((tail & ~PIPE_OPEN) != head)
		return 1;
	/* What was being put together was abandoned. */
	if (rc == KK_OK && !(tail & PIPE_OPEN) && atomic_load(&c->store.partial))
		return 1;
	return rc;
}

/* A message that can be received, or a reason why there will be none. */
static int look_for_message(struct kk_connection *c, unsigned seat, uint64_t argument)
{
	int rc = look_for_more(c, seat, argument);
	if (rc == KK_ERR_CLOSED || rc == KK_ERR_DIED)
		return 1;
	/* Whoever has the guard wakes us when he gives it up and something is left. */
	if (rc <= 0 || !kk_guard_try(&pipe_in(c)->receiving, seat))
		return rc < 0 ? rc : 0;
	rc = pipe_gather(c, seat, !pipe_is_alone(c, seat));
	pipe_give_receiving(c);
	return rc;
}

int kk_connection_poll(struct kk_connection *c, int timeout_ms)
{
	if (!c->in.bytes)
		return KK_ERR_INVALID;
	int seat = pipe_enter(c);
	if (seat < 0)
		return seat;
	int rc = pipe_wait(c, (unsigned)seat, look_for_message, 0, pipe_deadline(timeout_ms));
	return rc < 0 ? rc : KK_OK;
}

/* An error is something to be told, too. */
static bool is_ready(void *object)
{
	struct kk_connection *c = object;
	int seat = c->in.bytes ? pipe_enter(c) : KK_ERR_INVALID;
	return seat < 0 || look_for_message(c, (unsigned)seat, 0) != 0;
}

struct kk_waitable kk_connection_waitable(struct kk_connection *c)
{
	return (struct kk_waitable){
	    .object = c, .ready = is_ready, .event = &pipe_own(c)->event, .family = c->object.family, .fd = -1};
}

/* ---- one message */

/* How the caller wants it. */
struct want {
	enum { WANT_COPY, WANT_OWN, WANT_RANGE } how;
	void *to; /* WANT_COPY: where; WANT_OWN: the answer */
	size_t size;
	struct kk_range *range;
	size_t bytes; /* the answer: its length */
};

/* Where it is: in the lane or in the store; and, if only a reference to it is there, in a memory. */
struct message {
	const struct pipe_record *record; /* in the lane, or NULL */
	struct pipe_kept *kept;           /* in the store         */
	uint64_t bytes;
	bool is_range;
	struct kk_range range;
};

static int find_range(struct kk_connection *c, const struct pipe_range *at, struct message *message)
{
	struct kk_error error = {0};
	struct kk_memory *memory = kk_memory_open(c->object.family, at->ref, &error);
	if (!memory)
		return error.code == KK_ERR_INVALID ? KK_ERR_MISSING : error.code;
	uint64_t all = kk_memory_bytes(memory);
	int rc = at->offset > all || message->bytes > all - at->offset ? KK_ERR_CORRUPT : KK_OK;
	message->range = (struct kk_range){.ref = at->ref,
	                                   .data = (unsigned char *)kk_memory_data(memory) + at->offset,
	                                   .offset = at->offset,
	                                   .bytes = message->bytes};
	kk_memory_close(memory);
	return rc;
}

static void remove_message(struct kk_connection *c, const struct message *message)
{
	if (message->record)
		pipe_take_off(c, message->record);
	else
		pipe_store_pop(c);
}

static void copy(struct kk_connection *c, const struct message *message, void *to)
{
	if (message->is_range)
		memcpy(to, message->range.data, message->bytes);
	else if (message->record)
		pipe_copy_out(pipe_in(c), c->in, message->record, to);
	else
		memcpy(to, message->kept->data, message->bytes);
}

/* Hands it over without removing it. */
static int hand_over(struct kk_connection *c, const struct message *message, struct want *want)
{
	want->bytes = message->bytes;
	if (want->how == WANT_RANGE) {
		if (!message->is_range)
			return KK_ERR_INVALID;
		*want->range = message->range;
		return KK_OK;
	}
	if (want->how == WANT_COPY && message->bytes > want->size)
		return KK_ERR_NO_ROOM;
	if (want->how == WANT_OWN && message->kept && !message->is_range) {
		want->to = message->kept->data;
		message->kept->data = NULL;
		return KK_OK;
	}
	if (want->how == WANT_OWN)
		want->to = malloc(message->bytes ? message->bytes : 1);
	if (want->how == WANT_OWN && !want->to)
		return KK_ERR_MEMORY;
	if (message->bytes > 0)
		copy(c, message, want->to);
	return KK_OK;
}

static int deliver(struct kk_connection *c, const struct pipe_record *record, struct want *want)
{
	struct message message = {.record = record, .kept = record ? NULL : c->store.first};
	int rc = KK_OK;
	message.bytes = record ? record->total : message.kept->bytes;
	message.is_range = record ? record->kind == PIPE_RANGE : message.kept->is_range;
	if (message.is_range) {
		struct pipe_range at = {0};
		if (record)
			pipe_copy_out(pipe_in(c), c->in, record, &at);
		else
			at = message.kept->range;
		rc = find_range(c, &at, &message);
	}
	if (rc == KK_OK)
		rc = hand_over(c, &message, want);
	if (rc == KK_OK || rc == KK_ERR_MISSING)
		remove_message(c, &message);
	return rc < 0 ? rc : 1;
}

/* ---- receiving */

/* By who has the guard. 1: received; 0: nothing is there, or only a part. */
static int take(struct kk_connection *c, unsigned seat, struct want *want)
{
	struct pipe_record record;
	int rc = pipe_gather(c, seat, true);
	while (rc > 0 && !c->store.first) {
		rc = pipe_peek(pipe_in(c), c->in, &record);
		if (rc <= 0)
			return rc;
		if (record.kind != PIPE_FIRST) {
			/* Another message: the one before was abandoned. */
			pipe_store_drop_partial(c);
			return deliver(c, &record, want);
		}
		want->bytes = record.total;
		if (want->how == WANT_RANGE)
			return KK_ERR_INVALID;
		if (want->how == WANT_COPY && record.total > want->size)
			return KK_ERR_NO_ROOM;
		rc = pipe_store_take_in(c, &record);
		if (rc == KK_OK)
			rc = pipe_gather(c, seat, true);
	}
	return rc > 0 ? deliver(c, NULL, want) : rc;
}

static int receive(struct kk_connection *c, struct want *want, int timeout_ms)
{
	int64_t deadline_ns = pipe_deadline(timeout_ms);
	int rc = 0;
	if (!c->in.bytes)
		return KK_ERR_INVALID;
	int seat = pipe_enter(c);
	if (seat < 0)
		return seat;
	while (rc == 0) {
		rc = pipe_wait(c, (unsigned)seat, look_for_more, 0, deadline_ns);
		if (rc > 0)
			rc = kk_guard_take(c->object.family, &pipe_in(c)->receiving, (unsigned)seat, deadline_ns);
		if (rc < 0)
			break;
		rc = take(c, (unsigned)seat, want);
		/* Who shares the end would throw away the rest of a message that we have begun: we see it through. */
		while (rc == 0 && c->store.building && !pipe_is_alone(c, (unsigned)seat)) {
			rc = pipe_wait(c, (unsigned)seat, look_for_more, 0, -1);
			if (rc > 0)
				rc = take(c, (unsigned)seat, want);
		}
		pipe_give_receiving(c);
	}
	return rc < 0 ? rc : KK_OK;
}

int kk_connection_recv_bytes(struct kk_connection *c, void **data, size_t *bytes, int timeout_ms)
{
	struct want want = {.how = WANT_OWN};
	int rc = receive(c, &want, timeout_ms);
	*data = rc == KK_OK ? want.to : NULL;
	*bytes = want.bytes;
	return rc;
}

int kk_connection_recv_bytes_into(struct kk_connection *c, void *to, size_t size, size_t *bytes, int timeout_ms)
{
	struct want want = {.how = WANT_COPY, .to = to, .size = size};
	int rc = receive(c, &want, timeout_ms);
	if (bytes)
		*bytes = want.bytes;
	return rc;
}

int kk_connection_recv_memory(struct kk_connection *c, struct kk_range *range, int timeout_ms)
{
	struct want want = {.how = WANT_RANGE, .range = range};
	return receive(c, &want, timeout_ms);
}
