/* SPDX-License-Identifier: Apache-2.0 */
/* From a decision to the next rings. Everything here may be done again by an heir, from any point on:
 *
 *   the header says verdict, replaced, pay            (hand_settle; nothing is decided yet)
 *   own = COMMIT                                       the decision
 *   release the payload that was replaced              repeatable: the generation moves on
 *   each other branch: add its lane to the payload, put its header      skipped if that header is not IDLE any more
 *     or, if its stage does not take the item, settle that lane            repeatable: its bit is set
 *   put this header: into the next ring, or, if it ends here, release its payload and send the item home; a payload
 *     that is held for the dead letters is released by the recorder, which then settles the lane
 *
 * An item that goes on unchanged to one ring needs no COMMIT: the put is the decision.
 *
 * All of it works on a copy of the header that belongs to this claim. An heir may be late: once its lane is settled the
 * others can finish the item, and the source can begin the header's next life while the heir still looks at it. With
 * the copy everything it then does is stale, and known to be: the block's generation, the group's life, its own word.
 * And what a broken process writes into the header is checked once and cannot change behind the check.
 */
#include "graph/condition.h"
#include "worker/crew.h"
#include "worker/name.h"
#include <stdio.h>
#include <string.h>

#define LATE_NS UINT64_C(200000) /* of an announcement: it is made between the items of a batch then */

/* ---- routes */

static uint32_t lanes_below(const struct kk_plan *plan, unsigned stage, unsigned lane)
{
	uint32_t below = 1u << lane;
	for (unsigned e = 0; e < plan->edge_count; e++)
		if (plan->edge[e].stage == stage && plan->edge[e].lane == lane)
			below |= lanes_below(plan, plan->edge[e].to, plan->edge[e].to_lane);
	return below;
}

void deliver_routes(struct worker *worker)
{
	const struct kk_plan *plan = worker->plan;
	for (unsigned e = 0; e < plan->edge_count; e++) {
		const struct kk_plan_edge *edge = &plan->edge[e];
		struct route *route = &worker->route[edge->lane];
		if (edge->stage != worker->stage)
			continue;
		route->to[route->count].ring = KK_RING_STAGE + edge->to;
		route->to[route->count].lane = (uint8_t)edge->to_lane;
		route->to[route->count].stage = (uint8_t)edge->to;
		route->to[route->count].below = lanes_below(plan, edge->to, edge->to_lane);
		route->count++;
	}
	for (unsigned lane = 0; lane < plan->lanes; lane++)
		worker->route[lane].below = lanes_below(plan, worker->stage, lane);
}

/* ---- who takes it */

struct asked {
	struct hand *hand;
	char bytes[24], suffix[KK_NAME_COMPONENT_MAX + 1];
};

/* A field as a condition sees it: what names of files are made of, and `bytes`. */
static const char *asked_field(void *arg, const char *name)
{
	struct asked *asked = arg;
	const char *key = run_record(asked->hand->worker->run, asked->hand->handle)->bytes;
	if (strcmp(name, "key") == 0)
		return key;
	if (strcmp(name, "bytes") == 0)
		return asked->bytes;
	if (strcmp(name, "ext") == 0)
		return kk_name_suffix(key, asked->suffix, sizeof(asked->suffix));
	return hand_field(asked->hand, name);
}

uint16_t deliver_ways(struct hand *hand, uint64_t bytes)
{
	const struct worker *worker = hand->worker;
	const struct kk_plan *plan = worker->plan;
	const struct route *route = &worker->route[hand->lane];
	struct asked asked = {.hand = hand, .bytes = ""};
	const struct kk_when_item item = {asked_field, &asked};
	unsigned ways = 0;
	for (unsigned i = 0; i < route->count; i++) {
		const struct kk_plan_stage *stage = &plan->stage[route->to[i].stage];
		if (stage->when_words && !asked.bytes[0])
			snprintf(asked.bytes, sizeof(asked.bytes), "%llu", (unsigned long long)bytes);
		if (!stage->when_words || kk_condition_holds(plan, stage->when, stage->when_words, &item))
			ways |= 1u << i;
	}
	return (uint16_t)ways;
}

/* ---- putting and telling */

