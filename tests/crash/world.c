/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"
#include <errno.h>
#include <kakehi/block.h>
#include <kakehi/ring.h>
#include <kakehi/word.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum ring_number { RING_S, RING_W, RING_D, RINGS };

struct entry {
	_Alignas(64) uint64_t own;
	uint32_t value, pad;
	struct kk_block_ref pay;
};

/* What all processes share, besides the rings and blocks themselves. */
struct notes {
	uint64_t eaten[ITEMS_MAX];
	uint64_t backstops;
	uint64_t struck;
	char site[64];
	char bad[128];
};

static struct {
	const struct world_shape *shape;
	const struct world_kill *kills;
	unsigned kill_count;
	struct notes *notes;
	unsigned char *table, *ring[RINGS], *log, *data;
	size_t table_bytes, ring_bytes[RINGS], log_bytes;
	struct kk_arena_shape arena;
} world;

/* This process. */
static struct {
	unsigned role, life;
	uint64_t points;
	struct kk_table *table;
	struct kk_ring *ring[RINGS];
	struct kk_arena *arena;
	uint32_t redo[ITEMS_MAX];
	unsigned redo_count;
} me;

/* ---- points */

void kk_point(const char *site);
void kk_point(const char *site)
{
	if (me.role == 0)
		return;
	me.points++;
	for (unsigned i = 0; i < world.kill_count; i++) {
		const struct world_kill *kill_at = &world.kills[i];
		if (kill_at->role != me.role || kill_at->life != me.life || kill_at->point != me.points)
			continue;
		kk_word_store(&world.notes->struck, world.notes->struck | 1u << i);
		snprintf(world.notes->site, sizeof(world.notes->site), "%s", site);
		raise(SIGKILL);
	}
}

/* ---- a role's work */

static void broken(const char *what)
{
	snprintf(world.notes->bad, sizeof(world.notes->bad), "%s", what);
	_exit(1);
}

static struct entry *entry_of(uint32_t handle)
{
	return kk_table_entry(me.table, handle);
}

static void nap(struct kk_event *event, uint32_t ticket)
{
	if (kk_event_sleep(event, ticket, 3000000000) == KK_ERR_TIMEOUT)
		kk_word_store(&world.notes->backstops, world.notes->backstops + 1);
}

static void put(unsigned ring, uint32_t handle)
{
	struct kk_ring *to = me.ring[ring];
	int status;
	while ((status = kk_ring_put(to, handle, 0)) == KK_ERR_FULL) {
		uint32_t ticket = kk_event_prepare(kk_ring_room_event(to));
		status = kk_ring_put(to, handle, 0);
		if (status != KK_ERR_FULL)
			break;
		nap(kk_ring_room_event(to), ticket);
	}
	if (status != KK_OK)
		broken("put found the memory corrupt");
	kk_ring_announce(to, 1);
}

static uint64_t payload_bytes(uint32_t value)
{
	return 40 + value * 37 % 900;
}

static void alloc(struct kk_block_ref *ref, uint64_t bytes, bool grow)
{
	struct kk_event *room = kk_arena_room_event(me.arena);
	for (;;) {
		uint32_t ticket = kk_event_prepare(room);
		int status =
		    grow ? kk_block_grow(me.arena, ref, 40, bytes) : kk_block_alloc(me.arena, bytes, true, ref);
		if (status == KK_OK)
			return;
		if (status != KK_ERR_NO_ROOM)
			broken("no block of that size");
		nap(room, ticket);
	}
}

/* Half of the payload first, then the block grows, then the rest; what is left is given back. */
static void move_one(uint32_t handle)
{
	struct entry *entry = entry_of(handle);
	uint64_t bytes = payload_bytes(entry->value);
	struct kk_block_ref ref;
	alloc(&ref, 40, false);
	memset(kk_block_memory(me.arena, &ref), (int)entry->value & 0xff, 40);
	alloc(&ref, bytes + 500, true);
	memset((char *)kk_block_memory(me.arena, &ref) + 40, (int)entry->value & 0xff, bytes - 40);
	kk_block_shrink(me.arena, &ref, bytes);
	ref.size = (uint32_t)bytes;
	entry->pay = ref;
	kk_block_share(me.arena, &ref, 1);
	put(RING_W, handle);
}

static void finish_eating(uint32_t handle)
{
	kk_block_release(me.arena, &entry_of(handle)->pay, 0);
	put(RING_D, handle);
}

static void eat_one(uint32_t handle)
{
	struct entry *entry = entry_of(handle);
	const unsigned char *payload = kk_block_read(me.arena, &entry->pay);
	uint64_t bytes = payload_bytes(entry->value);
	if (!payload || entry->pay.size != bytes)
		broken("an item without its payload");
	for (uint64_t i = 0; i < bytes; i++)
		if (payload[i] != (entry->value & 0xff))
			broken("a payload that somebody else wrote into");
	kk_word_store(&world.notes->eaten[entry->value], world.notes->eaten[entry->value] + 1);
	kk_table_commit(me.table, handle);
	finish_eating(handle);
}

