/* SPDX-License-Identifier: Apache-2.0 */
#include "config/module.h"
#include "config/nearest.h"
#include "config/option.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX   ".so"
#define MAX_DIRS 32
#define MAX_NAME 100

const char *kk_module_kind(enum kk_stage_kind kind)
{
	static const char *const kinds[] = {[KK_SOURCE] = "source", [KK_TRANSFORM] = "transform", [KK_SINK] = "sink"};

	return kinds[kind];
}

/* Where stages are looked for, in this order. */
struct search {
	char dir[MAX_DIRS][PATH_MAX];
	size_t count;
};

static void add_dir(struct search *search, const char *path, size_t length)
{
	if (!length || length >= PATH_MAX || search->count == MAX_DIRS)
		return;
	memcpy(search->dir[search->count], path, length);
	search->dir[search->count++][length] = '\0';
}

/* `way` leads from the program's directory to the stages, so that an installed tree can be moved. */
static void add_from_program(struct search *search, const char *way)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (length <= 0)
		return;
	path[length] = '\0';
	char *slash = strrchr(path, '/');
	if (!slash || (size_t)(slash - path) + strlen(way) + 2 > sizeof(path))
		return;
	memcpy(slash + 1, way, strlen(way) + 1);
	add_dir(search, path, strlen(path));
}

/* The caller frees the result; NULL: out of memory. */
static struct search *find_dirs(void)
{
	struct search *search = calloc(1, sizeof(*search));
	const char *at = getenv(KK_MODULE_VARIABLE);

	if (!search)
		return NULL;
	while (at && *at) {
		size_t length = strcspn(at, ":");
		add_dir(search, at, length);
		at += length + (at[length] == ':');
	}
	add_from_program(search, "stages");
	add_from_program(search, KAKEHI_STAGES_FROM_PROGRAM);
	return search;
}

static bool is_module_name(const char *file)
{
	size_t length = strlen(file), suffix = strlen(SUFFIX);

	return length > suffix && length < MAX_NAME && strcmp(file + length - suffix, SUFFIX) == 0;
}

/* ---- finding */

static void offer_names(const struct search *search, struct kk_nearest *nearest, char *kept, size_t size)
{
	for (size_t i = 0; i < search->count; i++) {
		DIR *dir = opendir(search->dir[i]);
		struct dirent *entry;
		while (dir && (entry = readdir(dir))) {
			char name[MAX_NAME];
			if (!is_module_name(entry->d_name))
				continue;
			snprintf(name, sizeof(name), "%.*s", (int)(strlen(entry->d_name) - strlen(SUFFIX)),
			         entry->d_name);
			const char *before = nearest->best;
			kk_nearest_offer(nearest, name);
			if (nearest->best != before) {
				snprintf(kept, size, "%s", name);
				nearest->best = kept;
			}
		}
		if (dir)
			closedir(dir);
	}
}

static int not_found(const struct search *search, const char *use, char *nearest, size_t nearest_size,
                     struct kk_error *error)
{
	struct kk_nearest best = {.word = use};

	if (nearest)
		offer_names(search, &best, nearest, nearest_size);
	return kk_error_set(error, KK_ERR_MISSING, "there is no stage \"%.80s\"; `kakehi list` shows all there are",
	                    use);
}

static int find_by_name(const char *use, char **path, char *nearest, size_t nearest_size, struct kk_error *error)
{
	struct search *search = find_dirs();
	int status = KK_ERR_MISSING;

	if (!search)
		return kk_error_set(error, KK_ERR_MEMORY, "%s", kk_status_text(KK_ERR_MEMORY));
	for (size_t i = 0; i < search->count && !*path; i++) {
		char file[PATH_MAX + MAX_NAME + sizeof(SUFFIX) + 1];
		snprintf(file, sizeof(file), "%s/%s%s", search->dir[i], use, SUFFIX);
		*path = realpath(file, NULL);
	}
	status = *path ? KK_OK : not_found(search, use, nearest, nearest_size, error);
	free(search);
	return status;
}

int kk_module_find(const char *use, char **path, char *nearest, size_t nearest_size, struct kk_error *error)
{
	*path = NULL;
	if (nearest && nearest_size)
		nearest[0] = '\0';
	if (strchr(use, '/')) {
		*path = realpath(use, NULL);
		return *path ? KK_OK
		             : kk_error_set(error, KK_ERR_MISSING, "cannot open the stage \"%.200s\": %s", use,
		                            strerror(errno));
	}
	if (!*use || strlen(use) >= MAX_NAME - strlen(SUFFIX) || use[0] == '.')
		return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" cannot be the name of a stage", use);
	return find_by_name(use, path, nearest, nearest_size, error);
}

/* ---- loading */

