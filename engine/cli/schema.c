/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi schema: reads the config's field rows and the option rows of all stages, produces their JSON Schema (draft 7,
 * which editors know best). YAML's numbers and truth values are texts for us, so most values may also be strings; and
 * any scalar may have a ${variable} in it, of which nothing more can be said. */
#include "cli/cli.h"
#include "config/config.h"
#include "config/exit.h"
#include "config/field.h"
#include "config/module.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EXACT 9007199254740992.0 /* 2^53: beyond it a double is no bound to state */

/* JSON on its way out. */
struct json {
	FILE *to;
	const struct kk_module *modules;
	size_t module_count;
	int depth;
	bool first; /* nothing stands in the innermost braces yet */
};

/* ---- JSON */

static void put_string(struct json *json, const char *text)
{
	fputc('"', json->to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fprintf(json->to, "\\%c", *text);
		else if ((unsigned char)*text < ' ')
			fprintf(json->to, "\\u%04x", (unsigned char)*text);
		else
			fputc(*text, json->to);
	}
	fputc('"', json->to);
}

/* A new member of what is open; `key` is NULL in a list. */
static void next(struct json *json, const char *key)
{
	fprintf(json->to, "%s\n%*s", json->first ? "" : ",", json->depth * 2, "");
	json->first = false;
	if (key) {
		put_string(json, key);
		fputs(": ", json->to);
	}
}

static void open_with(struct json *json, const char *key, char brace)
{
	next(json, key);
	fputc(brace, json->to);
	json->depth++;
	json->first = true;
}

static void shut(struct json *json, char brace)
{
	json->depth--;
	fprintf(json->to, "\n%*s%c", json->depth * 2, "", brace);
	json->first = false;
}

static void text(struct json *json, const char *key, const char *value)
{
	next(json, key);
	put_string(json, value);
}

/* A piece of JSON that is ready. */
static void raw(struct json *json, const char *key, const char *value)
{
	next(json, key);
	fputs(value, json->to);
}

/* ---- values */

#define VARIABLE "{\"type\": \"string\", \"pattern\": \"\\\\$\\\\{\"}"
#define TEXT     "[\"string\", \"number\", \"boolean\"]"
#define NAME     "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,63}|.*\\$\\{.*)$"

/* anyOf: an integer in the range, what the pattern says, or a variable. */
static void put_number(struct json *json, const char *type, double min, double max, const char *pattern)
{
	open_with(json, "anyOf", '[');
	open_with(json, NULL, '{');
	text(json, "type", type);
	if (min > -EXACT && (min != 0 || max != 0)) {
		next(json, "minimum");
		fprintf(json->to, "%.15g", min);
	}
	if (max < EXACT && (min != 0 || max != 0)) {
		next(json, "maximum");
		fprintf(json->to, "%.15g", max);
	}
	shut(json, '}');
	if (pattern) {
		open_with(json, NULL, '{');
		text(json, "type", "string");
		text(json, "pattern", pattern);
		shut(json, '}');
	}
	raw(json, NULL, VARIABLE);
	shut(json, ']');
}

/* A duration is a text; only 0 needs no unit. */
static void put_duration(struct json *json)
{
	open_with(json, "anyOf", '[');
	raw(json, NULL, "{\"const\": 0}");
	raw(json, NULL, "{\"type\": \"string\", \"pattern\": \"^([0-9]+(ms|s|m|h)|0)$\"}");
	raw(json, NULL, VARIABLE);
	shut(json, ']');
}

static void put_words(struct json *json, const char *const *words)
{
	open_with(json, "anyOf", '[');
	open_with(json, NULL, '{');
	open_with(json, "enum", '[');
	for (; *words; words++)
		text(json, NULL, *words);
	shut(json, ']');
	shut(json, '}');
	raw(json, NULL, VARIABLE);
	shut(json, ']');
}

static void put_powers(struct json *json, uint64_t min, uint64_t max)
{
	open_with(json, "anyOf", '[');
	open_with(json, NULL, '{');
	open_with(json, "enum", '[');
	for (uint64_t power = 2; power <= max; power *= 2) {
		if (power < min)
			continue;
		next(json, NULL);
		fprintf(json->to, "%" PRIu64, power);
	}
	shut(json, ']');
	shut(json, '}');
	raw(json, NULL, VARIABLE);
	shut(json, ']');
}

