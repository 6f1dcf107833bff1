/* SPDX-License-Identifier: Apache-2.0 */
/* The server's wire, from below: what strangers send, what a listener sends again, what somebody in between changes. */
#include "address.h"
#include "harness.h"
#include "hello.h"
#include "wire.h"
#include <kakehi/manager_server.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char secret[] = "a key of some bytes";
static const struct hello_key key = {secret, sizeof(secret) - 1};

static int echo(struct kk_served *call)
{
	return kk_served_return(call, call->args, call->args_bytes);
}

static int thing;

static void *create(struct kk_served *call)
{
	(void)call;
	return &thing;
}

static const struct kk_served_method methods[] = {{"echo", echo}, {NULL, NULL}};
static const struct kk_served_type type = {.name = "thing", .create = create, .methods = methods};

static struct kk_server *serve(int handshake_ms)
{
	struct kk_server_spec spec = {.address = "tcp:127.0.0.1:0",
	                              .authkey = secret,
	                              .authkey_bytes = sizeof(secret) - 1,
	                              .message_max = 4096,
	                              .handshake_ms = handshake_ms};
	struct kk_server *server = kk_server_create(&spec, NULL);
	assert_non_null(server);
	assert_int_equal(kk_server_register(server, &type), KK_OK);
	assert_int_equal(kk_server_start(server, NULL), KK_OK);
	return server;
}

static struct wire raw(const struct kk_server *server)
{
	struct address address;
	assert_int_equal(address_read(kk_server_address(server), &address, NULL), KK_OK);
	struct wire wire = {.fd = address_connect(&address, wire_deadline(5000), NULL), .limit = 8192};
	assert_true(wire.fd >= 0);
	return wire;
}

static struct wire greeted(const struct kk_server *server)
{
	struct kk_error error = {0};
	struct wire wire = raw(server);
	if (hello_greet(&wire, &key, wire_deadline(5000), &error) < 0)
		fail_msg("%s", error.text);
	return wire;
}

/* Whatever the server still says, in the end it closes. */
static void expect_closed(struct wire *wire)
{
	char bytes[512];
	ssize_t got;
	do {
		assert_int_equal(wire_poll(wire->fd, POLLIN, wire_deadline(10000)), KK_OK);
		got = recv(wire->fd, bytes, sizeof(bytes), 0);
	} while (got > 0);
	wire_close(wire);
}

static void expect_good_service(const struct kk_server *server)
{
	struct kk_client_spec spec = {
	    .address = kk_server_address(server), .authkey = secret, .authkey_bytes = sizeof(secret) - 1};
	struct kk_error error = {0};
	struct kk_client *client = kk_client_connect(&spec, &error);
	if (!client)
		fail_msg("%s", error.text);
	struct kk_proxy *proxy = kk_client_make(client, "thing", NULL, 0, &error);
	assert_non_null(proxy);
	assert_int_equal(kk_proxy_call(proxy, "echo", "x", 1, -1, NULL, NULL, &error), KK_OK);
	kk_proxy_close(proxy);
	kk_client_close(client);
}

static void send_raw(struct wire *wire, const void *bytes, size_t count)
{
	assert_int_equal(send(wire->fd, bytes, count, MSG_NOSIGNAL), (ssize_t)count);
}

static void test_garbage(void **state)
{
	(void)state;
	static const unsigned char huge[4] = {0xff, 0xff, 0xff, 0xff}, tiny[4] = {15, 0, 0, 0}, large[4] = {0, 2, 0, 0};
	struct kk_server *server = serve(0);
	srand(11);
	for (int i = 0; i < 60; i++) {
		unsigned char bytes[300];
		struct wire wire = raw(server);
		for (size_t k = 0; k < sizeof(bytes); k++)
			bytes[k] = (unsigned char)rand();
		/* Some of them with a length that is possible, some with a kind that is. */
		if (i % 3 == 0)
			memcpy(bytes, (unsigned char[4]){(unsigned char)(16 + i % 100), 0, 0, 0}, 4);
		if (i % 3 == 1)
			memcpy(bytes, i % 2 ? huge : i % 4 ? tiny : large, 4);
		bytes[4] = (unsigned char)(i % 13);
		send_raw(&wire, bytes, sizeof(bytes));
		expect_closed(&wire);
	}
	expect_good_service(server);
	kk_server_free(server);
}

/* Who says nothing, or half of something, has his time. */
static void test_silence(void **state)
{
	(void)state;
	struct kk_server *server = serve(100);
	struct wire silent = raw(server), half = raw(server);
	send_raw(&half, "\x50\0", 2);
	expect_closed(&silent);
	expect_closed(&half);
	expect_good_service(server);
	kk_server_free(server);
}

static bool all_refused(void *server)
{
	struct kk_server_usage usage;
	kk_server_usage(server, &usage);
	return usage.refused >= 24;
}

