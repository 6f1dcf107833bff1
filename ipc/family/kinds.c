/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/family/kinds.c - all kinds of objects that a family can hold. A burial settles each object by its kind's row. */
#include "family/kinds.h"

static const struct kk_kind *const kinds[KK_KIND_COUNT] = {
    [KK_KIND_MEMORY] = &kk_kind_memory,
};

const struct kk_kind *kk_kind_of(uint32_t number)
{
	return number < KK_KIND_COUNT ? kinds[number] : NULL;
}
