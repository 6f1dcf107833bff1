/* SPDX-License-Identifier: Apache-2.0 */
/* manager/serve.c - one connection: greets it, does what it asks for, one call after the other. */
#include "server.h"

#include <kakehi/family.h>
#include <kakehi/manager.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a method says */

int kk_served_return(struct kk_served *call, const void *data, size_t bytes)
{
	struct kk_served_answer *answer = call->answer;
	if (bytes > answer->server->message_max)
		return kk_served_fail(call, KK_ERR_NO_ROOM, "a result of %zu bytes, where %zu are the most", bytes,
		                      answer->server->message_max);
	unsigned char *copy = wire_copy(data, bytes);
	if (!copy)
		return KK_ERR_MEMORY;
	free(answer->data);
	answer->data = copy;
	answer->bytes = bytes;
	answer->kind = WIRE_VALUE;
	return KK_OK;
}

int kk_served_return_object(struct kk_served *call, const char *type, void *object)
{
	struct kk_served_answer *answer = call->answer;
	answer->type = objects_type(&answer->server->objects, type, strlen(type));
	if (!answer->type)
		return kk_served_fail(call, KK_ERR_MISSING, "there is no type \"%s\"", type);
	answer->object = object;
	answer->kind = WIRE_OBJECT;
	return KK_OK;
}

int kk_served_fail(struct kk_served *call, int code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)vsnprintf(call->answer->text, sizeof(call->answer->text), format, args);
	va_end(args);
	call->answer->code = code ? code : KK_ERR_FAILED;
	return call->answer->code;
}

/* ---- references */

static int keep(struct references *references, struct object *object)
{
	if (references->count == references->size) {
		size_t size = references->size ? 2 * references->size : 8;
		struct object **at = realloc(references->at, size * sizeof(*at));
		if (!at)
			return KK_ERR_MEMORY;
		references->at = at;
		references->size = size;
	}
	references->at[references->count++] = object;
	return KK_OK;
}

static void drop(struct connection *connection, uint64_t number)
{
	struct references *references = &connection->references;
	for (size_t i = references->count; i-- > 0;) {
		struct object *object = references->at[i];
		if (object->number != number)
			continue;
		references->at[i] = references->at[--references->count];
		objects_release(&connection->server->objects, object);
		return;
	}
}

static void drop_all(struct connection *connection)
{
	struct references *references = &connection->references;
	while (references->count > 0)
		objects_release(&connection->server->objects, references->at[--references->count]);
	free(references->at);
	*references = (struct references){0};
}

/* ---- answers */

static int answer_error(struct connection *connection, uint32_t serial, int code, const char *text)
{
	const struct wire_message message = {
	    .kind = WIRE_ERROR, .serial = serial, .code = code, .data = text, .bytes = strlen(text)};
	return wire_send(&connection->wire, &message, -1, -1);
}

/* The object, of which the caller has a reference for us, becomes one that the client has. */
static int answer_object(struct connection *connection, uint32_t serial, struct object *object)
{
	if (!object)
		return answer_error(connection, serial, KK_ERR_MEMORY, "the server has no memory for it");
	if (keep(&connection->references, object) < 0) {
		objects_release(&connection->server->objects, object);
		return answer_error(connection, serial, KK_ERR_MEMORY, "the server has no memory for it");
	}
	const struct wire_message message = {.kind = WIRE_OBJECT, .serial = serial, .number = object->number};
	return wire_send(&connection->wire, &message, -1, -1);
}

static int answer_call(struct connection *connection, uint32_t serial, struct kk_served_answer *answer, int rc)
{
	struct kk_server *server = connection->server;
	if (rc != KK_OK)
		return answer_error(connection, serial, rc, answer->text[0] ? answer->text : kk_status_text(rc));
	if (answer->kind == WIRE_OBJECT)
		return answer_object(connection, serial, objects_enter(&server->objects, answer->type, answer->object));
	const struct wire_message message = {
	    .kind = WIRE_VALUE, .serial = serial, .data = answer->data, .bytes = answer->bytes};
	return wire_send(&connection->wire, &message, -1, -1);
}

/* ---- requests. Each returns what sending its answer returned. */

typedef int serve_request(struct connection *connection, const struct wire_message *message);

static struct kk_served served(const struct connection *connection, const struct wire_message *message,
                               struct kk_served_answer *answer)
{
	return (struct kk_served){.args = message->data,
	                          .args_bytes = message->bytes,
	                          .pid = connection->peer.pid,
	                          .uid = connection->peer.uid,
	                          .answer = answer};
}

