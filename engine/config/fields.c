/* SPDX-License-Identifier: Apache-2.0 */
/* The config's own fields: a table, no functions. */
#include "config/config.h"
#include "config/field.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define TIB (UINT64_C(1) << 40)
#define DAY (UINT64_C(24) * 3600000)

#define CONFIG(field) offsetof(struct kk_config, field)
#define STAGE(field)  offsetof(struct kk_config_stage, field)
#define SHARED(field) offsetof(struct kk_config_shared, field)

/* ---- source: and stages: */

static const char *const duplicates_words[] = {"skip", "keep", NULL};

/* What the source has as every other stage has it. */
#define COMMON_FIELDS(name_default)                                                                                    \
	{.name = "name",                                                                                               \
	 .form = KK_FIELD_NAME,                                                                                        \
	 .at = STAGE(name),                                                                                            \
	 .text = "What messages call it, and `from`; left out: " name_default},                                        \
	    {.name = "use",                                                                                            \
	     .form = KK_FIELD_TEXT,                                                                                    \
	     .at = STAGE(use),                                                                                         \
	     .required = true,                                                                                         \
	     .text = "The stage: a name that `kakehi list` shows, or the path of a module (with a '/')."},             \
	    {.name = "with",                                                                                           \
	     .form = KK_FIELD_OPTIONS,                                                                                 \
	     .text = "The stage's own options; `kakehi help STAGE` explains them."},                                   \
	    {.name = "workers",                                                                                        \
	     .form = KK_FIELD_WORKERS,                                                                                 \
	     .min = 1,                                                                                                 \
	     .max = KK_CONFIG_MAX_WORKERS,                                                                             \
	     .def = "1",                                                                                               \
	     .text = "How many processes; auto: one for each usable CPU, as far as the memory goes."},                 \
	    {.name = "heap",                                                                                           \
	     .form = KK_FIELD_SIZE,                                                                                    \
	     .at = STAGE(heap),                                                                                        \
	     .min = 64 * KIB,                                                                                          \
	     .max = TIB,                                                                                               \
	     .text = "Private memory one worker may allocate, instead of what the stage asks for."},                   \
	{                                                                                                              \
		.name = "timeout", .form = KK_FIELD_DURATION, .at = STAGE(timeout), .max = DAY,                        \
		.text = "A worker that works longer on one item is killed; 0: never. Left out: 60s, or what the "      \
		        "stage's own options say where it holds many items."                                           \
	}

static const struct kk_field source_fields[] = {
    COMMON_FIELDS("source."),
    {.name = "duplicates",
     .form = KK_FIELD_WORD,
     .at = STAGE(keep_duplicates),
     .words = duplicates_words,
     .def = "skip",
     .text = "What to do with a key that came before: skip the item, or keep it as one of its own."},
    {0},
};

static const struct kk_field stage_fields[] = {
    COMMON_FIELDS("what `use` says."),
    {.name = "from",
     .form = KK_FIELD_FROM,
     .text = "Which stages it reads from; left out: the one above it. Two with the same `from` both get every item."},
    {.name = "when",
     .form = KK_FIELD_TEXT,
     .at = STAGE(when),
     .text = "Which items it takes, as in `source_width > 1000 and not ext == \"gif\"`; left out: all."},
    {.name = "order",
     .form = KK_FIELD_BOOL,
     .at = STAGE(order),
     .def = "false",
     .text = "Hand the results on in the order of the source."},
    {.name = "queue",
     .form = KK_FIELD_POWER,
     .at = STAGE(queue),
     .min = 2,
     .max = 65536,
     .def = "1024",
     .text = "How many items may wait for it."},
    {0},
};

static const struct kk_field_group source_group = {"source", source_fields};
static const struct kk_field_group stage_group = {"stage", stage_fields};

/* ---- shared: */

static const char *const kind_words[] = {[KK_CONFIG_VALUE] = "value",
                                         [KK_CONFIG_ARRAY] = "array",
                                         [KK_CONFIG_DICT] = "dict",
                                         [KK_CONFIG_LIST] = "list",
                                         NULL};
static const char *const number_words[] = {"int64", "double", NULL};

