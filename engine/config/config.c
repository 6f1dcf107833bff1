/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "config/cpus.h"
#include "config/nearest.h"
#include "config/quantity.h"
#include <ctype.h>
#include <string.h>

#define KIB         (UINT64_C(1) << 10)
#define MIB         (UINT64_C(1) << 20)
#define TIB         (UINT64_C(1) << 40)
#define MAX_STAGES  200 /* of a config; the plan has its own, lower limit */
#define MAX_FROM    64
#define MAX_NAME    64
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

struct reader {
	struct kk_store *store;
	struct kk_diagnostics *diagnostics;
};

/* One field of a map: how it is read and where its value goes, counted from the start of the struct it fills. */
struct field {
	const char *name;
	void (*read)(struct reader *reader, const struct field *field, const struct kk_node *node, void *to);
	size_t at;
	uint64_t min, max; /* of numbers */
	bool required;
};

/* A map: its fields and how messages call it ("in stage "thumb""; "" for the outermost one). */
struct shape {
	const struct field *fields;
	size_t count;
	const char *where;
};

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

static const struct field *find_field(const struct shape *shape, const char *name, const char **nearest)
{
	struct kk_nearest near = {.word = name};

	for (size_t i = 0; i < shape->count; i++) {
		if (strcmp(shape->fields[i].name, name) == 0)
			return &shape->fields[i];
		kk_nearest_offer(&near, shape->fields[i].name);
	}
	*nearest = near.best;
	return NULL;
}

/* Reads every member of a map by its row; `node` is a map or blank. */
static void read_fields(struct reader *reader, const struct shape *shape, const struct kk_node *node, void *to)
{
	const char *gap = *shape->where ? " in " : "";

	for (const struct kk_node *member = kk_node_first(node); member; member = kk_node_next(member)) {
		struct kk_hint hint = {0};
		const struct field *field = find_field(shape, kk_node_key(member), &hint.nearest);
		if (field)
			field->read(reader, field, member, (char *)to + field->at);
		else
			kk_diagnostic_error(reader->diagnostics, kk_node_key_place(member), &hint,
			                    "unknown field \"%.80s\"%s%s", kk_node_key(member), gap, shape->where);
	}
	for (size_t i = 0; i < shape->count; i++) {
		if (shape->fields[i].required && !kk_node_find(node, shape->fields[i].name))
			kk_diagnostic_error(reader->diagnostics, kk_node_place(node), NULL, "\"%s\" is missing%s%s",
			                    shape->fields[i].name, gap, shape->where);
	}
}

/* ---- fields of one value */

static void report_value(struct reader *reader, const char *name, const struct kk_node *node,
                         const struct kk_error *error)
{
	kk_diagnostic_error(reader->diagnostics, kk_node_place(node), NULL, "\"%s\": %s", name, error->text);
}

