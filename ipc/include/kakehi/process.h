/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/process.h - reads a description of a child, produces a child process and, later, how it ended.
 *
 * Three things can be started:
 *
 *   a program (`path`, `paths`): gets exactly what its spec lists: descriptors, environment, limits. Everything else
 *     is closed, emptied or reset, so that two children of one parent differ in nothing that nobody wrote down;
 *   a C function (`function`): the same, in a bare fork;
 *   a call (`call`): a function of kakehi/function.h, as the target of Python's Process. It inherits standard input and
 *     output and the environment, and runs in a fork, in the fork of a server, or in the program started afresh.
 *
 *   spawn --> running --(ends)--> ended --wait--> reaped --> free
 *               |  kill, kill_group      peek
 *
 * One process owns a struct kk_process: the one that called kk_process_spawn; any of its threads may use it, as long as
 * none frees it meanwhile. In a child that inherits the handle it is worth nothing: KK_ERR_NOT_OWNER. Nothing here is
 * shared memory.
 *
 * A program that uses the library may fork as it likes, with threads too: the library's own locks are free in the
 * child. But a handler of a signal must not call fork(2), which POSIX does not allow either: the library may be at work
 * in the thread that it interrupts. _Fork(3), and exec, it may.
 *
 * Children never outlive their parent: a call holds a lifeline (see `lifeline` below), so the kernel kills it as soon
 * as its parent is gone, whatever it died of, and the children of the child after it; what the parent forks by itself
 * (fork, daemon) is not its parent and does not keep it alive. A parent that ends in peace
 * (exit, return from main, from a call) first joins its children as Python does: see kk_process_join_all.
 */
#ifndef KAKEHI_PROCESS_H
#define KAKEHI_PROCESS_H

#include <kakehi/error.h>
#include <kakehi/family.h>
#include <kakehi/function.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kk_process;
struct kk_process_server;

/* How a call comes to its process. */
enum kk_start_method {
	/* Memory and descriptors as they are. For callers with one thread: what other threads hold is held for ever. */
	KK_START_FORK = 0,
	/* /proc/self/exe is executed anew, and finds the function by its name. main has to call kk_function_main. */
	KK_START_SPAWN,
	/* A process with one thread that was started early forks it: for callers with threads. The function is found by
	 * its name; if the server is a fork of this program, it need not have one. What is not in the spec is as it was
	 * when the server was started: environment, limits, memory. */
	KK_START_FORKSERVER,
};

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
 * Either `path` is set, or `paths`, or `function`, or `call`. A function runs in a bare fork, so it may be used only by
 * a caller that has one thread; its return value (0 .. 255) is the exit status, no atexit handler runs, and what it
 * prints with stdio it must flush itself. */
struct kk_process_spec {
	const char *path;               /* program to execute, not searched in PATH; often "/proc/self/exe"       */
	const char *const *paths;       /* NULL-terminated: executes the first of them that it can                */
	const char *const *argv;        /* NULL-terminated; argv[0] is what ps shows. NULL: { path }              */
	const char *const *environment; /* NULL-terminated "NAME=value" list; NULL: empty, of a call: inherited   */

	int (*function)(void *argument);
	void *argument;

	kk_function *call;
	const void *args; /* copied                                                                              */
	size_t args_bytes;
	enum kk_start_method method;
	struct kk_process_server *server; /* for KK_START_FORKSERVER. NULL: one for all, started when first needed */
	struct kk_family *family;         /* the child of a call is a member of it. NULL: of none                  */
	const char *name; /* of a call, 1 .. KK_NAME_MAX bytes; NULL: "Process-N", "Process-N:M" for its children */
	bool daemon;      /* of a call: a parent that ends does not wait for it, but ends it                       */

	/* All that the child has; 0, 1 and 2 are /dev/null if not listed. A call has 0, 1 and 2 of the caller, too, if
	 * they are not listed; if it is forked (KK_START_FORK) all that the caller has; from a server, all it had. */
	const struct kk_process_fd *fds;
	size_t fd_count;
	const struct kk_process_limit *limits;
	size_t limit_count;

	/* The number under which the child finds its lifeline, the read end of a pipe whose other end only the owner
	 * of the kk_process has: when that process is gone, however it went, the kernel kills the child. 0: none. A
	 * call has one in any case. */
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
	bool lost;                   /* its fork server died: it was killed for that (`signal` is SIGKILL), or ended
	                              * just before, nobody knows how                         */
};

/* kk_process_start - starts a call by fork: Python's Process(target, args).start(). `name` NULL: "Process-N". As
 * kk_process_spawn with all else at its default. */
KK_API struct kk_process *kk_process_start(kk_function *call, const void *args, size_t args_bytes, const char *name,
                                           struct kk_error *error);

/* kk_process_spawn - starts a child. Its signals are all at their defaults and unblocked. Returns it, or NULL with
 * `error`: also when the program cannot be executed, so that a child that is returned has begun to run what was asked
 * for. KK_ERR_MISSING: none of `paths` is there; KK_ERR_INVALID, KK_ERR_MEMORY, KK_ERR_SYSTEM;
 * KK_ERR_DIED: the fork server has died, or the child before it came to its function; KK_ERR_TIMEOUT: the fork server
 * has not answered for ten seconds, as one that is stopped: the call is not run, or ended. The caller owns the result
 * and ends it with kk_process_free.
 *
 * A call ends with the status that its function returns (0 .. 255); with 1, and a line on standard error, if that is a
 * negative kk_status. Standard output and error are flushed; other streams are not, and atexit handlers do not run,
 * but after KK_START_SPAWN. */
