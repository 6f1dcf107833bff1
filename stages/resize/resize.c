/* SPDX-License-Identifier: Apache-2.0 */
/* resize - transform: foreign pictures in, smaller upright sRGB pictures out.
 *
 * The input is hostile until proven otherwise: magic bytes decide what it is, the header is checked against the limits
 * before a pixel is decoded, and what cannot fit into the worker's memory is refused. The same input gives the same
 * bytes in every process.
 *
 * Fields set: width, height, content_type (of the result), source_width, source_height (upright), source_format.
 */
#include "format.h"
#include "headroom.h"
#include "picture.h"
#include <errno.h>
#include <inttypes.h>
#include <kakehi/stage.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A worker's heap is declared for photos of this width, and with this much for pictures that have to be decoded as a
 * whole: progressive JPEGs of 24 Mpx, WebPs of 18, GIFs of 9. Larger ones are refused until the config gives more heap.
 */
#define TYPICAL_WIDTH 8192
#define WHOLE_BYTES   (72ULL << 20)

enum output { OUTPUT_JPEG = 0, OUTPUT_PNG, OUTPUT_WEBP, OUTPUT_KEEP };
enum metadata { METADATA_STRIP = 0, METADATA_KEEP };

static const char *const fit_words[] = {[FIT_INSIDE] = "inside", [FIT_COVER] = "cover", [FIT_FILL] = "fill", NULL};
static const char *const output_words[] = {
    [OUTPUT_JPEG] = "jpeg", [OUTPUT_PNG] = "png", [OUTPUT_WEBP] = "webp", [OUTPUT_KEEP] = "keep", NULL};
static const char *const metadata_words[] = {[METADATA_STRIP] = "strip", [METADATA_KEEP] = "keep", NULL};

static const enum format output_formats[] = {
    [OUTPUT_JPEG] = FORMAT_JPEG, [OUTPUT_PNG] = FORMAT_PNG, [OUTPUT_WEBP] = FORMAT_WEBP};

struct resize_options {
	int64_t width, height, quality, max_pixels, max_side;
	uint64_t max_output;
	const char *background;
	int fit, output, metadata;
	bool enlarge;
};

struct resize {
	double background[3];
	int statm;
};

#define AT(field) offsetof(struct resize_options, field)
static const struct kk_option rows[] = {
    {.name = "width",
     .type = KK_OPTION_INT,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(width),
     .def = "256",
     .min = 1,
     .max = 16384,
     .unit = "pixels",
     .text = "Width of the box that the picture is fitted to."},
    {.name = "height",
     .type = KK_OPTION_INT,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(height),
     .def = "256",
     .min = 1,
     .max = 16384,
     .unit = "pixels",
     .text = "Height of the box that the picture is fitted to."},
    {.name = "fit",
     .type = KK_OPTION_ENUM,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(fit),
     .def = "inside",
     .words = fit_words,
     .text = "inside: the whole picture in the box; cover: the box full, the rest cut off evenly; fill: stretched."},
    {.name = "enlarge",
     .type = KK_OPTION_BOOL,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(enlarge),
     .def = "false",
     .text = "Scale pictures up that are smaller than the box."},
    {.name = "format",
     .type = KK_OPTION_ENUM,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(output),
     .def = "jpeg",
     .words = output_words,
     .text = "Format of the result; keep: that of the source (png for a gif)."},
    {.name = "quality",
     .type = KK_OPTION_INT,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(quality),
     .def = "90",
     .min = 1,
     .max = 100,
     .text = "Quality of jpeg and webp results."},
    {.name = "metadata",
     .type = KK_OPTION_ENUM,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(metadata),
     .def = "strip",
     .words = metadata_words,
     .text = "What becomes of EXIF, XMP and the like (place and camera are in there)."},
    {.name = "background",
     .type = KK_OPTION_STRING,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(background),
     .def = "#ffffff",
     .text = "Colour behind transparent parts when the result has none, as #rrggbb."},
    {.name = "max_pixels",
     .type = KK_OPTION_INT,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(max_pixels),
     .def = "50000000",
     .min = 1,
     .max = 4294967296.0,
     .unit = "pixels",
     .text = "Refuse pictures with more pixels than this, by their header."},
    {.name = "max_side",
     .type = KK_OPTION_INT,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(max_side),
     .def = "32768",
     .min = 1,
     .max = 65535,
     .unit = "pixels",
     .text = "Refuse pictures wider or higher than this, by their header."},
    {.name = "max_output",
     .type = KK_OPTION_SIZE,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(max_output),
     .def = "16MiB",
     .min = 1024,
     .max = 1073741824.0,
     .unit = "bytes",
     .text = "Fail pictures whose result would be larger than this."},
    {0},
};
#undef AT

