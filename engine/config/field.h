/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/field.h - reads nothing, produces the rows of the config's own fields: its one description.
 *
 * Parsing, range errors, defaults, `kakehi help config`, `kakehi config` and the JSON schema are all made from these
 * rows, as those of a stage's options are from its option rows.
 */
#ifndef ENGINE_CONFIG_FIELD_H
#define ENGINE_CONFIG_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a field is written, and what its `at` points to. */
enum kk_field_form {
	KK_FIELD_NAME = 1, /* a word that other places refer to        -> struct kk_config_text               */
	KK_FIELD_TEXT,     /* any text but an empty one                -> struct kk_config_text               */
	KK_FIELD_SIZE,     /* 64KiB                                    -> struct kk_config_number, bytes      */
	KK_FIELD_DURATION, /* 30s                                      -> struct kk_config_number, ms         */
	KK_FIELD_COUNT,    /* 42                                       -> struct kk_config_number             */
	KK_FIELD_POWER,    /* 64: a count that is a power of two       -> struct kk_config_number             */
	KK_FIELD_BOOL,     /* true | false                             -> struct kk_config_number, 0 or 1     */
	KK_FIELD_FLOAT,    /* -1.5                                     -> double                              */
	KK_FIELD_WORD,     /* one of `words`                           -> int, its index                      */
	KK_FIELD_WORKERS,  /* 4 | auto                                 -> struct kk_config_stage              */
	KK_FIELD_FAILURES, /* 100 | 5%                                 -> struct kk_config                    */
	KK_FIELD_FROM,     /* one name or a list of them               -> struct kk_config_stage              */
	KK_FIELD_OPTIONS,  /* a map: what the stage's own rows say     -> struct kk_config_stage              */
	KK_FIELD_MAP,      /* a map with the fields of `group`         -> the struct its fields are in        */
	KK_FIELD_NAMED,    /* a map of names, each a map of `group`    -> struct kk_config                    */
	KK_FIELD_STAGES,   /* a list of maps of `group`                -> struct kk_config                    */
};

struct kk_field_group;

/* One field. */
struct kk_field {
	const char *name;
	enum kk_field_form form;
	bool required;
	size_t at;                          /* offset in the struct that the group fills                      */
	uint64_t min, max;                  /* of numbers                                                     */
	const char *def;                    /* the default, as a config would spell it; NULL: none            */
	const char *const *words;           /* WORD: closed by NULL                                           */
	const struct kk_field_group *group; /* MAP, NAMED, STAGES                                             */
	const char *text;                   /* one sentence for people                                        */
};

/* The fields of one map, closed by one without a name. */
struct kk_field_group {
	const char *what; /* "source": how messages and headings call it; "" for the whole config */
	const struct kk_field *fields;
};

/* The whole config; all other groups hang on it. */
extern const struct kk_field_group kk_config_fields;

/* kk_field_form_text - how a field is written, for people: "size", "true or false". Static. */
const char *kk_field_form_text(enum kk_field_form form);

/* kk_field_find - the field of this name, or NULL; then *nearest, if `nearest` is not NULL, is the one that was
 * probably meant, or NULL. */
const struct kk_field *kk_field_find(const struct kk_field_group *group, const char *name, const char **nearest);

/* kk_field_range - the range of a number as people write it, "64KiB to 1TiB"; "" for what has none. Returns `to`. */
const char *kk_field_range(const struct kk_field *field, char *to, size_t size);

#endif
