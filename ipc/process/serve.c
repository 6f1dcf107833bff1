/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/serve.c - the fork server: one thread that forks children for its parent and tells how they end. A child
 * hangs on the server's life, the server on its parent's.
 */
#include "deadline/deadline.h"
#include "process/child.h"
#include "process/private.h"
#include "process/server.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* One child. */
struct ward {
	struct kk_process *process;
	int channel; /* to who asked for it; -1: he does not care any more */
	bool told;   /* how it ended                                       */
	struct ward *next;
};

struct server {
	int socket;
	bool forked; /* from who asks: his functions are where ours are */
	struct ward *wards;
	struct pollfd *polled; /* the socket, then two for each ward, in their order */
	size_t count, room;
};

/* ---- a wish */

/* A descriptor that belongs to nothing any more. */
static void close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		kk_private_close(&fds[i]);
}

static void plan(struct kk_process_spec *spec, const struct kk_order *order, struct kk_process_fd *to, const int *from)
{
	const char *base = (const char *)order;
	const int *targets = (const int *)(const void *)(base + order->targets_at);

	for (size_t i = 0; i < order->target_count; i++)
		to[i] = (struct kk_process_fd){from[i], targets[i]};
	*spec = (struct kk_process_spec){
	    .fds = to,
	    .fd_count = order->target_count,
	    .limits = (const void *)(base + order->limits_at),
	    .limit_count = order->limit_count,
	    .own_group = order->own_group,
	    .own_session = order->own_session,
	    .directory = order->directory_bytes > 0 ? base + order->directory_at : NULL,
	    .set_umask = order->set_umask,
	    .umask = order->umask,
	};
}

static int start(const struct server *server, struct kk_process *process, const struct kk_order *order, const int *fds,
                 size_t count, struct kk_error *error)
{
	struct kk_process_fd to[KK_WISH_FDS];
	struct kk_process_spec spec;
	size_t rest = WISH_REST + order->member;
	struct kk_birth birth = {
	    .order = order,
	    .function = kk_order_find(order, server->forked),
	    .carry = order->member ? fds[WISH_REST] : -1,
	    .directory = fds[WISH_DIRECTORY],
	};

	if (count != rest + order->target_count)
		return kk_error_set(error, KK_ERR_SYSTEM, "a fork server that has no room for more descriptors");
	if (!birth.function)
		return kk_error_set(error, KK_ERR_MISSING, "the program knows no function %s", order->function);
	plan(&spec, order, to, fds + rest);
	return kk_child_start(process, &spec, &birth, error);
}

/* Nobody waits for this child any more, or ever did. */
static bool is_given_up(int channel)
{
	return kk_deadline_poll(channel, 0, 0) == KK_OK;
}

static void fulfil(struct server *server, int *fds, size_t count, struct kk_answered *answered)
{
	struct kk_error *error = &answered->error;
	const struct kk_order *order = count > WISH_DIRECTORY ? kk_order_receive(fds[WISH_ORDER]) : NULL;
	struct ward *ward = calloc(1, sizeof(*ward));
	int rc = KK_ERR_MEMORY;

	if (!order || !ward) {
		kk_error_set(error, rc, "a fork server that has no room for another child");
		goto out;
	}
	if (is_given_up(fds[WISH_CHANNEL])) {
		rc = kk_error_set(error, KK_ERR_CANCELLED, "the question was given up");
		goto out;
	}
	ward->process = kk_child_make(error);
	if (!ward->process)
		goto out;
	rc = start(server, ward->process, order, fds, count, error);
	if (rc < 0)
		goto out;
	answered->pid = kk_process_pid(ward->process);
	ward->channel = fds[WISH_CHANNEL];
	fds[WISH_CHANNEL] = -1;
	ward->next = server->wards;
	server->wards = ward;
out:
	kk_order_unmap(order);
	if (rc < 0 && ward && ward->process)
		kk_child_unmake(ward->process);
	if (rc < 0)
		free(ward);
}

