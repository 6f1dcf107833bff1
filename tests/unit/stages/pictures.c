/* SPDX-License-Identifier: Apache-2.0 */
#include "pictures.h"
#include "harness.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void need(int failed, const char *what)
{
	if (failed)
		fail_msg("%s: %s", what, vips_error_buffer());
}

static VipsImage *from_pixels(unsigned char *pixels, int width, int height, int bands)
{
	need(vips_init("test"), "start"); /* again: does nothing */
	VipsImage *raw = vips_image_new_from_memory_copy(pixels, (size_t)width * (size_t)height * (size_t)bands, width,
	                                                 height, bands, VIPS_FORMAT_UCHAR);
	VipsImage *image = NULL;
	need(!raw, "new image");
	need(vips_copy(raw, &image, "interpretation", bands < 3 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB,
	               NULL),
	     "copy");
	g_object_unref(raw);
	free(pixels);
	return image;
}

static unsigned char *room_for(int width, int height, int bands)
{
	unsigned char *pixels = malloc((size_t)width * (size_t)height * (size_t)bands);
	assert_non_null(pixels);
	return pixels;
}

VipsImage *picture_plain(int width, int height, int bands, const double *colour)
{
	unsigned char *pixels = room_for(width, height, bands), *to = pixels;
	for (int i = 0; i < width * height; i++)
		for (int band = 0; band < bands; band++)
			*to++ = (unsigned char)colour[band];
	return from_pixels(pixels, width, height, bands);
}

VipsImage *picture_detailed(int width, int height, int bands)
{
	unsigned char *pixels = room_for(width, height, bands), *to = pixels;
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			for (int band = 0; band < bands; band++)
				*to++ = (unsigned char)(x * 200 / width + (x * y * (band + 1) + y) % 56);
	return from_pixels(pixels, width, height, bands);
}

struct picture picture_save(VipsImage *image, const char *suffix)
{
	struct picture picture;
	need(vips_image_write_to_buffer(image, suffix, &picture.data, &picture.size, NULL), "save");
	g_object_unref(image);
	return picture;
}

VipsImage *picture_load(const void *data, size_t size)
{
	VipsImage *image = vips_image_new_from_buffer(data, size, "", NULL);
	need(!image, "load");
	return image;
}

double picture_pixel(VipsImage *image, int x, int y, int band)
{
	double *values;
	int count;
	need(vips_getpoint(image, &values, &count, x, y, NULL), "getpoint");
	assert_in_range(band, 0, count - 1);
	double value = values[band];
	g_free(values);
	return value;
}

static uint32_t crc_of(const unsigned char *at, size_t size)
{
	uint32_t crc = 0xffffffffU;
	for (; size; size--, at++) {
		crc ^= *at;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320U : crc >> 1;
	}
	return ~crc;
}

static unsigned char *put_number(unsigned char *to, uint32_t number)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		*to++ = (unsigned char)(number >> shift);
	return to;
}

static unsigned char *put_chunk(unsigned char *to, const char *type, const unsigned char *data, size_t size)
{
	unsigned char *start = put_number(to, (uint32_t)size);
	memcpy(start, type, 4);
	memcpy(start + 4, data, size);
	return put_number(start + 4 + size, crc_of(start, size + 4));
}

struct picture picture_png_header(uint32_t width, uint32_t height)
{
	static const unsigned char nothing[] = {0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01};
	unsigned char facts[13] = {[8] = 8, [9] = 2};
	unsigned char *file = malloc(128), *to = file;
	assert_non_null(file);
	put_number(put_number(facts, width), height);
	memcpy(to, "\x89PNG\r\n\x1a\n", 8);
	to = put_chunk(to + 8, "IHDR", facts, sizeof(facts));
	to = put_chunk(to, "IDAT", nothing, sizeof(nothing));
	to = put_chunk(to, "IEND", nothing, 0);
	return (struct picture){file, (size_t)(to - file)};
}

struct picture picture_photo(void)
{
	return picture_save(picture_detailed(3000, 2000, 3), ".jpg[Q=90]");
}
