/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 64, IDLE_SECONDS = 10, PROBES = 3 };

/* ---- text */

static int read_unix(const char *path, struct address *address, struct kk_error *error)
{
	struct sockaddr_un *name = (struct sockaddr_un *)&address->name;
	size_t length = strlen(path);
	if (length == 0 || length >= sizeof(name->sun_path))
		return kk_error_set(error, KK_ERR_INVALID, "a Unix address has 1 to %zu bytes, not %zu",
		                    sizeof(name->sun_path) - 1, length);
	name->sun_family = AF_UNIX;
	memcpy(name->sun_path, path, length);
	address->bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] != '@'));
	if (path[0] == '@')
		name->sun_path[0] = '\0';
	return KK_OK;
}

/* HOST:PORT, [HOST]:PORT; numbers and "localhost" alone: nobody else is asked. */
static int read_tcp(const char *text, struct address *address, struct kk_error *error)
{
	char host[64];
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	char *end = NULL;
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&address->name;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->name;
	if (!colon || length >= sizeof(host) || end == colon + 1 || *end || port > 65535 || colon[1] == '-')
		return kk_error_set(error, KK_ERR_INVALID, "\"tcp:%s\" is not tcp:HOST:PORT", text);
	memcpy(host, text, length);
	host[length] = '\0';
	if (strcmp(host, "localhost") == 0)
		strcpy(host, "127.0.0.1");
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		address->bytes = sizeof(*v4);
		return KK_OK;
	}
	if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1) {
			v6->sin6_family = AF_INET6;
			v6->sin6_port = htons((uint16_t)port);
			address->bytes = sizeof(*v6);
			return KK_OK;
		}
	}
	return kk_error_set(error, KK_ERR_INVALID, "\"%s\" is not the number of a host", host);
}

int address_read(const char *text, struct address *address, struct kk_error *error)
{
	*address = (struct address){0};
	if (!text) {
		address->name.ss_family = AF_UNIX;
		address->bytes = sizeof(sa_family_t);
		return KK_OK;
	}
	if (strncmp(text, "unix:", 5) == 0)
		return read_unix(text + 5, address, error);
	if (strncmp(text, "tcp:", 4) == 0)
		return read_tcp(text + 4, address, error);
	return kk_error_set(error, KK_ERR_INVALID, "\"%s\" begins with neither unix: nor tcp:", text);
}

int address_text(int fd, char *to, struct kk_error *error)
{
	struct address address = {.bytes = sizeof(address.name)};
	char host[INET6_ADDRSTRLEN];
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address.name;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address.name;
	const struct sockaddr_un *local = (const struct sockaddr_un *)&address.name;
	if (getsockname(fd, (struct sockaddr *)&address.name, &address.bytes) < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "getsockname");
	if (address.name.ss_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(to, ADDRESS_TEXT_MAX, "tcp:%s:%u", host, ntohs(v4->sin_port));
	} else if (address.name.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(to, ADDRESS_TEXT_MAX, "tcp:[%s]:%u", host, ntohs(v6->sin6_port));
	} else if (local->sun_path[0] == '\0') {
		int length = (int)(address.bytes - offsetof(struct sockaddr_un, sun_path)) - 1;
		snprintf(to, ADDRESS_TEXT_MAX, "unix:@%.*s", length, local->sun_path + 1);
	} else {
		snprintf(to, ADDRESS_TEXT_MAX, "unix:%s", local->sun_path);
	}
	return KK_OK;
}

bool address_is_unix(const struct address *address)
{
	return address->name.ss_family == AF_UNIX;
}

bool address_is_loopback(const struct address *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->name;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->name;
	if (address->name.ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return address->name.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* ---- sockets */

static const char *path_of(const struct address *address)
{
	const struct sockaddr_un *name = (const struct sockaddr_un *)&address->name;
	bool has_path = address_is_unix(address) && address->bytes > offsetof(struct sockaddr_un, sun_path);
	return has_path && name->sun_path[0] != '\0' ? name->sun_path : NULL;
}

static int open_socket(const struct address *address, struct kk_error *error)
{
	int fd = socket(address->name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? kk_error_set(error, KK_ERR_SYSTEM, "socket") : fd;
}

/* Is there a socket's file that nobody listens at? Then it goes. */
static bool remove_stale(const struct address *address)
{
	struct stat status;
	const char *path = path_of(address);
	if (!path || lstat(path, &status) < 0 || !S_ISSOCK(status.st_mode))
		return false;
	int fd = open_socket(address, NULL);
	bool stale = fd >= 0 && connect(fd, (const struct sockaddr *)&address->name, address->bytes) < 0 &&
	             errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return stale && unlink(path) == 0;
}

int address_listen(const struct address *address, struct kk_error *error)
{
	const struct sockaddr *name = (const struct sockaddr *)&address->name;
	const char *path = path_of(address);
	int one = 1, fd = open_socket(address, error);
	if (fd < 0)
		return fd;
	if (!address_is_unix(address))
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	int rc = bind(fd, name, address->bytes);
	if (rc < 0 && errno == EADDRINUSE && remove_stale(address))
		rc = bind(fd, name, address->bytes);
	if (rc < 0) {
		rc = errno == EADDRINUSE ? kk_error_set(error, KK_ERR_EXISTS, "somebody has this address")
		                         : kk_error_set(error, KK_ERR_SYSTEM, "bind");
	} else if ((path && chmod(path, 0666) < 0) || listen(fd, BACKLOG) < 0) {
		/* Who may call is decided by the peer's credentials, not by the file's mode. */
		rc = kk_error_set(error, KK_ERR_SYSTEM, "listen");
		address_leave(address);
	}
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

void address_leave(const struct address *address)
{
	const char *path = path_of(address);
	if (path)
		(void)unlink(path);
}

void address_tune(int fd)
{
	int one = 1, idle = IDLE_SECONDS, probes = PROBES;
	/* On a Unix socket these fail, and are not needed. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

/* Waits for a connection that is on its way. 0, KK_ERR_TIMEOUT, or -1 with errno. */
static int wait_connected(int fd, int64_t deadline_ns)
{
	int status = 0;
	socklen_t bytes = sizeof(status);
	int rc = wire_poll(fd, POLLOUT, deadline_ns);
	if (rc < 0)
		return rc;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &status, &bytes) == 0)
		errno = status;
	return errno ? -1 : 0;
}

int address_connect(const struct address *address, int64_t deadline_ns, struct kk_error *error)
{
	int fd = open_socket(address, error), rc = KK_ERR_TIMEOUT;
	if (fd < 0)
		return fd;
	/* A Unix socket whose queue is full says EAGAIN, and not when to try again. */
	do
		rc = connect(fd, (const struct sockaddr *)&address->name, address->bytes);
	while (rc < 0 && (errno == EINTR || (errno == EAGAIN && wire_pause(deadline_ns))));
	if (rc < 0 && errno == EINPROGRESS)
		rc = wait_connected(fd, deadline_ns);
	if (rc == 0) {
		address_tune(fd);
		return fd;
	}
	if (rc == KK_ERR_TIMEOUT || errno == EAGAIN)
		rc = kk_error_set(error, KK_ERR_TIMEOUT, "no connection in time");
	else if (errno == ECONNREFUSED || errno == ENOENT)
		rc = kk_error_set(error, KK_ERR_DIED, "nobody serves there");
	else
		rc = kk_error_set(error, KK_ERR_SYSTEM, "connect");
	close(fd);
	return rc;
}
