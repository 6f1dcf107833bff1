/* SPDX-License-Identifier: Apache-2.0 */
#include "hello.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NONCE = 32, LABEL_MAX = 16 };

static const char wants_key[] = "key";

struct nonces {
	unsigned char server[NONCE], client[NONCE];
};

/* A nonce and what goes with it, as PROOF carries them. */
struct proof {
	unsigned char nonce[NONCE], mac[WIRE_KEY];
};

static int draw(unsigned char *nonce)
{
	ssize_t got;
	do
		got = getrandom(nonce, NONCE, 0);
	while (got < 0 && errno == EINTR);
	return got == NONCE ? KK_OK : KK_ERR_SYSTEM;
}

/* What somebody who knows the key makes of the nonces for one purpose. Zeros without a key. */
static int derive(const struct hello_key *key, const char *purpose, const struct nonces *nonces, unsigned char *to)
{
	unsigned char text[LABEL_MAX + 2 * NONCE] = {0};
	unsigned bytes = WIRE_KEY;
	memset(to, 0, WIRE_KEY);
	if (!key->data)
		return KK_OK;
	memcpy(text, purpose, strlen(purpose));
	memcpy(text + LABEL_MAX, nonces->server, NONCE);
	memcpy(text + LABEL_MAX + NONCE, nonces->client, NONCE);
	if (!HMAC(EVP_sha256(), key->data, (int)key->bytes, text, sizeof(text), to, &bytes))
		return KK_ERR_SYSTEM;
	return KK_OK;
}

/* From now on every message is signed. */
static int agree(struct wire *wire, const struct hello_key *key, const struct nonces *nonces, bool serving)
{
	if (!key->data)
		return KK_OK;
	if (derive(key, "kakehi calls", nonces, serving ? wire->receive_key : wire->send_key) < 0 ||
	    derive(key, "kakehi answers", nonces, serving ? wire->send_key : wire->receive_key) < 0)
		return KK_ERR_SYSTEM;
	wire->keyed = true;
	wire->sent = 0;
	wire->received = 0;
	return KK_OK;
}

void hello_refuse(struct wire *wire, const char *why)
{
	const struct wire_message message = {.kind = WIRE_REFUSED, .data = why, .bytes = strlen(why)};
	(void)wire_send(wire, &message, -1, wire_deadline(0));
}

int hello_serve(struct wire *wire, const struct hello_key *key, int64_t deadline_ns)
{
	struct nonces nonces;
	struct proof proof;
	unsigned char mac[WIRE_KEY];
	struct wire_message answer;
	if (draw(nonces.server) < 0)
		return KK_ERR_SYSTEM;
	const struct wire_message hello = {.kind = WIRE_HELLO,
	                                   .name = wants_key,
	                                   .name_bytes = key->data ? strlen(wants_key) : 0,
	                                   .data = nonces.server,
	                                   .bytes = NONCE};
	int rc = wire_send(wire, &hello, -1, deadline_ns);
	if (rc == KK_OK)
		rc = wire_receive(wire, &answer, NULL, deadline_ns);
	if (rc < 0)
		return rc;
	if (answer.kind != WIRE_PROOF || answer.bytes != sizeof(proof))
		return KK_ERR_CORRUPT;
	memcpy(&proof, answer.data, sizeof(proof));
	memcpy(nonces.client, proof.nonce, NONCE);
	if (derive(key, "kakehi client", &nonces, mac) < 0)
		return KK_ERR_SYSTEM;
	if (key->data && CRYPTO_memcmp(mac, proof.mac, WIRE_KEY) != 0) {
		hello_refuse(wire, "the key is not ours");
		return KK_ERR_INVALID;
	}
	if (derive(key, "kakehi server", &nonces, mac) < 0)
		return KK_ERR_SYSTEM;
	const struct wire_message welcome = {.kind = WIRE_WELCOME, .data = mac, .bytes = WIRE_KEY};
	rc = wire_send(wire, &welcome, -1, deadline_ns);
	return rc < 0 ? rc : agree(wire, key, &nonces, true);
}

static int refused(const struct wire_message *message, struct kk_error *error)
{
	return kk_error_set(error, KK_ERR_INVALID, "the server refuses us: %.*s",
	                    (int)(message->bytes < 200 ? message->bytes : 200), (const char *)message->data);
}

static int lost(int rc, struct kk_error *error)
{
	if (rc == KK_ERR_CLOSED)
		return kk_error_set(error, KK_ERR_DIED, "the server has closed the connection");
	return kk_error_set(error, rc, "no understanding with the server: %s", kk_status_text(rc));
}

/* Receives a message of a kind and size. */
static int expect(struct wire *wire, enum wire_kind kind, size_t bytes, struct wire_message *message,
                  int64_t deadline_ns, struct kk_error *error)
{
	int rc = wire_receive(wire, message, NULL, deadline_ns);
	if (rc < 0)
		return lost(rc, error);
	if (message->kind == WIRE_REFUSED)
		return refused(message, error);
	return message->kind == kind && message->bytes == bytes ? KK_OK : lost(KK_ERR_CORRUPT, error);
}

int hello_greet(struct wire *wire, const struct hello_key *key, int64_t deadline_ns, struct kk_error *error)
{
	struct nonces nonces;
	struct proof proof;
	unsigned char mac[WIRE_KEY];
	struct wire_message message;
	int rc = expect(wire, WIRE_HELLO, NONCE, &message, deadline_ns, error);
	if (rc < 0)
		return rc;
	bool wanted = message.name_bytes == strlen(wants_key) && memcmp(message.name, wants_key, 3) == 0;
	/* A server that asks for none would not prove that it knows ours. */
	if (wanted != (key->data != NULL))
		return kk_error_set(error, KK_ERR_INVALID,
		                    wanted ? "the server wants an authkey" : "the server has no authkey, but we have");
	memcpy(nonces.server, message.data, NONCE);
	if (draw(nonces.client) < 0 || derive(key, "kakehi client", &nonces, proof.mac) < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "no random numbers");
	memcpy(proof.nonce, nonces.client, NONCE);
	const struct wire_message answer = {.kind = WIRE_PROOF, .data = &proof, .bytes = sizeof(proof)};
	rc = wire_send(wire, &answer, -1, deadline_ns);
	if (rc < 0)
		return lost(rc, error);
	rc = expect(wire, WIRE_WELCOME, WIRE_KEY, &message, deadline_ns, error);
	if (rc < 0)
		return rc;
	if (derive(key, "kakehi server", &nonces, mac) < 0 || agree(wire, key, &nonces, false) < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "no keys");
	if (key->data && CRYPTO_memcmp(mac, message.data, WIRE_KEY) != 0)
		return kk_error_set(error, KK_ERR_INVALID, "the server does not know our key");
	return KK_OK;
}

/* ---- the other end */

int hello_look(int fd, struct hello_peer *peer)
{
	struct ucred credentials;
	socklen_t bytes = sizeof(credentials);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) < 0)
		return KK_ERR_SYSTEM;
	*peer = (struct hello_peer){.pid = credentials.pid, .uid = credentials.uid};
	return KK_OK;
}

bool hello_trusts(const struct hello_peer *peer, const uid_t *users, size_t count)
{
	bool trusted = peer->uid == geteuid();
	for (size_t i = 0; i < count && !trusted; i++)
		trusted = users[i] == peer->uid;
	return trusted;
}
