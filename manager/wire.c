/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Buffers hold the frame's number in front of it, so that the HMAC is of one piece of memory, and begin so that the
 * head, and with it the data, is 16-byte aligned. */
enum { SKIP = 4, FRAME = SKIP + WIRE_NUMBER, BODY = FRAME + WIRE_LENGTH, PAUSE_NS = 2000000, MS = 1000000 };
_Static_assert(BODY % 16 == 0, "the body is aligned");

/* ---- time */

static int64_t now(void)
{
	struct timespec time;
	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000 * MS + time.tv_nsec;
}

int64_t wire_deadline(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : now() + (int64_t)timeout_ms * MS;
}

int wire_poll(int fd, short events, int64_t deadline_ns)
{
	struct pollfd poller = {.fd = fd, .events = events};
	for (;;) {
		int64_t left = deadline_ns < 0 ? -1 : deadline_ns - now();
		if (deadline_ns >= 0 && left < 0)
			left = 0;
		struct timespec span = {.tv_sec = left / 1000 / MS, .tv_nsec = left % (1000 * (int64_t)MS)};
		int rc = ppoll(&poller, 1, left < 0 ? NULL : &span, NULL);
		if (rc > 0)
			return KK_OK;
		if (rc == 0)
			return KK_ERR_TIMEOUT;
		if (errno != EINTR)
			return KK_ERR_SYSTEM;
	}
}

bool wire_pause(int64_t deadline_ns)
{
	struct timespec span = {.tv_nsec = PAUSE_NS};
	if (deadline_ns >= 0 && now() >= deadline_ns)
		return false;
	(void)nanosleep(&span, NULL);
	return true;
}

/* ---- numbers */

static void put(unsigned char *to, uint64_t number, int bytes)
{
	for (int i = 0; i < bytes; i++)
		to[i] = (unsigned char)(number >> (8 * i));
}

static uint64_t get(const unsigned char *from, int bytes)
{
	uint64_t number = 0;
	for (int i = 0; i < bytes; i++)
		number |= (uint64_t)from[i] << (8 * i);
	return number;
}

static size_t padded(size_t bytes)
{
	return (bytes + 15) / 16 * 16;
}

void *wire_copy(const void *data, size_t bytes)
{
	void *copy = malloc(bytes + 1);
	if (copy && bytes > 0)
		memcpy(copy, data, bytes);
	return copy;
}

/* ---- frames */

void wire_close(struct wire *wire)
{
	if (wire->fd >= 0)
		close(wire->fd);
	free(wire->in);
	free(wire->out);
	OPENSSL_cleanse(wire->send_key, sizeof(wire->send_key));
	OPENSSL_cleanse(wire->receive_key, sizeof(wire->receive_key));
	*wire = (struct wire){.fd = -1, .broken = true};
}

static int make_room(unsigned char **buffer, size_t *size, size_t want)
{
	if (*size >= want)
		return KK_OK;
	unsigned char *larger = realloc(*buffer, want);
	if (!larger)
		return KK_ERR_MEMORY;
	*buffer = larger;
	*size = want;
	return KK_OK;
}

/* The HMAC of the frame in `buffer`, which has room for its number. */
static bool sign(const unsigned char *key, uint64_t number, unsigned char *buffer, size_t body, unsigned char *to)
{
	unsigned bytes = WIRE_KEY;
	put(buffer + SKIP, number, WIRE_NUMBER);
	return HMAC(EVP_sha256(), key, WIRE_KEY, buffer + SKIP, WIRE_NUMBER + WIRE_LENGTH + body, to, &bytes) != NULL;
}

static int send_bytes(struct wire *wire, const unsigned char *from, size_t bytes, int pass, int64_t deadline_ns)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.room = {0}};
	while (bytes > 0) {
		struct iovec part = {.iov_base = (void *)(uintptr_t)from, .iov_len = bytes};
		struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
		if (pass >= 0) {
			control.align = (struct cmsghdr){
			    .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
			memcpy(CMSG_DATA(&control.align), &pass, sizeof(pass));
			header.msg_control = control.room;
			header.msg_controllen = sizeof(control.room);
		}
		ssize_t done = sendmsg(wire->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done > 0) {
			from += done;
			bytes -= (size_t)done;
			pass = -1;
			continue;
		}
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno != EAGAIN)
			return errno == EPIPE || errno == ECONNRESET ? KK_ERR_CLOSED : KK_ERR_SYSTEM;
		int rc = wire_poll(wire->fd, POLLOUT, deadline_ns);
		if (rc < 0)
			return rc;
	}
	return KK_OK;
}

