/* SPDX-License-Identifier: Apache-2.0 */
#include "config/utf8.h"

/* Bytes that a first byte announces. */
static size_t announced(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

size_t kk_utf8_length(const char *text, size_t left)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t length = announced(at[0]);

	if (!length || length > left)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
	bool surrogate = at[0] == 0xed && at[1] > 0x9f;
	bool beyond = at[0] == 0xf4 && at[1] > 0x8f;
	return overlong || surrogate || beyond ? 0 : length;
}

bool kk_utf8_control(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	return at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0);
}
