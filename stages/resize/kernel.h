/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/kernel.h - reads a kernel's name and two sizes, produces the weights of every sample along one side. */
#ifndef STAGES_RESIZE_KERNEL_H
#define STAGES_RESIZE_KERNEL_H

#include "resample.h"

#define KERNEL_STEPS  256 /* of the table, from one sample to the next */
#define KERNEL_RADIUS 3   /* of the widest                              */

/* A curve, symmetrical about 0, in steps from there; two zeroes beyond its end. */
struct kernel_curve {
	float at[KERNEL_RADIUS * KERNEL_STEPS + 2];
	int radius;
};

/* One side of a picture: sample i is the sum of `taps` samples of the source from first[i] on, each times its weight in
 * values[i * taps ...]. The sum of the weights is 1. */
struct weights {
	int count, taps;
	int *first;
	float *values;
};

/* kernel_draw - fills in the curve of a kernel other than nearest. */
void kernel_draw(struct kernel_curve *curve, enum kernel kernel);

/* kernel_taps - how many samples of `source` weigh on each of `count`, for a part of the source `length` long. */
int kernel_taps(const struct kernel_curve *curve, int source, double length, int count);

/* kernel_weigh - fills in first[] and values[]; count and taps are set. The part begins at `start`. */
void kernel_weigh(const struct kernel_curve *curve, int source, double start, double length, struct weights *weights);

#endif