bool deliver_put(struct worker *worker, unsigned ring, uint32_t handle, unsigned side, bool wait)
{
	struct kk_ring *to = worker->run->ring[ring];
	int status = kk_ring_put(to, handle, side);
	bool late = false;
	while (status == KK_ERR_FULL && wait) {
		deliver_announce(worker);
		uint32_t ticket = kk_event_prepare(kk_ring_room_event(to));
		status = kk_ring_put(to, handle, side);
		if (status == KK_OK && late)
			worker_late(worker);
		if (status == KK_ERR_FULL)
			/* who takes wakes those who put when half of the ring is free */
			late = worker_sleep(worker, kk_ring_room_event(to), ticket) &&
			       kk_ring_count(to) <= kk_ring_slots(to) / 2;
	}
	if (status == KK_OK)
		worker->owed[ring]++;
	else if (status != KK_ERR_FULL)
		worker->corrupt = true;
	return status == KK_OK;
}

bool deliver_many_home(const struct kk_run *run)
{
	uint64_t home = 0;
	for (unsigned r = KK_RING_UNUSED; r <= KK_RING_SKIPPED; r++)
		home += kk_ring_count(run->ring[r]);
	return home >= run->plan->groups / 4;
}

/* Stages that keep the order wait for what comes, and for what will not come any more: those behind here are told of
 * both ends and settled branches. What leaves this stage makes it the turn of others in it. */
static void tell_waiting(struct worker *worker)
{
	struct kk_run *run = worker->run;
	for (unsigned i = 0; i < worker->waiting_count; i++) {
		const unsigned s = worker->waiting[i];
		const struct kk_plan_stage *stage = &worker->plan->stage[s];
		if (!worker->ended && s != worker->stage)
			continue;
		if (stage->ordering && kk_event_waited(kk_ring_items_event(run->ring[KK_RING_STAGE + s])))
			kk_ring_announce(run->ring[KK_RING_STAGE + s], 1);
		if (stage->in_order && run->arena[s] && kk_event_waited(kk_arena_room_event(run->arena[s])))
			kk_event_wake(kk_arena_room_event(run->arena[s]), (int)stage->workers, run->bell[s]);
	}
	worker->ended = worker->moved = false;
}

void deliver_announce_late(struct worker *worker)
{
	worker->last_ns = kk_span_now();
	if (worker->last_ns - worker->announced_ns > LATE_NS)
		deliver_announce(worker);
}

void deliver_announce(struct worker *worker)
{
	bool home = false;
	worker->announced_ns = worker->last_ns;
	if (worker->ended || worker->moved)
		tell_waiting(worker);
	for (unsigned r = 0; r < KK_RING_STAGE + worker->plan->stage_count; r++) {
		if (!worker->owed[r])
			continue;
		worker->owed[r] = 0;
		if (r <= KK_RING_SKIPPED)
			home = true;
		else
			kk_ring_announce(worker->run->ring[r], 1);
	}
	if (home && kk_event_waited(&worker->run->header->free_items) && deliver_many_home(worker->run))
		kk_ring_announce(worker->run->ring[KK_RING_UNUSED], 1);
}

/* ---- ends */

enum { END_SKIPPED = 1, END_DONE = 2, END_FAILED = 3 };

static unsigned end_of(unsigned verdict)
{
	return verdict == KK_FAIL ? END_FAILED : verdict == KK_SKIP ? END_SKIPPED : END_DONE;
}

/* What is to be written down goes to the recorder first, which sends it home. */
static unsigned ring_of_end(const struct kk_plan *plan, unsigned end)
{
	static const unsigned ring[] = {
	    [END_SKIPPED] = KK_RING_SKIPPED, [END_DONE] = KK_RING_DONE, [END_FAILED] = KK_RING_RECORDER};
	return end == END_DONE && plan->manifest_file ? KK_RING_RECORDER : ring[end];
}

unsigned deliver_end(const struct kk_run *run, uint32_t handle, unsigned verdict)
{
	static const unsigned ring[] = {
	    [END_SKIPPED] = KK_RING_SKIPPED, [END_DONE] = KK_RING_DONE, [END_FAILED] = KK_RING_FAILED};
	unsigned end =
	    run->plan->lanes > 1 ? (unsigned)(kk_word_load(run_group(run, handle)) >> 28) & 0xf : end_of(verdict);
	return end >= END_SKIPPED && end <= END_FAILED ? ring[end] : KK_RING_FAILED;
}