static int redo(void *arg, uint32_t handle, unsigned ring)
{
	(void)arg;
	if (ring == RING_S)
		kk_block_release(me.arena, &entry_of(handle)->pay, 0);
	me.redo[me.redo_count++] = handle;
	return KK_OK;
}

static int complete(void *arg, uint32_t handle)
{
	(void)arg;
	finish_eating(handle);
	return KK_OK;
}

static struct kk_ring *ring_of(void *arg, unsigned number)
{
	(void)arg;
	return number < RINGS ? me.ring[number] : NULL;
}

static int wait_room(void *arg, struct kk_ring *ring)
{
	(void)arg;
	uint32_t ticket = kk_event_prepare(kk_ring_room_event(ring));
	if (kk_ring_count(ring) >= kk_ring_slots(ring))
		nap(kk_ring_room_event(ring), ticket);
	return KK_OK;
}

static void attach(unsigned role, unsigned life)
{
	me.role = 0; /* attaching is not what is tested */
	if (kk_table_attach(&me.table, world.table, world.table_bytes, role) != KK_OK ||
	    kk_arena_attach(&me.arena, world.log, world.log_bytes, world.data, kk_arena_data_size(&world.arena)) !=
	        KK_OK)
		broken("cannot attach");
	for (unsigned r = 0; r < RINGS; r++)
		if (kk_ring_attach(&me.ring[r], world.ring[r], world.ring_bytes[r], me.table) != KK_OK)
			broken("cannot attach a ring");
	me.role = role;
	me.life = life;
	me.points = 0;
}

static void detach(void)
{
	for (unsigned r = 0; r < RINGS; r++)
		kk_ring_detach(me.ring[r]);
	kk_arena_detach(me.arena);
	kk_table_detach(me.table);
}

static void play(unsigned role, unsigned life)
{
	attach(role, life);
	struct kk_heir heir = {complete, redo, ring_of, wait_room, NULL};
	bool mover = role <= MOVERS;
	if (kk_table_inherit(me.table, &heir) < 0)
		broken("cannot inherit");
	if (mover && kk_arena_adopt(me.arena, role - 1, role) != KK_OK)
		broken("cannot adopt the region");
	for (unsigned i = 0; i < me.redo_count; i++)
		(mover ? move_one : eat_one)(me.redo[i]);
	struct kk_ring *in = me.ring[mover ? RING_S : RING_W];
	for (;;) {
		uint32_t handles[3], ticket = kk_event_prepare(kk_ring_items_event(in));
		int taken = kk_ring_take(in, handles, 3);
		if (taken == KK_ERR_CLOSED)
			_exit(0);
		if (taken == KK_ERR_EMPTY)
			nap(kk_ring_items_event(in), ticket);
		else if (taken < 0)
			broken("take found the memory corrupt");
		for (int i = 0; i < taken; i++)
			(mover ? move_one : eat_one)(handles[i]);
	}
}

/* ---- the world itself */

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
	const uint32_t room = power_of_two(shape->items + 1), slots[RINGS] = {room, shape->slots, room};
	world.shape = shape;
	world.notes = shared(sizeof(*world.notes));
	world.arena = (struct kk_arena_shape){MOVERS, 64, shape->region_bytes, shape->big_bytes};
	world.log_bytes = kk_arena_log_size(&world.arena);
	world.log = shared(world.log_bytes);
	world.data = shared(kk_arena_data_size(&world.arena));
	kk_arena_init(world.log, &world.arena);
	world.table_bytes = kk_table_size(shape->items, sizeof(struct entry));
	world.table = shared(world.table_bytes);
	kk_table_init(world.table, shape->items, sizeof(struct entry));
	for (unsigned r = 0; r < RINGS; r++) {
		world.ring_bytes[r] = kk_ring_size(slots[r]);
		world.ring[r] = shared(world.ring_bytes[r]);
		kk_ring_init(world.ring[r], slots[r], r, shape->start);
	}
	attach(0, 0);
	for (uint32_t i = 0; i < shape->items; i++)
		entry_of(i)->value = i;
	kk_ring_fill(me.ring[RING_S], 0, shape->items);
	kk_ring_close(me.ring[RING_S]);
}

static void destroy(void)
{
	detach();
	munmap(world.notes, sizeof(*world.notes));
	munmap(world.log, world.log_bytes);
	munmap(world.data, kk_arena_data_size(&world.arena));
	munmap(world.table, world.table_bytes);
	for (unsigned r = 0; r < RINGS; r++)
		munmap(world.ring[r], world.ring_bytes[r]);
}