static const struct kk_field shared_fields[] = {
    {.name = "type",
     .form = KK_FIELD_WORD,
     .required = true,
     .at = SHARED(kind),
     .words = kind_words,
     .text = "One number, an array of numbers, texts by key, or a list of texts."},
    {.name = "of",
     .form = KK_FIELD_WORD,
     .at = SHARED(is_float),
     .words = number_words,
     .text = "value, array: which numbers; left out: int64."},
    {.name = "length",
     .form = KK_FIELD_COUNT,
     .at = SHARED(length),
     .min = 1,
     .max = 1 << 20,
     .text = "array: how many numbers; dict, list: how many keys, texts; left out: 1024."},
    {.name = "initial",
     .form = KK_FIELD_FLOAT,
     .at = SHARED(initial),
     .text = "value, array: what every number is at the start; left out: 0."},
    {.name = "item_max",
     .form = KK_FIELD_SIZE,
     .at = SHARED(item_max),
     .min = 16,
     .max = 64 * KIB,
     .text = "list, dict: bytes that a text, with its key, may have; left out: 256."},
    {0},
};
static const struct kk_field_group shared_group = {"shared object", shared_fields};

/* ---- manifest: and errors: */

static const char *const format_words[] = {"ndjson", "csv", NULL};

static const struct kk_field manifest_fields[] = {
    {.name = "file",
     .form = KK_FIELD_TEXT,
     .required = true,
     .at = CONFIG(manifest_file),
     .text = "Where it is written."},
    {.name = "format",
     .form = KK_FIELD_WORD,
     .at = CONFIG(manifest_csv),
     .words = format_words,
     .def = "ndjson",
     .text = "One JSON object a line, or CSV with a header."},
    {0},
};
static const struct kk_field_group manifest_group = {"manifest", manifest_fields};

static const struct kk_field errors_fields[] = {
    {.name = "file",
     .form = KK_FIELD_TEXT,
     .at = CONFIG(errors_file),
     .text = "Where failed items are written, one JSON object a line."},
    {.name = "dead_letter",
     .form = KK_FIELD_TEXT,
     .at = CONFIG(dead_letter),
     .text = "A directory that keeps the bytes of failed items."},
    {.name = "attempts",
     .form = KK_FIELD_COUNT,
     .at = CONFIG(attempts),
     .min = 1,
     .max = 1000,
     .def = "3",
     .text = "How often an item is given to a worker again that died of it."},
    {.name = "max_failures",
     .form = KK_FIELD_FAILURES,
     .min = 1,
     .max = INT64_MAX,
     .text = "The run stops when so many items, or such a share of more than 100 of them, have failed."},
    {0},
};
static const struct kk_field_group errors_group = {"errors", errors_fields};

/* ---- the whole */

static const struct kk_field config_fields[] = {
    {.name = "pipeline",
     .form = KK_FIELD_NAME,
     .required = true,
     .at = CONFIG(pipeline),
     .text = "Its name, for messages."},
    {.name = "memory",
     .form = KK_FIELD_SIZE,
     .at = CONFIG(memory),
     .min = MIB,
     .max = TIB,
     .def = "512MiB",
     .text = "The ceiling: shared memory and what the workers may allocate. `validate` says the smallest that works."},
    {.name = "source",
     .form = KK_FIELD_MAP,
     .required = true,
     .at = CONFIG(source),
     .group = &source_group,
     .text = "Where the items come from."},
    {.name = "stages",
     .form = KK_FIELD_STAGES,
     .required = true,
     .group = &stage_group,
     .text = "What is done with them: each is one or more processes and reads from the one above it."},
    {.name = "shared",
     .form = KK_FIELD_NAMED,
     .group = &shared_group,
     .text = "Objects that all stages see by their names; they are printed at the end."},
    {.name = "manifest",
     .form = KK_FIELD_MAP,
     .group = &manifest_group,
     .text = "What became of each output, one line for each."},
    {.name = "errors", .form = KK_FIELD_MAP, .group = &errors_group, .text = "What to do with items that fail."},
    {.name = "shutdown_timeout",
     .form = KK_FIELD_DURATION,
     .at = CONFIG(shutdown_timeout),
     .min = 100,
     .max = DAY,
     .def = "20s",
     .text = "How long after the first ^C or SIGTERM items under way may take to be finished."},
    {.name = "seed",
     .form = KK_FIELD_COUNT,
     .at = CONFIG(seed),
     .max = UINT64_MAX,
     .def = "0",
     .text = "What the random streams of all workers begin with."},
    {.name = "groups",
     .form = KK_FIELD_POWER,
     .at = CONFIG(groups),
     .min = 2,
     .max = 65536,
     .text = "How many source items can be under way at once; left out: as many as are of use."},
    {0},
};
const struct kk_field_group kk_config_fields = {"", config_fields};
