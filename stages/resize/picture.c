/* SPDX-License-Identifier: Apache-2.0 */
#include "picture.h"
#include <math.h>
#include <string.h>

/* What the pipeline takes beside pictures that a decoder keeps whole: measured with photos of 2 to 50 Mpx and boxes of
 * 256 to 1024 pixels, rounded up. */
#define BASE_BYTES             (6ULL << 20)
#define BYTES_PER_COLUMN       512
#define BYTES_PER_OUTPUT_PIXEL 16

static const VipsKernel kernels[] = {
    [KERNEL_NEAREST] = VIPS_KERNEL_NEAREST,   [KERNEL_LINEAR] = VIPS_KERNEL_LINEAR,
    [KERNEL_CUBIC] = VIPS_KERNEL_CUBIC,       [KERNEL_MITCHELL] = VIPS_KERNEL_MITCHELL,
    [KERNEL_LANCZOS2] = VIPS_KERNEL_LANCZOS2, [KERNEL_LANCZOS3] = VIPS_KERNEL_LANCZOS3,
};

static int image_int(VipsImage *image, const char *name, int otherwise)
{
	int value;
	return vips_image_get_typeof(image, name) && vips_image_get_int(image, name, &value) == 0 ? value : otherwise;
}

/* is_subsampled - has this JPEG colour at a lower resolution, as cameras write it? */
static bool is_subsampled(VipsImage *image)
{
	const char *text;
	return vips_image_get_typeof(image, "jpeg-chroma-subsample") &&
	       vips_image_get_string(image, "jpeg-chroma-subsample", &text) == 0 && strcmp(text, "4:2:0") == 0;
}

/* whole_bytes - what a decoder takes that has to keep the whole picture; 0: this one works by rows. */
static uint64_t whole_bytes(VipsImage *image, enum format format)
{
	uint64_t pixels = (uint64_t)image->Xsize * (uint64_t)image->Ysize;
	bool interlaced = image_int(image, "interlaced", 0) != 0;
	switch (format) {
	case FORMAT_JPEG: /* every coefficient, 16 bit each */
		return !interlaced ? 0 : is_subsampled(image) ? pixels * 3 : pixels * 2 * (uint64_t)image->Bands;
	case FORMAT_PNG:
		return interlaced ? pixels * VIPS_IMAGE_SIZEOF_PEL(image) : 0;
	case FORMAT_WEBP:
		return image_int(image, VIPS_META_N_PAGES, 1) > 1 ? pixels * 8 : pixels * 4;
	case FORMAT_TIFF:
		return pixels * VIPS_IMAGE_SIZEOF_PEL(image);
	default:
		return pixels * format_row(format)->heap_bytes;
	}
}

int picture_read_header(const struct picture_bytes *bytes, struct picture_header *to)
{
	VipsImage *image = NULL;
	picture_error_forget();
	if (format_row(bytes->format)
	        ->load((void *)bytes->data, bytes->size, &image, "access", VIPS_ACCESS_SEQUENTIAL, NULL) != 0)
		return -1;
	int orientation = image_int(image, VIPS_META_ORIENTATION, 1);
	if (orientation < 1 || orientation > 8)
		orientation = 1;
	*to = (struct picture_header){
	    .width = orientation >= 5 ? image->Ysize : image->Xsize,
	    .height = orientation >= 5 ? image->Xsize : image->Ysize,
	    .orientation = orientation,
	    .whole_bytes = whole_bytes(image, bytes->format),
	};
	g_object_unref(image);
	return 0;
}

/* Each step takes the reference of the picture before it over and gives one of its own; NULL goes through. */
#define STEP(image, call)                                                                                              \
	do {                                                                                                           \
		VipsImage *made = NULL;                                                                                \
		if ((image) && (call) != 0)                                                                            \
			g_clear_object(&made);                                                                         \
		g_clear_object(&(image));                                                                              \
		(image) = made;                                                                                        \
	} while (0)

