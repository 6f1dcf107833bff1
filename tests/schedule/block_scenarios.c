/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks: their readers release them, while their allocators use the room again, grow, die and are inherited from. */
#include "world.h"
#include <stddef.h>
#include <string.h>

enum { ITEMS_MAX = 3, PAYLOAD = 64 };

/* What stands in an item's header, and how far its lanes are. Changing it is one step. */
static struct item {
	struct kk_block_ref ref;
	bool posted;
	uint32_t lanes, decided, done; /* bit sets */
	const unsigned char *payload;
} item[ITEMS_MAX];

static const struct part {
	unsigned role, lane;
	unsigned first, last; /* the items */
} maker_part = {1, 0, 0, 2}, big_maker = {2, 0, 2, 2}, reader_0 = {3, 0, 0, 2}, reader_1 = {4, 1, 0, 2},
  adder = {3, 0, 0, 1}, added = {4, 1, 0, 1}, other = {5, 2, 0, 1}, grow_reader = {3, 0, 0, 1},
  big_reader = {4, 1, 2, 2};

static void make(const struct kk_arena_shape *arena)
{
	const struct world_shape shape = {.arena = *arena};
	memset(item, 0, sizeof(item));
	world_make(&shape);
}

static void spawn(const char *name, fiber_body *body, fiber_body *heir, const struct part *part)
{
	explore_spawn(name, body, heir, (void *)(uintptr_t)part);
}

/* A payload stays what it is until the last lane has decided to let go. */
static void watch(void)
{
	for (unsigned i = 0; i < ITEMS_MAX; i++) {
		if (!item[i].posted || (item[i].lanes & ~item[i].decided) == 0)
			continue;
		EXPLORE_CHECK(item[i].payload[0] == i + 1 && item[i].payload[PAYLOAD - 1] == i + 1,
		              "item %u lost its payload while it was read", i);
	}
}

static void all_free(void)
{
	struct actor *me = world_actor(0);
	for (unsigned i = 0; i < ITEMS_MAX; i++)
		EXPLORE_CHECK(item[i].done == item[i].lanes, "item %u: not all lanes came to the end", i);
	EXPLORE_CHECK(kk_arena_used(me->arena) == 0, "blocks leaked");
}

/* ---- makers */

static void alloc(struct actor *me, struct kk_block_ref *ref, uint64_t bytes)
{
	for (;;) {
		uint32_t ticket = kk_event_prepare(kk_arena_room_event(me->arena));
		int status = kk_block_alloc(me->arena, bytes, true, ref);
		if (status == KK_OK)
			return;
		EXPLORE_CHECK(status == KK_ERR_NO_ROOM, "alloc: %d", status);
		kk_event_sleep(kk_arena_room_event(me->arena), ticket, -1);
	}
}

static void grow(struct actor *me, struct kk_block_ref *ref, uint64_t bytes)
{
	for (;;) {
		uint32_t ticket = kk_event_prepare(kk_arena_room_event(me->arena));
		int status = kk_block_grow(me->arena, ref, PAYLOAD, bytes);
		if (status == KK_OK)
			return;
		EXPLORE_CHECK(status == KK_ERR_NO_ROOM, "grow: %d", status);
		kk_event_sleep(kk_arena_room_event(me->arena), ticket, -1);
	}
}

static void fill(struct actor *me, unsigned i, struct kk_block_ref *ref)
{
	explore_yield("write a payload");
	ref->size = PAYLOAD;
	memset(kk_block_memory(me->arena, ref), (int)i + 1, PAYLOAD);
}

static void post(struct actor *me, unsigned i, const struct kk_block_ref *ref, uint32_t lanes)
{
	explore_yield("write a header");
	item[i].ref = *ref;
	item[i].payload = kk_block_memory(me->arena, ref);
	kk_block_share(me->arena, ref, lanes);
	explore_yield("post");
	item[i].lanes = lanes;
	item[i].posted = true;
}

static void adopt(struct actor *me, unsigned region)
{
	EXPLORE_CHECK(kk_arena_adopt(me->arena, region, me->role) == KK_OK, "cannot adopt");
}

static void make_items(struct actor *me, const struct part *part, uint32_t lanes)
{
	adopt(me, 0);
	for (unsigned i = part->first; i <= part->last; i++) {
		struct kk_block_ref ref;
		if (item[i].posted)
			continue;
		alloc(me, &ref, PAYLOAD);
		fill(me, i, &ref);
		post(me, i, &ref, lanes);
	}
}

static void maker(void *arg)
{
	const struct part *part = arg;
	make_items(world_actor(part->role), part, 3);
}

/* What was shared but not posted is released, what was not shared is freed by adopting; then the work is done again. */
static void maker_heir(void *arg)
{
	const struct part *part = arg;
	struct actor *me = world_actor(part->role);
	kk_event_wake_all(kk_arena_room_event(me->arena), -1);
	for (unsigned i = part->first; i <= part->last; i++)
		for (unsigned lane = 0; lane < 2 && !item[i].posted; lane++)
			kk_block_release(me->arena, &item[i].ref, lane);
	make_items(me, part, 3);
}

/* ---- readers */

static bool is_posted(void *arg)
{
	const struct item *it = arg;
	return it->posted;
}

static void let_go(struct actor *me, struct item *it, unsigned lane)
{
	kk_block_release(me->arena, &it->ref, lane);
	explore_yield("done");
	it->done |= 1u << lane;
}

