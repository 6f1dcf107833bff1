/* SPDX-License-Identifier: Apache-2.0 */
/* manager/client.c - a connection to a server, and references to objects there. */
#include "address.h"
#include "hello.h"
#include <kakehi/family.h>
#include <kakehi/manager.h>
#include <kakehi/manager_server.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kk_client {
	struct address address;
	struct hello_key key;
	uid_t *users;
	size_t user_count, message_max;
	int connect_ms;
	struct kk_family *family; /* of the server, once joined */
	struct kk_manager *manager;

	pthread_mutex_t turn; /* of what follows */
	struct wire wire;
	pid_t pid; /* of the process that has connected */
	uint32_t serial;

	struct kk_client *next; /* of this process */
};

struct kk_proxy {
	struct kk_client *client;
	uint64_t number;
};

/* ---- forks */

/* All clients of this process. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kk_client *clients;

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

/* A call of the parent's may be under way, for long: its turn is over here, and what it was doing to the buffers too.
 */
static void child_begins(void)
{
	for (struct kk_client *client = clients; client; client = client->next) {
		if (pthread_mutex_trylock(&client->turn) == 0) {
			pthread_mutex_unlock(&client->turn);
			continue;
		}
		(void)pthread_mutex_init(&client->turn, NULL);
		client->wire.in = client->wire.out = NULL;
	}
	after_fork();
}

static int watch_result;

static void watch(void)
{
	if (pthread_atfork(before_fork, after_fork, child_begins) != 0)
		watch_result = KK_ERR_MEMORY;
}

static int list(struct kk_client *client, struct kk_error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)pthread_once(&once, watch);
	if (watch_result < 0)
		return kk_error_set(error, watch_result, "no memory to watch forks");
	pthread_mutex_lock(&lock);
	client->next = clients;
	clients = client;
	pthread_mutex_unlock(&lock);
	return KK_OK;
}

static void unlist(const struct kk_client *client)
{
	pthread_mutex_lock(&lock);
	struct kk_client **at = &clients;
	while (*at && *at != client)
		at = &(*at)->next;
	if (*at)
		*at = client->next;
	pthread_mutex_unlock(&lock);
}

/* ---- connecting */

static int greet(struct kk_client *client, int64_t deadline_ns, struct kk_error *error)
{
	struct hello_peer peer;
	int fd = address_connect(&client->address, deadline_ns, error);
	if (fd < 0)
		return fd;
	client->wire = (struct wire){.fd = fd, .limit = WIRE_BEFORE_PROOF};
	/* With a key the server proves itself by that. */
	if (address_is_unix(&client->address) && !client->key.data) {
		if (hello_look(fd, &peer) < 0)
			return kk_error_set(error, KK_ERR_SYSTEM, "SO_PEERCRED");
		if (!hello_trusts(&peer, client->users, client->user_count))
			return kk_error_set(error, KK_ERR_INVALID, "a server of user %u is not trusted without a key",
			                    (unsigned)peer.uid);
	}
	return hello_greet(&client->wire, &client->key, deadline_ns, error);
}

static int connect_client(struct kk_client *client, struct kk_error *error)
{
	int rc = greet(client, wire_deadline(client->connect_ms), error);
	client->pid = getpid();
	client->wire.limit = client->message_max + WIRE_BEFORE_PROOF;
	if (rc < 0)
		wire_close(&client->wire);
	return rc;
}

static int copy_spec(struct kk_client *client, const struct kk_client_spec *spec, struct kk_error *error)
{
	if (!spec->address || address_read(spec->address, &client->address, error) < 0)
		return spec->address ? KK_ERR_INVALID : kk_error_set(error, KK_ERR_INVALID, "no address");
	if (!address_is_unix(&client->address) && !spec->authkey)
		return kk_error_set(error, KK_ERR_INVALID, "TCP needs an authkey");
	if (spec->authkey && (spec->authkey_bytes == 0 || spec->authkey_bytes > 1024))
		return kk_error_set(error, KK_ERR_INVALID, "an authkey has 1 to 1024 bytes");
	client->message_max = spec->message_max ? spec->message_max : KK_SERVER_MESSAGE_MAX;
	client->connect_ms = spec->connect_ms ? spec->connect_ms : KK_SERVER_HANDSHAKE_MS;
	client->user_count = spec->user_count;
	client->users = wire_copy(spec->users, spec->user_count * sizeof(*spec->users));
	if (spec->authkey)
		client->key = (struct hello_key){wire_copy(spec->authkey, spec->authkey_bytes), spec->authkey_bytes};
	if (!client->users || (spec->authkey && !client->key.data))
		return kk_error_set(error, KK_ERR_MEMORY, "no memory for a client");
	return KK_OK;
}

