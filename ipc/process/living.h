/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/living.h - reads births and burials, produces the answers to "is this child somebody's kk_process?" and
 * "which of them are calls that still run?" Threads may start processes at the same time, so it keeps a lock, which a
 * fork takes, so that the child finds it free.
 */
#ifndef IPC_PROCESS_LIVING_H
#define IPC_PROCESS_LIVING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct kk_process;

/* One child in the list; lies in whoever has it. */
struct kk_living {
	pid_t pid;               /* 0: not in the list       */
	struct kk_process *call; /* NULL: it is not a call   */
	struct kk_living *next, **link;
};

void kk_living_add(struct kk_living *one, pid_t pid, struct kk_process *call);
void kk_living_remove(struct kk_living *one);
bool kk_living_has(pid_t pid);

/* kk_living_calls - writes up to `max` calls for which `is` holds to `to`; returns how many there are. */
size_t kk_living_calls(bool (*is)(struct kk_process *call), struct kk_process **to, size_t max);

void kk_living_lock(void);
void kk_living_unlock(void);
/* kk_living_forget - in a child: it has no children yet. */
void kk_living_forget(void);

#endif
