/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "config/field.h"
#include "config/nearest.h"
#include "config/option.h"
#include "config/quantity.h"
#include <ctype.h>
#include <kakehi/cpus.h>
#include <string.h>

#define MAX_STAGES 200 /* of a config; the plan has its own, lower limit */
#define MAX_FROM   64
#define MAX_NAME   64

/* Of a dict or list that does not say. */
#define LENGTH_OF_TEXTS 1024
#define BYTES_OF_TEXTS  256

struct reader {
	struct kk_store *store;
	struct kk_diagnostics *diagnostics;
};

/* Reads the value of one field into the struct that begins at `to`. */
typedef void (*read_field)(struct reader *reader, const struct kk_field *field, const struct kk_node *node, void *to);
static const read_field readers[];

static void fail_memory(struct reader *reader, struct kk_place place)
{
	kk_diagnostic_error(reader->diagnostics, place, NULL, "%s", kk_status_text(KK_ERR_MEMORY));
}

/* ---- what a node must be */

static const char *scalar_text(struct reader *reader, const char *name, const struct kk_node *node)
{
	const char *text = kk_node_text(node);

	if (text && !kk_node_blank(node))
		return text;
	if (text)
		kk_diagnostic_error(reader->diagnostics, kk_node_place(node), NULL, "\"%.80s\" has no value", name);
	else if (kk_node_kind(node) != KK_NODE_BROKEN)
		kk_diagnostic_error(reader->diagnostics, kk_node_place(node), NULL,
		                    "\"%.80s\" must be a value, not a %s", name,
		                    kk_node_kind(node) == KK_NODE_MAP ? "map" : "list");
	return NULL;
}

static bool is_map(struct reader *reader, const char *name, const struct kk_node *node)
{
	if (kk_node_kind(node) == KK_NODE_MAP || kk_node_blank(node))
		return true;
	if (kk_node_kind(node) != KK_NODE_BROKEN)
		kk_diagnostic_error(reader->diagnostics, kk_node_place(node), NULL,
		                    "%s must be a map of fields, not a %s", name,
		                    kk_node_kind(node) == KK_NODE_SCALAR ? "value" : "list");
	return false;
}

static void put_defaults(struct reader *reader, const struct kk_field_group *group, void *to);

/* Reads every member of a map by its row; `node` is a map or blank. `where` is how messages call it. */
static void read_group(struct reader *reader, const struct kk_field_group *group, const char *where,
                       const struct kk_node *node, void *to)
{
	const char *gap = *where ? " in " : "";

	put_defaults(reader, group, to);
	for (const struct kk_node *member = kk_node_first(node); member; member = kk_node_next(member)) {
		struct kk_hint hint = {0};
		const struct kk_field *field = kk_field_find(group, kk_node_key(member), &hint.nearest);
		if (field)
			readers[field->form](reader, field, member, to);
		else
			kk_diagnostic_error(reader->diagnostics, kk_node_key_place(member), &hint,
			                    "unknown field \"%.80s\"%s%s", kk_node_key(member), gap, where);
	}
	for (const struct kk_field *field = group->fields; field->name; field++) {
		if (field->required && !kk_node_find(node, field->name))
			kk_diagnostic_error(reader->diagnostics, kk_node_place(node), NULL, "\"%s\" is missing%s%s",
			                    field->name, gap, where);
	}
}

/* ---- fields of one value */

static void report_value(struct reader *reader, const char *name, const struct kk_node *node,
                         const struct kk_error *error)
{
	kk_diagnostic_error(reader->diagnostics, kk_node_place(node), NULL, "\"%s\": %s", name, error->text);
}

static void read_text(struct reader *reader, const struct kk_field *field, const struct kk_node *node, void *to)
{
	const char *text = scalar_text(reader, field->name, node);

	if (text && !*text)
		kk_diagnostic_error(reader->diagnostics, kk_node_place(node), NULL, "\"%s\" is empty", field->name);
	else
		*(struct kk_config_text *)((char *)to + field->at) = (struct kk_config_text){text, kk_node_place(node)};
}

