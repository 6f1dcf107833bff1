/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/child.h - what the files of ipc/process know of a struct kk_process.
 *
 * A child of a fork server is a child of that process, which alone can wait for it. Its owner has a channel instead:
 *
 *   server: {how it ended} once it has ended, but leaves it a zombie, so that its number stays taken
 *   owner:  shuts the channel down when it has read that (it reaps), or does not care any more
 */
#ifndef IPC_PROCESS_CHILD_H
#define IPC_PROCESS_CHILD_H

#include "process/birth.h"
#include "process/living.h"
#include "process/order.h"
#include <pthread.h>

struct kk_process {
	struct kk_living living;
	pid_t owner, pid;
	int pidfd;
	int lifeline;                     /* our end of the pipe: the child lives while it is open; -1: none */
	int channel;                      /* to the server that has it as its child; -1: it is ours          */
	struct kk_process_server *server; /* that server, which is not freed before; else NULL               */
	bool called;                      /* it is a call */
	bool own_group, daemon;
	struct kk_family *family; /* to look after when it has ended, or NULL */
	char name[KK_NAME_MAX + 1];

	pthread_mutex_t lock; /* of what follows */
	bool reaped;
	bool taken;                /* it has ended, how is for somebody else to know */
	struct kk_process_end end; /* once reaped */
};

/* kk_child_make - one that has not been started. NULL with `error`. kk_child_unmake - and one that was not started. */
struct kk_process *kk_child_make(struct kk_error *error);
void kk_child_unmake(struct kk_process *process);

/* kk_child_start - forks what `birth` (prepared for a call; else zero) and `spec` say, and learns whether it became
 * that. 0 or an error. */
int kk_child_start(struct kk_process *process, const struct kk_process_spec *spec, struct kk_birth *birth,
                   struct kk_error *error);

/* kk_child_how - waitid(2) with P_PIDFD: KK_ERR_EMPTY: it runs; KK_ERR_SYSTEM. */
int kk_child_how(const struct kk_process *process, int options, struct kk_process_end *end);

/* kk_child_await - waits until it has ended, and for the word of how, but not for ever for a server that does not give
 * it: then it is `taken`. */
void kk_child_await(struct kk_process *process);

/* kk_child_exec - starts a call (or a server) in the program that this process runs, from its beginning. `carry` goes
 * along, or is -1. 0 or an error. */
int kk_child_exec(struct kk_process *process, const struct kk_process_spec *spec, struct kk_order *order, int carry,
                  struct kk_error *error);

/* kk_server_ask - has a server start a call. 0 or an error. */
int kk_server_ask(struct kk_process *process, const struct kk_process_spec *spec, const struct kk_order *order,
                  struct kk_error *error);
/* kk_server_await - waits until the server of such a process has ended. kk_server_release - it has one child less. */
void kk_server_await(struct kk_process_server *server);
void kk_server_release(struct kk_process_server *server);
/* kk_server_stop_default - ends the server that was started because a spec named none. */
void kk_server_stop_default(void);

/* kk_serve_undisturbed - in a server, before its parent hears of it: what a terminal sends, or whoever ends a group, is
 * for the parent to decide on. */
void kk_serve_undisturbed(void);

/* kk_serve - is a fork server until its socket is closed; `forked`: by bare fork from who asks. Returns the exit
 * status. */
int kk_serve(int socket, bool forked);

/* kk_join_at_exit - has exit(3) call kk_process_join_all. 0 or KK_ERR_MEMORY. */
int kk_join_at_exit(void);

/* kk_list_standard - the descriptors of a child: those of `spec`, and 0, 1 and 2 as far as they are open and not
 * listed. `extra` more fit behind. Returns how many; -1: no memory. `to` is ended with free. */
long kk_list_standard(const struct kk_process_spec *spec, size_t extra, struct kk_process_fd **to);

#endif
