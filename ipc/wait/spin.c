/* SPDX-License-Identifier: Apache-2.0 */
#include "wait/spin.h"

#include <sched.h>
#include <stdatomic.h>

bool kk_spin_pays(void)
{
	static _Atomic int known; /* relaxed: whoever comes first finds the same */
	int answer = atomic_load_explicit(&known, memory_order_relaxed);
	if (answer == 0) {
		cpu_set_t set;
		/* It fails where there are more processors than fit into a set. */
		answer = sched_getaffinity(0, sizeof(set), &set) < 0 || CPU_COUNT(&set) > 1 ? 1 : -1;
		atomic_store_explicit(&known, answer, memory_order_relaxed);
	}
	return answer > 0;
}
