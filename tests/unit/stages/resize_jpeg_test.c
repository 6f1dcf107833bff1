/* SPDX-License-Identifier: Apache-2.0 */
/* The stage `resize`: JPEGs that become JPEGs, which take the short way, against the same made by libvips at leisure.
 */
#include "resizing.h"
#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PHOTOGRAPHS "/usr/share/backgrounds/mate/nature/*.jpg"

static void need(int failed, const char *what)
{
	if (failed)
		fail_msg("%s: %s", what, vips_error_buffer());
}

/* leisurely - decoded in full, upright, and scaled to full_w x full_h; its middle, width x height. */
static VipsImage *leisurely(struct picture picture, int full_w, int full_h, int width, int height)
{
	VipsImage *image = picture_load(picture.data, picture.size), *upright = NULL, *small = NULL, *middle = NULL;
	need(vips_autorot(image, &upright, NULL), "autorot");
	need(vips_resize(upright, &small, (double)full_w / upright->Xsize, "vscale", (double)full_h / upright->Ysize,
	                 "gap", 0.0, NULL),
	     "resize");
	need(vips_extract_area(small, &middle, (full_w - width) / 2, (full_h - height) / 2, width, height, NULL),
	     "crop");
	VipsImage *made = vips_image_copy_memory(middle); /* the bytes may go now */
	need(!made, "copy");
	g_object_unref(image);
	g_object_unref(upright);
	g_object_unref(small);
	g_object_unref(middle);
	return made;
}

/* band_distance - the mean difference of one band. */
static double band_distance(VipsImage *a, VipsImage *b, int band)
{
	VipsImage *bands[2] = {NULL, NULL}, *difference = NULL, *size = NULL;
	double mean = 0;
	need(vips_extract_band(a, &bands[0], band, NULL) || vips_extract_band(b, &bands[1], band, NULL) ||
	         vips_subtract(bands[0], bands[1], &difference, NULL) || vips_abs(difference, &size, NULL) ||
	         vips_avg(size, &mean, NULL),
	     "difference");
	g_object_unref(bands[0]);
	g_object_unref(bands[1]);
	g_object_unref(difference);
	g_object_unref(size);
	return mean;
}

/* assert_alike - same size, nearly the same brightness, and colours on average within `by`. */
static void assert_alike(VipsImage *is, VipsImage *should, double least, double by, const char *what)
{
	assert_int_equal(is->Xsize, should->Xsize);
	assert_int_equal(is->Ysize, should->Ysize);
	double distance = picture_distance(is, should);
	if (distance < least)
		fail_msg("%s: brightness %.2f dB, expected %.2f", what, distance, least);
	for (int band = 0; band < is->Bands && band < should->Bands; band++)
		if (band_distance(is, should, band) > by)
			fail_msg("%s: band %d is off by %.2f", what, band, band_distance(is, should, band));
	g_object_unref(is);
	g_object_unref(should);
}

/* A picture whose colours have edges of their own, at odd places, and whose corners differ. */
static VipsImage *coloured(int width, int height)
{
	VipsImage *image = picture_detailed(width, height, 3), *copy = NULL;
	double red[] = {200, 60, 60}, blue[] = {50, 70, 190}, green[] = {60, 190, 80};
	need(!(copy = vips_image_copy_memory(image)), "copy");
	g_object_unref(image);
	need(vips_draw_rect(copy, red, 3, 0, 0, width / 3, height / 2, "fill", TRUE, NULL) ||
	         vips_draw_rect(copy, blue, 3, width / 2 + 1, height / 3, width / 4, height / 3, "fill", TRUE, NULL) ||
	         vips_draw_rect(copy, green, 3, width / 5, height * 3 / 4, width / 2, height / 4, "fill", TRUE, NULL),
	     "draw");
	return copy;
}

static void test_every_sampling_in_and_out(void **state)
{
	static const struct {
		int across, down;
	} in[] = {{1, 1}, {2, 1}, {2, 2}, {1, 2}, {4, 1}, {1, 4}, {4, 2}};
	static const char *const out[] = {"420", "422", "444"}, *const named[] = {"4:2:0", "4:2:2", "4:4:4"};
	(void)state;
	for (size_t o = 0; o < 3; o++) {
		struct stage_host *host =
		    START("width", "151", "height", "151", "subsampling", out[o], "quality", "95");
		for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
			struct picture source = picture_jpeg(
			    coloured(751, 499), &(struct picture_jpeg){.across = in[i].across, .down = in[i].down});
			VipsImage *should = leisurely(source, 151, 100, 151, 100);
			struct stage_item *item = put(host, source);
			assert_size(item, 151, 100);
			assert_alike(passed(item), should, 34, 3,
			             harness_text("%dx%d to %s", in[i].across, in[i].down, out[o]));
			const char *sampling;
			VipsImage *made = passed(item);
			if (vips_image_get_typeof(made, "jpeg-chroma-subsample")) {
				vips_image_get_string(made, "jpeg-chroma-subsample", &sampling);
				assert_string_equal(sampling, o == 1 ? sampling : named[o]);
			}
			g_object_unref(made);
		}
		stage_host_unload(host);
	}
}

