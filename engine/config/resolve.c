/* SPDX-License-Identifier: Apache-2.0 */
#include "config/resolve.h"
#include "config/audit.h"
#include "config/conceal.h"
#include "config/module.h"
#include "config/option.h"
#include "graph/plan.h"
#include <stdlib.h>
#include <string.h>

#define MAX_HEAP      (UINT64_C(1) << 40)
#define MAX_IN_FLIGHT 65536
#define MAX_TAKES_MS  (UINT64_C(7) * 24 * 3600 * 1000)
#define ALL_NEEDS     ((uint32_t)(KK_NEED_NETWORK | KK_NEED_READ | KK_NEED_WRITE | KK_NEED_EXEC | KK_NEED_KEEP))

/* One stage being resolved: the pairs of its `with:`, and where each of them stands. */
struct resolving {
	struct kk_config_stage *stage;
	const struct kk_option *rows;
	struct kk_store *store;
	struct kk_diagnostics *diagnostics;
	struct kk_option_pair *pairs;
	const struct kk_node **nodes; /* the member of `with:` that each pair comes from */
	struct kk_place *places;      /* of its text                                     */
	size_t count;
	size_t mistakes;
};

static void fail_memory(struct resolving *resolving)
{
	kk_diagnostic_error(resolving->diagnostics, resolving->stage->place, NULL, "%s", kk_status_text(KK_ERR_MEMORY));
	resolving->mistakes++;
}

static struct kk_place with_place(const struct kk_config_stage *stage)
{
	return stage->with_place.line ? stage->with_place : stage->use.place;
}

static const char *stage_name(const struct kk_config_stage *stage)
{
	return stage->name.text ? stage->name.text : "?";
}

/* ---- the module */

/* The stage, or NULL after a mistake was reported. */
static const struct kk_stage *load_module(struct resolving *resolving)
{
	struct kk_config_stage *stage = resolving->stage;
	struct kk_error error = {0};
	char *path = NULL, nearest[100] = "";
	struct kk_hint hint = {0};

	int status = kk_module_find(stage->use.text, &path, nearest, sizeof(nearest), &error);
	if (status == KK_OK)
		status = kk_module_load(path, &stage->stage, &error);
	hint.nearest = *nearest ? nearest : NULL;
	if (status != KK_OK) {
		kk_diagnostic_error(resolving->diagnostics, stage->use.place, &hint, "%s", error.text);
	} else if (!strchr(stage->use.text, '/') && strcmp(stage->stage->name, stage->use.text) != 0) {
		kk_diagnostic_error(resolving->diagnostics, stage->use.place, NULL,
		                    "%s holds the stage \"%.80s\", not \"%.80s\"", path, stage->stage->name,
		                    stage->use.text);
		stage->stage = NULL;
	} else {
		stage->module = kk_store_text(resolving->store, path, strlen(path));
		if (!stage->module)
			fail_memory(resolving);
	}
	free(path);
	return stage->module ? stage->stage : NULL;
}

/* ---- with: */

static const struct kk_option *find_row(const struct kk_option *rows, const char *name)
{
	while (rows && rows->name && strcmp(rows->name, name) != 0)
		rows++;
	return rows && rows->name ? rows : NULL;
}

static void hide_texts(const struct resolving *resolving, const struct kk_node *member)
{
	bool list = kk_node_kind(member) == KK_NODE_SEQUENCE;

	for (const struct kk_node *one = list ? kk_node_first(member) : member; one;
	     one = list ? kk_node_next(one) : NULL) {
		if (!kk_node_text(one))
			continue;
		kk_diagnostics_hide_place(resolving->diagnostics, kk_node_place(one), kk_node_end(one));
		kk_diagnostics_hide_text(resolving->diagnostics, kk_node_text(one));
	}
}

/* No message may quote what an option that holds secrets is given; where the rows are not known, its name tells. */
static void hide_secrets(const struct resolving *resolving)
{
	const struct kk_node *with = resolving->stage->with;

	for (const struct kk_node *member = with ? kk_node_first(with) : NULL; member; member = kk_node_next(member)) {
		const struct kk_option *row = find_row(resolving->rows, kk_node_key(member));
		if (row ? !(row->flags & KK_OPTION_SECRET)
		        : !kk_conceal_suspect(kk_node_key(member), strlen(kk_node_key(member))))
			continue;
		for (const struct kk_node *one = member; one; one = kk_node_replaced(one))
			hide_texts(resolving, one);
	}
}

