/* SPDX-License-Identifier: Apache-2.0 */
#include "config/audit.h"
#include "config/nearest.h"
#include "worker/name.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

struct audit {
	const struct kk_config *config;
	struct kk_diagnostics *diagnostics;
	const char *file; /* the config's, or "-"; NULL if only stages are looked at */
	void *user;       /* what a look_at of its own collects                      */
};

/* One option of a stage with one text of it, which the config gives. */
struct given {
	const struct kk_config_stage *stage;
	const struct kk_option *row;
	const char *text;
	struct kk_place place;
};
typedef void (*look_at)(const struct audit *audit, const struct given *given);

static const struct kk_config_stage *stage_at(const struct kk_config *config, size_t index)
{
	return index ? &config->stages[index - 1] : &config->source;
}

static const char *name_of(const struct kk_config_stage *stage)
{
	return stage->name.text ? stage->name.text : "?";
}

/* Calls `look` for each text that a stage's options of these flags are given. */
static void each_text(const struct audit *audit, const struct kk_config_stage *stage, unsigned flags, look_at look)
{
	for (const struct kk_option *row = stage->stage ? stage->stage->options : NULL; row && row->name; row++) {
		const struct kk_node *node = kk_node_find(stage->with, row->name);
		if (!node || (row->flags & flags) != flags)
			continue;
		bool list = kk_node_kind(node) == KK_NODE_SEQUENCE;
		for (const struct kk_node *one = list ? kk_node_first(node) : node; one;
		     one = list ? kk_node_next(one) : NULL) {
			const char *text = kk_node_text(one);
			if (text && *text)
				look(audit, &(struct given){stage, row, text, kk_node_place(one)});
		}
	}
}

/* ---- files that are read */

/* The name in the same directory that was probably meant. */
static const char *nearest_file(const char *path, char *to, size_t size)
{
	const char *slash = strrchr(path, '/');
	struct kk_nearest near = {.word = slash ? slash + 1 : path};
	int stem = slash ? (int)(slash - path) + 1 : 0;
	struct dirent *entry;
	const char *found = NULL;
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%.*s", stem, path);
	DIR *dir = *near.word ? opendir(stem ? folder : ".") : NULL;
	while (dir && (entry = readdir(dir))) {
		const char *before = near.best;
		kk_nearest_offer(&near, entry->d_name);
		if (near.best == before)
			continue;
		snprintf(to, size, "%.*s%s", stem, path, entry->d_name);
		near.best = found = to;
	}
	if (dir)
		closedir(dir);
	return found;
}

static void look_readable(const struct audit *audit, const struct given *given)
{
	char nearest[PATH_MAX + NAME_MAX];
	struct kk_hint hint = {0};

	if (strcmp(given->text, "-") == 0 || access(given->text, R_OK) == 0)
		return;
	int system = errno;
	if (system == ENOENT)
		hint.nearest = nearest_file(given->text, nearest, sizeof(nearest));
	kk_diagnostic_error(audit->diagnostics, given->place, &hint,
	                    "stage \"%.80s\": option \"%.80s\": cannot read %.200s: %s", name_of(given->stage),
	                    given->row->name, given->text, strerror(system));
}

static void look_stdin(const struct audit *audit, const struct given *given)
{
	if (strcmp(audit->file, "-") == 0 && strcmp(given->text, "-") == 0)
		kk_diagnostic_error(audit->diagnostics, given->place, NULL,
		                    "standard input cannot be both the config and what stage \"%.80s\" reads",
		                    name_of(given->stage));
}

/* ---- files that are written */

/* The directory that must hold a file of this name. */
static void folder_of(const char *path, char *to, size_t size)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) + (slash == path) : 1;

	/* `to` may be `path` */
	memmove(to, slash ? path : ".", length < size ? length : size - 1);
	to[length < size ? length : size - 1] = '\0';
}

/* Why nothing can be made in a directory; 0: it can. In those where the kernel shows what it knows not even root can,
 * whatever their modes say. */
