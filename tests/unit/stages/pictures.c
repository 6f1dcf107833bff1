/* SPDX-License-Identifier: Apache-2.0 */
#include "pictures.h"
#include "harness.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <zlib.h>

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

/* ---- JPEGs as few write them */

static void write_exif(struct jpeg_compress_struct *encoder, int orientation)
{
	unsigned char exif[] = "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0?\0\0\0\0\0\0";
	exif[25] = (unsigned char)orientation;
	jpeg_write_marker(encoder, JPEG_APP0 + 1, exif, sizeof(exif) - 1);
}

static void write_profile(struct jpeg_compress_struct *encoder, const char *name)
{
	VipsBlob *profile = NULL;
	size_t size;
	need(vips_profile_load(name, &profile, NULL), "profile");
	const void *at = vips_blob_get(profile, &size);
	jpeg_write_icc_profile(encoder, at, (unsigned)size);
	vips_area_unref(VIPS_AREA(profile));
}

static void set_up(struct jpeg_compress_struct *encoder, const struct picture_jpeg *how)
{
	jpeg_set_defaults(encoder);
	if (how->rgb)
		jpeg_set_colorspace(encoder, JCS_RGB);
	jpeg_set_quality(encoder, how->quality ? how->quality : 90, TRUE);
	encoder->arith_code = how->arithmetic;
	if (how->progressive)
		jpeg_simple_progression(encoder);
	encoder->comp_info[0].h_samp_factor = how->across ? how->across : 1;
	encoder->comp_info[0].v_samp_factor = how->down ? how->down : 1;
}

struct picture picture_jpeg(VipsImage *lazy, const struct picture_jpeg *how)
{
	VipsImage *image = vips_image_copy_memory(lazy);
	need(!image, "copy");
	g_object_unref(lazy);
	static const jpeg_scan_info separate[] = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
	struct jpeg_compress_struct encoder;
	struct jpeg_error_mgr errors;
	unsigned char *bytes = NULL;
	unsigned long size = 0;
	encoder.err = jpeg_std_error(&errors);
	jpeg_create_compress(&encoder);
	jpeg_mem_dest(&encoder, &bytes, &size);
	encoder.image_width = (unsigned)image->Xsize;
	encoder.image_height = (unsigned)image->Ysize;
	encoder.input_components = image->Bands;
	encoder.in_color_space = image->Bands == 1 ? JCS_GRAYSCALE : JCS_RGB;
	set_up(&encoder, how);
	if (how->separate) {
		encoder.scan_info = separate;
		encoder.num_scans = 3;
	}
	jpeg_start_compress(&encoder, TRUE);
	if (how->orientation)
		write_exif(&encoder, how->orientation);
	if (how->profile)
		write_profile(&encoder, how->profile);
	while (encoder.next_scanline < encoder.image_height) {
		JSAMPROW row = VIPS_IMAGE_ADDR(image, 0, (int)encoder.next_scanline);
		jpeg_write_scanlines(&encoder, &row, 1);
	}
	jpeg_finish_compress(&encoder);
	jpeg_destroy_compress(&encoder);
	g_object_unref(image);
	struct picture picture = {g_memdup2(bytes, size), size};
	free(bytes);
	return picture;
}

struct picture picture_repeat_scan(struct picture jpeg, int times)
{
	const unsigned char *from = jpeg.data, *scan = NULL;
	size_t body = jpeg.size - 2; /* all but the end marker */
	for (size_t i = 0; i + 1 < body; i++)
		if (from[i] == 0xff && from[i + 1] == 0xda)
			scan = from + i;
	if (!scan)
		fail_msg("no scan");
	size_t length = (size_t)(from + body - scan);
	unsigned char *bytes = g_malloc(jpeg.size + (size_t)times * length), *to = bytes;
	memcpy(to, from, body);
	to += body;
	for (int i = 0; i < times; i++, to += length)
		memcpy(to, scan, length);
	memcpy(to, "\xff\xd9", 2);
	g_free(jpeg.data);
	return (struct picture){bytes, (size_t)(to - bytes) + 2};
}

struct picture picture_png_bomb(const char *chunk, size_t unpacked)
{
	struct picture plain = picture_save(picture_detailed(16, 16, 3), ".png[strip]");
	bool international = strcmp(chunk, "iTXt") == 0;
	const char *head = international ? "bomb\0\x01\0\0" : "bomb\0";
	size_t head_size = international ? 9 : 6, before = 8 + 25; /* the magic and the first chunk */
	uLongf packed = compressBound(unpacked);
	unsigned char *zeroes = calloc(1, unpacked), *data = malloc(head_size + packed);
	unsigned char *bytes = g_malloc(plain.size + head_size + packed + 12);
	assert_true(zeroes && data);
	memcpy(data, head, head_size);
	data[head_size - 1] = 0;
	assert_int_equal(compress2(data + head_size, &packed, zeroes, unpacked, 9), Z_OK);
	memcpy(bytes, plain.data, before);
	unsigned char *end = put_chunk(bytes + before, chunk, data, head_size + packed);
	memcpy(end, (unsigned char *)plain.data + before, plain.size - before);
	struct picture picture = {bytes, (size_t)(end - bytes) + plain.size - before};
	g_free(plain.data);
	free(zeroes);
	free(data);
	return picture;
}

/* ---- measuring */

static VipsImage *brightness(VipsImage *image)
{
	static double weights[] = {0.299, 0.587, 0.114};
	VipsImage *grey = NULL, *row = NULL;
	if (image->Bands < 3) {
		g_object_ref(image);
		return image;
	}
	row = vips_image_new_matrix_from_array(3, 1, weights, 3);
	need(!row || vips_recomb(image, &grey, row, NULL), "recomb");
	g_object_unref(row);
	return grey;
}

double picture_distance(VipsImage *a, VipsImage *b)
{
	VipsImage *grey[2] = {brightness(a), brightness(b)}, *difference = NULL, *square = NULL;
	double mean = 0;
	assert_int_equal(a->Xsize, b->Xsize);
	assert_int_equal(a->Ysize, b->Ysize);
	need(vips_subtract(grey[0], grey[1], &difference, NULL) ||
	         vips_multiply(difference, difference, &square, NULL) || vips_avg(square, &mean, NULL),
	     "difference");
	for (int i = 0; i < 2; i++)
		g_object_unref(grey[i]);
	g_object_unref(difference);
	g_object_unref(square);
	return 10 * log10(255.0 * 255.0 / fmax(mean, 1e-6));
}