static void refuse(struct resolving *resolving, const struct kk_node *member, const char *why)
{
	const struct kk_option *row = find_row(resolving->rows, kk_node_key(member));
	struct kk_hint hint = {.secret = row && (row->flags & KK_OPTION_SECRET)};

	kk_diagnostic_error(resolving->diagnostics, kk_node_place(member), &hint, "stage \"%.80s\": option \"%.80s\"%s",
	                    stage_name(resolving->stage), kk_node_key(member), why);
	resolving->mistakes++;
}

static void add_pair(struct resolving *resolving, const struct kk_node *member, const struct kk_node *value)
{
	resolving->pairs[resolving->count] = (struct kk_option_pair){kk_node_key(member), kk_node_text(value)};
	resolving->nodes[resolving->count] = member;
	resolving->places[resolving->count++] = kk_node_place(value);
}

static void add_list(struct resolving *resolving, const struct kk_node *member, const struct kk_option *row)
{
	if (row && row->type != KK_OPTION_LIST) {
		refuse(resolving, member, " takes one value, not a list");
		return;
	}
	if (row && !kk_node_count(member) && row->def && *row->def)
		refuse(resolving, member, " needs at least one text");
	for (const struct kk_node *one = kk_node_first(member); one; one = kk_node_next(one)) {
		if (kk_node_text(one) && !kk_node_blank(one))
			add_pair(resolving, member, one);
		else if (kk_node_kind(one) != KK_NODE_BROKEN)
			refuse(resolving, member, " must be a list of plain texts");
		else
			resolving->mistakes++;
	}
}

static void add_member(struct resolving *resolving, const struct kk_node *member)
{
	const struct kk_option *row = find_row(resolving->rows, kk_node_key(member));

	if (kk_node_kind(member) == KK_NODE_SEQUENCE)
		add_list(resolving, member, row);
	else if (kk_node_kind(member) == KK_NODE_MAP)
		refuse(resolving, member, " takes a value, not a map");
	else if (kk_node_kind(member) == KK_NODE_BROKEN)
		resolving->mistakes++;
	else if (kk_node_blank(member) && row)
		refuse(resolving, member, " has no value");
	else
		add_pair(resolving, member, member);
}

static bool collect_pairs(struct resolving *resolving)
{
	const struct kk_node *with = resolving->stage->with;
	size_t room = 1;

	for (const struct kk_node *member = with ? kk_node_first(with) : NULL; member; member = kk_node_next(member))
		room += 1 + kk_node_count(member);
	resolving->pairs = kk_store_alloc(resolving->store, room * sizeof(*resolving->pairs));
	resolving->nodes = kk_store_alloc(resolving->store, room * sizeof(const struct kk_node *));
	resolving->places = kk_store_alloc(resolving->store, room * sizeof(*resolving->places));
	if (!resolving->pairs || !resolving->nodes || !resolving->places)
		return false;
	for (const struct kk_node *member = with ? kk_node_first(with) : NULL; member; member = kk_node_next(member))
		add_member(resolving, member);
	return true;
}

static void report_option(void *user, const struct kk_option_mistake *mistake)
{
	struct resolving *resolving = user;
	const struct kk_config_stage *stage = resolving->stage;
	struct kk_hint hint = {.nearest = mistake->nearest, .secret = mistake->secret};
	struct kk_place place = with_place(stage);

	/* one that is there, but had to be refused before, is not missing; nor if all of them were */
	if (mistake->pair < 0 &&
	    (kk_node_find(stage->with, mistake->option) || (stage->with_place.line && !stage->with)))
		return;
	if (mistake->pair >= 0)
		place = mistake->part == KK_OPTION_PART_NAME ? kk_node_key_place(resolving->nodes[mistake->pair])
		                                             : resolving->places[mistake->pair];
	kk_diagnostic_error(resolving->diagnostics, place, &hint, "stage \"%.80s\": %s", stage_name(stage),
	                    mistake->sentence);
}

