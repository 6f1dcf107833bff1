/* SPDX-License-Identifier: Apache-2.0 */
/* The stage `resize`: what it makes of pictures of every kind. */
#include "resizing.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double red[] = {255, 0, 0, 255}, teal[] = {20, 120, 130, 255};

/* ---- sizes */

static void test_fit_gives_exact_sizes(void **state)
{
	static const struct {
		const char *fit, *enlarge;
		int source_width, source_height, box_width, box_height, width, height;
	} rows[] = {
	    {"inside", "false", 1500, 1000, 256, 256, 256, 171}, {"inside", "false", 1000, 1500, 256, 256, 171, 256},
	    {"inside", "false", 2000, 20, 256, 256, 256, 3},     {"inside", "false", 4000, 3, 200, 200, 200, 1},
	    {"inside", "false", 100, 50, 256, 256, 100, 50},     {"inside", "true", 100, 50, 256, 256, 256, 128},
	    {"inside", "false", 300, 100, 256, 256, 256, 85},    {"inside", "false", 1, 1, 256, 256, 1, 1},
	    {"cover", "false", 1500, 1000, 256, 256, 256, 256},  {"cover", "false", 1000, 1500, 300, 100, 300, 100},
	    {"cover", "false", 1000, 100, 256, 256, 256, 100},   {"cover", "true", 100, 50, 256, 256, 256, 256},
	    {"cover", "false", 100, 50, 256, 256, 100, 50},      {"fill", "false", 1500, 1000, 256, 256, 256, 256},
	    {"fill", "false", 1500, 1000, 77, 333, 77, 333},     {"fill", "false", 100, 50, 256, 20, 100, 20},
	    {"fill", "true", 100, 50, 256, 256, 256, 256},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stage_host *host =
		    START("fit", rows[i].fit, "enlarge", rows[i].enlarge, "width",
		          harness_text("%d", rows[i].box_width), "height", harness_text("%d", rows[i].box_height));
		VipsImage *source = picture_detailed(rows[i].source_width, rows[i].source_height, 3);
		struct stage_item *item = put(host, picture_save(source, i % 2 ? ".jpg" : ".png"));
		assert_size(item, rows[i].width, rows[i].height);
		assert_string_equal(stage_host_field(item, "source_width"), harness_text("%d", rows[i].source_width));
		stage_host_unload(host);
	}
}

/* ---- the rules, told in another way than the stage computes them */

static bool about(int side, double should)
{
	return side >= 1 && (side == 1 || fabs(side - should) <= 1);
}

/* check_rules - what must be true of a result of width x height. */
static void check_rules(const char *fit, bool enlarge, int sw, int sh, int bw, int bh, int w, int h, const char *what)
{
	double ratio = (double)sw / sh;
	bool shape = about(w, h * ratio) || about(h, w / ratio), good;
	bool outside = strcmp(fit, "outside") == 0;
	bool stays = !enlarge && ((sw <= bw && sh <= bh) || (outside && (sw < bw || sh < bh)));
	if (strcmp(fit, "pad") == 0)
		good = w == bw && h == bh;
	else if (stays)
		good = w == sw && h == sh;
	else if (strcmp(fit, "fill") == 0)
		good = w == (enlarge || sw > bw ? bw : sw) && h == (enlarge || sh > bh ? bh : sh);
	else if (strcmp(fit, "cover") == 0)
		good = w <= bw && h <= bh && (w == bw || w == sw) && (h == bh || h == sh);
	else
		good = shape && (w == bw || h == bh) && (outside ? w >= bw && h >= bh : w <= bw && h <= bh);
	if (!good)
		fail_msg("%s: %dx%d", what, w, h);
}

static void test_sizes_obey_the_rules(void **state)
{
	static const char *const fits[] = {"inside", "outside", "cover", "fill", "pad"}, *const bools[] = {"false",
	                                                                                                   "true"};
	static const int sources[][2] = {{301, 199}, {64, 65}, {17, 90}, {1, 7}, {640, 33}};
	static const int boxes[][2] = {{64, 64}, {97, 31}, {33, 120}};
	(void)state;
	for (int f = 0; f < 5 * 2 * 3; f++) {
		const char *fit = fits[f % 5];
		int enlarge = f / 5 % 2, bw = boxes[f / 10][0], bh = boxes[f / 10][1];
		struct stage_host *host = START("fit", fit, "enlarge", bools[enlarge], "width", harness_text("%d", bw),
		                                "height", harness_text("%d", bh));
		for (int i = 0; i < 5 * 2; i++) {
			int orientation = 1 + (f + i) % 8, lies = orientation >= 5;
			VipsImage *source = picture_detailed(sources[i % 5][lies], sources[i % 5][!lies], 3);
			vips_image_set_int(source, VIPS_META_ORIENTATION, orientation);
			struct stage_item *item = put(host, picture_save(source, i < 5 ? ".jpg" : ".webp"));
			VipsImage *image = passed(item);
			check_rules(fit, enlarge, sources[i % 5][0], sources[i % 5][1], bw, bh, image->Xsize,
			            image->Ysize,
			            harness_text("%s of %dx%d in %dx%d, orientation %d", fit, sources[i % 5][0],
			                         sources[i % 5][1], bw, bh, orientation));
			assert_size(item, image->Xsize, image->Ysize);
			g_object_unref(image);
		}
		stage_host_unload(host);
	}
}

