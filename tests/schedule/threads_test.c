/* SPDX-License-Identifier: Apache-2.0 */
/* Threads stand in for workers, each with its role and handles, so that a thread sanitizer can look on: it sees every
 * access to shared memory, the plain ones to headers and payloads, too, and complains about those that no release and
 * acquire put in order. The threads yield at random points and die there; their heirs start when they were joined, as a
 * process's heir starts when it was waited for.
 *
 * A thread sanitizer knows nothing of atomic_thread_fence. Nothing here relies on one to order plain accesses (the
 * fences of the event decide only who sees a flag), so it misses nothing and reports nothing wrong; what the fences are
 * for, that no wake-up is lost, is explored by `schedule` and shows here only as a test that does not end. */
#include "harness.h"
#include <kakehi/block.h>
#include <kakehi/ring.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { S, W, D, RINGS };
enum { MOVERS = 2, EATERS = 2, ROLES = MOVERS + EATERS, ITEMS = 512 };

struct entry {
	_Alignas(64) uint32_t value, pad;
	struct kk_block_ref payload;
};

struct worker {
	unsigned role;
	pthread_t thread;
	bool running, dead;
	uint64_t dice;
	unsigned kill_rarity; /* one point in so many kills; 0: none */
	unsigned deaths;
	struct kk_table *table;
	struct kk_ring *ring[RINGS];
	struct kk_arena *arena;
	uint32_t redo[ITEMS];
	unsigned redo_count;
	unsigned eaten[ITEMS];
};

static struct {
	void *table, *ring[RINGS], *log;
	unsigned char *data;
	size_t table_bytes, ring_bytes[RINGS], log_bytes;
	struct kk_arena_shape arena;
	struct worker worker[ROLES + 1]; /* 0 is the parent */
	pthread_mutex_t mutex;
	pthread_cond_t ended;
} world;

static _Thread_local struct worker *self;

/* xorshift64 */
static uint64_t roll(void)
{
	self->dice ^= self->dice << 13;
	self->dice ^= self->dice >> 7;
	self->dice ^= self->dice << 17;
	return self->dice;
}

static void end(bool dead)
{
	pthread_mutex_lock(&world.mutex);
	self->running = false;
	self->dead = dead;
	pthread_cond_signal(&world.ended);
	pthread_mutex_unlock(&world.mutex);
	pthread_exit(NULL);
}

void kk_point(const char *site);
void kk_point(const char *site)
{
	(void)site;
	if (!self)
		return;
	if (roll() % 8 == 0)
		sched_yield();
	if (self->kill_rarity && roll() % self->kill_rarity == 0)
		end(true);
}

/* ---- a worker's life */

static struct entry *entry_of(uint32_t handle)
{
	return kk_table_entry(self->table, handle);
}

static void put(unsigned number, uint32_t handle)
{
	struct kk_ring *ring = self->ring[number];
	while (kk_ring_put(ring, handle, 0) != KK_OK) {
		uint32_t ticket = kk_event_prepare(kk_ring_room_event(ring));
		if (kk_ring_put(ring, handle, 0) == KK_OK)
			break;
		kk_event_sleep(kk_ring_room_event(ring), ticket, -1);
	}
	kk_ring_announce(ring, 1);
}

static uint32_t payload_bytes(uint32_t value)
{
	return 16 + value * 37 % 200;
}

/* Different ones, so that no compiler makes a memset of writing them: a sanitizer may not see through that. */
static unsigned char payload_byte(uint32_t value, uint32_t i)
{
	return (unsigned char)(value * 7 + i);
}

/* Here and below: first a try without the event, whose word would put more in order than the blocks and rings do. */
static void alloc(struct kk_block_ref *ref, uint32_t bytes)
{
	struct kk_event *room = kk_arena_room_event(self->arena);
	while (kk_block_alloc(self->arena, bytes, true, ref) != KK_OK) {
		uint32_t ticket = kk_event_prepare(room);
		if (kk_block_alloc(self->arena, bytes, true, ref) == KK_OK)
			return;
		kk_event_sleep(room, ticket, -1);
	}
}

static void move_one(uint32_t handle)
{
	struct entry *entry = entry_of(handle);
	struct kk_block_ref ref;
	alloc(&ref, payload_bytes(entry->value));
	ref.size = payload_bytes(entry->value);
	unsigned char *payload = kk_block_memory(self->arena, &ref);
	for (uint32_t i = 0; i < ref.size; i++)
		payload[i] = payload_byte(entry->value, i);
	entry->payload = ref;
	kk_block_share(self->arena, &ref, 1);
	put(W, handle);
}

static void finish_eating(uint32_t handle)
{
	kk_block_release(self->arena, &entry_of(handle)->payload, 0);
	put(D, handle);
}

