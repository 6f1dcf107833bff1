/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/cpus.h - reads the process's affinity and its cgroup's quota, produces how many CPUs it can use.
 */
#ifndef KAKEHI_CPUS_H
#define KAKEHI_CPUS_H

#include <kakehi/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* kk_cpus - the CPUs this process may run on, or fewer if its cgroup (v1 or v2) grants less time than that; at least 1.
 * Any process, any thread. */
KK_API unsigned kk_cpus(void);

#ifdef __cplusplus
}
#endif
#endif
