/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is: can a source item that is older than this one still leave this stage?
 *
 * The answer is read off facts that survive every death: the own words say where each header is, the group words which
 * lanes have ended, the records which item each group stands for. All of them only ever move on: an item that has left,
 * or cannot come any more, will not come back, and items begun later are younger. So a "yes, it has left" may be kept,
 * and a list of the items under way, made once, serves until somebody asks about one begun after it.
 *
 * An item has left when on each lane that comes to this stage the lane has ended, or its header stands in a ring behind
 * it. The header of a lane that nobody has started (IDLE) is still to come. A header in a free ring or with the source
 * is at home: the source has handed an item on before it begins the next one, and who asks has a younger one in hand.
 */
#include "worker/crew.h"
#include <stdlib.h>
#include <string.h>

/* ---- where the lanes go */

static void mark_way(const struct kk_plan *plan, struct turns *turns, unsigned lane, unsigned stage)
{
	turns->before[lane] |= UINT64_C(1) << stage;
	for (unsigned e = 0; e < plan->edge_count; e++) {
		const struct kk_plan_edge *edge = &plan->edge[e];
		if (edge->to == stage && edge->lane == lane && edge->to_lane == lane && edge->stage > 0)
			mark_way(plan, turns, lane, edge->stage);
	}
}

/* Stages that wait for turns, and to which items come that were in this worker's hand: they are told of ends. */
static void find_waiting(struct worker *worker)
{
	const struct kk_plan *plan = worker->plan;
	bool reached[KK_PLAN_MAX_STAGES] = {[0] = false};
	for (unsigned s = 0; s < plan->stage_count; s++) {
		/* What the recorder ends may have been anywhere. */
		reached[s] = s == worker->stage || !worker->stage_plan;
		for (unsigned e = 0; e < plan->edge_count; e++)
			if (plan->edge[e].to == s && reached[plan->edge[e].stage])
				reached[s] = true;
		if (reached[s] && (plan->stage[s].ordering || plan->stage[s].in_order))
			worker->waiting[worker->waiting_count++] = (uint8_t)s;
	}
}

int turns_open(struct worker *worker)
{
	const struct kk_plan *plan = worker->plan;
	struct turns *turns = &worker->turns;
	find_waiting(worker);
	if (!worker->stage_plan || !(worker->stage_plan->ordering || worker->stage_plan->in_order))
		return KK_OK;
	for (unsigned e = 0; e < plan->edge_count; e++)
		if (plan->edge[e].to == worker->stage)
			mark_way(plan, turns, plan->edge[e].to_lane, worker->stage);
	turns->group = UINT32_MAX;
	turns->list = calloc(plan->groups, sizeof(*turns->list));
	return turns->list ? KK_OK : KK_ERR_MEMORY;
}

/* ---- asking */

/* The group's item, if it still is this one, on one lane: is its header at this stage or before it? */
static bool is_to_come(const struct worker *worker, uint32_t base, uint32_t first, unsigned lane)
{
	const struct kk_run *run = worker->run;
	struct kk_own own = kk_table_own(run->table, base + (first + lane) % worker->plan->lanes);
	if (own.state == KK_OWN_IDLE)
		return true;
	if (own.state == KK_OWN_PARKED || own.ring < KK_RING_STAGE || own.ring >= KK_RING_STAGE + 64)
		return false;
	return worker->turns.before[lane] >> (own.ring - KK_RING_STAGE) & 1;
}

/* Has it left this stage, or will it never come? Whoever finds that a header is on its way looks at the item's number
 * after it: if that still is the same, the header was on its way in this life. */
static bool has_left(const struct worker *worker, uint32_t group, uint64_t sequence)
{
	const struct kk_run *run = worker->run;
	const uint32_t lanes = worker->plan->lanes, base = group * lanes;
	const struct source_record *record = run_record(run, base);
	uint32_t first = lanes > 1 ? record->handle % lanes : 0;
	for (unsigned lane = 0; lane < lanes; lane++) {
		if (!worker->turns.before[lane] || !is_to_come(worker, base, first, lane))
			continue;
		if (lanes > 1) {
			uint64_t word = kk_word_load(run_group(run, base));
			if ((uint32_t)(word >> 32) != (uint32_t)sequence || (word >> lane & 1))
				continue;
		}
		if (kk_word_load(&record->sequence) == sequence)
			return false;
	}
	return true;
}

static int by_sequence(const void *left, const void *right)
{
	const struct turn *a = left, *b = right;
	return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

static void list_all(struct worker *worker)
{
	struct turns *turns = &worker->turns;
	turns->seen = kk_word_load(&worker->run->cursor->next);
	turns->count = turns->next = 0;
	for (uint32_t group = 0; group < worker->plan->groups; group++) {
		const struct source_record *record = run_record(worker->run, group * worker->plan->lanes);
		uint64_t sequence = kk_word_load(&record->sequence);
		/* Without an own word it stands for no item: never used, or one that is begun just now. */
		if (sequence < turns->seen && sequence >= turns->past && kk_word_load(&record->own) != 0)
			turns->list[turns->count++] = (struct turn){sequence, group};
	}
	qsort(turns->list, turns->count, sizeof(*turns->list), by_sequence);
}

/* Walks on in the list. True: everything older has left, as far as it was begun when the list was made. */
static bool walk(struct worker *worker, uint64_t sequence)
{
	struct turns *turns = &worker->turns;
	while (turns->next < turns->count && turns->list[turns->next].sequence < sequence) {
		const struct turn *turn = &turns->list[turns->next];
		if (!has_left(worker, turn->group, turn->sequence))
			return false;
		turns->next++;
	}
	return true;
}

bool turn_has_come(struct worker *worker, uint64_t sequence, uint32_t handle)
{
	struct turns *turns = &worker->turns;
	const uint32_t group = handle / worker->plan->lanes;
	if (sequence > turns->past) {
		/* Mostly it is the next one, and the last one has gone. */
		bool next = turns->group != UINT32_MAX && sequence == turns->past + 1 &&
		            has_left(worker, turns->group, turns->past);
		if (!next && !walk(worker, sequence))
			return false;
		if (!next && sequence >= turns->seen) {
			list_all(worker);
			if (!walk(worker, sequence))
				return false;
		}
		turns->past = sequence;
		turns->group = group;
	} else if (sequence == turns->past) {
		turns->group = group;
	}
	return true;
}
