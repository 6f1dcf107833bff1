/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/shm/room.c - how much memory is left: of the machine, of each cgroup on the way up, of a file system. */
#include "shm/room.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

const struct kk_room_sources kk_room_of_system = {
    .meminfo = "/proc/meminfo",
    .cgroup = "/proc/self/cgroup",
    .v1 = "/sys/fs/cgroup/memory",
    .v2 = "/sys/fs/cgroup",
    .v2_mixed = "/sys/fs/cgroup/unified",
};

/* What the two versions of cgroups call the same things. */
struct cgroup_files {
	const char *limit, *usage, *droppable;
};
static const struct cgroup_files cgroup_v1 = {
    .limit = "memory.limit_in_bytes", .usage = "memory.usage_in_bytes", .droppable = "total_inactive_file "};
static const struct cgroup_files cgroup_v2 = {
    .limit = "memory.max", .usage = "memory.current", .droppable = "inactive_file "};

/* The answer while it is made: the least bound seen so far. */
struct bound {
	uint64_t bytes;
	char *where;
	size_t where_size;
};

static void bound_by(struct bound *bound, uint64_t bytes, const char *what, const char *which)
{
	if (bytes >= bound->bytes)
		return;
	bound->bytes = bytes;
	(void)snprintf(bound->where, bound->where_size, "%s%s", what, which);
}

/* Reads a small file as text, cut at `size`. 0, or -1 if it cannot be read. */
static int read_text(const char *path, char *to, size_t size)
{
	size_t used = 0;
	ssize_t got = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (used < size - 1) {
		got = read(fd, to + used, size - 1 - used);
		if (got == 0 || (got < 0 && errno != EINTR))
			break;
		if (got > 0)
			used += (size_t)got;
	}
	to[used] = '\0';
	(void)close(fd);
	return got < 0 ? -1 : 0;
}

/* The number behind `label` at the start of a line of `text`. */
static bool find_number(const char *text, const char *label, uint64_t *to)
{
	size_t length = strlen(label);
	for (const char *line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (strncmp(line, label, length) != 0)
			continue;
		*to = strtoull(line + length, NULL, 10);
		return true;
	}
	return false;
}

/* The file `name` of the cgroup `dir` as text. */
static int read_cgroup_file(const char *dir, const char *name, char *to, size_t size)
{
	char path[4096];
	int length = snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (length < 0 || (size_t)length >= sizeof(path))
		return -1;
	return read_text(path, to, size);
}

/* One cgroup: limit - usage, plus the page cache in the usage that the kernel would drop first. */
static void bound_by_cgroup(struct bound *bound, const char *dir, const struct cgroup_files *files, const char *name)
{
	char text[8192];
	uint64_t limit, usage, droppable = 0;
	if (read_cgroup_file(dir, files->limit, text, sizeof(text)) < 0 || !find_number(text, "", &limit) ||
	    strncmp(text, "max", 3) == 0)
		return;
	if (read_cgroup_file(dir, files->usage, text, sizeof(text)) < 0 || !find_number(text, "", &usage))
		return;
	if (read_cgroup_file(dir, "memory.stat", text, sizeof(text)) == 0)
		(void)find_number(text, files->droppable, &droppable);
	usage -= droppable < usage ? droppable : usage;
	bound_by(bound, usage < limit ? limit - usage : 0, "cgroup ", name);
}

/* A cgroup and all above it. In a container the path is often the host's and not to be seen here, while the mount
 * point itself is the container's own cgroup: a level that cannot be read is passed over, and the walk ends there. */
static void bound_by_hierarchy(struct bound *bound, const char *root, const struct cgroup_files *files,
                               const char *path)
{
	char dir[4096];
	int length = snprintf(dir, sizeof(dir), "%s%s", root, strcmp(path, "/") == 0 ? "" : path);
	if (length < 0 || (size_t)length >= sizeof(dir))
		return;
	size_t root_length = strlen(root);
	for (;;) {
		bound_by_cgroup(bound, dir, files, dir[root_length] ? dir + root_length : "/");
		char *slash = strrchr(dir + root_length, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
}

/* One line of /proc/self/cgroup, "number:controllers:path"; v2 has no controllers. */
static void bound_by_line(struct bound *bound, const struct kk_room_sources *sources, char *line)
{
	char *controllers = strchr(line, ':');
	char *path = controllers ? strchr(controllers + 1, ':') : NULL;
	if (!path)
		return;
	*path++ = '\0';
	controllers++;
	if (*controllers == '\0') {
		bound_by_hierarchy(bound, sources->v2, &cgroup_v2, path);
		bound_by_hierarchy(bound, sources->v2_mixed, &cgroup_v2, path);
		return;
	}
	char *rest = NULL;
	for (char *one = strtok_r(controllers, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
		if (strcmp(one, "memory") == 0)
			bound_by_hierarchy(bound, sources->v1, &cgroup_v1, path);
	}
}

/* Where there is no /proc: what is free without taking from caches. A file in memory that is larger than the machine
 * would end everything that runs there. */
static void bound_by_free_memory(struct bound *bound)
{
	struct sysinfo machine;
	if (sysinfo(&machine) == 0)
		bound_by(bound, ((uint64_t)machine.freeram + machine.bufferram + machine.freeswap) * machine.mem_unit,
		         "free memory of this machine", "");
}

void kk_room_memory(const struct kk_room_sources *sources, uint64_t *bytes, char *where, size_t where_size)
{
	struct bound bound = {.bytes = UINT64_MAX, .where = where, .where_size = where_size};
	char text[16384];
	uint64_t available, swap = 0;
	if (where_size > 0)
		where[0] = '\0';
	if (read_text(sources->meminfo, text, sizeof(text)) == 0 && find_number(text, "MemAvailable:", &available)) {
		(void)find_number(text, "SwapFree:", &swap);
		bound_by(&bound, (available + swap) * 1024, "memory of this machine", "");
	} else {
		bound_by_free_memory(&bound);
	}
	if (read_text(sources->cgroup, text, sizeof(text)) == 0) {
		char *rest = NULL;
		for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
			bound_by_line(&bound, sources, line);
	}
	*bytes = bound.bytes;
}

int kk_room_directory(const char *path, uint64_t *bytes)
{
	struct statvfs fs;
	int rc;
	do {
		rc = statvfs(path, &fs);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return -1;
	/* A tmpfs without a limit says that it has no blocks at all. */
	*bytes = fs.f_blocks == 0 ? UINT64_MAX : (uint64_t)fs.f_bavail * fs.f_frsize;
	return 0;
}
