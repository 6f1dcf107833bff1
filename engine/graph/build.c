/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/build.h"
#include "config/audit.h"
#include "config/quantity.h"
#include "graph/graph.h"
#include "graph/ordering.h"
#include "graph/when.h"
#include "run/run.h"
#include <kakehi/error.h>
#include <kakehi/shm.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_BYTES    2048
#define RING_SLOTS      1024
#define ITEM_TIMEOUT_MS 60000
#define MAX_TEXT_BYTES  (16U << 20)
#define AUTO_SPARE      16 /* part of the ceiling that auto workers leave above the smallest budget */
#define NOTES_BYTES     4096

#define ORDERING_BYTES      (UINT64_C(128) << 10)
#define ORDERING_ITEM_BYTES 16

/* A plan being made: its fixed part, and the texts that will lie behind it. */
struct build {
	const struct kk_config *config;
	struct kk_diagnostics *diagnostics;
	struct kk_graph graph;
	struct kk_plan plan;
	char *texts;
	size_t used, room;
	bool out_of_memory;
	/* The condition of config->stages[i]: where it lies in the plan, and how many words it has; 0: none. */
	uint32_t when[KK_PLAN_MAX_STAGES], when_words[KK_PLAN_MAX_STAGES];
	struct kk_when_code code;
};

const struct kk_budget_sizes kk_build_sizes = {
    .control = kk_run_control_bytes, .arena = kk_run_arena_bytes, .counters = kk_run_counters_bytes};

/* ---- texts */

/* Where in the plan the copy of these bytes will lie. */
static uint32_t add_bytes(struct build *build, const char *bytes, size_t count)
{
	if (count > MAX_TEXT_BYTES - build->used) {
		build->out_of_memory = true;
		return 0;
	}
	if (count > build->room - build->used) {
		size_t room = 2 * build->room + count;
		char *more = realloc(build->texts, room);
		if (!more) {
			build->out_of_memory = true;
			return 0;
		}
		build->texts = more;
		build->room = room;
	}
	size_t at = build->used;
	memcpy(build->texts + at, bytes, count);
	build->used += count;
	return (uint32_t)(sizeof(struct kk_plan) + at);
}

static uint32_t add_text(struct build *build, const char *text)
{
	return text && *text ? add_bytes(build, text, strlen(text) + 1) : 0;
}

/* ---- conditions */

static uint32_t add_code_text(void *arg, const char *text)
{
	/* Also an empty text has a place: 0 would be none. */
	return add_bytes(arg, text, strlen(text) + 1);
}

static bool field_known(void *arg, const char *field, const char **nearest)
{
	static const char *const always[] = {"key", "ext", "bytes"};
	const struct build *build = arg;
	struct kk_nearest near = {.word = field};

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		if (strcmp(field, always[i]) == 0)
			return true;
		kk_nearest_offer(&near, always[i]);
	}
	bool known = kk_audit_field(build->config, field, &near);
	*nearest = near.best;
	return known;
}

/* Also where the graph has mistakes: all are to be told at once. */
static void put_conditions(struct build *build)
{
	const struct kk_config *config = build->config;

	build->code.add_text = add_code_text;
	build->code.field_known = field_known;
	build->code.arg = build;
	for (size_t i = 0; i < config->stage_count && i < KK_PLAN_MAX_STAGES; i++) {
		const struct kk_config_stage *stage = &config->stages[i];
		if (!stage->when.text || kk_when_compile(stage, &build->code, build->diagnostics) != KK_OK)
			continue;
		build->when[i] =
		    add_bytes(build, (const char *)build->code.word, build->code.count * sizeof(build->code.word[0]));
		build->when_words[i] = build->code.count;
	}
}

/* ---- stages */

static uint64_t item_timeout(const struct build *build, const struct kk_config_stage *stage)
{
	if (stage->stage->submit && stage->timeout.place.line)
		kk_diagnostic_error(build->diagnostics, stage->timeout.place, NULL,
		                    "stage \"%.80s\" has many items in flight and keeps its own deadlines: see its "
		                    "options",
		                    stage->name.text);
	if (stage->timeout.place.line)
		return stage->timeout.value;
	if (!stage->stage->process)
		return 0;
	/* A stage that ends what takes too long by itself must come to it. */
	uint64_t takes_ms = stage->demand.takes_ms + ITEM_TIMEOUT_MS / 2;
	return takes_ms > ITEM_TIMEOUT_MS ? takes_ms : ITEM_TIMEOUT_MS;
}

