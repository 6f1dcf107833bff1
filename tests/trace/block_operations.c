/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks: what the worker does and what it finds. */
#include "operation.h"
#include "world.h"

static uint32_t mine;             /* an entry in hand                   */
static struct kk_block_ref block; /* a CLAIMED block of the worker's    */

/* ---- alloc */

static int alloc(void)
{
	struct kk_block_ref ref;
	return kk_block_alloc(worker.arena, 300, false, &ref);
}

static int alloc_any(void)
{
	struct kk_block_ref ref;
	return kk_block_alloc(worker.arena, 600, true, &ref);
}

/* Three neighbours that their readers have freed; the allocator finds it out as it comes by. */
static void others_freed(void)
{
	uint32_t handles[3];
	world_adopt();
	for (unsigned i = 0; i < 3; i++)
		handles[i] = world_paid(&worker, 256, 1);
	for (unsigned i = 0; i < 3; i++)
		kk_block_release(rival.arena, &world_entry(handles[i])->pay, 0);
}

static void region_full(void)
{
	world_adopt();
	mine = world_paid(&worker, REGION_BYTES, 3);
}

static void rival_takes_big(void)
{
	struct kk_block_ref ref;
	if (kk_block_claimed(rival.arena) == 0)
		(void)kk_block_alloc(rival.arena, BIG_BYTES, true, &ref);
}

static void all_full(void)
{
	region_full();
	rival_takes_big();
}

/* ---- grow, shrink, cancel */

static void claim(void)
{
	world_adopt();
	block = world_block(&worker, 100, false);
}

static void claim_before_a_neighbour(void)
{
	claim();
	mine = world_paid(&worker, 64, 1);
}

static void claim_and_region_full(void)
{
	claim();
	mine = world_paid(&worker, REGION_BYTES - 128, 1);
}

static void claim_big(void)
{
	world_adopt();
	block = world_block(&worker, BIG_BYTES, true);
}

static int grow(void)
{
	return kk_block_grow(worker.arena, &block, 100, 500);
}

static int shrink(void)
{
	kk_block_shrink(worker.arena, &block, 10);
	return 0;
}

static int cancel(void)
{
	kk_block_cancel(worker.arena, &block);
	return 0;
}

static bool sleeper_gets_big(void)
{
	struct kk_block_ref ref;
	if (kk_block_alloc(rival.arena, BIG_BYTES, true, &ref) != KK_OK)
		return false;
	kk_block_cancel(rival.arena, &ref);
	return true;
}

static void claim_big_and_sleeper(void)
{
	claim_big();
	world_start_sleeper(sleeper_gets_big, kk_arena_room_event(rival.arena));
}

/* ---- share, lanes, release */

static void hold_and_claim(void)
{
	mine = world_hold(&worker);
	claim();
}

static int share(void)
{
	world_entry(mine)->pay = block;
	kk_block_share(worker.arena, &block, 1);
	return 0;
}

static void paid_once(void)
{
	world_adopt();
	mine = world_paid(&worker, 200, 1);
}

static void paid_twice(void)
{
	world_adopt();
	mine = world_paid(&worker, 200, 3);
}

static void paid_big_and_sleeper(void)
{
	world_adopt();
	mine = world_paid(&worker, BIG_BYTES, 1);
	world_start_sleeper(sleeper_gets_big, kk_arena_room_event(rival.arena));
}

/* The payload lies in the rival's region, who gives the block to another item as soon as it is free. */
static uint32_t rivals;

static void paid_by_rival(void)
{
	uint32_t handle;
	mine = world_paid(&rival, REGION_BYTES, 1);
	world_must(kk_ring_put(rival.ring[WORK], mine, 0) == KK_OK &&
	               kk_ring_take(worker.ring[WORK], &handle, 1) == 1 && handle == mine,
	           "handed over");
	rivals = world_hold(&rival);
}

static void rival_reuses(void)
{
	struct kk_block_ref ref;
	if (kk_block_alloc(rival.arena, REGION_BYTES, false, &ref) != KK_OK)
		return;
	world_fill(&rival, rivals, &ref, REGION_BYTES);
	world_entry(rivals)->pay = ref;
	kk_block_share(rival.arena, &ref, 1);
	world_keep(rivals);
}

