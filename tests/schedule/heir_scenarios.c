/* SPDX-License-Identifier: Apache-2.0 */
/* Workers are killed at any access; their heirs, and the heirs of these, finish what they had in hand. */
#include "world.h"
#include <stddef.h>

/* F: where everything comes from; W: the ring in the middle, small; D: where it ends. */
enum { F, W, D };

static struct {
	uint32_t items;
	bool use_events;
	unsigned done[ENTRIES_MAX]; /* how often an item's work was done */
	unsigned drained;           /* movers that are through          */
} run;

struct part {
	unsigned role;
	unsigned from, to;
	int batch, wanted; /* wanted: the ring `to` gets no more than that; 0: until `from` is closed */
	bool commits;
};

/* ---- a worker's life */

/* As the parent does after every death, before it starts the next process of the role. */
static void wake_everybody(struct actor *me)
{
	for (unsigned r = 0; r < RINGS_MAX; r++) {
		kk_event_wake_all(kk_ring_items_event(me->ring[r]), -1);
		kk_event_wake_all(kk_ring_room_event(me->ring[r]), -1);
	}
}

static void put(struct actor *me, unsigned ring, uint32_t handle)
{
	if (!run.use_events) {
		world_put(me, ring, handle);
		return;
	}
	struct kk_event *room = kk_ring_room_event(me->ring[ring]);
	while (world_put_once(me, ring, handle) != KK_OK) {
		uint32_t ticket = kk_event_prepare(room);
		if (world_put_once(me, ring, handle) == KK_OK)
			break;
		kk_event_sleep(room, ticket, -1);
	}
	kk_ring_announce(me->ring[ring], 1);
}

static int take(struct actor *me, const struct part *part, uint32_t *handles)
{
	struct kk_event *items = kk_ring_items_event(me->ring[part->from]);
	for (;;) {
		uint32_t ticket = run.use_events ? kk_event_prepare(items) : 0;
		uint64_t before = world_changes(part->from);
		int taken = world_take_once(me, part->from, handles, part->batch);
		if (taken != KK_ERR_EMPTY)
			return taken;
		if (part->wanted && world_claims(part->from) >= (unsigned)part->wanted)
			return KK_ERR_CLOSED;
		if (run.use_events)
			kk_event_sleep(items, ticket, -1);
		else
			world_wait_change(part->from, before);
	}
}

static void work_on(struct actor *me, const struct part *part, uint32_t handle)
{
	run.done[handle]++;
	if (part->commits)
		kk_table_commit(me->table, handle);
	put(me, part->to, handle);
}

struct life {
	struct actor *me;
	const struct part *part;
};

static int complete(void *arg, uint32_t handle)
{
	struct life *life = arg;
	put(life->me, life->part->to, handle);
	return KK_OK;
}

static int redo(void *arg, uint32_t handle, unsigned ring)
{
	struct life *life = arg;
	EXPLORE_CHECK(ring == life->part->from, "role %u inherits what it never took", life->part->role);
	work_on(life->me, life->part, handle);
	return KK_OK;
}

static struct kk_ring *ring_of(void *arg, unsigned number)
{
	struct life *life = arg;
	return number < RINGS_MAX ? life->me->ring[number] : NULL;
}

static int wait_room(void *arg, struct kk_ring *ring)
{
	struct life *life = arg;
	unsigned number = ring == life->me->ring[W] ? W : D;
	if (run.use_events) {
		uint32_t ticket = kk_event_prepare(kk_ring_room_event(ring));
		if (kk_ring_count(ring) >= kk_ring_slots(ring))
			kk_event_sleep(kk_ring_room_event(ring), ticket, -1);
		return KK_OK;
	}
	uint64_t before = world_changes(number);
	if (world_queued(number) >= kk_ring_slots(ring))
		world_wait_change(number, before);
	return KK_OK;
}

static void go_on(struct actor *me, const struct part *part)
{
	uint32_t handles[3];
	int taken;
	while ((taken = take(me, part, handles)) > 0)
		for (int i = 0; i < taken; i++)
			work_on(me, part, handles[i]);
	if (part->to == W)
		run.drained |= 1u << part->role;
}

static void work(void *arg)
{
	const struct part *part = arg;
	go_on(world_actor(part->role), part);
}

static void inherit_and_work(void *arg)
{
	const struct part *part = arg;
	struct actor *me = world_actor(part->role);
	struct life life = {me, part};
	const struct kk_heir heir = {complete, redo, ring_of, wait_room, &life};
	if (run.use_events)
		wake_everybody(me);
	EXPLORE_CHECK(kk_table_inherit(me->table, &heir) >= 0, "role %u cannot inherit", part->role);
	go_on(me, part);
}

