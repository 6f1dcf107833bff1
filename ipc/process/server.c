/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/server.c - a fork server as those see it who ask it for children. The server itself is in serve.c. */
#include "process/server.h"
#include "deadline/deadline.h"
#include "process/child.h"
#include "process/private.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STOP_MS   2000
#define ANSWER_MS 10000

struct kk_process_server {
	struct kk_process *self;
	int socket;
	bool forked;            /* knows our functions by their addresses */
	_Atomic unsigned users; /* the handle, and those of its children */

	pthread_mutex_t lock; /* of the socket and what follows: one question at a time */
	bool owes;            /* the answer to a question that was given up */
};

/* The server for those who name none. */
static struct {
	pthread_mutex_t lock;
	struct kk_process_server *server;
} common = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int start(struct kk_process_server *server, int socket, struct kk_error *error)
{
	struct kk_process_spec spec = {.name = "ForkServer"};
	struct kk_birth birth = {.carry = socket, .directory = -1};
	struct kk_order *order = kk_order_make(&spec, error);
	int rc;

	if (!order)
		return KK_ERR_MEMORY;
	fflush(stdout);
	fflush(stderr);
	if (server->forked) {
		birth.order = order;
		rc = kk_child_start(server->self, &spec, &birth, error);
	} else {
		rc = kk_child_exec(server->self, &spec, order, socket, error);
	}
	free(order);
	return rc;
}

struct kk_process_server *kk_process_server_start(enum kk_start_method method, struct kk_error *error)
{
	struct kk_process_server *server = NULL;
	int pair[2] = {-1, -1}, rc = KK_ERR_INVALID;

	if (method != KK_START_FORK && method != KK_START_SPAWN) {
		kk_error_set(error, rc, "a fork server is started by fork or by spawn");
		return NULL;
	}
	server = calloc(1, sizeof(*server));
	if (!server) {
		kk_error_set(error, KK_ERR_MEMORY, "no memory for a fork server");
		return NULL;
	}
	server->forked = method == KK_START_FORK;
	atomic_init(&server->users, 1);
	server->socket = -1;
	pthread_mutex_init(&server->lock, NULL);
	server->self = kk_child_make(error);
	if (!server->self)
		goto out;
	if (kk_private_pair(pair) < 0) {
		kk_error_set(error, KK_ERR_SYSTEM, "cannot make a socket for a fork server");
		goto out;
	}
	server->socket = pair[0];
	rc = start(server, pair[1], error);
	kk_private_close(&pair[1]);
out:
	if (rc < 0) {
		/* A child that could not be started is gone already. */
		if (server->self)
			kk_child_unmake(server->self);
		server->self = NULL;
		kk_process_server_stop(server);
		server = NULL;
	}
	return server;
}

pid_t kk_process_server_pid(const struct kk_process_server *server)
{
	return kk_process_pid(server->self);
}

void kk_server_release(struct kk_process_server *server)
{
	/* acq_rel: the last one sees what all before it have done. */
	if (atomic_fetch_sub_explicit(&server->users, 1, memory_order_acq_rel) > 1)
		return;
	if (server->self)
		kk_process_free(server->self);
	pthread_mutex_destroy(&server->lock);
	free(server);
}

void kk_process_server_stop(struct kk_process_server *server)
{
	if (!server)
		return;
	/* In a forked child only memory: no thread is there to give up the lock, no child's handle uses it. */
	if (server->self && server->self->owner != getpid()) {
		kk_process_free(server->self);
		free(server);
		return;
	}
	/* Told that nobody asks any more, it ends its children and itself; or does not, and they end with its life. */
	pthread_mutex_lock(&server->lock);
	kk_private_close(&server->socket);
	pthread_mutex_unlock(&server->lock);
	if (server->self && server->self->pid > 0 && kk_process_wait(server->self, STOP_MS, NULL) == KK_ERR_TIMEOUT) {
		kk_process_kill(server->self, SIGKILL);
		kk_process_wait(server->self, -1, NULL);
	}
	kk_server_release(server);
}

void kk_server_await(struct kk_process_server *server)
{
	kk_process_wait(server->self, -1, NULL);
}

/* ---- asking */

static int say_dead(const struct kk_process_server *server, struct kk_error *error)
{
	struct kk_process_end end = {0};
	char how[64] = "it does not answer";

	if (kk_process_wait(server->self, 1000, &end) == KK_OK)
		kk_process_obituary(&end, how, sizeof(how));
	return kk_error_set(error, KK_ERR_DIED, "the fork server (process %d) has died: %s", (int)server->self->pid,
	                    how);
}

/* Fills `fds` with what goes along. Returns how many, or an error. */
static long gather(const struct kk_process_spec *spec, const int head[WISH_REST], int fds[KK_WISH_FDS],
                   struct kk_error *error)
{
	size_t count = WISH_REST;

	if (spec->fd_count + WISH_REST + 1 > KK_WISH_FDS)
		return kk_error_set(error, KK_ERR_INVALID, "more descriptors than a fork server can be given");
	memcpy(fds, head, WISH_REST * sizeof(int));
	if (spec->family)
		fds[count++] = kk_family_fd(spec->family);
	for (size_t i = 0; i < spec->fd_count; i++)
		fds[count++] = spec->fds[i].from;
	return (long)count;
}

/* With the lock held, as the next one: the answer, and the pidfd that comes with it. */
static int hear(struct kk_process_server *server, struct kk_answered *answered, int *pidfd, int64_t deadline_ms)
{
	size_t came;
	int rc = kk_deadline_poll(server->socket, POLLIN, deadline_ms);

	server->owes = rc < 0;
	if (rc < 0)
		return rc;
	if (kk_message_receive(server->socket, answered, sizeof(*answered), pidfd, 1, &came) !=
	    (ssize_t)sizeof(*answered))
		return KK_ERR_DIED;
	return KK_OK;
}

