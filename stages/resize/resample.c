/* SPDX-License-Identifier: Apache-2.0 */
#include "resample.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zimg.h>

#define SLOTS       64
#define GRAPH_BYTES (8U << 20) /* of all kept graphs together; the rest is for a run                      */
#define RUN_BYTES   (RESAMPLER_BYTES - GRAPH_BYTES)

/* What a graph depends on. Compared as bytes, so it has no padding. */
struct shape {
	struct region region;
	int32_t from_width, from_height, to_width, to_height;
};

/* A kept graph. */
struct slot {
	struct shape shape;
	zimg_filter_graph *graph; /* NULL: the slot is free                        */
	size_t bytes, run_bytes;  /* an estimate of what it holds; what a run takes */
	uint64_t used;            /* `runs` when it was used last                   */
};

struct resampler {
	enum kernel kernel;
	struct slot slot[SLOTS];
	size_t bytes; /* sum of slot[].bytes */
	uint64_t runs;
	void *work;
	size_t work_bytes;
};

/* The same curves as libvips has under these names. */
static const struct curve {
	zimg_resample_filter_e filter;
	double a, b, radius;
} curves[] = {
    [KERNEL_NEAREST] = {ZIMG_RESIZE_POINT, NAN, NAN, 1},
    [KERNEL_LINEAR] = {ZIMG_RESIZE_BILINEAR, NAN, NAN, 1},
    [KERNEL_CUBIC] = {ZIMG_RESIZE_BICUBIC, 0, 0.5, 2},
    [KERNEL_MITCHELL] = {ZIMG_RESIZE_BICUBIC, 1.0 / 3, 1.0 / 3, 2},
    [KERNEL_LANCZOS2] = {ZIMG_RESIZE_LANCZOS, 2, NAN, 2},
    [KERNEL_LANCZOS3] = {ZIMG_RESIZE_LANCZOS, 3, NAN, 3},
};

struct resampler *resampler_new(enum kernel kernel)
{
	struct resampler *resampler = calloc(1, sizeof(*resampler));
	if (resampler)
		resampler->kernel = kernel;
	return resampler;
}

static void empty(struct resampler *resampler, struct slot *slot)
{
	zimg_filter_graph_free(slot->graph);
	resampler->bytes -= slot->bytes;
	*slot = (struct slot){0};
}

void resampler_free(struct resampler *resampler)
{
	if (!resampler)
		return;
	for (int i = 0; i < SLOTS; i++)
		empty(resampler, &resampler->slot[i]);
	free(resampler->work);
	free(resampler);
}

/* coefficient_bytes - along one side: a weight as float and as 16-bit number for each tap of each sample, in blocks. */
static size_t coefficient_bytes(const struct curve *curve, double from, int to)
{
	double taps = 2 * curve->radius * fmax(from / to, 1) + 2;
	return ((size_t)to + 16) * ((size_t)taps + 16) * 6;
}

static size_t graph_bytes(const struct resampler *resampler, const struct shape *shape)
{
	const struct curve *curve = &curves[resampler->kernel];
	return 8192 + coefficient_bytes(curve, shape->region.width, shape->to_width) +
	       coefficient_bytes(curve, shape->region.height, shape->to_height);
}

static zimg_filter_graph *build(enum kernel kernel, const struct shape *shape)
{
	zimg_image_format from, to;
	zimg_graph_builder_params how;
	zimg_image_format_default(&from, ZIMG_API_VERSION);
	from.width = (unsigned)shape->from_width;
	from.height = (unsigned)shape->from_height;
	from.pixel_type = ZIMG_PIXEL_BYTE;
	from.color_family = ZIMG_COLOR_GREY;
	from.pixel_range = ZIMG_RANGE_FULL;
	to = from;
	to.width = (unsigned)shape->to_width;
	to.height = (unsigned)shape->to_height;
	from.active_region.left = shape->region.left;
	from.active_region.top = shape->region.top;
	from.active_region.width = shape->region.width;
	from.active_region.height = shape->region.height;
	zimg_graph_builder_params_default(&how, ZIMG_API_VERSION);
	how.resample_filter = curves[kernel].filter;
	how.filter_param_a = curves[kernel].a;
	how.filter_param_b = curves[kernel].b;
	how.cpu_type = ZIMG_CPU_AUTO_64B;
	return zimg_filter_graph_build(&from, &to, &how);
}

/* make_room - empties the slots used longest ago until one is free and so many bytes may be added. */
static struct slot *make_room(struct resampler *resampler, size_t bytes)
{
	for (;;) {
		struct slot *spare = NULL, *oldest = NULL;
		for (struct slot *slot = resampler->slot; slot < resampler->slot + SLOTS; slot++) {
			if (!slot->graph)
				spare = slot;
			else if (!oldest || slot->used < oldest->used)
				oldest = slot;
		}
		if (spare && (!oldest || resampler->bytes + bytes <= GRAPH_BYTES))
			return spare;
		empty(resampler, oldest);
	}
}

/* find - the graph for a shape, built if it is not kept. NULL: there can be none. */
static struct slot *find(struct resampler *resampler, const struct shape *shape)
{
	for (struct slot *slot = resampler->slot; slot < resampler->slot + SLOTS; slot++)
		if (slot->graph && memcmp(&slot->shape, shape, sizeof(*shape)) == 0)
			return slot;
	size_t bytes = graph_bytes(resampler, shape);
	if (bytes > GRAPH_BYTES)
		return NULL;
	struct slot *slot = make_room(resampler, bytes);
	*slot = (struct slot){.shape = *shape, .graph = build(resampler->kernel, shape)};
	if (!slot->graph)
		return NULL;
	slot->bytes = bytes;
	resampler->bytes += bytes;
	if (zimg_filter_graph_get_tmp_size(slot->graph, &slot->run_bytes) == ZIMG_ERROR_SUCCESS)
		return slot;
	empty(resampler, slot);
	return NULL;
}

/* work_room - memory for a run. 0 or -1. */
static int work_room(struct resampler *resampler, size_t bytes)
{
	if (bytes > RUN_BYTES)
		return -1;
	if (bytes <= resampler->work_bytes)
		return 0;
	free(resampler->work);
	resampler->work_bytes = (bytes + 4095) & ~(size_t)4095;
	resampler->work = aligned_alloc(PLANE_ALIGNMENT, resampler->work_bytes);
	if (resampler->work)
		return 0;
	resampler->work_bytes = 0;
	return -1;
}

int resampler_run(struct resampler *resampler, const struct plane *from, const struct region *region,
                  const struct plane *to)
{
	const struct shape shape = {*region, from->width, from->height, to->width, to->height};
	struct slot *slot = find(resampler, &shape);
	if (!slot || work_room(resampler, slot->run_bytes) != 0)
		return -1;
	slot->used = ++resampler->runs;
	const zimg_image_buffer_const source = {
	    .version = ZIMG_API_VERSION,
	    .plane = {{.data = from->at, .stride = (ptrdiff_t)from->stride, .mask = ZIMG_BUFFER_MAX}}};
	const zimg_image_buffer target = {
	    .version = ZIMG_API_VERSION,
	    .plane = {{.data = to->at, .stride = (ptrdiff_t)to->stride, .mask = ZIMG_BUFFER_MAX}}};
	zimg_error_code_e error =
	    zimg_filter_graph_process(slot->graph, &source, &target, resampler->work, NULL, NULL, NULL, NULL);
	return error == ZIMG_ERROR_SUCCESS ? 0 : -1;
}