/* Many who say nothing take the places of those who say nothing, not all places. */
static void test_crowd(void **state)
{
	(void)state;
	enum { CROWD = 40 };
	struct kk_server *server = serve(60000);
	struct wire friend = greeted(server), crowd[CROWD];
	for (int i = 0; i < CROWD; i++)
		crowd[i] = raw(server);
	assert_true(harness_wait_until(all_refused, server, 10000));
	const struct wire_message make = {.kind = WIRE_MAKE, .serial = 1, .name = "thing", .name_bytes = 5};
	struct wire_message answer;
	assert_int_equal(wire_send(&friend, &make, -1, -1), KK_OK);
	assert_int_equal(wire_receive(&friend, &answer, NULL, wire_deadline(5000)), KK_OK);
	assert_int_equal(answer.kind, WIRE_OBJECT);
	for (int i = 0; i < CROWD; i++)
		wire_close(&crowd[i]);
	wire_close(&friend);
	kk_server_free(server);
}

/* A proof that was overheard is of no use for another connection. */
static void test_replayed_proof(void **state)
{
	(void)state;
	struct wire_message hello, proof, answer;
	unsigned char overheard[256];
	struct kk_server *server = serve(0);
	/* The proof that a client gives to us, who sent on the server's nonce. */
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	struct wire between = {.fd = ends[0], .limit = 256}, first = raw(server);
	assert_int_equal(wire_receive(&first, &hello, NULL, wire_deadline(5000)), KK_OK);
	assert_int_equal(wire_send(&between, &hello, -1, -1), KK_OK);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct wire wire = {.fd = ends[1], .limit = 256};
		close(ends[0]);
		_exit(hello_greet(&wire, &key, wire_deadline(5000), NULL) == KK_OK ? 1 : 0);
	}
	close(ends[1]);
	assert_int_equal(wire_receive(&between, &proof, NULL, wire_deadline(5000)), KK_OK);
	assert_true(proof.bytes <= sizeof(overheard));
	memcpy(overheard, proof.data, proof.bytes);
	proof.data = overheard;
	wire_close(&between);
	assert_int_equal(waitpid(child, NULL, 0), child);
	/* On its own connection it would do ... */
	assert_int_equal(wire_send(&first, &proof, -1, -1), KK_OK);
	assert_int_equal(wire_receive(&first, &answer, NULL, wire_deadline(5000)), KK_OK);
	assert_int_equal(answer.kind, WIRE_WELCOME);
	/* ... but without the key nothing can be said there, and on another one it does not. */
	const struct wire_message make = {.kind = WIRE_MAKE, .serial = 1, .name = "thing", .name_bytes = 5};
	assert_int_equal(wire_send(&first, &make, -1, -1), KK_OK);
	assert_int_equal(shutdown(first.fd, SHUT_WR), 0);
	expect_closed(&first);
	struct wire second = raw(server);
	assert_int_equal(wire_receive(&second, &hello, NULL, wire_deadline(5000)), KK_OK);
	assert_int_equal(wire_send(&second, &proof, -1, -1), KK_OK);
	assert_int_equal(wire_receive(&second, &answer, NULL, wire_deadline(5000)), KK_OK);
	assert_int_equal(answer.kind, WIRE_REFUSED);
	expect_closed(&second);
	expect_good_service(server);
	kk_server_free(server);
}

/* The server's own words back at it. */
static void test_reflected_proof(void **state)
{
	(void)state;
	unsigned char proof[64] = {0};
	struct wire_message hello, answer;
	struct kk_server *server = serve(0);
	struct wire wire = raw(server);
	assert_int_equal(wire_receive(&wire, &hello, NULL, wire_deadline(5000)), KK_OK);
	memcpy(proof, hello.data, 32);
	const struct wire_message message = {.kind = WIRE_PROOF, .data = proof, .bytes = sizeof(proof)};
	assert_int_equal(wire_send(&wire, &message, -1, -1), KK_OK);
	assert_int_equal(wire_receive(&wire, &answer, NULL, wire_deadline(5000)), KK_OK);
	assert_int_equal(answer.kind, WIRE_REFUSED);
	expect_closed(&wire);
	kk_server_free(server);
}

/* A message that was overheard is not taken again; one that was changed is not taken at all. */
static void test_replayed_and_changed_messages(void **state)
{
	(void)state;
	const struct wire_message make = {.kind = WIRE_MAKE, .serial = 1, .name = "thing", .name_bytes = 5};
	struct wire_message answer;
	struct kk_server *server = serve(0);
	struct wire wire = greeted(server);
	assert_int_equal(wire_send(&wire, &make, -1, -1), KK_OK);
	assert_int_equal(wire_receive(&wire, &answer, NULL, wire_deadline(5000)), KK_OK);
	assert_int_equal(answer.kind, WIRE_OBJECT);
	wire.sent--;
	assert_int_equal(wire_send(&wire, &make, -1, -1), KK_OK);
	expect_closed(&wire);
	wire = greeted(server);
	wire.send_key[7] ^= 1;
	assert_int_equal(wire_send(&wire, &make, -1, -1), KK_OK);
	expect_closed(&wire);
	wire = greeted(server);
	wire.keyed = false;
	assert_int_equal(wire_send(&wire, &make, -1, -1), KK_OK);
	assert_int_equal(shutdown(wire.fd, SHUT_WR), 0);
	expect_closed(&wire);
	expect_good_service(server);
	kk_server_free(server);
}

