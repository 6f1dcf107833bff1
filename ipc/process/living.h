/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/living.h - reads births and burials, produces the answer to "is this child somebody's kk_process?"
 * Threads may start processes at the same time, so it keeps a lock, which is never held across a fork.
 */
#ifndef IPC_PROCESS_LIVING_H
#define IPC_PROCESS_LIVING_H

#include <stdbool.h>
#include <sys/types.h>

/* One child in the list; lies in whoever has it. */
struct kk_living {
	pid_t pid; /* 0: not in the list */
	struct kk_living *next, **link;
};

void kk_living_add(struct kk_living *one, pid_t pid);
void kk_living_remove(struct kk_living *one);
bool kk_living_has(pid_t pid);

#endif
