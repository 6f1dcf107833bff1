/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"
#include "asleep.h"
#include <kakehi/word.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum role { WORKER = 1, RIVAL, SLEEPER, COUNTER };
enum { PIECE = 4096, HEIR_LANE = 0, RIVAL_LANE = 1, STUCK_AFTER_SEC = 10 };

static const struct kk_arena_shape shape = {2, BLOCKS, REGION_BYTES, BIG_BYTES};
static const uint32_t slots[RINGS] = {HOME_SLOTS, WORK_SLOTS};

/* The shared memory. */
static struct {
	_Alignas(64) unsigned char table[PIECE], ring[RINGS][PIECE], log[PIECE], data[2 * PIECE];
	uint64_t sleeper_ready;
} * shared;

/* The tracer's own notes. */
static struct {
	uint32_t order[ENTRIES]; /* what was put into WORK at the beginning, in order */
	unsigned ordered;
	unsigned held; /* entries that the rival must hold in the end                 */
	unsigned kept; /* entries whose payloads must be alive in the end */
	pid_t sleeper;
} notes;

struct party worker, rival, sleeper;
static struct party counter;

void world_must(bool fact, const char *what)
{
	if (fact)
		return;
	fprintf(stderr, "the world cannot be made: %s\n", what);
	abort();
}

/* ---- handles */

static void attach_arena(struct party *party)
{
	world_must(kk_arena_attach(&party->arena, shared->log, PIECE, shared->data, sizeof(shared->data)) == KK_OK,
	           "attach the arena");
}

static void attach(struct party *party, enum role role)
{
	world_must(kk_table_attach(&party->table, shared->table, PIECE, role) == KK_OK, "attach the table");
	for (unsigned r = 0; r < RINGS; r++)
		world_must(kk_ring_attach(&party->ring[r], shared->ring[r], PIECE, party->table) == KK_OK,
		           "attach a ring");
	attach_arena(party);
}

static void detach(struct party *party)
{
	for (unsigned r = 0; r < RINGS; r++)
		kk_ring_detach(party->ring[r]);
	kk_arena_detach(party->arena);
	kk_table_detach(party->table);
	*party = (struct party){0};
}

/* ---- beginning and end */

static void make_shared(void)
{
	if (!shared) {
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		world_must(shared != MAP_FAILED, "memory");
	}
	memset(shared, 0, sizeof(*shared));
}

void world_begin(uint64_t start)
{
	make_shared();
	memset(&notes, 0, sizeof(notes));
	world_must(kk_table_size(ENTRIES, sizeof(struct entry)) <= PIECE && kk_arena_log_size(&shape) <= PIECE &&
	               kk_arena_data_size(&shape) <= sizeof(shared->data),
	           "sizes");
	world_must(kk_table_init(shared->table, ENTRIES, sizeof(struct entry)) == KK_OK, "the table");
	world_must(kk_arena_init(shared->log, &shape) == KK_OK, "the arena");
	for (unsigned r = 0; r < RINGS; r++)
		world_must(kk_ring_init(shared->ring[r], slots[r], r, start) == KK_OK, "a ring");
	attach(&counter, COUNTER);
	attach(&worker, WORKER);
	attach(&rival, RIVAL);
	attach(&sleeper, SLEEPER);
	world_must(kk_ring_fill(counter.ring[HOME], 0, ENTRIES) == KK_OK, "the entries");
	world_must(kk_arena_adopt(rival.arena, 1, RIVAL) == KK_OK, "the rival's region");
}

void world_end(void)
{
	detach(&worker);
	detach(&rival);
	detach(&sleeper);
	detach(&counter);
}

/* ---- what operations begin with */

struct entry *world_entry(uint32_t handle)
{
	return kk_table_entry(worker.table, handle);
}

uint32_t world_hold(struct party *party)
{
	uint32_t handle;
	world_must(kk_ring_take(party->ring[HOME], &handle, 1) == 1, "an entry to hold");
	return handle;
}

