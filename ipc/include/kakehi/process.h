/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/process.h - reads a description of a child, produces a child process and, later, how it ended.
 *
 * A child gets exactly what its spec lists: descriptors, environment, limits. Everything else is closed, emptied or
 * reset, so that two children of one parent differ in nothing that nobody wrote down.
 *
 *   spawn --> running --(ends)--> ended --wait--> reaped --> free
 *               |  kill, kill_group      peek
 *
 * One process owns a struct kk_process: the one that called kk_process_spawn. Nothing here is shared memory.
 */
#ifndef KAKEHI_PROCESS_H
#define KAKEHI_PROCESS_H

#include <kakehi/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kk_process;

/* A descriptor that the child gets: the caller's `from` under the number `to`. The two sets may overlap in any way;
 * one `from` may be given several times, one `to` only once. */
struct kk_process_fd {
	int from, to;
};

/* A limit: setrlimit(2) resource, soft and hard value alike. */
struct kk_process_limit {
	int resource;
	uint64_t value;
};

/* What to start. Zero-initialise it and set what differs; it is read during kk_process_spawn only.
 *
 * Either `path` is set, or `paths`, or `function`. A function runs in a bare fork, so it may be used only by a caller
 * that has one thread; its return value (0 .. 255) is the exit status, no atexit handler runs, and what it prints with
 * stdio it must flush itself. */
struct kk_process_spec {
	const char *path;               /* program to execute, not searched in PATH; often "/proc/self/exe"       */
	const char *const *paths;       /* NULL-terminated: executes the first of them that it can                */
	const char *const *argv;        /* NULL-terminated; argv[0] is what ps shows. NULL: { path }              */
	const char *const *environment; /* NULL-terminated "NAME=value" list; NULL: empty. Not for `function`     */

	int (*function)(void *argument);
	void *argument;

	const struct kk_process_fd *fds; /* all that the child has; 0, 1 and 2 are /dev/null if not listed       */
	size_t fd_count;
	const struct kk_process_limit *limits;
	size_t limit_count;

	/* The number under which the child finds its lifeline, the read end of a pipe whose other end only the owner
	 * of the kk_process has: when that process is gone, however it went, the kernel kills the child. 0: none. */
	int lifeline;
	/* Kill the child when the *thread* that started it ends (PR_SET_PDEATHSIG). Quicker than a lifeline, but
	 * wrong for a caller that starts children from threads that end before them. */
	bool die_with_thread;
	/* The child leads a process group of its own; what is left of the group is killed when the child is reaped, and
	 * by the lifeline. */
	bool own_group;
	/* It leads a session of its own, too: it has no terminal. With `own_group` only. */
	bool own_session;

	const char *directory; /* where it works; NULL: where the caller does. Relative paths begin there */
	bool set_umask;
	mode_t umask; /* with set_umask; else the caller's */
};

/* How a process ended. Exactly one of `exited` (then `code`) and `signal` != 0 holds. */
struct kk_process_end {
	bool exited;
	int code;                    /* exit status, 0 .. 255                                  */
	int signal;                  /* that killed it, or 0                                   */
	bool core;                   /* and it left a core                                     */
	uint64_t user_us, system_us; /* CPU time, microseconds; 0 from kk_process_peek         */
	uint64_t max_rss_bytes;      /* largest resident set; 0 from kk_process_peek           */
};

/* kk_process_spawn - starts a child. Its signals are all at their defaults and unblocked. Returns it, or NULL with
 * `error`: also when the program cannot be executed, so that a child that is returned has begun to run what was asked
 * for. KK_ERR_MISSING: none of `paths` is there; KK_ERR_INVALID, KK_ERR_MEMORY, KK_ERR_SYSTEM. The caller owns the
 * result and ends it with kk_process_free. */
KK_API struct kk_process *kk_process_spawn(const struct kk_process_spec *spec, struct kk_error *error);

/* kk_process_pid - its process id; valid for as long as it has not been reaped. */
KK_API pid_t kk_process_pid(const struct kk_process *process);

/* kk_process_pidfd - a descriptor that polls readable once the process has ended. Owned by `process`. */
KK_API int kk_process_pidfd(const struct kk_process *process);

/* kk_process_kill - sends a signal to the process alone. 0; KK_ERR_MISSING: it has ended; or KK_ERR_SYSTEM. */
KK_API int kk_process_kill(struct kk_process *process, int signal);

/* kk_process_kill_group - sends a signal to its whole group (own_group; else to the process alone). Returns as
 * kk_process_kill. */
KK_API int kk_process_kill_group(struct kk_process *process, int signal);

/* kk_process_peek - has it ended? Does not reap: the pid stays taken. 0 and `end` filled; KK_ERR_EMPTY: it runs;
 * KK_ERR_SYSTEM. */
KK_API int kk_process_peek(struct kk_process *process, struct kk_process_end *end);

/* kk_process_wait - waits until it has ended, kills what is left of its group, and reaps it. `timeout_ms`: 0 does not
 * wait, negative waits for ever. 0 and `end` filled (again and again, once reaped); KK_ERR_TIMEOUT: it runs still;
 * KK_ERR_SYSTEM. `end` may be NULL. */
KK_API int kk_process_wait(struct kk_process *process, int timeout_ms, struct kk_process_end *end);

/* kk_process_free - forgets it; one that was not reaped is killed (with its group) and reaped first. NULL is fine. */
KK_API void kk_process_free(struct kk_process *process);

/* kk_process_abandon - the same without waiting for its end, for one that does not die of SIGKILL at once (it waits in
 * the kernel, for a disk that does not answer). It is reaped by whoever inherits the caller's children. */
KK_API void kk_process_abandon(struct kk_process *process);

/* kk_process_obituary - how it ended, for people: "exit 3", "killed by SIGSEGV (core dumped)". Cut at `size`, always
 * NUL-terminated; returns `to`. Any process. */
KK_API char *kk_process_obituary(const struct kk_process_end *end, char *to, size_t size);

/* kk_process_signal_name - "SIGSEGV"; "signal 40" for one without a name. Written to `to`, which it returns. */
KK_API char *kk_process_signal_name(int signal, char *to, size_t size);

/* kk_process_follow - the caller is killed (SIGKILL) as soon as every write end of the pipe `fd` reads from is closed;
 * it does not return if they are closed already. Writing to the pipe kills it too. kk_process_spawn has done this for
 * `lifeline`; another process that inherits a lifeline needs an open file description of its own (the kernel remembers
 * one owner for each). 0 or KK_ERR_SYSTEM. */
KK_API int kk_process_follow(int fd);

/* kk_process_gather - from now on the caller inherits what its children leave behind when they end (it is a
 * "subreaper"), instead of the system's first process. By a process with one thread. 0 or KK_ERR_SYSTEM. */
KK_API int kk_process_gather(void);

/* kk_process_end_orphans - kills and reaps all children that the caller has inherited since kk_process_gather, then
 * what comes to it thereby, until there are none: all descendants whose parents have ended, whatever group or session
 * they went to. Children that are a struct kk_process, or were there before kk_process_gather, are left alone. 0;
 * KK_ERR_TIMEOUT: not all have ended within `timeout_ms` (>= 0); KK_ERR_SYSTEM: it cannot see them (no /proc). */
KK_API int kk_process_end_orphans(int timeout_ms);

/* kk_process_raise - ends the calling process by `signal` with its default action, as a program does that was asked
 * to stop by it and has cleaned up. Does not return. */
KK_API void kk_process_raise(int signal) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif
#endif