static const char size_pattern[] = "^[0-9]+(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?$";
static const char integer_pattern[] = "^[+-]?[0-9]+$";
static const char number_pattern[] = "^[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?$";

#define BOOL "[{\"type\": \"boolean\"}, {\"enum\": [\"true\", \"false\"]}, " VARIABLE "]"

/* ---- the options of a stage */

static void put_option(struct json *json, const struct kk_option *row)
{
	open_with(json, row->name, '{');
	text(json, "description", row->text);
	if (row->def && *row->def)
		text(json, "default", row->def);
	if (row->flags & KK_OPTION_SECRET)
		raw(json, "writeOnly", "true");
	switch (row->type) {
	case KK_OPTION_BOOL:
		raw(json, "anyOf", BOOL);
		break;
	case KK_OPTION_INT:
		put_number(json, "integer", row->min, row->max, integer_pattern);
		break;
	case KK_OPTION_FLOAT:
		put_number(json, "number", row->min, row->max, number_pattern);
		break;
	case KK_OPTION_SIZE:
		put_number(json, "integer", row->min, row->max, size_pattern);
		break;
	case KK_OPTION_DURATION:
		put_duration(json);
		break;
	case KK_OPTION_ENUM:
		put_words(json, row->words);
		break;
	case KK_OPTION_LIST:
		raw(json, "anyOf", "[{\"type\": " TEXT "}, {\"type\": \"array\", \"items\": {\"type\": " TEXT "}}]");
		break;
	case KK_OPTION_STRING:
		raw(json, "type", TEXT);
		break;
	}
	shut(json, '}');
}

static void put_options(struct json *json, const struct kk_stage *stage)
{
	bool required = false;

	open_with(json, "with", '{');
	text(json, "description", stage->text);
	raw(json, "type", "[\"object\", \"null\"]");
	raw(json, "additionalProperties", "false");
	open_with(json, "properties", '{');
	for (const struct kk_option *row = stage->options; row && row->name; row++) {
		put_option(json, row);
		required |= (row->flags & KK_OPTION_REQUIRED) != 0;
	}
	shut(json, '}');
	if (required) {
		open_with(json, "required", '[');
		for (const struct kk_option *row = stage->options; row->name; row++) {
			if (row->flags & KK_OPTION_REQUIRED)
				text(json, NULL, row->name);
		}
		shut(json, ']');
	}
	shut(json, '}');
}

static bool requires_options(const struct kk_stage *stage)
{
	for (const struct kk_option *row = stage->options; row && row->name; row++) {
		if (row->flags & KK_OPTION_REQUIRED)
			return true;
	}
	return false;
}

/* ---- source: and stages: */

static bool fits(const struct kk_module *module, bool source)
{
	return module->stage && (module->stage->kind == KK_SOURCE) == source;
}

/* Which stages there are; or a path, or a variable. */
static void put_use(struct json *json, bool source)
{
	open_with(json, "anyOf", '[');
	open_with(json, NULL, '{');
	open_with(json, "enum", '[');
	for (size_t i = 0; i < json->module_count; i++) {
		if (fits(&json->modules[i], source))
			text(json, NULL, json->modules[i].stage->name);
	}
	shut(json, ']');
	shut(json, '}');
	raw(json, NULL, "{\"type\": \"string\", \"pattern\": \"/\"}");
	raw(json, NULL, VARIABLE);
	shut(json, ']');
}

/* What `with:` may hold depends on `use:`. */
static void put_conditions(struct json *json, bool source)
{
	open_with(json, "allOf", '[');
	for (size_t i = 0; i < json->module_count; i++) {
		const struct kk_stage *stage = json->modules[i].stage;
		if (!fits(&json->modules[i], source))
			continue;
		open_with(json, NULL, '{');
		open_with(json, "if", '{');
		open_with(json, "properties", '{');
		open_with(json, "use", '{');
		text(json, "const", stage->name);
		shut(json, '}');
		shut(json, '}');
		raw(json, "required", "[\"use\"]");
		shut(json, '}');
		open_with(json, "then", '{');
		open_with(json, "properties", '{');
		put_options(json, stage);
		shut(json, '}');
		if (requires_options(stage))
			raw(json, "required", "[\"with\"]");
		shut(json, '}');
		shut(json, '}');
	}
	shut(json, ']');
}