/* shrink_on_load - 1, 2, 4 or 8: what the loader may divide by. */
static int shrink_on_load(int width, int height, const struct geometry *lying, const struct picture_wish *wish)
{
	int shrink = 1;
	while (shrink < 8 && width >= 2 * shrink * wish->reach * lying->full_w &&
	       height >= 2 * shrink * wish->reach * lying->full_h)
		shrink *= 2;
	return shrink;
}

static VipsImage *load(const struct picture_bytes *bytes, const struct picture_header *header,
                       const struct geometry *lying, const struct picture_wish *wish)
{
	VipsImage *image = NULL;
	const struct format_row *row = format_row(bytes->format);
	bool turned = header->orientation >= 5;
	int shrink = shrink_on_load(turned ? header->height : header->width, turned ? header->width : header->height,
	                            lying, wish);
	void *data = (void *)bytes->data;
	int result;
	if (!row->shrinks || shrink == 1 || wish->kernel == KERNEL_NEAREST)
		result = row->load(data, bytes->size, &image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
		                   VIPS_FAIL_ON_ERROR, NULL);
	else if (bytes->format == FORMAT_JPEG)
		result = row->load(data, bytes->size, &image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
		                   VIPS_FAIL_ON_ERROR, "shrink", shrink, NULL);
	else
		result = row->load(data, bytes->size, &image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
		                   VIPS_FAIL_ON_ERROR, "scale", 1.0 / shrink, NULL);
	return result == 0 ? image : NULL;
}

/* to_rgb - colour spaces in which colours cannot be mixed by weight, or whose numbers are not those of a screen. */
static VipsImage *to_rgb(VipsImage *image)
{
	switch (image->Type) {
	case VIPS_INTERPRETATION_sRGB:
	case VIPS_INTERPRETATION_B_W:
	case VIPS_INTERPRETATION_RGB16:
	case VIPS_INTERPRETATION_GREY16:
		return image;
	case VIPS_INTERPRETATION_CMYK:
		STEP(image, vips_icc_transform(image, &made, "srgb", "embedded", TRUE, "input_profile", "cmyk", "depth",
		                               8, NULL));
		break;
	default:
		STEP(image, vips_colourspace(image, &made, VIPS_INTERPRETATION_sRGB, NULL));
	}
	if (image)
		vips_image_remove(image, VIPS_META_ICC_NAME);
	return image;
}

/* scale - to the exact size, with colours weighed by their opacity. */
static VipsImage *scale(VipsImage *image, const struct geometry *lying, VipsKernel kernel)
{
	VipsBandFormat format = image->BandFmt;
	bool alpha = vips_image_hasalpha(image);
	double across = (double)lying->full_w / image->Xsize, down = (double)lying->full_h / image->Ysize;
	if (alpha)
		STEP(image, vips_premultiply(image, &made, NULL));
	STEP(image, vips_resize(image, &made, across, "vscale", down, "kernel", kernel, NULL));
	if (alpha) {
		STEP(image, vips_unpremultiply(image, &made, NULL));
		STEP(image, vips_cast(image, &made, format, NULL));
	}
	return image;
}

/* render - makes the pixels, once, so that what follows may look at them in any order; only the part that is surely
 * seen. Turns it upright. */
static VipsImage *render(VipsImage *image, const struct picture_header *header, const struct geometry *lying,
                         enum gravity gravity)
{
	if (gravity == GRAVITY_CENTRE && (lying->shown_w < lying->full_w || lying->shown_h < lying->full_h))
		STEP(image,
		     vips_extract_area(image, &made, (lying->full_w - lying->shown_w) / 2,
		                       (lying->full_h - lying->shown_h) / 2, lying->shown_w, lying->shown_h, NULL));
	STEP(image, (made = vips_image_copy_memory(image)) ? 0 : -1);
	if (!image)
		return NULL;
	STEP(image, vips_copy(image, &made, NULL)); /* its metadata are ours to change */
	if (image)
		vips_image_set_int(image, VIPS_META_ORIENTATION, header->orientation);
	STEP(image, vips_autorot(image, &made, NULL));
	return image;
}

