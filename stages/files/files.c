/* SPDX-License-Identifier: Apache-2.0 */
/* files - source: an item per regular file, found by path, in directories and by patterns. The key is the path.
 *
 * The order is that of `paths`, then by the bytes of the names, depth first: the same files always come in the same
 * order. A file or directory that cannot be read fails as one item. What is no regular file - a pipe, a device, a
 * socket - is never opened: it is passed over, or fails if `paths` names it. Names are bytes: a key may have any that a
 * file's name may have.
 *
 * Position: `at` counts the files so far, `extra` is a hash of the last one's path, so that files that came or went
 * before it do not shift the place where the next run goes on.
 */
#include "../whole/whole.h"
#include "walk.h"
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <inttypes.h>
#include <kakehi/stage.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct files_options {
	struct kk_strings paths, types, include, exclude;
	uint64_t min_bytes, max_bytes;
	int symlinks;
	bool recursive, content, hidden;
};

struct files {
	size_t path;  /* of options->paths: the next to be looked at     */
	glob_t found; /* what the last one stands for                    */
	size_t start; /* of `found`: the next to be walked               */
	struct walk walk;
	uint64_t count; /* files so far                                  */
};

static const char *const symlinks_words[] = {
    [WALK_LINKS_TO_FILES] = "files", [WALK_LINKS_ALL] = "follow", [WALK_LINKS_NONE] = "skip", NULL};

#define AT(field) offsetof(struct files_options, field)
static const struct kk_option rows[] = {
    {.name = "paths",
     .type = KK_OPTION_LIST,
     .flags = KK_OPTION_REQUIRED | KK_OPTION_AFFECTS_OUTPUT | KK_OPTION_PATH,
     .at = AT(paths),
     .text = "Files, directories and patterns (* ? [a-z]) to take."},
    {.name = "recursive",
     .type = KK_OPTION_BOOL,
     .flags = KK_OPTION_AFFECTS_OUTPUT | KK_OPTION_FILTER,
     .at = AT(recursive),
     .def = "true",
     .text = "Go into the directories beneath a directory too."},
    {.name = "types",
     .type = KK_OPTION_LIST,
     .flags = KK_OPTION_AFFECTS_OUTPUT | KK_OPTION_FILTER,
     .at = AT(types),
     .def = "",
     .text = "Take only files with these suffixes (jpg, .png), in capitals or not; empty: all."},
    {.name = "include",
     .type = KK_OPTION_LIST,
     .flags = KK_OPTION_AFFECTS_OUTPUT | KK_OPTION_FILTER,
     .at = AT(include),
     .def = "",
     .text = "Take only files that match one of these patterns; empty: all. A pattern without a slash is about the "
             "name, one with a slash about the path beneath the directory named, where * also matches slashes."},
    {.name = "exclude",
     .type = KK_OPTION_LIST,
     .flags = KK_OPTION_AFFECTS_OUTPUT | KK_OPTION_FILTER,
     .at = AT(exclude),
     .def = "",
     .text = "Pass over files, and directories with all in them, that match one of these patterns."},
    {.name = "symlinks",
     .type = KK_OPTION_ENUM,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(symlinks),
     .def = "files",
     .words = symlinks_words,
     .text = "Symbolic links beneath a directory: files: follow those to files; follow: those to directories too; "
             "skip: none."},
    {.name = "min_bytes",
     .type = KK_OPTION_SIZE,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(min_bytes),
     .def = "0",
     .min = 0,
     .max = 1099511627776.0,
     .unit = "bytes",
     .text = "Skip files smaller than this."},
    {.name = "max_bytes",
     .type = KK_OPTION_SIZE,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(max_bytes),
     .def = "50MiB",
     .min = 1,
     .max = 1099511627776.0,
     .unit = "bytes",
     .text = "Fail files larger than this."},
    {.name = "content",
     .type = KK_OPTION_BOOL,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(content),
     .def = "true",
     .text = "Read the files; false: the items have only their path as key."},
    {.name = "hidden",
     .type = KK_OPTION_BOOL,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(hidden),
     .def = "false",
     .text = "Take files and directories whose names start with a dot too."},
    {0},
};
#undef AT

/* expand - what a path of the config stands for: itself if it exists or is no pattern. Like glob(3), sorted. */
static int expand(const char *path, glob_t *found)
{
	struct stat status;
	bool pattern = lstat(path, &status) != 0 && strpbrk(path, "*?[") != NULL;
	*found = (glob_t){0};
	return glob(path, pattern ? 0 : GLOB_NOCHECK | GLOB_NOESCAPE, NULL, found);
}

