/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/family/memory.c - plain bytes: nobody holds anything there that a death would leave behind. */
#include "family/kinds.h"

const struct kk_kind kk_kind_memory = {.name = "memory", .number = KK_KIND_MEMORY, .layout = 1};
