/* SPDX-License-Identifier: Apache-2.0 */
#include "picture.h"
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What the pipeline takes beside pictures that a decoder keeps whole: measured with photos of 2 to 50 Mpx and boxes of
 * 256 to 1024 pixels, rounded up. */
#define BASE_BYTES             (6ULL << 20)
#define BYTES_PER_COLUMN       512
#define BYTES_PER_OUTPUT_PIXEL 16

#define MMAP_BYTES  (256 << 10)
#define STACK_BYTES (2 << 20)

/* Warnings about odd metadata are no concern of anybody's; GLib would print them. */
static void swallow(const char *domain, GLogLevelFlags level, const char *text, void *user)
{
	(void)domain, (void)level, (void)text, (void)user;
}

static void allow_only_our_loaders(void)
{
	vips_block_untrusted_set(TRUE);
	vips_operation_block_set("VipsForeignLoad", TRUE);
	for (enum format format = FORMAT_NONE + 1; format < FORMAT_COUNT; format++)
		vips_operation_block_set(format_row(format)->loader, FALSE);
}

/* rehearse - encodes, reads and shrinks a small picture in one format. 0 or -1. */
static int rehearse(enum format format)
{
	const struct encoding how = {.quality = 90};
	const struct picture_box box = {.width = 16, .height = 16, .opaque = true};
	VipsImage *blank = NULL, *small = NULL;
	void *large_bytes = NULL, *small_bytes = NULL;
	struct picture_bytes bytes = {.format = format};
	struct picture_header header;
	size_t size;

	int result = -1;
	if (vips_black(&blank, 96, 64, "bands", 3, NULL) != 0 ||
	    format_row(format)->encode(blank, &how, &large_bytes, &bytes.size) != 0)
		goto out;
	bytes.data = large_bytes;
	if (picture_read_header(&bytes, &header) != 0)
		goto out;
	small = picture_shrink(&bytes, &header, &box);
	if (small && format_row(format)->encode(small, &how, &small_bytes, &size) == 0)
		result = 0;
out:
	g_clear_object(&small);
	g_clear_object(&blank);
	g_free(small_bytes);
	g_free(large_bytes);
	return result;
}

/* keep_memory_flat - one heap, from which large buffers stay out, and small stacks for the helper threads: else what a
 * process holds depends on the pictures it has seen, and a limit on it would have to be wide. If the C library declines
 * (a debugging malloc does) the results are the same. */
static void keep_memory_flat(void)
{
	pthread_attr_t attributes;
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
	if (pthread_attr_init(&attributes) != 0)
		return;
	if (pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0)
		(void)pthread_setattr_default_np(&attributes);
	pthread_attr_destroy(&attributes);
}

/* set_up - how libvips is to behave. */
static void set_up(void)
{
	vips_leak_set(FALSE);
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	allow_only_our_loaders();
}

/* claim_code_memory - libvips compiles its inner loops as it goes. Memory for that comes from a short-lived file, of
 * which one mapping is written and another executed; where no file can be made it would be memory that is both. So the
 * first program is compiled now. No pixel is made of it, hence no thread started. 0 or -1. */
static int claim_code_memory(void)
{
	VipsImage *blank = NULL, *reduced = NULL;
	int result = -1;
	if (vips_black(&blank, 64, 64, "bands", 3, NULL) == 0 && vips_reducev(blank, &reduced, 2.5, NULL) == 0)
		result = 0;
	g_clear_object(&reduced);
	g_clear_object(&blank);
	return result;
}

int picture_library_open(char *why, size_t why_size)
{
	keep_memory_flat();
	g_log_set_default_handler(swallow, NULL);
	/* libvips looks for its plug-ins (ImageMagick, poppler, ...) under this place; they would only be weight. */
	if (setenv("VIPSHOME", "/nonexistent", 1) != 0 || setenv("VIPS_DISC_THRESHOLD", "1000000m", 1) != 0) {
		g_snprintf(why, why_size, "out of memory");
		return -1;
	}
	int result = vips_init("kakehi");
	if (result == 0) {
		set_up();
		result = claim_code_memory();
	}
	if (result != 0)
		picture_error(why, why_size);
	return result;
}

int picture_library_rehearse(char *why, size_t why_size)
{
	int result = 0;
	for (enum format format = FORMAT_NONE + 1; result == 0 && format < FORMAT_COUNT; format++)
		if (format_row(format)->encode)
			result = rehearse(format);
	if (result != 0)
		picture_error(why, why_size);
	return result;
}

static int image_int(VipsImage *image, const char *name, int otherwise)
{
	int value;
	return vips_image_get_typeof(image, name) && vips_image_get_int(image, name, &value) == 0 ? value : otherwise;
}