static int folder_error(const char *folder)
{
	struct stat status;
	struct statfs where;

	if (stat(folder, &status) != 0)
		return errno;
	if (!S_ISDIR(status.st_mode))
		return ENOTDIR;
	if (statfs(folder, &where) == 0 && (where.f_type == PROC_SUPER_MAGIC || where.f_type == SYSFS_MAGIC))
		return EPERM;
	return access(folder, W_OK | X_OK) == 0 ? 0 : errno;
}

/* Why a file (or, if it is to be one, a directory) of this name cannot be written; 0: it can. */
static int write_error(const char *path, bool directory)
{
	char folder[PATH_MAX];
	struct stat status;

	if (stat(path, &status) == 0 && directory)
		return folder_error(path);
	if (stat(path, &status) == 0)
		return S_ISDIR(status.st_mode) ? EISDIR : access(path, W_OK) == 0 ? 0 : errno;
	if (errno != ENOENT)
		return errno;
	folder_of(path, folder, sizeof(folder));
	return folder_error(folder);
}

/* Do the names lead to one file, whether it is there yet or not? */
static bool same_file(const char *one, const char *other)
{
	char folders[2][PATH_MAX];
	struct stat status[2];

	if (strcmp(one, other) == 0)
		return true;
	bool there = stat(one, &status[0]) == 0;
	if ((stat(other, &status[1]) == 0) != there)
		return false;
	if (!there) {
		const char *names[2] = {strrchr(one, '/'), strrchr(other, '/')};
		if (strcmp(names[0] ? names[0] + 1 : one, names[1] ? names[1] + 1 : other) != 0)
			return false;
		folder_of(one, folders[0], sizeof(folders[0]));
		folder_of(other, folders[1], sizeof(folders[1]));
		if (stat(folders[0], &status[0]) != 0 || stat(folders[1], &status[1]) != 0)
			return false;
	}
	/* Devices such as /dev/null keep nothing that could be lost. */
	return status[0].st_dev == status[1].st_dev && status[0].st_ino == status[1].st_ino &&
	       (!there || S_ISREG(status[0].st_mode));
}

/* What a stage reads must not be a file that the run begins by emptying. */
static void look_overwritten(const struct audit *audit, const struct given *given)
{
	const struct kk_config_text *reports[] = {&audit->config->errors_file, &audit->config->manifest_file};

	for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++)
		if (reports[i]->text && strcmp(given->text, "-") != 0 && same_file(reports[i]->text, given->text))
			kk_diagnostic_error(audit->diagnostics, reports[i]->place, NULL,
			                    "\"%s\" would overwrite %.200s, which stage \"%.80s\" reads",
			                    i ? "manifest" : "errors", given->text, name_of(given->stage));
}

static void check_written(const struct audit *audit, const char *field, const struct kk_config_text *path,
                          bool directory)
{
	int system = path->text ? write_error(path->text, directory) : 0;

	if (system)
		kk_diagnostic_error(audit->diagnostics, path->place, NULL, "\"%s\": cannot write %.200s: %s", field,
		                    path->text, strerror(system));
	else if (path->text && same_file(path->text, audit->file))
		kk_diagnostic_error(audit->diagnostics, path->place, NULL, "\"%s\" would overwrite the config itself",
		                    field);
}

static void check_reports(const struct audit *audit)
{
	const struct kk_config *config = audit->config;
	const struct kk_config_text *errors = &config->errors_file, *manifest = &config->manifest_file;

	check_written(audit, "errors", errors, false);
	check_written(audit, "manifest", manifest, false);
	check_written(audit, "dead_letter", &config->dead_letter, true);
	if (errors->text && manifest->text && same_file(errors->text, manifest->text))
		kk_diagnostic_error(audit->diagnostics, errors->place, NULL,
		                    "\"errors\" and \"manifest\" are the same file, %.200s", errors->text);
}

/* ---- names of outputs */

/* A pattern whose words are being looked at. */
struct words {
	const struct audit *audit;
	const struct given *given;
	struct kk_nearest near;
};