/* ---- the config's own fields */

static void put_group(struct json *json, const struct kk_field_group *group);

static void put_form(struct json *json, const struct kk_field *field, bool source)
{
	switch (field->form) {
	case KK_FIELD_NAME:
		raw(json, "type", "[\"string\", \"number\"]");
		text(json, "pattern", NAME);
		break;
	case KK_FIELD_TEXT:
		if (strcmp(field->name, "use") == 0)
			put_use(json, source);
		else
			raw(json, "type", TEXT);
		break;
	case KK_FIELD_SIZE:
		put_number(json, "integer", (double)field->min, (double)field->max, size_pattern);
		break;
	case KK_FIELD_DURATION:
		put_duration(json);
		break;
	case KK_FIELD_COUNT:
		put_number(json, "integer", (double)field->min, (double)field->max, integer_pattern);
		break;
	case KK_FIELD_POWER:
		put_powers(json, field->min, field->max);
		break;
	case KK_FIELD_BOOL:
		raw(json, "anyOf", BOOL);
		break;
	case KK_FIELD_FLOAT:
		put_number(json, "number", 0, 0, number_pattern);
		break;
	case KK_FIELD_WORD:
		put_words(json, field->words);
		break;
	case KK_FIELD_WORKERS:
		put_number(json, "integer", (double)field->min, (double)field->max, "^auto$");
		break;
	case KK_FIELD_FAILURES:
		put_number(json, "integer", (double)field->min, (double)field->max, "^[0-9]+(\\.[0-9]*)?%?$");
		break;
	case KK_FIELD_FROM:
		raw(json, "anyOf",
		    "[{\"type\": \"string\"}, {\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": "
		    "\"string\"}}]");
		break;
	case KK_FIELD_OPTIONS:
		raw(json, "type", "[\"object\", \"null\"]");
		break;
	case KK_FIELD_MAP:
		put_group(json, field->group);
		break;
	case KK_FIELD_NAMED:
		raw(json, "type", "[\"object\", \"null\"]");
		open_with(json, "additionalProperties", '{');
		put_group(json, field->group);
		shut(json, '}');
		break;
	case KK_FIELD_STAGES:
		raw(json, "type", "\"array\"");
		raw(json, "minItems", "1");
		open_with(json, "items", '{');
		put_group(json, field->group);
		shut(json, '}');
		break;
	}
}

static void put_group(struct json *json, const struct kk_field_group *group)
{
	bool source = strcmp(group->what, "source") == 0, stage = source || strcmp(group->what, "stage") == 0;
	bool required = false;

	raw(json, "type", stage || !*group->what ? "\"object\"" : "[\"object\", \"null\"]");
	raw(json, "additionalProperties", "false");
	open_with(json, "properties", '{');
	for (const struct kk_field *field = group->fields; field->name; field++) {
		open_with(json, field->name, '{');
		text(json, "description", field->text);
		if (field->def)
			text(json, "default", field->def);
		put_form(json, field, source);
		shut(json, '}');
		required |= field->required;
	}
	shut(json, '}');
	if (required) {
		open_with(json, "required", '[');
		for (const struct kk_field *field = group->fields; field->name; field++) {
			if (field->required)
				text(json, NULL, field->name);
		}
		shut(json, ']');
	}
	if (stage)
		put_conditions(json, source);
}

int kk_cli_schema(int argc, char **argv)
{
	struct json json = {.to = stdout, .depth = 1, .first = true};
	struct kk_module *list = NULL;
	size_t count = 0;
	int code = kk_cli_stages(argc, argv, &list, &count);

	if (code != KK_EXIT_DONE)
		return code;
	json.modules = list;
	json.module_count = count;
	fputc('{', stdout);
	text(&json, "$schema", "http://json-schema.org/draft-07/schema#");
	text(&json, "title", "A pipeline of kakehi");
	put_group(&json, &kk_config_fields);
	shut(&json, '}');
	fputc('\n', stdout);
	kk_module_list_free(list, count);
	return code;
}
