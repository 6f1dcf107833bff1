/* SPDX-License-Identifier: Apache-2.0 */
/* The stage `resize`: what it refuses, and that hostile pictures cost no more than themselves. */
#include "resizing.h"
#include <stdlib.h>
#include <string.h>

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
	assert_failed(put(host, picture_save(picture_detailed(20, 20, 3), ".tif")), KK_FAIL_NOT_AN_IMAGE,
	              "tiff, which");
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

/* What makes a picture fail is told, and nothing that earlier ones, which may even have passed, have left behind. */
static void test_reasons_are_those_of_the_picture(void **state)
{
	static const char *const cuts[][2] = {{".png", "decode: vipspng: libpng read error"},
	                                      {".png[interlace]", "decode: not enough data"},
	                                      {".avif", "header: heif: Invalid input"}};
	struct stage_host *host = START("width", "50", "types", "avif", "types", "png", "types", "gif");
	struct picture headless = picture_png_header(16, 16);
	(void)state;
	memcpy((char *)headless.data + 12, "IDAT", 4);
	assert_failed(stage_host_put(host, "x", "GIF89a", 6), KK_FAIL_NOT_AN_IMAGE, "header: gifload_buffer: ");
	assert_size(put(host, picture_save(picture_detailed(64, 64, 3), ".avif")), 50, 50);
	assert_failed(put(host, headless), KK_FAIL_NOT_AN_IMAGE, "header: IDAT: Missing IHDR");
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct picture picture = picture_save(picture_detailed(640, 480, 3), cuts[i][0]);
		picture.size /= 2;
		assert_failed(put(host, picture), KK_FAIL_NOT_AN_IMAGE, cuts[i][1]);
	}
	stage_host_unload(host);
}

/* A picture of 16 x 16 samples whose tiles are said to be of 65520 x 65520: the decoder is not to make room for one. */
static void test_tiles_larger_than_their_picture(void **state)
{
	static const unsigned char tiff[] = {
	    'I',  'I', '*', 0, 8,   0,    0, 0, 9,    0,          /* nine entries          */
	    0,    1,   4,   0, 1,   0,    0, 0, 16,   0,    0, 0, /* width                 */
	    1,    1,   4,   0, 1,   0,    0, 0, 16,   0,    0, 0, /* height                */
	    2,    1,   3,   0, 1,   0,    0, 0, 8,    0,    0, 0, /* bits                  */
	    3,    1,   3,   0, 1,   0,    0, 0, 5,    0,    0, 0, /* LZW                   */
	    6,    1,   3,   0, 1,   0,    0, 0, 1,    0,    0, 0, /* black is zero         */
	    0x42, 1,   4,   0, 1,   0,    0, 0, 0xf0, 0xff, 0, 0, /* a tile's width        */
	    0x43, 1,   4,   0, 1,   0,    0, 0, 0xf0, 0xff, 0, 0, /* and height            */
	    0x44, 1,   4,   0, 1,   0,    0, 0, 122,  0,    0, 0, /* where it is           */
	    0x45, 1,   4,   0, 1,   0,    0, 0, 8,    0,    0, 0, /* and its bytes         */
	    0,    0,   0,   0, 128, 0x80, 0, 0, 0,    0,    0, 0, /* no more; eight bytes  */
	};
	struct stage_host *host = START("width", "8", "types", "tiff");
	(void)state;
	if (!sanitized())
		limit_data(host->demand.heap);
	assert_failed(stage_host_put(host, "x", tiff, sizeof(tiff)), KK_FAIL_NOT_AN_IMAGE, "tile size out of range");
	assert_size(put(host, picture_save(picture_detailed(16, 16, 3), ".tif[tile]")), 8, 8);
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
	    {"gravity", "attention", "fit", "inside"},
	    {"types", "svg", "width", "10"},
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

static void test_enlarging_has_limits(void **state)
{
	struct stage_host *host =
	    START("width", "4000", "height", "4000", "fit", "outside", "enlarge", "true", "max_pixels", "20000000");
	(void)state;
	assert_failed(put(host, picture_save(picture_detailed(3000, 2, 3), ".jpg")), KK_FAIL_TOO_LARGE, "on the way");
	assert_failed(put(host, picture_save(picture_detailed(2, 3000, 3), ".png")), KK_FAIL_TOO_LARGE, "on the way");
	stage_host_unload(host);
}

/* Chunks that unpack to far more than they are: dropped or refused, within the memory that was declared. */
static void test_png_chunks_that_are_bombs(void **state)
{
	static const char *const chunks[] = {"iCCP", "zTXt", "iTXt"};
	struct stage_host *host = START("width", "8", "height", "8", "profile", "keep", "metadata", "keep");
	(void)state;
	struct picture bombs[3], large[3];
	for (int i = 0; i < 3; i++) {
		bombs[i] = picture_png_bomb(chunks[i], 40 << 20);
		large[i] = picture_png_bomb(chunks[i], 1 << 20);
	}
	if (!sanitized())
		limit_data(host->demand.heap);
	for (int i = 0; i < 3; i++) {
		assert_failed(put(host, bombs[i]), KK_FAIL_TOO_LARGE, "metadata");
		assert_size(put(host, large[i]), 8, 8);
	}
	assert_size(put(host, picture_save(picture_detailed(16, 16, 3), ".png")), 8, 8);
	stage_host_unload(host);
}

/* A profile that is none does not keep a picture from being made. */
static void test_profiles_of_garbage(void **state)
{
	static const char *const suffixes[] = {".jpg", ".png", ".webp"};
	(void)state;
	for (int keep = 0; keep < 2; keep++) {
		struct stage_host *host = START("width", "8", "height", "8", "profile", keep ? "keep" : "srgb");
		for (int i = 0; i < 3; i++) {
			VipsImage *source = picture_detailed(16, 16, 3);
			char *garbage = g_strnfill(3000, 'x');
			vips_image_set_blob_copy(source, VIPS_META_ICC_NAME, garbage, 3000);
			g_free(garbage);
			assert_size(put(host, picture_save(source, suffixes[i])), 8, 8);
		}
		stage_host_unload(host);
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_is_no_picture),
    cmocka_unit_test(test_polyglots_are_what_their_magic_says),
    cmocka_unit_test(test_truncated_pictures_fail),
    cmocka_unit_test(test_reasons_are_those_of_the_picture),
    cmocka_unit_test(test_tiles_larger_than_their_picture),
    cmocka_unit_test(test_enlarging_has_limits),
    cmocka_unit_test(test_png_chunks_that_are_bombs),
    cmocka_unit_test(test_profiles_of_garbage),
    cmocka_unit_test(test_limits_are_checked_on_the_header),
    cmocka_unit_test(test_results_larger_than_max_output_fail),
    cmocka_unit_test(test_plan_refuses_what_cannot_be),
};
HARNESS_MAIN(tests)
