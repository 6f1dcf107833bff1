/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char origin_program[] = KAKEHI_BUILD_DIR "/tests/bin/kakehi-origin";

struct nginx {
	struct harness_program *program;
	unsigned port;
};

struct harness_server *origin_start(void)
{
	const char *const argv[] = {origin_program, "--photos",          PHOTOS, "--root", harness_path("files"),
	                            "--put",        harness_path("put"), NULL};

	harness_make_dir(harness_path("files"));
	harness_make_dir(harness_path("put"));
	return harness_server_start(argv);
}

void origin_urls(struct harness_server *origin, unsigned count, const char *format)
{
	FILE *file = fopen(harness_path("urls.txt"), "we");

	if (!file)
		fail_msg("cannot write urls.txt: %s", strerror(errno));
	for (unsigned i = 0; i < count; i++) {
		fprintf(file, "http://127.0.0.1:%u/", harness_server_port(origin));
		fprintf(file, format, i);
		putc('\n', file);
	}
	if (fclose(file) != 0)
		fail_msg("cannot write urls.txt: %s", strerror(errno));
}

static int connect_to(unsigned port)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail_msg("cannot connect: %s", strerror(errno));
	return fd;
}

/* HTTP/1.0: the answer ends with the connection. */
char *origin_ask(struct harness_server *origin, const char *path)
{
	char *request = harness_text("GET %s HTTP/1.0\r\n\r\n", path), *answer = NULL, *body, part[65536];
	int fd = connect_to(harness_server_port(origin));
	size_t size;
	FILE *to = open_memstream(&answer, &size);
	ssize_t got;

	if (!to || send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		fail_msg("cannot ask for %s: %s", path, strerror(errno));
	while ((got = read(fd, part, sizeof(part))) > 0)
		fwrite(part, 1, (size_t)got, to);
	close(fd);
	if (got < 0 || fclose(to) != 0)
		fail_msg("no answer to %s: %s", path, strerror(errno));
	harness_keep(answer);
	body = strstr(answer, "\r\n\r\n");
	if (strncmp(answer + 8, " 200 ", 5) != 0 || !body)
		fail_msg("%s: %.200s", path, answer);
	return body + 4;
}

static int is_photo(const struct dirent *entry)
{
	return strstr(entry->d_name, ".jpg") != NULL;
}

unsigned photo_count(void)
{
	struct dirent **photos;
	int count = scandir(PHOTOS, &photos, is_photo, NULL);

	if (count <= 0)
		fail_msg("no photographs in " PHOTOS ": is mate-backgrounds installed?");
	for (int i = 0; i < count; i++)
		free(photos[i]);
	free(photos);
	return (unsigned)count;
}

/* A socket that listens on a port of its own. nginx inherits it (as in an upgrade of its program), so the port cannot
 * be taken by somebody else, and connections may come before nginx is up: they wait in the backlog. */
static int listening_socket(unsigned *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 511) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		fail_msg("cannot listen: %s", strerror(errno));
	*port = ntohs(address.sin_port);
	return fd;
}

static void write_config(const char *path, unsigned port)
{
	const char *dir = harness_dir();

	harness_write_text(path,
	                   "daemon off;\n"
	                   "%s"
	                   "pid %s/nginx/pid;\n"
	                   "error_log stderr;\n"
	                   "events { worker_connections 512; }\n"
	                   "http {\n"
	                   "  access_log off;\n"
	                   "  client_body_temp_path %s/nginx/body;\n"
	                   "  proxy_temp_path %s/nginx/proxy;\n"
	                   "  fastcgi_temp_path %s/nginx/fastcgi;\n"
	                   "  uwsgi_temp_path %s/nginx/uwsgi;\n"
	                   "  scgi_temp_path %s/nginx/scgi;\n"
	                   "  types { image/jpeg jpg; }\n"
	                   "  server {\n"
	                   "    listen 127.0.0.1:%u;\n"
	                   "    client_max_body_size 64m;\n"
	                   "    location /photos/ { alias " PHOTOS "/; }\n"
	                   "    location /put/ { alias %s/put/; dav_methods PUT; create_full_put_path on; }\n"
	                   "  }\n"
	                   "}\n",
	                   geteuid() == 0 ? "user root;\n" : "", dir, dir, dir, dir, dir, dir, port, dir);
}

struct nginx *nginx_start(void)
{
	struct nginx *nginx = harness_keep(calloc(1, sizeof(*nginx)));
	char *config = harness_path("nginx/nginx.conf");
	const char *const argv[] = {"/usr/sbin/nginx", "-p", harness_path("nginx"), "-e", "stderr", "-c", config, NULL};
	int fd = listening_socket(&nginx->port);

	harness_make_dir(harness_path("nginx"));
	harness_make_dir(harness_path("put"));
	write_config(config, nginx->port);
	nginx->program = harness_start(
	    argv,
	    &(struct harness_options){.fd = fd, .env = (const char *const[]){"NGINX=3;", NULL}, .limit_ms = 600000});
	close(fd);
	return nginx;
}

unsigned nginx_port(const struct nginx *nginx)
{
	return nginx->port;
}

void nginx_stop(struct nginx *nginx)
{
	struct harness_result result;

	kill(harness_pid(nginx->program), SIGTERM);
	result = harness_finish(nginx->program);
	if (result.exit_code != 0)
		fail_msg("nginx ended with %d\n%s", result.exit_code, result.err);
}
