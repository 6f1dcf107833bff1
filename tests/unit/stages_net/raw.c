/* SPDX-License-Identifier: Apache-2.0 */
/* net-raw: an HTTP server for answers that no HTTP library would give, and a name server on the same port number.
 * Writes its port as a line on stdout when it is ready; ends when its stdin closes. */
#include "dns.h"
#include "port.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* Every answer ends its connection: who is not told may send the next request into the end. */
#define ENDS "Connection: close\r\n"
#define OK   "HTTP/1.1 200 OK\r\n" ENDS

/* After its text the connection is closed, or held until the client closes it. */
static const struct reply {
	const char *path, *text;
	bool hold;
} replies[] = {
    {"/garbage", "This is not HTTP at all.\r\n\r\n", false},
    {"/reset", "", false},
    {"/silent", "", true},
    {"/huge", OK "Content-Length: 99999999999\r\n\r\nx", true},
    {"/empty", OK "Content-Length: 0\r\n\r\n", false},
    {"/unclean", OK "\r\nabc", false},
    {"/short-chunk", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nabc", false},
    {"/partial", "HTTP/1.1 206 Partial Content\r\n" ENDS "Content-Length: 1\r\n\r\nx", false},
    {"/much-later", "HTTP/1.1 429 Slow Down\r\n" ENDS "Retry-After: 3600\r\nContent-Length: 0\r\n\r\n", false},
    {"/nowhere", "HTTP/1.1 302 Found\r\n" ENDS "Content-Length: 0\r\n\r\n", false},
    {"/to-ftp", "HTTP/1.1 302 Found\r\n" ENDS "Location: ftp://u:secret@h/x\r\nContent-Length: 0\r\n\r\n", false},
    {"/to-file", "HTTP/1.1 302 Found\r\n" ENDS "Location: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", false},
    {"/to-metadata", "HTTP/1.1 302 Found\r\n" ENDS "Location: http://169.254.169.254/x\r\nContent-Length: 0\r\n\r\n",
     false},
    {"/a/relative", "HTTP/1.1 307 Go\r\n" ENDS "Location: ../echo?Signature=abc&v=1\r\nContent-Length: 0\r\n\r\n",
     false},
    {"/robots/other", OK "X-Robots-Tag: otherbot: noindex\r\nContent-Length: 1\r\n\r\nx", false},
    {"/robots/us", OK "X-Robots-Tag: KAKEHI: noimageai\r\nContent-Length: 1\r\n\r\nx", false},
    {"/robots/second", OK "X-Robots-Tag: max-snippet: 1, NoIndex\r\nContent-Length: 1\r\n\r\nx", false},
    {"/type", OK "Content-Type: image/png\r\nContent-Length: 1\r\n\r\nx", false},
};

struct request {
	int fd;
	char head[16384];
	size_t length; /* of the head              */
	size_t body;   /* bytes of the body        */
	char path[4096];
	char method[16];
};

static unsigned port;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned refused;
static char last[4096];

static void send_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, text, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return;
		text += sent;
		length -= (size_t)sent;
	}
}

static void hold(int fd)
{
	char bytes[4096];

	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		continue;
}

static bool read_head(struct request *request)
{
	char *end = NULL, *length;
	size_t got = 0, rest;

	while (!end && got < sizeof(request->head) - 1) {
		ssize_t more = recv(request->fd, request->head + got, sizeof(request->head) - 1 - got, 0);

		if (more <= 0)
			return false;
		got += (size_t)more;
		request->head[got] = 0;
		end = strstr(request->head, "\r\n\r\n");
	}
	if (!end || sscanf(request->head, "%15s %4095s", request->method, request->path) != 2)
		return false;
	rest = got - (size_t)(end + 4 - request->head);
	end[4] = 0;
	request->length = (size_t)(end + 4 - request->head);
	length = strcasestr(request->head, "\r\ncontent-length:");
	request->body = rest;
	return !length || strtoul(length + 17, NULL, 10) >= rest;
}

