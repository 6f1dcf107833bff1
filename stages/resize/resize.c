/* SPDX-License-Identifier: Apache-2.0 */
/* resize - transform: foreign pictures in, smaller upright pictures out.
 *
 * The input is hostile until proven otherwise: magic bytes decide what it is, the header is checked against the limits
 * before a pixel is decoded, and what cannot fit into the worker's memory is refused. The same input gives the same
 * bytes in every process.
 *
 * JPEGs that become JPEGs take the short way (quick.h) where it gives the picture that was asked for; all else goes
 * through libvips (picture.h). Both follow one geometry and write JPEGs by one writer.
 *
 * Fields set: width, height, format, content_type, bytes (of the result), source_width, source_height (upright),
 * source_format.
 */
#include "headroom.h"
#include "options.h"
#include "png_chunks.h"
#include "quick.h"
#include "rehearse.h"
#include "srgb.h"
#include <errno.h>
#include <inttypes.h>
#include <kakehi/stage.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A worker's heap is declared for photos of this width, and with this much for pictures that have to be decoded as a
 * whole: progressive JPEGs of 24 Mpx, WebPs of 18, GIFs of 9. Larger ones are refused until the config gives more heap.
 */
#define TYPICAL_WIDTH 8192
#define WHOLE_BYTES   (72ULL << 20)

/* libvips reads them, copies them into the picture, and each encoder again. */
#define METADATA_COPIES 3

/* Encoders' own memory, for each pixel of the result: coefficients, macroblocks, reference frames. */
#define WRITER_BYTES      8
#define AVIF_WRITER_BYTES 48
#define AVIF_BASE_BYTES   (48ULL << 20)

struct resize {
	unsigned types;
	bool quick_target; /* results are such that quick.h might make them */
	int statm;
	struct quick quick;
	struct srgb *srgb;
};

/* A picture on its way through. */
struct task {
	struct kk_item *item;
	const struct resize_options *options;
	struct resize *resize;
	struct picture_bytes bytes;
	struct picture_header header;
	struct geometry geometry;
	enum format to;
	uint64_t metadata_bytes; /* that libvips might copy */
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t heap_bytes(const struct resize_options *o)
{
	unsigned types = options_types(o), most = 0;
	uint64_t pixels = (uint64_t)o->width * (uint64_t)o->height;
	bool avif = o->output == OUTPUT_AVIF || (types & 1U << FORMAT_AVIF);
	for (enum format format = FORMAT_NONE + 1; format < FORMAT_COUNT; format++)
		if ((types & 1U << format) && format_row(format)->heap_bytes > most)
			most = format_row(format)->heap_bytes;
	uint64_t heap = picture_memory((int)smaller((uint64_t)o->max_side, TYPICAL_WIDTH), pixels) +
	                smaller((uint64_t)o->max_pixels * most, WHOLE_BYTES) + RESAMPLER_BYTES + QUICK_KEEP_BYTES;
	if (o->progressive || o->output == OUTPUT_WEBP)
		heap += pixels * WRITER_BYTES;
	return avif ? heap + AVIF_BASE_BYTES + pixels * AVIF_WRITER_BYTES : heap;
}

/* check_avif - is there an encoder? Only asked if it is needed: libvips takes a moment to start. */
static int check_avif(const struct resize_options *o, char *why, size_t why_size)
{
	if (o->output != OUTPUT_AVIF)
		return 0;
	if (picture_library_open(options_types(o) | 1U << FORMAT_AVIF, why, why_size) != 0)
		return -1;
	if (save_possible(FORMAT_AVIF))
		return 0;
	snprintf(why, why_size, "format: avif is not possible: this libvips cannot write it");
	return -1;
}

static int resize_plan(const void *options, struct kk_demand *demand, char *why, size_t why_size)
{
	static const char *const fields[] = {"width",        "height",        "bytes",         "format", "content_type",
	                                     "source_width", "source_height", "source_format", NULL};
	const struct resize_options *o = options;
	if (options_check(o, why, why_size) != 0 || check_avif(o, why, why_size) != 0)
		return -1;
	demand->fields = fields;
	demand->largest = options_largest(o);
	demand->heap = heap_bytes(o);
	return 0;
}

/* quick_possible - do the options alone allow the short way? */
static bool quick_possible(const struct resize_options *o)
{
	return options_target(o, FORMAT_JPEG) == FORMAT_JPEG && o->kernel != KERNEL_NEAREST &&
	       o->gravity == GRAVITY_CENTRE;
}

static int resize_prepare(struct kk_context *context)
{
	const struct resize_options *o = context->options;
	char text[200];
	struct resize *r = calloc(1, sizeof(*r));
	if (!r) {
		kk_log(context, KK_LOG_ERROR, "out of memory");
		return -1;
	}
	context->state = r;
	r->statm = headroom_open();
	if (r->statm < 0)
		kk_log(context, KK_LOG_WARNING, "cannot see how much memory is left: %s", strerror(errno));
	r->types = options_types(o);
	r->quick_target = quick_possible(o);
	if (picture_library_open(r->types | 1U << options_target(o, FORMAT_PNG), text, sizeof(text)) != 0 ||
	    picture_library_claim(text, sizeof(text)) != 0) {
		kk_log(context, KK_LOG_ERROR, "libvips does not start: %s", text);
		return -1;
	}
	r->quick.resampler = resampler_new((enum kernel)o->kernel);
	r->srgb = srgb_new();
	if (!r->quick.resampler || !r->srgb) {
		kk_log(context, KK_LOG_ERROR, "out of memory");
		return -1;
	}
	return 0;
}

/* rehearsed - the formats that may come, and the one that goes. */
static unsigned rehearsed(const struct resize *r, const struct resize_options *o)
{
	return r->types | 1U << options_target(o, FORMAT_PNG);
}

/* A reading that is not allowed cannot be rehearsed: what is only written was tried by `plan`. */
static int resize_open(struct kk_context *context)
{
	const struct resize_options *o = context->options;
	struct resize *r = context->state;
	const struct save_settings how = options_save(o);
	char text[200];
	if (rehearse(rehearsed(r, o) & r->types, &how, &r->quick.writer, text, sizeof(text)) != 0) {
		kk_log(context, KK_LOG_ERROR, "libvips does not work: %s", text);
		return -1;
	}
	if (options_target(o, FORMAT_PNG) == FORMAT_AVIF && !save_possible(FORMAT_AVIF)) {
		kk_log(context, KK_LOG_ERROR, "libvips cannot write avif");
		return -1;
	}
	return 0;
}

/* ---- refusals */

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
	return kk_fail(item, KK_FAIL_NOT_AN_IMAGE, "not a picture of a known format: starts with \"%s\"", start);
}

