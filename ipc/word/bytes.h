/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/word/bytes.h - reads bytes, produces them in words of shared memory, and back: each word is stored and loaded
 * whole, as somebody else may be at it at the same time. Inside ipc only. The last word is filled up with zeros.
 * `order` is a constant, of each single access; what it is good for is the caller's to say.
 */
#ifndef IPC_WORD_BYTES_H
#define IPC_WORD_BYTES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Of `bytes` bytes those that lie in word `i`. */
static inline size_t bytes_in_word(size_t bytes, size_t i)
{
	return bytes - i * 8 < 8 ? bytes - i * 8 : 8;
}

static inline uint64_t bytes_word(const void *from, size_t bytes, size_t i)
{
	uint64_t word = 0;
	memcpy(&word, (const char *)from + i * 8, bytes_in_word(bytes, i));
	return word;
}

static inline void bytes_store(_Atomic uint64_t *to, const void *from, size_t bytes, memory_order order)
{
	for (size_t i = 0; i * 8 < bytes; i++)
		atomic_store_explicit(&to[i], bytes_word(from, bytes, i), order);
}

static inline void bytes_load(const _Atomic uint64_t *from, void *to, size_t bytes, memory_order order)
{
	for (size_t i = 0; i * 8 < bytes; i++) {
		uint64_t word = atomic_load_explicit(&from[i], order);
		memcpy((char *)to + i * 8, &word, bytes_in_word(bytes, i));
	}
}

static inline bool bytes_equal(const _Atomic uint64_t *words, const void *data, size_t bytes, memory_order order)
{
	for (size_t i = 0; i * 8 < bytes; i++)
		if (atomic_load_explicit(&words[i], order) != bytes_word(data, bytes, i))
			return false;
	return true;
}

#endif
