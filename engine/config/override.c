/* SPDX-License-Identifier: Apache-2.0 */
/* --set: the parts of its path are looked up in the tree, its value takes the place of what is found there. */
#include "config/nearest.h"
#include "config/tree.h"
#include <kakehi/error.h>
#include <string.h>

/* One --set on its way down the tree. */
struct setting {
	struct kk_document *document;
	struct kk_diagnostics *diagnostics;
	const char *argument, *equals; /* the whole of it, and its '=' */
	const char *part, *last;       /* what is looked up next, and what was before it */
	uint32_t number;
};

static struct kk_place place_of(const struct setting *setting, const char *at)
{
	uint32_t column = 1;

	/* every byte that does not continue a character begins one */
	for (const char *c = setting->argument; c < at; c++)
		column += (*c & 0xc0) != 0x80;
	return (struct kk_place){.line = setting->number, .column = column, .set = true};
}

static void fail(const struct setting *setting, const char *nearest, const char *format, const char *text,
                 size_t length)
{
	struct kk_hint hint = {.nearest = nearest};

	kk_diagnostic_error(setting->diagnostics, place_of(setting, setting->part), &hint, format,
	                    (int)(length > 80 ? 80 : length), text);
}

/* Does the path go on with this whole name? Names of stages and shared objects may have dots in them. */
static bool goes_on(const struct setting *setting, const char *name)
{
	size_t left = (size_t)(setting->equals - setting->part), length = name ? strlen(name) : 0;

	return length && length <= left && memcmp(setting->part, name, length) == 0 &&
	       (length == left || setting->part[length] == '.');
}

static size_t part_length(const struct setting *setting)
{
	const char *dot = memchr(setting->part, '.', (size_t)(setting->equals - setting->part));

	return (size_t)((dot ? dot : setting->equals) - setting->part);
}

static const char *stage_name(const struct kk_node *stage)
{
	const struct kk_node *name = kk_node_find(stage, "name");

	if (!name)
		name = kk_node_find(stage, "use");
	return name ? kk_node_text(name) : NULL;
}

static struct kk_node *find_stage(struct setting *setting, const struct kk_node *list)
{
	size_t length = part_length(setting);
	char *word = kk_store_text(setting->document->store, setting->part, length);
	struct kk_nearest near = {.word = word ? word : ""};

	for (struct kk_node *stage = list->first; stage; stage = stage->next) {
		const char *name = stage_name(stage);
		if (goes_on(setting, name)) {
			setting->part += strlen(name);
			return stage;
		}
		kk_nearest_offer(&near, name);
	}
	fail(setting, near.best, "there is no stage \"%.*s\"", setting->part, length);
	return NULL;
}

/* A member that is not there is made: a map if the path goes on behind it, else what gets the value. */
static struct kk_node *find_member(struct setting *setting, struct kk_node *map)
{
	struct kk_store *store = setting->document->store;
	size_t length = part_length(setting);

	for (struct kk_node *member = map->first; member; member = member->next) {
		if (goes_on(setting, member->key)) {
			setting->part += strlen(member->key);
			return member;
		}
	}
	struct kk_node *made = kk_store_alloc(store, sizeof(*made));
	const char *key = kk_store_text(store, setting->part, length);
	if (!made || !key || !length) {
		fail(setting, NULL, length ? "out of memory%.*s" : "a part of the path is empty%.*s", "", 0);
		return NULL;
	}
	*made = (struct kk_node){.kind = KK_NODE_MAP,
	                         .key = key,
	                         .place = place_of(setting, setting->part),
	                         .key_place = place_of(setting, setting->part)};
	made->end = made->place;
	kk_tree_append(map, made);
	setting->part += length;
	return made;
}

/* A map without fields is written as nothing. */
static void make_map(struct kk_node *node)
{
	if (kk_node_blank(node))
		node->kind = KK_NODE_MAP;
}

static struct kk_node *step(struct setting *setting, struct kk_node *node)
{
	make_map(node);
	if (node->kind == KK_NODE_MAP)
		return find_member(setting, node);
	if (node->kind == KK_NODE_SEQUENCE && node->key && strcmp(node->key, "stages") == 0)
		return find_stage(setting, node);
	if (node->kind != KK_NODE_BROKEN)
		fail(setting, NULL, "there is no \"%.*s\": what it would be in is not a map", setting->part,
		     part_length(setting));
	return NULL;
}

/* What stands behind the '='. */
static struct kk_node *make_value(struct setting *setting)
{
	const char *text = setting->equals + 1;
	struct kk_place place = place_of(setting, text);

	if (*text == '[')
		return kk_tree_parse(setting->document, text, strlen(text), place, setting->diagnostics);
	struct kk_node *value = kk_store_alloc(setting->document->store, sizeof(*value));
	const char *copy = kk_store_text(setting->document->store, text, strlen(text));
	setting->part = text;
	if (!value || !copy) {
		fail(setting, NULL, "out of memory%.*s", "", 0);
		return NULL;
	}
	*value = (struct kk_node){.kind = KK_NODE_SCALAR, .text = copy, .plain = true, .place = place};
	value->end = place_of(setting, text + strlen(text));
	kk_tree_expand(setting->document, value, setting->diagnostics);
	return value;
}

void kk_document_set(struct kk_document *document, const char *argument, uint32_t number,
                     struct kk_diagnostics *diagnostics)
{
	const char *equals = strchr(argument, '=');
	struct setting setting = {.document = document,
	                          .diagnostics = diagnostics,
	                          .argument = argument,
	                          .equals = equals ? equals : argument + strlen(argument),
	                          .part = argument,
	                          .number = number};
	struct kk_node *node = document->root;

	if (!equals || equals == argument) {
		fail(&setting, NULL, "this is not PATH=VALUE, as in memory=1GiB%.*s", "", 0);
		return;
	}
	while (node && setting.part < equals) {
		setting.last = setting.part;
		node = step(&setting, node);
		if (setting.part < equals && *setting.part == '.')
			setting.part++;
	}
	struct kk_node *value = node ? make_value(&setting) : NULL;
	if (!value)
		return;
	/* it keeps its place among its siblings, but is what the command line says */
	value->key = node->key;
	value->key_place = place_of(&setting, setting.last);
	value->next = node->next;
	struct kk_node *replaced = kk_store_alloc(document->store, sizeof(*replaced));
	if (!replaced) {
		fail(&setting, NULL, "out of memory%.*s", "", 0);
		return;
	}
	*replaced = *node;
	value->replaced = replaced;
	*node = *value;
}
