/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/sandbox.h - reads what a stage needs, produces a process that can do nothing else any more.
 *
 *	always           no_new_privs; no capabilities but those for files, and these only where files are needed; no
 *	                 debugging of others, mounts, namespaces, keys, modules, bpf, io_uring; no signals to others
 *	KK_NEED_NETWORK  without it: no sockets of any family
 *	KK_NEED_READ     without it: no file can be opened for reading; with it: all that the user may read
 *	KK_NEED_WRITE    without it: nothing can be created, written, renamed, resized or given another mode; with it:
 *	                 beneath the current directory and the roots given. Reading these takes KK_NEED_READ
 *	KK_NEED_EXEC     without it: no programs and no processes, threads only; with it: any program, that the same
 *	                 sandbox holds (and that may be read); signals may then reach what the kernel lets them
 *
 * Descriptors that are open keep working. Files are held by Landlock as far as the kernel has it and, where a need is
 * missing altogether, by seccomp as well; sockets and the rest by seccomp. Threads made before are held by seccomp
 * alone, so enter with one thread.
 */
#ifndef ENGINE_WORKER_SANDBOX_H
#define ENGINE_WORKER_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/* Where a stage with KK_NEED_WRITE may write besides the current directory. Borrowed for the call. */
struct kk_sandbox_paths {
	const char *const *write; /* absolute */
	size_t count;
	bool nowhere_else; /* not even in the current directory */
};

/* kk_sandbox_enter - closes the sandbox around this process; there is no way back. `needs`: enum kk_need. `paths` may
 * be NULL. `level` gets for people what was obtained and what is missing ("no_new_privs, landlock 7, seccomp;
 * missing: ..."). 0: all of it; 1: something is missing; -1: not even no_new_privs. By the worker, once. */
int kk_sandbox_enter(unsigned needs, const struct kk_sandbox_paths *paths, char *level, size_t size);

#endif