/* crop - keeps what is most worth seeing. */
static VipsImage *crop(VipsImage *image, const struct picture_wish *wish)
{
	const struct geometry *g = &wish->geometry;
	if (image->Xsize == g->shown_w && image->Ysize == g->shown_h)
		return image;
	STEP(image,
	     vips_smartcrop(image, &made, g->shown_w, g->shown_h, "interesting",
	                    wish->gravity == GRAVITY_ATTENTION ? VIPS_INTERESTING_ATTENTION : VIPS_INTERESTING_ENTROPY,
	                    NULL));
	return image;
}

/* convert_profile - from the picture's own colour space to sRGB. A profile that makes no sense counts as none. */
static VipsImage *convert_profile(VipsImage *image)
{
	VipsImage *converted = NULL;
	if (vips_icc_transform(image, &converted, "srgb", "embedded", TRUE, "depth", 8, NULL) == 0) {
		g_object_unref(image);
		image = converted;
	} else {
		picture_error_forget();
		STEP(image, vips_copy(image, &made, NULL));
	}
	if (image)
		vips_image_remove(image, VIPS_META_ICC_NAME);
	return image;
}

/* to_screen - 8 bits, in sRGB or grey, unless the profile stays. */
static VipsImage *to_screen(VipsImage *image, bool keep_profile)
{
	if (!keep_profile && vips_image_get_typeof(image, VIPS_META_ICC_NAME))
		image = convert_profile(image);
	if (!image)
		return NULL;
	bool grey = image->Type == VIPS_INTERPRETATION_B_W || image->Type == VIPS_INTERPRETATION_GREY16;
	if (image->BandFmt != VIPS_FORMAT_UCHAR)
		STEP(image,
		     vips_colourspace(image, &made, grey ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB, NULL));
	return image;
}

/* has_border - is there anything around the picture? */
static bool has_border(const struct geometry *g)
{
	return g->width != g->shown_w || g->height != g->shown_h;
}

/* to_colour - makes RGB of grey where the background is not grey. */
static VipsImage *to_colour(VipsImage *image, const struct colour *background)
{
	bool grey = background->red == background->green && background->green == background->blue;
	if (image && image->Bands < 3 && !grey)
		STEP(image, vips_colourspace(image, &made, VIPS_INTERPRETATION_sRGB, NULL));
	return image;
}

/* on_background - behind transparent parts, and around. */
static VipsImage *on_background(VipsImage *image, const struct picture_wish *wish)
{
	const struct geometry *g = &wish->geometry;
	const struct colour *c = &wish->background;
	double parts[] = {c->red, c->green, c->blue, 255};
	bool flatten = wish->opaque && vips_image_hasalpha(image);
	if (flatten || has_border(g))
		image = to_colour(image, c);
	if (!image)
		return NULL;
	int bands = image->Bands;
	if (bands == 2)
		parts[1] = 255;
	VipsArrayDouble *background = vips_array_double_new(parts, flatten ? bands - 1 : bands);
	if (flatten)
		STEP(image, vips_flatten(image, &made, "background", background, NULL));
	if (has_border(g))
		STEP(image, vips_embed(image, &made, g->x, g->y, g->width, g->height, "extend", VIPS_EXTEND_BACKGROUND,
		                       "background", background, NULL));
	vips_area_unref(VIPS_AREA(background));
	return image;
}

VipsImage *picture_make(const struct picture_bytes *bytes, const struct picture_header *header,
                        const struct picture_wish *wish)
{
	struct geometry lying = header->orientation >= 5 ? geometry_turned(&wish->geometry) : wish->geometry;
	picture_error_forget();
	VipsImage *image = load(bytes, header, &lying, wish);
	if (image)
		image = to_rgb(image);
	if (image)
		image = scale(image, &lying, kernels[wish->kernel]);
	if (image)
		image = render(image, header, &lying, wish->gravity);
	if (image)
		image = crop(image, wish);
	if (image)
		image = to_screen(image, wish->keep_profile);
	if (image)
		image = on_background(image, wish);
	STEP(image, (made = vips_image_copy_memory(image)) ? 0 : -1);
	return image;
}

uint64_t picture_memory(int source_width, uint64_t pixels)
{
	return BASE_BYTES + (uint64_t)source_width * BYTES_PER_COLUMN + pixels * BYTES_PER_OUTPUT_PIXEL;
}
