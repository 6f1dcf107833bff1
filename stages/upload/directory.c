/* SPDX-License-Identifier: Apache-2.0 */
#include "directory.h"
#include "beneath.h"
#include "part.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct directory {
	struct directory_settings settings;
	struct part_place place;
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
	if (directory->place.root < 0) {
		kk_log(context, KK_LOG_ERROR, "cannot make or open the directory %s: %s", settings->root,
		       strerror(errno));
		free(directory);
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
	close(directory->place.root);
	free(directory);
}

/* Names of a part file are nobody's output. */
static bool is_name(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length <= NAME_MAX && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       strncmp(name, ".kakehi-", 8) != 0;
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

static enum kk_verdict exists(struct directory *directory, struct kk_item *item, const char *name)
{
	if (directory->settings.existing == EXISTING_SKIP)
		return KK_SKIP;
	return kk_fail(item, KK_FAIL_IO, "%s: exists already", name);
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
	if (settings->durability == DURABILITY_FULL && fsync(dir) != 0)
		return fail(item, name, "make its directory last");
	return KK_PASS;
}

static enum kk_verdict store_in(struct directory *directory, struct kk_item *item, int dir, const char *base,
                                const char *name)
{
	struct stat there;

	if (directory->settings.existing != EXISTING_OVERWRITE && fstatat(dir, base, &there, AT_SYMLINK_NOFOLLOW) == 0)
		return exists(directory, item, name);
	return write_file(directory, item, dir, base, name);
}

enum kk_verdict directory_store(struct directory *directory, struct kk_item *item)
{
	const struct directory_settings *settings = &directory->settings;
	char name[PATH_MAX], path[PATH_MAX], *slash;
	int dir = directory->place.root;
	enum kk_verdict verdict;

	if (kk_expand(item, settings->rest, name, sizeof(name)) < 0)
		return kk_fail(item, KK_FAIL_BAD_NAME, "\"%s\" cannot be filled in for this item", settings->rest);
	memcpy(path, name, strlen(name) + 1);
	slash = strrchr(path, '/');
	if (*path == '/' || strstr(path, "//") || !is_name(slash ? slash + 1 : path))
		return kk_fail(item, KK_FAIL_BAD_NAME, "\"%s\" is not a file name", name);
	if (!slash)
		return store_in(directory, item, dir, path, name);
	*slash = 0;
	dir = beneath_open_dir(dir, path, settings->durability == DURABILITY_FULL);
	if (dir < 0)
		return fail(item, name, "make or open its directory");
	verdict = store_in(directory, item, dir, slash + 1, name);
	close(dir);
	return verdict;
}
