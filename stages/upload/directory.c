/* SPDX-License-Identifier: Apache-2.0 */
#include "directory.h"
#include "../beneath/beneath.h"
#include "name.h"
#include "part.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An item whose file has its name, in a directory that has yet to reach the disk. */
struct pending {
	struct kk_item *item;
	int dir; /* its own descriptor */
	struct stat which;
	int error; /* errno of making it last; 0: none */
};

struct directory {
	struct directory_settings settings;
	struct part_place place;
	struct stat root;
	struct pending pending[DIRECTORY_BATCH];
	unsigned pending_count;
};

struct directory *directory_new(struct kk_context *context, const struct directory_settings *settings)
{
	struct directory *directory = calloc(1, sizeof(*directory));

	if (!directory) {
		kk_log(context, KK_LOG_ERROR, "out of memory");
		return NULL;
	}
	directory->settings = *settings;
	directory->place.stage = context->stage;
	directory->place.worker = context->worker;
	directory->place.root = beneath_make_root(settings->root);
	if (directory->place.root < 0 || fstat(directory->place.root, &directory->root) != 0) {
		kk_log(context, KK_LOG_ERROR, "cannot make or open the directory %s: %s", settings->root,
		       strerror(errno));
		directory_free(directory);
		return NULL;
	}
	if (kk_allow_write(context, settings->root) < 0)
		kk_log(context, KK_LOG_WARNING, "the directory %s may stay closed to writing", settings->root);
	part_sweep(&directory->place, context->workers);
	return directory;
}

void directory_free(struct directory *directory)
{
	if (!directory)
		return;
	for (unsigned i = 0; i < directory->pending_count; i++)
		close(directory->pending[i].dir);
	if (directory->place.root >= 0)
		close(directory->place.root);
	free(directory);
}

static enum kk_verdict fail(struct kk_item *item, const char *name, const char *what)
{
	int error = errno;

	if (error == ENOSPC || error == EDQUOT)
		kk_log(item->context, KK_LOG_ERROR, "the disk is full: %s", strerror(error));
	if (error == EXDEV)
		return kk_fail(item, KK_FAIL_IO, "%s: cannot %s: it is on another file system than its root", name,
		               what);
	return kk_fail(item, error == ENAMETOOLONG ? KK_FAIL_BAD_NAME : KK_FAIL_IO, "%s: cannot %s: %s", name, what,
	               strerror(error));
}

/* What the manifest says of an output. One that finds no room there is not worth the item. */
static void set_facts(const struct directory *directory, struct kk_item *item, const char *name)
{
	const char *root = directory->settings.root;
	char path[2 * PATH_MAX], bytes[32];

	snprintf(path, sizeof(path), "%s%s%s", root, strcmp(root, "/") == 0 ? "" : "/", name);
	snprintf(bytes, sizeof(bytes), "%zu", item->size);
	if (kk_set_field(item, "output", path) != 0 || kk_set_field(item, "bytes", bytes) != 0)
		kk_log(item->context, KK_LOG_DEBUG, "no room for the field \"output\"");
}

static enum kk_verdict exists(struct directory *directory, struct kk_item *item, const char *name)
{
	if (directory->settings.existing == EXISTING_SKIP)
		return KK_SKIP;
	return kk_fail(item, KK_FAIL_IO, "%s: exists already", name);
}

/* The file is there; whether its name is after a power failure, directory_flush sees to. */
static enum kk_verdict wait_for_disk(struct directory *directory, struct kk_item *item, int dir, const char *name)
{
	struct pending pending = {.item = item, .dir = fcntl(dir, F_DUPFD_CLOEXEC, 0)};

	if (pending.dir < 0 || fstat(pending.dir, &pending.which) != 0) {
		enum kk_verdict verdict = fail(item, name, "make its directory last");

		if (pending.dir >= 0)
			close(pending.dir);
		return verdict;
	}
	directory->pending[directory->pending_count++] = pending;
	return KK_PENDING;
}

static enum kk_verdict write_file(struct directory *directory, struct kk_item *item, int dir, const char *base,
                                  const char *name)
{
	const struct directory_settings *settings = &directory->settings;
	bool replace = settings->existing == EXISTING_OVERWRITE;
	struct part part;

	if (part_begin(&part, &directory->place, settings->mode) != 0)
		return fail(item, name, "create a file beside it");
	if (part_write(&part, item->data, item->size, settings->durability != DURABILITY_NONE) != 0) {
		enum kk_verdict verdict = fail(item, name, "write");

		part_drop(&part, &directory->place);
		return verdict;
	}
	if (part_publish(&part, &directory->place, dir, base, replace) != 0)
		return errno == EEXIST && !replace ? exists(directory, item, name) : fail(item, name, "rename to it");
	return settings->durability == DURABILITY_FULL ? wait_for_disk(directory, item, dir, name) : KK_PASS;
}

