/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

enum { SUFFIX_MAX = 32, NAME_MAX_BYTES = 64, ID_BYTES = 64 };

/* A list that is closed by NULL and owns its texts. */
struct texts {
	char **at;
	size_t count, room;
};

struct command {
	const struct kk_strings *args, *env;
	char in[SUFFIX_MAX + 4], out[SUFFIX_MAX + 4]; /* empty: they do not occur */
	struct texts argv, environment;
};

/* ---- finding */

static bool may_be_run(const char *path)
{
	struct stat status;

	/* Directories have that permission, too. */
	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

int command_find(const char *name, const char *path, char *to, size_t size)
{
	size_t name_bytes = strlen(name);
	if (strchr(name, '/')) {
		char *whole = realpath(name, NULL);
		int length = whole ? snprintf(to, size, "%s", whole) : -1;
		free(whole);
		return length >= 0 && (size_t)length < size && may_be_run(to) ? 0 : -1;
	}
	for (const char *at = path && *path ? path : DEFAULT_PATH; *at;) {
		size_t bytes = strcspn(at, ":");
		if (*at == '/' && bytes + 1 + name_bytes < size) {
			memcpy(to, at, bytes);
			to[bytes] = '/';
			memcpy(to + bytes + 1, name, name_bytes + 1);
			if (may_be_run(to))
				return 0;
		}
		at += bytes + (at[bytes] == ':');
	}
	return -1;
}

/* ---- placeholders */

/* Does a placeholder such as {in} or {in.jpg} begin here? Its length, and its suffix with the dot; 0: no. */
static size_t placeholder(const char *at, const char *name, char *suffix)
{
	size_t bytes = strlen(name), used = 0;
	suffix[0] = 0;
	if (at[0] != '{' || strncmp(at + 1, name, bytes) != 0)
		return 0;
	const char *rest = at + 1 + bytes;
	if (*rest == '.')
		while (used < SUFFIX_MAX - 1 && (rest[used] == '.' || isalnum((unsigned char)rest[used]) ||
		                                 rest[used] == '_' || rest[used] == '-'))
			used++;
	if (rest[used] != '}')
		return 0;
	memcpy(suffix, rest, used);
	suffix[used] = 0;
	return 1 + bytes + used + 1;
}

static void note_file(char *file, const char *at, const char *name)
{
	char suffix[SUFFIX_MAX];
	if (file[0] == 0 && placeholder(at, name, suffix))
		snprintf(file, SUFFIX_MAX + 4, "%s%s", name, suffix);
}

static void note_files(struct command *command)
{
	for (size_t i = 0; i < command->args->count; i++) {
		for (const char *at = command->args->at[i]; (at = strchr(at, '{')); at++) {
			note_file(command->in, at, "in");
			note_file(command->out, at, "out");
		}
	}
}

/* ---- lists of texts */

static void clear(struct texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->at[i]);
	texts->count = 0;
}

/* Takes over `text`, which may be NULL for want of memory. */
static int add(struct texts *texts, char *text)
{
	if (texts->count + 1 >= texts->room && text) {
		size_t room = texts->room ? 2 * texts->room : 16;
		char **at = realloc(texts->at, room * sizeof(*at));
		if (!at) {
			free(text);
			return -1;
		}
		texts->at = at;
		texts->room = room;
	}
	if (!text)
		return -1;
	texts->at[texts->count++] = text;
	texts->at[texts->count] = NULL;
	return 0;
}

static int add_variable(struct texts *texts, const char *name, const char *value)
{
	char *text = malloc(strlen(name) + strlen(value) + 2);
	if (text)
		sprintf(text, "%s=%s", name, value);
	return add(texts, text);
}

static int add_number(struct texts *texts, const char *name, uint64_t number)
{
	char text[24];
	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	return add_variable(texts, name, text);
}

/* ---- one item */

struct facts {
	const char *dir, *in, *out;
	char id[ID_BYTES];
};

/* What a placeholder at `at` stands for, as up to two texts; the length of the placeholder, 0: there is none. */
static size_t meaning(const struct facts *facts, const char *at, const char **dir, const char **name)
{
	char suffix[SUFFIX_MAX];
	size_t length = placeholder(at, "in", suffix);
	*dir = facts->dir;
	*name = facts->in;
	if (length)
		return length;
	*name = facts->out;
	length = placeholder(at, "out", suffix);
	if (length)
		return length;
	*dir = "";
	*name = facts->id;
	return strncmp(at, "{id}", 4) == 0 && facts->id[0] ? 4 : 0;
}