static void test_every_orientation_and_odd_sizes(void **state)
{
	static const char *const out[] = {"420", "422", "444"};
	static const int sides[][2] = {{401, 301}, {400, 300}, {333, 500}, {97, 96}};
	(void)state;
	for (size_t o = 0; o < 3; o++) {
		struct stage_host *host = START("width", "65", "height", "65", "subsampling", out[o], "quality", "98");
		for (int orientation = 1; orientation <= 8; orientation++) {
			for (size_t i = 0; i < 4; i++) {
				int width = sides[i][orientation >= 5], height = sides[i][orientation < 5];
				double scale = 65.0 / fmax(width, height);
				int to_w = (int)rint(width * scale), to_h = (int)rint(height * scale);
				struct picture source = picture_jpeg(
				    coloured(sides[i][0], sides[i][1]),
				    &(struct picture_jpeg){.across = 2, .down = 2, .orientation = orientation});
				VipsImage *should = leisurely(source, to_w, to_h, to_w, to_h);
				struct stage_item *item = put(host, source);
				assert_size(item, to_w, to_h);
				assert_alike(passed(item), should, 30, 4,
				             harness_text("orientation %d of %dx%d, %s", orientation, sides[i][0],
				                          sides[i][1], out[o]));
			}
		}
		stage_host_unload(host);
	}
}

static void test_cover_shows_the_middle(void **state)
{
	struct stage_host *host = START("width", "101", "height", "51", "fit", "cover", "quality", "98");
	(void)state;
	struct picture wide = picture_jpeg(coloured(900, 300), &(struct picture_jpeg){.across = 2, .down = 2});
	VipsImage *should = leisurely(wide, 153, 51, 101, 51);
	assert_alike(passed(put(host, wide)), should, 30, 4, "wide");
	struct picture high = picture_jpeg(coloured(303, 907), &(struct picture_jpeg){.across = 2, .down = 2});
	should = leisurely(high, 101, 302, 101, 51);
	assert_alike(passed(put(host, high)), should, 27, 5, "high"); /* half a pixel apart */
	stage_host_unload(host);
}

static void test_fill_and_enlarge(void **state)
{
	struct stage_host *host = START("width", "203", "height", "77", "fit", "fill", "enlarge", "true", "quality",
	                                "98", "subsampling", "444");
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct picture source = picture_jpeg(coloured(i ? 640 : 64, i ? 480 : 48), &(struct picture_jpeg){0});
		VipsImage *should = leisurely(source, 203, 77, 203, 77);
		assert_alike(passed(put(host, source)), should, 30, i ? 4 : 7, i ? "smaller" : "larger");
	}
	stage_host_unload(host);
}

static void assert_pixel(VipsImage *image, int x, int y, const double *colour, double by)
{
	for (int band = 0; band < 3; band++)
		assert_near(picture_pixel(image, x, y, image->Bands < 3 ? 0 : band), colour[band], by);
}

static void test_pad_borders_are_plain(void **state)
{
	static const double orange[] = {255, 165, 0}, teal[] = {20, 120, 130}, grey[] = {90, 90, 90};
	static const char *const names[] = {"orange", "#ffa500"};
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct stage_host *host = START("width", "90", "height", "61", "fit", "pad", "background", names[i]);
		struct picture sources[] = {
		    picture_jpeg(picture_plain(200, 200, 3, teal), &(struct picture_jpeg){.across = 2, .down = 2}),
		    picture_jpeg(picture_plain(200, 200, 1, grey), &(struct picture_jpeg){0}),
		    picture_save(picture_plain(200, 200, 3, teal), ".png")};
		for (int k = 0; k < 3; k++) {
			struct stage_item *item = put(host, sources[k]);
			assert_size(item, 90, 61);
			VipsImage *image = passed(item);
			assert_pixel(image, 5, 30, orange, 8);
			assert_pixel(image, 11, 3, orange, 8);
			assert_pixel(image, 84, 58, orange, 8);
			assert_pixel(image, 44, 30, k == 1 ? grey : teal, 8);
			g_object_unref(image);
		}
		stage_host_unload(host);
	}
}

