/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/pipe/pipe.c - making, finding and leaving pipes; and burying who used them. */
#include "pipe/layout.h"

#include "family/kinds.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The two ends of a pipe share its reference but for the highest bit, which no object's has. */
#define END_BIT (UINT64_C(1) << 63)

/* ---- the connections of this process: one handle for each end, or two would each have a store of their own */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kk_connection *connections;

static void lock_all(void)
{
	(void)pthread_mutex_lock(&lock);
}

static void unlock_all(void)
{
	(void)pthread_mutex_unlock(&lock);
}

static int watch_result;

static void watch(void)
{
	if (pthread_atfork(lock_all, unlock_all, unlock_all) != 0)
		watch_result = KK_ERR_MEMORY;
}

static int watch_forks(struct kk_error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)pthread_once(&once, watch);
	return watch_result == 0 ? KK_OK : kk_error_set(error, watch_result, "no memory to watch forks");
}

static void list(struct kk_connection *c)
{
	c->next = connections;
	connections = c;
}

static void unlist(struct kk_connection *c)
{
	struct kk_connection **at = &connections;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
}

static struct kk_connection *find(const struct kk_object *object, unsigned end)
{
	struct kk_connection *c = connections;
	while (c && (c->object.family != object->family || c->object.ref != object->ref || c->end != end))
		c = c->next;
	return c;
}

/* ---- handles */

static struct kk_connection *new_handle(const struct kk_object *object, unsigned end, struct kk_error *error)
{
	struct pipe_memory *pipe = object->memory;
	struct kk_connection *c = calloc(1, sizeof(*c));
	if (!c) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for the handle of a connection");
		return NULL;
	}
	c->object = *object;
	c->pipe = pipe;
	c->end = end;
	c->opens = 1;
	c->seats = pipe->seats;
	c->capacity = pipe->capacity;
	atomic_init(&c->patience, PIPE_PATIENCE);
	unsigned char *bytes = (unsigned char *)(pipe + 1) + pipe_users_bytes(c->seats);
	struct pipe_bytes lane[2] = {{NULL, c->capacity}, {NULL, c->capacity}};
	lane[1].bytes = bytes;
	if (pipe->duplex)
		lane[0].bytes = bytes + c->capacity;
	c->out = lane[end];
	c->in = lane[1 - end];
	return c;
}

static bool is_sound(const struct pipe_memory *pipe, uint64_t bytes)
{
	return bytes >= sizeof(*pipe) && pipe->seats <= KK_SEAT_MAX && pipe->capacity >= KK_PIPE_BYTES_MIN &&
	       pipe->capacity <= KK_PIPE_BYTES_MAX && (pipe->capacity & (pipe->capacity - 1)) == 0 &&
	       pipe_total_bytes(pipe->capacity, pipe->duplex, pipe->seats) <= bytes;
}

static uint64_t capacity_for(uint64_t bytes)
{
	uint64_t capacity = KK_PIPE_BYTES_MIN;
	while (capacity < bytes)
		capacity *= 2;
	return capacity;
}

int kk_pipe_create(struct kk_family *family, bool duplex, uint64_t bytes, struct kk_connection *ends[2],
                   struct kk_error *error)
{
	struct kk_object object;
	struct kk_connection *made[2] = {NULL, NULL};
	ends[0] = ends[1] = NULL;
	if (bytes > KK_PIPE_BYTES_MAX)
		return kk_error_set(error, KK_ERR_INVALID,
		                    "a pipe has at most %u bytes in each direction, not %" PRIu64, KK_PIPE_BYTES_MAX,
		                    bytes);
	uint64_t capacity = capacity_for(bytes ? bytes : KK_PIPE_BYTES);
	uint32_t seats = kk_family_seats(family);
	int rc = watch_forks(error);
	if (rc < 0)
		return rc;
	rc = kk_object_make(family, &kk_kind_pipe, pipe_total_bytes(capacity, duplex, seats), &object, error);
	if (rc < 0)
		return rc;
	struct pipe_memory *pipe = object.memory;
	pipe->capacity = capacity;
	pipe->duplex = duplex;
	pipe->seats = seats;
	made[0] = new_handle(&object, 0, error);
	made[1] = new_handle(&object, 1, error);
	if (!made[0] || !made[1]) {
		free(made[0]);
		free(made[1]);
		(void)kk_object_destroy(&object);
		return KK_ERR_MEMORY;
	}
	kk_object_publish(&object);
	lock_all();
	list(made[0]);
	list(made[1]);
	unlock_all();
	ends[0] = made[0];
	ends[1] = made[1];
	return KK_OK;
}

static struct kk_connection *open_locked(const struct kk_object *object, unsigned end, struct kk_error *error)
{
	struct kk_connection *c = find(object, end);
	if (c) {
		c->opens++;
		return c;
	}
	c = new_handle(object, end, error);
	if (c)
		list(c);
	return c;
}

