/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/family/kinds.c - all kinds of objects that a family can hold. A burial settles each object by its kind's row. */
#include "family/kinds.h"

/* One a line, in the order of their numbers. */
/* clang-format off */
static const struct kk_kind *const kinds[KK_KIND_COUNT] = {
	[KK_KIND_LOCK] = &kk_kind_lock,
	[KK_KIND_SEMAPHORE] = &kk_kind_semaphore,
	[KK_KIND_CONDITION] = &kk_kind_condition,
	[KK_KIND_FLAG] = &kk_kind_flag,
	[KK_KIND_BARRIER] = &kk_kind_barrier,
	[KK_KIND_QUEUE] = &kk_kind_queue,
	[KK_KIND_LIFO] = &kk_kind_lifo,
	[KK_KIND_PRIORITY] = &kk_kind_priority,
	[KK_KIND_PIPE] = &kk_kind_pipe,
	[KK_KIND_VALUE] = &kk_kind_value,
	[KK_KIND_ARRAY] = &kk_kind_array,
	[KK_KIND_SHAREABLE] = &kk_kind_shareable,
	[KK_KIND_DICT] = &kk_kind_dict,
	[KK_KIND_LIST] = &kk_kind_list,
	[KK_KIND_EXECUTOR] = &kk_kind_executor,
	[KK_KIND_MEMORY] = &kk_kind_memory,
};
/* clang-format on */

const struct kk_kind *kk_kind_of(uint32_t number)
{
	return number < KK_KIND_COUNT ? kinds[number] : NULL;
}
