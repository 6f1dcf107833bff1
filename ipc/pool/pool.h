/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/pool/pool.h - produces what map.c has to know of a pool. */
#ifndef IPC_POOL_POOL_H
#define IPC_POOL_POOL_H

#include <kakehi/pool.h>

unsigned kk_pool_workers(const struct kk_pool *pool);

#endif