static void test_orientation_is_applied(void **state)
{
	struct stage_host *host = START("width", "120", "height", "120");
	(void)state;
	for (int orientation = 1; orientation <= 8; orientation++) {
		VipsImage *source = picture_detailed(400, 200, 3);
		vips_image_set_int(source, VIPS_META_ORIENTATION, orientation);
		struct stage_item *item = put(host, picture_save(source, ".jpg"));
		bool sideways = orientation >= 5;
		assert_size(item, sideways ? 60 : 120, sideways ? 120 : 60);
		assert_string_equal(stage_host_field(item, "source_width"), sideways ? "200" : "400");
		VipsImage *image = passed(item);
		assert_int_equal(vips_image_get_typeof(image, VIPS_META_ORIENTATION), 0);
		g_object_unref(image);
	}
	stage_host_unload(host);
}

/* The picture is dark at its left end; turned a quarter clockwise (6) that end is on top. */
static void test_orientation_turns_the_right_way(void **state)
{
	struct stage_host *host = START("width", "120", "height", "120");
	VipsImage *source = picture_detailed(400, 200, 3);
	(void)state;
	vips_image_set_int(source, VIPS_META_ORIENTATION, 6);
	VipsImage *image = passed(put(host, picture_save(source, ".jpg")));
	assert_true(picture_pixel(image, 30, 5, 1) + 100 < picture_pixel(image, 30, 115, 1));
	g_object_unref(image);
	stage_host_unload(host);
}

/* ---- colours */

static struct picture in_profile(const char *profile, const double *colour, const char *suffix)
{
	VipsImage *source = picture_plain(64, 64, 3, colour), *converted = NULL;
	if (vips_icc_transform(source, &converted, profile, "input_profile", "srgb", NULL) != 0)
		fail_msg("%s", vips_error_buffer());
	g_object_unref(source);
	return picture_save(converted, suffix);
}

static void test_profiles_are_converted_to_srgb(void **state)
{
	struct stage_host *host = START("width", "32", "height", "32", "quality", "100");
	(void)state;
	assert_colour(put(host, in_profile("p3", red, ".jpg[Q=100]")), red, 5);
	assert_colour(put(host, in_profile("p3", teal, ".png")), teal, 5);
	assert_colour(put(host, in_profile("p3", teal, ".webp[lossless]")), teal, 5);
	assert_colour(put(host, in_profile("cmyk", teal, ".jpg[Q=100]")), teal, 25);
	stage_host_unload(host);
}

static void test_plain_colours_stay(void **state)
{
	struct stage_host *host = START("width", "32", "height", "32", "format", "png");
	static const double grey[] = {90, 90, 90};
	VipsImage *wide = NULL, *source;
	(void)state;
	assert_colour(put(host, picture_save(picture_plain(64, 64, 3, teal), ".png")), teal, 0);
	assert_colour(put(host, picture_save(picture_plain(64, 64, 1, grey), ".png")), grey, 0);
	assert_colour(put(host, picture_save(picture_plain(64, 64, 1, grey), ".jpg")), grey, 1);
	source = picture_plain(64, 64, 3, teal);
	assert_int_equal(vips_colourspace(source, &wide, VIPS_INTERPRETATION_RGB16, NULL), 0);
	g_object_unref(source);
	assert_colour(put(host, picture_save(wide, ".png")), teal, 0);
	stage_host_unload(host);
}

static void test_cmyk_without_a_profile(void **state)
{
	struct stage_host *host = START("width", "32", "height", "32", "quality", "100");
	(void)state;
	struct stage_item *item = put(host, in_profile("cmyk", teal, ".jpg[Q=100,strip]"));
	VipsImage *image = passed(item);
	assert_int_equal(image->Bands, 3);
	g_object_unref(image);
	assert_colour(item, teal, 25);
	stage_host_unload(host);
}

