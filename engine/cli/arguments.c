/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"
#include "cli/verb.h"
#include "config/nearest.h"
#include "config/quantity.h"
#include <string.h>

#define MAX_SHARDS 1000000

/* ---- what each option does */

static const char *take_set(struct kk_asked *asked, const char *word)
{
	if (asked->describe.set_count == KK_ARGUMENTS_MAX_SETS)
		return "given 1000 times at most";
	asked->describe.sets = asked->sets;
	asked->sets[asked->describe.set_count++] = word;
	return strchr(word, '=') ? NULL : "PATH=VALUE, such as stages.thumb.with.width=128";
}

static const char *take_limit(struct kk_asked *asked, const char *word)
{
	int status = kk_quantity_unsigned(word, &asked->describe.selection.limit, NULL);

	return status == KK_OK && asked->describe.selection.limit ? NULL : "a number of items from 1";
}

static const char *take_shard(struct kk_asked *asked, const char *word)
{
	struct kk_selection *selection = &asked->describe.selection;
	const char *slash = strchr(word, '/');
	uint64_t shard = 0, shards = 0;
	char part[16] = "";

	if (slash && (size_t)(slash - word) < sizeof(part))
		memcpy(part, word, (size_t)(slash - word));
	if (kk_quantity_unsigned(part, &shard, NULL) != KK_OK ||
	    kk_quantity_unsigned(slash + 1, &shards, NULL) != KK_OK || shard < 1 || shard > shards ||
	    shards > MAX_SHARDS)
		return "one part of several, such as 2/8";
	selection->shard = (uint32_t)shard;
	selection->shards = (uint32_t)shards;
	return NULL;
}

static const char *take_only(struct kk_asked *asked, const char *word)
{
	asked->describe.selection.only = word;
	return *word ? NULL : "the key of an item";
}

static const char *take_level(struct kk_asked *asked, const char *word)
{
	static const char *const words[] = {
	    [KK_LOG_ERROR] = "error", [KK_LOG_WARNING] = "warning", [KK_LOG_INFO] = "info", [KK_LOG_DEBUG] = "debug"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(word, words[i]) != 0)
			continue;
		asked->level = (enum kk_log_level)i;
		return NULL;
	}
	return "one of error, warning, info, debug";
}

static const char *take_quiet(struct kk_asked *asked, const char *word)
{
	(void)word;
	asked->quiet = true;
	return NULL;
}

static const char *take_json(struct kk_asked *asked, const char *word)
{
	(void)word;
	asked->json = true;
	return NULL;
}

static const char *take_dry_run(struct kk_asked *asked, const char *word)
{
	(void)word;
	asked->dry_run = true;
	return NULL;
}

#define SET_ARGUMENT                                                                                                   \
	{                                                                                                              \
		"set", NULL, "PATH=VALUE", "change the config, as in --set stages.thumb.with.width=128", take_set      \
	}

const struct kk_argument kk_arguments_config[] = {SET_ARGUMENT, {0}};
const struct kk_argument kk_arguments_none[] = {{0}};
const struct kk_argument kk_arguments_run[] = {
    {"dry-run", "n", NULL, "print the plan; start nothing, use no memory", take_dry_run},
    SET_ARGUMENT,
    {"limit", NULL, "N", "stop after N items of the source", take_limit},
    {"shard", NULL, "I/N", "only part I (1 ..) of N: machines that share a list take one each", take_shard},
    {"only", NULL, "KEY", "only the item with this key", take_only},
    {"log-level", NULL, "LEVEL", "error, warning, info (the default) or debug", take_level},
    {"quiet", "q", NULL, "no progress and no summary", take_quiet},
    {"json", NULL, NULL, "events as NDJSON on standard output", take_json},
    {0},
};

/* ---- the command line */

static bool is_called(const char *name, const char *word, size_t length)
{
	return name && strlen(name) == length && strncmp(name, word, length) == 0;
}

/* The option that `word` (with its dashes) names, or NULL after saying so. *value stands behind its '=', if any. */
static const struct kk_argument *find(const struct kk_argument *rows, const char *verb, const char *word,
                                      const char **value)
{
	const char *name = word + strspn(word, "-");
	size_t length = strcspn(name, "=");
	char asked[64], nearest[66];
	struct kk_nearest near = {.word = asked};

	snprintf(asked, sizeof(asked), "%.*s", (int)(length < sizeof(asked) ? length : sizeof(asked) - 1), name);
	for (const struct kk_argument *row = rows; row->name; row++) {
		*value = name[length] == '=' ? name + length + 1 : NULL;
		if (word[1] == '-' ? is_called(row->name, name, length) : is_called(row->alias, name, length))
			return row;
		kk_nearest_offer(&near, row->name);
	}
	fprintf(stderr, "kakehi %s: there is no option \"%s\"\n", verb, word);
	if (near.best) {
		snprintf(nearest, sizeof(nearest), "--%.60s", near.best);
		fprintf(stderr, "        did you mean \"%s\"?\n", nearest);
	}
	fprintf(stderr, "        `kakehi help %s` lists them all\n", verb);
	return NULL;
}

/* Takes the option at argv[*at], and its value. */
static int take_option(struct kk_asked *asked, const struct kk_argument *rows, int argc, char **argv, int *at)
{
	const char *word = argv[*at], *value = NULL;
	const struct kk_argument *row = find(rows, argv[0], word, &value);

	if (!row)
		return -1;
	if (row->value && !value && ++*at < argc)
		value = argv[*at];
	if (!row->value != !value) {
		fprintf(stderr, row->value ? "kakehi %s: --%s needs its %s\n" : "kakehi %s: --%s takes no value\n",
		        argv[0], row->name, row->value);
		return -1;
	}
	const char *wanted = row->take(asked, value);
	if (wanted)
		fprintf(stderr, "kakehi %s: --%s is %s, not \"%s\"\n", argv[0], row->name, wanted, value);
	return wanted ? -1 : 0;
}

static int check_count(const struct kk_asked *asked, int least, int most, const char *verb)
{
	if (asked->operand_count >= least && (most < 0 || asked->operand_count <= most))
		return 0;
	if (asked->operand_count > most && most >= 0)
		fprintf(stderr, "kakehi %s: unexpected argument \"%s\"\n", verb, asked->operands[most]);
	const struct kk_verb *row = kk_verb_find(verb, NULL);
	if (row)
		fprintf(stderr, "usage: kakehi %s%s%s\n", verb, *row->arguments ? " " : "", row->arguments);
	return -1;
}

int kk_arguments_read(struct kk_asked *asked, const struct kk_argument *rows, int least, int most, int argc,
                      char **argv)
{
	bool options = true;

	/* the operands are gathered at the front of argv, which they never overtake */
	asked->operands = argv + 1;
	for (int i = 1; i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0)
			options = false;
		else if (!options || argv[i][0] != '-' || !argv[i][1])
			asked->operands[asked->operand_count++] = argv[i];
		else if (take_option(asked, rows, argc, argv, &i) != 0)
			return -1;
	}
	return check_count(asked, least, most, argv[0]);
}

void kk_arguments_help(const struct kk_argument *rows, FILE *to)
{
	for (const struct kk_argument *row = rows; row->name; row++) {
		char left[80];
		snprintf(left, sizeof(left), "%s%s%s--%s%s%s", row->alias ? "-" : "", row->alias ? row->alias : "",
		         row->alias ? ", " : "", row->name, row->value ? " " : "", row->value ? row->value : "");
		fprintf(to, "  %-18s %s\n", left, row->text);
	}
}
