/* SPDX-License-Identifier: Apache-2.0 */
#include "format.h"
#include <string.h>

static const struct format_row formats[FORMAT_COUNT] = {
    [FORMAT_JPEG] = {.name = "jpeg",
                     .content_type = "image/jpeg",
                     .loader = "VipsForeignLoadJpeg",
                     .load = vips_jpegload_buffer,
                     .heap_bytes = 6, /* three coefficients of two bytes, if it is progressive */
                     .max_side = 65500,
                     .written = true,
                     .shrinks = true},
    [FORMAT_PNG] = {.name = "png",
                    .content_type = "image/png",
                    .loader = "VipsForeignLoadPng",
                    .load = vips_pngload_buffer,
                    .heap_bytes = 8, /* interlaced, four numbers of two bytes */
                    .max_side = 1000000,
                    .written = true,
                    .alpha = true},
    [FORMAT_WEBP] = {.name = "webp",
                     .content_type = "image/webp",
                     .loader = "VipsForeignLoadWebp",
                     .load = vips_webpload_buffer,
                     .heap_bytes = 8, /* the frame, and the canvas it is painted on */
                     .max_side = 16383,
                     .written = true,
                     .alpha = true,
                     .shrinks = true},
    [FORMAT_GIF] = {.name = "gif",
                    .content_type = "image/gif",
                    .loader = "VipsForeignLoadNsgif",
                    .load = vips_gifload_buffer,
                    .heap_bytes = 8, /* the frame, and the canvas it is painted on */
                    .max_side = 65535,
                    .alpha = true},
    [FORMAT_AVIF] = {.name = "avif",
                     .content_type = "image/avif",
                     .loader = "VipsForeignLoadHeif",
                     .load = vips_heifload_buffer,
                     .heap_bytes = 16, /* reference frames of the video decoder, and the picture twice */
                     .max_side = 16384,
                     .written = true,
                     .alpha = true},
    [FORMAT_HEIC] = {.name = "heic",
                     .content_type = "image/heic",
                     .loader = "VipsForeignLoadHeif",
                     .load = vips_heifload_buffer,
                     .heap_bytes = 16,
                     .max_side = 16384,
                     .alpha = true},
    [FORMAT_TIFF] = {.name = "tiff",
                     .content_type = "image/tiff",
                     .loader = "VipsForeignLoadTiff",
                     .load = vips_tiffload_buffer,
                     .heap_bytes = 16, /* one strip may hold it all, four numbers of four bytes */
                     .max_side = 1000000,
                     .alpha = true},
};

/* The magic bytes: `bytes` at `offset`, all rows of a format alternatives; some need a second place too. */
static const struct magic {
	enum format format;
	size_t offset, length;
	const char *bytes;
	const char *before; /* four bytes `before_at`, or NULL */
	size_t before_at;
} magics[] = {
    {FORMAT_JPEG, 0, 3, "\xff\xd8\xff", NULL, 0}, {FORMAT_PNG, 0, 8, "\x89PNG\r\n\x1a\n", NULL, 0},
    {FORMAT_GIF, 0, 6, "GIF87a", NULL, 0},        {FORMAT_GIF, 0, 6, "GIF89a", NULL, 0},
    {FORMAT_WEBP, 8, 4, "WEBP", "RIFF", 0},       {FORMAT_AVIF, 8, 4, "avif", "ftyp", 4},
    {FORMAT_HEIC, 8, 4, "heic", "ftyp", 4},       {FORMAT_HEIC, 8, 4, "heix", "ftyp", 4},
    {FORMAT_HEIC, 8, 4, "mif1", "ftyp", 4},       {FORMAT_TIFF, 0, 4, "II*\0", NULL, 0},
    {FORMAT_TIFF, 0, 4, "MM\0*", NULL, 0},
};

enum format format_sniff(const void *data, size_t size)
{
	const char *at = data;
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		const struct magic *m = &magics[i];
		if (size < m->offset + m->length || memcmp(at + m->offset, m->bytes, m->length) != 0)
			continue;
		if (!m->before || memcmp(at + m->before_at, m->before, 4) == 0)
			return m->format;
	}
	return FORMAT_NONE;
}

enum format format_named(const char *name)
{
	for (enum format format = FORMAT_NONE + 1; format < FORMAT_COUNT; format++)
		if (strcmp(name, formats[format].name) == 0)
			return format;
	return FORMAT_NONE;
}

const struct format_row *format_row(enum format format)
{
	return &formats[format];
}