/* The group word of a source item with branches: life:32 | end:4 | last:8 | settled:20. */
static uint64_t group_make(uint32_t life, unsigned end, unsigned last, uint32_t settled)
{
	return (uint64_t)life << 32 | (uint64_t)end << 28 | (uint64_t)last << 20 | settled;
}

/* Notes that the lanes `settles`, this one and what would have branched off it, have ended so. Returns the end of the
 * whole item if this lane was the last and so has to send it home, 0 if it was not. */
static unsigned settle_lanes(struct worker *worker, uint32_t handle, uint64_t sequence, unsigned lane, uint32_t settles,
                             unsigned mine)
{
	uint64_t *word = run_group(worker->run, handle), now = kk_word_load(word), next;
	const uint32_t all = (1u << worker->plan->lanes) - 1;
	do {
		uint32_t settled = now & 0xfffff;
		if ((uint32_t)(now >> 32) != (uint32_t)sequence)
			return 0;
		unsigned end = (unsigned)(now >> 28) & 0xf;
		if (settled >> lane & 1) /* a predecessor of ours got as far as this */
			return settled == all && ((now >> 20) & 0xff) == lane ? end : 0;
		settled |= settles;
		next = group_make((uint32_t)sequence, end > mine ? end : mine, settled == all ? lane : 0xff, settled);
	} while (!kk_word_swap(word, &now, next));
	worker->ended = true;
	return (next & 0xfffff) == all ? (unsigned)(next >> 28) & 0xf : 0;
}

/* What ends with the lane of this header, by its verdict. */
static uint32_t lanes_of_end(const struct worker *worker, const struct item_head *head)
{
	if (head->verdict == KK_PASS)
		return 1u << head->lane;
	return worker->stage_plan ? worker->route[head->lane].below
	                          : lanes_below(worker->plan, head->fail_stage, head->lane);
}

/* Has a predecessor of ours settled this lane? Then all that it did before is done, and what stands there may belong to
 * the next item. While it is not settled, it is ours, and the item cannot end. */
static bool has_settled(const struct worker *worker, uint32_t handle, const struct item_head *head)
{
	uint64_t now = worker->plan->lanes > 1 ? kk_word_load(run_group(worker->run, handle)) : 0;
	return worker->plan->lanes > 1 &&
	       ((uint32_t)(now >> 32) != (uint32_t)head->sequence || (now >> head->lane & 1));
}

static void release_pay(struct kk_run *run, const struct item_head *head, unsigned side)
{
	unsigned stage = head->pay_stage[side];
	if (head->pay[side].index != 0 && stage < run->plan->stage_count && run->arena[stage])
		kk_block_release(run->arena[stage], &head->pay[side], head->lane);
}

bool deliver_settle(struct worker *worker, uint32_t handle, const struct item_head *head)
{
	if (worker->plan->lanes == 1 ||
	    settle_lanes(worker, handle, head->sequence, head->lane, lanes_of_end(worker, head), end_of(head->verdict)))
		return true;
	kk_table_park(worker->run->table, handle);
	return false;
}

/* The lane ends with what `settles` names; `end`: how. */
static bool end_lanes(struct worker *worker, uint32_t handle, const struct item_head *head, uint32_t settles,
                      unsigned end, bool wait)
{
	if (worker->plan->lanes > 1)
		end = settle_lanes(worker, handle, head->sequence, head->lane, settles, end);
	if (end == END_DONE)
		worker_item_done(worker, run_record(worker->run, handle)->born_ns);
	if (!end)
		kk_table_park(worker->run->table, handle);
	else if (!deliver_put(worker, ring_of_end(worker->plan, end), handle, 0, wait))
		return false;
	worker->ended = true;
	return true;
}

static bool end_item(struct worker *worker, uint32_t handle, const struct item_head *head, unsigned side, bool wait)
{
	if (head->verdict == KK_FAIL && head->kept) {
		worker->ended = true;
		return deliver_put(worker, KK_RING_RECORDER, handle, 0, wait);
	}
	release_pay(worker->run, head, side);
	return end_lanes(worker, handle, head, lanes_of_end(worker, head), end_of(head->verdict), wait);
}

