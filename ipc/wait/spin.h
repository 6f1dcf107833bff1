/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/wait/spin.h - reads the machine, produces a moment awake for who looks again before he sleeps. Inside ipc only.
 */
#ifndef IPC_WAIT_SPIN_H
#define IPC_WAIT_SPIN_H

#include <stdbool.h>

/* kk_spin_pays - may this process run on more than one processor? Else nobody can act while we look. */
bool kk_spin_pays(void);

/* kk_relax - between two looks. On arm64 `isb` waits for some ten nanoseconds, where `yield` does nothing. */
static inline void kk_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("isb");
#endif
}

#endif
