/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/hash/hash.h - reads bytes and a secret, produces 128 bits that nobody without the secret can foresee: SipHash-2-4
 * by Aumasson and Bernstein, its long form. For keys that strangers choose. Inside ipc only.
 */
#ifndef IPC_HASH_HASH_H
#define IPC_HASH_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_secret {
	uint64_t half[2];
};

struct hash128 {
	uint64_t low, high;
};

/* hash_draw_secret - a new secret from the kernel. 0, or KK_ERR_SYSTEM. */
int hash_draw_secret(struct hash_secret *secret);

/* hash_bytes - of `bytes` bytes at `data`, which may be NULL if there are none. */
struct hash128 hash_bytes(const struct hash_secret *secret, const void *data, size_t bytes);

#endif
