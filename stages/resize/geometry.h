/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/geometry.h - reads the size of a picture and the box it is to fit, produces all sizes on the way. Pure
 * arithmetic, in pixels of the picture held upright; both ways of resizing follow it, so that they agree.
 */
#ifndef STAGES_RESIZE_GEOMETRY_H
#define STAGES_RESIZE_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

enum fit { FIT_INSIDE = 0, FIT_OUTSIDE, FIT_COVER, FIT_FILL, FIT_PAD };

struct box {
	int width, height;
	enum fit fit;
	bool enlarge;
};

struct geometry {
	int width, height;    /* of the result                                                             */
	int full_w, full_h;   /* of the whole source, scaled; more than the result if some of it is cut off  */
	int shown_w, shown_h; /* of the part that is seen: the whole, or as much as the result holds        */
	int x, y;             /* where that part lies in the result: even; 0 unless there is a border        */
};

/* geometry_of - sizes for a source of width x height (1 .. 65535 each) and a box (1 .. 16384 each). Never 0; full_w and
 * full_h may be very large: see geometry_pixels. */
struct geometry geometry_of(int width, int height, const struct box *box);

/* geometry_pixels - the most pixels that exist at once: what the caller limits. */
uint64_t geometry_pixels(const struct geometry *geometry);

/* geometry_turned - the same for a picture that lies on its side: widths and heights exchanged. */
struct geometry geometry_turned(const struct geometry *geometry);

#endif