/* A name that other places can refer to, and that may become part of a line of a log or of a process's title. */
static bool check_name(struct reader *reader, const char *name, struct kk_place place)
{
	size_t length = strlen(name);
	bool good = length && length <= MAX_NAME && name[0] != '-' && name[0] != '.';

	for (size_t i = 0; i < length; i++)
		good = good && (isalnum((unsigned char)name[i]) || strchr("_-.", name[i]));
	if (!good)
		kk_diagnostic_error(reader->diagnostics, place, NULL,
		                    "\"%.80s\" is not a name: letters, digits, '_', '-' and '.', at most %d", name,
		                    MAX_NAME);
	return good;
}

static void read_name(struct reader *reader, const struct kk_field *field, const struct kk_node *node, void *to)
{
	const char *text = scalar_text(reader, field->name, node);

	if (text && check_name(reader, text, kk_node_place(node)))
		*(struct kk_config_text *)((char *)to + field->at) = (struct kk_config_text){text, kk_node_place(node)};
}

static int parse_bool(const char *text, uint64_t *to, struct kk_error *error)
{
	bool value = false;
	int status = kk_quantity_bool(text, &value, error);

	*to = value;
	return status;
}

static int parse_number(const struct kk_field *field, const char *text, uint64_t *to, struct kk_error *error)
{
	switch (field->form) {
	case KK_FIELD_SIZE:
		return kk_quantity_size(text, to, error);
	case KK_FIELD_DURATION:
		return kk_quantity_duration(text, to, error);
	case KK_FIELD_BOOL:
		return parse_bool(text, to, error);
	default:
		return kk_quantity_unsigned(text, to, error);
	}
}

static int check_number(const struct kk_field *field, const char *text, uint64_t value, struct kk_error *error)
{
	char range[100];

	if (field->max && (value < field->min || value > field->max))
		return kk_error_set(error, KK_ERR_INVALID, "%.80s is out of range: %s", text,
		                    kk_field_range(field, range, sizeof(range)));
	if (field->form == KK_FIELD_POWER && (value & (value - 1))) {
		unsigned long long next = 1ULL << (64 - __builtin_clzll(value));
		return kk_error_set(error, KK_ERR_INVALID, "%.80s is not a power of two; the nearest are %llu and %llu",
		                    text, next / 2, next);
	}
	return KK_OK;
}

static void put_number(struct reader *reader, const struct kk_field *field, const struct kk_node *node,
                       struct kk_config_number *to)
{
	struct kk_error error = {0};
	uint64_t value = 0;
	const char *text = scalar_text(reader, field->name, node);

	if (!text)
		return;
	int status = parse_number(field, text, &value, &error);
	if (status == KK_OK)
		status = check_number(field, text, value, &error);
	if (status == KK_OK)
		*to = (struct kk_config_number){value, kk_node_place(node)};
	else
		report_value(reader, field->name, node, &error);
}

static void read_number(struct reader *reader, const struct kk_field *field, const struct kk_node *node, void *to)
{
	put_number(reader, field, node, (struct kk_config_number *)((char *)to + field->at));
}

static void read_float(struct reader *reader, const struct kk_field *field, const struct kk_node *node, void *to)
{
	const char *text = scalar_text(reader, field->name, node);
	struct kk_error error = {0};

	if (text && kk_quantity_float(text, (double *)((char *)to + field->at), &error) != KK_OK)
		report_value(reader, field->name, node, &error);
}

static void read_word(struct reader *reader, const struct kk_field *field, const struct kk_node *node, void *to)
{
	const char *text = scalar_text(reader, field->name, node), *const *words = field->words;
	int index = 0;

	while (text && words[index] && strcmp(words[index], text) != 0)
		index++;
	if (!text) {
		return;
	} else if (words[index]) {
		*(int *)((char *)to + field->at) = index;
	} else {
		struct kk_hint hint = {.nearest = kk_nearest_of(text, words)};
		char choices[200];
		kk_diagnostic_error(reader->diagnostics, kk_node_place(node), &hint,
		                    "\"%s\": \"%.80s\" is not one of the choices: %s", field->name, text,
		                    kk_option_words(words, choices, sizeof(choices)));
	}
}

