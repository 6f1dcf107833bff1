/* SPDX-License-Identifier: Apache-2.0 */
/* manager/server.c - the server: its address, its connections, its end. One thread waits for connections and reaps
 * those that have ended; each connection has a thread. */
#include "server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Who has not proved himself yet: so many at a time. After a failure to accept (no descriptors) a pause. */
enum { GREETING_MAX = 16, PAUSE_MS = 50, KEY_MAX = 1024 };

/* ---- making */

static int check_spec(const struct kk_server_spec *spec, const struct address *address, struct kk_error *error)
{
	if (spec->authkey && (spec->authkey_bytes == 0 || spec->authkey_bytes > KEY_MAX))
		return kk_error_set(error, KK_ERR_INVALID, "an authkey has 1 to %d bytes", KEY_MAX);
	if (address_is_unix(address))
		return KK_OK;
	if (!spec->authkey)
		return kk_error_set(error, KK_ERR_INVALID, "TCP needs an authkey: anybody can connect");
	if (!address_is_loopback(address) && !spec->anywhere)
		return kk_error_set(error, KK_ERR_INVALID, "\"%s\" is not loopback, and `anywhere` is not set",
		                    spec->address);
	return KK_OK;
}

static int copy_spec(struct kk_server *server, const struct kk_server_spec *spec)
{
	server->connection_max = spec->connections ? spec->connections : KK_SERVER_CONNECTIONS;
	server->message_max = spec->message_max ? spec->message_max : KK_SERVER_MESSAGE_MAX;
	server->handshake_ms = spec->handshake_ms ? spec->handshake_ms : KK_SERVER_HANDSHAKE_MS;
	server->manager = spec->manager;
	server->user_count = spec->user_count;
	server->users = wire_copy(spec->users, spec->user_count * sizeof(*spec->users));
	if (spec->authkey)
		server->key = (struct hello_key){wire_copy(spec->authkey, spec->authkey_bytes), spec->authkey_bytes};
	return server->users && (!spec->authkey || server->key.data) ? KK_OK : KK_ERR_MEMORY;
}

static int open_server(struct kk_server *server, struct kk_error *error)
{
	server->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->bell < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "eventfd");
	server->listening = address_listen(&server->address, error);
	if (server->listening < 0)
		return server->listening;
	return address_text(server->listening, server->text, error);
}

struct kk_server *kk_server_create(const struct kk_server_spec *spec, struct kk_error *error)
{
	struct address address;
	if (address_read(spec->address, &address, error) < 0 || check_spec(spec, &address, error) < 0)
		return NULL;
	struct kk_server *server = calloc(1, sizeof(*server));
	if (!server) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a server");
		return NULL;
	}
	server->listening = -1;
	server->bell = -1;
	server->address = address;
	(void)pthread_mutex_init(&server->lock, NULL);
	(void)pthread_cond_init(&server->idle, NULL);
	int rc = objects_init(&server->objects);
	if (rc == KK_OK)
		rc = copy_spec(server, spec);
	if (rc < 0)
		(void)kk_error_set(error, rc, "no memory for a server");
	else
		rc = open_server(server, error);
	if (rc < 0) {
		kk_server_free(server);
		server = NULL;
	}
	return server;
}

int kk_server_register(struct kk_server *server, const struct kk_served_type *type)
{
	return objects_register(&server->objects, type);
}

const char *kk_server_address(const struct kk_server *server)
{
	return server->text;
}

void kk_server_usage(struct kk_server *server, struct kk_server_usage *usage)
{
	pthread_mutex_lock(&server->lock);
	*usage = (struct kk_server_usage){.connections = server->connections, .refused = server->refused};
	pthread_mutex_unlock(&server->lock);
	usage->objects = objects_count(&server->objects);
}

/* ---- threads */

static void ring(const struct kk_server *server)
{
	const uint64_t one = 1;
	ssize_t done;
	do
		done = write(server->bell, &one, sizeof(one));
	while (done < 0 && errno == EINTR);
}

/* A thread that no signal of the program is handled in. */
static int start_thread(pthread_t *thread, void *(*function)(void *), void *argument)
{
	sigset_t all, before;
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(thread, NULL, function, argument);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 ? KK_OK : KK_ERR_SYSTEM;
}

void server_greeted(struct connection *connection)
{
	pthread_mutex_lock(&connection->server->lock);
	connection->greeted = true;
	pthread_mutex_unlock(&connection->server->lock);
}

static void *run_connection(void *argument)
{
	struct connection *connection = argument;
	struct kk_server *server = connection->server;
	bool proved = serve_connection(connection);
	/* The client learns at once; the descriptor is closed when nobody else can be about to use it. */
	(void)shutdown(connection->wire.fd, SHUT_RDWR);
	pthread_mutex_lock(&server->lock);
	connection->done = true;
	server->refused += !proved;
	pthread_mutex_unlock(&server->lock);
	ring(server);
	return NULL;
}

