/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/retry_after.c - any bytes as a Retry-After: what comes out is never more than a day, and never more than
 * what was asked for a little earlier. */
#include "http/retry_after.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const time_t now = 1700000000;
	char *text = malloc(size + 1);
	uint64_t at_once, later;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	at_once = retry_after_ms(text, now);
	later = retry_after_ms(text, now + 10);
	if (at_once > RETRY_AFTER_MOST_MS || later > at_once)
		abort();
	free(text);
	return 0;
}
