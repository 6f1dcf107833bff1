/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Other tests run at the same time and may have a segment that is made but not yet unlinked. */
#define SHM_GRACE_MS 2000

typedef char *(*entry_text)(int dir, const char *name);

/* "7 -> /tmp/x", or NULL for the descriptor that reads the list. */
static char *describe_open(int dir, const char *name)
{
	char target[256], *text;
	ssize_t length = readlinkat(dir, name, target, sizeof(target) - 1);

	if (length < 0 || strtol(name, NULL, 10) == dir)
		return NULL;
	target[length] = 0;
	return asprintf(&text, "%s -> %s", name, target) < 0 ? NULL : text;
}

/* Only what this user has made. */
static char *describe_shm(int dir, const char *name)
{
	struct stat entry;

	if (fstatat(dir, name, &entry, AT_SYMLINK_NOFOLLOW) < 0 || entry.st_uid != geteuid())
		return NULL;
	return strdup(name);
}

static char **list(const char *path, entry_text describe, size_t *count)
{
	DIR *dir = opendir(path);
	char **texts = NULL;
	struct dirent *entry;

	*count = 0;
	while (dir && (entry = readdir(dir))) {
		char *text, **longer;

		if (entry->d_name[0] == '.' || !(text = describe(dirfd(dir), entry->d_name)))
			continue;
		longer = realloc(texts, (*count + 1) * sizeof(*texts));
		if (!longer) {
			free(text);
			break;
		}
		texts = longer;
		texts[(*count)++] = text;
	}
	if (dir)
		closedir(dir);
	return texts;
}

static void free_list(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

void leak_snapshot(struct leak_snapshot *snapshot)
{
	snapshot->open = list("/proc/self/fd", describe_open, &snapshot->open_count);
	snapshot->shm = list("/dev/shm", describe_shm, &snapshot->shm_count);
}

void leak_snapshot_free(struct leak_snapshot *snapshot)
{
	free_list(snapshot->open, snapshot->open_count);
	free_list(snapshot->shm, snapshot->shm_count);
}

static bool has(char *const *texts, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(texts[i], text) == 0)
			return true;
	return false;
}

/* Prints (if `test`) and counts what stands in `now` and not in `before`. */
static int added(char *const *now, size_t now_count, char *const *before, size_t before_count, const char *what,
                 const char *test)
{
	int count = 0;

	for (size_t i = 0; i < now_count; i++) {
		if (has(before, before_count, now[i]))
			continue;
		if (test)
			printf("failure: %s [ leaves %s %s ]\n", test, what, now[i]);
		count++;
	}
	return count;
}

static int report_open(const struct leak_snapshot *before, const char *test)
{
	struct leak_snapshot now = {0};
	int count;

	now.open = list("/proc/self/fd", describe_open, &now.open_count);
	count = added(now.open, now.open_count, before->open, before->open_count, "descriptor", test);
	leak_snapshot_free(&now);
	return count;
}

static int report_shm(const struct leak_snapshot *before, const char *test)
{
	struct leak_snapshot now = {0};
	int count;

	now.shm = list("/dev/shm", describe_shm, &now.shm_count);
	count = added(now.shm, now.shm_count, before->shm, before->shm_count, "shared memory", test);
	leak_snapshot_free(&now);
	return count;
}

static bool shm_as_before(void *before)
{
	return report_shm(before, NULL) == 0;
}

/* A child that ran to its end but was not waited for is a leak as well. */
static int report_children(const char *test)
{
	pid_t children[64];
	size_t count = harness_children(getpid(), children, sizeof(children) / sizeof(children[0]));

	for (size_t i = 0; i < count; i++)
		printf("failure: %s [ leaves process %d %s ]\n", test, (int)children[i], harness_title(children[i]));
	return (int)count;
}

int leak_report(const struct leak_snapshot *before, const char *test)
{
	int count = report_children(test) + report_open(before, test);

	if (!harness_wait_until(shm_as_before, (void *)(uintptr_t)before, SHM_GRACE_MS))
		count += report_shm(before, test);
	return count;
}