/* ---- fields that fill more than one thing */

static void read_workers(struct reader *reader, const struct kk_field *field, const struct kk_node *node, void *to)
{
	const char *text = kk_node_text(node);
	struct kk_config_stage *stage = to;
	uint64_t cpus = kk_cpus();

	stage->workers_auto = text && strcmp(text, "auto") == 0;
	if (stage->workers_auto)
		stage->workers = (struct kk_config_number){cpus > field->max ? field->max : cpus, kk_node_place(node)};
	else
		put_number(reader, field, node, &stage->workers);
}

/* `N` failed items or, with a percent sign, their share of all. */
static void read_failures(struct reader *reader, const struct kk_field *field, const struct kk_node *node, void *to)
{
	const char *text = scalar_text(reader, field->name, node);
	size_t length = text ? strlen(text) : 0;
	struct kk_config *config = to;
	struct kk_error error = {0};
	double percent = 0;
	char number[40];

	if (!text)
		return;
	if (text[length ? length - 1 : 0] != '%' || length > sizeof(number)) {
		put_number(reader, field, node, &config->max_failures);
		return;
	}
	memcpy(number, text, length - 1);
	number[length - 1] = '\0';
	if (kk_quantity_float(number, &percent, &error) != KK_OK)
		report_value(reader, field->name, node, &error);
	else if (!(percent > 0 && percent <= 100))
		kk_diagnostic_error(reader->diagnostics, kk_node_place(node), NULL,
		                    "\"%s\": %s is out of range: more than 0%%, at most 100%%", field->name, text);
	else
		config->max_failures_share = percent / 100;
}

static void read_from(struct reader *reader, const struct kk_field *field, const struct kk_node *node, void *to)
{
	struct kk_config_stage *stage = to;
	bool list = kk_node_kind(node) == KK_NODE_SEQUENCE;
	size_t room = list ? kk_node_count(node) : 1;

	stage->from_place = kk_node_place(node);
	if (list && (!room || room > MAX_FROM)) {
		kk_diagnostic_error(reader->diagnostics, kk_node_place(node), NULL, "\"from\" names %s",
		                    room ? "too many stages" : "no stage");
		return;
	}
	struct kk_config_text *from = kk_store_alloc(reader->store, room * sizeof(*from));
	if (!from) {
		fail_memory(reader, kk_node_place(node));
		return;
	}
	for (const struct kk_node *one = list ? kk_node_first(node) : node; one;
	     one = list ? kk_node_next(one) : NULL) {
		const char *text = scalar_text(reader, field->name, one);
		if (text)
			from[stage->from_count++] = (struct kk_config_text){text, kk_node_place(one)};
	}
	stage->from = from;
}

static void read_options(struct reader *reader, const struct kk_field *field, const struct kk_node *node, void *to)
{
	struct kk_config_stage *stage = to;

	(void)field;
	stage->with_place = kk_node_key_place(node);
	if (is_map(reader, "\"with\"", node))
		stage->with = node;
}

/* ---- source: and stages: */

static void read_stage(struct reader *reader, const struct kk_field_group *group, const struct kk_node *node,
                       struct kk_config_stage *stage)
{
	const struct kk_node *name = kk_node_find(node, "name"), *use = kk_node_find(node, "use");
	const char *called = name ? kk_node_text(name) : use ? kk_node_text(use) : NULL;
	bool source = strcmp(group->what, "source") == 0;

	*stage = (struct kk_config_stage){.place = kk_node_place(node)};
	const char *where =
	    kk_store_format(reader->store, called && *called && !source ? "%s \"%.80s\"" : "%s", group->what, called);
	if (!where) {
		fail_memory(reader, kk_node_place(node));
		return;
	}
	put_defaults(reader, group, stage);
	if (is_map(reader, where, node))
		read_group(reader, group, where, node, stage);
	if (!stage->name.text)
		stage->name = source ? (struct kk_config_text){"source", stage->place} : stage->use;
}