/* A friend who sends what is no request, or far too much. */
static void test_unruly_friend(void **state)
{
	(void)state;
	static const enum wire_kind kinds[] = {WIRE_HELLO, WIRE_PROOF,  WIRE_WELCOME, WIRE_REFUSED,
	                                       WIRE_VALUE, WIRE_OBJECT, WIRE_ERROR};
	struct kk_server *server = serve(0);
	struct wire wire;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct wire_message message = {.kind = kinds[i]};
		wire = greeted(server);
		assert_int_equal(wire_send(&wire, &message, -1, -1), KK_OK);
		expect_closed(&wire);
	}
	static char much[6000];
	const struct wire_message large = {.kind = WIRE_CALL, .data = much, .bytes = sizeof(much)};
	wire = greeted(server);
	assert_int_equal(wire_send(&wire, &large, -1, -1), KK_OK);
	expect_closed(&wire);
	/* References that he has not got. */
	const struct wire_message drop = {.kind = WIRE_DROP, .number = 1};
	const struct wire_message call = {.kind = WIRE_CALL, .number = 99, .serial = 2};
	struct wire_message answer;
	wire = greeted(server);
	assert_int_equal(wire_send(&wire, &drop, -1, -1), KK_OK);
	assert_int_equal(wire_send(&wire, &call, -1, -1), KK_OK);
	assert_int_equal(wire_receive(&wire, &answer, NULL, wire_deadline(5000)), KK_OK);
	assert_int_equal(answer.kind, WIRE_ERROR);
	assert_int_equal(answer.code, KK_ERR_MISSING);
	wire_close(&wire);
	expect_good_service(server);
	kk_server_free(server);
}

/* ---- a server that is none */

static void *welcome_without_key(void *argument)
{
	static unsigned char nonce[32], mac[32];
	const struct wire_message hello = {
	    .kind = WIRE_HELLO, .name = "key", .name_bytes = 3, .data = nonce, .bytes = sizeof(nonce)};
	const struct wire_message welcome = {.kind = WIRE_WELCOME, .data = mac, .bytes = sizeof(mac)};
	struct wire_message proof;
	int listening = *(int *)argument;
	(void)wire_poll(listening, POLLIN, -1);
	struct wire wire = {.fd = accept(listening, NULL, NULL), .limit = 256};
	(void)wire_send(&wire, &hello, -1, -1);
	(void)wire_receive(&wire, &proof, NULL, wire_deadline(5000));
	(void)wire_send(&wire, &welcome, -1, -1);
	(void)wire_receive(&wire, &proof, NULL, wire_deadline(5000));
	wire_close(&wire);
	return NULL;
}

static void test_impostor(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct address address;
	pthread_t thread;
	char text[ADDRESS_TEXT_MAX];
	assert_int_equal(address_read("tcp:127.0.0.1:0", &address, NULL), KK_OK);
	int listening = address_listen(&address, NULL);
	assert_true(listening >= 0);
	assert_int_equal(address_text(listening, text, NULL), KK_OK);
	assert_int_equal(pthread_create(&thread, NULL, welcome_without_key, &listening), 0);
	struct kk_client_spec spec = {.address = text, .authkey = secret, .authkey_bytes = sizeof(secret) - 1};
	assert_null(kk_client_connect(&spec, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_string_equal(error.text, "the server does not know our key");
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* One that says nothing. */
	spec.connect_ms = 50;
	assert_null(kk_client_connect(&spec, &error));
	assert_int_equal(error.code, KK_ERR_TIMEOUT);
	close(listening);
}

static void test_trust(void **state)
{
	(void)state;
	const uid_t users[] = {4711, 4712};
	const struct hello_peer own = {1, geteuid()}, listed = {1, 4712}, other = {1, 4713};
	assert_true(hello_trusts(&own, NULL, 0));
	assert_true(hello_trusts(&listed, users, 2));
	assert_false(hello_trusts(&listed, users, 1));
	assert_false(hello_trusts(&other, users, 2));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_garbage),         cmocka_unit_test(test_silence),
    cmocka_unit_test(test_crowd),           cmocka_unit_test(test_replayed_proof),
    cmocka_unit_test(test_reflected_proof), cmocka_unit_test(test_replayed_and_changed_messages),
    cmocka_unit_test(test_unruly_friend),   cmocka_unit_test(test_impostor),
    cmocka_unit_test(test_trust),
};
HARNESS_MAIN(tests)
