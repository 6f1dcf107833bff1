/* SPDX-License-Identifier: Apache-2.0 */
#include "local.h"
#include "../beneath/beneath.h"
#include "../whole/whole.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct local {
	const struct rules *rules;
	int root;
	char *path; /* of the root, without links and without a slash at its end */
};

struct local *local_new(struct kk_context *context, const char *directory, const struct rules *rules)
{
	struct local *local = calloc(1, sizeof(*local));

	if (!local) {
		kk_log(context, KK_LOG_ERROR, "out of memory");
		return NULL;
	}
	local->rules = rules;
	local->path = realpath(directory, NULL);
	local->root = local->path ? open(local->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (local->root < 0) {
		kk_log(context, KK_LOG_ERROR, "allow_files: %s: %s", directory, strerror(errno));
		local_free(local);
		return NULL;
	}
	if (strcmp(local->path, "/") == 0)
		local->path[0] = 0;
	return local;
}

void local_free(struct local *local)
{
	if (!local)
		return;
	if (local->root >= 0)
		close(local->root);
	free(local->path);
	free(local);
}

bool local_is_url(const char *url)
{
	return strncasecmp(url, "file:", 5) == 0;
}

/* The byte that "%xx" stands for; -1: that is not what it is. */
static int decode(const char *at)
{
	static const char digits[] = "0123456789abcdef";
	const char *high = at[1] ? strchr(digits, tolower((unsigned char)at[1])) : NULL;
	const char *low = high && at[2] ? strchr(digits, tolower((unsigned char)at[2])) : NULL;

	return low ? (int)((high - digits) << 4 | (low - digits)) : -1;
}

bool local_path(const char *url, char *to, size_t size)
{
	size_t length = 0;

	url += 5;
	if (strncmp(url, "//", 2) == 0)
		url += 2;
	if (strncasecmp(url, "localhost/", 10) == 0)
		url += 9;
	if (*url != '/')
		return false;
	while (*url) {
		int byte = *url == '%' ? decode(url) : (unsigned char)*url;

		if (byte <= 0 || length + 1 >= size)
			return false;
		to[length++] = (char)byte;
		url += *url == '%' ? 3 : 1;
	}
	to[length] = 0;
	return true;
}

/* The path beneath the root; NULL: it is not there. */
static const char *beneath(const struct local *local, const char *path)
{
	size_t length = strlen(local->path);

	if (strncmp(path, local->path, length) != 0 || path[length] != '/')
		return NULL;
	path += length;
	return path + strspn(path, "/");
}

static enum kk_verdict fail(struct kk_item *item, int error)
{
	if (error == ELOOP || error == EXDEV || error == ENOTDIR)
		return kk_fail(item, KK_FAIL_BAD_URL, "there is a link or a file in the way to that file");
	return kk_fail(item, KK_FAIL_OTHER, "the file cannot be read: %s", strerror(error));
}

static enum kk_verdict take(const struct local *local, struct kk_item *item, int fd, uint64_t size)
{
	struct reason reason;
	const char *wrong;
	bool known;
	char *to;

	if (size > local->rules->max_bytes)
		return kk_fail(item, KK_FAIL_TOO_LARGE, "the file has more than max_bytes (%llu)",
		               (unsigned long long)local->rules->max_bytes);
	to = kk_reserve(item, size ? (size_t)size : 1);
	if (!to)
		return errno == EAGAIN ? KK_LATER : kk_fail(item, KK_FAIL_MEMORY, "no room for the file");
	wrong = whole_read(fd, to, (size_t)size);
	if (wrong)
		return kk_fail(item, KK_FAIL_OTHER, "the file cannot be read: %s", wrong);
	if (!rules_take_beginning(local->rules, to, (size_t)size, true, &known, &reason))
		return kk_fail(item, reason.class, "%s", reason.text);
	if (kk_commit(item, (size_t)size) != 0)
		return kk_fail(item, KK_FAIL_MEMORY, "the payload cannot be committed");
	(void)kk_set_field(item, "url", item->key);
	return KK_PASS;
}

enum kk_verdict local_submit(struct local *local, struct kk_item *item)
{
	enum kk_verdict verdict;
	char path[PATH_MAX];
	const char *rest;
	struct stat stat;
	int fd;

	rest = local_path(item->key, path, sizeof(path)) ? beneath(local, path) : NULL;
	if (!rest || !*rest)
		return kk_fail(item, KK_FAIL_BAD_URL, "that is not a file beneath allow_files");
	fd = beneath_open_file(local->root, rest);
	if (fd < 0)
		return fail(item, errno);
	if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
		verdict = kk_fail(item, KK_FAIL_BAD_URL, "that is not an ordinary file");
	else
		verdict = take(local, item, fd, (uint64_t)stat.st_size);
	close(fd);
	return verdict;
}