static void read_text(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	const char *text = scalar_text(reader, field->name, node);

	if (text && !*text)
		kk_diagnostic_error(reader->diagnostics, kk_node_place(node), NULL, "\"%s\" is empty", field->name);
	else
		*(struct kk_config_text *)to = (struct kk_config_text){text, kk_node_place(node)};
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

static void read_name(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	const char *text = scalar_text(reader, field->name, node);

	if (text && check_name(reader, text, kk_node_place(node)))
		*(struct kk_config_text *)to = (struct kk_config_text){text, kk_node_place(node)};
}

typedef int (*parse_quantity)(const char *text, uint64_t *value, struct kk_error *error);
typedef const char *(*write_quantity)(uint64_t value, char *to, size_t size);

static const char *write_plain(uint64_t value, char *to, size_t size)
{
	snprintf(to, size, "%llu", (unsigned long long)value);
	return to;
}

static void read_number(struct reader *reader, const struct field *field, const struct kk_node *node, void *to,
                        parse_quantity parse, write_quantity write)
{
	struct kk_error error = {0};
	struct kk_config_number *number = to;
	char low[40], high[40];
	uint64_t value;
	const char *text = scalar_text(reader, field->name, node);

	if (!text)
		return;
	if (parse(text, &value, &error) != KK_OK) {
		report_value(reader, field->name, node, &error);
	} else if (value < field->min || value > field->max) {
		kk_diagnostic_error(reader->diagnostics, kk_node_place(node), NULL,
		                    "\"%s\": %.80s is out of range: %s to %s", field->name, text,
		                    write(field->min, low, sizeof(low)), write(field->max, high, sizeof(high)));
	} else {
		*number = (struct kk_config_number){value, kk_node_place(node)};
	}
}

static void read_size(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	read_number(reader, field, node, to, kk_quantity_size, kk_quantity_size_text);
}

static void read_duration(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	read_number(reader, field, node, to, kk_quantity_duration, kk_quantity_duration_text);
}

static void read_unsigned(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	read_number(reader, field, node, to, kk_quantity_unsigned, write_plain);
}

static void read_workers(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	const char *text = kk_node_text(node);
	struct kk_config_stage *stage = to;
	uint64_t cpus = kk_cpus_usable();

	stage->workers_auto = text && strcmp(text, "auto") == 0;
	if (stage->workers_auto)
		stage->workers = (struct kk_config_number){cpus > field->max ? field->max : cpus, kk_node_place(node)};
	else
		read_unsigned(reader, field, node, &stage->workers);
}

static void read_power_of_two(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	struct kk_config_number number = {0};

	read_unsigned(reader, field, node, &number);
	if (!number.place.line)
		return;
	if (number.value & (number.value - 1)) {
		uint64_t next = UINT64_C(1) << (64 - __builtin_clzll(number.value));
		kk_diagnostic_error(reader->diagnostics, number.place, NULL,
		                    "\"%s\": %llu is not a power of two; the nearest are %llu and %llu", field->name,
		                    (unsigned long long)number.value, (unsigned long long)next / 2,
		                    (unsigned long long)next);
	} else {
		*(struct kk_config_number *)to = number;
	}
}

/* ---- errors: */

/* `N` failed items or, with a percent sign, their share of all. */
static void read_max_failures(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
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
		read_unsigned(reader, field, node, &config->max_failures);
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

static void read_errors(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	static const struct field fields[] = {
	    {.name = "file", .read = read_text, .at = offsetof(struct kk_config, errors_file)},
	    {.name = "dead_letter", .read = read_text, .at = offsetof(struct kk_config, dead_letter)},
	    {.name = "attempts",
	     .read = read_unsigned,
	     .at = offsetof(struct kk_config, attempts),
	     .min = 1,
	     .max = 1000},
	    {.name = "max_failures", .read = read_max_failures, .min = 1, .max = INT64_MAX},
	};
	static const struct shape shape = {fields, COUNT(fields), "errors"};

	(void)field;
	if (is_map(reader, "\"errors\"", node))
		read_fields(reader, &shape, node, to);
}

/* ---- shared: */

static const char *const shared_kinds[] = {
    [KK_CONFIG_VALUE] = "value", [KK_CONFIG_ARRAY] = "array", [KK_CONFIG_DICT] = "dict", NULL};
static const char *const shared_numbers[] = {"int64", "double", NULL};

/* The index of the node's text in `words`, or -1 after saying so. */
static int read_word(struct reader *reader, const char *name, const struct kk_node *node, const char *const *words)
{
	const char *text = scalar_text(reader, name, node);
	int index = 0;

	if (!text)
		return -1;
	while (words[index] && strcmp(words[index], text) != 0)
		index++;
	if (words[index])
		return index;
	struct kk_hint hint = {.nearest = kk_nearest_of(text, words)};
	kk_diagnostic_error(reader->diagnostics, kk_node_place(node), &hint,
	                    words[2] ? "\"%s\": \"%.80s\" is not one of the choices: %s, %s or %s"
	                             : "\"%s\": \"%.80s\" is not one of the choices: %s or %s",
	                    name, text, words[0], words[1], words[2]);
	return -1;
}

static void read_shared_type(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	int index = read_word(reader, field->name, node, shared_kinds);

	if (index >= 0)
		((struct kk_config_shared *)to)->kind = (enum kk_config_shared_kind)index;
}

static void read_shared_of(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	int index = read_word(reader, field->name, node, shared_numbers);

	((struct kk_config_shared *)to)->is_float = index == 1;
}

static void read_format(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	static const char *const words[] = {"ndjson", "csv", NULL};

	((struct kk_config *)to)->manifest_csv = read_word(reader, field->name, node, words) == 1;
}

static void read_manifest(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	static const struct field fields[] = {
	    {.name = "file", .read = read_text, .at = offsetof(struct kk_config, manifest_file), .required = true},
	    {.name = "format", .read = read_format},
	};
	static const struct shape shape = {fields, COUNT(fields), "manifest"};

	(void)field;
	if (is_map(reader, "\"manifest\"", node))
		read_fields(reader, &shape, node, to);
}

static void read_initial(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	const char *text = scalar_text(reader, field->name, node);
	struct kk_error error = {0};

	if (text && kk_quantity_float(text, to, &error) != KK_OK)
		report_value(reader, field->name, node, &error);
}

/* Fields that one kind of shared object has and another has not. */
static void check_shared(struct reader *reader, const struct kk_node *node, const struct kk_config_shared *shared)
{
	static const struct {
		const char *name;
		unsigned kinds;
	} only[] = {
	    {"of", 1U << KK_CONFIG_VALUE | 1U << KK_CONFIG_ARRAY},
	    {"initial", 1U << KK_CONFIG_VALUE | 1U << KK_CONFIG_ARRAY},
	    {"length", 1U << KK_CONFIG_ARRAY | 1U << KK_CONFIG_DICT},
	    {"item_max", 1U << KK_CONFIG_DICT},
	};

	for (size_t i = 0; i < COUNT(only); i++) {
		const struct kk_node *member = kk_node_find(node, only[i].name);
		if (member && !(only[i].kinds & 1U << shared->kind))
			kk_diagnostic_error(reader->diagnostics, kk_node_key_place(member), NULL,
			                    "a shared %s has no \"%s\"", shared_kinds[shared->kind], only[i].name);
	}
	if (shared->kind == KK_CONFIG_ARRAY && !kk_node_find(node, "length"))
		kk_diagnostic_error(reader->diagnostics, kk_node_key_place(node), NULL,
		                    "the shared array \"%.80s\" needs a \"length\"", shared->name.text);
	double limit = 9007199254740992.0;
	if (!shared->is_float && (shared->initial > limit || shared->initial < -limit ||
	                          shared->initial != (double)(int64_t)shared->initial))
		kk_diagnostic_error(reader->diagnostics, kk_node_place(kk_node_find(node, "initial")), NULL,
		                    "\"initial\" of an int64 must be a whole number up to 2^53");
}

static void read_one_shared(struct reader *reader, const struct kk_node *node, struct kk_config_shared *shared)
{
	static const struct field fields[] = {
	    {.name = "type", .read = read_shared_type, .required = true},
	    {.name = "of", .read = read_shared_of},
	    {.name = "length",
	     .read = read_unsigned,
	     .at = offsetof(struct kk_config_shared, length),
	     .min = 1,
	     .max = 1 << 20},
	    {.name = "initial", .read = read_initial, .at = offsetof(struct kk_config_shared, initial)},
	    {.name = "item_max",
	     .read = read_size,
	     .at = offsetof(struct kk_config_shared, item_max),
	     .min = 16,
	     .max = 64 * KIB},
	};
	const char *name = kk_node_key(node);

	*shared = (struct kk_config_shared){.name = {name, kk_node_key_place(node)}};
	const char *where = kk_store_format(reader->store, "shared object \"%.80s\"", name);
	if (!where)
		fail_memory(reader, kk_node_place(node));
	if (!where || !check_name(reader, name, kk_node_key_place(node)) || !is_map(reader, where, node))
		return;
	size_t before = kk_diagnostics_count(reader->diagnostics);
	read_fields(reader, &(struct shape){fields, COUNT(fields), where}, node, shared);
	if (kk_diagnostics_count(reader->diagnostics) == before)
		check_shared(reader, node, shared);
	if (!shared->length.place.line)
		shared->length.value = shared->kind == KK_CONFIG_DICT ? 1024 : 1;
	if (!shared->item_max.place.line)
		shared->item_max.value = shared->kind == KK_CONFIG_DICT ? 256 : 0;
}

static void read_shared(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	struct kk_config *config = to;

	(void)field;
	if (!is_map(reader, "\"shared\"", node))
		return;
	config->shared = kk_store_alloc(reader->store, kk_node_count(node) * sizeof(*config->shared));
	if (!config->shared) {
		fail_memory(reader, kk_node_place(node));
		return;
	}
	for (const struct kk_node *member = kk_node_first(node); member; member = kk_node_next(member))
		read_one_shared(reader, member, &config->shared[config->shared_count++]);
}

/* ---- source: and stages: */

static void read_from(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
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

static void read_duplicates(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	static const char *const words[] = {"skip", "keep", NULL};

	*(bool *)to = read_word(reader, field->name, node, words) == 1;
}

static void read_order(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	const char *text = scalar_text(reader, field->name, node);
	struct kk_error error = {0};
	bool order = false;

	if (text && kk_quantity_bool(text, &order, &error) != KK_OK)
		report_value(reader, field->name, node, &error);
	else
		*(struct kk_config_number *)to = (struct kk_config_number){order, kk_node_place(node)};
}

static void read_with(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	struct kk_config_stage *stage = to;

	stage->with_place = kk_node_key_place(node);
	(void)field;
	if (is_map(reader, "\"with\"", node))
		stage->with = node;
}

#define STAGE(field) offsetof(struct kk_config_stage, field)
static const struct field stage_fields[] = {
    {.name = "name", .read = read_name, .at = STAGE(name)},
    {.name = "use", .read = read_text, .at = STAGE(use), .required = true},
    {.name = "with", .read = read_with},
    {.name = "workers", .read = read_workers, .min = 1, .max = KK_CONFIG_MAX_WORKERS},
    {.name = "heap", .read = read_size, .at = STAGE(heap), .min = 64 * KIB, .max = TIB},
    {.name = "timeout", .read = read_duration, .at = STAGE(timeout), .min = 0, .max = UINT64_C(24) * 3600000},
    {.name = "from", .read = read_from},
    {.name = "queue", .read = read_power_of_two, .at = STAGE(queue), .min = 2, .max = 65536},
    {.name = "when", .read = read_text, .at = STAGE(when)},
    {.name = "order", .read = read_order, .at = STAGE(order)},
};

/* The source reads from nobody: it has no `from`, `queue`, `when` or `order`. */
static const struct field source_fields[] = {
    {.name = "name", .read = read_name, .at = STAGE(name)},
    {.name = "use", .read = read_text, .at = STAGE(use), .required = true},
    {.name = "with", .read = read_with},
    {.name = "workers", .read = read_workers, .min = 1, .max = KK_CONFIG_MAX_WORKERS},
    {.name = "heap", .read = read_size, .at = STAGE(heap), .min = 64 * KIB, .max = TIB},
    {.name = "timeout", .read = read_duration, .at = STAGE(timeout), .min = 0, .max = UINT64_C(24) * 3600000},
    {.name = "duplicates", .read = read_duplicates, .at = STAGE(keep_duplicates)},
};

static void read_stage(struct reader *reader, const struct kk_node *node, struct kk_config_stage *stage,
                       const char *kind)
{
	const struct kk_node *name = kk_node_find(node, "name"), *use = kk_node_find(node, "use");
	const char *called = name ? kk_node_text(name) : use ? kk_node_text(use) : NULL;
	bool source = strcmp(kind, "source") == 0;

	*stage = (struct kk_config_stage){.place = kk_node_place(node), .workers = {.value = 1}};
	const char *where =
	    kk_store_format(reader->store, called && *called && !source ? "%s \"%.80s\"" : "%s", kind, called);
	if (!where) {
		fail_memory(reader, kk_node_place(node));
		return;
	}
	struct shape shape = {source ? source_fields : stage_fields,
	                      source ? COUNT(source_fields) : COUNT(stage_fields), where};
	if (is_map(reader, where, node))
		read_fields(reader, &shape, node, stage);
	if (!stage->name.text)
		stage->name = source ? (struct kk_config_text){"source", stage->place} : stage->use;
}

static void read_source(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
{
	read_stage(reader, node, to, field->name);
}

static void read_stages(struct reader *reader, const struct field *field, const struct kk_node *node, void *to)
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
		read_stage(reader, one, &config->stages[config->stage_count++], "stage");
}

/* ---- the whole */

#define CONFIG(field) offsetof(struct kk_config, field)
static const struct field config_fields[] = {
    {.name = "pipeline", .read = read_name, .at = CONFIG(pipeline), .required = true},
    {.name = "memory", .read = read_size, .at = CONFIG(memory), .min = MIB, .max = TIB},
    {.name = "source", .read = read_source, .at = CONFIG(source), .required = true},
    {.name = "stages", .read = read_stages, .required = true},
    {.name = "shared", .read = read_shared},
    {.name = "manifest", .read = read_manifest},
    {.name = "errors", .read = read_errors},
    {.name = "shutdown_timeout",
     .read = read_duration,
     .at = CONFIG(shutdown_timeout),
     .min = 100,
     .max = UINT64_C(24) * 3600000},
    {.name = "seed", .read = read_unsigned, .at = CONFIG(seed), .max = UINT64_MAX},
    {.name = "groups", .read = read_power_of_two, .at = CONFIG(groups), .min = 2, .max = 65536},
};

struct kk_config *kk_config_read(const struct kk_document *document, struct kk_store *store,
                                 struct kk_diagnostics *diagnostics)
{
	static const struct shape shape = {config_fields, COUNT(config_fields), ""};
	struct reader reader = {store, diagnostics};
	const struct kk_node *root = kk_document_root(document);
	struct kk_config *config = kk_store_alloc(store, sizeof(*config));

	if (!config)
		return NULL;
	config->source.workers.value = 1;
	config->memory.value = 512 * MIB;
	config->attempts.value = 3;
	config->shutdown_timeout.value = 20000;
	if (is_map(&reader, "the config", root))
		read_fields(&reader, &shape, root, config);
	return config;
}