static enum kk_verdict fail_with_library_error(struct kk_item *item, const char *doing)
{
	char text[200];
	enum kk_fail_class class = picture_error(text, sizeof(text)) ? KK_FAIL_MEMORY : KK_FAIL_NOT_AN_IMAGE;
	return kk_fail(item, class, "%s: %s", doing, text);
}

static enum kk_verdict fail_with_trap(struct kk_item *item, const char *doing, const struct trap *trap)
{
	return kk_fail(item, trap->memory ? KK_FAIL_MEMORY : KK_FAIL_NOT_AN_IMAGE, "%s: %s", doing, trap->text);
}

/* check_limits - may a picture with this header be decoded at all? */
static enum kk_verdict check_limits(const struct task *t)
{
	const struct resize_options *o = t->options;
	const struct picture_header *header = &t->header;
	const struct format_row *to = format_row(t->to);
	uint64_t pixels = (uint64_t)header->width * (uint64_t)header->height;
	uint64_t made = geometry_pixels(&t->geometry), largest = (uint64_t)o->width * (uint64_t)o->height;
	if (header->width > o->max_side || header->height > o->max_side)
		return kk_fail(t->item, KK_FAIL_TOO_LARGE, "%dx%d pixels, a side may have %" PRId64, header->width,
		               header->height, o->max_side);
	if (pixels > (uint64_t)o->max_pixels)
		return kk_fail(t->item, KK_FAIL_TOO_LARGE, "%dx%d pixels are %" PRIu64 ", max_pixels is %" PRId64,
		               header->width, header->height, pixels, o->max_pixels);
	if (made > (uint64_t)o->max_pixels && made > largest)
		return kk_fail(t->item, KK_FAIL_TOO_LARGE,
		               "%dx%d pixels would become %dx%d on the way, max_pixels is %" PRId64, header->width,
		               header->height, t->geometry.full_w, t->geometry.full_h, o->max_pixels);
	if (t->geometry.width > to->max_side || t->geometry.height > to->max_side)
		return kk_fail(t->item, KK_FAIL_TOO_LARGE, "%dx%d pixels do not fit into a %s", t->geometry.width,
		               t->geometry.height, to->name);
	return KK_PASS;
}

/* has_memory - could this worker take so much more? Memory that the C library only keeps is given back first. */
static bool has_memory(const struct resize *r, uint64_t bytes, uint64_t *headroom)
{
	*headroom = headroom_bytes(r->statm);
	if (bytes <= *headroom)
		return true;
	malloc_trim(0);
	*headroom = headroom_bytes(r->statm);
	return bytes <= *headroom;
}

