/* SPDX-License-Identifier: Apache-2.0 */
/* The stage `resize`: what it makes of pictures of every kind, and what it refuses. */
#include "stage_host.h" /* first: cmocka makes a macro of `fail` */

#include "harness.h"
#include "pictures.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define RESIZE KAKEHI_BUILD_DIR "/stages/resize.so"

/* Options come as pairs of name and value, closed by NULL. */
static struct stage_host *start(const char *const *options)
{
	struct stage_host *host = stage_host_load(RESIZE);
	for (; options && *options; options += 2)
		stage_host_set(host, options[0], options[1]);
	if (stage_host_start(host) != 0)
		fail_msg("%s", host->why);
	return host;
}
#define START(...) start((const char *const[]){__VA_ARGS__, NULL})

static struct stage_item *put(struct stage_host *host, struct picture picture)
{
	struct stage_item *item = stage_host_put(host, "picture", picture.data, picture.size);
	g_free(picture.data);
	return item;
}

static VipsImage *passed(struct stage_item *item)
{
	if (item->verdict != KK_PASS)
		fail_msg("failed: %s", item->message);
	assert_true(item->committed);
	return picture_load(item->output, item->size);
}

static void assert_failed(struct stage_item *item, enum kk_fail_class class, const char *part)
{
	if (item->verdict != KK_FAIL || item->fail != class || !strstr(item->message, part))
		fail_msg("verdict %d, class %d: %s", item->verdict, item->fail, item->message);
	assert_null(strpbrk(item->message, "\n\r\t\x1b"));
}

static void assert_size(struct stage_item *item, int width, int height)
{
	VipsImage *image = passed(item);
	assert_int_equal(image->Xsize, width);
	assert_int_equal(image->Ysize, height);
	assert_string_equal(stage_host_field(item, "width"), harness_text("%d", width));
	assert_string_equal(stage_host_field(item, "height"), harness_text("%d", height));
	g_object_unref(image);
}

static void assert_near(double is, double should, double by)
{
	if (is < should - by || is > should + by)
		fail_msg("%g is not near %g", is, should);
}

static void assert_colour(struct stage_item *item, const double *colour, double by)
{
	VipsImage *image = passed(item);
	for (int band = 0; band < 3; band++)
		assert_near(picture_pixel(image, image->Xsize / 2, image->Ysize / 2, image->Bands < 3 ? 0 : band),
		            colour[band], by);
	g_object_unref(image);
}

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
	    {".jpg", "jpeg"},  {".jpg[interlace]", "jpeg"}, {".png", "png"},          {".png[interlace]", "png"},
	    {".webp", "webp"}, {".webp[lossless]", "webp"}, {".png[palette]", "png"}, {".gif", "gif"},
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

/* ---- refusals */

static void test_what_is_no_picture(void **state)
{
	static const struct {
		const char *bytes, *part;
	} rows[] = {
	    {"", "empty"},
	    {"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "<svg"},
	    {"%PDF-1.7\n1 0 obj", "%PDF-1.7"},
	    {"BM\x46\x01", "BMF"},
	    {"P6 1 1 255 abc", "P6"},
	    {"<html>404</html>", "<html>"},
	    {"RIFFxxxxWAVEfmt ", "RIFF"},
	    {"\x1b[31m\xff\n", ".[31m.."},
	    {"\xff\xd8", ".."},
	};
	struct stage_host *host = START("width", "50");
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stage_item *item = stage_host_put(host, "x", rows[i].bytes, strlen(rows[i].bytes));
		assert_failed(item, KK_FAIL_NOT_AN_IMAGE, rows[i].part);
	}
	assert_failed(stage_host_put(host, "x", NULL, 0), KK_FAIL_NOT_AN_IMAGE, "empty");
	assert_failed(put(host, picture_save(picture_detailed(20, 20, 3), ".tif")), KK_FAIL_NOT_AN_IMAGE, "a tiff");
	stage_host_unload(host);
}

