/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/array/kinds.h - reads nothing, produces the rows of the kinds of ipc/array and ipc/value, for ipc/family/kinds.c.
 */
#ifndef IPC_ARRAY_KINDS_H
#define IPC_ARRAY_KINDS_H

#include "family/object.h"

extern const struct kk_kind kk_kind_array, kk_kind_value;

#endif