static enum kk_verdict check_memory(const struct task *t)
{
	const struct picture_header *header = &t->header;
	int row = header->width > header->height ? header->width : header->height;
	uint64_t headroom, need = header->whole_bytes + METADATA_COPIES * t->metadata_bytes +
	                          picture_memory(row, geometry_pixels(&t->geometry));
	if (has_memory(t->resize, need, &headroom))
		return KK_PASS;
	return kk_fail(t->item, KK_FAIL_MEMORY,
	               "needs up to %" PRIu64 " MiB, this worker has %" PRIu64 " MiB left: give the stage more heap",
	               need >> 20, headroom >> 20);
}

/* ---- results */

static int set_number(struct kk_item *item, const char *name, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%" PRIu64, value);
	return kk_set_field(item, name, text);
}

static int set_fields(const struct task *t, size_t size)
{
	const struct format_row *from = format_row(t->bytes.format), *to = format_row(t->to);
	if (set_number(t->item, "width", (uint64_t)t->geometry.width) != 0 ||
	    set_number(t->item, "height", (uint64_t)t->geometry.height) != 0 ||
	    set_number(t->item, "bytes", size) != 0 || kk_set_field(t->item, "format", to->name) != 0 ||
	    kk_set_field(t->item, "content_type", to->content_type) != 0 ||
	    set_number(t->item, "source_width", (uint64_t)t->header.width) != 0 ||
	    set_number(t->item, "source_height", (uint64_t)t->header.height) != 0 ||
	    kk_set_field(t->item, "source_format", from->name) != 0)
		return -1;
	return 0;
}

/* hand_over - copies the encoded picture into the item's own memory. */
static enum kk_verdict hand_over(const struct task *t, const void *bytes, size_t size)
{
	uint64_t largest = options_largest(t->options);
	if (size > largest)
		return kk_fail(t->item, KK_FAIL_TOO_LARGE, "the result has %zu bytes, at most %" PRIu64 " may leave",
		               size, largest);
	void *room = kk_reserve(t->item, size);
	if (!room)
		return kk_fail(t->item, KK_FAIL_MEMORY, "no room for the result: %s", strerror(errno));
	memcpy(room, bytes, size);
	if (kk_commit(t->item, size) != 0)
		return kk_fail(t->item, KK_FAIL_MEMORY, "the result was not accepted");
	if (set_fields(t, size) != 0)
		return kk_fail(t->item, KK_FAIL_MEMORY, "no room for the fields");
	return KK_PASS;
}

/* ---- the long way */

static enum kk_verdict save(const struct task *t, VipsImage *image)
{
	const struct save_settings how = options_save(t->options);
	struct saved saved;
	char text[200];
	bool memory;
	enum kk_verdict verdict;
	if (save_picture(image, t->to, &how, &t->resize->quick.writer, &saved, &memory, text, sizeof(text)) == 0)
		verdict = hand_over(t, saved.at, saved.size);
	else
		verdict = kk_fail(t->item, memory ? KK_FAIL_MEMORY : KK_FAIL_OTHER, "cannot encode: %s", text);
	g_free(saved.owned);
	return verdict;
}

static enum kk_verdict go_long(const struct task *t)
{
	const struct resize_options *o = t->options;
	const struct picture_wish wish = {.geometry = t->geometry,
	                                  .gravity = (enum gravity)o->gravity,
	                                  .kernel = (enum kernel)o->kernel,
	                                  .reach = options_reach(o),
	                                  .opaque = !format_row(t->to)->alpha,
	                                  .keep_profile = o->profile != 0,
	                                  .background = options_colour(o)};
	enum kk_verdict verdict = check_memory(t);
	if (verdict != KK_PASS)
		return verdict;
	VipsImage *image = picture_make(&t->bytes, &t->header, &wish);
	verdict = image ? save(t, image) : fail_with_library_error(t->item, "cannot decode");
	g_clear_object(&image);
	return verdict;
}

/* ---- the short way */

/* quick_colours - are its colours those that the result is to have? */
static bool quick_colours(const struct task *t, const struct jpeg_header *header)
{
	const struct blob *profile = &header->metadata.profile;
	if (!header->planar)
		return false;
	if (profile->size == 0 || t->options->profile != 0)
		return true;
	return header->planes == 3 && srgb_same(t->resize->srgb, profile);
}

static struct quick_wish quick_wish_of(const struct task *t, const struct jpeg_header *header)
{
	const struct save_settings how = options_save(t->options);
	struct quick_wish wish = {.geometry = t->geometry,
	                          .reach = options_reach(t->options),
	                          .border = options_colour(t->options),
	                          .settings = how.jpeg};
	if (how.keep_metadata)
		wish.metadata = header->metadata;
	wish.metadata.profile = how.keep_profile ? header->metadata.profile : (struct blob){0};
	return wish;
}

