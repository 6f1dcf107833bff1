/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/stages/pictures.h - reads a description, produces the bytes of a picture to test with.
 *
 * Every function fails the test if it cannot do its work. Bytes belong to the test's process.
 */
#ifndef TESTS_UNIT_STAGES_PICTURES_H
#define TESTS_UNIT_STAGES_PICTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vips/vips.h>

struct picture {
	void *data;
	size_t size;
};

/* One colour, or a smooth picture with detail in it. `bands`: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha. */
VipsImage *picture_plain(int width, int height, int bands, const double *colour);
VipsImage *picture_detailed(int width, int height, int bands);

/* picture_save - encodes by suffix and options (".jpg[Q=90,interlace]"), metadata included; unrefs the image. */
struct picture picture_save(VipsImage *image, const char *suffix);

/* How picture_jpeg is to store brightness beside colours, and the rest. */
struct picture_jpeg {
	int across, down; /* samples of brightness for one of each colour; 0: 1                */
	int quality;      /* 0: 90                                                             */
	int orientation;  /* EXIF's; 0: no EXIF                                                */
	bool progressive;
	bool arithmetic;     /* coded                                                             */
	bool rgb;            /* colours as they are, not as brightness and colours                */
	bool separate;       /* brightness and colours one after the other                        */
	const char *profile; /* ICC of this libvips name; NULL: none                           */
};

/* picture_jpeg - encodes a grey or RGB image; unrefs it. */
struct picture picture_jpeg(VipsImage *image, const struct picture_jpeg *how);

/* picture_repeat_scan - a progressive JPEG with its last scan written so many times more. Frees the one given. */
struct picture picture_repeat_scan(struct picture jpeg, int times);

/* picture_png_bomb - a PNG of 16 x 16 pixels with a chunk (iCCP, zTXt, iTXt) that unpacks to `unpacked` zeroes. */
struct picture picture_png_bomb(const char *chunk, size_t unpacked);

/* picture_distance - PSNR of brightness between two pictures of one size, dB. */
double picture_distance(VipsImage *a, VipsImage *b);

/* picture_load - decodes what a stage made. */
VipsImage *picture_load(const void *data, size_t size);

/* picture_pixel - band `band` at (x, y). */
double picture_pixel(VipsImage *image, int x, int y, int band);

/* picture_png_header - the first chunk of a PNG file of this size, and a little of nothing as its pixels. */
struct picture picture_png_header(uint32_t width, uint32_t height);

/* picture_photo - a JPEG of a camera's size with detail everywhere. */
struct picture picture_photo(void);

#endif