/* What a worker that keeps the order may have to remember: all items on all their lanes, and all source items. */
static uint64_t ordering_heap(const struct build *build)
{
	uint64_t groups = build->config->groups.value ? build->config->groups.value : KK_BUDGET_MAX_GROUPS;

	return ORDERING_BYTES + groups * (build->graph.lanes + 1) * ORDERING_ITEM_BYTES;
}

static void put_stage(struct build *build, size_t index)
{
	const struct kk_config_stage *stage = build->graph.stage[index];
	const struct kk_demand *demand = &stage->demand;

	build->plan.stage[index] = (struct kk_plan_stage){
	    .name = add_text(build, stage->name.text),
	    .use = add_text(build, stage->stage->name),
	    .module = add_text(build, stage->module),
	    .kind = stage->stage->kind,
	    .workers = (uint32_t)stage->workers.value,
	    .in_flight = demand->in_flight,
	    .needs = demand->needs,
	    .asynchronous = stage->stage->submit != NULL,
	    .ring_slots = !index                    ? 0
	                  : stage->queue.place.line ? (uint32_t)stage->queue.value
	                                            : RING_SLOTS,
	    .options = stage->options_bytes ? add_bytes(build, stage->options, stage->options_bytes) : 0,
	    .options_bytes = (uint32_t)stage->options_bytes,
	    .largest = demand->largest,
	    .heap = stage->stage == &kk_ordering_stage ? ordering_heap(build)
	            : stage->heap.place.line           ? stage->heap.value
	                                               : demand->heap,
	    .item_timeout_ms = item_timeout(build, stage),
	    .permits = demand->permits,
	    .cached = demand->cached,
	    .key_rate = demand->key_rate,
	    .rate = demand->rate,
	    .ordering = stage->stage == &kk_ordering_stage,
	    .in_order = build->graph.in_order[index],
	};
	if (index > 0 && stage->stage != &kk_ordering_stage) {
		build->plan.stage[index].when = build->when[stage - build->config->stages];
		build->plan.stage[index].when_words = build->when_words[stage - build->config->stages];
		build->plan.stage[index].when_text = add_text(build, stage->when.text);
	}
}

static void put_stages(struct build *build)
{
	uint32_t role = 1;

	for (size_t i = 0; i < build->graph.stage_count; i++) {
		const struct kk_config_stage *stage = build->graph.stage[i];
		put_stage(build, i);
		role += (uint32_t)stage->workers.value;
		if (role > KK_PLAN_MAX_ROLES) {
			kk_diagnostic_error(build->diagnostics, stage->workers.place, NULL,
			                    "with stage \"%.80s\" there are more than %d workers", stage->name.text,
			                    KK_PLAN_MAX_ROLES - 1);
			break;
		}
	}
	build->plan.stage_count = (uint32_t)build->graph.stage_count;
}

/* ---- shared objects */

static void put_shared(struct build *build)
{
	static const enum kk_shared_kind kinds[] = {[KK_CONFIG_VALUE] = KK_SHARED_VALUE,
	                                            [KK_CONFIG_ARRAY] = KK_SHARED_ARRAY,
	                                            [KK_CONFIG_DICT] = KK_SHARED_DICT,
	                                            [KK_CONFIG_LIST] = KK_SHARED_LIST};
	const struct kk_config *config = build->config;

	if (config->shared_count > KK_PLAN_MAX_SHARED) {
		kk_diagnostic_error(build->diagnostics, config->shared[KK_PLAN_MAX_SHARED].name.place, NULL,
		                    "more than %d shared objects", KK_PLAN_MAX_SHARED);
		return;
	}
	for (size_t i = 0; i < config->shared_count; i++) {
		const struct kk_config_shared *shared = &config->shared[i];
		build->plan.shared[i] = (struct kk_plan_shared){
		    .name = add_text(build, shared->name.text),
		    .kind = kinds[shared->kind],
		    .is_float = shared->is_float,
		    .length = (uint32_t)shared->length.value,
		    .item_max = (uint32_t)shared->item_max.value,
		    .initial = shared->initial,
		};
	}
	build->plan.shared_count = (uint32_t)config->shared_count;
}

