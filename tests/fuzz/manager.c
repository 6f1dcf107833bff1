/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/manager.c - any bytes as what a stranger, a client or a server sends. The first byte says who it is: to a
 * server without a key, to one with a key, to a server from a client that has proved itself, to a client. */
#include "../../manager/server.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 1024 };

static int thing;

static void *create(struct kk_served *call)
{
	(void)call;
	return &thing;
}

static int echo(struct kk_served *call)
{
	return kk_served_return(call, call->args, call->args_bytes);
}

static int another(struct kk_served *call)
{
	return kk_served_return_object(call, "thing", call->object);
}

static const struct kk_served_method methods[] = {{"echo", echo}, {"another", another}, {NULL, NULL}};
static const struct kk_served_type type = {.name = "thing", .create = create, .methods = methods};

/* What the other one says, all at once, and then nothing more. */
static int say(const uint8_t *data, size_t size)
{
	int ends[2], room = 1 << 20;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		abort();
	(void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	/* Nobody reads the answers; the other half stays open (as 100), so that they can be written. */
	if (send(ends[1], data, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && size > 0)
		abort();
	(void)shutdown(ends[1], SHUT_WR);
	if (dup3(ends[1], 100, O_CLOEXEC) < 0)
		abort();
	close(ends[1]);
	return ends[0];
}

static void to_server(const uint8_t *data, size_t size, bool keyed)
{
	static const char key[] = "fuzz";
	struct kk_server server = {.address.name.ss_family = AF_UNIX, .message_max = MESSAGE_MAX, .handshake_ms = 1000};
	struct connection connection = {.server = &server, .wire.fd = say(data, size)};
	if (keyed)
		server.key = (struct hello_key){key, sizeof(key) - 1};
	if (pthread_mutex_init(&server.lock, NULL) != 0 || objects_init(&server.objects) < 0 ||
	    objects_register(&server.objects, &type) < 0)
		abort();
	bool greeted = serve_connection(&connection);
	/* Nobody guesses an HMAC; and with the connection all references are gone. */
	if ((keyed && greeted) || objects_count(&server.objects) != 0)
		abort();
	wire_close(&connection.wire);
	close(100);
	objects_fini(&server.objects);
	pthread_mutex_destroy(&server.lock);
}

static void to_client(const uint8_t *data, size_t size, bool keyed)
{
	static const char key[] = "fuzz";
	const struct hello_key ours = {keyed ? key : NULL, keyed ? sizeof(key) - 1 : 0};
	struct wire wire = {.fd = say(data, size), .limit = WIRE_BEFORE_PROOF};
	struct wire_message message;
	int rc = hello_greet(&wire, &ours, wire_deadline(1000), NULL);
	if (keyed && rc == KK_OK)
		abort();
	wire.limit = MESSAGE_MAX;
	while (rc == KK_OK) {
		int passed = -1;
		rc = wire_receive(&wire, &message, &passed, wire_deadline(1000));
		if (rc == KK_OK && ((uintptr_t)message.data % 16 != 0 || message.bytes > MESSAGE_MAX))
			abort();
		if (passed >= 0)
			close(passed);
	}
	wire_close(&wire);
	close(100);
}

/* For those who come further: a proof that nobody looks at stands before what the input says. */
static void to_server_that_knows(const uint8_t *data, size_t size)
{
	static const uint8_t proof[4 + 80] = {80, 0, 0, 0, WIRE_PROOF};
	uint8_t *whole = malloc(sizeof(proof) + size);
	if (!whole)
		return;
	memcpy(whole, proof, sizeof(proof));
	memcpy(whole + sizeof(proof), data, size);
	to_server(whole, sizeof(proof) + size, false);
	free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > 16384)
		return 0;
	switch (data[0] % 5) {
	case 0:
		to_server(data + 1, size - 1, false);
		break;
	case 1:
		to_server(data + 1, size - 1, true);
		break;
	case 2:
		to_server_that_knows(data + 1, size - 1);
		break;
	default:
		to_client(data + 1, size - 1, data[0] % 5 == 3);
		break;
	}
	return 0;
}
