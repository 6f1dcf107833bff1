/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/family/kinds.h - reads the number of a kind, produces its row. */
#ifndef IPC_FAMILY_KINDS_H
#define IPC_FAMILY_KINDS_H

#include "family/object.h"

/* kk_kind_of - the row of enum kk_kind_number; NULL: there is none. */
const struct kk_kind *kk_kind_of(uint32_t number);

/* Each lies with what it is a kind of. */
extern const struct kk_kind kk_kind_lock;
extern const struct kk_kind kk_kind_semaphore;
extern const struct kk_kind kk_kind_condition;
extern const struct kk_kind kk_kind_flag;
extern const struct kk_kind kk_kind_barrier;
extern const struct kk_kind kk_kind_queue;
extern const struct kk_kind kk_kind_lifo;
extern const struct kk_kind kk_kind_priority;
extern const struct kk_kind kk_kind_pipe;
extern const struct kk_kind kk_kind_value;
extern const struct kk_kind kk_kind_array;
extern const struct kk_kind kk_kind_shareable;
extern const struct kk_kind kk_kind_dict;
extern const struct kk_kind kk_kind_list;
extern const struct kk_kind kk_kind_executor;
extern const struct kk_kind kk_kind_memory;

#endif
