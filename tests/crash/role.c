/* SPDX-License-Identifier: Apache-2.0 */
#include "role.h"
#include <kakehi/word.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct player me;

const char *const world_sites[] = {
#include "sites.inc"
};
const unsigned world_site_count = sizeof(world_sites) / sizeof(world_sites[0]);
_Static_assert(sizeof(world_sites) / sizeof(world_sites[0]) <= 256, "more sites than a player counts");

static _Noreturn void broken(const char *what)
{
	snprintf(world.notes->bad, sizeof(world.notes->bad), "%s", what);
	_exit(1);
}

/* ---- points */

int world_site(const char *name)
{
	for (unsigned i = 0; i < world_site_count; i++)
		if (strcmp(world_sites[i], name) == 0)
			return (int)i;
	return ANY_SITE;
}

static bool is_here(const struct world_kill *kill_at, int site)
{
	if (kill_at->role != me.role || kill_at->life != me.life)
		return false;
	return kill_at->site == ANY_SITE ? kill_at->hit == me.points
	                                 : kill_at->site == site && kill_at->hit == me.hits[site];
}

void kk_point(const char *name);
void kk_point(const char *name)
{
	if (me.role == 0)
		return;
	int site = world_site(name);
	if (site == ANY_SITE)
		broken("a point that is not in the list");
	me.points++;
	me.hits[site]++;
	for (unsigned i = 0; i < world.kill_count; i++) {
		const struct world_kill *kill_at = &world.kills[i];
		if (!is_here(kill_at, site))
			continue;
		snprintf(world.notes->site, sizeof(world.notes->site), "%s", name);
		if (kill_at->asleep) {
			kk_word_store(&world.notes->sleeper, (uint64_t)getpid());
			continue;
		}
		kk_word_store(&world.notes->struck, world.notes->struck | UINT64_C(1) << i);
		raise(SIGKILL);
	}
}

/* ---- a role's work */

struct entry *role_entry(uint32_t handle)
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
static void make_one(uint32_t handle)
{
	struct entry *entry = role_entry(handle);
	/* Begins the group anew; a predecessor may have done so before. */
	kk_table_idle(me.table, handle + world.shape->items);
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
	put(RING_A, handle);
}

/* The twin takes part once: if it is IDLE no more, that was done before a death. */
static void finish_branching(uint32_t handle)
{
	uint32_t twin = handle + world.shape->items;
	if (kk_table_own(me.table, twin).state == KK_OWN_IDLE) {
		kk_block_add_lane(me.arena, &role_entry(handle)->pay, 1);
		role_entry(twin)->pay = role_entry(handle)->pay;
		put(RING_B, twin);
	}
	put(RING_B, handle);
}

static void branch_one(uint32_t handle)
{
	if (!kk_block_read(me.arena, &role_entry(handle)->pay))
		broken("an item without its payload");
	kk_table_commit(me.table, handle);
	finish_branching(handle);
}

static void finish_eating(uint32_t handle)
{
	const struct entry *entry = role_entry(handle);
	kk_block_release(me.arena, &entry->pay, entry->lane);
	if (entry->lane == 0)
		put(RING_D, handle);
	else
		kk_table_park(me.table, handle);
}

static void eat_one(uint32_t handle)
{
	struct entry copy, *entry = role_entry(handle);
	struct kk_own own;
	if (!kk_table_look(me.table, handle, &copy, sizeof(copy), &own))
		broken("an entry in hand that is not its holder's");
	const unsigned char *payload = kk_block_read(me.arena, &copy.pay);
	uint64_t bytes = payload_bytes(copy.value);
	if (!payload || copy.pay.size != bytes)
		broken("an item without its payload");
	for (uint64_t i = 0; i < bytes; i++)
		if (payload[i] != (copy.value & 0xff))
			broken("a payload that somebody else wrote into");
	uint64_t *eaten = &world.notes->eaten[entry->lane * ITEMS_MAX + entry->value];
	kk_word_store(eaten, *eaten + 1);
	kk_table_commit(me.table, handle);
	finish_eating(handle);
}