static void rival_releases(void)
{
	kk_block_release(rival.arena, &world_entry(mine)->pay, 1);
}

static int add_lane(void)
{
	kk_block_add_lane(worker.arena, &world_entry(mine)->pay, 1);
	return 0;
}

static int release(void)
{
	return kk_block_release(worker.arena, &world_entry(mine)->pay, 0);
}

/* Released before: the block lives another life. */
static void released_before(void)
{
	paid_by_rival();
	kk_block_release(worker.arena, &world_entry(mine)->pay, 0);
	rival_reuses();
	world_must(world_entry(rivals)->pay.index != 0, "the rival uses it again");
}

static int read_payload(void)
{
	const unsigned char *payload = kk_block_read(worker.arena, &world_entry(mine)->pay);
	return payload ? payload[0] - payload[199] : -1;
}

/* ---- adopt */

static int adopt(void)
{
	return kk_arena_adopt(worker.arena, 0, 1);
}

/* The predecessor had blocks of every kind. Its successor begins with a handle of its own. */
static void leave_blocks(void)
{
	claim();
	(void)world_block(&worker, 200, false);
	mine = world_paid(&worker, 300, 3);
	(void)world_block(&worker, BIG_BYTES, true);
	world_forget();
}

static void leave_big_and_sleeper(void)
{
	claim_big_and_sleeper();
	world_forget();
}

/* ---- all of an item's life */

static int live(void)
{
	uint32_t handle;
	struct kk_block_ref ref;
	if (kk_ring_take(worker.ring[WORK], &handle, 1) != 1 ||
	    kk_block_alloc(worker.arena, 40, false, &ref) != KK_OK ||
	    kk_block_grow(worker.arena, &ref, 40, 200) != KK_OK)
		return -1;
	world_fill(&worker, handle, &ref, 200);
	world_entry(handle)->pay = ref;
	kk_block_share(worker.arena, &ref, 3);
	kk_table_commit(worker.table, handle);
	world_finish(&worker, handle);
	kk_ring_announce(worker.ring[HOME], 1);
	return 0;
}

static void adopt_and_queue(void)
{
	world_adopt();
	world_queue(2);
}

const struct operation block_operations[] = {
    {ROW("alloc", world_adopt, alloc, KK_OK)},
    {ROW("alloc, others have freed", others_freed, alloc, KK_OK)},
    {ROW("alloc, the big block", region_full, alloc_any, KK_OK), .rival = rival_takes_big},
    {ROW("alloc, no room", all_full, alloc_any, KK_ERR_NO_ROOM)},
    {ROW("grow in place", claim, grow, KK_OK)},
    {ROW("grow and move", claim_before_a_neighbour, grow, KK_OK)},
    {ROW("grow into the big block", claim_and_region_full, grow, KK_OK), .rival = rival_takes_big},
    {ROW("shrink", claim, shrink, 0)},
    {ROW("cancel", claim, cancel, 0)},
    {ROW("cancel the big block, waited for", claim_big_and_sleeper, cancel, 0), .wakes = true, .keeps = true},
    {ROW("share", hold_and_claim, share, 0)},
    {ROW("add a lane", paid_once, add_lane, 0)},
    {ROW("release, not the last", paid_twice, release, 0), .rival = rival_releases},
    {ROW("release, the last", paid_by_rival, release, 1), .rival = rival_reuses},
    {ROW("release, waited for", paid_big_and_sleeper, release, 1), .wakes = true, .keeps = true},
    {ROW("release again", released_before, release, 0)},
    {ROW("read", paid_once, read_payload, 0)},
    {ROW("adopt, new", world_forget, adopt, KK_OK)},
    {ROW("adopt what a dead one left", leave_blocks, adopt, KK_OK)},
    {ROW("adopt, the big block waited for", leave_big_and_sleeper, adopt, KK_OK), .wakes = true, .keeps = true},
    {ROW("an item from end to end", adopt_and_queue, live, 0), .full_only = true},
};
const size_t block_operation_count = sizeof(block_operations) / sizeof(block_operations[0]);