static void eat_one(uint32_t handle)
{
	const struct entry *entry = entry_of(handle);
	const unsigned char *payload = kk_block_read(self->arena, &entry->payload);
	if (!payload || entry->payload.size != payload_bytes(entry->value))
		abort();
	for (uint32_t i = 0; i < entry->payload.size; i++)
		if (payload[i] != payload_byte(entry->value, i))
			abort();
	self->eaten[entry->value]++;
	kk_table_commit(self->table, handle);
	finish_eating(handle);
}

static int complete(void *arg, uint32_t handle)
{
	(void)arg;
	finish_eating(handle);
	return KK_OK;
}

static int redo(void *arg, uint32_t handle, unsigned ring)
{
	(void)arg;
	if (ring == S)
		kk_block_release(self->arena, &entry_of(handle)->payload, 0);
	self->redo[self->redo_count++] = handle;
	return KK_OK;
}

static struct kk_ring *ring_of(void *arg, unsigned number)
{
	(void)arg;
	return number < RINGS ? self->ring[number] : NULL;
}

static int wait_room(void *arg, struct kk_ring *ring)
{
	(void)arg;
	uint32_t ticket = kk_event_prepare(kk_ring_room_event(ring));
	if (kk_ring_count(ring) >= kk_ring_slots(ring))
		kk_event_sleep(kk_ring_room_event(ring), ticket, -1);
	return KK_OK;
}

static int take(struct kk_ring *in, uint32_t *handles, int max)
{
	int taken;
	while ((taken = kk_ring_take(in, handles, max)) == KK_ERR_EMPTY) {
		uint32_t ticket = kk_event_prepare(kk_ring_items_event(in));
		if ((taken = kk_ring_take(in, handles, max)) != KK_ERR_EMPTY)
			break;
		kk_event_sleep(kk_ring_items_event(in), ticket, -1);
	}
	return taken;
}

static void work_through(struct kk_ring *in, void (*work)(uint32_t handle))
{
	uint32_t handles[3];
	int taken;
	while ((taken = take(in, handles, 3)) > 0)
		for (int i = 0; i < taken; i++)
			work(handles[i]);
	if (taken != KK_ERR_CLOSED)
		abort();
}

static void *live(void *arg)
{
	const struct kk_heir heir = {complete, redo, ring_of, wait_room, NULL};
	self = arg;
	bool mover = self->role <= MOVERS;
	self->redo_count = 0;
	if (kk_table_inherit(self->table, &heir) < 0)
		abort();
	if (mover && kk_arena_adopt(self->arena, self->role - 1, self->role) != KK_OK)
		abort();
	for (unsigned i = 0; i < self->redo_count; i++)
		(mover ? move_one : eat_one)(self->redo[i]);
	work_through(self->ring[mover ? S : W], mover ? move_one : eat_one);
	end(false);
	return NULL;
}

/* The sentinel needs a free slot, as any other put. */
static void *close_middle(void *arg)
{
	struct worker *parent = arg;
	struct kk_event *room = kk_ring_room_event(parent->ring[W]);
	for (;;) {
		uint32_t ticket = kk_event_prepare(room);
		if (kk_ring_close(parent->ring[W]) == KK_OK)
			return NULL;
		kk_event_sleep(room, ticket, -1);
	}
}

/* ---- the world */

static void *lines(size_t bytes)
{
	void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
	assert_non_null(memory);
	memset(memory, 0, (bytes + 63) / 64 * 64);
	return memory;
}

static void attach(struct worker *w)
{
	assert_int_equal(kk_table_attach(&w->table, world.table, world.table_bytes, w->role), KK_OK);
	for (unsigned r = 0; r < RINGS; r++)
		assert_int_equal(kk_ring_attach(&w->ring[r], world.ring[r], world.ring_bytes[r], w->table), KK_OK);
	assert_int_equal(
	    kk_arena_attach(&w->arena, world.log, world.log_bytes, world.data, kk_arena_data_size(&world.arena)),
	    KK_OK);
}

static void detach(struct worker *w)
{
	for (unsigned r = 0; r < RINGS; r++)
		kk_ring_detach(w->ring[r]);
	kk_arena_detach(w->arena);
	kk_table_detach(w->table);
}