/* ---- what all roles do, and where */

struct job {
	const char *name;
	enum ring_number from;
	void (*work)(uint32_t handle);
	void (*finish)(uint32_t handle); /* what is decided */
};

static const struct job source = {"source", RING_S, make_one, NULL};
static const struct job middle = {"middle", RING_A, branch_one, finish_branching};
static const struct job sink = {"sink", RING_B, eat_one, finish_eating};

static const struct job *job_of(unsigned role)
{
	return role <= SOURCES ? &source : role <= SOURCES + MIDDLES ? &middle : &sink;
}

const char *world_role_name(unsigned role)
{
	return role == CLOSER ? "closer" : job_of(role)->name;
}

static int redo(void *arg, uint32_t handle, unsigned ring)
{
	(void)arg;
	if (ring == RING_S)
		kk_block_release(me.arena, &role_entry(handle)->pay, 0);
	me.redo[me.redo_count++] = handle;
	return KK_OK;
}

static int complete(void *arg, uint32_t handle)
{
	(void)arg;
	const struct job *job = job_of(me.role);
	if (!job->finish)
		broken("a decision of a role that decides nothing");
	job->finish(handle);
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

void role_attach(unsigned role, unsigned life)
{
	me.role = 0; /* attaching is not what is tested */
	if (kk_table_attach(&me.table, world.table, world.table_bytes, role) != KK_OK ||
	    kk_arena_attach(&me.arena, world.log, world.log_bytes, world.data, kk_arena_data_size(&world.arena)) !=
	        KK_OK)
		broken("cannot attach");
	kk_arena_bell(me.arena, world.bell);
	for (unsigned r = 0; r < RINGS; r++) {
		if (kk_ring_attach(&me.ring[r], world.ring[r], world.ring_bytes[r], me.table) != KK_OK)
			broken("cannot attach a ring");
		kk_ring_events(me.ring[r], NULL, world.bell, NULL, world.bell);
	}
	me.role = role;
	me.life = life;
	me.points = 0;
}

void role_detach(void)
{
	for (unsigned r = 0; r < RINGS; r++)
		kk_ring_detach(me.ring[r]);
	kk_arena_detach(me.arena);
	kk_table_detach(me.table);
}

static void take_and_work(const struct job *job)
{
	struct kk_ring *in = me.ring[job->from];
	for (;;) {
		uint32_t handles[3], ticket = kk_event_prepare(kk_ring_items_event(in));
		int taken = kk_ring_take(in, handles, 3);
		if (taken == KK_ERR_CLOSED)
			return;
		if (taken == KK_ERR_EMPTY)
			nap(kk_ring_items_event(in), ticket);
		else if (taken < 0)
			broken("take found the memory corrupt");
		for (int i = 0; i < taken; i++)
			job->work(handles[i]);
		if (kk_ring_count(in) > kk_ring_slots(in))
			broken("more in a ring than it holds");
	}
}

_Noreturn void role_play(unsigned role, unsigned life)
{
	const struct job *job = job_of(role);
	const struct kk_heir heir = {complete, redo, ring_of, wait_room, NULL};
	role_attach(role, life);
	if (kk_table_inherit(me.table, &heir) < 0)
		broken("cannot inherit");
	if (job == &source && kk_arena_adopt(me.arena, role - 1, role) != KK_OK)
		broken("cannot adopt the region");
	for (unsigned i = 0; i < me.redo_count; i++)
		job->work(me.redo[i]);
	take_and_work(job);
	_exit(0);
}

_Noreturn void role_close(unsigned life, enum ring_number ring)
{
	role_attach(CLOSER, life);
	struct kk_event *room = kk_ring_room_event(me.ring[ring]);
	int status = kk_ring_close(me.ring[ring]);
	while (status == KK_ERR_FULL) {
		uint32_t ticket = kk_event_prepare(room);
		status = kk_ring_close(me.ring[ring]);
		if (status == KK_ERR_FULL)
			nap(room, ticket);
	}
	if (status != KK_OK)
		broken("close found the memory corrupt");
	_exit(0);
}
