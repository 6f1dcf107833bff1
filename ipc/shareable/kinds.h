/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/shareable/kinds.h - reads nothing, produces the row of the kind, for ipc/family/kinds.c. */
#ifndef IPC_SHAREABLE_KINDS_H
#define IPC_SHAREABLE_KINDS_H

#include "family/object.h"

extern const struct kk_kind kk_kind_shareable;

#endif
