/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/manager_server.h - reads types of objects and an address, produces a server at which processes that are no
 * relatives create such objects and call their methods; and the client's side of it. Library libkakehi-manager.
 *
 * The server:
 *
 *	static int add(struct kk_served *call)
 *	{
 *		struct counter *counter = call->object;
 *		counter->n += *(const long *)call->args;
 *		return kk_served_return(call, &counter->n, sizeof(counter->n));
 *	}
 *	static const struct kk_served_method methods[] = {{"add", add}, {NULL, NULL}};
 *	static const struct kk_served_type type = {
 *		.name = "counter", .create = create, .destroy = free, .methods = methods};
 *
 *	struct kk_server_spec spec = {.address = "tcp:127.0.0.1:7000", .authkey = key, .authkey_bytes = 32};
 *	server = kk_server_create(&spec, &error);
 *	kk_server_register(server, &type);
 *	kk_server_run(server, &error);
 *
 * A client:
 *
 *	client = kk_client_connect(&client_spec, &error);
 *	counter = kk_client_make(client, "counter", NULL, 0, &error);
 *	kk_proxy_call(counter, "add", &one, sizeof(one), -1, &result, &bytes, &error);
 *
 * Addresses: "unix:/path", "unix:@name" (abstract: leaves no file), "tcp:127.0.0.1:7000", "tcp:[::1]:7000", "tcp:...:0"
 * (any free port).
 *
 * Who may call. On a Unix socket the kernel tells who the other one is: the same user, or one that `users` lists. With
 * an authkey, which TCP demands, both sides prove that they know it (HMAC-SHA256 of each other's fresh nonces), and
 * every message after that is numbered and carries an HMAC under keys of this connection: nothing of the key is on the
 * wire, nothing can be replayed, changed or slipped in. Nothing is encrypted. Use 16 random bytes or more: who listens
 * may try to guess a weak key at leisure. Arguments and results are bytes; kakehi/record.h makes and reads such bytes
 * safely.
 *
 * Whatever a stranger sends costs him his connection and nobody else anything: messages, connections and the time
 * before the proof are limited.
 */
#ifndef KAKEHI_MANAGER_SERVER_H
#define KAKEHI_MANAGER_SERVER_H

#include <kakehi/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_SERVER_CONNECTIONS  64U
#define KK_SERVER_MESSAGE_MAX  1048576U /* bytes of arguments, of a result */
#define KK_SERVER_HANDSHAKE_MS 5000
#define KK_SERVER_NAME_MAX     255U /* bytes of the name of a type, of a method */

struct kk_manager;

/* ---- types */

/* One call. Lives during it. */
struct kk_served {
	void *object;     /* the one that is called; NULL in `create`                      */
	const void *args; /* 16-byte aligned                                               */
	size_t args_bytes;
	pid_t pid; /* of the caller, if the kernel told; else -1                    */
	uid_t uid;
	struct kk_served_answer *answer; /* private                                       */
};

/* Returns 0, or an error: a negative kk_status or any other number, which the caller gets. */
typedef int kk_served_function(struct kk_served *call);

struct kk_served_method {
	const char *name;
	kk_served_function *function;
};

struct kk_served_type {
	const char *name;
	/* Makes an object from the call's arguments; NULL after kk_served_fail. One that it has returned before and
	 * that is still in use is the same object to all who asked for it. NULL: clients cannot make such objects. */
	void *(*create)(struct kk_served *call);
	/* Nobody has a reference any more. Called once for each object, with no call of it under way. NULL: nothing to
	 * do. */
	void (*destroy)(void *object);
	const struct kk_served_method *methods; /* closed by a row without a name */
	/* Calls of one object may run at the same time. Else they run one after the other. */
	bool thread_safe;
};

/* kk_served_return - the result: `bytes` are copied. The last one counts. 0, which the function may return;
 * KK_ERR_NO_ROOM: larger than a message may be; KK_ERR_MEMORY. */
KK_API int kk_served_return(struct kk_served *call, const void *data, size_t bytes);
/* kk_served_return_object - the result is an object of a registered type, which the server takes over, and the caller
 * gets a proxy of. 0; KK_ERR_MISSING: no such type. */
KK_API int kk_served_return_object(struct kk_served *call, const char *type, void *object);
/* kk_served_fail - the call fails with a sentence. Returns `code`, or KK_ERR_FAILED for 0. */
KK_API int kk_served_fail(struct kk_served *call, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- server */

/* All zero but what is said: a Unix socket without a file, for the same user alone. */
struct kk_server_spec {
	const char *address; /* NULL: an abstract Unix socket of a name that nobody else has  */
	const void *authkey; /* NULL: none                                                    */
	size_t authkey_bytes;
	const uid_t *users; /* who else may connect to a Unix socket                         */
	size_t user_count;
	bool anywhere;              /* TCP: listen on an address that is not loopback, if it is one  */
	uint32_t connections;       /* at a time; 0: KK_SERVER_CONNECTIONS                           */
	uint32_t message_max;       /* 0: KK_SERVER_MESSAGE_MAX                                      */
	int handshake_ms;           /* for a new connection's proof; 0: KK_SERVER_HANDSHAKE_MS       */
	struct kk_manager *manager; /* whose family clients on a Unix socket may join; NULL: nobody's.
	                             * Must outlive the server                                 */
};

struct kk_server;

/* kk_server_create - takes the address; clients may connect, and are served from kk_server_run or _start on. NULL:
 * KK_ERR_INVALID (the address, or TCP without a key, or not loopback), KK_ERR_EXISTS (somebody serves there),
 * KK_ERR_MEMORY, KK_ERR_SYSTEM. What spec points at is copied. End with kk_server_free. */
KK_API struct kk_server *kk_server_create(const struct kk_server_spec *spec, struct kk_error *error);

/* kk_server_register - serves objects of a type, which must live on. Before the server runs. 0; KK_ERR_EXISTS,
 * KK_ERR_INVALID (its name), KK_ERR_MEMORY. */
KK_API int kk_server_register(struct kk_server *server, const struct kk_served_type *type);

/* kk_server_address - what clients connect to, with the port that it got. Owned by the server. */
KK_API const char *kk_server_address(const struct kk_server *server);

/* kk_server_run - serves in the calling thread, and in one more for each connection, until kk_server_stop. 0, or
 * KK_ERR_SYSTEM. kk_server_start - the same in a thread of its own, and returns at once. */
KK_API int kk_server_run(struct kk_server *server, struct kk_error *error);
KK_API int kk_server_start(struct kk_server *server, struct kk_error *error);

/* kk_server_stop - ends it: connections are closed, calls that run are waited for by kk_server_run and kk_server_free.
 * Any thread, also a method; not a signal handler. */
KK_API void kk_server_stop(struct kk_server *server);

/* kk_server_free - stops it, waits, destroys all objects, frees the address. NULL does nothing. Not in a method. */
KK_API void kk_server_free(struct kk_server *server);

struct kk_server_usage {
	uint32_t connections, objects;
	uint64_t refused; /* connections that failed to prove who they are */
};

KK_API void kk_server_usage(struct kk_server *server, struct kk_server_usage *usage);

/* ---- client */

struct kk_client_spec {
	const char *address;
	const void *authkey; /* NULL: none. With one, a server that does not prove that it knows it is refused */
	size_t authkey_bytes;
	const uid_t *users; /* whose Unix server is trusted without a key, beside the own user's */
	size_t user_count;
	uint32_t message_max; /* 0: KK_SERVER_MESSAGE_MAX             */
	int connect_ms;       /* 0: KK_SERVER_HANDSHAKE_MS            */
};

/* A connection. Used by any number of threads, whose calls take turns: who wants to call beside them connects for
 * himself. In a forked child it connects anew when it is first used. */
struct kk_client;
/* A reference to an object at the server. */
struct kk_proxy;

/* kk_client_connect - NULL: KK_ERR_INVALID (address; or one of the two has not proved who he is), KK_ERR_DIED (nobody
 * serves there), KK_ERR_TIMEOUT, KK_ERR_MEMORY, KK_ERR_SYSTEM. End with kk_client_close. */
KK_API struct kk_client *kk_client_connect(const struct kk_client_spec *spec, struct kk_error *error);
/* kk_client_close - ends the connection; all of its references are dropped. Its proxies are closed before it. NULL does
 * nothing. */
KK_API void kk_client_close(struct kk_client *client);

/* kk_client_manager - joins the family of the server's manager. It belongs to the client and is closed with it. NULL:
 * KK_ERR_MISSING (the server has none), KK_ERR_INVALID (not over TCP), errors of kk_family_open and of calls. */
KK_API struct kk_manager *kk_client_manager(struct kk_client *client, struct kk_error *error);

/* kk_client_make - a new object of a type. NULL: KK_ERR_MISSING (no such type), what its `create` said, errors of
 * calls. End with kk_proxy_close. */
KK_API struct kk_proxy *kk_client_make(struct kk_client *client, const char *type, const void *args, size_t args_bytes,
                                       struct kk_error *error);
/* kk_client_proxy - another reference, by the number of an object (kk_proxy_number of any client). NULL: KK_ERR_MISSING
 * (it is gone), errors of calls. */
KK_API struct kk_proxy *kk_client_proxy(struct kk_client *client, uint64_t number, struct kk_error *error);
KK_API uint64_t kk_proxy_number(const struct kk_proxy *proxy);
/* kk_proxy_close - drops the reference. The object is destroyed with its last one. NULL does nothing. */
KK_API void kk_proxy_close(struct kk_proxy *proxy);

/* kk_proxy_call - calls a method and waits for its result: *result gets memory that the caller frees with free()
 * (`result` NULL: not interested). 0, or the error: what the method returned; KK_ERR_MISSING: no such method, or
 * object; KK_ERR_DIED: the server is gone; KK_ERR_TIMEOUT: it works on it still (the result will be thrown away; this
 * client's next call waits until then); KK_ERR_NO_ROOM: a message would be too large; KK_ERR_CORRUPT: the other side
 * does not speak our language; KK_ERR_MEMORY, KK_ERR_SYSTEM. */
KK_API int kk_proxy_call(struct kk_proxy *proxy, const char *method, const void *args, size_t args_bytes,
                         int timeout_ms, void **result, size_t *result_bytes, struct kk_error *error);
/* kk_proxy_call_object - the same for a method that returns an object: its proxy, or NULL. */
KK_API struct kk_proxy *kk_proxy_call_object(struct kk_proxy *proxy, const char *method, const void *args,
                                             size_t args_bytes, struct kk_error *error);

#ifdef __cplusplus
}
#endif
#endif