void world_queue(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint32_t handle = world_hold(&rival);
		world_must(kk_ring_put(rival.ring[WORK], handle, 0) == KK_OK, "an entry in WORK");
		notes.order[notes.ordered++] = handle;
	}
}

void world_adopt(void)
{
	world_must(kk_arena_adopt(worker.arena, 0, WORKER) == KK_OK, "the worker's region");
}

struct kk_block_ref world_block(struct party *party, uint64_t bytes, bool may_take_big)
{
	struct kk_block_ref ref;
	world_must(kk_block_alloc(party->arena, bytes, may_take_big, &ref) == KK_OK, "a block");
	ref.size = (uint32_t)bytes;
	return ref;
}

static int pattern(uint32_t handle)
{
	return (int)(0x40 + handle);
}

void world_fill(struct party *party, uint32_t handle, struct kk_block_ref *ref, uint32_t bytes)
{
	memset(kk_block_memory(party->arena, ref), pattern(handle), bytes);
	ref->size = bytes;
}

void world_keep(uint32_t handle)
{
	notes.kept |= 1u << handle;
}

void world_keep_in_hand(uint32_t handle)
{
	notes.held |= 1u << handle;
}

void world_forget(void)
{
	kk_arena_detach(worker.arena);
	attach_arena(&worker);
}

uint32_t world_paid(struct party *party, uint64_t bytes, uint32_t lanes)
{
	uint32_t handle = world_hold(party);
	struct kk_block_ref ref = world_block(party, bytes, true);
	world_fill(party, handle, &ref, (uint32_t)bytes);
	world_entry(handle)->pay = ref;
	kk_block_share(party->arena, &ref, lanes);
	return handle;
}

void world_finish(struct party *party, uint32_t handle)
{
	const struct kk_block_ref *pay = &world_entry(handle)->pay;
	if (pay->index)
		kk_block_release(party->arena, pay, HEIR_LANE);
	world_must(kk_ring_put(party->ring[HOME], handle, 0) == KK_OK, "room in HOME");
}

/* ---- heirs */

struct hands {
	struct party *party;
	uint32_t redo[ENTRIES];
	unsigned count, touched;
};

static void touch(struct hands *hands, uint32_t handle)
{
	world_must(!(hands->touched >> handle & 1), "an entry is inherited once");
	hands->touched |= 1u << handle;
}

static int complete(void *arg, uint32_t handle)
{
	struct hands *hands = arg;
	touch(hands, handle);
	world_finish(hands->party, handle);
	return KK_OK;
}

static int redo(void *arg, uint32_t handle, unsigned ring)
{
	struct hands *hands = arg;
	(void)ring;
	touch(hands, handle);
	hands->redo[hands->count++] = handle;
	return KK_OK;
}

static struct kk_ring *ring_of(void *arg, unsigned number)
{
	struct hands *hands = arg;
	return number < RINGS ? hands->party->ring[number] : NULL;
}

/* The worker gives up when it is to wait; its heir, which plays on our side, gets room from the one who counts. */
static int wait_room(void *arg, struct kk_ring *ring)
{
	const struct hands *hands = arg;
	uint32_t handle;
	(void)ring;
	if (hands->party == &worker)
		return KK_ERR_FULL;
	if (kk_ring_take(counter.ring[WORK], &handle, 1) == 1)
		world_finish(&counter, handle);
	return KK_OK;
}

long world_inherit(struct party *party)
{
	struct hands hands = {.party = party};
	const struct kk_heir heir = {complete, redo, ring_of, wait_room, &hands};
	long found = kk_table_inherit(party->table, &heir);
	for (unsigned i = 0; found >= 0 && i < hands.count; i++)
		world_finish(party, hands.redo[i]);
	return found;
}

/* ---- the sleeper */

