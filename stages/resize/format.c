/* SPDX-License-Identifier: Apache-2.0 */
#include "format.h"
#include <string.h>

static int encode_jpeg(VipsImage *image, const struct encoding *how, void **to, size_t *size)
{
	return vips_jpegsave_buffer(image, to, size, "Q", how->quality, "strip", !how->keep_metadata, NULL);
}

static int encode_png(VipsImage *image, const struct encoding *how, void **to, size_t *size)
{
	return vips_pngsave_buffer(image, to, size, "strip", !how->keep_metadata, NULL);
}

static int encode_webp(VipsImage *image, const struct encoding *how, void **to, size_t *size)
{
	return vips_webpsave_buffer(image, to, size, "Q", how->quality, "strip", !how->keep_metadata, NULL);
}

static const struct format_row formats[FORMAT_COUNT] = {
    [FORMAT_JPEG] = {.name = "jpeg",
                     .content_type = "image/jpeg",
                     .loader = "VipsForeignLoadJpeg",
                     .load = vips_jpegload_buffer,
                     .encode = encode_jpeg,
                     .alpha = false,
                     .max_side = 65500},
    [FORMAT_PNG] = {.name = "png",
                    .content_type = "image/png",
                    .loader = "VipsForeignLoadPng",
                    .load = vips_pngload_buffer,
                    .encode = encode_png,
                    .alpha = true,
                    .max_side = 1000000},
    [FORMAT_WEBP] = {.name = "webp",
                     .content_type = "image/webp",
                     .loader = "VipsForeignLoadWebp",
                     .load = vips_webpload_buffer,
                     .encode = encode_webp,
                     .alpha = true,
                     .max_side = 16383},
    [FORMAT_GIF] = {.name = "gif",
                    .content_type = "image/gif",
                    .loader = "VipsForeignLoadNsgif",
                    .load = vips_gifload_buffer,
                    .alpha = true,
                    .max_side = 65535},
};

/* The magic bytes: `bytes` at `offset`, all rows of a format alternatives; webp needs its second row too. */
static const struct magic {
	enum format format;
	size_t offset, length;
	const char *bytes;
} magics[] = {
    {FORMAT_JPEG, 0, 3, "\xff\xd8\xff"}, {FORMAT_PNG, 0, 8, "\x89PNG\r\n\x1a\n"},
    {FORMAT_GIF, 0, 6, "GIF87a"},        {FORMAT_GIF, 0, 6, "GIF89a"},
    {FORMAT_WEBP, 8, 4, "WEBP"},
};

enum format format_sniff(const void *data, size_t size)
{
	const char *at = data;
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		const struct magic *m = &magics[i];
		if (size < m->offset + m->length || memcmp(at + m->offset, m->bytes, m->length) != 0)
			continue;
		if (m->format == FORMAT_WEBP && memcmp(at, "RIFF", 4) != 0)
			continue;
		return m->format;
	}
	return FORMAT_NONE;
}

const struct format_row *format_row(enum format format)
{
	return &formats[format];
}