struct child {
	pid_t pid; /* 0: drained */
	unsigned life;
};

static void start(struct child *child, unsigned role)
{
	child->life++;
	child->pid = fork();
	if (child->pid < 0)
		abort();
	if (child->pid == 0)
		play(role, child->life);
}

static void wake_all(void)
{
	for (unsigned r = 0; r < RINGS; r++) {
		kk_event_wake_all(kk_ring_items_event(me.ring[r]), -1);
		kk_event_wake_all(kk_ring_room_event(me.ring[r]), -1);
	}
	kk_event_wake_all(kk_arena_room_event(me.arena), -1);
}

static bool drained(const struct child *children, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		if (children[i].pid)
			return false;
	return true;
}

/* The sentinel needs a free slot, as any other put. */
static bool close_when_room(void)
{
	struct kk_event *room = kk_ring_room_event(me.ring[RING_W]);
	uint32_t ticket = kk_event_prepare(room);
	if (kk_ring_close(me.ring[RING_W]) == KK_OK)
		return true;
	kk_event_sleep(room, ticket, 1000000);
	return kk_ring_close(me.ring[RING_W]) == KK_OK;
}

static const char *verdict(unsigned deaths)
{
	static char text[160];
	uint64_t eaten = 0;
	uint32_t seen[ITEMS_MAX] = {0}, handle;
	if (kk_ring_puts(me.ring[RING_D]) != world.shape->items)
		return "not every item arrived exactly once";
	while (kk_ring_take(me.ring[RING_D], &handle, 1) == 1)
		seen[entry_of(handle)->value]++;
	for (uint32_t i = 0; i < world.shape->items; i++) {
		eaten += world.notes->eaten[i];
		if (seen[i] != 1 || world.notes->eaten[i] == 0)
			return "an item is missing or doubled";
	}
	if (eaten > world.shape->items + deaths) {
		snprintf(text, sizeof(text), "%llu items were done again after %u deaths",
		         (unsigned long long)(eaten - world.shape->items), deaths);
		return text;
	}
	struct kk_error error = {.code = 0};
	if (kk_arena_used(me.arena) != 0)
		return "blocks leaked";
	for (unsigned r = 0; r < RINGS; r++)
		if (kk_ring_check(me.ring[r], &error) != KK_OK)
			return "a ring is not sound";
	return NULL;
}

static void kill_somebody(struct child *children, unsigned every_us)
{
	struct timespec pause = {0, (long)(rand() % (2 * (int)every_us)) * 1000};
	nanosleep(&pause, NULL); /* random times are the point of this, not a way to wait for anything */
	unsigned victim = (unsigned)rand() % ROLES;
	if (children[victim].pid)
		kill(children[victim].pid, SIGKILL);
}

struct world_result world_run(const struct world_shape *shape, const struct world_kill *kills, unsigned count,
                              unsigned every_us, unsigned seed)
{
	static char bad[160];
	struct world_result result = {0};
	struct child children[ROLES] = {{0}};
	bool closed = false;
	srand(seed);
	world.kills = kills;
	world.kill_count = count;
	create(shape);
	for (unsigned i = 0; i < ROLES; i++)
		start(&children[i], i + 1);
	alarm(60);
	while (!drained(children, 0, ROLES) && !world.notes->bad[0]) {
		int status;
		if (every_us)
			kill_somebody(children, every_us);
		bool may_block = !every_us && (closed || !drained(children, 0, MOVERS));
		pid_t pid = waitpid(-1, &status, may_block ? 0 : WNOHANG);
		for (unsigned i = 0; i < ROLES && pid > 0; i++) {
			if (children[i].pid != pid)
				continue;
			children[i].pid = 0;
			if (WIFSIGNALED(status)) {
				result.deaths++;
				wake_all();
				start(&children[i], i + 1);
			}
		}
		/* A dead eater may hold the ring full: the sentinel is tried again after every death as well. */
		if (!closed && drained(children, 0, MOVERS))
			closed = close_when_room();
	}
	alarm(0);
	result.reached = world.notes->struck & 1;
	result.backstops = world.notes->backstops;
	memcpy(result.site, world.notes->site, sizeof(result.site));
	snprintf(bad, sizeof(bad), "%s", world.notes->bad[0] ? world.notes->bad : "");
	const char *why = bad[0] ? bad : verdict(result.deaths);
	if (why && why != bad)
		snprintf(bad, sizeof(bad), "%s", why);
	result.bad = why ? bad : NULL;
	for (unsigned i = 0; i < ROLES; i++)
		if (children[i].pid) {
			kill(children[i].pid, SIGKILL);
			waitpid(children[i].pid, NULL, 0);
		}
	destroy();
	return result;
}