/* false: nobody will ask any more. */
static bool serve_wish(struct server *server)
{
	int fds[KK_WISH_FDS], pidfd;
	struct kk_wish wish;
	struct kk_answered answered = {0};
	size_t count;
	ssize_t n = kk_message_receive(server->socket, &wish, sizeof(wish), fds, KK_WISH_FDS, &count);

	if (n == (ssize_t)sizeof(wish)) {
		if (count == wish.fd_count)
			fulfil(server, fds, count, &answered);
		else
			kk_error_set(&answered.error, KK_ERR_SYSTEM,
			             "a fork server that has no room for more descriptors");
		pidfd = answered.pid > 0 ? kk_process_pidfd(server->wards->process) : -1;
		if (kk_message_send(server->socket, &answered, sizeof(answered), &pidfd, pidfd >= 0) < 0)
			n = 0;
	}
	close_all(fds, count);
	return n > 0;
}

/* ---- its children */

/* It has ended: says how, and leaves it to be reaped when its owner knows. */
static void tell(struct ward *ward)
{
	struct kk_process_end end;

	if (ward->told || kk_child_how(ward->process, WNOWAIT | WNOHANG, &end) < 0)
		return;
	ward->told = true;
	/* Fails if he does not care any more. */
	if (ward->channel >= 0)
		(void)!send(ward->channel, &end, sizeof(end), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void forget(struct ward **at)
{
	struct ward *ward = *at;

	*at = ward->next;
	kk_process_free(ward->process);
	kk_private_close(&ward->channel);
	free(ward);
}

static void end(const struct ward *ward)
{
	kk_process_kill_group(ward->process, SIGKILL);
	kk_process_kill(ward->process, SIGKILL);
}

/* `ended` and `shut` as poll saw them. A child lives as long as its owner has his end of the channel. */
static void look_after(struct ward **at, bool ended, bool shut)
{
	struct ward *ward = *at;

	if (ended)
		tell(ward);
	if (shut && !ward->told)
		end(ward);
	if (shut)
		kk_private_close(&ward->channel);
	if (ward->told && ward->channel < 0)
		forget(at);
}

static int list_polled(struct server *server)
{
	size_t count = 1;

	for (const struct ward *ward = server->wards; ward; ward = ward->next)
		count += 2;
	if (count > server->room) {
		struct pollfd *longer = realloc(server->polled, 2 * count * sizeof(*longer));
		if (!longer)
			return -1;
		server->polled = longer;
		server->room = 2 * count;
	}
	server->polled[0] = (struct pollfd){.fd = server->socket, .events = POLLIN};
	server->count = 1;
	for (const struct ward *ward = server->wards; ward; ward = ward->next) {
		int pidfd = ward->told ? -1 : kk_process_pidfd(ward->process);
		server->polled[server->count++] = (struct pollfd){.fd = pidfd, .events = POLLIN};
		server->polled[server->count++] = (struct pollfd){.fd = ward->channel, .events = 0};
	}
	return 0;
}

static void look_after_all(struct server *server)
{
	struct ward **at = &server->wards;

	for (size_t i = 1; i + 1 < server->count; i += 2) {
		struct ward *ward = *at;
		look_after(at, server->polled[i].revents != 0, server->polled[i + 1].revents != 0);
		if (*at == ward)
			at = &ward->next;
	}
}

/* Nobody asks any more: who still waits for a child is told how it was ended. */
static void end_all(struct server *server)
{
	struct kk_process_end how;

	for (const struct ward *ward = server->wards; ward; ward = ward->next)
		end(ward);
	for (struct ward *ward = server->wards; ward; ward = ward->next) {
		kk_child_how(ward->process, WNOWAIT, &how);
		tell(ward);
	}
	while (server->wards)
		forget(&server->wards);
}

void kk_serve_undisturbed(void)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
}

int kk_serve(int socket, bool forked)
{
	struct server server = {.socket = kk_private_adopt(socket), .forked = forked};
	bool more = server.socket >= 0;

	while (more && list_polled(&server) == 0) {
		if (poll(server.polled, server.count, -1) < 0) {
			more = errno == EINTR;
			continue;
		}
		look_after_all(&server);
		if (server.polled[0].revents)
			more = serve_wish(&server);
	}
	end_all(&server);
	free(server.polled);
	kk_private_close(&server.socket);
	return 0;
}
