/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/plan.h"
#include "graph/condition.h"
#include <kakehi/stage.h>
#include <stdbool.h>
#include <string.h>

#define MAX_BYTES        (UINT64_C(64) << 20)
#define MAX_RING_SLOTS   65536
#define MAX_HEADERS      (UINT64_C(1) << 22)
#define MIN_RECORD_BYTES 64
#define MAX_RECORD_BYTES (UINT32_C(1) << 20)
#define MAX_HEAP         (UINT64_C(1) << 48) /* no sum over all workers overflows below this */

const char *kk_plan_text(const struct kk_plan *plan, uint32_t offset)
{
	if (offset < sizeof(*plan) || offset >= plan->bytes)
		return "";
	return (const char *)plan + offset;
}

unsigned kk_plan_stage_of(const struct kk_plan *plan, unsigned role)
{
	unsigned s = 0;

	/* below first_role the difference wraps */
	while (s < plan->stage_count && role - plan->stage[s].first_role >= plan->stage[s].workers)
		s++;
	return s;
}

static bool power_of_two(uint64_t value)
{
	return value && !(value & (value - 1));
}

/* The plan's last byte is 0, so any text that begins in it also ends in it. */
static bool text_ok(const struct kk_plan *plan, uint32_t offset)
{
	return !offset || (offset >= sizeof(*plan) && offset < plan->bytes);
}

static bool options_ok(const struct kk_plan *plan, const struct kk_plan_stage *stage)
{
	if (!text_ok(plan, stage->options))
		return false;
	if (!stage->options_bytes)
		return true;
	return stage->options && stage->options_bytes <= plan->bytes - stage->options &&
	       ((const char *)plan)[stage->options + stage->options_bytes - 1] == '\0';
}

static bool stage_ok(const struct kk_plan *plan, const struct kk_plan_stage *stage, bool source)
{
	if (!text_ok(plan, stage->when_text) || !text_ok(plan, stage->name) || !text_ok(plan, stage->use) ||
	    !text_ok(plan, stage->module) || !options_ok(plan, stage))
		return false;
	if (source != (stage->kind == KK_SOURCE) || stage->kind < KK_SOURCE || stage->kind > KK_SINK)
		return false;
	if (source ? stage->ring_slots != 0 : !power_of_two(stage->ring_slots) || stage->ring_slots > MAX_RING_SLOTS)
		return false;
	if (stage->when_words ? source || !kk_condition_check(plan, stage->when, stage->when_words) : stage->when != 0)
		return false;
	if (stage->ordering > 1 || stage->in_order > 1 ||
	    (stage->ordering && (source || stage->workers != 1 || stage->asynchronous || stage->largest)))
		return false;
	if (!stage->workers || !stage->in_flight || stage->asynchronous > 1)
		return false;
	if (stage->region_bytes % 64 || stage->region_bytes > KK_PLAN_MAX_REGION_BYTES || stage->big_bytes % 64 ||
	    stage->big_bytes > UINT32_MAX || stage->heap > MAX_HEAP || stage->largest > KK_PLAN_MAX_LARGEST ||
	    (uint64_t)stage->blocks * stage->workers > KK_PLAN_MAX_BLOCKS)
		return false;
	if (stage->cached > KK_PLAN_MAX_CACHED || !kk_plan_rate_ok(stage->key_rate) || !kk_plan_rate_ok(stage->rate))
		return false;
	return !stage->largest || (stage->region_bytes && stage->blocks && stage->big_bytes >= stage->largest);
}

static bool stages_ok(const struct kk_plan *plan)
{
	uint64_t role = 1;

	for (uint32_t i = 0; i < plan->stage_count; i++) {
		const struct kk_plan_stage *stage = &plan->stage[i];
		if (!stage_ok(plan, stage, i == 0) || stage->first_role != role)
			return false;
		role += stage->workers;
	}
	return role == plan->role_count;
}

/* Sorted by stage and lane, each leads to a later stage, and the first of a (stage, lane) keeps the lane. */
static bool edges_ok(const struct kk_plan *plan)
{
	for (uint32_t i = 0; i < plan->edge_count; i++) {
		const struct kk_plan_edge *edge = &plan->edge[i], *before = i ? edge - 1 : NULL;
		if (edge->stage >= edge->to || edge->to >= plan->stage_count || edge->lane >= plan->lanes ||
		    edge->to_lane >= plan->lanes)
			return false;
		if (before &&
		    (before->stage > edge->stage || (before->stage == edge->stage && before->lane > edge->lane)))
			return false;
		bool first = !before || before->stage != edge->stage || before->lane != edge->lane;
		if (first && edge->to_lane != edge->lane)
			return false;
	}
	return true;
}

static bool shared_ok(const struct kk_plan *plan)
{
	for (uint32_t i = 0; i < plan->shared_count; i++) {
		const struct kk_plan_shared *shared = &plan->shared[i];
		if (!text_ok(plan, shared->name) || shared->kind < KK_SHARED_VALUE || shared->kind > KK_SHARED_LIST ||
		    !shared->length || shared->length > UINT32_C(1) << 20 || shared->item_max > UINT32_C(1) << 16)
			return false;
	}
	return true;
}

static bool numbers_ok(const struct kk_plan *plan)
{
	return plan->stage_count >= 2 && plan->stage_count <= KK_PLAN_MAX_STAGES &&
	       plan->edge_count <= KK_PLAN_MAX_EDGES && plan->shared_count <= KK_PLAN_MAX_SHARED &&
	       plan->role_count <= KK_PLAN_MAX_ROLES && plan->lanes >= 1 && plan->lanes <= KK_PLAN_MAX_LANES &&
	       power_of_two(plan->groups) && plan->groups >= 2 && (uint64_t)plan->groups * plan->lanes <= MAX_HEADERS &&
	       plan->manifest_csv <= 1 && plan->duplicates <= KK_DUPLICATES_NONE && plan->shard <= plan->shards &&
	       !plan->shard == !plan->shards && plan->record_bytes >= MIN_RECORD_BYTES &&
	       plan->record_bytes <= MAX_RECORD_BYTES && plan->attempts >= 1;
}

int kk_plan_check(const struct kk_plan *plan, uint64_t bytes)
{
	if (bytes <= sizeof(*plan) || bytes > MAX_BYTES || plan->magic != KK_PLAN_MAGIC ||
	    plan->version != KK_PLAN_VERSION || plan->bytes != bytes || ((const char *)plan)[bytes - 1] != '\0')
		return -1;
	const uint32_t texts[] = {plan->name,        plan->config,        plan->errors_file,
	                          plan->dead_letter, plan->manifest_file, plan->only};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (!text_ok(plan, texts[i]))
			return -1;
	}
	return numbers_ok(plan) && stages_ok(plan) && edges_ok(plan) && shared_ok(plan) ? 0 : -1;
}