static void test_transparent_parts_show_the_background(void **state)
{
	static const double clear[] = {255, 0, 0, 0}, clear_grey[] = {10, 0}, behind[] = {0x20, 0x80, 0xc0};
	struct stage_host *host = START("width", "32", "height", "32", "background", "#2080C0", "quality", "100");
	(void)state;
	assert_colour(put(host, picture_save(picture_plain(64, 64, 4, clear), ".png")), behind, 3);
	assert_colour(put(host, picture_save(picture_plain(64, 64, 2, clear_grey), ".png")), behind, 3);
	assert_colour(put(host, picture_save(picture_plain(64, 64, 4, red), ".png")), red, 3);
	stage_host_unload(host);

	host = START("width", "32", "height", "32", "format", "webp");
	VipsImage *image = passed(put(host, picture_save(picture_plain(64, 64, 4, clear), ".png")));
	assert_true(vips_image_hasalpha(image));
	assert_near(picture_pixel(image, 16, 16, 3), 0, 0);
	g_object_unref(image);
	stage_host_unload(host);
}

/* ---- formats and metadata */

static void test_formats_in_and_out(void **state)
{
	static const char *const outputs[] = {"jpeg", "png", "webp", "keep"};
	static const char *const sources[][2] = {
	    {".jpg", "jpeg"},         {".jpg[interlace]", "jpeg"},
	    {".png", "png"},          {".png[interlace]", "png"},
	    {".webp", "webp"},        {".webp[lossless]", "webp"},
	    {".png[palette]", "png"}, {".png[palette,bitdepth=1]", "png"},
	    {".gif", "gif"},
	};
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct stage_host *host = START("format", outputs[i], "width", "50", "height", "50");
		for (size_t k = 0; k < sizeof(sources) / sizeof(sources[0]); k++) {
			struct stage_item *item = put(host, picture_save(picture_detailed(200, 100, 3), sources[k][0]));
			const char *expected = i < 3                          ? outputs[i]
			                       : strcmp(sources[k][1], "gif") ? sources[k][1]
			                                                      : "png";
			assert_size(item, 50, 25);
			assert_string_equal(stage_host_field(item, "source_format"), sources[k][1]);
			assert_string_equal(stage_host_field(item, "content_type"), harness_text("image/%s", expected));
		}
		stage_host_unload(host);
	}
}

static struct picture with_exif(void)
{
	VipsImage *source = picture_detailed(200, 100, 3);
	vips_image_set_string(source, "exif-ifd0-ImageDescription", "where I live");
	return picture_save(source, ".jpg");
}

static bool contains(const struct stage_item *item, const char *text)
{
	return memmem(item->output, item->size, text, strlen(text)) != NULL;
}

static void test_metadata_is_stripped_unless_kept(void **state)
{
	struct stage_host *host = START("width", "50");
	(void)state;
	struct stage_item *item = put(host, with_exif());
	assert_size(item, 50, 25);
	assert_false(contains(item, "where I live"));
	assert_false(contains(item, "Exif"));
	stage_host_unload(host);
	host = START("width", "50", "metadata", "keep");
	item = put(host, with_exif());
	assert_size(item, 50, 25);
	assert_true(contains(item, "where I live"));
	stage_host_unload(host);
}

static void test_animations_give_their_first_frame(void **state)
{
	static const char *const suffixes[] = {".gif", ".webp"};
	struct stage_host *host = START("width", "64", "height", "64", "quality", "100");
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		VipsImage *frames[2] = {picture_plain(128, 64, 3, teal), picture_plain(128, 64, 3, red)}, *film = NULL;
		assert_int_equal(vips_arrayjoin(frames, &film, 2, "across", 1, NULL), 0);
		g_object_unref(frames[0]);
		g_object_unref(frames[1]);
		vips_image_set_int(film, VIPS_META_PAGE_HEIGHT, 64);
		struct stage_item *item = put(host, picture_save(film, suffixes[i]));
		assert_size(item, 64, 32);
		assert_colour(item, teal, 8);
	}
	stage_host_unload(host);
}

/* A grey picture with one bright, detailed spot at its right end. */
static VipsImage *with_spot(void)
{
	static const double grey[] = {90, 90, 90};
	VipsImage *image = picture_plain(600, 200, 3, grey), *copy = vips_image_copy_memory(image);
	assert_non_null(copy);
	g_object_unref(image);
	for (int i = 0; i < 60; i += 6) {
		double colour[] = {255, i * 4, 20};
		assert_int_equal(vips_draw_rect(copy, colour, 3, 500 + i, 60 + i, 60 - i, 80 - i, "fill", TRUE, NULL),
		                 0);
	}
	return copy;
}

