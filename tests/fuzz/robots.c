/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/robots.c - any bytes as a header line: a directive for all robots at its beginning is never overlooked,
 * whatever follows. */
#include "download/robots.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char begin[] = "X-Robots-Tag: noai,";
	size_t length = sizeof(begin) - 1;
	char *line = malloc(length + size);

	if (!line)
		abort();
	memcpy(line, begin, length);
	memcpy(line + length, data, size);
	(void)robots_denies(line + length, size, "kakehi");
	if (!robots_denies(line, length + size, "kakehi"))
		abort();
	free(line);
	return 0;
}
