/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/cpus.h - reads the process's affinity and its cgroup's quota, produces how many CPUs it can use.
 */
#ifndef ENGINE_CONFIG_CPUS_H
#define ENGINE_CONFIG_CPUS_H

/* kk_cpus_usable - what `workers: auto` means: the CPUs this process may run on, or fewer if its cgroup (v1 or v2)
 * grants less time than that; at least 1. */
unsigned kk_cpus_usable(void);

/* kk_cpus_quota - the CPU time the cgroups of a process grant, rounded up to whole CPUs; 0: no limit. `list` is the
 * file that names its cgroups (/proc/self/cgroup), `root` where they are mounted (/sys/fs/cgroup). */
unsigned kk_cpus_quota(const char *list, const char *root);

#endif
