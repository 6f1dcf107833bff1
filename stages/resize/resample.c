/* SPDX-License-Identifier: Apache-2.0 */
#include "resample.h"
#include "kernel.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* So many rows of the result are made together: one float of each makes a vector. */
#define LANES  8
#define STRIDE 32 /* floats; rows of floats are padded to a multiple of it */

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t masks __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef unsigned char bytes __attribute__((vector_size(LANES)));

struct run;

struct resampler {
	struct kernel_curve curve;
	void (*run_over)(struct run *run, const struct plane *from, const struct plane *to); /* for this processor */
	unsigned char *work;
	size_t work_bytes;
};

/* One run's share of the working memory. */
struct run {
	struct weights across, down;
	int columns;        /* of the source, padded */
	float *ring;        /* the last `down.taps` rows of the source, as floats; row y is in y % down.taps */
	const float **rows; /* those that weigh on a row of the result, in order */
	float *sum;         /* a row of the source's width and the result's height */
	lanes *block;       /* LANES of them, side by side */
	bytes *result;      /* LANES rows of the result, side by side */
};

/* ---- inner loops: inlined into a function for each kind of processor */

#define INLINE __attribute__((always_inline)) static inline

INLINE void widen(const unsigned char *from, int width, float *to)
{
	for (int x = 0; x < width; x++)
		to[x] = from[x];
}

/* add_rows - the weighed sum of rows. */
INLINE void add_rows(const float *const *rows, const float *weights, int taps, float *to, int columns)
{
	for (int x = 0; x < columns; x += 4 * LANES) {
		lanes a = {0}, b = {0}, c = {0}, d = {0};
		for (int i = 0; i < taps; i++) {
			const lanes *row = (const lanes *)(rows[i] + x);
			float weight = weights[i];
			a += weight * row[0];
			b += weight * row[1];
			c += weight * row[2];
			d += weight * row[3];
		}
		lanes *into = (lanes *)(to + x);
		into[0] = a;
		into[1] = b;
		into[2] = c;
		into[3] = d;
	}
}

/* add_columns - the weighed sums of columns, of LANES rows at once, as bytes. */
INLINE void add_columns(const lanes *block, const struct weights *weights, bytes *to)
{
	for (int i = 0; i < weights->count; i++) {
		const lanes *column = block + weights->first[i];
		const float *weight = weights->values + (size_t)i * (size_t)weights->taps;
		lanes sum = {0}, other = {0};
		int k = 0;
		for (; k + 1 < weights->taps; k += 2) {
			sum += weight[k] * column[k];
			other += weight[k + 1] * column[k + 1];
		}
		if (k < weights->taps)
			sum += weight[k] * column[k];
		sum += other + 0.5F;
		masks above = sum > 255, below = sum < 0;
		masks number = __builtin_convertvector(sum, masks);
		number = (number & ~above & ~below) | (above & 255);
		to[i] = __builtin_convertvector(number, bytes);
	}
}

/* fetch_rows - points run->rows to the rows of the source that weigh on row y of the result; those before *next are in
 * the ring already. */
INLINE void fetch_rows(struct run *run, const struct plane *from, int y, int *next)
{
	int first = run->down.first[y], taps = run->down.taps;
	if (*next < first)
		*next = first;
	for (; *next < first + taps; ++*next)
		widen(from->at + (size_t)*next * from->stride, from->width,
		      run->ring + (size_t)(*next % taps) * (size_t)run->columns);
	for (int i = 0; i < taps; i++)
		run->rows[i] = run->ring + (size_t)((first + i) % taps) * (size_t)run->columns;
}

/* put_rows - takes rows of bytes out of the vectors. */
INLINE void put_rows(const struct run *run, const struct plane *to, int y, int rows)
{
	const unsigned char *result = (const unsigned char *)run->result;
	for (int row = 0; row < rows; row++) {
		unsigned char *into = to->at + (size_t)(y + row) * to->stride;
		for (int x = 0; x < to->width; x++)
			into[x] = result[x * LANES + row];
	}
}

