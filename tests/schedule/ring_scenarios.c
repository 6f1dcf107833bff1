/* SPDX-License-Identifier: Apache-2.0 */
/* The ring alone, nobody dies: putters and takers across the wrap, batches, the sentinel, entries that travel. */
#include "world.h"
#include <stddef.h>

enum { W, V, F };

static struct {
	unsigned takers_done, items, roles;
	bool held[ENTRIES_MAX];
} run;

static const unsigned role_number[ROLES_MAX] = {0, 1, 2, 3, 4, 5, 6, 7};

static unsigned role_of(void *arg)
{
	return *(const unsigned *)arg;
}

static void spawn(const char *name, fiber_body *body, unsigned role)
{
	explore_spawn(name, body, NULL, (void *)(uintptr_t)&role_number[role]);
}

/* `entries` entries, `each` in the hand of each of roles 1 and 2. */
static void make(uint32_t entries, uint32_t w, uint32_t v, int each)
{
	const struct world_shape shape = {.entries = entries, .slots = {w, v, 8}};
	run.items = entries;
	run.takers_done = 0;
	for (unsigned h = 0; h < ENTRIES_MAX; h++)
		run.held[h] = false;
	world_make(&shape);
	struct actor *creator = world_actor(0);
	kk_ring_fill(creator->ring[F], 0, entries);
	world_watch();
	for (unsigned role = 1; each && role <= 2; role++)
		world_give(role, F, each);
}

static void hold(uint32_t handle)
{
	EXPLORE_CHECK(!run.held[handle], "entry %u was taken twice", handle);
	run.held[handle] = true;
}

static void put_mine(struct actor *me)
{
	for (uint32_t h = 0; h < run.items; h++)
		if (world_holds(me, h))
			world_put(me, W, h);
}

static void putter(void *arg)
{
	put_mine(world_actor(role_of(arg)));
}

/* ---- two putters, two takers */

static void take_two(void *arg)
{
	struct actor *me = world_actor(role_of(arg));
	for (int i = 0; i < 2; i++) {
		uint32_t handle = 0;
		world_take(me, W, &handle, 1);
		hold(handle);
	}
}

static void take_one(void *arg)
{
	struct actor *me = world_actor(role_of(arg));
	uint32_t handle = 0;
	world_take(me, W, &handle, 1);
	hold(handle);
}

static void two_and_two(uint32_t slots, int each, fiber_body *taker)
{
	make(2 * (uint32_t)each, slots, 0, each);
	spawn("putter 1", putter, 1);
	spawn("putter 2", putter, 2);
	spawn("taker 3", taker, 3);
	spawn("taker 4", taker, 4);
}

static void start_one_slot(void)
{
	two_and_two(1, 1, take_one);
}

static void start_two_slots(void)
{
	two_and_two(2, 1, take_one);
}

static void start_one_slot_again(void)
{
	two_and_two(1, 2, take_two);
}

static void start_two_slots_again(void)
{
	two_and_two(2, 2, take_two);
}

static void all_taken(void)
{
	EXPLORE_CHECK(world_claims(W) == run.items && world_queued(W) == 0, "%u of %u entries came out",
	              world_claims(W), run.items);
}

/* ---- one try each: what it says must have been true at some moment */

static void put_once(void *arg)
{
	struct actor *me = world_actor(role_of(arg));
	for (uint32_t h = 0; h < run.items; h++)
		if (world_holds(me, h))
			world_put_once(me, W, h);
}

static void take_once(void *arg)
{
	struct actor *me = world_actor(role_of(arg));
	uint32_t handle;
	for (int i = 0; i < 2; i++)
		if (world_take_once(me, W, &handle, 1) == 1)
			hold(handle);
}

static void start_once(void)
{
	make(4, 1, 0, 2);
	spawn("putter 1", put_once, 1);
	spawn("putter 2", put_once, 2);
	spawn("taker 3", take_once, 3);
}

