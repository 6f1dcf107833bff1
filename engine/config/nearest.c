/* SPDX-License-Identifier: Apache-2.0 */
#include "config/nearest.h"
#include <ctype.h>
#include <string.h>

#define MAX_LENGTH 48

static size_t least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

static int lower(char c)
{
	return tolower((unsigned char)c);
}

/* Insertions, deletions, substitutions and swapped neighbours cost 1 each; case costs nothing. */
static size_t distance(const char *a, size_t la, const char *b, size_t lb)
{
	size_t row[3][MAX_LENGTH + 1];
	size_t *before = row[0], *last = row[1], *now = row[2];

	for (size_t j = 0; j <= lb; j++)
		last[j] = j;
	for (size_t i = 1; i <= la; i++) {
		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t change = lower(a[i - 1]) != lower(b[j - 1]);
			now[j] = least(last[j] + 1, now[j - 1] + 1, last[j - 1] + change);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
				now[j] = least(now[j], before[j - 2] + 1, now[j]);
		}
		size_t *spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[lb];
}

void kk_nearest_offer(struct kk_nearest *nearest, const char *candidate)
{
	if (!candidate)
		return;
	size_t la = strlen(nearest->word), lb = strlen(candidate);
	if (!la || !lb || la > MAX_LENGTH || lb > MAX_LENGTH)
		return;
	size_t d = distance(nearest->word, la, candidate, lb);
	size_t longer = la > lb ? la : lb;
	if (d > (longer + 2) / 3 || d == longer || (nearest->best && d >= nearest->distance))
		return;
	nearest->best = candidate;
	nearest->distance = d;
}

const char *kk_nearest_of(const char *word, const char *const *words)
{
	struct kk_nearest nearest = {.word = word};

	for (; *words; words++)
		kk_nearest_offer(&nearest, *words);
	return nearest.best;
}