static void read_stages(struct reader *reader, const struct kk_field *field, const struct kk_node *node, void *to)
{
	struct kk_config *config = to;
	size_t count = kk_node_count(node);

	if (kk_node_kind(node) == KK_NODE_BROKEN)
		return;
	if (kk_node_kind(node) != KK_NODE_SEQUENCE || !count || count > MAX_STAGES) {
		kk_diagnostic_error(reader->diagnostics, kk_node_place(node), NULL,
		                    "\"%s\" must be a list of 1 to %d stages", field->name, MAX_STAGES);
		return;
	}
	config->stages = kk_store_alloc(reader->store, count * sizeof(*config->stages));
	if (!config->stages) {
		fail_memory(reader, kk_node_place(node));
		return;
	}
	for (const struct kk_node *one = kk_node_first(node); one; one = kk_node_next(one))
		read_stage(reader, field->group, one, &config->stages[config->stage_count++]);
}

/* ---- shared: */

/* Fields that one kind of shared object has and another has not. */
static void check_shared(struct reader *reader, const struct kk_node *node, const struct kk_config_shared *shared)
{
	static const struct {
		const char *name;
		unsigned kinds;
	} only[] = {
	    {"of", 1U << KK_CONFIG_VALUE | 1U << KK_CONFIG_ARRAY},
	    {"initial", 1U << KK_CONFIG_VALUE | 1U << KK_CONFIG_ARRAY},
	    {"length", 1U << KK_CONFIG_ARRAY | 1U << KK_CONFIG_DICT | 1U << KK_CONFIG_LIST},
	    {"item_max", 1U << KK_CONFIG_DICT | 1U << KK_CONFIG_LIST},
	};
	double limit = 9007199254740992.0;

	for (size_t i = 0; i < sizeof(only) / sizeof(only[0]); i++) {
		const struct kk_node *member = kk_node_find(node, only[i].name);
		if (member && !(only[i].kinds & 1U << shared->kind))
			kk_diagnostic_error(reader->diagnostics, kk_node_key_place(member), NULL,
			                    "a shared %s has no \"%s\"", kk_node_text(kk_node_find(node, "type")),
			                    only[i].name);
	}
	if (shared->kind == KK_CONFIG_ARRAY && !kk_node_find(node, "length"))
		kk_diagnostic_error(reader->diagnostics, kk_node_key_place(node), NULL,
		                    "the shared array \"%.80s\" needs a \"length\"", shared->name.text);
	if (!shared->is_float && (shared->initial > limit || shared->initial < -limit ||
	                          shared->initial != (double)(int64_t)shared->initial))
		kk_diagnostic_error(reader->diagnostics, kk_node_place(kk_node_find(node, "initial")), NULL,
		                    "\"initial\" of an int64 must be a whole number up to 2^53");
}

static void read_shared(struct reader *reader, const struct kk_field_group *group, const struct kk_node *node,
                        struct kk_config_shared *shared)
{
	const char *name = kk_node_key(node);

	*shared = (struct kk_config_shared){.name = {name, kk_node_key_place(node)}};
	const char *where = kk_store_format(reader->store, "%s \"%.80s\"", group->what, name);
	if (!where)
		fail_memory(reader, kk_node_place(node));
	if (!where || !check_name(reader, name, kk_node_key_place(node)) || !is_map(reader, where, node))
		return;
	size_t before = kk_diagnostics_count(reader->diagnostics);
	read_group(reader, group, where, node, shared);
	if (kk_diagnostics_count(reader->diagnostics) == before)
		check_shared(reader, node, shared);
	bool texts = shared->kind == KK_CONFIG_DICT || shared->kind == KK_CONFIG_LIST;
	if (!shared->length.place.line)
		shared->length.value = texts ? LENGTH_OF_TEXTS : 1;
	if (!shared->item_max.place.line)
		shared->item_max.value = texts ? BYTES_OF_TEXTS : 0;
}