/* Files that are two things at once are what their first bytes say, or nothing. */
static void test_polyglots_are_what_their_magic_says(void **state)
{
	static const char *const heads[] = {"GIF89a", "GIF87a", "\x89PNG\r\n\x1a\n", "\xff\xd8\xff", "RIFF0000WEBP"};
	static const char *const tails[] = {
	    "          <svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'></svg>",
	    "          %PDF-1.4 1 0 obj <</Pages 2 0 R>>", "", "\xe0\x10JFIF"};
	struct stage_host *host = START("width", "50");
	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		for (size_t k = 0; k < sizeof(tails) / sizeof(tails[0]); k++) {
			char *bytes = harness_text("%s%s", heads[i], tails[k]);
			assert_failed(stage_host_put(host, "x", bytes, strlen(bytes)), KK_FAIL_NOT_AN_IMAGE, "cannot ");
		}
	}
	struct picture picture = picture_save(picture_detailed(80, 40, 3), ".jpg");
	char *both = g_malloc(picture.size + 40);
	memcpy(both, picture.data, picture.size);
	memcpy(both + picture.size, "<svg xmlns='http://www.w3.org/2000/svg'/>", 40);
	assert_size(stage_host_put(host, "x", both, picture.size + 40), 50, 25);
	g_free(both);
	g_free(picture.data);
	stage_host_unload(host);
}

static void test_truncated_pictures_fail(void **state)
{
	static const char *const suffixes[] = {".jpg", ".jpg[interlace]", ".png", ".png[interlace]", ".webp", ".gif"};
	struct stage_host *host = START("width", "50");
	(void)state;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		struct picture picture = picture_save(picture_detailed(640, 480, 3), suffixes[i]);
		for (size_t part = 1; part < 8; part++) {
			struct stage_item *item = stage_host_put(host, "x", picture.data, picture.size * part / 8);
			if (item->verdict != KK_FAIL || item->fail != KK_FAIL_NOT_AN_IMAGE)
				fail_msg("%s, %zu/8: verdict %d, %s", suffixes[i], part, item->verdict, item->message);
			assert_failed(item, KK_FAIL_NOT_AN_IMAGE, "cannot");
		}
		g_free(picture.data);
	}
	stage_host_unload(host);
}

static void test_limits_are_checked_on_the_header(void **state)
{
	struct stage_host *host = START("width", "50");
	(void)state;
	assert_failed(put(host, picture_png_header(30000, 30000)), KK_FAIL_TOO_LARGE, "900000000");
	assert_failed(put(host, picture_png_header(40000, 1)), KK_FAIL_TOO_LARGE, "40000x1");
	stage_host_unload(host);
	host = START("width", "50", "max_pixels", "9999");
	assert_failed(put(host, picture_save(picture_detailed(100, 100, 3), ".png")), KK_FAIL_TOO_LARGE, "max_pixels");
	assert_size(put(host, picture_save(picture_detailed(101, 99, 3), ".png")), 50, 49);
	stage_host_unload(host);
}

static void test_results_larger_than_max_output_fail(void **state)
{
	struct stage_host *host = START("width", "500", "height", "500", "max_output", "1KiB");
	(void)state;
	assert_int_equal(host->demand.largest, 1024);
	assert_failed(put(host, picture_save(picture_detailed(600, 600, 3), ".png")), KK_FAIL_TOO_LARGE, "1024");
	stage_host_unload(host);
}

static void test_plan_refuses_what_cannot_be(void **state)
{
	static const char *const wrong[][4] = {
	    {"background", "whitish", "background", "#ffffff"},
	    {"background", "#12345g", "background", "#ffffff"},
	    {"format", "webp", "width", "16384"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct stage_host *host = stage_host_load(RESIZE);
		stage_host_set(host, wrong[i][2], wrong[i][3]);
		stage_host_set(host, wrong[i][0], wrong[i][1]);
		assert_int_equal(stage_host_plan(host), -1);
		assert_true(strlen(host->why) > 10);
		stage_host_unload(host);
	}
}

/* ---- the process it runs in */

/* Each in a process of its own: resizes and writes down what came out. */
static void resize_into(const char *path, struct picture picture, int times)
{
	struct stage_host *host = START("width", "200", "height", "200");
	struct stage_item *item = NULL;
	for (int i = 0; i < times; i++)
		item = stage_host_put(host, "x", picture.data, picture.size);
	assert_int_equal(item->verdict, KK_PASS);
	harness_write(path, item->output, item->size);
	stage_host_unload(host);
}

static void run_in_child(void (*run)(const char *, struct picture, int), const char *path, struct picture picture,
                         int n)
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		run(path, picture, n);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void save_photo(const char *path, struct picture unused, int n)
{
	(void)unused, (void)n;
	struct picture photo = picture_photo();
	harness_write(path, photo.data, photo.size);
}

static void test_same_bytes_in_every_process(void **state)
{
	size_t size, other_size;
	(void)state;
	/* libvips has threads and must not be started before a fork, so the photo too is made in a child. */
	run_in_child(save_photo, harness_path("photo"), (struct picture){0}, 0);
	struct picture photo;
	photo.data = harness_read(harness_path("photo"), &photo.size);
	run_in_child(resize_into, harness_path("1"), photo, 1);
	char *first = harness_read(harness_path("1"), &size);
	for (int n = 2; n <= 4; n++) {
		run_in_child(resize_into, harness_path("%d", n), photo, n);
		char *other = harness_read(harness_path("%d", n), &other_size);
		assert_int_equal(size, other_size);
		assert_memory_equal(first, other, size);
	}
}

/* Sanitizers map more memory than a limit on it would leave. */
static bool sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#elif defined(__has_feature)
	return __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
	return false;
#endif
}

