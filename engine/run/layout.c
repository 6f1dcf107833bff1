/* SPDX-License-Identifier: Apache-2.0 */
#include "run/layout.h"
#include "run/commons.h"
#include "run/shared.h"

enum { LINE = 64, PAGE = 4096 };

static uint64_t aligned(uint64_t bytes, uint64_t to)
{
	return (bytes + to - 1) / to * to;
}

/* Appends `bytes` to the segment that ends at *end; returns where they lie. */
static uint64_t append(uint64_t *end, uint64_t bytes)
{
	uint64_t at = aligned(*end, LINE);
	*end = at + bytes;
	return at;
}

static uint32_t power_of_two(uint32_t least)
{
	uint32_t n = 1;
	while (n < least)
		n *= 2;
	return n;
}

void kk_run_shape(const struct kk_plan_stage *stage, struct kk_arena_shape *shape)
{
	*shape = (struct kk_arena_shape){
	    .regions = stage->workers,
	    .blocks = stage->blocks,
	    .region_bytes = stage->region_bytes,
	    .big_bytes = stage->big_bytes,
	};
}

static bool has_arena(const struct kk_plan_stage *stage)
{
	return stage->region_bytes || stage->big_bytes;
}

static void lay_rings(const struct kk_plan *plan, struct run_layout *l, uint64_t *end)
{
	/* These can never be full: a source item has one handle on its way at most. */
	for (unsigned r = KK_RING_UNUSED; r <= KK_RING_RECORDER; r++)
		l->ring_slots[r] = power_of_two(plan->groups);
	/* A lane whose payload is held for the dead letters comes by itself. */
	if (plan->dead_letter)
		l->ring_slots[KK_RING_RECORDER] = power_of_two(plan->groups * plan->lanes);
	for (unsigned s = 1; s < plan->stage_count; s++)
		l->ring_slots[KK_RING_STAGE + s] = plan->stage[s].ring_slots;
	for (unsigned r = 0; r < KK_RING_STAGE + plan->stage_count; r++)
		if (l->ring_slots[r])
			l->ring[r] = append(end, kk_ring_size(l->ring_slots[r]));
}

/* Behind its payloads a stage keeps what its own workers alone may write. */
static void lay_arena(const struct kk_plan *plan, struct run_layout *l, unsigned s)
{
	const struct kk_plan_stage *stage = &plan->stage[s];
	struct kk_arena_shape shape;
	kk_run_shape(stage, &shape);
	uint64_t end = (s == 0 ? l->source_data : 0) + kk_arena_data_size(&shape);
	/* Offset 0 means that there is none. */
	if (end == 0 && (run_has_gate(stage) || stage->cached))
		end = LINE;
	if (run_has_gate(stage))
		l->gate[s] = append(&end, run_gate_size(stage));
	if (stage->cached)
		l->cache[s] = append(&end, run_cache_size(stage));
	l->arena_bytes[s] = aligned(end, PAGE);
}

void kk_run_layout(const struct kk_plan *plan, struct run_layout *layout)
{
	struct run_layout *l = layout;
	*l = (struct run_layout){.heads = plan->groups * plan->lanes};
	uint64_t end = sizeof(struct run_header);
	l->roles = append(&end, (plan->role_count + 1) * sizeof(struct role_entry));
	l->table_bytes = kk_table_size(l->heads, sizeof(struct item_head));
	l->table = append(&end, l->table_bytes);
	l->groups = append(&end, plan->lanes > 1 ? plan->groups * sizeof(uint64_t) : 0);
	if (plan->manifest_file)
		l->note_stride = aligned(sizeof(struct item_note) + plan->stage_count * sizeof(struct note_time), LINE);
	l->notes = append(&end, l->heads * l->note_stride);
	lay_rings(plan, l, &end);
	for (unsigned s = 0; s < plan->stage_count; s++) {
		struct kk_arena_shape shape;
		kk_run_shape(&plan->stage[s], &shape);
		if (has_arena(&plan->stage[s]))
			l->log[s] = append(&end, kk_arena_log_size(&shape));
	}
	for (unsigned i = 0; i < plan->shared_count; i++)
		l->shared[i] = append(&end, run_shared_size(&plan->shared[i], plan->role_count));
	l->control_bytes = aligned(end, PAGE);
	l->record_stride = aligned(plan->record_bytes, LINE);
	l->cursor = aligned(plan->groups * l->record_stride, LINE);
	l->source_data = aligned(l->cursor + sizeof(struct source_cursor), PAGE);
	for (unsigned s = 0; s < plan->stage_count; s++)
		lay_arena(plan, l, s);
}

uint64_t kk_run_control_bytes(const struct kk_plan *plan)
{
	struct run_layout layout;
	kk_run_layout(plan, &layout);
	return layout.control_bytes;
}

uint64_t kk_run_arena_bytes(const struct kk_plan *plan, unsigned stage)
{
	struct run_layout layout;
	kk_run_layout(plan, &layout);
	return layout.arena_bytes[stage];
}

uint64_t kk_run_counters_bytes(const struct kk_plan *plan)
{
	_Static_assert(sizeof(struct role_page) <= PAGE, "counters and spans fit in a page");
	return (plan->role_count + 1ULL) * PAGE; /* one page a role, one for the recorder's journal */
}
