/* SPDX-License-Identifier: Apache-2.0 */
/* Rings, events and the table: what the worker does and what it finds. */
#include "operation.h"
#include "step.h"
#include "world.h"
#include <limits.h>

#define LAST_POSITION ((UINT64_C(1) << KK_POSITION_BITS) - 1)

static uint32_t mine, more, rivals, sleepers; /* entries in hand */

/* ---- put */

/* An entry that did not get in is in hand as before. */
static int put_one(void)
{
	uint64_t before = kk_table_own_word(worker.table, mine);
	int status = kk_ring_put(worker.ring[WORK], mine, 1);
	return status == KK_ERR_FULL && kk_table_own_word(worker.table, mine) != before ? BROKEN : status;
}

static int put_two(void)
{
	int status = kk_ring_put(worker.ring[WORK], mine, 0);
	return status == KK_OK ? kk_ring_put(worker.ring[WORK], more, 0) : status;
}

static void hold_two(void)
{
	mine = world_hold(&worker);
	more = world_hold(&worker);
	rivals = world_hold(&rival);
}

static void queue_two(void)
{
	world_queue(2);
	hold_two();
}

static void queue_full(void)
{
	world_queue(WORK_SLOTS);
	hold_two();
}

/* One slot is left, and it has been used before. */
static void queue_last_but_one(void)
{
	uint32_t handle;
	world_queue(WORK_SLOTS);
	world_must(kk_ring_take(rival.ring[WORK], &handle, 1) == 1, "one comes out");
	world_finish(&rival, handle);
	hold_two();
}

static void rival_puts(void)
{
	int status = kk_ring_put(rival.ring[WORK], rivals, 0);
	world_must(status == KK_OK || status == KK_ERR_FULL, "the rival puts");
}

/* ---- take */

static int take(int max)
{
	uint32_t handles[ENTRIES];
	return kk_ring_take(worker.ring[WORK], handles, max);
}

static int take_one(void)
{
	return take(1);
}

static int take_many(void)
{
	return take(ENTRIES);
}

static void arrange_nothing(void)
{
}

static void queue_three(void)
{
	world_queue(3);
}

static void close_empty(void)
{
	world_must(kk_ring_close(rival.ring[WORK]) == KK_OK, "closed");
}

static void close_behind_two(void)
{
	world_queue(2);
	close_empty();
}

static void rival_takes(void)
{
	uint32_t handle;
	if (kk_ring_take(rival.ring[WORK], &handle, 1) == 1)
		world_keep_in_hand(handle);
}

/* Takes them all and puts others in their place: the slots are one cycle further. */
static void rival_takes_round(void)
{
	for (unsigned i = 0; i < 3; i++)
		rival_takes();
	for (unsigned i = 0; i < WORK_SLOTS; i++) {
		uint32_t handle = world_hold(&rival);
		if (kk_ring_put(rival.ring[WORK], handle, 0) != KK_OK)
			world_finish(&rival, handle);
	}
	rival_takes(); /* room for whoever thinks he has something to put */
}

static bool sleeper_puts(void)
{
	return kk_ring_put(sleeper.ring[WORK], sleepers, 0) == KK_OK;
}

static void queue_full_and_sleeper(void)
{
	world_queue(WORK_SLOTS);
	sleepers = world_hold(&sleeper);
	world_start_sleeper(sleeper_puts, kk_ring_room_event(sleeper.ring[WORK]));
}

/* ---- close and announce */

static int close_work(void)
{
	return kk_ring_close(worker.ring[WORK]);
}

static bool sleeper_takes(void)
{
	uint32_t handle;
	int status = kk_ring_take(sleeper.ring[WORK], &handle, 1);
	if (status == 1)
		world_finish(&sleeper, handle);
	return status == 1 || status == KK_ERR_CLOSED;
}

static void sleeper_for_item(void)
{
	world_start_sleeper(sleeper_takes, kk_ring_items_event(sleeper.ring[WORK]));
}

static void sleeper_and_item(void)
{
	sleeper_for_item();
	world_queue(1);
}

static int announce(void)
{
	kk_ring_announce(worker.ring[WORK], 1);
	return 0;
}

static int put_and_announce(void)
{
	int status = kk_ring_put(worker.ring[WORK], mine, 0);
	kk_ring_announce(worker.ring[WORK], 1);
	return status;
}

static void hold_and_queue_sleeper(void)
{
	mine = world_hold(&worker);
	sleeper_and_item();
}

/* ---- events */

static struct kk_event *items(void)
{
	return kk_ring_items_event(worker.ring[WORK]);
}

static int prepare(void)
{
	return (int)kk_event_prepare(items());
}

static int sleep_stale(void)
{
	uint32_t ticket = kk_event_prepare(items());
	kk_event_wake(items(), 1, -1);
	return kk_event_sleep(items(), ticket, -1);
}

static int sleep_briefly(void)
{
	return kk_event_sleep(items(), kk_event_prepare(items()), 1);
}

static int sleep_until_item(void)
{
	uint32_t handle;
	for (;;) {
		uint32_t ticket = kk_event_prepare(items());
		int taken = kk_ring_take(worker.ring[WORK], &handle, 1);
		if (taken != KK_ERR_EMPTY)
			return taken;
		kk_event_sleep(items(), ticket, -1);
	}
}

static void put_and_wake(void)
{
	world_queue(1);
	kk_ring_announce(rival.ring[WORK], 1);
}

/* Two wait for the one item; if the worker dies of the wake-up, the other has to get it. */
static void also_sleeper(void)
{
	mine = world_hold(&worker);
}

static int wake_one(void)
{
	kk_event_wake(items(), 1, -1);
	return 0;
}

static int wake_all(void)
{
	kk_event_wake_all(items(), -1);
	return 0;
}