static void read_named(struct reader *reader, const struct kk_field *field, const struct kk_node *node, void *to)
{
	struct kk_config *config = to;

	if (!is_map(reader, "\"shared\"", node))
		return;
	config->shared = kk_store_alloc(reader->store, kk_node_count(node) * sizeof(*config->shared));
	if (!config->shared) {
		fail_memory(reader, kk_node_place(node));
		return;
	}
	for (const struct kk_node *member = kk_node_first(node); member; member = kk_node_next(member))
		read_shared(reader, field->group, member, &config->shared[config->shared_count++]);
}

/* ---- the whole */

static void read_map(struct reader *reader, const struct kk_field *field, const struct kk_node *node, void *to)
{
	char quoted[64];

	snprintf(quoted, sizeof(quoted), "\"%s\"", field->name);
	if (strcmp(field->name, "source") == 0)
		read_stage(reader, field->group, node, (struct kk_config_stage *)((char *)to + field->at));
	else if (is_map(reader, quoted, node))
		read_group(reader, field->group, field->group->what, node, to);
}

static const read_field readers[] = {
    [KK_FIELD_NAME] = read_name,       [KK_FIELD_TEXT] = read_text,         [KK_FIELD_SIZE] = read_number,
    [KK_FIELD_DURATION] = read_number, [KK_FIELD_COUNT] = read_number,      [KK_FIELD_POWER] = read_number,
    [KK_FIELD_BOOL] = read_number,     [KK_FIELD_FLOAT] = read_float,       [KK_FIELD_WORD] = read_word,
    [KK_FIELD_WORKERS] = read_workers, [KK_FIELD_FAILURES] = read_failures, [KK_FIELD_FROM] = read_from,
    [KK_FIELD_OPTIONS] = read_options, [KK_FIELD_MAP] = read_map,           [KK_FIELD_NAMED] = read_named,
    [KK_FIELD_STAGES] = read_stages,
};

/* Where a default goes to; NULL: the field's form has none of that kind. */
static struct kk_config_number *number_of(const struct kk_field *field, void *to)
{
	switch (field->form) {
	case KK_FIELD_WORKERS:
		return &((struct kk_config_stage *)to)->workers;
	case KK_FIELD_SIZE:
	case KK_FIELD_DURATION:
	case KK_FIELD_COUNT:
	case KK_FIELD_POWER:
	case KK_FIELD_BOOL:
		return (struct kk_config_number *)((char *)to + field->at);
	default:
		return NULL;
	}
}

/* Values that the file does not give have line 0. A word's default is its first one, which is all zero. */
static void put_defaults(struct reader *reader, const struct kk_field_group *group, void *to)
{
	for (const struct kk_field *field = group->fields; field->name; field++) {
		struct kk_config_number *number = number_of(field, to);
		struct kk_error error = {0};
		if (number && field->def && parse_number(field, field->def, &number->value, &error) != KK_OK)
			kk_diagnostic_error(reader->diagnostics, (struct kk_place){0}, NULL, "default of \"%s\": %s",
			                    field->name, error.text);
		if (field->form == KK_FIELD_MAP && strcmp(field->name, "source") != 0)
			put_defaults(reader, field->group, to);
	}
}

struct kk_config *kk_config_read(const struct kk_document *document, struct kk_store *store,
                                 struct kk_diagnostics *diagnostics)
{
	struct reader reader = {store, diagnostics};
	const struct kk_node *root = kk_document_root(document);
	struct kk_config *config = kk_store_alloc(store, sizeof(*config));

	if (!config)
		return NULL;
	put_defaults(&reader, &kk_config_fields, config);
	put_defaults(&reader, kk_field_find(&kk_config_fields, "source", NULL)->group, &config->source);
	if (is_map(&reader, "the config", root))
		read_group(&reader, &kk_config_fields, kk_config_fields.what, root, config);
	return config;
}