/* Is the file that is there the one that the item was read from? */
static bool is_source(const struct kk_item *item, const struct stat *there)
{
	struct stat source;

	return stat(item->key, &source) == 0 && source.st_dev == there->st_dev && source.st_ino == there->st_ino;
}

static enum kk_verdict store_in(struct directory *directory, struct kk_item *item, int dir, const char *base,
                                const char *name)
{
	struct stat there;

	set_facts(directory, item, name);
	if (fstatat(dir, base, &there, AT_SYMLINK_NOFOLLOW) == 0) {
		if (directory->settings.existing != EXISTING_OVERWRITE)
			return exists(directory, item, name);
		if (is_source(item, &there))
			return kk_fail(item, KK_FAIL_IO, "%s: would overwrite the file that it is made from", name);
	}
	return write_file(directory, item, dir, base, name);
}

/* The item's path beneath the root. False: the pattern cannot be filled in, or that is no path. */
static bool make_path(const struct directory_settings *settings, const struct kk_item *item, char path[PATH_MAX])
{
	char id[64];

	path[0] = 0;
	if (kk_expand(item, settings->rest, path, PATH_MAX) < 0)
		return false;
	if (!name_make_safe(path, PATH_MAX))
		return false;
	if (settings->subfolders == 0)
		return name_is_path(path);
	return kk_expand(item, "{id}", id, sizeof(id)) >= (int)(2 * settings->subfolders) &&
	       name_spread(path, PATH_MAX, id, settings->subfolders) && name_is_path(path);
}

enum kk_verdict directory_store(struct directory *directory, struct kk_item *item)
{
	const struct directory_settings *settings = &directory->settings;
	char name[PATH_MAX], path[PATH_MAX], *slash;
	int dir = directory->place.root;
	enum kk_verdict verdict;

	if (!make_path(settings, item, name))
		return *name ? kk_fail(item, KK_FAIL_BAD_NAME, "\"%s\" is not a file name", name)
		             : kk_fail(item, KK_FAIL_BAD_NAME, "\"%s\" cannot be filled in for this item",
		                       settings->rest);
	memcpy(path, name, strlen(name) + 1);
	slash = strrchr(path, '/');
	if (!slash)
		return store_in(directory, item, dir, path, name);
	*slash = 0;
	dir = beneath_open_dir(dir, path);
	if (dir < 0)
		return fail(item, name, "make or open its directory");
	verdict = store_in(directory, item, dir, slash + 1, name);
	close(dir);
	return verdict;
}

/* ---- down to the disk */

/* The directory and all above it, to the root: somebody else may have made them a moment ago. Those that have not
 * changed cost no write. 0 or errno. */
static int make_last(const struct directory *directory, const struct pending *pending)
{
	int at = pending->dir, error = 0;
	struct stat which = pending->which;

	for (;;) {
		bool top = which.st_dev == directory->root.st_dev && which.st_ino == directory->root.st_ino;
		int above;

		if (fsync(at) != 0)
			error = errno;
		above = error || top ? -1 : openat(at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (!error && !top && (above < 0 || fstat(above, &which) != 0))
			error = errno;
		if (at != pending->dir)
			close(at);
		at = above;
		if (error || top)
			break;
	}
	if (at >= 0)
		close(at);
	return error;
}

static const struct pending *same_before(const struct directory *directory, unsigned i)
{
	const struct pending *pending = directory->pending;

	for (unsigned j = 0; j < i; j++)
		if (pending[j].which.st_dev == pending[i].which.st_dev &&
		    pending[j].which.st_ino == pending[i].which.st_ino)
			return &pending[j];
	return NULL;
}

void directory_flush(struct directory *directory)
{
	for (unsigned i = 0; i < directory->pending_count; i++) {
		const struct pending *before = same_before(directory, i);
		struct pending *pending = &directory->pending[i];

		pending->error = before ? before->error : make_last(directory, pending);
	}
	for (unsigned i = 0; i < directory->pending_count; i++) {
		struct pending *pending = &directory->pending[i];

		close(pending->dir);
		if (pending->error)
			kk_fail(pending->item, KK_FAIL_IO, "its directory cannot reach the disk: %s",
			        strerror(pending->error));
		kk_finish(pending->item, pending->error ? KK_FAIL : KK_PASS);
	}
	directory->pending_count = 0;
}

bool directory_pending(const struct directory *directory)
{
	return directory->pending_count > 0;
}
