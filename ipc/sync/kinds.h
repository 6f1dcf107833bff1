/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/sync/kinds.h - reads nothing, produces the rows of the kinds that live here, for ipc/family/kinds.c. */
#ifndef IPC_SYNC_KINDS_H
#define IPC_SYNC_KINDS_H

#include "family/object.h"

extern const struct kk_kind kk_kind_lock, kk_kind_semaphore, kk_kind_condition, kk_kind_flag, kk_kind_barrier;

#endif
