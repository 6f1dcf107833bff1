/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/popen.h - reads a command, produces a running program with pipes to it and from it: Python's Popen.
 *
 *	const char *const args[] = {"sort", "-n", NULL};
 *	const struct kk_command command = {.args = args, .in = {KK_STREAM_PIPE}, .out = {KK_STREAM_PIPE}};
 *	struct kk_popen *sort = kk_popen(&command, &error);
 *	kk_popen_communicate(sort, "2\n1\n", 4, -1, &error);
 *	kk_popen_captured(sort, 1).data;     // "1\n2\n"
 *	kk_popen_free(sort);
 *
 * No shell is ever involved. The child has the descriptors that the command lists and no others (besides a lifeline, a
 * pipe under a high number that ends the child, and its group, when the caller ends, however it does), all signals at
 * their defaults (SIGPIPE too), and a process group of its own, which ends with it.
 *
 * A forked call (KK_START_FORK), as any fork, inherits the caller's ends of its pipes: the child sees the end of its
 * input only when that one has ended, too.
 *
 * A struct kk_popen belongs to the process that made it; in a forked child it can only be freed: KK_ERR_NOT_OWNER.
 * Several threads may wait for it, ask and signal it at a time; one at a time may communicate. kakehi/run.h does all in
 * one call.
 */
#ifndef KAKEHI_POPEN_H
#define KAKEHI_POPEN_H

#include <kakehi/error.h>
#include <kakehi/process.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum kk_stream_kind {
	KK_STREAM_INHERIT = 0, /* the caller's own                                     */
	KK_STREAM_NULL,        /* /dev/null                                            */
	KK_STREAM_PIPE,        /* a pipe whose other end the kk_popen has              */
	KK_STREAM_FD,          /* the caller's descriptor `fd`, which stays the caller's */
	KK_STREAM_OUT          /* for `err` alone: wherever `out` goes                 */
};

struct kk_stream {
	enum kk_stream_kind kind;
	int fd; /* with KK_STREAM_FD */
};

/* What to start. Zero-initialise it and set what differs; it is read during the call only. */
struct kk_command {
	const char *const *args;        /* NULL-terminated; args[0] is the program                               */
	const char *executable;         /* the program, if args[0] is not; else NULL                             */
	const char *const *environment; /* NULL-terminated "NAME=value" list; NULL: the caller's                 */
	const char *directory;          /* where it works; NULL: where the caller does                           */
	struct kk_stream in, out, err;
	const int *pass_fds; /* descriptors it gets besides these, under their own numbers; close-on-exec or not */
	size_t pass_fd_count;
	const struct kk_process_limit *limits; /* setrlimit(2), soft and hard alike */
	size_t limit_count;
	bool set_umask;
	mode_t umask;       /* with set_umask */
	bool own_session;   /* it leads a session of its own: it has no terminal */
	bool same_group;    /* it stays in the caller's group, for programs that use the terminal: is ended alone */
	size_t capture_max; /* bytes that are kept of `out`, and of `err`; 0: all that memory holds */
	size_t pipe_bytes;  /* room asked for in each pipe; the system may give less. 0: the system's default */
};

struct kk_popen;

/* kk_popen - starts a program. A name without a slash is searched in the PATH of the child's environment (without one:
 * /bin:/usr/bin), as execvpe(3) does, but nothing is ever handed to a shell. Returns it running, or NULL:
 * KK_ERR_MISSING: no such program; KK_ERR_SYSTEM: it cannot be executed, or `directory` not be entered (error->system
 * says why); KK_ERR_INVALID: no program, a descriptor that is not open; KK_ERR_MEMORY. All texts name the program.
 * Any thread. End with kk_popen_free. */
KK_API struct kk_popen *kk_popen(const struct kk_command *command, struct kk_error *error);

/* kk_popen_free - closes its pipes, kills what still runs (with its group) and reaps it. NULL does nothing. */
KK_API void kk_popen_free(struct kk_popen *popen);

/* kk_popen_pid - its process id; nobody else's until it was waited for. */
KK_API pid_t kk_popen_pid(const struct kk_popen *popen);
/* kk_popen_pidfd - a descriptor that polls readable once it has ended. Owned by `popen`. */
KK_API int kk_popen_pidfd(const struct kk_popen *popen);

/* kk_popen_fd - the caller's end of the pipe to (0) or from (1, 2) the child, to write and read it oneself. Owned by
 * `popen`. -1: there is none, or it was closed. */
KK_API int kk_popen_fd(const struct kk_popen *popen, int which);
/* kk_popen_close_fd - closes it: a child that reads then sees the end of its input. 0; KK_ERR_MISSING: there is none;
 * KK_ERR_INVALID: another thread communicates. */
KK_API int kk_popen_close_fd(struct kk_popen *popen, int which);

/* kk_popen_communicate - writes `input` to the child, reads all that it writes, both at once, until its streams are at
 * their ends, then waits for its end. 0; the child may have read less than all of `input`: that is no error.
 * KK_ERR_TIMEOUT: not done yet; nothing is lost, call it again (then without input; the first call's bytes must stay
 * until it is done). KK_ERR_NO_ROOM: it wrote more than capture_max; what fits is kept, the stream is closed to it; may
 * be called again for the rest. KK_ERR_INVALID: input for a child whose `in` is no pipe, or a second input, or another
 * thread communicates; KK_ERR_MEMORY, KK_ERR_SYSTEM. */
KK_API int kk_popen_communicate(struct kk_popen *popen, const void *input, size_t input_bytes, int timeout_ms,
                                struct kk_error *error);

/* What a child wrote. A NUL that is not counted follows. */
struct kk_captured {
	char *data; /* never NULL in what kk_popen_captured returns */
	size_t bytes;
};

/* kk_popen_captured - what kk_popen_communicate has read of the child's stream 1 or 2 up to now. Owned by `popen`,
 * valid until it communicates again. */
KK_API struct kk_captured kk_popen_captured(const struct kk_popen *popen, int which);

/* kk_popen_poll - has it ended? 0 and `*returncode` set: its exit status, or minus the signal that killed it;
 * KK_ERR_EMPTY: it runs; KK_ERR_SYSTEM: it has ended, but somebody else took the word of it (SIGCHLD is ignored, or
 * wait(2) called for any child). `returncode` may be NULL. */
KK_API int kk_popen_poll(struct kk_popen *popen, int *returncode);
/* kk_popen_wait - waits for its end; what is left of its group is killed then. Returns as kk_popen_poll, or
 * KK_ERR_TIMEOUT. A child with pipes that nobody reads may never end: kk_popen_communicate reads them. */
KK_API int kk_popen_wait(struct kk_popen *popen, int timeout_ms, int *returncode);
/* kk_popen_end - how it ended, with the CPU time and memory that it took. 0; KK_ERR_EMPTY: nobody has waited for it. */
KK_API int kk_popen_end(struct kk_popen *popen, struct kk_process_end *end);

/* kk_popen_send_signal, _terminate (SIGTERM), _kill (SIGKILL) - signal the child alone. 0, also when it has ended
 * (nobody else can be hit); KK_ERR_SYSTEM. */
KK_API int kk_popen_send_signal(struct kk_popen *popen, int signal);
KK_API int kk_popen_terminate(struct kk_popen *popen);
KK_API int kk_popen_kill(struct kk_popen *popen);
/* kk_popen_signal_group - signals the child and what it has started, as far as that is still in its group. */
KK_API int kk_popen_signal_group(struct kk_popen *popen, int signal);

#ifdef __cplusplus
}
#endif
#endif
