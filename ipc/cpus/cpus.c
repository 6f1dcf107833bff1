/* SPDX-License-Identifier: Apache-2.0 */
#include "cpus/quota.h"
#include <kakehi/cpus.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_line(const char *path, char *to, size_t size)
{
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	bool got = fgets(to, (int)size, file) != NULL;
	fclose(file);
	return got;
}

static unsigned whole_cpus(long long quota, long long period)
{
	if (quota <= 0 || period <= 0 || quota / period >= INT_MAX)
		return 0;
	return (unsigned)(quota / period + (quota % period != 0));
}

static unsigned quota_v2(const char *dir)
{
	char path[PATH_MAX + 16], line[128];
	long long quota, period;

	snprintf(path, sizeof(path), "%s/cpu.max", dir);
	if (!read_line(path, line, sizeof(line)) || sscanf(line, "%lld %lld", &quota, &period) != 2)
		return 0;
	return whole_cpus(quota, period);
}

static unsigned quota_v1(const char *dir)
{
	char path[PATH_MAX + 32], quota[64], period[64];

	snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", dir);
	if (!read_line(path, quota, sizeof(quota)))
		return 0;
	snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", dir);
	if (!read_line(path, period, sizeof(period)))
		return 0;
	return whole_cpus(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

/* The tightest quota of a cgroup and all above it, up to the mount. */
static unsigned tightest(const char *mount, const char *group, unsigned (*quota)(const char *dir))
{
	char dir[PATH_MAX];
	unsigned least = 0;
	size_t floor = strlen(mount);

	if ((size_t)snprintf(dir, sizeof(dir), "%s%s", mount, group) >= sizeof(dir))
		return 0;
	for (;;) {
		unsigned here = quota(dir);
		if (here && (!least || here < least))
			least = here;
		char *slash = strrchr(dir + floor, '/');
		if (!slash)
			return least;
		*slash = '\0';
	}
}

/* Does the comma separated list contain "cpu"? */
static bool names_cpu(const char *controllers)
{
	while (*controllers) {
		size_t length = strcspn(controllers, ",");
		if (length == 3 && strncmp(controllers, "cpu", 3) == 0)
			return true;
		controllers += length + (controllers[length] == ',');
	}
	return false;
}

/* One line of /proc/self/cgroup: id:controllers:path; id 0 without controllers is version 2. */
static unsigned quota_of_line(char *line, const char *root)
{
	char mount[PATH_MAX];
	char *controllers = strchr(line, ':');
	char *group = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!group)
		return 0;
	*controllers++ = '\0';
	*group++ = '\0';
	group[strcspn(group, "\n")] = '\0';
	if (strcmp(line, "0") == 0 && !*controllers)
		return tightest(root, group, quota_v2);
	if (!names_cpu(controllers))
		return 0;
	snprintf(mount, sizeof(mount), "%s/cpu", root);
	return tightest(mount, group, quota_v1);
}

unsigned kk_cpus_quota(const char *list, const char *root)
{
	FILE *file = fopen(list, "re");
	char line[PATH_MAX];
	unsigned least = 0;

	while (file && fgets(line, sizeof(line), file)) {
		unsigned here = quota_of_line(line, root);
		if (here && (!least || here < least))
			least = here;
	}
	if (file)
		fclose(file);
	return least;
}

/* A machine with more CPUs than a cpu_set_t has needs a larger set: the kernel says EINVAL until it fits. */
static unsigned affinity(void)
{
	unsigned cpus = 0;

	for (int room = CPU_SETSIZE; cpus == 0 && room <= 1 << 20; room *= 4) {
		cpu_set_t *set = CPU_ALLOC((size_t)room);
		size_t bytes = CPU_ALLOC_SIZE((size_t)room);

		if (!set)
			break;
		if (sched_getaffinity(0, bytes, set) == 0)
			cpus = (unsigned)CPU_COUNT_S(bytes, set);
		CPU_FREE(set);
	}
	return cpus > 0 ? cpus : 1;
}

unsigned kk_cpus(void)
{
	unsigned cpus = affinity(), quota = kk_cpus_quota("/proc/self/cgroup", "/sys/fs/cgroup");

	return quota > 0 && quota < cpus ? quota : cpus;
}