bool kk_audit_field(const struct kk_config *config, const char *field, struct kk_nearest *near)
{
	for (size_t i = 0; i <= config->stage_count; i++) {
		const struct kk_config_stage *stage = stage_at(config, i);
		if (!stage->stage || (stage->stage->kind != KK_SINK && !stage->demand.fields))
			return true;
		for (const char *const *at = stage->demand.fields; at && *at; at++) {
			if (strcmp(*at, field) == 0)
				return true;
			kk_nearest_offer(near, *at);
		}
	}
	return false;
}

static void look_word(void *user, const char *word, bool known)
{
	struct words *words = user;
	struct kk_nearest near = {.word = word};

	if (known || kk_audit_field(words->audit->config, word, &near))
		return;
	for (size_t i = 0; kk_name_word(i); i++)
		kk_nearest_offer(&near, kk_name_word(i));
	struct kk_hint hint = {.nearest = near.best};
	const char *text = words->given->text, *at = strstr(text, word);
	struct kk_place place =
	    kk_diagnostic_inside(words->audit->diagnostics, words->given->place, text, at ? (size_t)(at - text) : 0);
	kk_diagnostic_error(words->audit->diagnostics, place, &hint,
	                    "stage \"%.80s\": option \"%.80s\": no item has anything called {%.80s}",
	                    name_of(words->given->stage), words->given->row->name, word);
}

static void look_words(const struct audit *audit, const struct given *given)
{
	struct words words = {.audit = audit, .given = given};
	char why[200];

	if (kk_name_check(given->text, why, sizeof(why)) != 0)
		kk_diagnostic_error(audit->diagnostics, given->place, NULL, "stage \"%.80s\": option \"%.80s\": %s",
		                    name_of(given->stage), given->row->name, why);
	else
		kk_name_each(given->text, look_word, &words);
}

/* Where a path's next component begins: more slashes and "./" change nothing. */
static const char *component(const char *at)
{
	while (*at == '/' || (at[0] == '.' && at[1] == '/'))
		at++;
	return at;
}

/* Do two patterns of outputs' names name the same? */
static bool same_names(const char *one, const char *other)
{
	if (strstr(one, "://") || (*one == '/') != (*other == '/'))
		return strcmp(one, other) == 0;
	do {
		one = component(one);
		other = component(other);
		while (*one == *other && *one && *one != '/')
			one++, other++;
	} while (*one == '/' && *other == '/');
	return *one == *other;
}

static const char *other_pattern(const struct kk_config_stage *stage, const struct kk_option *row)
{
	const struct kk_node *node = stage->with ? kk_node_find(stage->with, row->name) : NULL;

	return node ? kk_node_text(node) : NULL;
}

/* A pattern that is no URL is a path: can the directories be made that it begins with? */
static void look_folder(const struct audit *audit, const struct given *given)
{
	size_t fixed = strcspn(given->text, "{");
	char folder[PATH_MAX];
	struct stat status;

	if (strstr(given->text, "://") || fixed >= sizeof(folder))
		return;
	snprintf(folder, sizeof(folder), "%.*s", (int)fixed, given->text);
	do
		folder_of(folder, folder, sizeof(folder));
	while (stat(folder, &status) != 0 && errno == ENOENT && strcmp(folder, ".") != 0);
	int system = folder_error(folder);
	if (system)
		kk_diagnostic_error(audit->diagnostics, given->place, NULL,
		                    "stage \"%.80s\": option \"%.80s\": cannot write into %.200s: %s",
		                    name_of(given->stage), given->row->name, folder, strerror(system));
}

/* Two stages that write what is called the same overwrite each other's. With `when:` each may have its own items. */
static void look_twin(const struct audit *audit, const struct given *given)
{
	const struct kk_config *config = audit->config;

	for (const struct kk_config_stage *stage = config->stages; stage < given->stage; stage++) {
		const char *other = other_pattern(stage, given->row);
		if (!other || stage->stage != given->stage->stage || !same_names(other, given->text) ||
		    (stage->when.text && given->stage->when.text))
			continue;
		kk_diagnostic_error(audit->diagnostics, given->place, NULL,
		                    "stage \"%.80s\": option \"%.80s\" is the same as that of stage \"%.80s\" on line "
		                    "%u: each would overwrite what the other writes",
		                    name_of(given->stage), given->row->name, name_of(stage),
		                    kk_node_place(kk_node_find(stage->with, given->row->name)).line);
		break;
	}
}

