/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/birth.h - reads a spec, produces what a forked child does to become what the spec says.
 *
 * The parent prepares everything that takes memory; between fork and exec the child makes only async-signal-safe
 * calls, since the parent may have had threads that held locks.
 */
#ifndef IPC_PROCESS_BIRTH_H
#define IPC_PROCESS_BIRTH_H

#include "process/order.h"

/* What a child that cannot become what it should be tells its parent. */
enum kk_birth_step { KK_BIRTH_SETUP, KK_BIRTH_DIRECTORY, KK_BIRTH_PROGRAM };

struct kk_birth_failure {
	int system; /* errno */
	int step;   /* enum kk_birth_step */
};

struct kk_birth {
	const struct kk_process_spec *spec;
	struct kk_process_fd *fds; /* the spec's and the lifeline, ordered by `to`          */
	size_t fd_count;
	const char *default_argv[2], *default_paths[2];
	const char *const *paths;
	const char *const *argv;
	const char *const *environment;
	pid_t parent;
	int report;     /* close-on-exec pipe: a struct kk_birth_failure goes there                    */
	int licence[2]; /* pipe: a byte comes to [0]; [1] is the parent's alone                        */

	/* A call in a fork: keeps all descriptors but the private ones (private.h), and has besides: */
	const struct kk_order *order; /* what it is to do; NULL: this is no call                         */
	kk_function *function;        /* the function that the order means, found before the fork        */
	int lifeline;                 /* the read end of its lifeline                                    */
	int carry;                    /* see kk_order_run; -1: none                                      */
	int directory;                /* a descriptor of where it begins to work; -1: where the caller does */
};

/* kk_birth_prepare - in the parent, of a `birth` that is zero, but for what a call has. `lifeline` is the read end the
 * child gets, -1: none. `spec` must outlive `birth`. 0 or an error: no program, a number given twice. */
int kk_birth_prepare(struct kk_birth *birth, const struct kk_process_spec *spec, int lifeline, struct kk_error *error);
void kk_birth_done(struct kk_birth *birth);

/* kk_birth_run - in the child, with all signals blocked. Does not return. */
void kk_birth_run(struct kk_birth *birth) __attribute__((noreturn));

#endif