static void test_gravity_finds_what_matters(void **state)
{
	static const char *const gravities[] = {"centre", "attention", "entropy"};
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct stage_host *host =
		    START("width", "60", "height", "60", "fit", "cover", "gravity", gravities[i], "format", "png");
		for (int k = 0; k < 2; k++) {
			VipsImage *image = passed(put(host, picture_save(with_spot(), k ? ".jpg[Q=95]" : ".png")));
			double reddest = 0;
			assert_int_equal(image->Xsize, 60);
			assert_int_equal(image->Ysize, 60);
			for (int x = 0; x < 60; x++)
				reddest = fmax(reddest, picture_pixel(image, x, 30, 0));
			assert_int_equal(reddest > 200, i > 0);
			g_object_unref(image);
		}
		stage_host_unload(host);
	}
}

static void test_every_kernel_and_speed(void **state)
{
	static const char *const kernels[] = {"nearest", "linear", "cubic", "mitchell", "lanczos2", "lanczos3"};
	static const char *const speeds[] = {"best", "balanced", "fast"};
	(void)state;
	for (int i = 0; i < 6 * 3; i++) {
		struct stage_host *host =
		    START("width", "90", "height", "90", "kernel", kernels[i % 6], "speed", speeds[i / 6]);
		struct stage_item *item = put(host, picture_save(picture_plain(701, 499, 3, teal), ".jpg[Q=95]"));
		assert_size(item, 90, 64);
		assert_colour(item, teal, 3);
		assert_size(put(host, picture_save(picture_detailed(701, 499, 4), ".png")), 90, 64);
		stage_host_unload(host);
	}
}

static void test_colours_by_name(void **state)
{
	static const struct {
		const char *name;
		double colour[3];
	} rows[] = {
	    {"White", {255, 255, 255}}, {"navy", {0, 0, 128}}, {"#f80", {255, 136, 0}}, {"#FF8800", {255, 136, 0}}};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static const double clear[] = {0, 0, 0, 0};
		struct stage_host *host = START("width", "32", "height", "32", "background", rows[i].name);
		assert_colour(put(host, picture_save(picture_plain(40, 40, 4, clear), ".png")), rows[i].colour, 4);
		stage_host_unload(host);
	}
}

static void test_avif_both_ways(void **state)
{
	struct stage_host *host = START("width", "64", "height", "64", "format", "avif", "effort", "0");
	(void)state;
	struct stage_item *item = put(host, picture_save(picture_plain(200, 100, 3, teal), ".jpg[Q=95]"));
	assert_size(item, 64, 32);
	assert_string_equal(stage_host_field(item, "content_type"), "image/avif");
	assert_colour(item, teal, 6);
	struct picture avif = {g_memdup2(item->output, item->size), item->size};
	stage_host_unload(host);
	host = START("width", "32", "height", "32", "types", "avif");
	item = put(host, avif);
	assert_size(item, 32, 16);
	assert_string_equal(stage_host_field(item, "source_format"), "avif");
	assert_failed(put(host, picture_save(picture_plain(20, 10, 3, teal), ".png")), KK_FAIL_NOT_AN_IMAGE, "types");
	stage_host_unload(host);
}

static void test_png_and_webp_options(void **state)
{
	static const char *const rows[][4] = {{"png", "compression", "0", "9"},
	                                      {"png", "palette", "false", "true"},
	                                      {"webp", "quality", "100", "20"},
	                                      {"webp", "lossless", "true", "false"}};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t sizes[2];
		for (int k = 0; k < 2; k++) {
			struct stage_host *host =
			    START("format", rows[i][0], rows[i][1], rows[i][2 + k], "max_output", "1MiB");
			struct stage_item *item = put(host, picture_save(picture_detailed(300, 200, 3), ".png"));
			assert_size(item, 256, 171);
			sizes[k] = item->size;
			stage_host_unload(host);
		}
		assert_true(sizes[1] < sizes[0]);
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_fit_gives_exact_sizes),
    cmocka_unit_test(test_sizes_obey_the_rules),
    cmocka_unit_test(test_gravity_finds_what_matters),
    cmocka_unit_test(test_every_kernel_and_speed),
    cmocka_unit_test(test_colours_by_name),
    cmocka_unit_test(test_avif_both_ways),
    cmocka_unit_test(test_png_and_webp_options),
    cmocka_unit_test(test_orientation_is_applied),
    cmocka_unit_test(test_orientation_turns_the_right_way),
    cmocka_unit_test(test_profiles_are_converted_to_srgb),
    cmocka_unit_test(test_plain_colours_stay),
    cmocka_unit_test(test_cmyk_without_a_profile),
    cmocka_unit_test(test_transparent_parts_show_the_background),
    cmocka_unit_test(test_formats_in_and_out),
    cmocka_unit_test(test_metadata_is_stripped_unless_kept),
    cmocka_unit_test(test_animations_give_their_first_frame),
};
HARNESS_MAIN(tests)