/* parse_colour - "#rrggbb" to three numbers 0 .. 255. 0, or -1: not of that form. */
static int parse_colour(const char *text, double to[3])
{
	if (text[0] != '#' || strlen(text) != 7 || strspn(text + 1, "0123456789abcdefABCDEF") != 6)
		return -1;
	unsigned long value = strtoul(text + 1, NULL, 16);
	for (int i = 0; i < 3; i++)
		to[i] = (double)(value >> (16 - 8 * i) & 0xff);
	return 0;
}

/* largest_output - what a result can take at most: twice its pixels as RGBA, unless foreign metadata stays. */
static uint64_t largest_output(const struct resize_options *o)
{
	uint64_t pixels = (uint64_t)o->width * (uint64_t)o->height * 8 + (64 << 10);
	return o->metadata == METADATA_STRIP && pixels < o->max_output ? pixels : o->max_output;
}

static uint64_t heap_bytes(const struct resize_options *o)
{
	uint64_t whole = (uint64_t)o->max_pixels * 8;
	return picture_rows_bytes(TYPICAL_WIDTH, (int)o->width, (int)o->height) +
	       (whole < WHOLE_BYTES ? whole : WHOLE_BYTES);
}

static int resize_plan(const void *options, struct kk_demand *demand, char *why, size_t why_size)
{
	const struct resize_options *o = options;
	double colour[3];
	if (parse_colour(o->background, colour) != 0) {
		snprintf(why, why_size, "background is \"%.40s\", expected a colour such as #ffffff", o->background);
		return -1;
	}
	if (o->output == OUTPUT_WEBP && (o->width > 16383 || o->height > 16383)) {
		snprintf(why, why_size, "webp holds at most 16383 pixels a side");
		return -1;
	}
	demand->largest = largest_output(o);
	demand->heap = heap_bytes(o);
	return 0;
}

static int resize_prepare(struct kk_context *context)
{
	const struct resize_options *o = context->options;
	char text[200];
	struct resize *r = malloc(sizeof(*r));
	if (!r) {
		kk_log(context, KK_LOG_ERROR, "out of memory");
		return -1;
	}
	r->statm = headroom_open();
	if (r->statm < 0)
		kk_log(context, KK_LOG_WARNING, "cannot see how much memory is left: %s", strerror(errno));
	context->state = r;
	if (parse_colour(o->background, r->background) != 0) {
		kk_log(context, KK_LOG_ERROR, "background is not a colour");
		return -1;
	}
	if (picture_library_open(text, sizeof(text)) != 0) {
		kk_log(context, KK_LOG_ERROR, "libvips does not start: %s", text);
		return -1;
	}
	return 0;
}

static int resize_open(struct kk_context *context)
{
	char text[200];
	if (picture_library_rehearse(text, sizeof(text)) != 0) {
		kk_log(context, KK_LOG_ERROR, "libvips does not work: %s", text);
		return -1;
	}
	return 0;
}

static enum kk_verdict refuse_unknown(struct kk_item *item)
{
	const unsigned char *data = item->data;
	char start[9] = "";
	size_t length = 0;
	for (; length < sizeof(start) - 1 && length < item->size; length++)
		start[length] = data[length] >= ' ' && data[length] < 0x7f ? (char)data[length] : '.';
	start[length] = '\0';
	if (item->size == 0)
		return kk_fail(item, KK_FAIL_NOT_AN_IMAGE, "empty");
	return kk_fail(item, KK_FAIL_NOT_AN_IMAGE, "not a JPEG, PNG, WebP or GIF picture: starts with \"%s\"", start);
}

static enum kk_verdict fail_with_library_error(struct kk_item *item, const char *doing)
{
	char text[200];
	enum kk_fail_class class = picture_error(text, sizeof(text)) ? KK_FAIL_MEMORY : KK_FAIL_NOT_AN_IMAGE;
	return kk_fail(item, class, "%s: %s", doing, text);
}

/* check_limits - may a picture with this header be decoded here? */
static enum kk_verdict check_limits(struct kk_item *item, const struct picture_header *header)
{
	const struct resize_options *o = item->context->options;
	const struct resize *r = item->context->state;
	uint64_t pixels = (uint64_t)header->width * (uint64_t)header->height;
	if (header->width > o->max_side || header->height > o->max_side)
		return kk_fail(item, KK_FAIL_TOO_LARGE, "%dx%d pixels, a side may have %" PRId64, header->width,
		               header->height, o->max_side);
	if (pixels > (uint64_t)o->max_pixels)
		return kk_fail(item, KK_FAIL_TOO_LARGE, "%dx%d pixels are %" PRIu64 ", max_pixels is %" PRId64,
		               header->width, header->height, pixels, o->max_pixels);
	uint64_t need = header->whole_bytes + picture_rows_bytes(header->width, (int)o->width, (int)o->height);
	uint64_t headroom = headroom_bytes(r->statm);
	if (need > headroom)
		return kk_fail(item, KK_FAIL_MEMORY,
		               "needs up to %" PRIu64 " MiB, this worker has %" PRIu64
		               " MiB left: give the stage more heap",
		               need >> 20, headroom >> 20);
	return KK_PASS;
}