/* Reads the body to its announced end; its size. */
static size_t read_body(struct request *request)
{
	const char *length = strcasestr(request->head, "\r\ncontent-length:");
	size_t size = length ? strtoul(length + 17, NULL, 10) : 0;
	char bytes[65536];

	while (request->body < size) {
		ssize_t more = recv(request->fd, bytes, sizeof(bytes), 0);

		if (more <= 0)
			break;
		request->body += (size_t)more;
	}
	return size;
}

/* The request itself is the answer's body. */
static void echo(struct request *request)
{
	char head[128];
	int length = snprintf(head, sizeof(head), OK "Content-Length: %zu\r\n\r\n", request->length);

	send_all(request->fd, head, (size_t)length);
	send_all(request->fd, request->head, request->length);
}

static void endless_head(struct request *request)
{
	char value[1000];

	memset(value, 'x', sizeof(value));
	send_all(request->fd, OK, strlen(OK));
	for (unsigned i = 0; i < 4096; i++) {
		send_all(request->fd, "X-Y: ", 5);
		send_all(request->fd, value, sizeof(value));
		send_all(request->fd, "\r\n", 2);
	}
}

static void elsewhere(struct request *request)
{
	char text[256];
	int length = snprintf(
	    text, sizeof(text),
	    "HTTP/1.1 302 Found\r\n" ENDS "Location: http://localhost:%u/echo\r\nContent-Length: 0\r\n\r\n", port);

	send_all(request->fd, text, (size_t)length);
}

/* To another host, which sends the client back to us, to /echo. */
static void away_and_back(struct request *request)
{
	bool back = strcmp(request->path, "/away-and-back/2") == 0;
	char text[256];
	int length = snprintf(text, sizeof(text),
	                      "HTTP/1.1 302 Found\r\n" ENDS "Location: http://%s:%u/%s\r\nContent-Length: 0\r\n\r\n",
	                      back ? "127.0.0.1" : "localhost", port, back ? "echo" : "away-and-back/2");

	send_all(request->fd, text, (size_t)length);
}

/* The request itself is the answer's body, if it has the body it says. */
static void taken(struct request *request)
{
	static const char none[] = "HTTP/1.1 404 None\r\n" ENDS "Content-Length: 0\r\n\r\n";
	bool whole = read_body(request) == request->body;
	char line[32] = "", head[512];
	const char *status = strchr(request->path + 1, '/');

	if (strcmp(request->method, "HEAD") == 0) {
		send_all(request->fd, none, sizeof(none) - 1);
		return;
	}
	snprintf(line, sizeof(line), "%.3s", whole && status ? status + 1 : "500");
	snprintf(head, sizeof(head), "HTTP/1.1 %s X\r\n" ENDS "Content-Length: 0\r\n\r\n", line);
	pthread_mutex_lock(&mutex);
	snprintf(last, sizeof(last), "%.*s", (int)request->length, request->head);
	pthread_mutex_unlock(&mutex);
	send_all(request->fd, head, strlen(head));
}

/* What /taken was asked last. */
static void say_last(struct request *request)
{
	char head[128], copy[sizeof(last)];
	int length;

	pthread_mutex_lock(&mutex);
	memcpy(copy, last, sizeof(copy));
	pthread_mutex_unlock(&mutex);
	length = snprintf(head, sizeof(head), OK "Content-Length: %zu\r\n\r\n", strlen(copy));
	send_all(request->fd, head, (size_t)length);
	send_all(request->fd, copy, strlen(copy));
}

static void questions(struct request *request)
{
	char count[32], text[128];

	snprintf(count, sizeof(count), "%u", dns_questions());
	int length = snprintf(text, sizeof(text), OK "Content-Length: %zu\r\n\r\n%s", strlen(count), count);

	send_all(request->fd, text, (size_t)length);
}

