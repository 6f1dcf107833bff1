/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"
#include <stdio.h>

/* Words in the order of the enums they become. */
static const char *const fit_words[] = {[FIT_INSIDE] = "inside", [FIT_OUTSIDE] = "outside", [FIT_COVER] = "cover",
                                        [FIT_FILL] = "fill",     [FIT_PAD] = "pad",         NULL};
static const char *const gravity_words[] = {
    [GRAVITY_CENTRE] = "centre", [GRAVITY_ATTENTION] = "attention", [GRAVITY_ENTROPY] = "entropy", NULL};
static const char *const kernel_words[] = {[KERNEL_NEAREST] = "nearest",
                                           [KERNEL_LINEAR] = "linear",
                                           [KERNEL_CUBIC] = "cubic",
                                           [KERNEL_MITCHELL] = "mitchell",
                                           [KERNEL_LANCZOS2] = "lanczos2",
                                           [KERNEL_LANCZOS3] = "lanczos3",
                                           NULL};
static const char *const speed_words[] = {
    [SPEED_BEST] = "best", [SPEED_BALANCED] = "balanced", [SPEED_FAST] = "fast", NULL};
static const char *const output_words[] = {[OUTPUT_KEEP] = "keep", [OUTPUT_JPEG] = "jpeg", [OUTPUT_PNG] = "png",
                                           [OUTPUT_WEBP] = "webp", [OUTPUT_AVIF] = "avif", NULL};
static const char *const subsampling_words[] = {
    [SUBSAMPLING_420] = "420", [SUBSAMPLING_422] = "422", [SUBSAMPLING_444] = "444", NULL};
static const char *const metadata_words[] = {"strip", "keep", NULL};
static const char *const profile_words[] = {"srgb", "keep", NULL};

static const enum format output_formats[] = {[OUTPUT_KEEP] = FORMAT_NONE,
                                             [OUTPUT_JPEG] = FORMAT_JPEG,
                                             [OUTPUT_PNG] = FORMAT_PNG,
                                             [OUTPUT_WEBP] = FORMAT_WEBP,
                                             [OUTPUT_AVIF] = FORMAT_AVIF};
static const double reaches[] = {[SPEED_BEST] = 4, [SPEED_BALANCED] = 2, [SPEED_FAST] = 1};

/* What is decoded if the config says nothing. */
#define USUAL_TYPES (1U << FORMAT_JPEG | 1U << FORMAT_PNG | 1U << FORMAT_WEBP | 1U << FORMAT_GIF)

/* What comes with every result, however small. */
#define OUTPUT_HEAD_BYTES (64 << 10)

/* clang-format off */
#define ROW(word, member, kind) \
	.name = word, .flags = KK_OPTION_AFFECTS_OUTPUT, .at = offsetof(struct resize_options, member), .type = KK_OPTION_##kind
/* clang-format on */

const struct kk_option options_rows[] = {
    {ROW("width", width, INT), .def = "256", .min = 1, .max = 16384, .unit = "pixels",
     .text = "Width of the box that the picture is fitted to."},
    {ROW("height", height, INT), .def = "256", .min = 1, .max = 16384, .unit = "pixels",
     .text = "Height of the box that the picture is fitted to."},
    {ROW("fit", fit, ENUM), .def = "inside", .words = fit_words,
     .text =
         "inside: the whole picture in the box; outside: the box covered, nothing cut off; cover: the box full, the "
         "rest cut off; fill: stretched; pad: the whole picture in the box, with a border."},
    {ROW("gravity", gravity, ENUM), .def = "centre", .words = gravity_words,
     .text = "What fit: cover keeps: the middle, what draws attention (faces, bright colours), or most detail."},
    {ROW("enlarge", enlarge, BOOL), .def = "false", .text = "Scale pictures up that are smaller than the box."},
    {ROW("kernel", kernel, ENUM), .def = "lanczos3", .words = kernel_words,
     .text = "The curve that neighbouring pixels are weighed by."},
    {ROW("speed", speed, ENUM), .def = "balanced", .words = speed_words,
     .text = "Decode to at least 4 (best), 2 (balanced) or 1 (fast) times the size wanted, if the format can."},
    {ROW("background", background, STRING), .def = "#ffffff",
     .text = "Colour around the picture with fit: pad, and behind transparent parts where the result has none: a name "
             "such as white, or #rrggbb."},
    {ROW("format", output, ENUM), .def = "jpeg", .words = output_words,
     .text = "Format of the result; keep: that of the source (png if that cannot be written)."},
    {ROW("quality", quality, INT), .def = "90", .min = 1, .max = 100,
     .text = "Quality of jpeg, webp and avif results, and of a png palette."},
    {ROW("progressive", progressive, BOOL), .def = "false",
     .text = "jpeg: can be shown while it loads; a bit smaller."},
    {ROW("subsampling", subsampling, ENUM), .def = "420", .words = subsampling_words,
     .text = "jpeg: resolution of the colours: 420 half in both directions, 422 half across, 444 full."},
    {ROW("optimise", optimise, BOOL), .def = "false",
     .text = "jpeg: codes made for the picture; a bit smaller, slower."},
    {ROW("compression", compression, INT), .def = "6", .max = 9, .text = "png: from 0 (none) to 9 (small and slow)."},
    {ROW("palette", palette, BOOL), .def = "false", .text = "png: at most 256 colours."},
    {ROW("lossless", lossless, BOOL), .def = "false", .text = "webp, avif: keep every pixel as it is."},
    {ROW("effort", effort, INT), .def = "4", .max = 9,
     .text = "webp (at most 6), avif: from 0 (quick) to 9 (small and slow)."},
    {ROW("profile", profile, ENUM), .def = "srgb", .words = profile_words,
     .text = "srgb: colours are converted to sRGB; keep: they stay as they are, with their ICC profile."},
    {ROW("metadata", metadata, ENUM), .def = "strip", .words = metadata_words,
     .text = "What becomes of EXIF, XMP and the like (place and camera are in there)."},
    {ROW("types", types, LIST),
     .text = "Formats that are decoded; by default jpeg, png, webp and gif. There are also avif, heic and tiff, whose "
             "decoders are larger and less used to foreign bytes."},
    {ROW("max_pixels", max_pixels, INT), .def = "50000000", .min = 1, .max = 4294967296.0, .unit = "pixels",
     .text = "Refuse pictures with more pixels than this, by their header."},
    {ROW("max_side", max_side, INT), .def = "32768", .min = 1, .max = 65535, .unit = "pixels",
     .text = "Refuse pictures wider or higher than this, by their header."},
    {ROW("max_output", max_output, SIZE), .def = "16MiB", .min = 1024, .max = 1073741824.0, .unit = "bytes",
     .text = "Fail pictures whose result would be larger than this."},
    {0},
};

