/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/options.h - reads what a config says under `with:`, produces what the parts of the stage are to do. */
#ifndef STAGES_RESIZE_OPTIONS_H
#define STAGES_RESIZE_OPTIONS_H

#include "colour.h"
#include "format.h"
#include "geometry.h"
#include "picture.h"
#include "save.h"
#include <kakehi/option.h>

enum output { OUTPUT_KEEP = 0, OUTPUT_JPEG, OUTPUT_PNG, OUTPUT_WEBP, OUTPUT_AVIF };
enum speed { SPEED_BEST = 0, SPEED_BALANCED, SPEED_FAST };

/* Filled by the engine from options_rows. */
struct resize_options {
	int64_t width, height, quality, compression, effort, max_pixels, max_side;
	uint64_t max_output;
	const char *background;
	struct kk_strings types;
	int fit, gravity, kernel, speed, output, subsampling, metadata, profile;
	bool enlarge, progressive, optimise, palette, lossless;
};

extern const struct kk_option options_rows[];

/* options_check - what rows alone cannot. 0, or -1 with a sentence in `why`. */
int options_check(const struct resize_options *options, char *why, size_t why_size);

/* options_types - the formats that may come, as bits 1 << enum format; FORMAT_NONE's bit: there is a wrong word. */
unsigned options_types(const struct resize_options *options);

/* options_target - what the result of a picture in this format will be: as configured, or like the source if that can
 * be written. */
enum format options_target(const struct resize_options *options, enum format from);

/* options_reach - pictures are decoded to at least so many times the size wanted. */
double options_reach(const struct resize_options *options);

/* The parts' own views. The colour is white if options_check was not asked. */
struct box options_box(const struct resize_options *options);
struct colour options_colour(const struct resize_options *options);
struct save_settings options_save(const struct resize_options *options);

/* options_largest - bytes that a result can have at most. */
uint64_t options_largest(const struct resize_options *options);

#endif