/* PUT: refused twice, then taken if the whole body has come. */
static void reluctant(struct request *request)
{
	static const char no[] = "HTTP/1.1 503 No\r\n" ENDS "Content-Length: 0\r\n\r\n";
	static const char yes[] = "HTTP/1.1 201 Created\r\n" ENDS "Content-Length: 0\r\n\r\n";
	static const char bad[] = "HTTP/1.1 400 Bad\r\n" ENDS "Content-Length: 0\r\n\r\n";
	bool whole = read_body(request) == request->body;
	bool no_more;

	pthread_mutex_lock(&mutex);
	no_more = refused++ < 2;
	pthread_mutex_unlock(&mutex);
	if (no_more)
		send_all(request->fd, no, sizeof(no) - 1);
	else
		send_all(request->fd, whole ? yes : bad, whole ? sizeof(yes) - 1 : sizeof(bad) - 1);
}

/* PUT: taken only with the headers that a stage should send. */
static void strict(struct request *request)
{
	static const char yes[] = "HTTP/1.1 204 Done\r\n" ENDS "\r\n",
	                  no[] = "HTTP/1.1 400 Bad\r\n" ENDS "Content-Length: 0\r\n\r\n";
	bool right = strcmp(request->method, "PUT") == 0 &&
	             strcasestr(request->head, "\r\ncontent-type: image/png\r\n") &&
	             strcasestr(request->head, "\r\nx-extra: 1\r\n") && !strcasestr(request->head, "\r\nexpect:") &&
	             strstr(request->path, "/strict/a%20b%3F%23%25.png") == request->path;

	read_body(request);
	send_all(request->fd, right ? yes : no, right ? sizeof(yes) - 1 : sizeof(no) - 1);
}

/* HEAD finds nothing, PUT is welcome. */
static void fresh(struct request *request)
{
	static const char none[] = "HTTP/1.1 404 None\r\n" ENDS "Content-Length: 9\r\n\r\n";
	static const char created[] = "HTTP/1.1 201 Created\r\n" ENDS "Content-Length: 0\r\n\r\n";

	read_body(request);
	if (strcmp(request->method, "HEAD") == 0)
		send_all(request->fd, none, sizeof(none) - 1);
	else
		send_all(request->fd, created, sizeof(created) - 1);
}

static void stall(struct request *request)
{
	hold(request->fd);
}

static const struct {
	const char *path;
	void (*answer)(struct request *request);
} specials[] = {
    {"/echo", echo},
    {"/endless-head", endless_head},
    {"/elsewhere", elsewhere},
    {"/questions", questions},
    {"/reluctant", reluctant},
    {"/strict", strict},
    {"/fresh", fresh},
    {"/stall", stall},
    {"/away-and-back", away_and_back},
    {"/taken", taken},
    {"/last", say_last},
};

static void answer(struct request *request)
{
	static const char none[] = "HTTP/1.1 404 None\r\n" ENDS "Content-Length: 0\r\n\r\n";

	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
		if (strncmp(request->path, specials[i].path, strlen(specials[i].path)) == 0) {
			specials[i].answer(request);
			return;
		}
	}
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		if (strcmp(request->path, replies[i].path) == 0) {
			send_all(request->fd, replies[i].text, strlen(replies[i].text));
			if (replies[i].hold)
				hold(request->fd);
			return;
		}
	}
	send_all(request->fd, none, sizeof(none) - 1);
}

static void *serve(void *argument)
{
	struct request request = {.fd = (int)(intptr_t)argument};

	if (read_head(&request))
		answer(&request);
	shutdown(request.fd, SHUT_WR);
	hold(request.fd);
	close(request.fd);
	return NULL;
}

static void *accept_all(void *argument)
{
	int fd;

	while ((fd = accept((int)(intptr_t)argument, NULL, NULL)) >= 0)
		port_start(serve, (void *)(intptr_t)fd);
	return NULL;
}

static void *answer_names(void *argument)
{
	dns_serve((int)(intptr_t)argument);
	return NULL;
}

int main(void)
{
	int tcp, udp;
	char byte;

	port = port_bind(0, &tcp, &udp);
	if (port == 0)
		return 1;
	port_start(accept_all, (void *)(intptr_t)tcp);
	port_start(answer_names, (void *)(intptr_t)udp);
	printf("%u\n", port);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	return 0;
}
