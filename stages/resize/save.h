/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/save.h - reads a finished picture in memory, produces the bytes of a file. */
#ifndef STAGES_RESIZE_SAVE_H
#define STAGES_RESIZE_SAVE_H

#include "format.h"
#include "jpeg_writer.h"

struct save_settings {
	struct jpeg_settings jpeg; /* its quality is that of webp and avif too */
	int compression;           /* png: 0 .. 9                              */
	int effort;                /* webp, avif                               */
	bool palette;              /* png                                      */
	bool lossless;             /* webp, avif                               */
	bool keep_metadata;        /* EXIF, XMP, IPTC                          */
	bool keep_profile;         /* ICC                                      */
};

/* A file in memory: that of `writer`, valid as it is, or `owned`, which g_free frees. */
struct saved {
	const void *at;
	size_t size;
	void *owned;
};

/* save_picture - encodes a picture of 8 bits, grey or RGB, with alpha only if the format holds it, that lies in memory.
 * 0, or -1 with one line in `why`; *memory then tells if memory was lacking. */
int save_picture(VipsImage *image, enum format format, const struct save_settings *how, struct jpeg_writer *writer,
                 struct saved *to, bool *memory, char *why, size_t why_size);

/* save_possible - can this libvips write the format at all? Tries with a small picture. */
bool save_possible(enum format format);

#endif
