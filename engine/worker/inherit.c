/* SPDX-License-Identifier: Apache-2.0 */
/* The heir: first of all, finish what the predecessor had in hand. */
#include "run/commons.h"
#include "run/shared.h"
#include "worker/crew.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How often a death charges an item. An item that the stage was called for is the culprit of a crash or time-out; of
 * a SIGKILL from outside, or of a crash among many, it is only a suspect. A suspect beyond doubt is run by itself,
 * and charged like a culprit from then on. */
enum { SUSPICION_KILLED = 3, SUSPICION_AMONG_MANY = 5, SUSPICION_KILLED_AMONG_MANY = 1, SUSPICION_ENOUGH = 15 };

struct trials {
	unsigned charged, suspicion;
	uint32_t counted; /* deaths of lives below this one are in the numbers */
};

static struct trials trials_read(uint64_t word)
{
	return (struct trials){(unsigned)(word >> 56), (unsigned)(word >> 48) & 0xff, (uint32_t)word};
}

static uint64_t trials_word(struct trials t)
{
	if (t.charged > 0xff)
		t.charged = 0xff;
	if (t.suspicion > 0xff)
		t.suspicion = 0xff;
	return (uint64_t)t.charged << 56 | (uint64_t)t.suspicion << 48 | t.counted;
}

static void suspect(struct trials *t, unsigned by)
{
	if (t->suspicion >= SUSPICION_ENOUGH)
		t->charged++;
	else
		t->suspicion += by;
}

/* Counts the last death against the item, at most once however often this is repeated: `current` names the life it
 * belongs to, and the header says up to which life deaths are counted. */
static struct trials charge(struct worker *worker, uint32_t handle)
{
	struct item_head *head = run_head(worker->run, handle);
	struct trials t = trials_read(head->trials);
	uint64_t current = kk_word_load(&worker->entry->current);
	uint32_t life = (uint32_t)(current >> 32);
	enum current_kind kind = (enum current_kind)((current >> 24) & 0xff);
	bool killed = worker->entry->cause == KK_CAUSE_KILLED;
	if (life + 1 <= t.counted || kind == CURRENT_NOTHING)
		return t;
	if (kind == CURRENT_MANY)
		suspect(&t, killed ? SUSPICION_KILLED_AMONG_MANY : SUSPICION_AMONG_MANY);
	else if ((current & 0xffffff) != handle)
		return t;
	else if (killed)
		suspect(&t, SUSPICION_KILLED);
	else
		t.charged++;
	t.counted = life + 1;
	kk_word_store(&head->trials, trials_word(t));
	return t;
}

int handles_add(struct handles *list, uint32_t handle)
{
	if (list->first + list->count == list->room) {
		uint32_t room = list->room ? list->room * 2 : 64;
		uint32_t *at = realloc(list->at, room * sizeof(*at));
		if (!at)
			return KK_ERR_MEMORY;
		list->at = at;
		list->room = room;
	}
	list->at[list->first + list->count++] = handle;
	return KK_OK;
}

int64_t handles_shift(struct handles *list)
{
	if (list->count == 0)
		return -1;
	list->count--;
	return list->at[list->first++] & ~HANDLE_ALONE;
}

bool handles_alone(const struct handles *list)
{
	return list->count > 0 && (list->at[list->first] & HANDLE_ALONE);
}

/* The signal that the predecessor died of; 0: of none, or it was killed by us. */
static int last_signal(const struct worker *worker)
{
	const struct role_entry *entry = worker->entry;
	char text[sizeof(entry->text) + 1] = "";
	memcpy(text, entry->text, sizeof(entry->text));
	for (int signal = 1; signal < NSIG && strncmp(text, "SIG", 3) == 0; signal++) {
		const char *name = sigabbrev_np(signal);
		if (name && strcmp(text + 3, name) == 0)
			return signal;
	}
	return 0;
}

/* An item whose workers die of it goes to the dead letters. */
static int give_up(struct worker *worker, uint32_t handle, unsigned deaths)
{
	struct item_head *head = run_head(worker->run, handle);
	head->verdict = KK_FAIL;
	head->replaced = 0;
	head->fail_class = worker->entry->cause == KK_CAUSE_TIMEOUT ? KK_FAIL_TIMEOUT : KK_FAIL_CRASHED;
	snprintf(head->text, sizeof(head->text), "its worker ended by %.*s at each of %u attempts",
	         (int)sizeof(worker->entry->text), worker->entry->text, deaths);
	note_failure(worker, head, kk_table_own(worker->run->table, handle).side, last_signal(worker), deaths);
	worker->now.items++;
	return deliver(worker, handle, true) ? KK_OK : KK_ERR_CORRUPT;
}