/* is_subsampled - has this JPEG colour at a lower resolution, as cameras write it? */
static bool is_subsampled(VipsImage *image)
{
	const char *text;
	return vips_image_get_typeof(image, "jpeg-chroma-subsample") &&
	       vips_image_get_string(image, "jpeg-chroma-subsample", &text) == 0 && strcmp(text, "4:2:0") == 0;
}

/* whole_bytes - what a decoder takes that has to keep the whole picture; 0: this one works by rows. */
static uint64_t whole_bytes(VipsImage *image, enum format format)
{
	uint64_t pixels = (uint64_t)image->Xsize * (uint64_t)image->Ysize;
	bool interlaced = image_int(image, "interlaced", 0) != 0;
	if (format == FORMAT_GIF || (format == FORMAT_WEBP && image_int(image, VIPS_META_N_PAGES, 1) > 1))
		return pixels * 8; /* the frame, and the canvas it is painted on */
	if (format == FORMAT_WEBP)
		return pixels * 4;
	if (!interlaced)
		return 0;
	if (format == FORMAT_JPEG) /* every coefficient, 16 bit each */
		return is_subsampled(image) ? pixels * 3 : pixels * 2 * (uint64_t)image->Bands;
	return pixels * VIPS_IMAGE_SIZEOF_PEL(image);
}

int picture_read_header(const struct picture_bytes *bytes, struct picture_header *to)
{
	VipsImage *image = NULL;
	if (format_row(bytes->format)
	        ->load((void *)bytes->data, bytes->size, &image, "access", VIPS_ACCESS_SEQUENTIAL, NULL) != 0)
		return -1;
	bool sideways = image_int(image, VIPS_META_ORIENTATION, 1) >= 5;
	*to = (struct picture_header){
	    .width = sideways ? image->Ysize : image->Xsize,
	    .height = sideways ? image->Xsize : image->Ysize,
	    .whole_bytes = whole_bytes(image, bytes->format),
	    .profile = vips_image_get_typeof(image, VIPS_META_ICC_NAME) != 0,
	};
	g_object_unref(image);
	return 0;
}

/* flatten - puts a picture with transparency on the background; takes the reference over. NULL on error. */
static VipsImage *flatten(VipsImage *image, const struct picture_box *box)
{
	if (!vips_image_hasalpha(image))
		return image;
	VipsImage *colour = NULL, *flat = NULL;
	VipsArrayDouble *background = vips_array_double_new(box->background, 3);
	if (vips_colourspace(image, &colour, VIPS_INTERPRETATION_sRGB, NULL) == 0 &&
	    vips_flatten(colour, &flat, "background", background, NULL) != 0)
		flat = NULL;
	vips_area_unref(VIPS_AREA(background));
	g_clear_object(&colour);
	g_object_unref(image);
	return flat;
}

VipsImage *picture_shrink(const struct picture_bytes *bytes, const struct picture_header *header,
                          const struct picture_box *box)
{
	int width = box->enlarge ? box->width : VIPS_MIN(box->width, header->width);
	int height = box->enlarge ? box->height : VIPS_MIN(box->height, header->height);
	VipsImage *image = NULL;
	/* Without a profile there is nothing to convert from: asking for sRGB all the same would cost a detour. And
	 * vips_thumbnail_buffer drops its own fail_on: it must go to the loader as text. */
	if (vips_thumbnail_buffer((void *)bytes->data, bytes->size, &image, width, "height", height, "size",
	                          box->fit == FIT_FILL ? VIPS_SIZE_FORCE : VIPS_SIZE_BOTH, "crop",
	                          box->fit == FIT_COVER ? VIPS_INTERESTING_CENTRE : VIPS_INTERESTING_NONE,
	                          "option_string", "[fail_on=error]", "export_profile", header->profile ? "srgb" : NULL,
	                          NULL) != 0)
		return NULL;
	return box->opaque ? flatten(image, box) : image;
}

uint64_t picture_rows_bytes(int source_width, int width, int height)
{
	return BASE_BYTES + (uint64_t)source_width * BYTES_PER_COLUMN +
	       (uint64_t)width * (uint64_t)height * BYTES_PER_OUTPUT_PIXEL;
}

bool picture_error(char *to, size_t size)
{
	const char *from = vips_error_buffer();
	bool memory = strstr(from, "out of memory") != NULL;
	size_t length = 0;
	for (; length + 1 < size && from[length] && from[length] != '\n'; length++)
		to[length] = from[length] >= ' ' && from[length] < 0x7f ? from[length] : '?';
	to[length] = '\0';
	vips_error_clear();
	return memory;
}
