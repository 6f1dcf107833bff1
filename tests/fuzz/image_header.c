/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/image_header.c - any bytes as the beginning of a file: nothing is read behind their end, and once the
 * answer is final, more bytes do not change it. */
#include "download/image_header.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t width = 1, height = 1, some_width, some_height;
	enum image_verdict all = image_header(data, size, &width, &height), some;
	size_t part = size / 2;
	uint8_t *copy = malloc(part ? part : 1);

	if (!copy)
		abort();
	memcpy(copy, data, part);
	some = image_header(copy, part, &some_width, &some_height);
	free(copy);
	if (all == IMAGE_SIZED && (width == 0 || height == 0))
		abort();
	if ((some == IMAGE_NONE || some == IMAGE_UNSIZED) && some != all)
		abort();
	return 0;
}
