/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char test_dir[4096];

/* All memory that belongs to the test: reachable, so that the leak sanitizer sees only the leaks of what is tested. */
static struct kept {
	void *memory;
	struct kept *next;
} * all_kept;

void *harness_keep(void *memory)
{
	struct kept *kept = malloc(sizeof(*kept));

	if (!memory || !kept)
		fail_msg("out of memory");
	*kept = (struct kept){.memory = memory, .next = all_kept};
	all_kept = kept;
	return memory;
}

bool harness_make_temporary(char *path, size_t size)
{
	const char *tmp = getenv("TMPDIR");
	int length = snprintf(path, size, "%s/kakehi-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");

	return length > 0 && (size_t)length < size && mkdtemp(path) != NULL;
}

void harness_set_dir(const char *dir)
{
	snprintf(test_dir, sizeof(test_dir), "%s", dir);
}

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *place)
{
	(void)stat;
	(void)type;
	(void)place;
	return remove(path);
}

void harness_remove_tree(const char *dir)
{
	if (nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS) < 0)
		printf("cannot remove %s: %s\n", dir, strerror(errno));
}

const char *harness_dir(void)
{
	return test_dir;
}

static char *format_text(const char *format, va_list args)
{
	char *text;

	return harness_keep(vasprintf(&text, format, args) < 0 ? NULL : text);
}

char *harness_text(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = format_text(format, args);
	va_end(args);
	return text;
}

char *harness_path(const char *format, ...)
{
	va_list args;
	char *below;

	va_start(args, format);
	below = format_text(format, args);
	va_end(args);
	return harness_text("%s/%s", test_dir, below);
}

void harness_make_dir(const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		fail_msg("cannot make %s: %s", path, strerror(errno));
}

void harness_write(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "we");
	bool written = file && fwrite(data, 1, size, file) == size;

	if (file && fclose(file) != 0)
		written = false;
	if (!written)
		fail_msg("cannot write %s: %s", path, strerror(errno));
}

void harness_write_text(const char *path, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = format_text(format, args);
	va_end(args);
	harness_write(path, text, strlen(text));
}

static char *read_whole(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t room = 65536, length = 0;
	char *text = malloc(room);
	ssize_t got = -1;

	while (fd >= 0 && text && (got = read(fd, text + length, room - length - 1)) > 0) {
		length += (size_t)got;
		if (room - length < 4096)
			text = realloc(text, room *= 2);
	}
	if (fd < 0 || !text || got < 0)
		fail_msg("cannot read %s: %s", path, strerror(errno));
	close(fd);
	text[length] = 0;
	*size = length;
	return text;
}

char *harness_read(const char *path, size_t *size)
{
	size_t unused;

	return harness_keep(read_whole(path, size ? size : &unused));
}

bool harness_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

size_t harness_count_files(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	size_t count = 0;

	while (dir && (entry = readdir(dir)))
		count += entry->d_type == DT_REG;
	if (dir)
		closedir(dir);
	return count;
}

static bool same_file(const char *one, const char *other)
{
	size_t size, other_size;
	char *bytes, *other_bytes;
	bool same;

	if (!harness_exists(other))
		return false;
	bytes = read_whole(one, &size);
	other_bytes = read_whole(other, &other_size);
	same = size == other_size && memcmp(bytes, other_bytes, size) == 0;
	free(bytes);
	free(other_bytes);
	return same;
}

bool harness_same_files(const char *one, const char *other, char *why, size_t why_size)
{
	size_t count = harness_count_files(one), other_count = harness_count_files(other);
	DIR *dir = opendir(one);
	struct dirent *entry;
	bool same = true;

	if (!dir || count != other_count) {
		snprintf(why, why_size, "%zu files in %s, %zu in %s", count, one, other_count, other);
		same = false;
	}
	while (same && (entry = readdir(dir))) {
		char *path = harness_text("%s/%s", one, entry->d_name);
		char *other_path = harness_text("%s/%s", other, entry->d_name);

		if (entry->d_type == DT_REG && !same_file(path, other_path)) {
			snprintf(why, why_size, "%s is missing in %s or has other bytes", entry->d_name, other);
			same = false;
		}
	}
	if (dir)
		closedir(dir);
	return same;
}
