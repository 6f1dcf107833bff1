/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/picture.h - reads the bytes of a foreign picture, produces a smaller one: all that needs libvips.
 *
 * Functions that return -1 leave a sentence in libvips' error buffer; picture_error takes it out.
 */
#ifndef STAGES_RESIZE_PICTURE_H
#define STAGES_RESIZE_PICTURE_H

#include "format.h"
#include <stdint.h>

enum fit { FIT_INSIDE = 0, FIT_COVER, FIT_FILL };

/* The bytes of a picture. Borrowed; must outlive every picture made from them. */
struct picture_bytes {
	const void *data;
	size_t size;
	enum format format;
};

/* What the header says. Width and height are those of the picture held upright. */
struct picture_header {
	int width, height;
	uint64_t whole_bytes; /* memory that decoding takes if it cannot go by rows; else 0   */
	bool profile;         /* has an ICC profile                                           */
};

/* The picture wanted. */
struct picture_box {
	int width, height;
	enum fit fit;
	bool enlarge;
	bool opaque;          /* put on `background` where it is transparent             */
	double background[3]; /* sRGB, 0 .. 255                                          */
};

/* picture_library_open - starts libvips: no parallel work, no cache, no temporary files, only the four loaders. It has
 * no threads yet. 0, or -1 with one line in `why`. Once per process, before any other. */
int picture_library_open(char *why, size_t why_size);

/* picture_library_rehearse - makes a small picture in every format, so that threads and tables are there before the
 * first item, and counted in what the process has at its start. Its threads are as confined as the one that calls:
 * behind the sandbox. 0, or -1 with one line in `why`. */
int picture_library_rehearse(char *why, size_t why_size);

/* picture_read_header - what the header says; no pixel is decoded. 0 or -1. */
int picture_read_header(const struct picture_bytes *bytes, struct picture_header *to);

/* picture_shrink - the first frame upright, in sRGB (or grey), scaled into the box. Lazy: errors in the pixels show
 * when it is encoded. The caller unrefs it; NULL on error. */
VipsImage *picture_shrink(const struct picture_bytes *bytes, const struct picture_header *header,
                          const struct picture_box *box);

/* picture_rows_bytes - private memory that it takes to make a picture of up to width x height pixels of one with rows
 * of source_width pixels, beside whole_bytes. */
uint64_t picture_rows_bytes(int source_width, int width, int height);

/* picture_error - copies libvips' first error as one printable line and clears its buffer. Returns true if the error
 * was a lack of memory rather than something wrong with the picture. */
bool picture_error(char *to, size_t size);

#endif
