/* SPDX-License-Identifier: Apache-2.0 */
/* manager/server.h - what the server and the threads of its connections share. */
#ifndef MANAGER_SERVER_H
#define MANAGER_SERVER_H

#include "address.h"
#include "hello.h"
#include "objects.h"

/* The references of one connection; only its thread looks at them. */
struct references {
	struct object **at;
	size_t count, size;
};

/*	field           written by                  read by
 *	wire, refs      the connection's thread     the same; the server's thread, once that has ended
 *	greeted, done   the connection's thread     the server's thread, both under server->lock
 */
struct connection {
	struct connection *next;
	struct kk_server *server;
	struct wire wire;
	struct hello_peer peer; /* -1, -1: not known */
	struct references references;
	pthread_t thread;
	bool greeted, done;
};

struct kk_server {
	struct address address;
	char text[ADDRESS_TEXT_MAX];
	int listening, bell; /* bell: an eventfd that wakes the server's thread */
	struct hello_key key;
	uid_t *users;
	size_t user_count, message_max;
	uint32_t connection_max;
	int handshake_ms;
	struct kk_manager *manager;
	struct objects objects;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t idle;  /* it runs no more */
	struct connection *first;
	uint32_t connections;
	uint64_t refused;
	bool running, stopping, started;
	pthread_t thread;
};

/* What a call leaves. */
struct kk_served_answer {
	const struct kk_server *server;
	enum wire_kind kind; /* WIRE_VALUE or WIRE_OBJECT */
	unsigned char *data;
	size_t bytes;
	const struct kk_served_type *type;
	void *object;
	int code;
	char text[256];
};

/* serve_connection - greets and serves until it ends; drops its references. True: it has proved itself. */
bool serve_connection(struct connection *connection);

/* server_greeted - the connection has proved itself. */
void server_greeted(struct connection *connection);

#endif
