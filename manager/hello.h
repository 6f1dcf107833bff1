/* SPDX-License-Identifier: Apache-2.0 */
/* manager/hello.h - reads a new connection and a key, produces one that both sides have proved themselves on.
 *
 *	server -> client   HELLO    his nonce S; name "key" if he wants a proof
 *	client -> server   PROOF    his nonce C, HMAC(key, "kakehi client" S C)
 *	server -> client   WELCOME  HMAC(key, "kakehi server" S C)
 *
 * and then each direction has a key of its own, HMAC(key, "kakehi calls" S C) and HMAC(key, "kakehi answers" S C). The
 * four texts keep what one side proves from being of use as any other proof. Without a key nonces and proofs are sent
 * all the same and not looked at.
 */
#ifndef MANAGER_HELLO_H
#define MANAGER_HELLO_H

#include "wire.h"
#include <sys/types.h>

struct hello_key {
	const void *data; /* NULL: none */
	size_t bytes;
};

/* hello_serve, hello_greet - the server's and the client's part. 0; KK_ERR_INVALID: the other one has not proved
 * himself, or has refused us; KK_ERR_TIMEOUT, KK_ERR_CLOSED, KK_ERR_CORRUPT, KK_ERR_MEMORY, KK_ERR_SYSTEM. */
int hello_serve(struct wire *wire, const struct hello_key *key, int64_t deadline_ns);
int hello_greet(struct wire *wire, const struct hello_key *key, int64_t deadline_ns, struct kk_error *error);

/* hello_refuse - says why not, if that can be said at once. */
void hello_refuse(struct wire *wire, const char *why);

/* Who is at the other end of a Unix socket. */
struct hello_peer {
	pid_t pid;
	uid_t uid;
};

/* hello_look - 0, or KK_ERR_SYSTEM. */
int hello_look(int fd, struct hello_peer *peer);
/* hello_trusts - is it the own user, or one of the list? */
bool hello_trusts(const struct hello_peer *peer, const uid_t *users, size_t count);

#endif
