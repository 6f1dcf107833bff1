/* SPDX-License-Identifier: Apache-2.0 */
/* stages/utf8/utf8.h - reads bytes of unknown origin, produces how long the character is that they begin with.
 *
 * The folder is no stage: two stages share it.
 */
#ifndef STAGES_UTF8_UTF8_H
#define STAGES_UTF8_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* utf8_length - bytes of the character at `at`, of which there are `left`, at least one; 0: it is none. Not more than
 * Unicode has, no surrogates, nothing longer than it must be. */
static inline size_t utf8_length(const uint8_t *at, size_t left)
{
	/* The lead bytes: how many bytes follow, and the range of the first of them (Unicode, table 3-7). */
	static const struct {
		uint8_t from, to, follow, low, high;
	} leads[] = {
	    {0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf}, {0xe1, 0xec, 2, 0x80, 0xbf},
	    {0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf}, {0xf0, 0xf0, 3, 0x90, 0xbf},
	    {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
	};

	if (*at < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
		if (*at < leads[i].from || *at > leads[i].to)
			continue;
		if (left <= leads[i].follow || at[1] < leads[i].low || at[1] > leads[i].high)
			return 0;
		for (size_t k = 2; k <= leads[i].follow; k++)
			if (at[k] < 0x80 || at[k] > 0xbf)
				return 0;
		return leads[i].follow + (size_t)1;
	}
	return 0;
}

#endif