/* ---- batches */

static void take_batches(void *arg)
{
	struct actor *me = world_actor(role_of(arg));
	uint32_t handles[3];
	while (world_claims(W) < run.items) {
		uint64_t before = world_changes(W);
		int taken = world_take_once(me, W, handles, 3);
		for (int i = 0; i < taken; i++)
			hold(handles[i]);
		if (taken == KK_ERR_EMPTY && world_claims(W) < run.items)
			world_wait_change(W, before);
	}
}

static void start_batches(void)
{
	make(4, 4, 0, 2);
	spawn("putter 1", putter, 1);
	spawn("putter 2", putter, 2);
	spawn("taker 3", take_batches, 3);
	spawn("taker 4", take_batches, 4);
}

/* ---- the sentinel */

static void put_and_close(void *arg)
{
	struct actor *me = world_actor(role_of(arg));
	put_mine(me);
	world_close(me, W);
}

static void take_to_the_end(void *arg)
{
	struct actor *me = world_actor(role_of(arg));
	uint32_t handles[2];
	int taken;
	while ((taken = world_take(me, W, handles, 2)) != KK_ERR_CLOSED)
		for (int i = 0; i < taken; i++)
			hold(handles[i]);
}

static void start_close(uint32_t slots)
{
	make(2, slots, 0, 0);
	world_give(1, F, 2);
	spawn("putter 1", put_and_close, 1);
	spawn("taker 3", take_to_the_end, 3);
	spawn("taker 4", take_to_the_end, 4);
}

static void start_close_one(void)
{
	start_close(1);
}

static void start_close_two(void)
{
	start_close(2);
}

/* ---- entries that travel in a circle: a slot's last tenant may be anywhere */

static void mover(struct actor *me, unsigned from, unsigned to)
{
	for (int i = 0; i < 2; i++) {
		uint32_t handle = 0;
		world_take(me, from, &handle, 1);
		hold(handle);
		run.held[handle] = false;
		world_put(me, to, handle);
	}
}

static void move_on(void *arg)
{
	mover(world_actor(role_of(arg)), W, V);
}

static void move_back(void *arg)
{
	mover(world_actor(role_of(arg)), V, W);
}

static void start_circle(void)
{
	make(2, 2, 2, 0);
	world_give(1, F, 2);
	struct actor *me = world_actor(1);
	for (uint32_t h = 0; h < 2; h++)
		kk_ring_put(me->ring[W], h, 0);
	world_watch();
	spawn("mover 1", move_on, 1);
	spawn("mover 2", move_back, 2);
	spawn("mover 3", move_on, 3);
}

static void all_queued(void)
{
	EXPLORE_CHECK(world_queued(W) + world_queued(V) == 2, "entries were lost on the way");
}

const struct scenario ring_scenarios[] = {
    {"ring-1", start_one_slot, world_watch, all_taken, world_clear, {2, 0}, {3, 0}, 0},
    {"ring-2", start_two_slots, world_watch, all_taken, world_clear, {2, 0}, {3, 0}, 0},
    {"ring-1-again", start_one_slot_again, world_watch, all_taken, world_clear, {0, 0}, {1, 0}, 0},
    {"ring-2-again", start_two_slots_again, world_watch, all_taken, world_clear, {1, 0}, {3, 0}, 0},
    {"ring-once", start_once, world_watch, NULL, world_clear, {3, 0}, {4, 0}, 0},
    {"ring-batch", start_batches, world_watch, all_taken, world_clear, {1, 0}, {2, 0}, 0},
    {"ring-close-1", start_close_one, world_watch, all_taken, world_clear, {1, 0}, {3, 0}, 0},
    {"ring-close-2", start_close_two, world_watch, all_taken, world_clear, {2, 0}, {3, 0}, 0},
    {"ring-circle", start_circle, world_watch, all_queued, world_clear, {0, 0}, {1, 0}, 0},
    {0},
};
