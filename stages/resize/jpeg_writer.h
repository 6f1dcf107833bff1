/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/jpeg_writer.h - reads planes or pixels, produces a JPEG file in memory. */
#ifndef STAGES_RESIZE_JPEG_WRITER_H
#define STAGES_RESIZE_JPEG_WRITER_H

#include "metadata.h"
#include "plane.h"
#include "trap.h"

enum subsampling { SUBSAMPLING_420 = 0, SUBSAMPLING_422, SUBSAMPLING_444 };

struct jpeg_settings {
	int quality; /* 1 .. 100 */
	enum subsampling subsampling;
	bool progressive, optimise;
};

/* The file made last is `at`, `size`; valid until the next or jpeg_writer_free. All zero at the start. */
struct jpeg_writer {
	struct trap trap;
	struct jpeg_compress_struct encoder;
	struct jpeg_destination_mgr destination;
	unsigned char *at;
	size_t size, room;
};

/* jpeg_pitch - pixels that a sample of the colours spans to the right and down. */
void jpeg_pitch(enum subsampling subsampling, int *x, int *y);

/* jpeg_writer_planes - encodes a width x height picture from 1 or 3 planes, which are written to: their last columns
 * and rows are repeated up to whole blocks, for which they must have the memory: width and height rounded up to
 * JPEG_BLOCK of the first plane. 0, or -1: writer->trap says why. */
#define JPEG_BLOCK 16
int jpeg_writer_planes(struct jpeg_writer *writer, struct plane *planes, int count, const struct jpeg_settings *how,
                       const struct metadata *metadata);

/* jpeg_writer_pixels - encodes grey (1 byte a pixel) or RGB (3 bytes) pixels. 0 or -1. */
int jpeg_writer_pixels(struct jpeg_writer *writer, const struct plane *pixels, int bands,
                       const struct jpeg_settings *how, const struct metadata *metadata);

/* jpeg_writer_trim - gives the memory back if there is more of it than `keep` bytes. */
void jpeg_writer_trim(struct jpeg_writer *writer, size_t keep);

#endif
