/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/log/levels.h - reads the levels of this process, produces the text that gives another one the same. */
#ifndef IPC_LOG_LEVELS_H
#define IPC_LOG_LEVELS_H

#include <stddef.h>

/* kk_log_describe - for kk_log_configure; rules that do not fit are left out. */
void kk_log_describe(char *to, size_t size);

#endif
