/* SPDX-License-Identifier: Apache-2.0 */
#include "asleep.h"
#include "role.h"
#include <kakehi/block.h>
#include <kakehi/ring.h>
#include <kakehi/word.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct world world;

static void *shared(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		abort();
	return memory;
}

static uint32_t power_of_two(uint32_t least)
{
	uint32_t n = 1;
	while (n < least)
		n *= 2;
	return n;
}

static void create(const struct world_shape *shape)
{
	const uint32_t room = power_of_two(shape->items + 1), slots[RINGS] = {room, shape->slots, shape->slots, room};
	world.shape = shape;
	world.notes = shared(sizeof(*world.notes));
	world.arena = (struct kk_arena_shape){SOURCES, 64, shape->region_bytes, shape->big_bytes};
	world.log_bytes = kk_arena_log_size(&world.arena);
	world.log = shared(world.log_bytes);
	world.data = shared(kk_arena_data_size(&world.arena));
	kk_arena_init(world.log, &world.arena);
	world.bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (world.bell < 0)
		abort();
	world.table_bytes = kk_table_size(2 * shape->items, sizeof(struct entry));
	world.table = shared(world.table_bytes);
	kk_table_init(world.table, 2 * shape->items, sizeof(struct entry));
	for (unsigned r = 0; r < RINGS; r++) {
		world.ring_bytes[r] = kk_ring_size(slots[r]);
		world.ring[r] = shared(world.ring_bytes[r]);
		kk_ring_init(world.ring[r], slots[r], r, shape->start);
	}
	role_attach(0, 0);
	for (uint32_t i = 0; i < 2 * shape->items; i++) {
		role_entry(i)->value = i % shape->items;
		role_entry(i)->lane = i / shape->items;
	}
	kk_ring_fill(me.ring[RING_S], 0, shape->items);
	kk_ring_close(me.ring[RING_S]);
}

static void destroy(void)
{
	role_detach();
	close(world.bell);
	munmap(world.notes, sizeof(*world.notes));
	munmap(world.log, world.log_bytes);
	munmap(world.data, kk_arena_data_size(&world.arena));
	munmap(world.table, world.table_bytes);
	for (unsigned r = 0; r < RINGS; r++)
		munmap(world.ring[r], world.ring_bytes[r]);
}

/* ---- its processes */

static struct {
	struct {
		pid_t pid; /* 0: drained, or not begun */
		unsigned life;
	} player[ROLES + 1];
	enum ring_number closing; /* whose sentinel the closer puts next */
} cast;

static void start(unsigned role)
{
	unsigned life = ++cast.player[role].life;
	pid_t pid = fork();
	if (pid < 0)
		abort();
	if (pid > 0)
		cast.player[role].pid = pid;
	else if (role == CLOSER)
		role_close(life, cast.closing);
	else
		role_play(role, life);
}

static void wake_all(void)
{
	for (unsigned r = 0; r < RINGS; r++) {
		kk_event_wake_all(kk_ring_items_event(me.ring[r]), -1);
		kk_event_wake_all(kk_ring_room_event(me.ring[r]), -1);
	}
	kk_event_wake_all(kk_arena_room_event(me.arena), -1);
}

static bool drained(unsigned first, unsigned count)
{
	for (unsigned role = first; role < first + count; role++)
		if (cast.player[role].pid)
			return false;
	return true;
}

/* The closer is called when everybody is through who puts into the ring; it closes A, then B. */
static void call_closer(void)
{
	if (cast.player[CLOSER].pid || cast.closing > RING_B)
		return;
	if (drained(1, cast.closing == RING_A ? SOURCES : SOURCES + MIDDLES))
		start(CLOSER);
}

static void bury(pid_t pid, int status, struct world_result *result)
{
	for (unsigned role = 1; role <= ROLES; role++) {
		if (cast.player[role].pid != pid)
			continue;
		cast.player[role].pid = 0;
		if (WIFSIGNALED(status)) {
			result->deaths++;
			wake_all();
			start(role);
		} else if (role == CLOSER) {
			cast.closing++;
		}
	}
}

