/* SPDX-License-Identifier: Apache-2.0 */
/* manager/wire.h - reads messages, produces bytes on a socket, and the other way round.
 *
 *	frame = length:32 | head (16 bytes) | name, padded to 16 | data [| HMAC-SHA256 (32 bytes)]
 *
 * Numbers are little-endian. `length` counts head, name and data. With keys, the HMAC is of the number of the frame in
 * its direction (64 bits), of length, head, name and data, under a key that only this direction of this connection has.
 */
#ifndef MANAGER_WIRE_H
#define MANAGER_WIRE_H

#include <kakehi/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_HEAD = 16, WIRE_KEY = 32, WIRE_NUMBER = 8, WIRE_LENGTH = 4, WIRE_BEFORE_PROOF = 256 };

/* What a message is. */
enum wire_kind {
	WIRE_HELLO = 1, /* server: our nonce                                    */
	WIRE_PROOF,     /* client: his nonce, and that he knows the key         */
	WIRE_WELCOME,   /* server: that we know it, too                         */
	WIRE_REFUSED,   /* server: why not                                      */
	WIRE_MAKE,      /* client: an object of type `name`                     */
	WIRE_CALL,      /* client: method `name` of object `number`             */
	WIRE_REFER,     /* client: one more reference to `number`               */
	WIRE_DROP,      /* client: one reference less; is not answered          */
	WIRE_FAMILY,    /* client: the descriptor of the family                 */
	WIRE_VALUE,     /* server: a result: `data`                             */
	WIRE_OBJECT,    /* server: a result: object `number`                    */
	WIRE_ERROR,     /* server: `code`, and a sentence                       */
	WIRE_KINDS
};

struct wire_message {
	enum wire_kind kind;
	uint32_t serial; /* of the call, and of what answers it                        */
	int32_t code;
	uint64_t number;
	const char *name; /* up to 255 bytes; as received, without a NUL                */
	size_t name_bytes;
	const void *data; /* as received, 16-byte aligned, until the next message       */
	size_t bytes;
};

struct wire {
	int fd;
	size_t limit; /* of name and data */
	bool keyed, broken;
	unsigned char send_key[WIRE_KEY], receive_key[WIRE_KEY];
	uint64_t sent, received;
	unsigned char *in, *out;
	size_t in_size, in_used, out_size;
};

/* wire_copy - a copy of bytes, to be freed; never NULL for none. NULL: no memory. */
void *wire_copy(const void *data, size_t bytes);

/* wire_close - closes the socket and frees what belongs to it. */
void wire_close(struct wire *wire);

/* wire_send - sends all of it, with `pass` (a descriptor, or -1). 0; KK_ERR_NO_ROOM (nothing was sent), KK_ERR_MEMORY,
 * KK_ERR_CLOSED: the other side is gone; KK_ERR_TIMEOUT, KK_ERR_SYSTEM: nothing more can be sent. */
int wire_send(struct wire *wire, const struct wire_message *message, int pass, int64_t deadline_ns);

/* wire_receive - the next message; `passed` (may be NULL) gets a descriptor that came with it, or -1. 0;
 * KK_ERR_TIMEOUT: call again; KK_ERR_CLOSED, KK_ERR_CORRUPT, KK_ERR_MEMORY, KK_ERR_SYSTEM: it is over. */
int wire_receive(struct wire *wire, struct wire_message *message, int *passed, int64_t deadline_ns);

/* wire_poll - waits for an event. 0, KK_ERR_TIMEOUT. wire_pause - a moment; false: it is too late for that. */
int wire_poll(int fd, short events, int64_t deadline_ns);
bool wire_pause(int64_t deadline_ns);

/* wire_deadline - `timeout_ms` from now; -1: never. */
int64_t wire_deadline(int timeout_ms);

#endif