unsigned options_types(const struct resize_options *o)
{
	unsigned types = o->types.count ? 0 : USUAL_TYPES;
	for (size_t i = 0; i < o->types.count; i++)
		types |= 1U << format_named(o->types.at[i]);
	return types;
}

/* check_types - one bad word is told by its name. */
static int check_types(const struct resize_options *o, char *why, size_t why_size)
{
	for (size_t i = 0; i < o->types.count; i++) {
		if (format_named(o->types.at[i]) == FORMAT_NONE) {
			snprintf(why, why_size,
			         "types has \"%.40s\", expected jpeg, png, webp, gif, avif, heic or tiff",
			         o->types.at[i]);
			return -1;
		}
	}
	return 0;
}

/* check_sides - can the format hold a picture of the size that is asked for? */
static int check_sides(const struct resize_options *o, char *why, size_t why_size)
{
	enum format format = output_formats[o->output];
	if (format == FORMAT_NONE)
		return 0;
	const struct format_row *row = format_row(format);
	if (o->width <= row->max_side && o->height <= row->max_side)
		return 0;
	snprintf(why, why_size, "%s holds at most %d pixels a side", row->name, row->max_side);
	return -1;
}

int options_check(const struct resize_options *o, char *why, size_t why_size)
{
	struct colour colour;
	if (colour_parse(o->background, &colour) != 0) {
		snprintf(why, why_size, "background is \"%.40s\", expected a colour such as white or #ffffff",
		         o->background);
		return -1;
	}
	if (o->gravity != GRAVITY_CENTRE && o->fit != FIT_COVER) {
		snprintf(why, why_size, "gravity: %s has no effect with fit: %s: nothing is cut off",
		         gravity_words[o->gravity], fit_words[o->fit]);
		return -1;
	}
	return check_types(o, why, why_size) != 0 || check_sides(o, why, why_size) != 0 ? -1 : 0;
}

enum format options_target(const struct resize_options *o, enum format from)
{
	if (o->output != OUTPUT_KEEP)
		return output_formats[o->output];
	return format_row(from)->written ? from : FORMAT_PNG;
}

double options_reach(const struct resize_options *o)
{
	return reaches[o->speed];
}

struct box options_box(const struct resize_options *o)
{
	return (struct box){
	    .width = (int)o->width, .height = (int)o->height, .fit = (enum fit)o->fit, .enlarge = o->enlarge};
}

struct colour options_colour(const struct resize_options *o)
{
	struct colour colour = {255, 255, 255};
	(void)colour_parse(o->background, &colour);
	return colour;
}

struct save_settings options_save(const struct resize_options *o)
{
	return (struct save_settings){.jpeg = {.quality = (int)o->quality,
	                                       .subsampling = (enum subsampling)o->subsampling,
	                                       .progressive = o->progressive,
	                                       .optimise = o->optimise},
	                              .compression = (int)o->compression,
	                              .effort = (int)o->effort,
	                              .palette = o->palette,
	                              .lossless = o->lossless,
	                              .keep_metadata = o->metadata != 0,
	                              .keep_profile = o->profile != 0};
}

/* Twice the pixels as RGBA, unless foreign metadata stays or the size is not known before. */
uint64_t options_largest(const struct resize_options *o)
{
	uint64_t pixels = (uint64_t)o->width * (uint64_t)o->height * 8 + OUTPUT_HEAD_BYTES;
	bool foreign = o->metadata != 0 || o->profile != 0 || o->fit == FIT_OUTSIDE;
	return !foreign && pixels < o->max_output ? pixels : o->max_output;
}