/* ---- memory */

static const char *mib_text(uint64_t bytes, char *to, size_t size)
{
	uint64_t mib = UINT64_C(1) << 20;

	return kk_quantity_size_text((bytes + mib - 1) / mib * mib, to, size);
}

static void report_too_little(struct build *build)
{
	char notes[NOTES_BYTES] = "what it takes at the least:\n", given[40], smallest[40];
	struct kk_hint hint = {.note = notes};
	size_t used = strlen(notes);

	kk_budget_notes(&build->plan, build->texts, &kk_build_sizes, notes + used, sizeof(notes) - used);
	kk_diagnostic_error(build->diagnostics, build->config->memory.place, &hint,
	                    "\"memory\": %s is too little for this pipeline; the smallest that works is %s",
	                    kk_quantity_size_text(build->plan.memory, given, sizeof(given)),
	                    mib_text(build->plan.smallest, smallest, sizeof(smallest)));
}

/* Divides the memory among the workers there are now; their roles are numbered from 1. */
static int divide_among(struct build *build, struct kk_budget *budget)
{
	uint32_t role = 1;

	for (uint32_t i = 0; i < build->plan.stage_count; i++) {
		build->plan.stage[i].first_role = role;
		role += build->plan.stage[i].workers;
	}
	build->plan.role_count = role;
	build->plan.groups = (uint32_t)build->config->groups.value;
	return kk_budget_divide(&build->plan, &kk_build_sizes, budget);
}

/* The stage with `workers: auto` that has the most workers, if any has more than one. */
static struct kk_plan_stage *largest_auto(struct build *build)
{
	struct kk_plan_stage *largest = NULL;

	for (uint32_t i = 0; i < build->plan.stage_count; i++) {
		struct kk_plan_stage *stage = &build->plan.stage[i];
		uint32_t most = largest ? largest->workers : 1;
		if (build->graph.stage[i]->workers_auto && stage->workers > most)
			largest = stage;
	}
	return largest;
}

static void warn_of_fewer(const struct build *build)
{
	for (uint32_t i = 0; i < build->plan.stage_count; i++) {
		const struct kk_config_stage *stage = build->graph.stage[i];
		uint32_t workers = build->plan.stage[i].workers;
		if (workers < stage->workers.value)
			kk_diagnostic_warning(
			    build->diagnostics, stage->workers.place,
			    "stage \"%.80s\" gets %u worker%s on %llu CPUs: more do not fit into \"memory\"",
			    stage->name.text, workers, workers == 1 ? "" : "s",
			    (unsigned long long)stage->workers.value);
	}
}

/* `workers: auto` means one for each CPU as far as the memory goes, and some of it is left for payloads. */
static int divide_with_auto(struct build *build, struct kk_budget *budget)
{
	const struct kk_plan *plan = &build->plan;

	for (uint32_t i = 0; i < plan->stage_count; i++) {
		if (build->graph.stage[i]->workers_auto)
			build->plan.stage[i].workers = 1;
	}
	int status = divide_among(build, budget);
	uint64_t smallest = plan->smallest;
	if (status != KK_OK)
		return status;
	for (uint32_t i = 0; i < plan->stage_count; i++)
		build->plan.stage[i].workers = (uint32_t)build->graph.stage[i]->workers.value;
	for (;;) {
		struct kk_plan_stage *most = largest_auto(build);
		status = divide_among(build, budget);
		if (!most || (status == KK_OK && plan->smallest <= plan->memory - plan->memory / AUTO_SPARE))
			break;
		most->workers--;
	}
	build->plan.smallest = smallest;
	return status;
}