void world_start_sleeper(bool (*until)(void), struct kk_event *event)
{
	shared->sleeper_ready = 0;
	notes.sleeper = fork();
	world_must(notes.sleeper >= 0, "a sleeper");
	if (notes.sleeper == 0) {
		alarm(2 * STUCK_AFTER_SEC);
		for (;;) {
			uint32_t ticket = kk_event_prepare(event);
			if (until())
				_exit(0);
			kk_word_store(&shared->sleeper_ready, 1);
			if (kk_event_sleep(event, ticket, STUCK_AFTER_SEC * INT64_C(1000000000)) == KK_ERR_TIMEOUT)
				_exit(1);
		}
	}
	while (!kk_word_load(&shared->sleeper_ready) || !asleep(notes.sleeper))
		sched_yield();
}

const char *world_sleeper_ends(void)
{
	int status = 0;
	if (!notes.sleeper)
		return NULL;
	pid_t pid = waitpid(notes.sleeper, &status, 0);
	bool ended = pid == notes.sleeper && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	notes.sleeper = 0;
	return ended ? NULL : "a sleeper was not woken";
}

/* ---- after a death */

void world_bury(void)
{
	for (unsigned r = 0; r < RINGS; r++) {
		kk_event_wake_all(kk_ring_items_event(counter.ring[r]), -1);
		kk_event_wake_all(kk_ring_room_event(counter.ring[r]), -1);
	}
	kk_event_wake_all(kk_arena_room_event(counter.arena), -1);
}

/* Empties WORK, fills it to the brim with others, and makes a payload: none of it may wait for the dead. */
void world_survivors(bool may_put)
{
	uint32_t handle;
	struct kk_block_ref ref;
	while (kk_ring_take(rival.ring[WORK], &handle, 1) == 1)
		world_finish(&rival, handle);
	notes.ordered = 0;
	while (may_put && kk_ring_take(rival.ring[HOME], &handle, 1) == 1) {
		int status = kk_ring_put(rival.ring[WORK], handle, 0);
		if (status == KK_OK)
			continue;
		world_must(status == KK_ERR_FULL, "WORK is sound");
		world_finish(&rival, handle);
		break;
	}
	if (kk_block_alloc(rival.arena, 128, false, &ref) == KK_OK)
		kk_block_cancel(rival.arena, &ref);
}

void world_heir(void)
{
	struct party heir = {0};
	attach(&heir, WORKER);
	world_must(world_inherit(&heir) >= 0, "the heir inherits");
	world_must(kk_arena_adopt(heir.arena, 0, WORKER) == KK_OK, "the heir adopts");
	world_must(kk_block_claimed(heir.arena) == 0, "the heir has no blocks");
	detach(&heir);
}

void world_close(void)
{
	uint32_t handle;
	while (kk_ring_close(counter.ring[WORK]) == KK_ERR_FULL) {
		world_must(kk_ring_take(counter.ring[WORK], &handle, 1) == 1, "room for the sentinel");
		world_finish(&counter, handle);
	}
}

/* ---- the verdict */

static const char *check_payload(uint32_t handle)
{
	const struct kk_block_ref *pay = &world_entry(handle)->pay;
	const unsigned char *payload = pay->index ? kk_block_read(counter.arena, pay) : NULL;
	if (!payload && notes.kept >> handle & 1)
		return "a payload was freed under its reader";
	for (uint32_t i = 0; payload && i < pay->size; i++)
		if (payload[i] != pattern(handle))
			return "a payload was written over";
	return NULL;
}

/* Takes all that is in `ring`; counts in `seen`. */
static const char *drain(enum world_ring ring, unsigned *seen)
{
	uint32_t handle;
	unsigned next = 0;
	int status;
	while ((status = kk_ring_take(counter.ring[ring], &handle, 1)) == 1) {
		seen[handle]++;
		const char *bad = check_payload(handle);
		if (bad)
			return bad;
		for (unsigned i = 0; ring == WORK && i < notes.ordered; i++) {
			if (notes.order[i] != handle)
				continue;
			if (i < next)
				return "the order was not kept";
			next = i + 1;
		}
	}
	return status == KK_ERR_EMPTY || status == KK_ERR_CLOSED ? NULL : "a ring is corrupt";
}