static int files_plan(const void *options, struct kk_demand *demand, char *why, size_t why_size)
{
	static const char *const fields[] = {NULL};
	const struct files_options *o = options;
	for (size_t i = 0; i < o->paths.count; i++) {
		glob_t found;
		struct stat status;
		int result = expand(o->paths.at[i], &found);
		bool there = result == 0 && lstat(found.gl_pathv[0], &status) == 0;
		globfree(&found);
		if (!there) {
			snprintf(why, why_size, "\"%.200s\" matches nothing: %s", o->paths.at[i],
			         result == 0 ? strerror(errno) : "no such file or directory");
			return -1;
		}
	}
	if (o->paths.count == 0) {
		snprintf(why, why_size, "paths is empty");
		return -1;
	}
	demand->fields = fields;
	if (o->min_bytes > o->max_bytes) {
		snprintf(why, why_size, "min_bytes is above max_bytes");
		return -1;
	}
	/* What one path stands for has no file twice; two paths may. */
	demand->unique = o->paths.count == 1;
	demand->largest = o->content ? o->max_bytes : 0;
	demand->needs |= KK_NEED_READ;
	return 0;
}

/* has_type - does the path have one of the suffixes wanted? */
static bool has_type(const struct files_options *o, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t length = strlen(name);
	for (size_t i = 0; i < o->types.count; i++) {
		const char *type = o->types.at[i] + (o->types.at[i][0] == '.');
		size_t suffix = strlen(type);
		if (length > suffix && name[length - suffix - 1] == '.' &&
		    strcasecmp(name + length - suffix, type) == 0)
			return true;
	}
	return o->types.count == 0;
}

/* matches - the path beneath a directory, or its name, one of the patterns? */
static bool matches(const struct kk_strings *patterns, const char *path, const char *name)
{
	for (size_t i = 0; i < patterns->count; i++) {
		const char *pattern = patterns->at[i];
		if (fnmatch(pattern, strchr(pattern, '/') ? path : name, 0) == 0)
			return true;
	}
	return false;
}

static bool is_excluded(const void *arg, const char *path, const char *name)
{
	const struct files_options *o = arg;
	return matches(&o->exclude, path, name);
}

/* is_wanted - by its name? A file that `paths` names itself is, whatever it is called, apart from its type. */
static bool is_wanted(const struct files_options *o, const struct walk *walk)
{
	const char *slash = strrchr(walk->path, '/');
	const char *name = slash ? slash + 1 : walk->path;
	if (!has_type(o, walk->path))
		return false;
	return !walk->below || !o->include.count || matches(&o->include, walk->path + walk->below, name);
}

/* begin_next - starts the walk at what comes next in `paths`. 1; 0: nothing is left; -1: out of memory. */
static int begin_next(struct kk_context *context)
{
	const struct files_options *o = context->options;
	struct files *f = context->state;
	while (f->start == f->found.gl_pathc) {
		if (f->path == o->paths.count)
			return 0;
		globfree(&f->found);
		f->start = 0;
		int result = expand(o->paths.at[f->path++], &f->found);
		if (result == GLOB_NOSPACE)
			return -1;
		if (result != 0)
			kk_log(context, KK_LOG_WARNING, "\"%s\" matches nothing", o->paths.at[f->path - 1]);
	}
	return walk_begin(&f->walk, f->found.gl_pathv[f->start++]) == 0 ? 1 : -1;
}

/* find_next - the next file of all, in walk.path; WALK_BROKEN: errno. */
static enum walk_kind find_next(struct kk_context *context)
{
	struct files *f = context->state;
	for (;;) {
		enum walk_kind kind = walk_next(&f->walk);
		if (kind == WALK_BROKEN || (kind == WALK_FILE && is_wanted(context->options, &f->walk))) {
			f->count++;
			return kind;
		}
		if (kind == WALK_FILE)
			continue;
		int begun = begin_next(context);
		if (begun < 0)
			return errno = ENOMEM, WALK_BROKEN;
		if (begun == 0)
			return WALK_END;
	}
}

/* hash_path - FNV-1a, never 0. */
static uint64_t hash_path(const char *path)
{
	uint64_t hash = 0xcbf29ce484222325U;
	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * 0x100000001b3U;
	return hash | 1;
}

static void rewind_walk(struct kk_context *context)
{
	const struct files_options *o = context->options;
	struct files *f = context->state;
	globfree(&f->found);
	walk_end(&f->walk);
	*f = (struct files){.walk.rules = {.recursive = o->recursive,
	                                   .hidden = o->hidden,
	                                   .links = (enum walk_links)o->symlinks,
	                                   .excluded = o->exclude.count ? is_excluded : NULL,
	                                   .arg = o}};
}

/* skip_count - finds `count` files. Are there so many? */
static bool skip_count(struct kk_context *context, uint64_t count)
{
	const struct files *f = context->state;
	while (f->count < count)
		if (find_next(context) == WALK_END)
			return false;
	return true;
}

/* skip_to - finds the first file whose path has this hash. Is there one? */
static bool skip_to(struct kk_context *context, uint64_t hash)
{
	const struct files *f = context->state;
	while (find_next(context) != WALK_END)
		if (hash_path(f->walk.path) == hash)
			return true;
	return false;
}