static char *filled(const char *arg, const struct facts *facts)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&text, &bytes);
	if (!to)
		return NULL;
	while (*arg) {
		const char *dir, *name;
		size_t length = meaning(facts, arg, &dir, &name);
		if (length)
			fprintf(to, "%s%s%s", dir, *dir ? "/" : "", name);
		else
			fputc(*arg, to);
		arg += length ? length : 1;
	}
	if (fclose(to) != 0) {
		free(text);
		text = NULL;
	}
	return text;
}

/* KAKEHI_FIELD_WIDTH for "width"; what no variable's name can have becomes "_". */
static int add_field(struct texts *texts, const char *name, const char *value)
{
	char variable[NAME_MAX_BYTES];
	int length = snprintf(variable, sizeof(variable), "KAKEHI_FIELD_%s", name);
	for (int i = 0; i < length && i < (int)sizeof(variable) - 1; i++)
		variable[i] = isalnum((unsigned char)variable[i]) ? (char)toupper((unsigned char)variable[i]) : '_';
	return add_variable(texts, variable, value);
}

static int add_facts(struct texts *texts, const struct kk_item *item, const char *id, const struct kk_strings *fields)
{
	int bad = add_variable(texts, "KAKEHI_KEY", item->key ? item->key : "");
	bad |= add_variable(texts, "KAKEHI_ID", id);
	bad |= add_number(texts, "KAKEHI_SEQUENCE", item->sequence);
	bad |= add_number(texts, "KAKEHI_SIZE", item->size);
	for (size_t i = 0; i < fields->count; i++) {
		const char *value = kk_field(item, fields->at[i]);
		if (value)
			bad |= add_field(texts, fields->at[i], value);
	}
	return bad;
}

static int fill_environment(struct command *command, const struct kk_context *context)
{
	static const char *const handed_on[] = {"PATH", "LANG", "TZ"};
	struct texts *texts = &command->environment;
	int bad = 0;
	clear(texts);
	/* The first of a name counts for most programs. */
	for (size_t i = 0; i < command->env->count; i++)
		bad |= add(texts, strdup(command->env->at[i]));
	for (size_t i = 0; i < sizeof(handed_on) / sizeof(handed_on[0]); i++) {
		const char *value = getenv(handed_on[i]);
		if (value || i == 0)
			bad |= command_set(command, handed_on[i], value ? value : DEFAULT_PATH);
	}
	bad |= add_variable(texts, "KAKEHI_STAGE", context->stage);
	bad |= add_number(texts, "KAKEHI_WORKER", context->worker);
	return bad;
}

int command_fill(struct command *command, const struct kk_context *context, const struct kk_item *item, const char *dir,
                 const struct kk_strings *fields)
{
	struct facts facts = {.dir = dir, .in = command->in, .out = command->out};
	int bad = fill_environment(command, context);
	if (item) {
		if (kk_expand(item, "{id}", facts.id, sizeof(facts.id)) < 0)
			facts.id[0] = 0;
		bad |= add_facts(&command->environment, item, facts.id, fields);
	}
	clear(&command->argv);
	for (size_t i = 0; i < command->args->count; i++)
		bad |= add(&command->argv, filled(command->args->at[i], &facts));
	return bad ? -1 : 0;
}

int command_set(struct command *command, const char *name, const char *value)
{
	size_t bytes = strlen(name);
	for (size_t i = 0; i < command->environment.count; i++)
		if (strncmp(command->environment.at[i], name, bytes) == 0 && command->environment.at[i][bytes] == '=')
			return 0;
	return add_variable(&command->environment, name, value);
}

/* ---- the whole */

int command_env_ok(const char *element)
{
	size_t bytes = strcspn(element, "=");
	if (element[bytes] != '=' || bytes == 0 || isdigit((unsigned char)element[0]))
		return 0;
	for (size_t i = 0; i < bytes; i++)
		if (!isalnum((unsigned char)element[i]) && element[i] != '_')
			return 0;
	return 1;
}

struct command *command_new(const struct kk_strings *args, const struct kk_strings *env)
{
	struct command *command = calloc(1, sizeof(*command));
	if (!command)
		return NULL;
	command->args = args;
	command->env = env;
	note_files(command);
	return command;
}

void command_free(struct command *command)
{
	if (!command)
		return;
	clear(&command->argv);
	clear(&command->environment);
	free(command->argv.at);
	free(command->environment.at);
	free(command);
}

const char *command_in(const struct command *command)
{
	return command->in[0] ? command->in : NULL;
}

const char *command_out(const struct command *command)
{
	return command->out[0] ? command->out : NULL;
}

const char *const *command_argv(const struct command *command)
{
	return (const char *const *)command->argv.at;
}

const char *const *command_environment(const struct command *command)
{
	return (const char *const *)command->environment.at;
}