KK_API struct kk_process *kk_process_spawn(const struct kk_process_spec *spec, struct kk_error *error);

/* kk_process_pid - its process id; valid for as long as it has not been reaped. */
KK_API pid_t kk_process_pid(const struct kk_process *process);

/* kk_process_name - of a call: its name; else "". Lives as long as `process`. */
KK_API const char *kk_process_name(const struct kk_process *process);

/* kk_process_pidfd - its pidfd; polls readable once the process has ended. Owned by `process`. */
KK_API int kk_process_pidfd(const struct kk_process *process);

/* kk_process_sentinel - a descriptor that polls readable once the process has ended *and* kk_process_peek knows how:
 * the pidfd, but for a child of a fork server, which has to tell first. Owned by `process`. */
KK_API int kk_process_sentinel(const struct kk_process *process);

/* kk_process_kill - sends a signal to the process alone. 0; KK_ERR_MISSING: it has ended; or KK_ERR_SYSTEM. */
KK_API int kk_process_kill(struct kk_process *process, int signal);

/* kk_process_kill_group - sends a signal to its whole group (own_group; else to the process alone). Returns as
 * kk_process_kill. */
KK_API int kk_process_kill_group(struct kk_process *process, int signal);

/* kk_process_peek - has it ended? Does not reap: the pid stays taken. 0 and `end` filled; KK_ERR_EMPTY: it runs;
 * KK_ERR_SYSTEM: as kk_process_wait. */
KK_API int kk_process_peek(struct kk_process *process, struct kk_process_end *end);

/* kk_process_wait - waits until it has ended, kills what is left of its group, and reaps it. `timeout_ms`: 0 does not
 * wait, negative waits for ever. 0 and `end` filled (again and again, once reaped); KK_ERR_TIMEOUT: it runs still, or
 * its fork server, which may be stopped, has not said yet how it ended (kk_process_pidfd knows that it has);
 * KK_ERR_SYSTEM, with errno ECHILD: it has ended, but somebody else took the word of it (SIGCHLD is ignored, or wait(2)
 * called for any child; children of a fork server are safe from that). `end` may be NULL. */
KK_API int kk_process_wait(struct kk_process *process, int timeout_ms, struct kk_process_end *end);

/* kk_process_join - waits for its end: kk_process_wait without asking how. 0, KK_ERR_TIMEOUT, KK_ERR_SYSTEM. */
KK_API int kk_process_join(struct kk_process *process, int timeout_ms);

/* kk_process_exitcode - how it ended, as Python says it: its exit status, or minus the signal that killed it. 0 and
 * `code`; KK_ERR_EMPTY: it runs; else as kk_process_peek. Does not reap. */
KK_API int kk_process_exitcode(struct kk_process *process, int *code);

/* kk_process_is_alive - has it not ended yet? */
KK_API bool kk_process_is_alive(struct kk_process *process);

/* kk_process_terminate - asks it to end (SIGTERM). Returns as kk_process_kill. */
KK_API int kk_process_terminate(struct kk_process *process);

/* kk_process_close - kk_process_free for one that has ended; KK_ERR_INVALID and nothing done for one that runs. */
KK_API int kk_process_close(struct kk_process *process);

/* kk_process_active_children - the calls of this process that have not ended: writes up to `max` handles, returns how
 * many there are. What other threads free meanwhile is not there. */
KK_API size_t kk_process_active_children(struct kk_process **to, size_t max);

/* kk_process_join_all - asks the daemons among its calls to end (SIGTERM), waits for all others, then gives the daemons
 * a second and kills them. Called when a process that has started calls ends in peace: by exit(3), or when its own call
 * returns. Handles stay valid. While it runs no other thread may free a process. */
KK_API void kk_process_join_all(void);

/* What a process knows of itself; Python's current_process(). */
struct kk_process_self {
	char name[KK_NAME_MAX + 1]; /* "MainProcess" in a process that is no call                        */
	pid_t parent;               /* who started the call, also if a server forked it; 0: it is none   */
	bool daemon;
	struct kk_family *family; /* that came with the call, or NULL                                  */
};

/* kk_process_current - of the calling process. Static memory; lives on. */
KK_API const struct kk_process_self *kk_process_current(void);

/* kk_process_rename - from now on the calling process has this name. 0 or KK_ERR_INVALID: empty, or too long. Before
 * threads that read it are started. */
KK_API int kk_process_rename(const char *name);

/* kk_process_server_start - starts a fork server: a child with one thread that forks children for this process, and
 * this process alone. KK_START_FORK: it is a fork of the caller, who should have one thread and little open yet, and
 * knows all that the caller has in memory by then; KK_START_SPAWN: the program is executed anew. It lives until it is
 * stopped or this process is gone, and ignores what a terminal sends. NULL on error. Any thread may start children
 * through it. */
KK_API struct kk_process_server *kk_process_server_start(enum kk_start_method method, struct kk_error *error);

/* kk_process_server_pid - its process id. If it dies (as when it is killed), its children are killed with it, their
 * `end` says `lost`, and nothing can be started through it any more: KK_ERR_DIED. */
KK_API pid_t kk_process_server_pid(const struct kk_process_server *server);

/* kk_process_server_stop - ends it, and what still runs of its children, by SIGKILL. Their handles stay valid. No other
 * thread may use the server from now on. NULL is fine. */
KK_API void kk_process_server_stop(struct kk_process_server *server);

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