/* go_short - KK_PENDING: it did not, the long way is still open. */
static enum kk_verdict go_short(const struct task *t, struct jpeg_reader *reader, const struct jpeg_header *header)
{
	struct quick *quick = &t->resize->quick;
	struct quick_wish wish = quick_wish_of(t, header);
	uint64_t headroom, need = quick_memory(reader, header, &wish);
	if (need == 0 || !has_memory(t->resize, need, &headroom))
		return KK_PENDING;
	switch (quick_make(quick, reader, header, &wish)) {
	case QUICK_MADE:
		return hand_over(t, quick->writer.at, quick->writer.size);
	case QUICK_BAD:
		return fail_with_trap(t->item, "cannot decode", &reader->trap);
	case QUICK_FAILED:
		return fail_with_trap(t->item, "cannot encode", &quick->writer.trap);
	case QUICK_DECLINED:
		break;
	}
	return KK_PENDING;
}

/* ---- all of it */

/* plan_task - what is to be made, now that the header is known. */
static enum kk_verdict plan_task(struct task *t)
{
	const struct box box = options_box(t->options);
	t->geometry = geometry_of(t->header.width, t->header.height, &box);
	return check_limits(t);
}

static enum kk_verdict take_jpeg(struct task *t)
{
	struct jpeg_reader reader;
	struct jpeg_header header;
	if (jpeg_reader_open(&reader, t->bytes.data, t->bytes.size, &header) != 0)
		return fail_with_trap(t->item, "cannot read the header", &reader.trap);
	bool turned = plane_turn_of(header.orientation).transpose;
	t->header = (struct picture_header){.width = turned ? header.height : header.width,
	                                    .height = turned ? header.width : header.height,
	                                    .orientation = header.orientation,
	                                    .whole_bytes = header.whole_bytes};
	t->metadata_bytes = header.metadata_bytes;
	enum kk_verdict verdict = plan_task(t);
	bool short_way = verdict == KK_PASS && t->resize->quick_target && quick_colours(t, &header);
	if (short_way)
		verdict = go_short(t, &reader, &header);
	jpeg_reader_close(&reader);
	if (verdict == KK_PENDING || (verdict == KK_PASS && !short_way))
		verdict = go_long(t);
	return verdict;
}

/* weigh_metadata - what libvips copies of them counts for the memory that is needed. */
static enum kk_verdict weigh_metadata(struct task *t)
{
	t->metadata_bytes = t->bytes.size;
	if (t->bytes.format != FORMAT_PNG)
		return KK_PASS;
	t->metadata_bytes = png_metadata_bytes(t->bytes.data, t->bytes.size);
	if (t->metadata_bytes <= PNG_METADATA_MAX)
		return KK_PASS;
	return kk_fail(t->item, KK_FAIL_TOO_LARGE, "its metadata unpack to more than %llu MiB", PNG_METADATA_MAX >> 20);
}

static enum kk_verdict take_other(struct task *t)
{
	enum kk_verdict verdict = weigh_metadata(t);
	if (verdict != KK_PASS)
		return verdict;
	if (picture_read_header(&t->bytes, &t->header) != 0)
		return fail_with_library_error(t->item, "cannot read the header");
	verdict = plan_task(t);
	return verdict == KK_PASS ? go_long(t) : verdict;
}

static enum kk_verdict resize_process(struct kk_context *context, struct kk_item *item)
{
	struct resize *r = context->state;
	enum format format = format_sniff(item->data, item->size);
	struct task t = {.item = item,
	                 .options = context->options,
	                 .resize = r,
	                 .bytes = {.data = item->data, .size = item->size, .format = format}};
	if (format == FORMAT_NONE)
		return refuse_unknown(item);
	if (!(r->types & 1U << format))
		return kk_fail(item, KK_FAIL_NOT_AN_IMAGE, "its format is %s, which `types` does not allow",
		               format_row(format)->name);
	t.to = options_target(t.options, format);
	enum kk_verdict verdict = format == FORMAT_JPEG ? take_jpeg(&t) : take_other(&t);
	jpeg_writer_trim(&r->quick.writer, QUICK_KEEP_BYTES);
	return verdict;
}

static void resize_close(struct kk_context *context)
{
	struct resize *r = context->state;
	if (!r)
		return;
	if (r->statm >= 0)
		close(r->statm);
	quick_close(&r->quick);
	srgb_free(r->srgb);
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
    .text = "Makes small upright pictures of JPEG, PNG, WebP and GIF pictures.",
    .options = options_rows,
    .options_size = sizeof(struct resize_options),
    .plan = resize_plan,
    .prepare = resize_prepare,
    .open = resize_open,
    .process = resize_process,
    .close = resize_close,
};
