/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/kind.h - produces the row of executors among the kinds of objects. */
#ifndef IPC_EXECUTOR_KIND_H
#define IPC_EXECUTOR_KIND_H

#include "family/object.h"

extern const struct kk_kind kk_kind_executor;

#endif
