/* SPDX-License-Identifier: Apache-2.0 */
#include "base64.h"

char *base64_encode(const void *data, size_t size, char *to)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *at = data;
	char *end = to;

	for (; size > 0; at += 3) {
		unsigned group = (unsigned)at[0] << 16 | (size > 1 ? at[1] << 8 : 0) | (size > 2 ? at[2] : 0);

		*end++ = digits[group >> 18];
		*end++ = digits[group >> 12 & 63];
		*end++ = size > 1 ? digits[group >> 6 & 63] : '=';
		*end++ = size > 2 ? digits[group & 63] : '=';
		size -= size > 3 ? 3 : size;
	}
	*end = 0;
	return to;
}
