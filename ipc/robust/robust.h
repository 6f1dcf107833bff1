/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/robust/robust.h - reads shared memory, produces a mutex in it that the kernel takes off its owner when that one
 * dies. Inside ipc only. For what is whole at every moment: who comes after a death simply goes on.
 */
#ifndef IPC_ROBUST_ROBUST_H
#define IPC_ROBUST_ROBUST_H

#include <pthread.h>

/* kk_robust_init - 0 or KK_ERR_SYSTEM. */
int kk_robust_init(pthread_mutex_t *mutex);
/* kk_robust_lock - waits for it. 0 or KK_ERR_CORRUPT. pthread_mutex_unlock gives it back. */
int kk_robust_lock(pthread_mutex_t *mutex);

#endif
