/* SPDX-License-Identifier: Apache-2.0 */
#include "quick.h"
#include <math.h>

#define COEFFICIENT_BYTES 2

/* All planes on the way of one picture, as it lies in the file. */
struct course {
	const struct jpeg_header *header;
	const struct quick_wish *wish;
	struct geometry geometry; /* as it lies                                      */
	struct jpeg_layout layout[PLANES_MAX];
	int pitch_x, pitch_y; /* of the result's colours, as it lies             */
	struct plane decoded[PLANES_MAX], small[PLANES_MAX], final[PLANES_MAX];
};

static int divide_up(int value, int by)
{
	return (value + by - 1) / by;
}

static int round_up(int value, int to)
{
	return divide_up(value, to) * to;
}

/* choose_eighths - the smallest size to decode to that reaches far enough. Sizes between these have no fast transform
 * and take longer than the next larger one. */
static int choose_eighths(const struct course *c)
{
	int eighths = 1;
	while (eighths < 8 && (c->header->width * eighths < 8 * c->wish->reach * c->geometry.full_w ||
	                       c->header->height * eighths < 8 * c->wish->reach * c->geometry.full_h))
		eighths *= 2;
	return eighths;
}

/* chart - everything about the course but its memory. 0, or -1: not possible. */
static int chart(struct course *c, struct jpeg_reader *reader, const struct jpeg_header *header,
                 const struct quick_wish *wish)
{
	const struct colour *border = &wish->border;
	bool has_border =
	    wish->geometry.width != wish->geometry.shown_w || wish->geometry.height != wish->geometry.shown_h;
	bool grey = border->red == border->green && border->green == border->blue;
	if (!header->planar || header->planes > PLANES_MAX || (header->planes == 1 && has_border && !grey))
		return -1;
	*c = (struct course){.header = header, .wish = wish, .geometry = wish->geometry};
	jpeg_pitch(wish->settings.subsampling, &c->pitch_x, &c->pitch_y);
	if (plane_turn_of(header->orientation).transpose) {
		c->geometry = geometry_turned(&wish->geometry);
		int pitch = c->pitch_x;
		c->pitch_x = c->pitch_y;
		c->pitch_y = pitch;
	}
	return jpeg_reader_layout(reader, choose_eighths(c), c->layout);
}

/* small_size - of the resampled plane, as it lies. */
static void small_size(const struct course *c, int plane, int *width, int *height)
{
	*width = divide_up(c->geometry.shown_w, plane ? c->pitch_x : 1);
	*height = divide_up(c->geometry.shown_h, plane ? c->pitch_y : 1);
}

/* final_size - of the plane of the result and, rounded up to whole blocks, of its memory; upright. */
static void final_size(const struct course *c, int plane, struct jpeg_layout *to)
{
	int pitch_x = 1, pitch_y = 1;
	if (plane)
		jpeg_pitch(c->wish->settings.subsampling, &pitch_x, &pitch_y);
	to->width = divide_up(c->wish->geometry.width, pitch_x);
	to->height = divide_up(c->wish->geometry.height, pitch_y);
	to->columns = round_up(c->wish->geometry.width, JPEG_BLOCK) / pitch_x;
	to->rows = round_up(c->wish->geometry.height, JPEG_BLOCK) / pitch_y;
}

static size_t plane_memory(const struct course *c)
{
	size_t bytes = 0;
	for (int i = 0; i < c->header->planes; i++) {
		struct jpeg_layout final;
		int width, height;
		small_size(c, i, &width, &height);
		final_size(c, i, &final);
		bytes += plane_bytes(c->layout[i].columns, c->layout[i].rows) + plane_bytes(width, height) +
		         plane_bytes(final.columns, final.rows);
	}
	return bytes;
}

uint64_t quick_memory(struct jpeg_reader *reader, const struct jpeg_header *header, const struct quick_wish *wish)
{
	struct course c;
	if (chart(&c, reader, header, wish) != 0)
		return 0;
	uint64_t pixels = (uint64_t)wish->geometry.width * (uint64_t)wish->geometry.height;
	uint64_t encoder = wish->settings.progressive ? pixels * 3 * COEFFICIENT_BYTES : 0;
	uint64_t rows = (uint64_t)header->width * JPEG_BLOCK * PLANES_MAX; /* the decoder's own */
	return header->whole_bytes + plane_memory(&c) + encoder + rows + pixels * 2 + (1 << 20);
}