static uint64_t data_bytes(void)
{
	char *status = harness_read("/proc/self/status", NULL);
	return strtoull(strstr(status, "VmData:") + 7, NULL, 10) * 1024;
}

static void limit_data(uint64_t more)
{
	struct rlimit limit = {.rlim_cur = data_bytes() + more, .rlim_max = RLIM_INFINITY};
	assert_int_equal(setrlimit(RLIMIT_DATA, &limit), 0);
}

static void test_memory_stays_flat(void **state)
{
	struct stage_host *host = START("width", "64", "height", "64");
	struct picture good[] = {picture_save(picture_detailed(320, 240, 3), ".jpg"),
	                         picture_save(picture_detailed(320, 240, 4), ".png"),
	                         picture_save(picture_detailed(320, 240, 3), ".webp")};
	uint64_t before = 0;
	(void)state;
	for (int i = 0; i < 2000; i++) {
		if (i == 200) {
			before = data_bytes();
			if (!sanitized())
				limit_data(16 << 20);
		}
		const struct picture *picture = &good[i % 3];
		size_t size = i % 5 == 4 ? picture->size / 2 : picture->size;
		struct stage_item *item = stage_host_put(host, "x", picture->data, size);
		if (item->verdict != (i % 5 == 4 ? KK_FAIL : KK_PASS))
			fail_msg("picture %d: verdict %d, %s", i, item->verdict, item->message);
		stage_host_forget(host, item);
	}
	if (!sanitized() && data_bytes() > before + (4 << 20))
		fail_msg("private memory grew from %llu to %llu", (unsigned long long)before,
		         (unsigned long long)data_bytes());
	for (size_t i = 0; i < 3; i++)
		g_free(good[i].data);
	stage_host_unload(host);
}

/* What the plan declares is enough for large photos, and a picture that takes more is refused, not died of. The host's
 * copy of the input counts too. */
static void test_declared_heap_is_enough(void **state)
{
	(void)state;
	if (sanitized())
		skip();
	struct picture photo = picture_save(picture_detailed(6400, 4800, 3), ".jpg");
	struct picture progressive = picture_save(picture_detailed(8000, 6000, 3), ".jpg[interlace]");
	struct picture plain = picture_save(picture_detailed(6400, 4800, 3), ".png[compression=1]");
	struct picture smaller = picture_save(picture_detailed(4000, 3000, 3), ".jpg[interlace]");
	struct stage_host *host = START("width", "1024", "height", "1024");
	limit_data(host->demand.heap + plain.size);
	assert_size(put(host, photo), 1024, 768);
	assert_size(put(host, plain), 1024, 768);
	limit_data(host->demand.heap + progressive.size);
	assert_failed(put(host, progressive), KK_FAIL_MEMORY, "heap");
	assert_size(put(host, smaller), 1024, 768);
	stage_host_unload(host);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_fit_gives_exact_sizes),
    cmocka_unit_test(test_orientation_is_applied),
    cmocka_unit_test(test_orientation_turns_the_right_way),
    cmocka_unit_test(test_profiles_are_converted_to_srgb),
    cmocka_unit_test(test_plain_colours_stay),
    cmocka_unit_test(test_cmyk_without_a_profile),
    cmocka_unit_test(test_transparent_parts_show_the_background),
    cmocka_unit_test(test_formats_in_and_out),
    cmocka_unit_test(test_metadata_is_stripped_unless_kept),
    cmocka_unit_test(test_animations_give_their_first_frame),
    cmocka_unit_test(test_what_is_no_picture),
    cmocka_unit_test(test_polyglots_are_what_their_magic_says),
    cmocka_unit_test(test_truncated_pictures_fail),
    cmocka_unit_test(test_limits_are_checked_on_the_header),
    cmocka_unit_test(test_results_larger_than_max_output_fail),
    cmocka_unit_test(test_plan_refuses_what_cannot_be),
    cmocka_unit_test(test_same_bytes_in_every_process),
    cmocka_unit_test(test_memory_stays_flat),
    cmocka_unit_test(test_declared_heap_is_enough),
};
HARNESS_MAIN(tests)
