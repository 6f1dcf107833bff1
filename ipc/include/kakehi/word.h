/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/word.h - single 64-bit words in shared memory, for whoever needs no more than that.
 *
 * Reads and produces whole words: no reader ever sees half of a store. A load acquires what the store that it reads
 * released; exchanges do both. The words are plain uint64_t, 8-byte aligned, in any shared memory; any process.
 */
#ifndef KAKEHI_WORD_H
#define KAKEHI_WORD_H

#include <kakehi/error.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* kk_word_load - the word, with everything its writer did before it stored it. */
KK_API uint64_t kk_word_load(const uint64_t *word);
/* kk_word_store - sets the word; all that was written before it becomes visible with it. */
KK_API void kk_word_store(uint64_t *word, uint64_t value);
/* kk_word_count - sets a word that only this process writes and that nothing else depends on (a counter). */
KK_API void kk_word_count(uint64_t *word, uint64_t value);
/* kk_word_swap - stores `value` if the word is *expected and returns true; else sets *expected to what it is. */
KK_API bool kk_word_swap(uint64_t *word, uint64_t *expected, uint64_t value);

#ifdef __cplusplus
}
#endif
#endif