static int cut_planes(struct course *c, struct plane_room *room)
{
	if (plane_room_reset(room, plane_memory(c)) != 0)
		return -1;
	for (int i = 0; i < c->header->planes; i++) {
		struct jpeg_layout final;
		int width, height;
		small_size(c, i, &width, &height);
		final_size(c, i, &final);
		c->decoded[i] = plane_new(room, c->layout[i].columns, c->layout[i].rows);
		c->decoded[i].width = c->layout[i].width;
		c->decoded[i].height = c->layout[i].height;
		c->small[i] = plane_new(room, width, height);
		c->final[i] = plane_new(room, final.columns, final.rows);
		c->final[i].width = final.width;
		c->final[i].height = final.height;
		if (!c->decoded[i].at || !c->small[i].at || !c->final[i].at)
			return -1;
	}
	return 0;
}

/* span - along one side: which samples of the source become the `samples` of the result, each `pitch` of its pixels
 * wide. The middle of the source is shown. The last sample may reach beyond the last pixel; mirrored, it is the first.
 */
static void span(int source, int full, int shown, int samples, int pitch, bool mirrored, double source_pitch,
                 double *start, double *length)
{
	double per_pixel = (double)source / full;
	double first = mirrored ? shown - samples * pitch : 0;
	*start = ((full - shown) / 2.0 + first) * per_pixel / source_pitch;
	*length = samples * pitch * per_pixel / source_pitch;
}

static struct region region_of(const struct course *c, int plane)
{
	const struct geometry *g = &c->geometry;
	const struct jpeg_layout *layout = &c->layout[plane];
	struct turn turn = plane_turn_of(c->header->orientation);
	bool flip_x = turn.transpose ? turn.mirror_y : turn.mirror_x;
	bool flip_y = turn.transpose ? turn.mirror_x : turn.mirror_y;
	struct region region;
	span(c->header->width, g->full_w, g->shown_w, c->small[plane].width, plane ? c->pitch_x : 1, flip_x,
	     layout->pitch_x, &region.left, &region.width);
	span(c->header->height, g->full_h, g->shown_h, c->small[plane].height, plane ? c->pitch_y : 1, flip_y,
	     layout->pitch_y, &region.top, &region.height);
	return region;
}

/* border_value - of one plane: the colour as JFIF converts it. */
static unsigned char border_value(const struct colour *colour, int plane)
{
	static const double weights[PLANES_MAX][3] = {
	    {0.299, 0.587, 0.114}, {-0.168736, -0.331264, 0.5}, {0.5, -0.418688, -0.081312}};
	const double *weight = weights[plane];
	double value = weight[0] * colour->red + weight[1] * colour->green + weight[2] * colour->blue;
	return (unsigned char)fmin(rint(value + (plane ? 128 : 0)), 255);
}

/* finish_plane - puts the resampled plane upright into the result. */
static void finish_plane(struct course *c, int plane)
{
	const struct geometry *g = &c->wish->geometry;
	struct plane *final = &c->final[plane];
	int pitch_x = 1, pitch_y = 1;
	if (plane)
		jpeg_pitch(c->wish->settings.subsampling, &pitch_x, &pitch_y);
	if (g->shown_w != g->width || g->shown_h != g->height)
		plane_fill(final, border_value(&c->wish->border, plane), final->width, final->height);
	plane_turn(&c->small[plane], c->header->orientation, final, g->x / pitch_x, g->y / pitch_y);
}

static enum quick_result make(struct quick *quick, struct jpeg_reader *reader, struct course *c)
{
	if (cut_planes(c, &quick->room) != 0)
		return QUICK_DECLINED;
	if (jpeg_reader_decode(reader, c->decoded) != 0)
		return QUICK_BAD;
	for (int i = 0; i < c->header->planes && i < PLANES_MAX; i++) {
		struct region region = region_of(c, i);
		if (resampler_run(quick->resampler, &c->decoded[i], &region, &c->small[i]) != 0)
			return QUICK_DECLINED;
		finish_plane(c, i);
	}
	int result =
	    jpeg_writer_planes(&quick->writer, c->final, c->header->planes, &c->wish->settings, &c->wish->metadata);
	return result == 0 ? QUICK_MADE : QUICK_FAILED;
}

enum quick_result quick_make(struct quick *quick, struct jpeg_reader *reader, const struct jpeg_header *header,
                             const struct quick_wish *wish)
{
	struct course c;
	if (chart(&c, reader, header, wish) != 0)
		return QUICK_DECLINED;
	enum quick_result result = make(quick, reader, &c);
	plane_room_trim(&quick->room, QUICK_KEEP_BYTES);
	return result;
}

void quick_close(struct quick *quick)
{
	resampler_free(quick->resampler);
	plane_room_trim(&quick->room, 0);
	jpeg_writer_trim(&quick->writer, 0);
	*quick = (struct quick){0};
}