/* Which callbacks a stage of each kind must have, and must not. */
static const char *wrong_callbacks(const struct kk_stage *stage)
{
	bool some = stage->submit || stage->poll || stage->wait;
	bool all = stage->submit && stage->poll && stage->wait;

	if (stage->kind == KK_SOURCE)
		return !stage->next             ? "a source needs `next`"
		       : stage->process || some ? "a source has `next`, not `process` or `submit`"
		                                : NULL;
	if (stage->next)
		return "only a source has `next`";
	if (stage->process && some)
		return "it has both `process` and `submit`, `poll` or `wait`";
	if (some && !all)
		return "`submit`, `poll` and `wait` go together";
	return stage->process || all ? NULL : "it has neither `process` nor `submit`";
}

static int check_stage(const struct kk_stage *stage, const char *path, struct kk_error *error)
{
	struct kk_error why = {0};

	if (stage->abi_version != KK_STAGE_ABI)
		return kk_error_set(error, KK_ERR_VERSION,
		                    "%s: built for stage ABI %u, this program has %d: build it again", path,
		                    stage->abi_version, KK_STAGE_ABI);
	if (stage->struct_size != sizeof(struct kk_stage) || stage->option_size != sizeof(struct kk_option))
		return kk_error_set(error, KK_ERR_VERSION,
		                    "%s: its structs have other sizes than ABI %d says: build it again", path,
		                    KK_STAGE_ABI);
	if (!stage->name || !*stage->name || !stage->text)
		return kk_error_set(error, KK_ERR_INVALID, "%s: the stage has no name or no text", path);
	if (stage->kind < KK_SOURCE || stage->kind > KK_SINK)
		return kk_error_set(error, KK_ERR_INVALID, "%s: stage \"%.80s\" has the unknown kind %d", path,
		                    stage->name, (int)stage->kind);
	if (wrong_callbacks(stage))
		return kk_error_set(error, KK_ERR_INVALID, "%s: stage \"%.80s\": %s", path, stage->name,
		                    wrong_callbacks(stage));
	if (kk_options_check_rows(stage->options, stage->options_size, &why) != KK_OK)
		return kk_error_set(error, KK_ERR_INVALID, "%s: stage \"%.80s\": %s", path, stage->name, why.text);
	return KK_OK;
}

int kk_module_load(const char *path, const struct kk_stage **stage, struct kk_error *error)
{
	*stage = NULL;
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return kk_error_set(error, KK_ERR_MISSING, "cannot load the stage: %s", dlerror());
	const struct kk_stage *found = dlsym(handle, "kk_stage");
	if (!found)
		return kk_error_set(error, KK_ERR_INVALID, "%s: no stage: it does not export kk_stage", path);
	int status = check_stage(found, path, error);
	if (status == KK_OK)
		*stage = found;
	return status;
}

/* ---- listing */

static bool listed(const struct kk_module *list, size_t count, const char *file)
{
	for (size_t i = 0; i < count; i++) {
		const char *slash = strrchr(list[i].path, '/');
		if (strcmp(slash ? slash + 1 : list[i].path, file) == 0)
			return true;
	}
	return false;
}

static int add_module(struct kk_module **list, size_t *count, const char *dir, const char *file)
{
	struct kk_module *more = realloc(*list, (*count + 1) * sizeof(**list));
	char path[PATH_MAX + 256];

	if (!more)
		return KK_ERR_MEMORY;
	*list = more;
	struct kk_module *module = &more[*count];
	*module = (struct kk_module){0};
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	module->path = strdup(path);
	if (!module->path)
		return KK_ERR_MEMORY;
	++*count;
	kk_module_load(path, &module->stage, &module->error);
	return KK_OK;
}

static int add_modules(struct kk_module **list, size_t *count, const char *dir)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	int status = KK_OK;

	while (stream && status == KK_OK && (entry = readdir(stream))) {
		if (entry->d_name[0] != '.' && is_module_name(entry->d_name) && !listed(*list, *count, entry->d_name))
			status = add_module(list, count, dir, entry->d_name);
	}
	if (stream)
		closedir(stream);
	return status;
}

static int by_name(const void *left, const void *right)
{
	const struct kk_module *a = left, *b = right;

	return strcmp(a->stage ? a->stage->name : a->path, b->stage ? b->stage->name : b->path);
}

int kk_module_list(struct kk_module **list, size_t *count, struct kk_error *error)
{
	struct search *search = find_dirs();
	int status = search ? KK_OK : KK_ERR_MEMORY;

	*list = NULL;
	*count = 0;
	for (size_t i = 0; search && i < search->count && status == KK_OK; i++)
		status = add_modules(list, count, search->dir[i]);
	free(search);
	if (status != KK_OK) {
		kk_module_list_free(*list, *count);
		*list = NULL;
		*count = 0;
		return kk_error_set(error, status, "%s", kk_status_text(status));
	}
	if (*count)
		qsort(*list, *count, sizeof(**list), by_name);
	return KK_OK;
}

void kk_module_list_free(struct kk_module *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i].path);
	free(list);
}
