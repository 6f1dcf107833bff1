/* SPDX-License-Identifier: Apache-2.0 */
/* stages/pattern/pattern.h - reads a seed and an item's number, produces the bytes its payload must have.
 *
 * `generate` writes them, `discard` with `verify: true` compares them: a payload that was swapped, torn or reused on
 * its way differs in its first word, since every word depends on seed, number and place.
 * The folder is no stage: two stages share it.
 */
#ifndef STAGES_PATTERN_PATTERN_H
#define STAGES_PATTERN_PATTERN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* pattern_mix - the finisher of splitmix64: a bijection that spreads every input bit over the word. */
static inline uint64_t pattern_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
	return x ^ (x >> 31);
}

/* pattern_word - word `index` of the payload of item `number`. */
static inline uint64_t pattern_word(uint64_t seed, uint64_t number, uint64_t index)
{
	return pattern_mix(pattern_mix(seed ^ pattern_mix(number + 1)) + (index + 1) * 0x9e3779b97f4a7c15U);
}

/* pattern_fill - writes the `size` bytes of the payload of item `number`. */
static inline void pattern_fill(void *to, size_t size, uint64_t seed, uint64_t number)
{
	unsigned char *at = to;
	for (uint64_t i = 0; size; i++) {
		uint64_t word = pattern_word(seed, number, i);
		size_t part = size < sizeof(word) ? size : sizeof(word);
		memcpy(at, &word, part);
		at += part;
		size -= part;
	}
}

/* pattern_check - compares `size` bytes with the pattern. Returns `size` if they agree, else an offset at most seven
 * bytes before the first one that differs. */
static inline size_t pattern_check(const void *data, size_t size, uint64_t seed, uint64_t number)
{
	const unsigned char *at = data;
	for (size_t done = 0; done < size; done += sizeof(uint64_t)) {
		uint64_t word = pattern_word(seed, number, done / sizeof(uint64_t));
		size_t part = size - done < sizeof(word) ? size - done : sizeof(word);
		if (memcmp(at + done, &word, part) != 0)
			return done;
	}
	return size;
}

#endif