static int make(struct connection *connection, const struct wire_message *message)
{
	struct kk_server *server = connection->server;
	struct kk_served_answer answer = {.server = server, .kind = WIRE_VALUE};
	struct kk_served call = served(connection, message, &answer);
	const struct kk_served_type *type = objects_type(&server->objects, message->name, message->name_bytes);
	int rc = KK_OK;
	if (!type)
		rc = kk_served_fail(&call, KK_ERR_MISSING, "there is no type \"%.*s\"", (int)message->name_bytes,
		                    message->name);
	else if (!type->create)
		rc = kk_served_fail(&call, KK_ERR_INVALID, "objects of type \"%s\" cannot be made", type->name);
	if (rc == KK_OK) {
		answer.kind = WIRE_OBJECT;
		answer.type = type;
		answer.object = type->create(&call);
		if (!answer.object)
			rc = answer.code ? answer.code : KK_ERR_FAILED;
	}
	rc = answer_call(connection, message->serial, &answer, rc);
	free(answer.data);
	return rc;
}

static int call_method(struct connection *connection, const struct wire_message *message)
{
	struct kk_server *server = connection->server;
	struct kk_served_answer answer = {.server = server, .kind = WIRE_VALUE};
	struct kk_served call = served(connection, message, &answer);
	struct object *object = objects_hold(&server->objects, message->number);
	if (!object)
		return answer_error(connection, message->serial, KK_ERR_MISSING, "the object is gone");
	kk_served_function *method = objects_method(object->type, message->name, message->name_bytes);
	int rc;
	if (method) {
		call.object = object->pointer;
		if (!object->type->thread_safe)
			pthread_mutex_lock(&object->turn);
		rc = method(&call);
		if (!object->type->thread_safe)
			pthread_mutex_unlock(&object->turn);
	} else {
		rc = kk_served_fail(&call, KK_ERR_MISSING, "\"%s\" has no method \"%.*s\"", object->type->name,
		                    (int)message->name_bytes, message->name);
	}
	rc = answer_call(connection, message->serial, &answer, rc);
	objects_release(&server->objects, object);
	free(answer.data);
	return rc;
}

static int refer(struct connection *connection, const struct wire_message *message)
{
	struct object *object = objects_hold(&connection->server->objects, message->number);
	if (!object)
		return answer_error(connection, message->serial, KK_ERR_MISSING, "the object is gone");
	return answer_object(connection, message->serial, object);
}

static int drop_one(struct connection *connection, const struct wire_message *message)
{
	drop(connection, message->number);
	return KK_OK;
}

static int give_family(struct connection *connection, const struct wire_message *message)
{
	const struct kk_server *server = connection->server;
	if (!address_is_unix(&server->address))
		return answer_error(connection, message->serial, KK_ERR_INVALID,
		                    "a family can be joined over a Unix socket alone");
	if (!server->manager)
		return answer_error(connection, message->serial, KK_ERR_MISSING, "the server has no family");
	const struct wire_message answer = {
	    .kind = WIRE_VALUE, .serial = message->serial, .number = kk_manager_ref(server->manager)};
	return wire_send(&connection->wire, &answer, kk_family_fd(kk_manager_family(server->manager)), -1);
}

static serve_request *const requests[WIRE_KINDS] = {
    [WIRE_MAKE] = make,     [WIRE_CALL] = call_method,   [WIRE_REFER] = refer,
    [WIRE_DROP] = drop_one, [WIRE_FAMILY] = give_family,
};

/* ---- the connection */

static int greet(struct connection *connection)
{
	const struct kk_server *server = connection->server;
	bool is_unix = address_is_unix(&server->address);
	if (is_unix && hello_look(connection->wire.fd, &connection->peer) < 0)
		return KK_ERR_SYSTEM;
	if (is_unix && !hello_trusts(&connection->peer, server->users, server->user_count)) {
		hello_refuse(&connection->wire, "the user may not connect");
		return KK_ERR_INVALID;
	}
	return hello_serve(&connection->wire, &server->key, wire_deadline(server->handshake_ms));
}

bool serve_connection(struct connection *connection)
{
	struct wire_message message;
	connection->wire.limit = WIRE_BEFORE_PROOF;
	if (greet(connection) < 0)
		return false;
	server_greeted(connection);
	connection->wire.limit = connection->server->message_max + WIRE_BEFORE_PROOF;
	while (wire_receive(&connection->wire, &message, NULL, -1) == KK_OK) {
		serve_request *request = requests[message.kind];
		if (!request || request(connection, &message) < 0)
			break;
	}
	drop_all(connection);
	return true;
}
