/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/cpus/quota.h - reads the files of cgroups, produces the CPU time that they grant. */
#ifndef IPC_CPUS_QUOTA_H
#define IPC_CPUS_QUOTA_H

#include <kakehi/error.h>

/* kk_cpus_quota - the CPU time the cgroups of a process grant, rounded up to whole CPUs; 0: no limit. `list` is the
 * file that names its cgroups (/proc/self/cgroup), `root` where they are mounted (/sys/fs/cgroup). */
KK_API unsigned kk_cpus_quota(const char *list, const char *root);

#endif
