/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/self.h - reads the order that a process was made for, produces what it knows of itself. */
#ifndef IPC_PROCESS_SELF_H
#define IPC_PROCESS_SELF_H

#include "process/order.h"

/* kk_self_become - in a child, before it runs what it was made for. */
void kk_self_become(const struct kk_order *order, struct kk_family *family);

/* kk_self_next - the identity of the next child of this process: "3", and "3:1" for the first child of that. */
void kk_self_next(char *to, size_t size);

/* kk_self_salt - a number of this process: of its identity, if it is a call; else one that no other process has. */
uint64_t kk_self_salt(void);

#endif
