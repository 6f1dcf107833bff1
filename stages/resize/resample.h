/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/resample.h - reads a plane, produces one of another size: zimg with its filter graphs kept.
 *
 * Building a graph costs several times what using it does, and sizes come again: the graphs used last are kept, up to a
 * fixed amount of memory.
 */
#ifndef STAGES_RESIZE_RESAMPLE_H
#define STAGES_RESIZE_RESAMPLE_H

#include "plane.h"
#include <stdbool.h>

enum kernel { KERNEL_NEAREST = 0, KERNEL_LINEAR, KERNEL_CUBIC, KERNEL_MITCHELL, KERNEL_LANCZOS2, KERNEL_LANCZOS3 };

/* What of the source plane becomes the whole result, in its samples. May begin or end a little outside of it. */
struct region {
	double left, top, width, height;
};

/* Private memory that the kept graphs and the working memory of one run take at most. */
#define RESAMPLER_BYTES (12U << 20)

struct resampler;

/* resampler_new - for one kernel; NULL: no memory. resampler_free - NULL is allowed. One thread. */
struct resampler *resampler_new(enum kernel kernel);
void resampler_free(struct resampler *resampler);

/* resampler_run - fills the picture in `to` from the region of `from`. 0, or -1: such a size cannot be made, or there
 * is no memory; `to` is undefined then. */
int resampler_run(struct resampler *resampler, const struct plane *from, const struct region *region,
                  const struct plane *to);

#endif