/* The pairs as the plan carries them: name\0text\0 ... */
static bool pack_options(struct resolving *resolving)
{
	struct kk_config_stage *stage = resolving->stage;
	size_t bytes = 0;

	for (size_t i = 0; i < resolving->count; i++)
		bytes += strlen(resolving->pairs[i].name) + strlen(resolving->pairs[i].text) + 2;
	char *at = kk_store_alloc(resolving->store, bytes);
	if (!at) {
		fail_memory(resolving);
		return false;
	}
	stage->options = at;
	stage->options_bytes = bytes;
	for (size_t i = 0; i < resolving->count; i++) {
		at = stpcpy(at, resolving->pairs[i].name) + 1;
		at = stpcpy(at, resolving->pairs[i].text) + 1;
	}
	return true;
}

/* ---- what it will need */

static const char *wrong_demand(const struct kk_demand *demand)
{
	if (demand->struct_size != sizeof(*demand))
		return "changed the size of struct kk_demand";
	if (demand->largest > KK_PLAN_MAX_LARGEST)
		return "makes payloads of 4 GiB or more";
	if (demand->heap > MAX_HEAP)
		return "asks for more than 1 TiB of memory";
	if (!demand->in_flight || demand->in_flight > MAX_IN_FLIGHT)
		return "holds no item or more than 65536";
	if (demand->needs & ~ALL_NEEDS)
		return "needs something this program does not know";
	if (demand->takes_ms > MAX_TAKES_MS)
		return "takes more than a week for an item";
	if (demand->cached > KK_PLAN_MAX_CACHED)
		return "wants to remember more than 1048576 things";
	if (!kk_plan_rate_ok(demand->key_rate) || !kk_plan_rate_ok(demand->rate))
		return "asks for a rate of more than 1e9 or less than 1e-6 a second";
	return NULL;
}

static void ask_demand(struct resolving *resolving, const void *options)
{
	struct kk_config_stage *config = resolving->stage;
	const struct kk_stage *stage = config->stage;
	char why[400] = "";

	if (stage->plan && stage->plan(options, &config->demand, why, sizeof(why)) != 0) {
		why[sizeof(why) - 1] = '\0';
		kk_diagnostic_error(resolving->diagnostics, with_place(config), NULL, "stage \"%.80s\": %s",
		                    stage_name(config), *why ? why : "it refuses these options without saying why");
	} else if (wrong_demand(&config->demand)) {
		kk_diagnostic_error(resolving->diagnostics, config->use.place, NULL, "the module of stage \"%.80s\" %s",
		                    stage->name, wrong_demand(&config->demand));
	}
	if (!stage->submit)
		config->demand.in_flight = 1;
}

static void resolve_stage(struct kk_config_stage *stage, struct kk_store *store, struct kk_diagnostics *diagnostics)
{
	struct resolving resolving = {.stage = stage, .store = store, .diagnostics = diagnostics};

	stage->demand =
	    (struct kk_demand){.struct_size = sizeof(stage->demand), .heap = KK_RESOLVE_HEAP_BYTES, .in_flight = 1};
	const struct kk_stage *found = stage->use.text ? load_module(&resolving) : NULL;
	resolving.rows = found ? found->options : NULL;
	hide_secrets(&resolving);
	if (!found)
		return;
	void *options = kk_store_alloc(store, found->options_size);
	int mistakes = KK_ERR_MEMORY;
	if (options && collect_pairs(&resolving))
		mistakes = kk_options_fill(found->options, options, found->options_size, resolving.pairs,
		                           resolving.count, store, report_option, &resolving);
	if (mistakes < 0)
		fail_memory(&resolving);
	if (mistakes == 0 && !resolving.mistakes && kk_audit_files(stage, diagnostics) == 0 && pack_options(&resolving))
		ask_demand(&resolving, options);
}

void kk_resolve_stages(struct kk_config *config, struct kk_store *store, struct kk_diagnostics *diagnostics,
                       kk_resolve_begin begin, void *user)
{
	for (size_t i = 0; i <= config->stage_count; i++) {
		struct kk_config_stage *stage = i ? &config->stages[i - 1] : &config->source;
		if (begin)
			begin(user, stage_name(stage));
		resolve_stage(stage, store, diagnostics);
	}
}