struct kk_client *kk_client_connect(const struct kk_client_spec *spec, struct kk_error *error)
{
	struct kk_client *client = calloc(1, sizeof(*client));
	if (!client) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a client");
		return NULL;
	}
	client->wire.fd = -1;
	(void)pthread_mutex_init(&client->turn, NULL);
	if (list(client, error) < 0 || copy_spec(client, spec, error) < 0 || connect_client(client, error) < 0) {
		kk_client_close(client);
		client = NULL;
	}
	return client;
}

void kk_client_close(struct kk_client *client)
{
	if (!client)
		return;
	unlist(client);
	kk_manager_close(client->manager);
	kk_family_close(client->family);
	wire_close(&client->wire);
	free((void *)(uintptr_t)client->key.data);
	free(client->users);
	pthread_mutex_destroy(&client->turn);
	free(client);
}

/* ---- exchanges */

/* Takes the turn, and connects anew in a forked child: the parent's connection is the parent's. */
static int begin(struct kk_client *client, struct kk_error *error)
{
	int rc = KK_OK;
	pthread_mutex_lock(&client->turn);
	if (client->pid != getpid()) {
		wire_close(&client->wire);
		rc = connect_client(client, error);
	}
	return rc;
}

static int lost(int rc, struct kk_error *error)
{
	if (rc == KK_ERR_CLOSED)
		return kk_error_set(error, KK_ERR_DIED, "the server is gone");
	if (rc == KK_ERR_TIMEOUT)
		return kk_error_set(error, rc, "no answer in time");
	return kk_error_set(error, rc, "the connection to the server is of no use any more: %s", kk_status_text(rc));
}

/* What the server said went wrong. */
static int told(const struct wire_message *answer, struct kk_error *error)
{
	if (answer->code == 0)
		return lost(KK_ERR_CORRUPT, error);
	if (error) {
		size_t most = sizeof(error->text) - 1;
		*error = (struct kk_error){.code = answer->code};
		memcpy(error->text, answer->data, answer->bytes < most ? answer->bytes : most);
	}
	return answer->code;
}

/* Sends a request and receives its answer; answers of calls that were given up are thrown away. In the caller's turn.
 */
static int exchange(struct kk_client *client, struct wire_message *request, struct wire_message *answer, int *passed,
                    int timeout_ms, struct kk_error *error)
{
	int64_t deadline = wire_deadline(timeout_ms);
	request->serial = ++client->serial;
	int rc = wire_send(&client->wire, request, -1, deadline);
	if (rc == KK_ERR_NO_ROOM)
		return kk_error_set(error, rc, "%zu bytes of arguments, where %zu are the most", request->bytes,
		                    client->message_max);
	/* Half a request: nobody can go on from there. */
	if (rc == KK_ERR_TIMEOUT)
		client->wire.broken = true;
	while (rc == KK_OK) {
		rc = wire_receive(&client->wire, answer, passed, deadline);
		if (rc == KK_OK && answer->serial == client->serial)
			return answer->kind == WIRE_ERROR ? told(answer, error) : KK_OK;
		if (rc == KK_OK && passed && *passed >= 0)
			close(*passed);
	}
	return lost(rc, error);
}

static int unexpected(struct kk_client *client, struct kk_error *error)
{
	client->wire.broken = true;
	return lost(KK_ERR_CORRUPT, error);
}

/* A request whose answer is an object. */
static struct kk_proxy *ask_for_object(struct kk_client *client, struct wire_message *request, struct kk_error *error)
{
	struct wire_message answer;
	struct kk_proxy *proxy = calloc(1, sizeof(*proxy));
	if (!proxy) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a proxy");
		return NULL;
	}
	int rc = begin(client, error);
	if (rc == KK_OK)
		rc = exchange(client, request, &answer, NULL, -1, error);
	if (rc == KK_OK && answer.kind != WIRE_OBJECT)
		rc = answer.kind == WIRE_VALUE ? kk_error_set(error, KK_ERR_INVALID, "the method returned no object")
		                               : unexpected(client, error);
	if (rc == KK_OK)
		*proxy = (struct kk_proxy){client, answer.number};
	pthread_mutex_unlock(&client->turn);
	if (rc != KK_OK) {
		free(proxy);
		proxy = NULL;
	}
	return proxy;
}