static void read_one(struct actor *me, struct item *it, unsigned lane)
{
	EXPLORE_CHECK(kk_block_read(me->arena, &it->ref) == it->payload, "an item without its payload");
	explore_yield("decide");
	it->decided |= 1u << lane;
	let_go(me, it, lane);
}

static void read_items(struct actor *me, const struct part *part)
{
	for (unsigned i = part->first; i <= part->last; i++) {
		if (item[i].done >> part->lane & 1)
			continue;
		explore_wait(is_posted, &item[i]);
		read_one(me, &item[i], part->lane);
	}
}

static void reader(void *arg)
{
	const struct part *part = arg;
	read_items(world_actor(part->role), part);
}

/* Repeats what may have been done already. */
static void reader_heir(void *arg)
{
	const struct part *part = arg;
	struct actor *me = world_actor(part->role);
	kk_event_wake_all(kk_arena_room_event(me->arena), -1);
	for (unsigned i = part->first; i <= part->last; i++)
		if (((item[i].decided & ~item[i].done) >> part->lane) & 1)
			let_go(me, &item[i], part->lane);
	read_items(me, part);
}

static void start_lanes(void)
{
	/* Room for one block: the next item waits for the last reader of the one before. */
	make(&(struct kk_arena_shape){.regions = 1, .blocks = 2, .region_bytes = 64});
	spawn("maker", maker, maker_heir, &maker_part);
	spawn("reader 0", reader, reader_heir, &reader_0);
	spawn("reader 1", reader, reader_heir, &reader_1);
}

/* ---- a lane that adds another one and lets go, while a third lets go */

static void add_and_let_go(void *arg)
{
	const struct part *part = arg;
	struct actor *me = world_actor(part->role);
	for (unsigned i = part->first; i <= part->last; i++) {
		if (item[i].done >> part->lane & 1)
			continue;
		explore_wait(is_posted, &item[i]);
		if (!(item[i].lanes & 2)) {
			kk_block_add_lane(me->arena, &item[i].ref, 1);
			explore_yield("start the branch");
			item[i].lanes |= 2;
		}
		if (item[i].decided & 1)
			let_go(me, &item[i], part->lane);
		else
			read_one(me, &item[i], part->lane);
	}
}

static void add_heir(void *arg)
{
	const struct part *part = arg;
	kk_event_wake_all(kk_arena_room_event(world_actor(part->role)->arena), -1);
	add_and_let_go(arg);
}

static bool is_branched(void *arg)
{
	const struct item *it = arg;
	return it->posted && it->lanes & 2;
}

static void branch(void *arg)
{
	const struct part *part = arg;
	struct actor *me = world_actor(part->role);
	for (unsigned i = part->first; i <= part->last; i++) {
		explore_wait(is_branched, &item[i]);
		read_one(me, &item[i], part->lane);
	}
}

static void make_two(void *arg)
{
	const struct part *part = arg;
	struct part two = *part;
	two.last = 1;
	make_items(world_actor(part->role), &two, 5);
}

static void start_add_lane(void)
{
	make(&(struct kk_arena_shape){.regions = 1, .blocks = 2, .region_bytes = 64});
	spawn("maker", make_two, NULL, &maker_part);
	spawn("adder", add_and_let_go, add_heir, &adder);
	spawn("branch", branch, NULL, &added);
	spawn("other", reader, reader_heir, &other);
}

/* ---- growing into what a reader gives back, or into the big block, which another one wants, too */

static void grower(void *arg)
{
	const struct part *part = arg;
	struct actor *me = world_actor(part->role);
	struct kk_block_ref first, behind;
	adopt(me, 0);
	alloc(me, &first, PAYLOAD);
	alloc(me, &behind, PAYLOAD);
	fill(me, 0, &behind);
	fill(me, 1, &first);
	post(me, 0, &behind, 1);
	grow(me, &first, 2 * PAYLOAD);
	EXPLORE_CHECK(kk_block_capacity(me->arena, &first) >= 2 * PAYLOAD, "it did not grow");
	post(me, 1, &first, 1);
}

static void maker_of_big(void *arg)
{
	const struct part *part = arg;
	struct actor *me = world_actor(part->role);
	struct kk_block_ref ref;
	adopt(me, 1);
	alloc(me, &ref, 3 * PAYLOAD);
	fill(me, 2, &ref);
	post(me, 2, &ref, 2);
}

static void maker_of_big_heir(void *arg)
{
	const struct part *part = arg;
	struct actor *me = world_actor(part->role);
	kk_event_wake_all(kk_arena_room_event(me->arena), -1);
	if (item[2].posted)
		return;
	kk_block_release(me->arena, &item[2].ref, 1);
	maker_of_big(arg);
}

static void start_grow(void)
{
	make(&(struct kk_arena_shape){.regions = 2, .blocks = 2, .region_bytes = 128, .big_bytes = 192});
	spawn("grower", grower, NULL, &maker_part);
	spawn("maker of big", maker_of_big, maker_of_big_heir, &big_maker);
	spawn("reader 0", reader, reader_heir, &grow_reader);
	spawn("reader 1", reader, reader_heir, &big_reader);
}

const struct scenario block_scenarios[] = {
    {"block-lanes", start_lanes, watch, all_free, world_clear, {0, 1}, {1, 1}, 4},
    {"block-add-lane", start_add_lane, watch, all_free, world_clear, {0, 1}, {2, 1}, 2},
    {"block-grow", start_grow, watch, all_free, world_clear, {0, 1}, {2, 1}, 2},
    {0},
};
