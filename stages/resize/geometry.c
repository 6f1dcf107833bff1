/* SPDX-License-Identifier: Apache-2.0 */
#include "geometry.h"
#include <math.h>

#define LARGEST 1e9

static int smaller(int a, int b)
{
	return a < b ? a : b;
}

static int scaled(int side, double scale)
{
	return (int)fmin(fmax(rint(side * scale), 1), LARGEST);
}

/* bordered - the picture in the middle of the whole box, at even coordinates: there the grids of brightness and colour
 * of a JPEG meet. */
static struct geometry bordered(struct geometry g, const struct box *box)
{
	g.width = box->width;
	g.height = box->height;
	g.x = (box->width - g.shown_w) / 2 & ~1;
	g.y = (box->height - g.shown_h) / 2 & ~1;
	return g;
}

struct geometry geometry_of(int width, int height, const struct box *box)
{
	bool clip = !box->enlarge && (box->fit == FIT_COVER || box->fit == FIT_FILL);
	int box_w = clip ? smaller(box->width, width) : box->width;
	int box_h = clip ? smaller(box->height, height) : box->height;
	double across = (double)box_w / width, down = (double)box_h / height;
	bool outer = box->fit == FIT_OUTSIDE || box->fit == FIT_COVER;
	double scale = outer ? fmax(across, down) : fmin(across, down);
	if (!box->enlarge)
		scale = fmin(scale, 1);

	struct geometry g = {.full_w = scaled(width, scale), .full_h = scaled(height, scale)};
	if (box->fit == FIT_FILL) {
		g.full_w = box_w;
		g.full_h = box_h;
	}
	g.width = g.shown_w = box->fit == FIT_COVER ? smaller(box_w, g.full_w) : g.full_w;
	g.height = g.shown_h = box->fit == FIT_COVER ? smaller(box_h, g.full_h) : g.full_h;
	return box->fit == FIT_PAD ? bordered(g, box) : g;
}

uint64_t geometry_pixels(const struct geometry *geometry)
{
	uint64_t full = (uint64_t)geometry->full_w * (uint64_t)geometry->full_h;
	uint64_t result = (uint64_t)geometry->width * (uint64_t)geometry->height;
	return full > result ? full : result;
}

struct geometry geometry_turned(const struct geometry *g)
{
	return (struct geometry){.width = g->height,
	                         .height = g->width,
	                         .full_w = g->full_h,
	                         .full_h = g->full_w,
	                         .shown_w = g->shown_h,
	                         .shown_h = g->shown_w,
	                         .x = g->y,
	                         .y = g->x};
}
