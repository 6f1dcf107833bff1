/* SPDX-License-Identifier: Apache-2.0 */
#include "certificate.h"
#include "dns.h"
#include "origin.h"
#include "port.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_upload(const char *method)
{
	return strcmp(method, "PUT") == 0 || strcmp(method, "POST") == 0;
}

static enum MHD_Result begin(const struct origin *origin, struct MHD_Connection *connection, const char *url,
                             const char *method, void **state)
{
	struct request *request = calloc(1, sizeof(*request));
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");

	if (!request)
		return MHD_NO;
	request->origin = origin;
	request->connection = connection;
	request->url = url;
	request->upload = -1;
	*state = request;
	if (strncmp(url, "/-/", 3) == 0)
		return MHD_YES;
	request->host = strdup(host ? host : "");
	if (!request->host)
		return MHD_NO;
	stats_begin(url, request->host);
	if (is_upload(method))
		file_put_begin(request);
	return MHD_YES;
}

static enum MHD_Result answer_stats(struct request *request)
{
	char *text = stats_text();
	enum MHD_Result result;

	if (!text)
		return MHD_NO;
	result = answer_text(request, MHD_HTTP_OK, "application/json", text);
	free(text);
	return result;
}

static enum MHD_Result answer(struct request *request, const char *method)
{
	if (is_upload(method) && request->host)
		return file_put_end(request);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer_text(request, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", "method not allowed\n");
	if (strcmp(request->url, "/stats") == 0 || strcmp(request->url, "/-/stats") == 0)
		return answer_stats(request);
	if (strcmp(request->url, "/-/mix") == 0)
		return mix_answer(request);
	if (strncmp(request->url, "/files/", 7) == 0)
		return file_answer(request);
	if (strncmp(request->url, "/put/", 5) == 0)
		return file_put_get(request);
	return behaviour_answer(request);
}

static enum MHD_Result handle(void *origin, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **state)
{
	struct request *request = *state;

	(void)version;
	if (!request)
		return begin(origin, connection, url, method, state);
	if (*size > 0) {
		if (request->host)
			file_put_more(request, data, *size);
		*size = 0;
		return MHD_YES;
	}
	request->url = url;
	return answer(request, method);
}

static void complete(void *origin, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode how)
{
	struct request *request = *state;

	(void)origin;
	(void)connection;
	(void)how;
	if (!request)
		return;
	file_put_drop(request);
	answer_over(request);
	free(request->host);
	free(request);
	*state = NULL;
}

static void connected(void *origin, struct MHD_Connection *connection, void **state,
                      enum MHD_ConnectionNotificationCode what)
{
	(void)origin;
	(void)connection;
	(void)state;
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		stats_connection();
}

static int usage(void)
{
	fputs("usage: kakehi-origin [--port N] [--root DIR] [--photos DIR] [--put DIR]\n", stderr);
	return 2;
}

static int parse(int argc, char **argv, struct origin *origin, uint16_t *port)
{
	static const struct option rows[] = {
	    {"port", required_argument, NULL, 'p'},
	    {"root", required_argument, NULL, 'r'},
	    {"photos", required_argument, NULL, 'f'},
	    {"put", required_argument, NULL, 'u'},
	    {0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", rows, NULL)) >= 0) {
		switch (option) {
		case 'p':
			*port = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			origin->root = optarg;
			break;
		case 'u':
			origin->put = optarg;
			break;
		case 'f':
			if (file_photos(origin, optarg))
				break;
			fprintf(stderr, "kakehi-origin: no .jpg files in %s\n", optarg);
			return 2;
		default:
			return usage();
		}
	}
	return optind == argc ? 0 : usage();
}

static void wait_for_end_of_stdin(void)
{
	char rest[256];
	ssize_t got;

	do {
		got = read(STDIN_FILENO, rest, sizeof(rest));
	} while (got > 0 || (got < 0 && errno == EINTR));
}

static void *answer_names(void *fd)
{
	dns_serve((int)(intptr_t)fd);
	return NULL;
}

/* A thread per connection: answers that are slow on purpose may then simply wait. */
#define FLAGS (MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL)
#define COMMON                                                                                                         \
	MHD_OPTION_NOTIFY_COMPLETED, complete, NULL, MHD_OPTION_NOTIFY_CONNECTION, connected, NULL,                    \
	    MHD_OPTION_CONNECTION_LIMIT, 2000U, MHD_OPTION_END

static struct MHD_Daemon *serve(struct origin *origin, int socket)
{
	return MHD_start_daemon(FLAGS, 0, NULL, NULL, handle, origin, MHD_OPTION_LISTEN_SOCKET, socket, COMMON);
}

static struct MHD_Daemon *serve_expired(struct origin *origin, int socket)
{
	struct MHD_Daemon *daemon;
	struct certificate expired;

	if (certificate_make(&expired) != 0)
		return NULL;
	daemon = MHD_start_daemon(FLAGS | MHD_USE_TLS, 0, NULL, NULL, handle, origin, MHD_OPTION_LISTEN_SOCKET, socket,
	                          MHD_OPTION_HTTPS_MEM_KEY, expired.key, MHD_OPTION_HTTPS_MEM_CERT, expired.certificate,
	                          COMMON);
	certificate_free(&expired);
	return daemon;
}

int main(int argc, char **argv)
{
	struct MHD_Daemon *daemon = NULL, *expired = NULL;
	struct origin origin = {0};
	uint16_t port = 0;
	int tcp, udp, tls, unused, status = parse(argc, argv, &origin, &port);

	if (status != 0)
		return status;
	origin.port = port_bind(port, &tcp, &udp);
	origin.expired_port = port_bind(0, &tls, &unused);
	if (origin.port && origin.expired_port) {
		daemon = serve(&origin, tcp);
		expired = serve_expired(&origin, tls);
	}
	if (!daemon || !expired) {
		fprintf(stderr, "kakehi-origin: cannot listen on 127.0.0.1:%u\n", port);
		return 1;
	}
	port_start(answer_names, (void *)(intptr_t)udp);
	printf("%u\n", origin.port);
	fflush(stdout);
	wait_for_end_of_stdin();
	answer_end_pauses();
	MHD_stop_daemon(daemon);
	MHD_stop_daemon(expired);
	for (size_t i = 0; i < origin.photo_count; i++)
		free(origin.photos[i]);
	free(origin.photos);
	return 0;
}