/* One question and its answer. A child of whom word comes too late is ended by the server: its channel is shut. */
static int put_question(struct kk_process_server *server, const int *fds, size_t count, struct kk_answered *answered,
                        int *pidfd, int64_t deadline_ms)
{
	struct kk_wish wish = {.fd_count = count};
	int late = -1, rc = KK_OK;

	if (server->socket < 0)
		return KK_ERR_DIED;
	if (kk_deadline_left(deadline_ms) == 0)
		return KK_ERR_TIMEOUT;
	if (server->owes)
		rc = hear(server, answered, &late, deadline_ms);
	kk_private_close(&late);
	if (rc < 0)
		return rc;
	/* There is room: nothing else is under way. */
	if (kk_message_send(server->socket, &wish, sizeof(wish), fds, count) < 0)
		return errno == EPIPE || errno == ECONNRESET ? KK_ERR_DIED : KK_ERR_SYSTEM;
	return hear(server, answered, pidfd, deadline_ms);
}

static int talk(struct kk_process_server *server, const int *fds, size_t count, struct kk_answered *answered,
                int *pidfd, struct kk_error *error)
{
	int64_t deadline_ms = kk_deadline(ANSWER_MS);

	pthread_mutex_lock(&server->lock);
	int rc = put_question(server, fds, count, answered, pidfd, deadline_ms);
	int failed = errno;
	pthread_mutex_unlock(&server->lock);
	errno = failed;
	if (rc == KK_ERR_TIMEOUT)
		return kk_error_set(error, rc, "the fork server (process %d) has not answered for %d s: is it stopped?",
		                    (int)server->self->pid, ANSWER_MS / 1000);
	if (rc == KK_ERR_DIED)
		return say_dead(server, error);
	if (rc < 0)
		return kk_error_set(error, rc, "cannot ask the fork server");
	if (answered->pid > 0 && *pidfd < 0)
		return kk_error_set(error, KK_ERR_MEMORY, "cannot take the descriptor of a process");
	if (answered->pid == 0 && error)
		*error = answered->error;
	return answered->pid > 0 ? KK_OK : answered->error.code;
}

static int ask(struct kk_process *process, struct kk_process_server *server, const struct kk_process_spec *spec,
               const struct kk_order *order, struct kk_error *error)
{
	struct kk_answered answered = {0};
	int fds[KK_WISH_FDS], head[WISH_REST] = {-1, -1, -1}, channel[2] = {-1, -1}, rc = KK_ERR_SYSTEM;
	long count;

	if (!server->forked && !order->function[0])
		return kk_error_set(
		    error, KK_ERR_INVALID,
		    "a fork server that was started afresh finds only functions with a name: KK_FUNCTION");
	head[WISH_ORDER] = kk_order_send(order);
	if (head[WISH_ORDER] >= 0)
		head[WISH_DIRECTORY] = kk_private_adopt(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (head[WISH_ORDER] < 0 || head[WISH_DIRECTORY] < 0 || kk_private_pair(channel) < 0) {
		kk_error_set(error, rc, "cannot pass on the arguments of a process");
		goto out;
	}
	process->channel = channel[0];
	head[WISH_CHANNEL] = channel[1];
	count = gather(spec, head, fds, error);
	rc = count < 0 ? (int)count : talk(server, fds, (size_t)count, &answered, &process->pidfd, error);
out:
	for (size_t i = 0; i < WISH_REST; i++)
		kk_private_close(&head[i]);
	if (rc == KK_OK) {
		process->pid = answered.pid;
		process->own_group = spec->own_group;
		kk_living_add(&process->living, process->pid, process);
	}
	return rc;
}

/* Another thread of the parent may have held it; the server is none of ours. */
static void child_begins(void)
{
	pthread_mutex_init(&common.lock, NULL);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int watched;

static void watch_forks(void)
{
	watched = pthread_atfork(NULL, NULL, child_begins);
}

/* With the lock of `common` held. */
static struct kk_process_server *common_server(struct kk_error *error)
{
	struct kk_process_server *server = common.server;

	/* One that has died, or is the parent's, is of no use any more. */
	if (server && server->self->owner == getpid() && kk_process_is_alive(server->self))
		return server;
	kk_process_server_stop(server);
	common.server = kk_process_server_start(KK_START_SPAWN, error);
	return common.server;
}

int kk_server_ask(struct kk_process *process, const struct kk_process_spec *spec, const struct kk_order *order,
                  struct kk_error *error)
{
	struct kk_process_server *server = spec->server;

	if (spec->die_with_thread)
		return kk_error_set(error, KK_ERR_INVALID,
		                    "the child of a fork server is of none of the caller's threads");
	if (server && server->self->owner != getpid())
		return kk_error_set(error, KK_ERR_NOT_OWNER, "a fork server works for the process that started it");
	pthread_once(&once, watch_forks);
	if (watched != 0)
		return kk_error_set(error, KK_ERR_MEMORY, "no memory to watch forks");
	if (!server)
		pthread_mutex_lock(&common.lock);
	server = server ? server : common_server(error);
	if (server)
		atomic_fetch_add_explicit(&server->users, 1, memory_order_relaxed);
	if (!spec->server)
		pthread_mutex_unlock(&common.lock);
	if (!server)
		return KK_ERR_SYSTEM;
	process->server = server;
	return ask(process, server, spec, order, error);
}

void kk_server_stop_default(void)
{
	pthread_mutex_lock(&common.lock);
	kk_process_server_stop(common.server);
	common.server = NULL;
	pthread_mutex_unlock(&common.lock);
}
