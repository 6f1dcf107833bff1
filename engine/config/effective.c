/* SPDX-License-Identifier: Apache-2.0 */
#include "config/effective.h"
#include "config/conceal.h"
#include "config/field.h"
#include <kakehi/option.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_COLUMN 40

struct effective {
	const struct kk_config *config;
	FILE *to;
	bool failed;
};

/* What `where` holds: the stage whose fields are written, for those whose default depends on it. */
struct where {
	const struct kk_config_stage *stage, *above; /* NULL: no stage; above: what it reads from if it does not say */
	int indent;
};

static void write_group(struct effective *effective, const struct kk_field_group *group, const struct kk_node *node,
                        const struct where *where);

/* ---- texts */

/* May it stand without quotes? For us every scalar is a text, so what other readers take for a number may. */
static bool is_plain(const char *text)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./%+:@=-";
	size_t length = strlen(text);

	return length && !strchr("-:%@=", text[0]) && text[length - 1] != ':' && strspn(text, good) == length;
}

/* In quotes; a plain "${" becomes "$${", unless the text is as it was written. */
static void put_quoted(FILE *to, const char *text, bool written)
{
	fputc('"', to);
	for (const char *at = text; *at; at++) {
		if (*at == '"' || *at == '\\')
			fprintf(to, "\\%c", *at);
		else if (*at == '\n')
			fputs("\\n", to);
		else if (*at == '\t')
			fputs("\\t", to);
		else if (*at == '$' && at[1] == '{' && !written)
			fputs("$$", to);
		else
			fputc(*at, to);
	}
	fputc('"', to);
}

static void put_text(FILE *to, const char *text)
{
	if (is_plain(text))
		fputs(text, to);
	else
		put_quoted(to, text, false);
}

/* Is the text one reference and nothing else? Then to show it shows no secret. */
static bool is_reference(const char *text)
{
	const char *end = strchr(text, '}');

	return strncmp(text, "${", 2) == 0 && end && !end[1] && !strstr(text, ":-");
}

/* A scalar of the config. Returns whether something had to be hidden. */
static bool put_scalar(struct effective *effective, const struct kk_node *node, bool secret)
{
	const char *text = kk_node_text(node), *written = kk_node_written(node);

	if (!text) {
		fputs("\"\"", effective->to);
	} else if (secret && (!written || !is_reference(written))) {
		fputs("\"***\"", effective->to);
		return true;
	} else if ((secret || kk_node_secret(node)) && written) {
		put_quoted(effective->to, written, true);
	} else {
		char *copy = strdup(text);
		effective->failed |= !copy;
		if (copy) {
			kk_conceal_urls(copy, strlen(copy));
			put_text(effective->to, copy);
			secret = strcmp(copy, text) != 0;
		}
		free(copy);
		return secret;
	}
	return false;
}

/* ---- lines */

static void put_key(struct effective *effective, const char *key, int indent)
{
	fprintf(effective->to, "%*s", indent, "");
	put_text(effective->to, key);
	fputc(':', effective->to);
}

static void put_default(struct effective *effective, const char *key, const char *value, int indent, bool list)
{
	int used = indent + (int)strlen(key) + 2 + (int)strlen(value);

	put_key(effective, key, indent);
	fputc(' ', effective->to);
	if (list)
		fprintf(effective->to, *value == '[' ? "%s" : "[%s]", value);
	else
		put_text(effective->to, value);
	fprintf(effective->to, "%*s# default\n", used < NOTE_COLUMN ? NOTE_COLUMN - used : 1, "");
}

/* A scalar, or a list of them. */
static void put_node(struct effective *effective, const struct kk_node *node, int indent, bool secret)
{
	bool hidden = false;

	put_key(effective, kk_node_key(node), indent);
	if (kk_node_kind(node) != KK_NODE_SEQUENCE) {
		fputc(' ', effective->to);
		hidden = put_scalar(effective, node, secret);
		fputs(hidden ? "  # secret\n" : "\n", effective->to);
		return;
	}
	fputs(kk_node_count(node) ? "\n" : " []\n", effective->to);
	for (const struct kk_node *one = kk_node_first(node); one; one = kk_node_next(one)) {
		fprintf(effective->to, "%*s- ", indent + 2, "");
		hidden = put_scalar(effective, one, secret);
		fputs(hidden ? "  # secret\n" : "\n", effective->to);
	}
}

/* ---- what is more than a line */