/* A payload that was attached to the item but not decided upon is of no use. */
static void drop_undecided(struct worker *worker, uint32_t handle)
{
	struct kk_run *run = worker->run;
	struct item_head *head = run_head(run, handle);
	unsigned other = worker->stage == 0 ? 0 : !kk_table_own(run->table, handle).side;
	unsigned stage = head->pay_stage[other];
	if (stage == worker->stage && head->pay[other].index != 0 && run->arena[stage])
		kk_block_release(run->arena[stage], &head->pay[other], head->lane);
}

/* The source took a header for an item: either the cursor says that the item exists, or it does not exist yet. */
static int redo_source(struct worker *worker, uint32_t handle)
{
	const struct source_record *record = run_record(worker->run, handle);
	bool begun = record->handle == handle && record->own == kk_table_own_word(worker->run->table, handle) &&
	             record->sequence + 1 == kk_word_load(&worker->run->cursor->next);
	if (begun)
		return deliver(worker, handle, true) ? KK_OK : KK_ERR_CORRUPT;
	drop_undecided(worker, handle);
	return handles_add(&worker->redo, handle);
}

static int redo(void *arg, uint32_t handle, unsigned ring)
{
	struct worker *worker = arg;
	if (ring <= KK_RING_SKIPPED)
		return worker->stage == 0 ? redo_source(worker, handle) : KK_ERR_CORRUPT;
	worker->now.redone++;
	if (ring == KK_RING_RECORDER)
		return handles_add(&worker->redo, handle);
	drop_undecided(worker, handle);
	struct trials t = charge(worker, handle);
	if (t.charged >= worker->plan->attempts)
		return give_up(worker, handle, t.charged);
	return handles_add(&worker->redo, t.suspicion >= SUSPICION_ENOUGH ? handle | HANDLE_ALONE : handle);
}

static int complete(void *arg, uint32_t handle)
{
	return deliver(arg, handle, true) ? KK_OK : KK_ERR_CORRUPT;
}

static struct kk_ring *ring_of(void *arg, unsigned number)
{
	struct worker *worker = arg;
	return number < KK_RING_STAGE + worker->plan->stage_count ? worker->run->ring[number] : NULL;
}

static int wait_room(void *arg, struct kk_ring *ring)
{
	struct worker *worker = arg;
	deliver_announce(worker);
	uint32_t ticket = kk_event_prepare(kk_ring_room_event(ring));
	if (kk_ring_count(ring) >= kk_ring_slots(ring))
		worker_sleep(worker, kk_ring_room_event(ring), ticket);
	return KK_OK;
}

/* What is in hand was found in the order of the table. It is done in the order in which it came, or else a worker's
 * death would mix what is in order; where nothing has to be, suspects come last. */
static int by_turn(const void *left, const void *right, void *arg)
{
	const struct worker *worker = arg;
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	uint64_t position = (kk_table_own(worker->run->table, a & ~HANDLE_ALONE).position -
	                     kk_table_own(worker->run->table, b & ~HANDLE_ALONE).position) &
	                    ((UINT64_C(1) << KK_POSITION_BITS) - 1);
	if (worker->waiting_count == 0 && (a & HANDLE_ALONE) != (b & HANDLE_ALONE))
		return a & HANDLE_ALONE ? 1 : -1;
	return position == 0 ? 0 : position >> (KK_POSITION_BITS - 1) ? -1 : 1;
}

int inherit(struct worker *worker)
{
	struct kk_heir heir = {complete, redo, ring_of, wait_room, worker};
	/* First, since all that follows may wait for others, and they for this. */
	long status = run_shared_inherit(worker->run);
	if (status == KK_OK)
		status = kk_table_inherit(worker->run->table, &heir);
	if (status < 0)
		return (int)status;
	if (worker->redo.count > 1)
		qsort_r(worker->redo.at + worker->redo.first, worker->redo.count, sizeof(*worker->redo.at), by_turn,
		        worker);
	/* All that the last death charges is charged: an item that is taken from now on was not there. */
	worker_current(worker, CURRENT_NOTHING, 0);
	if (worker->arena) {
		/* What the predecessor had allocated but given to no item. Items in hand let go of theirs above. */
		uint32_t region = worker->role - worker->stage_plan->first_role;
		int adopted = kk_arena_adopt(worker->arena, region, worker->role);
		if (adopted != KK_OK)
			return adopted;
	}
	deliver_announce(worker);
	return run_commons_inherit(worker->run);
}