/* ---- worlds */

static void make(uint32_t items, uint32_t slots, bool use_events)
{
	const struct world_shape shape = {.entries = items, .slots = {8, slots, 8}};
	run.items = items;
	run.use_events = use_events;
	run.drained = 0;
	for (unsigned h = 0; h < ENTRIES_MAX; h++)
		run.done[h] = 0;
	world_make(&shape);
	struct actor *creator = world_actor(0);
	kk_ring_fill(creator->ring[F], 0, items);
	world_watch();
	world_close(creator, F);
}

static void all_arrived(void)
{
	EXPLORE_CHECK(world_claims(W) >= run.items && world_queued(D) == run.items && world_queued(W) == 0,
	              "%u of %u items arrived", world_queued(D), run.items);
	for (uint32_t h = 0; h < run.items; h++)
		EXPLORE_CHECK(run.done[h] > 0, "item %u arrived unworked", h);
}

static void spawn(const char *name, const struct part *part, bool mortal)
{
	explore_spawn(name, work, mortal ? inherit_and_work : NULL, (void *)(uintptr_t)part);
}

static const struct part mover_1 = {1, F, W, 1, 0, false}, mover_2 = {2, F, W, 1, 0, false},
                         mover_batch = {1, F, W, 3, 0, false};

/* Two movers, of which the first may die, an eater that does not. */
static void start_put(void)
{
	static const struct part eater = {3, W, D, 1, 2, false};
	make(2, 1, false);
	spawn("mover 1", &mover_1, true);
	spawn("mover 2", &mover_2, false);
	spawn("eater 3", &eater, false);
}

static void start_take(void)
{
	static const struct part eater_3 = {3, W, D, 1, 2, true}, eater_4 = {4, W, D, 1, 2, false};
	make(2, 2, false);
	spawn("mover 1", &mover_1, false);
	spawn("eater 3", &eater_3, true);
	spawn("eater 4", &eater_4, false);
}

static void start_batch(void)
{
	static const struct part eater = {3, W, D, 3, 3, false};
	make(3, 2, false);
	spawn("mover 1", &mover_batch, true);
	spawn("eater 3", &eater, true);
}

static bool movers_are_through(void *arg)
{
	return run.drained == *(const unsigned *)arg;
}

/* The parent closes the ring when everybody who feeds it is through. */
static void parent(void *arg)
{
	struct actor *me = world_actor(0);
	struct kk_event *room = kk_ring_room_event(me->ring[W]);
	explore_wait(movers_are_through, arg);
	for (;;) {
		uint32_t ticket = kk_event_prepare(room);
		if (world_close_once(me, W) == KK_OK)
			break;
		kk_event_sleep(room, ticket, -1);
	}
}

static void start_pipeline(void)
{
	static const unsigned movers = 1u << 1;
	static const struct part eater = {3, W, D, 2, 0, true};
	make(2, 1, true);
	spawn("mover 1", &mover_1, true);
	spawn("eater 3", &eater, true);
	explore_spawn("parent", parent, NULL, (void *)(uintptr_t)&movers);
}

static void start_wide_pipeline(void)
{
	static const unsigned movers = 1u << 1 | 1u << 2;
	static const struct part eater_3 = {3, W, D, 2, 0, true}, eater_4 = {4, W, D, 1, 0, false};
	make(5, 2, true);
	spawn("mover 1", &mover_batch, true);
	spawn("mover 2", &mover_2, true);
	spawn("eater 3", &eater_3, true);
	spawn("eater 4", &eater_4, true);
	explore_spawn("parent", parent, NULL, (void *)(uintptr_t)&movers);
}

const struct scenario heir_scenarios[] = {
    {"heir-put", start_put, world_watch, all_arrived, world_clear, {1, 1}, {2, 1}, 3},
    {"heir-take", start_take, world_watch, all_arrived, world_clear, {1, 1}, {2, 1}, 3},
    {"heir-batch", start_batch, world_watch, all_arrived, world_clear, {1, 1}, {2, 1}, 4},
    {"heir-pipeline", start_pipeline, world_watch, all_arrived, world_clear, {0, 1}, {2, 1}, 4},
    {"heir-wide", start_wide_pipeline, world_watch, all_arrived, world_clear, {0, 0}, {0, 0}, 5},
    {0},
};
