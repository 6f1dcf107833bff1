/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/stages/pictures.h - reads a description, produces the bytes of a picture to test with.
 *
 * Every function fails the test if it cannot do its work. Bytes belong to the test's process.
 */
#ifndef TESTS_UNIT_STAGES_PICTURES_H
#define TESTS_UNIT_STAGES_PICTURES_H

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

/* picture_load - decodes what a stage made. */
VipsImage *picture_load(const void *data, size_t size);

/* picture_pixel - band `band` at (x, y). */
double picture_pixel(VipsImage *image, int x, int y, int band);

/* picture_png_header - the first chunk of a PNG file of this size, and a little of nothing as its pixels. */
struct picture picture_png_header(uint32_t width, uint32_t height);

/* picture_photo - a JPEG of a camera's size with detail everywhere. */
struct picture picture_photo(void);

#endif