/* What is parked or idle belongs to nobody; what is in the rival's hands is well there. */
static void count_the_rest(unsigned *seen)
{
	for (uint32_t handle = 0; handle < ENTRIES; handle++) {
		struct kk_own own = kk_table_own(counter.table, handle);
		bool held = own.state == KK_OWN_CLAIMED && (own.role == RIVAL || own.role == SLEEPER);
		if (held || own.state == KK_OWN_PARKED || own.state == KK_OWN_IDLE)
			seen[handle]++;
	}
}

static const char *check_blocks(void)
{
	struct party heir = {0};
	struct kk_error error = {.code = 0};
	struct kk_block_ref all, big;
	for (uint32_t handle = 0; handle < ENTRIES; handle++)
		if (notes.kept >> handle & 1 && check_payload(handle))
			return check_payload(handle);
	/* Nobody needs a payload any more; the lanes that are gone already do not mind. */
	for (uint32_t handle = 0; handle < ENTRIES; handle++)
		for (unsigned lane = HEIR_LANE; lane <= RIVAL_LANE && world_entry(handle)->pay.index; lane++)
			kk_block_release(counter.arena, &world_entry(handle)->pay, lane);
	if (kk_arena_check(counter.arena, &error) != KK_OK)
		return "the arena is not sound";
	if (kk_arena_used(counter.arena) != kk_block_claimed(rival.arena))
		return "a block leaked";
	attach(&heir, WORKER);
	bool room = kk_arena_adopt(heir.arena, 0, WORKER) == KK_OK &&
	            kk_block_alloc(heir.arena, REGION_BYTES, false, &all) == KK_OK &&
	            (kk_block_claimed(rival.arena) || kk_block_alloc(heir.arena, BIG_BYTES, true, &big) == KK_OK);
	detach(&heir);
	return room ? NULL : "room leaked";
}

/* The ring goes on: twice round. */
static const char *check_ring(bool closed)
{
	struct kk_error error = {.code = 0};
	struct kk_ring *ring = counter.ring[WORK];
	uint32_t handle;
	if (kk_ring_check(ring, &error) != KK_OK || kk_ring_check(counter.ring[HOME], &error) != KK_OK)
		return "a ring is not sound";
	if (closed) {
		bool ends = kk_ring_close(ring) == KK_OK && kk_ring_closed(ring) &&
		            kk_ring_take(ring, &handle, 1) == KK_ERR_CLOSED;
		return ends ? NULL : "the sentinel is not where it should be";
	}
	for (unsigned i = 0; i < 2 * WORK_SLOTS; i++)
		if (kk_ring_put(ring, i % ENTRIES, 0) != KK_OK || kk_ring_take(ring, &handle, 1) != 1 ||
		    handle != i % ENTRIES)
			return "the ring is stuck";
	return NULL;
}

const char *world_verdict(bool closed)
{
	unsigned seen[ENTRIES] = {0};
	const char *bad = drain(WORK, seen);
	/* What came out of WORK made room for a sleeper that wants to put. */
	if (!bad)
		bad = world_sleeper_ends();
	if (!bad)
		bad = drain(WORK, seen);
	if (!bad)
		bad = drain(HOME, seen);
	count_the_rest(seen);
	for (uint32_t handle = 0; !bad && handle < ENTRIES; handle++) {
		struct kk_own own = kk_table_own(counter.table, handle);
		if (notes.held >> handle & 1 && (own.state != KK_OWN_CLAIMED || own.role != RIVAL))
			bad = "an entry was taken twice";
	}
	for (uint32_t handle = 0; !bad && handle < ENTRIES; handle++)
		bad = seen[handle] == 1 ? NULL : seen[handle] ? "an entry was doubled" : "an entry was lost";
	if (!bad)
		bad = check_blocks();
	return bad ? bad : check_ring(closed);
}
