/* SPDX-License-Identifier: Apache-2.0 */
#include "media.h"

#include <string.h>

/* Two runs of bytes at fixed places; the second may be empty. */
static const struct magic {
	const char *type;
	const char *bytes;
	size_t length;
	size_t at;
	const char *more;
} magics[] = {
    {"image/jpeg", "\xff\xd8\xff", 3, 0, ""},
    {"image/png", "\x89PNG\r\n\x1a\n", 8, 0, ""},
    {"image/gif", "GIF8", 4, 0, ""},
    {"image/webp", "RIFF", 4, 8, "WEBP"},
    {"image/avif", "\0\0\0", 3, 4, "ftypavif"},
    {"image/heic", "\0\0\0", 3, 4, "ftypheic"},
    {"image/jxl", "\xff\x0a", 2, 0, ""},
    {"image/tiff", "II*\0", 4, 0, ""},
    {"image/tiff", "MM\0*", 4, 0, ""},
    {"image/bmp", "BM", 2, 0, ""},
    {"application/pdf", "%PDF-", 5, 0, ""},
};

const char *media_type(const void *data, size_t size)
{
	const char *bytes = data;

	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		const struct magic *magic = &magics[i];
		size_t more = strlen(magic->more);

		if (size >= magic->length && size >= magic->at + more &&
		    memcmp(bytes, magic->bytes, magic->length) == 0 &&
		    memcmp(bytes + magic->at, magic->more, more) == 0)
			return magic->type;
	}
	return NULL;
}
