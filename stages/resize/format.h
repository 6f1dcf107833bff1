/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/format.h - reads the first bytes of a picture, produces its format: only what stands here is decoded.
 */
#ifndef STAGES_RESIZE_FORMAT_H
#define STAGES_RESIZE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <vips/vips.h>

enum format {
	FORMAT_NONE = 0,
	FORMAT_JPEG,
	FORMAT_PNG,
	FORMAT_WEBP,
	FORMAT_GIF,
	FORMAT_AVIF,
	FORMAT_HEIC,
	FORMAT_TIFF,
	FORMAT_COUNT
};

struct format_row {
	const char *name; /* as people and fields spell it                          */
	const char *content_type;
	const char *loader;                                        /* the class of libvips that reads it        */
	int (*load)(void *data, size_t size, VipsImage **to, ...); /* lazily: only the header is read           */
	unsigned heap_bytes;                                       /* at most, for each pixel of the source     */
	int max_side;                                              /* largest that can be written, pixels       */
	bool written;                                              /* can be a result                           */
	bool alpha;                                                /* can hold transparency                     */
	bool shrinks;                                              /* its loader can make it smaller            */
};

/* format_sniff - the format that the magic bytes claim; FORMAT_NONE: none that is known. */
enum format format_sniff(const void *data, size_t size);

/* format_named - the format of this name; FORMAT_NONE: there is none. */
enum format format_named(const char *name);

/* format_row - the facts about a format other than FORMAT_NONE; static. */
const struct format_row *format_row(enum format format);

#endif