static void divide_memory(struct build *build)
{
	struct kk_budget budget;
	char wanted[40], there[40], where[200];
	uint64_t available;

	if (divide_with_auto(build, &budget) != KK_OK) {
		report_too_little(build);
		return;
	}
	warn_of_fewer(build);
	/* the measure by which a run is refused */
	kk_shm_headroom(&available, where, sizeof(where));
	uint64_t asked = build->config->memory.place.line ? build->plan.memory : budget.total;
	if (asked > available)
		kk_diagnostic_error(build->diagnostics, build->config->memory.place, NULL,
		                    "\"memory\": this asks for %s, but only %s are left (%s)",
		                    mib_text(asked, wanted, sizeof(wanted)),
		                    kk_quantity_size_text(available >> 20 << 20, there, sizeof(there)), where);
}

/* ---- the whole */

static void put_numbers(struct build *build, const char *file)
{
	const struct kk_config *config = build->config;

	build->plan = (struct kk_plan){
	    .magic = KK_PLAN_MAGIC,
	    .version = KK_PLAN_VERSION,
	    .name = add_text(build, config->pipeline.text),
	    .config = add_text(build, file),
	    .memory = config->memory.value,
	    .seed = config->seed.value,
	    .edge_count = (uint32_t)build->graph.edge_count,
	    .groups = (uint32_t)config->groups.value,
	    .lanes = build->graph.lanes,
	    .record_bytes = RECORD_BYTES,
	    .attempts = (uint32_t)config->attempts.value,
	    .max_failures = config->max_failures.value,
	    .max_failures_share = config->max_failures_share,
	    .errors_file = add_text(build, config->errors_file.text),
	    .dead_letter = add_text(build, config->dead_letter.text),
	    .manifest_file = add_text(build, config->manifest_file.text),
	    .manifest_csv = config->manifest_csv,
	    .shard = config->selection.shard,
	    .shards = config->selection.shards,
	    .only = add_text(build, config->selection.only),
	    .duplicates = config->source.demand.unique     ? KK_DUPLICATES_NONE
	                  : config->source.keep_duplicates ? KK_DUPLICATES_KEEP
	                                                   : KK_DUPLICATES_SKIP,
	    .shutdown_timeout_ms = config->shutdown_timeout.value,
	    .limit = config->selection.limit,
	};
	memcpy(build->plan.edge, build->graph.edge, sizeof(build->plan.edge));
}

static struct kk_plan *join(struct build *build)
{
	size_t bytes = sizeof(build->plan) + build->used;
	struct kk_plan *plan = build->out_of_memory ? NULL : malloc(bytes);

	if (!plan) {
		kk_diagnostic_error(build->diagnostics, (struct kk_place){0}, NULL, "%s",
		                    kk_status_text(KK_ERR_MEMORY));
		return NULL;
	}
	build->plan.bytes = bytes;
	memcpy(plan, &build->plan, sizeof(*plan));
	memcpy(plan + 1, build->texts, build->used);
	if (kk_plan_check(plan, bytes) != 0) {
		kk_diagnostic_error(build->diagnostics, (struct kk_place){0}, NULL, "the plan made of it is not sound");
		free(plan);
		return NULL;
	}
	return plan;
}

struct kk_plan *kk_plan_build(const struct kk_config *config, const char *file, struct kk_diagnostics *diagnostics)
{
	struct build *build = calloc(1, sizeof(*build));
	struct kk_plan *plan = NULL;

	if (!build) {
		kk_diagnostic_error(diagnostics, (struct kk_place){0}, NULL, "%s", kk_status_text(KK_ERR_MEMORY));
		return NULL;
	}
	build->config = config;
	build->diagnostics = diagnostics;
	put_conditions(build);
	int status = kk_graph_make(config, &build->graph, diagnostics);
	if (status == KK_OK && !kk_diagnostics_count(diagnostics)) {
		put_numbers(build, file);
		put_stages(build);
		put_shared(build);
		if (!kk_diagnostics_count(diagnostics) && !build->out_of_memory)
			divide_memory(build);
		if (!kk_diagnostics_count(diagnostics))
			plan = join(build);
	}
	free(build->texts);
	free(build);
	return plan;
}
