/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/picture.h - reads the bytes of a foreign picture, produces a smaller one: all that needs libvips.
 *
 * Functions that return -1 leave a sentence in libvips' error buffer; picture_error takes it out.
 */
#ifndef STAGES_RESIZE_PICTURE_H
#define STAGES_RESIZE_PICTURE_H

#include "colour.h"
#include "format.h"
#include "geometry.h"
#include "resample.h"
#include <stdint.h>

enum gravity { GRAVITY_CENTRE = 0, GRAVITY_ATTENTION, GRAVITY_ENTROPY };

/* The bytes of a picture. Borrowed; must outlive every picture made from them. */
struct picture_bytes {
	const void *data;
	size_t size;
	enum format format;
};

/* What the header says. */
struct picture_header {
	int width, height;    /* of the picture held upright                                       */
	int orientation;      /* EXIF's: how it lies in the file, 1 .. 8                           */
	uint64_t whole_bytes; /* memory that decoding takes if it cannot go by rows; else 0     */
};

/* The picture wanted. */
struct picture_wish {
	struct geometry geometry; /* upright                                                          */
	enum gravity gravity;     /* what is kept if some of it is cut off                            */
	enum kernel kernel;
	double reach;             /* decode to at least so many times the size wanted                 */
	bool opaque;              /* put on `background` where it is transparent                      */
	bool keep_profile;        /* leave RGB and grey in their own colour space                     */
	struct colour background; /* also of a border                                                 */
};

/* picture_library_open - starts libvips: no parallel work, no cache, no temporary files, only the loaders of the
 * formats in `types` (bits 1 << enum format). It has no threads yet. 0, or -1 with one line in `why`. Once per process,
 * before any other. */
int picture_library_open(unsigned types, char *why, size_t why_size);

/* picture_library_claim - lets libvips compile its first inner loop, so that it has the memory for code that it cannot
 * get later. Before the sandbox closes. 0, or -1 with one line in `why`. */
int picture_library_claim(char *why, size_t why_size);

/* picture_read_header - what the header says; no pixel is decoded. 0 or -1. */
int picture_read_header(const struct picture_bytes *bytes, struct picture_header *to);

/* picture_make - the first frame, upright, 8 bits, sRGB or grey, as wished for, in memory. The caller unrefs it; NULL
 * on error. */
VipsImage *picture_make(const struct picture_bytes *bytes, const struct picture_header *header,
                        const struct picture_wish *wish);

/* picture_memory - private memory that picture_make takes, beside whole_bytes, for a source with rows of source_width
 * pixels and a geometry of so many pixels. */
uint64_t picture_memory(int source_width, uint64_t pixels);

/* picture_error_forget - what was said so far is not why the next call fails: those that succeed say things, too. */
void picture_error_forget(void);

/* picture_error - copies libvips' first error as one printable line and forgets it. Returns true if the error was a
 * lack of memory rather than something wrong with the picture. */
bool picture_error(char *to, size_t size);

#endif