/* ---- branches */

/* The header that stands for another lane of the same source item. Lane 0 may stand at any of the group's headers. */
static uint32_t sibling(const struct kk_plan *plan, uint32_t handle, unsigned lane, unsigned to_lane)
{
	uint32_t base = handle - handle % plan->lanes;
	return base + (handle - base + plan->lanes + to_lane - lane) % plan->lanes;
}

static bool start_branch(struct worker *worker, uint32_t handle, const struct item_head *head, unsigned side,
                         unsigned ring, unsigned lane, bool wait)
{
	struct kk_run *run = worker->run;
	uint32_t other = sibling(run->plan, handle, head->lane, lane);
	struct item_head *branch = run_head(run, other);
	if (kk_table_own(run->table, other).state != KK_OWN_IDLE)
		return true;
	branch->trials = 0;
	branch->lane = (uint8_t)lane;
	branch->sequence = head->sequence;
	branch->pay[0] = head->pay[side];
	branch->pay[1] = (struct kk_block_ref){.index = 0};
	branch->pay_stage[0] = head->pay_stage[side];
	if (run->layout.note_stride)
		note_branch(run, handle, other);
	if (branch->pay[0].index != 0)
		kk_block_add_lane(run->arena[branch->pay_stage[0]], &branch->pay[0], lane);
	return deliver_put(worker, ring, other, 0, wait);
}

/* All branches but the first, which this header takes itself. A lane that its stage does not take ends here. */
static bool branch_off(struct worker *worker, uint32_t handle, const struct item_head *head, unsigned side, bool wait)
{
	const struct route *route = &worker->route[head->lane];
	for (unsigned i = 1; i < route->count; i++) {
		if (!(head->ways >> i & 1))
			settle_lanes(worker, handle, head->sequence, route->to[i].lane, route->to[i].below,
			             END_SKIPPED);
		else if (!start_branch(worker, handle, head, side, route->to[i].ring, route->to[i].lane, wait))
			return false;
	}
	return true;
}

/* ---- all of it */

static bool complete(struct worker *worker, uint32_t handle, const struct item_head *head, unsigned side, bool wait)
{
	const struct route *route = &worker->route[head->lane];
	if (head->replaced) {
		release_pay(worker->run, head, side);
		side = !side;
	}
	if (head->verdict != KK_PASS || route->count == 0)
		return end_item(worker, handle, head, side, wait);
	const bool goes_on = head->ways & 1;
	if ((goes_on || !has_settled(worker, handle, head)) && !branch_off(worker, handle, head, side, wait))
		return false;
	if (!goes_on) {
		release_pay(worker->run, head, side);
		return end_lanes(worker, handle, head, route->to[0].below, END_SKIPPED, wait);
	}
	if (!deliver_put(worker, route->to[0].ring, handle, side, wait))
		return false;
	worker->moved = worker->stage_plan && worker->stage_plan->in_order;
	return true;
}

bool head_is_sound(const struct worker *worker, const struct item_head *head)
{
	const struct kk_run *run = worker->run;
	for (unsigned side = 0; side < 2; side++) {
		unsigned stage = head->pay_stage[side];
		if (head->pay[side].index != 0 && (stage >= run->plan->stage_count || !run->arena[stage]))
			return false;
	}
	return head->lane < run->plan->lanes;
}

bool deliver(struct worker *worker, uint32_t handle, bool wait)
{
	struct kk_table *table = worker->run->table;
	struct item_head head;
	struct kk_own own;
	if (!kk_table_look(table, handle, &head, ITEM_HEAD_HOP, &own))
		return true; /* an heir came late: the item has been finished */
	if (!head_is_sound(worker, &head))
		worker->corrupt = true;
	if (worker->corrupt)
		return false;
	bool simple =
	    head.verdict == KK_PASS && !head.replaced && worker->route[head.lane].count == 1 && (head.ways & 1);
	if (!simple && own.state != KK_OWN_COMMIT)
		kk_table_commit(table, handle);
	return complete(worker, handle, &head, own.side, wait);
}
