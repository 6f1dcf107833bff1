/* SPDX-License-Identifier: Apache-2.0 */
#include "origin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	request->host = strdup(host ? host : "");
	if (!request->host) {
		free(request);
		return MHD_NO;
	}
	*state = request;
	stats_begin(url, request->host);
	if (strcmp(method, "PUT") == 0)
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
	if (strcmp(method, "PUT") == 0)
		return file_put_end(request);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer_text(request, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", "method not allowed\n");
	if (strcmp(request->url, "/stats") == 0)
		return answer_stats(request);
	if (strncmp(request->url, "/files/", 7) == 0)
		return file_answer(request);
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
	stats_end(request->host);
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

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const union MHD_DaemonInfo *info;
	struct MHD_Daemon *daemon;
	struct origin origin = {0};
	uint16_t port = 0;
	int status = parse(argc, argv, &origin, &port);

	if (status != 0)
		return status;
	address.sin_port = htons(port);
	/* A thread per connection: answers that are slow on purpose may then simply wait. */
	daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL, 0,
	                          NULL, NULL, handle, &origin, MHD_OPTION_SOCK_ADDR, &address,
	                          MHD_OPTION_NOTIFY_COMPLETED, complete, NULL, MHD_OPTION_NOTIFY_CONNECTION, connected,
	                          NULL, MHD_OPTION_CONNECTION_LIMIT, 2000U, MHD_OPTION_END);
	info = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
	if (!info) {
		fprintf(stderr, "kakehi-origin: cannot listen on 127.0.0.1:%u\n", port);
		return 1;
	}
	printf("%u\n", info->port);
	fflush(stdout);
	wait_for_end_of_stdin();
	origin_end_pauses();
	MHD_stop_daemon(daemon);
	for (size_t i = 0; i < origin.photo_count; i++)
		free(origin.photos[i]);
	free(origin.photos);
	return 0;
}