/* A flag that no living waiter stands behind. */
static void dead_waiter(void)
{
	kk_event_prepare(items());
}

/* ---- the table */

static int commit(void)
{
	kk_table_commit(worker.table, mine);
	return 0;
}

static int park(void)
{
	kk_table_park(worker.table, mine);
	return 0;
}

static int idle(void)
{
	kk_table_idle(worker.table, mine);
	return 0;
}

static void parked(void)
{
	hold_two();
	kk_table_park(worker.table, mine);
}

/* ---- inherit */

static int inherit(void)
{
	return (int)world_inherit(&worker);
}

static bool put_is_recorded(void)
{
	return kk_table_own(worker.table, mine).state == KK_OWN_QUEUED;
}

/* A predecessor dies between K1 and K2. */
static void die_unpublished(void)
{
	const struct step_plan plan = {.run = put_one, .until = put_is_recorded, .kill_at = LONG_MAX};
	long steps;
	mine = world_hold(&worker);
	world_must(step_run(&plan, &steps) == STEP_KILLED, "a put between its steps");
	world_must(kk_ring_count(worker.ring[WORK]) == 0, "not published");
	rivals = world_hold(&rival);
}

static void die_unpublished_and_fill(void)
{
	die_unpublished();
	world_queue(WORK_SLOTS);
}

static void die_published(void)
{
	hold_two();
	world_must(kk_ring_put(worker.ring[WORK], mine, 0) == KK_OK, "published");
}

static void die_committed(void)
{
	world_adopt();
	mine = world_paid(&worker, 200, 3);
	kk_table_commit(worker.table, mine);
}

static void die_with_all(void)
{
	die_unpublished();
	world_must(kk_ring_put(worker.ring[WORK], world_hold(&worker), 0) == KK_OK, "published");
	die_committed();
	more = world_hold(&worker);
}

const struct operation ring_operations[] = {
    {ROW("put", queue_two, put_one, KK_OK), .rival = rival_puts},
    {ROW("put, last free slot", queue_last_but_one, put_one, KK_OK), .rival = rival_puts},
    {ROW("put, full", queue_full, put_one, KK_ERR_FULL), .rival = rival_takes},
    {ROW("put two, at the wrap", queue_two, put_two, KK_OK), .start = LAST_POSITION - 2, .rival = rival_puts},
    {ROW("put and announce, a sleeper", hold_and_queue_sleeper, put_and_announce, KK_OK), .wakes = true, .keeps = true},
    {ROW("take one", queue_three, take_one, 1), .rival = rival_takes},
    {ROW("take a batch", queue_three, take_many, 3), .rival = rival_takes_round},
    {ROW("take, empty", arrange_nothing, take_one, KK_ERR_EMPTY)},
    {ROW("take, closed", close_empty, take_one, KK_ERR_CLOSED), .closes = true},
    {ROW("take a batch before the end", close_behind_two, take_many, 2), .closes = true},
    {ROW("take a batch, at the wrap", queue_three, take_many, 3), .start = LAST_POSITION - 1, .rival = rival_takes},
    {ROW("take, a putter asleep", queue_full_and_sleeper, take_many, WORK_SLOTS), .wakes = true, .for_room = true,
     .keeps = true},
    {ROW("close", queue_two, close_work, KK_OK), .closes = true},
    {ROW("close, full", queue_full, close_work, KK_ERR_FULL), .closes = true},
    {ROW("close twice", close_behind_two, close_work, KK_OK), .closes = true},
    {ROW("close, a taker asleep", sleeper_for_item, close_work, KK_OK), .closes = true, .wakes = true, .keeps = true},
    {ROW("announce, nobody", queue_two, announce, 0)},
    {ROW("announce, a taker asleep", sleeper_and_item, announce, 0), .wakes = true, .keeps = true},
    {ROW("announce, a dead one's flag", dead_waiter, announce, 0)},
    {ROW("prepare", queue_two, prepare, 1)},
    {ROW("sleep, woken meanwhile", arrange_nothing, sleep_stale, KK_OK)},
    {ROW("sleep, time-out", arrange_nothing, sleep_briefly, KK_ERR_TIMEOUT)},
    {ROW("sleep until an item comes", also_sleeper, sleep_until_item, 1), .wake = put_and_wake},
    {ROW("wake, nobody", arrange_nothing, wake_one, 0)},
    {ROW("wake, a dead one's flag", dead_waiter, wake_one, 0)},
    {ROW("wake, a sleeper", sleeper_and_item, wake_one, 0), .wakes = true, .keeps = true},
    {ROW("wake all, a sleeper", sleeper_and_item, wake_all, 0), .wakes = true, .keeps = true},
    {ROW("commit", hold_two, commit, 0)},
    {ROW("park", hold_two, park, 0)},
    {ROW("idle", parked, idle, 0)},
    {ROW("inherit nothing", arrange_nothing, inherit, 0)},
    {ROW("inherit CLAIMED", hold_two, inherit, 2)},
    {ROW("inherit QUEUED, published", die_published, inherit, 1), .rival = rival_takes_round},
    {ROW("inherit QUEUED, not published", die_unpublished, inherit, 1), .rival = rival_puts},
    {ROW("inherit QUEUED, at the wrap", die_unpublished, inherit, 1), .start = LAST_POSITION, .rival = rival_puts},
    {ROW("inherit QUEUED, ring full", die_unpublished_and_fill, inherit, KK_ERR_FULL), .rival = rival_takes},
    {ROW("inherit COMMIT", die_committed, inherit, 1)},
    {ROW("inherit all at once", die_with_all, inherit, 3), .rival = rival_puts, .full_only = true},
};
const size_t ring_operation_count = sizeof(ring_operations) / sizeof(ring_operations[0]);
