/* SPDX-License-Identifier: Apache-2.0 */
#include "hash/hash.h"

#include <errno.h>
#include <kakehi/error.h>
#include <sys/random.h>

enum { ROUNDS_A_WORD = 2, ROUNDS_AT_THE_END = 4 };

struct sip {
	uint64_t v[4];
};

static uint64_t turned(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void mix(struct sip *s, int rounds)
{
	uint64_t *v = s->v;
	while (rounds-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = turned(v[1], 13) ^ v[0];
		v[3] = turned(v[3], 16) ^ v[2];
		v[0] = turned(v[0], 32) + v[3];
		v[2] += v[1];
		v[1] = turned(v[1], 17) ^ v[2];
		v[3] = turned(v[3], 21) ^ v[0];
		v[2] = turned(v[2], 32);
	}
}

static void add_word(struct sip *s, uint64_t word)
{
	s->v[3] ^= word;
	mix(s, ROUNDS_A_WORD);
	s->v[0] ^= word;
}

/* Up to eight bytes, the first one lowest, on every machine. */
static uint64_t word_of(const unsigned char *at, size_t bytes)
{
	uint64_t word = 0;
	for (size_t i = 0; i < bytes; i++)
		word |= (uint64_t)at[i] << (8 * i);
	return word;
}

static uint64_t drawn(const struct sip *s)
{
	return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}

int hash_draw_secret(struct hash_secret *secret)
{
	ssize_t got;
	do
		got = getrandom(secret, sizeof(*secret), 0);
	while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof(*secret) ? KK_OK : KK_ERR_SYSTEM;
}

struct hash128 hash_bytes(const struct hash_secret *secret, const void *data, size_t bytes)
{
	const unsigned char *at = data;
	struct hash128 hash;
	struct sip s = {
	    {secret->half[0] ^ UINT64_C(0x736f6d6570736575), secret->half[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
	     secret->half[0] ^ UINT64_C(0x6c7967656e657261), secret->half[1] ^ UINT64_C(0x7465646279746573)}};
	for (size_t i = 0; i + 8 <= bytes; i += 8)
		add_word(&s, word_of(at + i, 8));
	add_word(&s, (uint64_t)bytes << 56 | word_of(at + bytes / 8 * 8, bytes % 8));
	s.v[2] ^= 0xee;
	mix(&s, ROUNDS_AT_THE_END);
	hash.low = drawn(&s);
	s.v[1] ^= 0xdd;
	mix(&s, ROUNDS_AT_THE_END);
	hash.high = drawn(&s);
	return hash;
}
