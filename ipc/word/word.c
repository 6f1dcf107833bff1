/* SPDX-License-Identifier: Apache-2.0 */
#include <kakehi/word.h>
#include <stdatomic.h>

static _Atomic uint64_t *atomic_of(const uint64_t *word)
{
	return (_Atomic uint64_t *)(uintptr_t)word;
}

uint64_t kk_word_load(const uint64_t *word)
{
	return atomic_load_explicit(atomic_of(word), memory_order_acquire);
}

void kk_word_store(uint64_t *word, uint64_t value)
{
	atomic_store_explicit(atomic_of(word), value, memory_order_release);
}

void kk_word_count(uint64_t *word, uint64_t value)
{
	atomic_store_explicit(atomic_of(word), value, memory_order_relaxed);
}

bool kk_word_swap(uint64_t *word, uint64_t *expected, uint64_t value)
{
	return atomic_compare_exchange_strong_explicit(atomic_of(word), expected, value, memory_order_acq_rel,
	                                               memory_order_acquire);
}
