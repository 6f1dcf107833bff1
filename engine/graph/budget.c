/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/budget.h"
#include <kakehi/error.h>
#include <stdio.h>

#define PAGE             UINT64_C(4096)
#define KIB              UINT64_C(1024)
#define MIN_REGION_BYTES (64 * KIB)
#define BIG_HEADROOM     4096                /* the allocator's own words beside the payload, and alignment           */
#define WEIGHT_BYTES     (256 * KIB)         /* payloads above this mostly go through the big extent                  */
#define MAX_SHARE        (UINT64_C(1) << 38) /* times the largest weight, 2^25, it does not overflow          */
#define MIN_BLOCKS       16
#define MIN_GROUPS       256
#define ENOUGH_GROUPS    512
#define RECORDS_SHARE    16 /* of the ceiling, at most, for the source's records                            */

static uint64_t round_up(uint64_t bytes)
{
	return (bytes + PAGE - 1) / PAGE * PAGE;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint32_t power_of_two_from(uint64_t value)
{
	uint32_t power = 2;

	while (power < value)
		power *= 2;
	return power;
}

/* ---- items under way */

static uint32_t fewest_groups(const struct kk_plan *plan)
{
	uint64_t workers = 0;

	for (uint32_t i = 0; i < plan->stage_count; i++)
		workers += plan->stage[i].workers;
	return power_of_two_from(2 * workers);
}

/* Enough to keep every worker's hands and half of the queues full, but no more: what is under way when somebody presses
 * ^C has to be finished. */
static uint32_t wanted_groups(const struct kk_plan *plan, uint32_t fewest)
{
	uint64_t slots = 0, hands = 0;

	for (uint32_t i = 0; i < plan->stage_count; i++) {
		slots += plan->stage[i].ring_slots;
		hands += (uint64_t)plan->stage[i].workers * plan->stage[i].in_flight;
	}
	uint64_t wanted = slots < MIN_GROUPS ? MIN_GROUPS : least(slots, ENOUGH_GROUPS);
	uint32_t groups = power_of_two_from(wanted < 2 * hands ? least(2 * hands, KK_BUDGET_MAX_GROUPS) : wanted);
	while (groups > fewest && (uint64_t)groups * plan->record_bytes * plan->lanes > plan->memory / RECORDS_SHARE)
		groups /= 2;
	return groups < fewest ? fewest : groups;
}

/* ---- regions */

static uint64_t smallest_region(const struct kk_plan_stage *stage)
{
	return round_up(least(stage->largest, MIN_REGION_BYTES));
}

/* More than all the payloads that can be under way is of no use to anybody. */
static uint64_t largest_region(const struct kk_plan *plan, const struct kk_plan_stage *stage)
{
	uint64_t useful = ((uint64_t)plan->groups + stage->in_flight) * (stage->largest + KIB);

	return round_up(least(least(useful, plan->memory), KK_PLAN_MAX_REGION_BYTES));
}

/* What a worker holds at once, and a few that wait for the next stage; in KiB, so that products stay small. */
static uint64_t weight_kib(const struct kk_plan_stage *stage)
{
	return ((uint64_t)stage->in_flight + 8) * ((least(stage->largest, WEIGHT_BYTES) + KIB - 1) / KIB);
}

static void set_region(const struct kk_plan *plan, struct kk_plan_stage *stage, uint64_t share)
{
	uint64_t low = smallest_region(stage), high = largest_region(plan, stage);
	uint64_t region = least(low + weight_kib(stage) * share, high) / PAGE * PAGE;

	stage->region_bytes = region < low ? low : region;
	uint64_t blocks = least((uint64_t)plan->groups + stage->in_flight + 16, stage->region_bytes / 64);
	blocks = least(blocks, KK_PLAN_MAX_BLOCKS / stage->workers);
	stage->blocks = (uint32_t)(blocks < MIN_BLOCKS ? MIN_BLOCKS : blocks);
	stage->big_bytes = round_up(stage->largest + BIG_HEADROOM);
}

/* Sets all sizes with `share` bytes per KiB of weight above the smallest regions; returns the ceiling they need. */
static uint64_t set_sizes(struct kk_plan *plan, uint64_t share, const struct kk_budget_sizes *sizes)
{
	struct kk_budget budget;

	for (uint32_t i = 0; i < plan->stage_count; i++) {
		struct kk_plan_stage *stage = &plan->stage[i];
		if (stage->largest) {
			set_region(plan, stage, share);
		} else {
			stage->region_bytes = stage->big_bytes = 0;
			stage->blocks = 0;
		}
	}
	kk_budget_count(plan, sizes, &budget);
	return budget.total;
}

void kk_budget_count(const struct kk_plan *plan, const struct kk_budget_sizes *sizes, struct kk_budget *budget)
{
	*budget = (struct kk_budget){
	    .control = sizes->control(plan), .counters = sizes->counters(plan), .heaps = KK_BUDGET_RECORDER_BYTES};
	for (uint32_t i = 0; i < plan->stage_count; i++) {
		budget->arenas += sizes->arena(plan, i);
		budget->heaps += plan->stage[i].heap * plan->stage[i].workers;
	}
	budget->total = budget->control + budget->counters + budget->arenas + budget->heaps;
}

int kk_budget_divide(struct kk_plan *plan, const struct kk_budget_sizes *sizes, struct kk_budget *budget)
{
	uint32_t fewest = plan->groups ? plan->groups : fewest_groups(plan);
	uint32_t groups = plan->groups ? plan->groups : wanted_groups(plan, fewest);
	uint64_t low = 0, high = least(plan->memory, MAX_SHARE);

	plan->groups = fewest;
	plan->smallest = set_sizes(plan, 0, sizes);
	if (plan->smallest > plan->memory) {
		kk_budget_count(plan, sizes, budget);
		return KK_ERR_NO_ROOM;
	}
	plan->groups = groups;
	while (plan->groups > fewest && set_sizes(plan, 0, sizes) > plan->memory)
		plan->groups /= 2;
	/* the largest share that fits: the ceiling never falls when the share grows */
	while (low < high) {
		uint64_t middle = low + (high - low + 1) / 2;
		if (set_sizes(plan, middle, sizes) <= plan->memory)
			low = middle;
		else
			high = middle - 1;
	}
	set_sizes(plan, low, sizes);
	kk_budget_count(plan, sizes, budget);
	return KK_OK;
}

/* ---- for people */

static size_t add_note(char *to, size_t size, size_t used, uint64_t bytes, const char *what, const char *name)
{
	if (used >= size)
		return used;
	int length = snprintf(to + used, size - used, "%s%10.1f MiB  %s%.64s", used ? "\n" : "",
	                      (double)bytes / (1024 * 1024), what, name);
	return length > 0 ? used + (size_t)length : used;
}

void kk_budget_notes(const struct kk_plan *plan, const char *texts, const struct kk_budget_sizes *sizes, char *to,
                     size_t size)
{
	struct kk_budget budget;
	size_t used = 0;

	to[0] = '\0';
	kk_budget_count(plan, sizes, &budget);
	for (uint32_t i = 0; i < plan->stage_count; i++) {
		const struct kk_plan_stage *stage = &plan->stage[i];
		const char *name = texts + (stage->name - sizeof(*plan));
		if (stage->heap)
			used = add_note(to, size, used, stage->heap * stage->workers, "heaps of the workers of ", name);
		if (sizes->arena(plan, i))
			used = add_note(to, size, used, sizes->arena(plan, i),
			                stage->largest ? "largest payload and smallest room of "
			                : i == 0       ? "records of "
			                               : "limits and memory of ",
			                name);
	}
	used = add_note(to, size, used, budget.control + budget.counters, "rings, item headers, shared objects", "");
	add_note(to, size, used, KK_BUDGET_RECORDER_BYTES, "the recorder's heap", "");
}