static void write_options(struct effective *effective, const struct kk_config_stage *stage, int indent)
{
	const struct kk_option *rows = stage->stage->options;
	bool any = false;

	for (const struct kk_option *row = rows; row && row->name; row++) {
		const struct kk_node *node = stage->with ? kk_node_find(stage->with, row->name) : NULL;
		if (!node && !(row->def && *row->def))
			continue;
		if (!any)
			fprintf(effective->to, "%*swith:\n", indent, "");
		any = true;
		if (node)
			put_node(effective, node, indent + 2, row->flags & KK_OPTION_SECRET);
		else
			put_default(effective, row->name, row->def, indent + 2, row->type == KK_OPTION_LIST);
	}
}

static void write_stages(struct effective *effective, const struct kk_field *field, const struct kk_node *node)
{
	const struct kk_config *config = effective->config;
	const struct kk_node *one = kk_node_first(node);

	fputs("stages:\n", effective->to);
	for (size_t i = 0; i < config->stage_count && one; i++, one = kk_node_next(one)) {
		struct where where = {&config->stages[i], i ? &config->stages[i - 1] : &config->source, 4};
		fprintf(effective->to, "  # %zu\n  -\n", i + 1);
		write_group(effective, field->group, one, &where);
	}
}

static void write_named(struct effective *effective, const struct kk_field *field, const struct kk_node *node)
{
	if (kk_node_count(node))
		fprintf(effective->to, "%s:\n", field->name);
	for (const struct kk_node *one = kk_node_first(node); one; one = kk_node_next(one)) {
		put_key(effective, kk_node_key(one), 2);
		fputc('\n', effective->to);
		write_group(effective, field->group, one, &(struct where){.indent = 4});
	}
}

static bool has_defaults(const struct kk_field_group *group)
{
	bool some = false;

	for (const struct kk_field *field = group->fields; field->name; field++) {
		if (field->required)
			return false;
		some |= field->def != NULL;
	}
	return some;
}

static void write_map(struct effective *effective, const struct kk_field *field, const struct kk_node *node)
{
	bool source = strcmp(field->name, "source") == 0;
	struct where where = {.stage = source ? &effective->config->source : NULL, .indent = 2};

	if (!(node && kk_node_count(node)) && !has_defaults(field->group))
		return;
	fprintf(effective->to, "%s:\n", field->name);
	write_group(effective, field->group, node, &where);
}

/* ---- fields */

/* The default of a field that is not given, or NULL. */
static const char *default_of(const struct kk_field *field, const struct where *where)
{
	if (where->stage && strcmp(field->name, "name") == 0)
		return where->stage->name.text;
	if (where->above && field->form == KK_FIELD_FROM)
		return where->above->name.text;
	return field->def;
}

static void write_field(struct effective *effective, const struct kk_field *field, const struct kk_node *node,
                        const struct where *where)
{
	const char *def = node ? NULL : default_of(field, where);

	switch (field->form) {
	case KK_FIELD_OPTIONS:
		if (where->stage)
			write_options(effective, where->stage, where->indent);
		break;
	case KK_FIELD_MAP:
		write_map(effective, field, node);
		break;
	case KK_FIELD_NAMED:
		if (node)
			write_named(effective, field, node);
		break;
	case KK_FIELD_STAGES:
		write_stages(effective, field, node);
		break;
	default:
		if (node)
			put_node(effective, node, where->indent, false);
		else if (def)
			put_default(effective, field->name, def, where->indent, false);
	}
}

static void write_group(struct effective *effective, const struct kk_field_group *group, const struct kk_node *node,
                        const struct where *where)
{
	for (const struct kk_field *field = group->fields; field->name; field++)
		write_field(effective, field, kk_node_find(node, field->name), where);
}

char *kk_effective_make(const struct kk_config *config, const struct kk_document *document, const char *file,
                        size_t *bytes)
{
	struct effective effective = {.config = config};
	char *text = NULL;
	size_t size = 0;

	effective.to = open_memstream(&text, &size);
	if (!effective.to)
		return NULL;
	fprintf(effective.to, "# %s, with everything it leaves out.\n", file);
	write_group(&effective, &kk_config_fields, kk_document_root(document), &(struct where){0});
	effective.failed |= ferror(effective.to) != 0;
	if (fclose(effective.to) != 0 || effective.failed) {
		free(text);
		return NULL;
	}
	*bytes = size + 1;
	return text;
}