static int set_number(struct kk_item *item, const char *name, int value)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", value);
	return kk_set_field(item, name, text);
}

static int set_fields(struct kk_item *item, VipsImage *image, const struct picture_header *header, enum format from,
                      enum format to)
{
	if (set_number(item, "width", image->Xsize) != 0 || set_number(item, "height", image->Ysize) != 0 ||
	    set_number(item, "source_width", header->width) != 0 ||
	    set_number(item, "source_height", header->height) != 0 ||
	    kk_set_field(item, "source_format", format_row(from)->name) != 0 ||
	    kk_set_field(item, "content_type", format_row(to)->content_type) != 0)
		return -1;
	return 0;
}

/* hand_over - copies the encoded picture into the item's own memory. */
static enum kk_verdict hand_over(struct kk_item *item, const void *bytes, size_t size)
{
	uint64_t largest = largest_output(item->context->options);
	if (size > largest)
		return kk_fail(item, KK_FAIL_TOO_LARGE, "the result has %zu bytes, at most %" PRIu64 " may leave", size,
		               largest);
	void *room = kk_reserve(item, size);
	if (!room)
		return kk_fail(item, KK_FAIL_MEMORY, "no room for the result: %s", strerror(errno));
	memcpy(room, bytes, size);
	if (kk_commit(item, size) != 0)
		return kk_fail(item, KK_FAIL_MEMORY, "the result was not accepted");
	return KK_PASS;
}

/* target_format - what the result will be: as configured, or like the source where that can be written. */
static enum format target_format(const struct resize_options *o, enum format from)
{
	if (o->output != OUTPUT_KEEP)
		return output_formats[o->output];
	return format_row(from)->encode ? from : FORMAT_PNG;
}

static enum kk_verdict shrink(struct kk_item *item, const struct picture_bytes *bytes,
                              const struct picture_header *header)
{
	const struct resize_options *o = item->context->options;
	const struct resize *r = item->context->state;
	enum format to = target_format(o, bytes->format);
	const struct encoding how = {.quality = (int)o->quality, .keep_metadata = o->metadata == METADATA_KEEP};
	struct picture_box box = {.width = (int)o->width,
	                          .height = (int)o->height,
	                          .fit = (enum fit)o->fit,
	                          .enlarge = o->enlarge,
	                          .opaque = !format_row(to)->alpha};
	memcpy(box.background, r->background, sizeof(box.background));

	void *encoded = NULL;
	size_t size = 0;
	enum kk_verdict verdict;
	VipsImage *image = picture_shrink(bytes, header, &box);
	if (!image) {
		verdict = fail_with_library_error(item, "cannot decode");
	} else if (image->Xsize > format_row(to)->max_side || image->Ysize > format_row(to)->max_side) {
		verdict = kk_fail(item, KK_FAIL_TOO_LARGE, "%dx%d pixels do not fit into a %s", image->Xsize,
		                  image->Ysize, format_row(to)->name);
	} else if (format_row(to)->encode(image, &how, &encoded, &size) != 0) {
		verdict = fail_with_library_error(item, "cannot decode or encode");
	} else {
		verdict = hand_over(item, encoded, size);
		if (verdict == KK_PASS && set_fields(item, image, header, bytes->format, to) != 0)
			verdict = kk_fail(item, KK_FAIL_MEMORY, "no room for the fields");
	}
	g_free(encoded);
	g_clear_object(&image);
	vips_error_clear(); /* warnings land there too */
	return verdict;
}

static enum kk_verdict resize_process(struct kk_context *context, struct kk_item *item)
{
	(void)context;
	struct picture_bytes bytes = {
	    .data = item->data, .size = item->size, .format = format_sniff(item->data, item->size)};
	struct picture_header header;
	if (bytes.format == FORMAT_NONE)
		return refuse_unknown(item);
	if (picture_read_header(&bytes, &header) != 0)
		return fail_with_library_error(item, "cannot read the header");
	enum kk_verdict verdict = check_limits(item, &header);
	return verdict == KK_PASS ? shrink(item, &bytes, &header) : verdict;
}

static void resize_close(struct kk_context *context)
{
	struct resize *r = context->state;
	if (!r)
		return;
	if (r->statm >= 0)
		close(r->statm);
	free(r);
	context->state = NULL;
	/* libvips is left as it is: it cannot be started again, and the process ends next. */
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "resize",
    .text = "Makes small upright sRGB pictures of JPEG, PNG, WebP and GIF pictures.",
    .options = rows,
    .options_size = sizeof(struct resize_options),
    .plan = resize_plan,
    .prepare = resize_prepare,
    .open = resize_open,
    .process = resize_process,
    .close = resize_close,
};