int wire_send(struct wire *wire, const struct wire_message *message, int pass, int64_t deadline_ns)
{
	size_t name = padded(message->name_bytes), body = WIRE_HEAD + name + message->bytes;
	if (message->name_bytes > 255 || name > wire->limit || message->bytes > wire->limit - name)
		return KK_ERR_NO_ROOM;
	if (wire->broken)
		return KK_ERR_CLOSED;
	if (make_room(&wire->out, &wire->out_size, BODY + body + WIRE_KEY) < 0)
		return KK_ERR_MEMORY;
	unsigned char *head = wire->out + BODY;
	put(wire->out + FRAME, body, WIRE_LENGTH);
	memset(head, 0, WIRE_HEAD + name);
	head[0] = (unsigned char)message->kind;
	head[1] = (unsigned char)message->name_bytes;
	put(head + 4, message->kind == WIRE_ERROR ? (uint32_t)message->code : message->serial, 4);
	put(head + 8, message->kind == WIRE_ERROR ? message->serial : message->number, 8);
	if (message->name_bytes > 0)
		memcpy(head + WIRE_HEAD, message->name, message->name_bytes);
	if (message->bytes > 0)
		memcpy(head + WIRE_HEAD + name, message->data, message->bytes);
	if (wire->keyed && !sign(wire->send_key, wire->sent, wire->out, body, head + body))
		return KK_ERR_MEMORY;
	wire->sent++;
	int rc =
	    send_bytes(wire, wire->out + FRAME, WIRE_LENGTH + body + (wire->keyed ? WIRE_KEY : 0), pass, deadline_ns);
	if (rc < 0)
		wire->broken = true;
	return rc;
}

/* ---- receiving */

/* Keeps the first descriptor that came, closes all others: nobody is made to hold what he did not ask for. */
static void keep_descriptor(struct msghdr *header, int *passed)
{
	for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at; at = CMSG_NXTHDR(header, at)) {
		if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(at) + i * sizeof(int), sizeof(fd));
			if (*passed < 0)
				*passed = fd;
			else
				close(fd);
		}
	}
}

static ssize_t receive_some(struct wire *wire, unsigned char *to, size_t want, int *passed)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {.iov_base = to, .iov_len = want};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	if (!passed)
		return recv(wire->fd, to, want, MSG_DONTWAIT);
	header.msg_control = control.room;
	header.msg_controllen = sizeof(control.room);
	ssize_t got = recvmsg(wire->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got >= 0)
		keep_descriptor(&header, passed);
	return got;
}

/* Until `want` bytes of the frame are there. What has come stays if it is too late. */
static int fill(struct wire *wire, size_t want, int *passed, int64_t deadline_ns)
{
	while (wire->in_used < want) {
		ssize_t got = receive_some(wire, wire->in + FRAME + wire->in_used, want - wire->in_used, passed);
		if (got == 0)
			return KK_ERR_CLOSED;
		if (got > 0) {
			wire->in_used += (size_t)got;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return errno == ECONNRESET || errno == EPIPE ? KK_ERR_CLOSED : KK_ERR_SYSTEM;
		int rc = wire_poll(wire->fd, POLLIN, deadline_ns);
		if (rc < 0)
			return rc;
	}
	return KK_OK;
}

static int read_body(struct wire_message *message, const unsigned char *head, size_t body)
{
	size_t name = padded(head[1]);
	bool is_error = head[0] == WIRE_ERROR;
	if (head[0] == 0 || head[0] >= WIRE_KINDS || WIRE_HEAD + name > body)
		return KK_ERR_CORRUPT;
	uint64_t word = get(head + 8, 8);
	uint32_t half = (uint32_t)get(head + 4, 4);
	*message = (struct wire_message){
	    .kind = (enum wire_kind)head[0],
	    .serial = is_error ? (uint32_t)word : half,
	    .code = is_error ? (int32_t)half : 0,
	    .number = is_error ? 0 : word,
	    .name = (const char *)head + WIRE_HEAD,
	    .name_bytes = head[1],
	    .data = head + WIRE_HEAD + name,
	    .bytes = body - WIRE_HEAD - name,
	};
	return KK_OK;
}

static int receive(struct wire *wire, struct wire_message *message, int *passed, int64_t deadline_ns)
{
	unsigned char mac[WIRE_KEY];
	size_t tail = wire->keyed ? WIRE_KEY : 0;
	if (make_room(&wire->in, &wire->in_size, BODY + WIRE_HEAD) < 0)
		return KK_ERR_MEMORY;
	int rc = fill(wire, WIRE_LENGTH, passed, deadline_ns);
	if (rc < 0)
		return rc;
	size_t body = get(wire->in + FRAME, WIRE_LENGTH);
	if (body < WIRE_HEAD || body - WIRE_HEAD > wire->limit)
		return KK_ERR_CORRUPT;
	if (make_room(&wire->in, &wire->in_size, BODY + body + tail) < 0)
		return KK_ERR_MEMORY;
	rc = fill(wire, WIRE_LENGTH + body + tail, passed, deadline_ns);
	if (rc < 0)
		return rc;
	if (wire->keyed && (!sign(wire->receive_key, wire->received, wire->in, body, mac) ||
	                    CRYPTO_memcmp(mac, wire->in + BODY + body, WIRE_KEY) != 0))
		return KK_ERR_CORRUPT;
	wire->received++;
	wire->in_used = 0;
	return read_body(message, wire->in + BODY, body);
}

int wire_receive(struct wire *wire, struct wire_message *message, int *passed, int64_t deadline_ns)
{
	if (passed)
		*passed = -1;
	int rc = wire->broken ? KK_ERR_CLOSED : receive(wire, message, passed, deadline_ns);
	if (rc < 0 && rc != KK_ERR_TIMEOUT)
		wire->broken = true;
	return rc;
}
