/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/pipe/store.c - messages in private memory: long ones that are put together, and what a sender had to take in. */
#include "pipe/layout.h"

#include <stdlib.h>

bool pipe_is_empty(const struct kk_connection *c)
{
	const struct pipe_lane *lane = pipe_in(c);
	uint64_t head = atomic_load(&lane->head);
	return (atomic_load(&lane->tail) & ~PIPE_OPEN) == head;
}

void pipe_give_receiving(struct kk_connection *c)
{
	kk_guard_give(&pipe_in(c)->receiving);
	if (!pipe_is_empty(c) || atomic_load(&c->store.any))
		pipe_wake(pipe_own(c));
}

void pipe_take_off(struct kk_connection *c, const struct pipe_record *record)
{
	if (pipe_drop(pipe_in(c), c->in.capacity, record))
		pipe_wake(pipe_peer(c));
}

/* ---- forgetting */

static void free_kept(struct pipe_kept *kept)
{
	free(kept->data);
	free(kept);
}

static void set_partial(struct pipe_store *store, struct pipe_kept *building)
{
	store->building = building;
	store->got = 0;
	atomic_store(&store->partial, building != NULL);
}

void pipe_store_drop_partial(struct kk_connection *c)
{
	if (c->store.building)
		free_kept(c->store.building);
	set_partial(&c->store, NULL);
}

void pipe_store_pop(struct kk_connection *c)
{
	struct pipe_kept *kept = c->store.first;
	c->store.first = kept->next;
	atomic_store(&c->store.any, kept->next != NULL);
	free_kept(kept);
}

void pipe_store_clear(struct kk_connection *c)
{
	while (c->store.first)
		pipe_store_pop(c);
	pipe_store_drop_partial(c);
}

void pipe_store_settle(struct kk_connection *c)
{
	const struct pipe_lane *lane = pipe_in(c);
	uint64_t tail = atomic_load(&lane->tail);
	if (c->store.building && tail == atomic_load(&lane->head))
		pipe_store_drop_partial(c);
}

void pipe_store_refresh(struct kk_connection *c, unsigned seat)
{
	struct pipe_store *store = &c->store;
	uint32_t mark = pipe_pid_of(atomic_load(pipe_user(c->pipe, c->seats, c->end, seat)));
	if (store->owner != mark) {
		/* Left as it is, not freed: another thread of the parent may have been at work in it. */
		store->first = NULL;
		atomic_store(&store->any, false);
		set_partial(store, NULL);
		store->owner = mark;
	}
	if (store->building && store->next != atomic_load(&pipe_in(c)->head))
		pipe_store_drop_partial(c);
}

/* ---- taking in */

static struct pipe_kept *new_kept(uint64_t bytes)
{
	struct pipe_kept *kept = calloc(1, sizeof(*kept));
	if (!kept)
		return NULL;
	kept->bytes = bytes;
	kept->data = malloc(bytes ? bytes : 1);
	if (!kept->data) {
		free(kept);
		return NULL;
	}
	return kept;
}

static void append(struct pipe_store *store, struct pipe_kept *kept)
{
	if (store->first)
		store->last->next = kept;
	else
		store->first = kept;
	store->last = kept;
	atomic_store(&store->any, true);
}

/* The record at head is the next part of the message that is being put together. */
static int take_part(struct kk_connection *c, const struct pipe_record *record)
{
	struct pipe_store *store = &c->store;
	struct pipe_kept *kept = store->building;
	if (record->total != kept->bytes || record->bytes > kept->bytes - store->got)
		return KK_ERR_CORRUPT;
	pipe_copy_out(pipe_in(c), c->in, record, kept->data + store->got);
	store->got += record->bytes;
	pipe_take_off(c, record);
	/* relaxed: only who has the guard, we, writes it. */
	store->next = atomic_load_explicit(&pipe_in(c)->head, memory_order_relaxed);
	if (store->got == kept->bytes) {
		set_partial(store, NULL);
		append(store, kept);
	}
	return KK_OK;
}

static int take_whole(struct kk_connection *c, const struct pipe_record *record)
{
	bool is_range = record->kind == PIPE_RANGE;
	struct pipe_kept *kept = new_kept(is_range ? 0 : record->bytes);
	if (!kept)
		return KK_ERR_MEMORY;
	pipe_copy_out(pipe_in(c), c->in, record, is_range ? (void *)&kept->range : kept->data);
	kept->is_range = is_range;
	kept->bytes = record->total;
	pipe_take_off(c, record);
	append(&c->store, kept);
	return KK_OK;
}

int pipe_store_take_in(struct kk_connection *c, const struct pipe_record *record)
{
	if (record->kind == PIPE_MORE && !c->store.building) {
		pipe_take_off(c, record);
		return KK_OK;
	}
	if (record->kind == PIPE_MORE)
		return take_part(c, record);
	/* Another message: the one before was abandoned. */
	pipe_store_drop_partial(c);
	if (record->kind != PIPE_FIRST)
		return take_whole(c, record);
	struct pipe_kept *kept = new_kept(record->total);
	if (!kept)
		return KK_ERR_MEMORY;
	set_partial(&c->store, kept);
	return take_part(c, record);
}

int pipe_gather(struct kk_connection *c, unsigned seat, bool split)
{
	struct pipe_record record;
	int rc = 0;
	pipe_store_refresh(c, seat);
	while (rc == 0 && !c->store.first) {
		rc = pipe_peek(pipe_in(c), c->in, &record);
		if (rc <= 0)
			break;
		if (record.kind == PIPE_WHOLE || record.kind == PIPE_RANGE || (record.kind == PIPE_FIRST && split))
			return 1;
		rc = pipe_store_take_in(c, &record);
	}
	if (rc < 0 || c->store.first)
		return rc < 0 ? rc : 1;
	pipe_store_settle(c);
	return 0;
}

int pipe_drain(struct kk_connection *c, unsigned seat)
{
	struct pipe_record record;
	int rc = KK_OK;
	if (!c->in.bytes || pipe_is_empty(c) || !pipe_is_alone(c, seat) || !kk_guard_try(&pipe_in(c)->receiving, seat))
		return KK_OK;
	pipe_store_refresh(c, seat);
	while (rc == KK_OK) {
		rc = pipe_peek(pipe_in(c), c->in, &record);
		if (rc <= 0)
			break;
		rc = pipe_store_take_in(c, &record);
	}
	pipe_store_settle(c);
	/* Wakes another thread that sleeps for what we have taken in. */
	pipe_give_receiving(c);
	return rc;
}