/* The first `fixed` bytes of a path, as far as that is there, without links. */
static bool resolve(const char *path, size_t fixed, char to[PATH_MAX])
{
	char folder[PATH_MAX];

	if (fixed >= sizeof(folder))
		return false;
	snprintf(folder, sizeof(folder), "%.*s", (int)fixed, path);
	while (!realpath(folder, to)) {
		if (errno != ENOENT || strcmp(folder, ".") == 0 || strcmp(folder, "/") == 0)
			return false;
		folder_of(folder, folder, sizeof(folder));
	}
	return true;
}

static bool lies_in(const char *path, const char *folder)
{
	size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

	return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool has_filter(const struct kk_config_stage *source)
{
	for (const struct kk_option *row = source->stage->options; row && row->name; row++) {
		const struct kk_node *node =
		    row->flags & KK_OPTION_FILTER ? kk_node_find(source->with, row->name) : NULL;
		const char *text = node ? kk_node_text(node) : NULL;
		if (node && (row->type != KK_OPTION_BOOL || (text && strcmp(text, "true") != 0)))
			return true;
	}
	return false;
}

/* An output and the directories that the source goes through. */
struct into {
	char folder[PATH_MAX];
	const char *input; /* the directory that the output lies in, or NULL */
};

static void look_into(const struct audit *audit, const struct given *given)
{
	struct into *into = audit->user;
	char folder[PATH_MAX];
	struct stat status;

	if (!into->input && stat(given->text, &status) == 0 && S_ISDIR(status.st_mode) &&
	    realpath(given->text, folder) && lies_in(into->folder, folder))
		into->input = given->text;
}

/* What is written where the source reads is the input of the next run, and may replace what it was made from. Who has
 * narrowed what the source takes has seen to that. */
static void look_at_source(const struct audit *audit, const struct given *given)
{
	const struct kk_config_stage *source = &audit->config->source;
	struct into into = {.input = NULL};
	struct audit inner = *audit;
	size_t fixed = strcspn(given->text, "{");

	while (fixed > 0 && given->text[fixed] == '{' && given->text[fixed - 1] != '/')
		fixed--;
	if (!source->stage || has_filter(source) || strstr(given->text, "://") ||
	    !resolve(fixed ? given->text : ".", fixed ? fixed : 1, into.folder))
		return;
	inner.user = &into;
	each_text(&inner, source, KK_OPTION_PATH, look_into);
	if (into.input)
		kk_diagnostic_error(
		    audit->diagnostics, given->place, NULL,
		    "stage \"%.80s\": option \"%.80s\" writes into %.200s, from which the source reads: "
		    "write elsewhere, or say what the source takes or excludes",
		    name_of(given->stage), given->row->name, into.input);
}

size_t kk_audit_files(const struct kk_config_stage *stage, struct kk_diagnostics *diagnostics)
{
	size_t before = kk_diagnostics_count(diagnostics);

	each_text(&(struct audit){.diagnostics = diagnostics}, stage, KK_OPTION_PATH | KK_OPTION_EXISTS, look_readable);
	return kk_diagnostics_count(diagnostics) - before;
}

void kk_audit(const struct kk_config *config, const char *file, struct kk_diagnostics *diagnostics)
{
	struct audit audit = {.config = config, .diagnostics = diagnostics, .file = file};

	for (size_t i = 0; i <= config->stage_count; i++) {
		const struct kk_config_stage *stage = stage_at(config, i);
		each_text(&audit, stage, KK_OPTION_PATH, look_stdin);
		each_text(&audit, stage, KK_OPTION_PATH, look_overwritten);
		each_text(&audit, stage, KK_OPTION_NAMES, look_words);
		each_text(&audit, stage, KK_OPTION_NAMES, look_folder);
		each_text(&audit, stage, KK_OPTION_NAMES, look_twin);
		each_text(&audit, stage, KK_OPTION_NAMES, look_at_source);
	}
	check_reports(&audit);
}
