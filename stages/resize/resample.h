/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/resample.h - reads a plane, produces one of another size: every sample a weighed sum of its neighbours.
 *
 * Pictures from the web seldom have the same size twice, so it is made to be cheap from the first time on: weights come
 * out of a table of the curve, and both passes go over whole vectors.
 */
#ifndef STAGES_RESIZE_RESAMPLE_H
#define STAGES_RESIZE_RESAMPLE_H

#include "plane.h"

enum kernel { KERNEL_NEAREST = 0, KERNEL_LINEAR, KERNEL_CUBIC, KERNEL_MITCHELL, KERNEL_LANCZOS2, KERNEL_LANCZOS3 };

/* What of the source plane becomes the whole result, in its samples. May begin or end a little outside of it: there the
 * samples of the edge are repeated. */
struct region {
	double left, top, width, height;
};

/* Private memory that a resampler takes at most. */
#define RESAMPLER_BYTES (8U << 20)

struct resampler;

/* resampler_new - for one kernel other than nearest; NULL: no memory. resampler_free - NULL is allowed. One thread. */
struct resampler *resampler_new(enum kernel kernel);
void resampler_free(struct resampler *resampler);

/* resampler_run - fills the picture in `to` from the region of `from`. 0, or -1: it would take more than
 * RESAMPLER_BYTES, or there is no memory; `to` is as it was then. */
int resampler_run(struct resampler *resampler, const struct plane *from, const struct region *region,
                  const struct plane *to);

#endif