static void free_connection(struct connection *connection)
{
	wire_close(&connection->wire);
	free(connection);
}

/* Takes the connection out of the list that has ended, or just any; NULL: none. */
static struct connection *unlink_connection(struct kk_server *server, bool any)
{
	pthread_mutex_lock(&server->lock);
	struct connection **at = &server->first, *found;
	while (*at && !any && !(*at)->done)
		at = &(*at)->next;
	found = *at;
	if (found) {
		*at = found->next;
		server->connections--;
	}
	pthread_mutex_unlock(&server->lock);
	return found;
}

static void reap(struct kk_server *server, bool all)
{
	struct connection *connection;
	while ((connection = unlink_connection(server, all))) {
		if (all)
			(void)shutdown(connection->wire.fd, SHUT_RDWR);
		pthread_join(connection->thread, NULL);
		free_connection(connection);
	}
}

/* ---- connections */

static bool has_room(struct kk_server *server)
{
	uint32_t greeting = 0;
	pthread_mutex_lock(&server->lock);
	for (const struct connection *at = server->first; at; at = at->next)
		greeting += !at->greeted && !at->done;
	bool room = server->connections < server->connection_max && greeting < GREETING_MAX;
	server->refused += !room;
	pthread_mutex_unlock(&server->lock);
	return room;
}

static void take_connection(struct kk_server *server, int fd)
{
	struct connection *connection = has_room(server) ? calloc(1, sizeof(*connection)) : NULL;
	if (!connection) {
		close(fd);
		return;
	}
	address_tune(fd);
	connection->server = server;
	connection->wire.fd = fd;
	connection->peer = (struct hello_peer){-1, (uid_t)-1};
	/* Listed first, so that whoever stops the server finds it; reaped by this thread alone. */
	pthread_mutex_lock(&server->lock);
	connection->next = server->first;
	server->first = connection;
	server->connections++;
	pthread_mutex_unlock(&server->lock);
	if (start_thread(&connection->thread, run_connection, connection) < 0) {
		(void)unlink_connection(server, true);
		free_connection(connection);
	}
}

static bool is_stopping(struct kk_server *server)
{
	pthread_mutex_lock(&server->lock);
	bool stopping = server->stopping;
	pthread_mutex_unlock(&server->lock);
	return stopping;
}

static int wait_and_accept(struct kk_server *server)
{
	struct pollfd polled[2] = {{.fd = server->listening, .events = POLLIN}, {.fd = server->bell, .events = POLLIN}};
	uint64_t rung;
	if (poll(polled, 2, -1) < 0)
		return errno == EINTR ? KK_OK : KK_ERR_SYSTEM;
	if (polled[1].revents && read(server->bell, &rung, sizeof(rung)) < 0 && errno != EAGAIN && errno != EINTR)
		return KK_ERR_SYSTEM;
	if (polled[0].revents) {
		int fd = accept4(server->listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			take_connection(server, fd);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			(void)poll(&polled[1], 1, PAUSE_MS);
	}
	return KK_OK;
}

int kk_server_run(struct kk_server *server, struct kk_error *error)
{
	int rc = KK_OK;
	pthread_mutex_lock(&server->lock);
	server->running = true;
	pthread_mutex_unlock(&server->lock);
	while (rc == KK_OK && !is_stopping(server)) {
		rc = wait_and_accept(server);
		reap(server, false);
	}
	if (rc < 0)
		(void)kk_error_set(error, rc, "poll");
	reap(server, true);
	pthread_mutex_lock(&server->lock);
	server->running = false;
	pthread_cond_broadcast(&server->idle);
	pthread_mutex_unlock(&server->lock);
	return rc;
}

static void *run_server(void *argument)
{
	(void)kk_server_run(argument, NULL);
	return NULL;
}

int kk_server_start(struct kk_server *server, struct kk_error *error)
{
	if (server->started)
		return kk_error_set(error, KK_ERR_EXISTS, "the server runs already");
	if (start_thread(&server->thread, run_server, server) < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "pthread_create");
	server->started = true;
	return KK_OK;
}

void kk_server_stop(struct kk_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	pthread_mutex_unlock(&server->lock);
	ring(server);
}

void kk_server_free(struct kk_server *server)
{
	if (!server)
		return;
	if (server->bell >= 0)
		kk_server_stop(server);
	if (server->started)
		pthread_join(server->thread, NULL);
	pthread_mutex_lock(&server->lock);
	while (server->running)
		pthread_cond_wait(&server->idle, &server->lock);
	pthread_mutex_unlock(&server->lock);
	objects_fini(&server->objects);
	if (server->listening >= 0) {
		address_leave(&server->address);
		close(server->listening);
	}
	if (server->bell >= 0)
		close(server->bell);
	free((void *)(uintptr_t)server->key.data);
	free(server->users);
	pthread_cond_destroy(&server->idle);
	pthread_mutex_destroy(&server->lock);
	free(server);
}
