/* SPDX-License-Identifier: Apache-2.0 */
/* slow_server.h - a slow web service with a few workers, as a process of its own, for the examples that ask one.
 *
 *	/slow/N   answers "answer N" after a second (or what SLOW_MS says) in one of its workers
 *	/stuck/N  answers after half a minute
 *	/none/N   404, at once
 *	/most     how many requests for /slow it had at once, at most, since /most was asked last
 *
 * It uses the toolkit itself: a semaphore is its workers, a queue brings its port to who started it.
 */
#ifndef EXAMPLES_SLOW_SERVER_H
#define EXAMPLES_SLOW_SERVER_H

#include <kakehi/process.h>
#include <kakehi/queue.h>
#include <kakehi/semaphore.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct slow_server {
	struct kk_semaphore *workers;
	pthread_mutex_t mutex;
	int now, most;
};

static inline void slow_count(struct slow_server *server, int change)
{
	pthread_mutex_lock(&server->mutex);
	server->now += change;
	if (server->now > server->most)
		server->most = server->now;
	pthread_mutex_unlock(&server->mutex);
}

static inline void slow_pause(long ms)
{
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

static inline int slow_work(struct slow_server *server, long ms, const char *name, char *body, size_t size)
{
	kk_semaphore_acquire(server->workers, -1);
	slow_pause(ms);
	kk_semaphore_release(server->workers);
	snprintf(body, size, "answer %s", name);
	return MHD_HTTP_OK;
}

static inline int slow_answer(struct slow_server *server, const char *path, char *body, size_t size)
{
	const char *ms = getenv("SLOW_MS");

	if (strncmp(path, "/slow/", 6) == 0) {
		slow_count(server, 1);
		slow_work(server, ms ? atol(ms) : 1000, path + 6, body, size);
		slow_count(server, -1);
		return MHD_HTTP_OK;
	}
	if (strncmp(path, "/stuck/", 7) == 0)
		return slow_work(server, 30000, path + 7, body, size);
	if (strcmp(path, "/most") != 0)
		return MHD_HTTP_NOT_FOUND;
	pthread_mutex_lock(&server->mutex);
	snprintf(body, size, "%d", server->most);
	server->most = 0;
	pthread_mutex_unlock(&server->mutex);
	return MHD_HTTP_OK;
}

static inline enum MHD_Result slow_handle(void *user, struct MHD_Connection *connection, const char *path,
                                          const char *method, const char *version, const char *upload,
                                          size_t *upload_bytes, void **request)
{
	char body[64] = "nothing here";
	int status = slow_answer(user, path, body, sizeof(body));
	struct MHD_Response *response = MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result queued = MHD_queue_response(connection, (unsigned)status, response);

	(void)method, (void)version, (void)upload, (void)upload_bytes, (void)request;
	MHD_destroy_response(response);
	return queued;
}

/* What the server's process does; its argument is the reference of the queue for its port. */
static inline int slow_serve(struct kk_call *call)
{
	struct slow_server server = {.mutex = PTHREAD_MUTEX_INITIALIZER};
	struct kk_queue *ports = kk_queue_open(call->family, *(const uint64_t *)call->args, NULL);
	struct MHD_Daemon *daemon;
	unsigned port;

	server.workers = kk_semaphore_create(call->family, 3, 3, NULL);
	daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL,
	                          slow_handle, &server, MHD_OPTION_END);
	if (!ports || !server.workers || !daemon)
		return 1;
	port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
	if (kk_queue_put(ports, &port, sizeof(port), -1) != KK_OK)
		return 1;
	for (;;)
		pause();
}

/* slow_server_start - starts the server, which ends with its parent; returns its port, or 0. */
static inline unsigned slow_server_start(struct kk_family *family, struct kk_process **process)
{
	struct kk_queue *ports = kk_queue_create(family, NULL, NULL);
	uint64_t ref = ports ? kk_queue_ref(ports) : 0;
	unsigned port = 0;

	*process = kk_process_spawn(&(struct kk_process_spec){.call = slow_serve,
	                                                      .args = &ref,
	                                                      .args_bytes = sizeof(ref),
	                                                      .family = family,
	                                                      .name = "slow server",
	                                                      .daemon = true},
	                            NULL);
	if (ports && *process && kk_queue_get(ports, &port, sizeof(port), 10000) != sizeof(port))
		port = 0;
	kk_queue_destroy(ports);
	return port;
}

#endif