static void test_grey_stays_grey(void **state)
{
	struct stage_host *host = START("width", "64", "height", "64", "fit", "pad");
	(void)state;
	struct picture source =
	    picture_jpeg(picture_detailed(301, 201, 1), &(struct picture_jpeg){.progressive = true});
	VipsImage *image = passed(put(host, source));
	assert_int_equal(image->Bands, 1);
	assert_near(picture_pixel(image, 2, 2, 0), 255, 1);
	g_object_unref(image);
	stage_host_unload(host);
}

static void test_jpegs_as_few_write_them(void **state)
{
	static const struct picture_jpeg hows[] = {
	    {.arithmetic = true, .across = 2, .down = 2},
	    {.arithmetic = true, .progressive = true},
	    {.rgb = true},
	    {.separate = true, .across = 2, .down = 1},
	    {.progressive = true, .across = 2, .down = 2},
	    {.quality = 1},
	    {.quality = 100},
	};
	struct stage_host *host = START("width", "100", "height", "100", "quality", "95");
	(void)state;
	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		struct picture source = picture_jpeg(coloured(640, 427), &hows[i]);
		VipsImage *should = leisurely(source, 100, 67, 100, 67);
		assert_alike(passed(put(host, source)), should, 32, 4, harness_text("row %zu", i));
	}
	stage_host_unload(host);
}

/* ---- what is written */

static bool contains(const struct stage_item *item, const void *what, size_t size)
{
	return memmem(item->output, item->size, what, size) != NULL;
}

static void test_progressive_and_optimised(void **state)
{
	size_t sizes[3];
	static const char *const options[][2] = {
	    {"progressive", "false"}, {"optimise", "true"}, {"progressive", "true"}};
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct stage_host *host = START("width", "200", "height", "200", options[i][0], options[i][1]);
		struct stage_item *item = put(host, picture_jpeg(coloured(640, 427), &(struct picture_jpeg){0}));
		assert_size(item, 200, 133);
		assert_int_equal(contains(item, "\xff\xc2", 2), i == 2);
		assert_string_equal(stage_host_field(item, "bytes"), harness_text("%zu", item->size));
		assert_string_equal(stage_host_field(item, "format"), "jpeg");
		sizes[i] = item->size;
		stage_host_unload(host);
	}
	assert_true(sizes[1] < sizes[0] && sizes[2] < sizes[0]);
}

static void test_profiles_go_or_stay(void **state)
{
	static const double teal[] = {20, 120, 130};
	static const char *const formats[] = {"jpeg", "png", "webp"};
	(void)state;
	for (int i = 0; i < 3; i++) {
		for (int keep = 0; keep < 2; keep++) {
			struct stage_host *host = START("width", "32", "height", "32", "format", formats[i], "profile",
			                                keep ? "keep" : "srgb", "quality", "95");
			static const char *const profiles[] = {"srgb", "p3"};
			for (int p = 0; p < 2; p++) {
				struct picture source = picture_jpeg(picture_plain(100, 80, 3, teal),
				                                     &(struct picture_jpeg){.profile = profiles[p]});
				struct stage_item *item = put(host, source);
				VipsImage *image = passed(item);
				assert_int_equal(vips_image_get_typeof(image, VIPS_META_ICC_NAME) != 0, keep);
				double red = picture_pixel(image, 10, 10, 0);
				/* the same numbers mean a stronger colour in a wider space */
				assert_near(red, keep || p == 0 ? 20 : 0, 6);
				g_object_unref(image);
			}
			stage_host_unload(host);
		}
	}
}

static void test_kept_metadata_are_upright(void **state)
{
	static const char *const formats[] = {"jpeg", "webp", "png"};
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct stage_host *host =
		    START("width", "40", "height", "40", "metadata", "keep", "format", formats[i]);
		struct picture source = picture_jpeg(coloured(200, 100), &(struct picture_jpeg){.orientation = 6});
		struct stage_item *item = put(host, source);
		assert_size(item, 20, 40);
		VipsImage *image = passed(item), *upright = NULL;
		assert_int_not_equal(vips_image_get_typeof(image, VIPS_META_EXIF_NAME), 0);
		need(vips_autorot(image, &upright, NULL), "autorot");
		assert_int_equal(upright->Xsize, 20);
		g_object_unref(upright);
		g_object_unref(image);
		stage_host_unload(host);
	}
}

/* ---- what is refused */

