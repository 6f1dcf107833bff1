/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/jpeg_reader.h - reads a JPEG file, produces its header and its planes: brightness and colours as they
 * are stored, scaled down while they are decoded, never made RGB.
 *
 *	open -> [layout -> decode] -> close
 *
 * It is libjpeg-turbo by its own interface: with TurboJPEG's there is no limit on what an error costs, no metadata, and
 * no sampling other than six.
 */
#ifndef STAGES_RESIZE_JPEG_READER_H
#define STAGES_RESIZE_JPEG_READER_H

#include "metadata.h"
#include "plane.h"
#include "trap.h"
#include <stdint.h>

/* A picture that comes in more parts than this is a bomb: each may cost as much as decoding all of it. */
#define JPEG_MAX_SCANS 100

struct jpeg_header {
	int width, height; /* as stored                                                               */
	int orientation;   /* 1 .. 8                                                                  */
	bool planar;       /* brightness alone, or with two colours: may be read as planes            */
	int planes;
	uint64_t whole_bytes;     /* memory for the coefficients if all come before the first row; else 0    */
	size_t metadata_bytes;    /* before the first scan                                                   */
	struct metadata metadata; /* orientation already set upright; valid until jpeg_reader_close          */
};

/* One plane as it will be decoded. */
struct jpeg_layout {
	int columns, rows;       /* of memory: whole blocks                          */
	int width, height;       /* of the picture                                   */
	double pitch_x, pitch_y; /* pixels of the stored picture that a sample spans */
};

struct jpeg_reader {
	struct trap trap;
	struct jpeg_decompress_struct decoder;
	struct jpeg_source_mgr source;
	JOCTET *profile; /* malloc'ed by libjpeg */
};

/* jpeg_reader_open - reads up to the first scan. `data` must live until jpeg_reader_close. 0, or -1: reader->trap says
 * why, and it is closed. */
int jpeg_reader_open(struct jpeg_reader *reader, const void *data, size_t size, struct jpeg_header *to);

/* jpeg_reader_layout - what its planes will be if it is decoded at eighths/8 (1, 2, 4 or 8) of its size. 0 or -1. */
int jpeg_reader_layout(struct jpeg_reader *reader, int eighths, struct jpeg_layout layout[PLANES_MAX]);

/* jpeg_reader_decode - fills planes that have the memory of the last layout. Fails as libvips does: for data that ends
 * early, and for 100 warnings about odd data, but not for fewer. 0 or -1. Once. */
int jpeg_reader_decode(struct jpeg_reader *reader, struct plane planes[PLANES_MAX]);

/* jpeg_reader_close - frees all; again: does nothing. */
void jpeg_reader_close(struct jpeg_reader *reader);

#endif