struct kk_connection *kk_connection_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	struct kk_object object;
	if (watch_forks(error) < 0 || kk_object_find(family, ref & ~END_BIT, &kk_kind_pipe, &object, error) < 0)
		return NULL;
	const struct pipe_memory *pipe = object.memory;
	if (!is_sound(pipe, object.bytes) || pipe->seats != kk_family_seats(family)) {
		(void)kk_error_set(error, KK_ERR_CORRUPT, "the header of a pipe was overwritten");
		return NULL;
	}
	lock_all();
	struct kk_connection *c = open_locked(&object, ref & END_BIT ? 1 : 0, error);
	unlock_all();
	return c;
}

uint64_t kk_connection_ref(const struct kk_connection *c)
{
	return c->object.ref | (c->end == 1 ? END_BIT : 0);
}

bool kk_connection_readable(const struct kk_connection *c)
{
	return c->in.bytes != NULL;
}

bool kk_connection_writable(const struct kk_connection *c)
{
	return c->out.bytes != NULL;
}

/* ---- ends */

void kk_connection_close(struct kk_connection *c)
{
	struct kk_object object;
	if (!c)
		return;
	lock_all();
	unsigned opens = --c->opens;
	if (opens == 0)
		unlist(c);
	unlock_all();
	if (opens > 0)
		return;
	/* The pipe itself may be gone. */
	if (kk_object_find(c->object.family, c->object.ref, &kk_kind_pipe, &object, NULL) == KK_OK)
		pipe_leave_process(c);
	if (c->store.owner == (uint32_t)getpid())
		pipe_store_clear(c);
	free(c);
}

void kk_connection_shut(struct kk_connection *c)
{
	pipe_shut(pipe_own(c));
	kk_event_wake_all(&pipe_own(c)->event, -1);
	kk_event_wake_all(&pipe_peer(c)->event, -1);
}

void kk_connection_destroy(struct kk_connection *c)
{
	if (!c)
		return;
	/* KK_ERR_MISSING: somebody else has destroyed it. */
	(void)kk_object_destroy(&c->object);
	kk_connection_close(c);
}

/* ---- deaths */

static int bury(struct kk_family *family, void *memory, uint64_t bytes, unsigned seat, bool left)
{
	struct pipe_memory *pipe = memory;
	uint32_t seats = kk_family_seats(family);
	if (!is_sound(pipe, bytes) || pipe->seats != seats)
		return KK_ERR_CORRUPT;
	/* A seat without a mark has nothing in hand here. */
	if (atomic_load(pipe_user(pipe, seats, 0, seat)) == 0 && atomic_load(pipe_user(pipe, seats, 1, seat)) == 0)
		return KK_OK;
	for (int i = 0; i < 2; i++) {
		struct pipe_lane *lane = &pipe->lane[i];
		if (kk_guard_is_of(&lane->sending, seat))
			atomic_fetch_and(&lane->tail, ~PIPE_OPEN);
		kk_guard_bury(&lane->sending, seat);
		kk_guard_bury(&lane->receiving, seat);
	}
	pipe_leave_dead(family, pipe, 0, seat, left);
	pipe_leave_dead(family, pipe, 1, seat, left);
	pipe_forget(pipe, seats, 0, seat);
	pipe_forget(pipe, seats, 1, seat);
	return KK_OK;
}

static int check(const void *memory, uint64_t bytes, struct kk_error *error)
{
	const struct pipe_memory *pipe = memory;
	if (!is_sound(pipe, bytes))
		return kk_error_set(error, KK_ERR_CORRUPT, "its header was overwritten");
	for (int i = 0; i < 2; i++) {
		/* head first: it only grows, and never beyond tail. */
		uint64_t head = atomic_load(&pipe->lane[i].head);
		uint64_t tail = atomic_load(&pipe->lane[i].tail) & ~PIPE_OPEN;
		bool alone = atomic_load(&pipe->lane[i].head) == head;
		if (head % PIPE_ALIGN != 0 || tail % PIPE_ALIGN != 0 || tail < head ||
		    (alone && tail - head > pipe->capacity))
			return kk_error_set(error, KK_ERR_CORRUPT, "lane %d: positions %" PRIu64 " and %" PRIu64, i,
			                    head, tail);
		if (atomic_load(&pipe->lane[i].sending.owner) > pipe->seats ||
		    atomic_load(&pipe->lane[i].receiving.owner) > pipe->seats)
			return kk_error_set(error, KK_ERR_CORRUPT, "lane %d: a guard of a seat that is not", i);
	}
	return KK_OK;
}

const struct kk_kind kk_kind_pipe = {.name = "pipe", .number = KK_KIND_PIPE, .layout = 1, .bury = bury, .check = check};