/* resume - goes to behind the file that was the last one: where it was then, or where it is now, or by its number. */
static void resume(struct kk_context *context)
{
	struct files *f = context->state;
	struct kk_position last = context->position;
	if (skip_count(context, last.at) && hash_path(f->walk.path) == last.extra)
		return;
	rewind_walk(context);
	if (skip_to(context, last.extra)) {
		f->count = last.at;
		return;
	}
	kk_log(context, KK_LOG_WARNING, "the last file that was taken is gone: going on with number %" PRIu64,
	       last.at + 1);
	rewind_walk(context);
	skip_count(context, last.at);
}

static int files_open(struct kk_context *context)
{
	context->state = calloc(1, sizeof(struct files));
	if (!context->state) {
		kk_log(context, KK_LOG_ERROR, "out of memory");
		return -1;
	}
	rewind_walk(context);
	if (context->position.at)
		resume(context);
	return 0;
}

/* read_payload - makes the `size` bytes of an open file the item's payload. */
static enum kk_verdict read_payload(struct kk_item *item, int fd, size_t size)
{
	char *to = kk_reserve(item, size ? size : 1);
	if (!to)
		return kk_fail(item, KK_FAIL_MEMORY, "no room for the file: %s", strerror(errno));
	const char *wrong = whole_read(fd, to, size);
	if (wrong)
		return kk_fail(item, KK_FAIL_IO, "%s", wrong);
	if (kk_commit(item, size) != 0)
		return kk_fail(item, KK_FAIL_MEMORY, "the payload was not accepted");
	return KK_PASS;
}

/* check_size - KK_PASS; KK_SKIP: too small to be of interest. */
static enum kk_verdict check_size(struct kk_item *item, const struct files_options *o, uint64_t size)
{
	if (size > o->max_bytes)
		return kk_fail(item, KK_FAIL_TOO_LARGE, "%" PRIu64 " bytes, max_bytes is %" PRIu64, size, o->max_bytes);
	return size < o->min_bytes ? KK_SKIP : KK_PASS;
}

/* read_file - opens for reading what is known to be a regular file: `found` is a descriptor that only names it. */
static enum kk_verdict read_file(struct kk_item *item, int found, size_t size)
{
	char path[40];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", found);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return kk_fail(item, KK_FAIL_IO, "cannot open: %s", strerror(errno));
	enum kk_verdict verdict = read_payload(item, fd, size);
	close(fd);
	return verdict;
}

/* take_file - looks at the file before it is opened, as opening a device may do something. */
static enum kk_verdict take_file(struct kk_item *item, const struct files_options *o, const char *path, bool beneath)
{
	struct stat status;
	int links = beneath && o->symlinks == WALK_LINKS_NONE ? O_NOFOLLOW : 0;
	int found = open(path, O_PATH | O_CLOEXEC | links);
	if (found < 0)
		return kk_fail(item, KK_FAIL_IO, "cannot open: %s", strerror(errno));
	enum kk_verdict verdict = KK_PASS;
	if (fstat(found, &status) != 0)
		verdict = kk_fail(item, KK_FAIL_IO, "cannot look at it: %s", strerror(errno));
	else if (!S_ISREG(status.st_mode))
		verdict = kk_fail(item, KK_FAIL_IO, "not a regular file");
	else
		verdict = check_size(item, o, (uint64_t)status.st_size);
	if (verdict == KK_PASS && o->content)
		verdict = read_file(item, found, (size_t)status.st_size);
	close(found);
	return verdict;
}

static enum kk_verdict files_next(struct kk_context *context, struct kk_item *item)
{
	struct files *f = context->state;
	enum walk_kind kind = find_next(context);
	int error = errno;
	if (kind == WALK_END)
		return KK_END;
	const char *path = f->walk.path;
	item->position = (struct kk_position){.at = f->count, .extra = hash_path(path)};
	int status = kk_set_key(item, path, strlen(path));
	if (status > 0)
		return KK_SKIP; /* another shard's: why read it? */
	if (status < 0) {
		kk_set_key(item, path, strnlen(path, 100));
		return kk_fail(item, KK_FAIL_BAD_NAME, "the path is too long for the source's records");
	}
	if (kind == WALK_BROKEN)
		return kk_fail(item, KK_FAIL_IO, "cannot read the directory: %s", strerror(error));
	return take_file(item, context->options, path, f->walk.below > 0);
}

static void files_close(struct kk_context *context)
{
	if (!context->state)
		return;
	rewind_walk(context);
	free(context->state);
	context->state = NULL;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_SOURCE,
    .name = "files",
    .text = "Takes files by path, from directories and by patterns.",
    .options = rows,
    .options_size = sizeof(struct files_options),
    .plan = files_plan,
    .open = files_open,
    .next = files_next,
    .close = files_close,
};
