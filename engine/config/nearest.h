/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/nearest.h - reads a misspelt word and the words there are, produces the one that was probably meant.
 */
#ifndef ENGINE_CONFIG_NEAREST_H
#define ENGINE_CONFIG_NEAREST_H

#include <stddef.h>

/* The best candidate so far; start with { .word = word }. */
struct kk_nearest {
	const char *word;
	const char *best; /* NULL: nothing near enough yet */
	size_t distance;
};

/* kk_nearest_offer - makes `candidate` the best if it is near enough to be a slip of the finger and nearer than the
 * best so far. `candidate` must stay valid as long as `best` is used; NULL is ignored. */
void kk_nearest_offer(struct kk_nearest *nearest, const char *candidate);

/* kk_nearest_of - the nearest of a NULL-terminated list, or NULL. */
const char *kk_nearest_of(const char *word, const char *const *words);

#endif
