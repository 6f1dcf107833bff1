/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"
#include <math.h>
#include <string.h>

static double sinc(double x)
{
	return x == 0 ? 1 : sin(M_PI * x) / (M_PI * x);
}

static double lanczos(double x, double radius, double unused)
{
	(void)unused;
	return sinc(x) * sinc(x / radius);
}

/* The cubic curves of Mitchell and Netravali. */
static double bicubic(double x, double b, double c)
{
	if (x < 1)
		return ((12 - 9 * b - 6 * c) * x * x * x + (-18 + 12 * b + 6 * c) * x * x + 6 - 2 * b) / 6;
	return ((-b - 6 * c) * x * x * x + (6 * b + 30 * c) * x * x + (-12 * b - 48 * c) * x + 8 * b + 24 * c) / 6;
}

static double triangle(double x, double unused, double unused_too)
{
	(void)unused, (void)unused_too;
	return 1 - x;
}

/* The same curves as libvips has under these names. */
static const struct {
	double (*at)(double x, double a, double b);
	double a, b;
	int radius;
} shapes[] = {
    [KERNEL_LINEAR] = {triangle, 0, 0, 1},
    [KERNEL_CUBIC] = {bicubic, 0, 0.5, 2},
    [KERNEL_MITCHELL] = {bicubic, 1. / 3, 1. / 3, 2},
    [KERNEL_LANCZOS2] = {lanczos, 2, 0, 2},
    [KERNEL_LANCZOS3] = {lanczos, 3, 0, 3},
};

void kernel_draw(struct kernel_curve *curve, enum kernel kernel)
{
	memset(curve, 0, sizeof(*curve));
	curve->radius = shapes[kernel].radius;
	for (int i = 0; i < curve->radius * KERNEL_STEPS; i++)
		curve->at[i] = (float)shapes[kernel].at((double)i / KERNEL_STEPS, shapes[kernel].a, shapes[kernel].b);
}

/* reach - to how far left and right samples weigh: wider if the picture becomes smaller. */
static double reach(const struct kernel_curve *curve, double scale)
{
	return curve->radius * fmax(scale, 1);
}

int kernel_taps(const struct kernel_curve *curve, int source, double length, int count)
{
	double taps = ceil(2 * reach(curve, length / count)) + 1;
	return taps < source ? (int)taps : source;
}

static float look_up(const struct kernel_curve *curve, double distance)
{
	double at = fabs(distance) * KERNEL_STEPS;
	if (at >= curve->radius * KERNEL_STEPS)
		return 0;
	int step = (int)at;
	float part = (float)(at - step);
	return curve->at[step] + part * (curve->at[step + 1] - curve->at[step]);
}

static int between(int value, int least, int most)
{
	return value < least ? least : value > most ? most : value;
}

/* weigh_one - the weights for the sample whose middle is at `middle`. What lies outside of the source counts for the
 * sample at its edge. */
static void weigh_one(const struct kernel_curve *curve, int source, double middle, double scale, int taps, int *first,
                      float *values)
{
	double wide = fmax(scale, 1), far = reach(curve, scale);
	int begin = (int)ceil(middle - far - 0.5), end = (int)floor(middle + far - 0.5);
	float sum = 0;
	*first = between(begin, 0, source - taps);
	memset(values, 0, (size_t)taps * sizeof(*values));
	for (int i = begin; i <= end; i++) {
		float weight = look_up(curve, (i + 0.5 - middle) / wide);
		values[between(i, *first, *first + taps - 1) - *first] += weight;
		sum += weight;
	}
	for (int i = 0; i < taps; i++)
		values[i] /= sum;
}

void kernel_weigh(const struct kernel_curve *curve, int source, double start, double length, struct weights *weights)
{
	double scale = length / weights->count;
	for (int i = 0; i < weights->count; i++)
		weigh_one(curve, source, start + (i + 0.5) * scale, scale, weights->taps, &weights->first[i],
		          weights->values + (size_t)i * (size_t)weights->taps);
}