static void make(uint32_t slots)
{
	const uint32_t room[RINGS] = {2 * ITEMS, slots, ITEMS};
	memset(&world, 0, sizeof(world));
	pthread_mutex_init(&world.mutex, NULL);
	pthread_cond_init(&world.ended, NULL);
	world.arena = (struct kk_arena_shape){MOVERS, 4, 512, 256};
	world.log_bytes = kk_arena_log_size(&world.arena);
	world.log = lines(world.log_bytes);
	world.data = lines(kk_arena_data_size(&world.arena));
	assert_int_equal(kk_arena_init(world.log, &world.arena), KK_OK);
	world.table_bytes = kk_table_size(ITEMS, sizeof(struct entry));
	world.table = lines(world.table_bytes);
	assert_int_equal(kk_table_init(world.table, ITEMS, sizeof(struct entry)), KK_OK);
	for (unsigned r = 0; r < RINGS; r++) {
		world.ring_bytes[r] = kk_ring_size(room[r]);
		world.ring[r] = lines(world.ring_bytes[r]);
		assert_int_equal(kk_ring_init(world.ring[r], room[r], r, (UINT64_C(1) << KK_POSITION_BITS) - 7), KK_OK);
	}
	struct worker *parent = &world.worker[0];
	attach(parent);
	for (uint32_t i = 0; i < ITEMS; i++)
		((struct entry *)kk_table_entry(parent->table, i))->value = i;
	assert_int_equal(kk_ring_fill(parent->ring[S], 0, ITEMS), KK_OK);
	assert_int_equal(kk_ring_close(parent->ring[S]), KK_OK);
}

static void drop(void)
{
	detach(&world.worker[0]);
	for (unsigned r = 0; r < RINGS; r++)
		free(world.ring[r]);
	free(world.table);
	free(world.log);
	free(world.data);
	pthread_cond_destroy(&world.ended);
	pthread_mutex_destroy(&world.mutex);
}

static void start(struct worker *w)
{
	attach(w);
	w->running = true;
	w->dead = false;
	assert_int_equal(pthread_create(&w->thread, NULL, live, w), 0);
}

static void wake_all(struct worker *parent)
{
	for (unsigned r = 0; r < RINGS; r++) {
		kk_event_wake_all(kk_ring_items_event(parent->ring[r]), -1);
		kk_event_wake_all(kk_ring_room_event(parent->ring[r]), -1);
	}
	kk_event_wake_all(kk_arena_room_event(parent->arena), -1);
}

/* The next worker that has ended; its thread is joined. */
static struct worker *bury(bool *through)
{
	struct worker *found = NULL;
	pthread_mutex_lock(&world.mutex);
	while (!found) {
		for (unsigned i = 1; i <= ROLES && !found; i++)
			if (!through[i] && !world.worker[i].running)
				found = &world.worker[i];
		if (!found)
			pthread_cond_wait(&world.ended, &world.mutex);
	}
	pthread_mutex_unlock(&world.mutex);
	assert_int_equal(pthread_join(found->thread, NULL), 0);
	detach(found);
	return found;
}

static unsigned run(uint32_t slots, unsigned kill_rarity, uint64_t seed)
{
	bool through[ROLES + 1] = {false}, closing = false;
	unsigned left = ROLES, deaths = 0;
	pthread_t closer;
	make(slots);
	for (unsigned i = 1; i <= ROLES; i++) {
		world.worker[i].role = i;
		world.worker[i].dice = seed * 1000003 + i;
		world.worker[i].kill_rarity = kill_rarity;
		start(&world.worker[i]);
	}
	while (left > 0) {
		struct worker *w = bury(through);
		if (w->dead) {
			deaths++;
			wake_all(&world.worker[0]);
			start(w);
			continue;
		}
		through[w->role] = true;
		left--;
		if (!closing && through[1] && through[2]) {
			closing = true;
			assert_int_equal(pthread_create(&closer, NULL, close_middle, &world.worker[0]), 0);
		}
	}
	assert_int_equal(pthread_join(closer, NULL), 0);
	return deaths;
}

static void verify(unsigned deaths)
{
	struct worker *parent = &world.worker[0];
	unsigned seen[ITEMS] = {0}, again = 0;
	uint32_t handle;
	assert_int_equal(kk_ring_puts(parent->ring[D]), ITEMS);
	while (kk_ring_take(parent->ring[D], &handle, 1) == 1)
		seen[handle]++;
	for (unsigned i = 0; i < ITEMS; i++) {
		unsigned eaten = 0;
		for (unsigned w = 1; w <= ROLES; w++)
			eaten += world.worker[w].eaten[i];
		assert_int_equal(seen[i], 1);
		assert_true(eaten >= 1);
		again += eaten - 1;
	}
	assert_true(again <= deaths);
	assert_int_equal(kk_arena_used(parent->arena), 0);
}

static void test_undisturbed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		run(1u << i, 0, i + 1);
		verify(0);
		drop();
	}
}

static void test_deaths(void **state)
{
	(void)state;
	unsigned all = 0;
	for (unsigned i = 0; i < 6; i++) {
		unsigned deaths = run(1u << i, 4000, i + 7);
		verify(deaths);
		drop();
		all += deaths;
	}
	print_message("%u deaths\n", all);
	assert_true(all > 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_undisturbed),
    cmocka_unit_test(test_deaths),
};
HARNESS_MAIN(tests)
