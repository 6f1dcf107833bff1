/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/landlock.h - reads what a stage needs, produces kernel rules about the files it may open. */
#ifndef ENGINE_WORKER_LANDLOCK_H
#define ENGINE_WORKER_LANDLOCK_H

#include "worker/sandbox.h"

/* kk_landlock_abi - the version that the kernel has; 0: none, or not enabled (errno). */
int kk_landlock_abi(void);

/* kk_landlock_enter - takes away all files but those that `needs` and `paths` allow, and, as far as `abi` goes, TCP,
 * signals to and abstract sockets of processes outside. After no_new_privs. 0, or -1 with errno; `skipped` is set to
 * the first root that cannot be opened, and stays closed therefore. */
int kk_landlock_enter(int abi, unsigned needs, const struct kk_sandbox_paths *paths, const char **skipped);

#endif