struct kk_proxy *kk_client_make(struct kk_client *client, const char *type, const void *args, size_t args_bytes,
                                struct kk_error *error)
{
	struct wire_message request = {
	    .kind = WIRE_MAKE, .name = type, .name_bytes = strlen(type), .data = args, .bytes = args_bytes};
	return ask_for_object(client, &request, error);
}

struct kk_proxy *kk_client_proxy(struct kk_client *client, uint64_t number, struct kk_error *error)
{
	struct wire_message request = {.kind = WIRE_REFER, .number = number};
	return ask_for_object(client, &request, error);
}

struct kk_proxy *kk_proxy_call_object(struct kk_proxy *proxy, const char *method, const void *args, size_t args_bytes,
                                      struct kk_error *error)
{
	struct wire_message request = {.kind = WIRE_CALL,
	                               .number = proxy->number,
	                               .name = method,
	                               .name_bytes = strlen(method),
	                               .data = args,
	                               .bytes = args_bytes};
	return ask_for_object(proxy->client, &request, error);
}

uint64_t kk_proxy_number(const struct kk_proxy *proxy)
{
	return proxy->number;
}

void kk_proxy_close(struct kk_proxy *proxy)
{
	if (!proxy)
		return;
	struct kk_client *client = proxy->client;
	const struct wire_message request = {.kind = WIRE_DROP, .number = proxy->number};
	pthread_mutex_lock(&client->turn);
	/* A forked child that has never called has no reference of its own. */
	if (client->pid == getpid())
		(void)wire_send(&client->wire, &request, -1, wire_deadline(client->connect_ms));
	pthread_mutex_unlock(&client->turn);
	free(proxy);
}

static int take_result(const struct wire_message *answer, void **result, size_t *result_bytes, struct kk_error *error)
{
	if (result_bytes)
		*result_bytes = answer->bytes;
	if (!result)
		return KK_OK;
	*result = wire_copy(answer->data, answer->bytes);
	return *result ? KK_OK : kk_error_set(error, KK_ERR_MEMORY, "no memory for a result");
}

int kk_proxy_call(struct kk_proxy *proxy, const char *method, const void *args, size_t args_bytes, int timeout_ms,
                  void **result, size_t *result_bytes, struct kk_error *error)
{
	struct kk_client *client = proxy->client;
	struct wire_message answer, request = {.kind = WIRE_CALL,
	                                       .number = proxy->number,
	                                       .name = method,
	                                       .name_bytes = strlen(method),
	                                       .data = args,
	                                       .bytes = args_bytes};
	int rc = begin(client, error);
	if (rc == KK_OK)
		rc = exchange(client, &request, &answer, NULL, timeout_ms, error);
	if (rc == KK_OK && answer.kind == WIRE_VALUE)
		rc = take_result(&answer, result, result_bytes, error);
	else if (rc == KK_OK)
		rc = answer.kind == WIRE_OBJECT ? kk_error_set(error, KK_ERR_INVALID, "the method returned an object")
		                                : unexpected(client, error);
	pthread_mutex_unlock(&client->turn);
	return rc;
}

/* ---- the family */

static struct kk_manager *join_family(struct kk_client *client, int fd, uint64_t ref, struct kk_error *error)
{
	if (fd < 0) {
		(void)unexpected(client, error);
		return NULL;
	}
	client->family = kk_family_open(fd, error);
	close(fd);
	client->manager = client->family ? kk_manager_open(client->family, ref, error) : NULL;
	if (!client->manager) {
		kk_family_close(client->family);
		client->family = NULL;
	}
	return client->manager;
}

struct kk_manager *kk_client_manager(struct kk_client *client, struct kk_error *error)
{
	struct wire_message answer, request = {.kind = WIRE_FAMILY};
	int passed = -1, rc = begin(client, error);
	struct kk_manager *manager = client->manager;
	if (rc == KK_OK && !manager && !address_is_unix(&client->address))
		rc = kk_error_set(error, KK_ERR_INVALID, "a family can be joined over a Unix socket alone");
	if (rc == KK_OK && !manager) {
		rc = exchange(client, &request, &answer, &passed, -1, error);
		if (rc == KK_OK)
			manager = join_family(client, passed, answer.number, error);
	}
	pthread_mutex_unlock(&client->turn);
	return manager;
}