INLINE void run_over(struct run *run, const struct plane *from, const struct plane *to)
{
	int next = 0;
	float *block = (float *)run->block;
	memset(block, 0, (size_t)run->columns * sizeof(lanes)); /* the last rows may be fewer than a block has */
	for (int y = 0; y < to->height; y += LANES) {
		int rows = to->height - y < LANES ? to->height - y : LANES;
		for (int row = 0; row < rows; row++) {
			fetch_rows(run, from, y + row, &next);
			add_rows(run->rows, run->down.values + (size_t)(y + row) * (size_t)run->down.taps,
			         run->down.taps, run->sum, run->columns);
			for (int x = 0; x < from->width; x++)
				block[x * LANES + row] = run->sum[x];
		}
		add_columns(run->block, &run->across, run->result);
		put_rows(run, to, y, rows);
	}
}

static void run_anywhere(struct run *run, const struct plane *from, const struct plane *to)
{
	run_over(run, from, to);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void run_on_avx2(struct run *run, const struct plane *from,
                                                            const struct plane *to)
{
	run_over(run, from, to);
}

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#else
#define run_on_avx2 run_anywhere

static bool has_avx2(void)
{
	return false;
}
#endif

/* ---- a run */

static size_t take(size_t *used, size_t count, size_t size)
{
	size_t at = *used;
	*used += (count * size + PLANE_ALIGNMENT - 1) & ~(size_t)(PLANE_ALIGNMENT - 1);
	return at;
}

/* share_out - cuts the working memory up; with NULL only its size is told. */
static size_t share_out(struct run *run, unsigned char *work)
{
	size_t used = 0, columns = (size_t)run->columns, down = (size_t)run->down.taps;
	size_t width = (size_t)run->across.count, height = (size_t)run->down.count;
	size_t offsets[] = {
	    take(&used, width, sizeof(int)),
	    take(&used, width * (size_t)run->across.taps, sizeof(float)),
	    take(&used, height, sizeof(int)),
	    take(&used, height * down, sizeof(float)),
	    take(&used, columns * down, sizeof(float)),
	    take(&used, down, sizeof(float *)),
	    take(&used, columns, sizeof(float)),
	    take(&used, columns, sizeof(lanes)),
	    take(&used, width, sizeof(bytes)),
	};
	if (!work)
		return used;
	run->across.first = (int *)(void *)(work + offsets[0]);
	run->across.values = (float *)(void *)(work + offsets[1]);
	run->down.first = (int *)(void *)(work + offsets[2]);
	run->down.values = (float *)(void *)(work + offsets[3]);
	run->ring = (float *)(void *)(work + offsets[4]);
	run->rows = (const float **)(void *)(work + offsets[5]);
	run->sum = (float *)(void *)(work + offsets[6]);
	run->block = (lanes *)(void *)(work + offsets[7]);
	run->result = (bytes *)(void *)(work + offsets[8]);
	return used;
}

/* make_room - 0 or -1. */
static int make_room(struct resampler *resampler, size_t bytes_wanted)
{
	if (bytes_wanted <= resampler->work_bytes)
		return 0;
	if (bytes_wanted > RESAMPLER_BYTES)
		return -1;
	free(resampler->work);
	resampler->work_bytes = bytes_wanted;
	resampler->work = aligned_alloc(PLANE_ALIGNMENT, bytes_wanted);
	if (resampler->work)
		return 0;
	resampler->work_bytes = 0;
	return -1;
}

int resampler_run(struct resampler *resampler, const struct plane *from, const struct region *region,
                  const struct plane *to)
{
	const struct kernel_curve *curve = &resampler->curve;
	struct run run = {
	    .across = {.count = to->width, .taps = kernel_taps(curve, from->width, region->width, to->width)},
	    .down = {.count = to->height, .taps = kernel_taps(curve, from->height, region->height, to->height)},
	    .columns = (from->width + STRIDE - 1) / STRIDE * STRIDE};
	if (make_room(resampler, share_out(&run, NULL)) != 0)
		return -1;
	share_out(&run, resampler->work);
	kernel_weigh(curve, from->width, region->left, region->width, &run.across);
	kernel_weigh(curve, from->height, region->top, region->height, &run.down);
	resampler->run_over(&run, from, to);
	return 0;
}

struct resampler *resampler_new(enum kernel kernel)
{
	struct resampler *resampler = calloc(1, sizeof(*resampler));
	if (!resampler)
		return NULL;
	kernel_draw(&resampler->curve, kernel);
	resampler->run_over = has_avx2() ? run_on_avx2 : run_anywhere;
	return resampler;
}

void resampler_free(struct resampler *resampler)
{
	if (!resampler)
		return;
	free(resampler->work);
	free(resampler);
}