static void kill_somebody(unsigned every_us)
{
	struct timespec pause = {0, (long)(rand() % (2 * (int)every_us)) * 1000};
	nanosleep(&pause, NULL); /* random times are the point of this, not a way to wait for anything */
	unsigned victim = 1 + (unsigned)rand() % ROLES;
	if (cast.player[victim].pid)
		kill(cast.player[victim].pid, SIGKILL);
}

/* The one who is to die in its sleep. */
static void kill_sleeper(void)
{
	pid_t pid = (pid_t)kk_word_load(&world.notes->sleeper);
	if (pid == 0 || !asleep(pid))
		return;
	kk_word_store(&world.notes->sleeper, 0);
	kk_word_store(&world.notes->struck, 1);
	kill(pid, SIGKILL);
}

static void act(unsigned every_us, struct world_result *result)
{
	bool late = world.shape->late;
	bool watch = world.kill_count > 0 && world.kills[0].asleep;
	cast.closing = RING_A;
	for (unsigned role = 1; role <= ROLES; role++) {
		cast.player[role].pid = 0;
		cast.player[role].life = 0;
	}
	for (unsigned role = 1; role <= (late ? 1 : CLOSER - 1); role++)
		start(role);
	alarm(60);
	while ((late || !drained(1, ROLES) || cast.closing <= RING_B) && !world.notes->bad[0]) {
		int status;
		if (every_us)
			kill_somebody(every_us);
		if (watch)
			kill_sleeper();
		pid_t pid = waitpid(-1, &status, every_us || watch ? WNOHANG : 0);
		if (pid > 0)
			bury(pid, status, result);
		else
			sched_yield();
		if (late && result->deaths == world.kill_count) {
			late = false;
			for (unsigned role = 2; role < CLOSER; role++)
				start(role);
		}
		if (!late)
			call_closer();
	}
	alarm(0);
	for (unsigned role = 1; role <= ROLES; role++)
		if (cast.player[role].pid) {
			kill(cast.player[role].pid, SIGKILL);
			waitpid(cast.player[role].pid, NULL, 0);
		}
}

/* ---- the verdict */

static const char *verdict_on_items(unsigned deaths)
{
	uint64_t eaten = 0;
	const uint32_t items = world.shape->items;
	uint32_t handle;
	static uint32_t seen[ITEMS_MAX];
	memset(seen, 0, sizeof(seen));
	if (kk_ring_puts(me.ring[RING_D]) != items)
		return "not every item arrived exactly once";
	while (kk_ring_take(me.ring[RING_D], &handle, 1) == 1)
		seen[role_entry(handle)->value]++;
	for (uint32_t i = 0; i < items; i++) {
		if (seen[i] != 1 || world.notes->eaten[i] == 0 || world.notes->eaten[ITEMS_MAX + i] == 0)
			return "an item is missing or doubled";
		if (kk_table_own(me.table, items + i).state != KK_OWN_PARKED)
			return "a twin is not parked";
		eaten += world.notes->eaten[i] + world.notes->eaten[ITEMS_MAX + i];
	}
	return eaten > 2 * items + deaths ? "items were done again more often than there were deaths" : NULL;
}

static const char *verdict(unsigned deaths)
{
	struct kk_error error = {.code = 0};
	const char *bad = verdict_on_items(deaths);
	if (!bad && kk_arena_used(me.arena) != 0)
		bad = "blocks leaked";
	for (unsigned r = 0; r < RINGS && !bad; r++)
		if (kk_ring_check(me.ring[r], &error) != KK_OK)
			bad = "a ring is not sound";
	return bad;
}

struct world_result world_run(const struct world_shape *shape, const struct world_kill *kills, unsigned count,
                              unsigned every_us, unsigned seed)
{
	static char bad[sizeof(world.notes->bad)];
	struct world_result result = {0};
	srand(seed);
	world.kills = kills;
	world.kill_count = count;
	create(shape);
	act(every_us, &result);
	result.struck = (unsigned)world.notes->struck;
	result.backstops = world.notes->backstops;
	memcpy(result.site, world.notes->site, sizeof(result.site));
	snprintf(bad, sizeof(bad), "%s", world.notes->bad);
	result.bad = bad[0] ? bad : verdict(result.deaths);
	destroy();
	return result;
}
