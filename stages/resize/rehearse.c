/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearse.h"
#include "picture.h"

#define WIDTH  96
#define HEIGHT 64

static const struct picture_wish wish = {
    .geometry = {.width = 16, .height = 12, .full_w = 16, .full_h = 12, .shown_w = 16, .shown_h = 12},
    .kernel = KERNEL_LANCZOS3,
    .reach = 2,
    .opaque = true};

/* shrink - reads the file that was made of the blank picture, and writes a smaller one. 0 or -1. */
static int shrink(const struct picture_bytes *bytes, const struct save_settings *how, struct jpeg_writer *writer,
                  char *why, size_t why_size)
{
	struct picture_header header;
	struct saved saved = {0};
	VipsImage *small = NULL;
	bool memory;
	int result = -1;
	if (picture_read_header(bytes, &header) != 0 || !(small = picture_make(bytes, &header, &wish)))
		picture_error(why, why_size);
	else
		result = save_picture(small, bytes->format, how, writer, &saved, &memory, why, why_size);
	g_clear_object(&small);
	g_free(saved.owned);
	return result;
}

static int rehearse_format(enum format format, const struct save_settings *how, struct jpeg_writer *writer, char *why,
                           size_t why_size)
{
	VipsImage *blank = NULL, *pixels = NULL;
	struct saved saved = {0};
	bool memory;
	int result = -1;
	if (vips_black(&blank, WIDTH, HEIGHT, "bands", 3, NULL) != 0 || !(pixels = vips_image_copy_memory(blank)))
		picture_error(why, why_size);
	else
		result = save_picture(pixels, format, how, writer, &saved, &memory, why, why_size);
	g_clear_object(&pixels);
	g_clear_object(&blank);
	if (result == 0) {
		void *copy = g_memdup2(saved.at, saved.size); /* the writer's own bytes are about to be replaced */
		const struct picture_bytes bytes = {.data = copy, .size = saved.size, .format = format};
		result = shrink(&bytes, how, writer, why, why_size);
		g_free(copy);
	}
	g_free(saved.owned);
	return result;
}

int rehearse(unsigned formats, const struct save_settings *how, struct jpeg_writer *writer, char *why, size_t why_size)
{
	int result = 0;
	for (enum format format = FORMAT_NONE + 1; result == 0 && format < FORMAT_COUNT; format++)
		if ((formats & 1U << format) && format_row(format)->written)
			result = rehearse_format(format, how, writer, why, why_size);
	return result;
}