/* A cut file gets the same verdict on either way, at whatever byte it is cut. */
static void test_cut_files_fail_on_both_ways(void **state)
{
	struct stage_host *quick = START("width", "50"),
	                  *slow = START("width", "50", "gravity", "entropy", "fit", "cover");
	(void)state;
	for (int progressive = 0; progressive < 2; progressive++) {
		struct picture source = picture_jpeg(
		    coloured(160, 120), &(struct picture_jpeg){.across = 2, .down = 2, .progressive = progressive});
		for (size_t size = source.size + 1; size > 0; size -= size > source.size - 40 || size < 40 ? 1 : 37) {
			size_t given = size > source.size ? source.size : size;
			struct stage_item *a = stage_host_put(quick, "x", source.data, given);
			struct stage_item *b = stage_host_put(slow, "x", source.data, given);
			if (a->verdict != b->verdict || (a->verdict == KK_FAIL && a->fail != b->fail))
				fail_msg("%zu of %zu bytes: %d (%s), %d (%s)", given, source.size, a->verdict,
				         a->message, b->verdict, b->message);
			assert_true(given < source.size - 2 ? a->verdict == KK_FAIL : true);
			stage_host_forget(quick, a);
			stage_host_forget(slow, b);
		}
		g_free(source.data);
	}
	stage_host_unload(quick);
	stage_host_unload(slow);
}

static void test_many_scans_are_a_bomb(void **state)
{
	struct stage_host *quick = START("width", "50"), *slow = START("width", "50", "format", "png");
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct picture source = picture_jpeg(coloured(640, 480), &(struct picture_jpeg){.progressive = true});
		source = picture_repeat_scan(source, 5000);
		assert_failed(put(i ? slow : quick, source), KK_FAIL_NOT_AN_IMAGE, "scans");
	}
	struct picture few = picture_jpeg(coloured(640, 480), &(struct picture_jpeg){.progressive = true});
	assert_size(put(quick, few), 50, 38);
	stage_host_unload(quick);
	stage_host_unload(slow);
}

/* ---- quality, on photographs */

static struct picture photograph(const char *path, int side)
{
	VipsImage *image = NULL;
	need(vips_thumbnail(path, &image, side, "height", side, NULL), path);
	return picture_save(image, ".jpg[Q=92,strip]");
}

static VipsImage *by_libvips(struct picture source, int side)
{
	VipsImage *image = NULL;
	need(vips_thumbnail_buffer(source.data, source.size, &image, side, "height", side, NULL), "thumbnail");
	struct picture small = picture_save(image, ".jpg[Q=90,subsample_mode=on,strip]");
	VipsImage *lazy = picture_load(small.data, small.size), *made = vips_image_copy_memory(lazy);
	need(!made, "copy");
	g_object_unref(lazy);
	g_free(small.data);
	return made;
}

/* At the default speed a photograph is as near to the best that can be made of it as libvips' thumbnail is. */
static void test_photographs_are_as_good_as_libvips(void **state)
{
	static const int sides[] = {480, 801, 1200};
	double ours = 0, theirs = 0;
	glob_t files;
	(void)state;
	if (glob(PHOTOGRAPHS, 0, NULL, &files) != 0)
		skip();
	struct stage_host *host = START("width", "256", "height", "256");
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct picture source = photograph(files.gl_pathv[i], sides[i % 3]);
		VipsImage *libvips = by_libvips(source, 256);
		VipsImage *best = leisurely(source, libvips->Xsize, libvips->Ysize, libvips->Xsize, libvips->Ysize);
		VipsImage *made = passed(put(host, source));
		ours += picture_distance(made, best) / (double)files.gl_pathc;
		theirs += picture_distance(libvips, best) / (double)files.gl_pathc;
		g_object_unref(libvips);
		assert_alike(made, best, 33, 8, files.gl_pathv[i]);
	}
	printf("mean PSNR of brightness: %.2f dB, libvips %.2f dB\n", ours, theirs);
	assert_true(ours > theirs - 0.1);
	globfree(&files);
	stage_host_unload(host);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_sampling_in_and_out),
    cmocka_unit_test(test_every_orientation_and_odd_sizes),
    cmocka_unit_test(test_cover_shows_the_middle),
    cmocka_unit_test(test_fill_and_enlarge),
    cmocka_unit_test(test_pad_borders_are_plain),
    cmocka_unit_test(test_grey_stays_grey),
    cmocka_unit_test(test_jpegs_as_few_write_them),
    cmocka_unit_test(test_progressive_and_optimised),
    cmocka_unit_test(test_profiles_go_or_stay),
    cmocka_unit_test(test_kept_metadata_are_upright),
    cmocka_unit_test(test_cut_files_fail_on_both_ways),
    cmocka_unit_test(test_many_scans_are_a_bomb),
    cmocka_unit_test(test_photographs_are_as_good_as_libvips),
};
HARNESS_MAIN(tests)
