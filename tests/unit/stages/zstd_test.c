/* SPDX-License-Identifier: Apache-2.0 */
/* The stages `compress` and `decompress`: there and back, and what is not what it should be. */
#include "stage_host.h"

#include "harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct stage_host *start(const char *stage, const char *const *options)
{
	struct stage_host *host = stage_host_load(harness_text("%s/stages/%s.so", KAKEHI_BUILD_DIR, stage));
	if (!host->stage)
		fail_msg("%s", host->why);
	for (; *options; options += 2)
		stage_host_set(host, options[0], options[1]);
	if (stage_host_start(host) != 0)
		fail_msg("%s", host->why);
	return host;
}

/* Text that compresses about as well as text does. */
static char *text_of(size_t size)
{
	char *text = harness_keep(malloc(size + 1));
	uint64_t state = 42;
	assert_non_null(text);
	for (size_t i = 0; i < size; i++) {
		state = state * UINT64_C(6364136223846793005) + 1442695040888963407U;
		text[i] = (char)("etaoin shrdlu"[(state >> 60) % 13]);
	}
	text[size] = '\0';
	return text;
}

static struct stage_item *passes(struct stage_host *host, const void *data, size_t size)
{
	struct stage_item *item = stage_host_put(host, "k", data, size);
	if (item->verdict != KK_PASS)
		fail_msg("%s", item->message);
	assert_true(item->committed);
	return item;
}

static void fails(struct stage_host *host, const void *data, size_t size, enum kk_fail_class class, const char *part)
{
	struct stage_item *item = stage_host_put(host, "k", data, size);
	assert_int_equal(item->verdict, KK_FAIL);
	assert_int_equal(item->fail, class);
	if (!strstr(item->message, part))
		fail_msg("\"%s\" has no \"%s\"", item->message, part);
	stage_host_forget(host, item);
}

static void there_and_back(const char *const *to, const char *const *back)
{
	static const size_t sizes[] = {0, 1, 100, 65536, 1 << 20, (1 << 20) + 1};
	struct stage_host *compress = start("compress", to), *decompress = start("decompress", back);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *text = text_of(sizes[i]);
		struct stage_item *packed = passes(compress, text, sizes[i]);
		assert_string_equal(stage_host_field(packed, "raw_bytes"), harness_text("%zu", sizes[i]));
		assert_string_equal(stage_host_field(packed, "compressed_bytes"), harness_text("%zu", packed->size));
		assert_true(packed->size <= ZSTD_compressBound(sizes[i]));
		struct stage_item *item = passes(decompress, packed->output, packed->size);
		assert_int_equal(item->size, sizes[i]);
		assert_memory_equal(item->output, text, sizes[i]);
		assert_string_equal(stage_host_field(item, "raw_bytes"), harness_text("%zu", sizes[i]));
		assert_string_equal(stage_host_field(item, "compression"), "zstd");
	}
	stage_host_unload(compress);
	stage_host_unload(decompress);
}

static void test_there_and_back(void **state)
{
	(void)state;
	there_and_back(OPTIONS("level", "3"), OPTIONS("max_bytes", "2MiB"));
	there_and_back(OPTIONS("level", "-5", "checksum", "false"), OPTIONS("max_ratio", "100"));
	there_and_back(OPTIONS("level", "12", "content_size", "false"), OPTIONS("max_window", "16MiB"));
	there_and_back(OPTIONS("long", "true", "window_log", "24", "content_size", "false"),
	               OPTIONS("max_window", "16MiB"));
}

static void test_dictionary(void **state)
{
	const char *path = harness_path("dictionary");
	char *text = text_of(4000);
	(void)state;
	harness_write(path, text, 4000);
	there_and_back(OPTIONS("dictionary", path), OPTIONS("dictionary", path));
	struct stage_host *compress = start("compress", OPTIONS("dictionary", path));
	struct stage_host *without = start("decompress", OPTIONS("max_bytes", "2MiB"));
	struct stage_item *packed = passes(compress, text, 4000);
	assert_true(packed->size < 100);
	fails(without, packed->output, packed->size, KK_FAIL_OTHER, "damaged zstd data");
	stage_host_unload(compress);
	stage_host_unload(without);
}

/* ---- what others packed */

static size_t gzip(const void *from, size_t size, unsigned char *to, size_t room)
{
	z_stream stream = {.next_in = (unsigned char *)(uintptr_t)from, .avail_in = (uInt)size};
	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_out = to;
	stream.avail_out = (uInt)room;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	size_t length = room - stream.avail_out;
	assert_int_equal(deflateEnd(&stream), Z_OK);
	return length;
}

/* A frame that does not say how much is in it. */
static size_t stream(const void *from, size_t size, int window_log, void *to, size_t room)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	ZSTD_inBuffer in = {from, size, 0};
	ZSTD_outBuffer out = {to, room, 0};
	ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	while (in.pos < in.size)
		assert_false(ZSTD_isError(ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue)));
	assert_int_equal(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end), 0);
	ZSTD_freeCCtx(context);
	return out.pos;
}

enum { ROOM = 1 << 20 };

static void test_one_behind_the_other(void **state)
{
	unsigned char *packed = harness_keep(malloc(ROOM));
	static const unsigned char skippable[] = {0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'};
	struct stage_host *host = start("decompress", OPTIONS("max_bytes", "2MiB"));
	(void)state;
	size_t size = gzip("one ", 4, packed, ROOM);
	size += gzip("", 0, packed + size, ROOM - size);
	size += gzip("two", 3, packed + size, ROOM - size);
	struct stage_item *item = passes(host, packed, size);
	assert_int_equal(item->size, 7);
	assert_memory_equal(item->output, "one two", 7);
	assert_string_equal(stage_host_field(item, "compression"), "gzip");
	fails(host, packed, size - 1, KK_FAIL_OTHER, "ends in the middle");
	packed[size] = 'x';
	fails(host, packed, size + 1, KK_FAIL_OTHER, "1 bytes of something else behind the gzip data");

	memcpy(packed, skippable, sizeof(skippable));
	size = sizeof(skippable);
	size += ZSTD_compress(packed + size, ROOM - size, "three ", 6, 3);
	size += stream(text_of(300000), 300000, 20, packed + size, ROOM - size);
	size += ZSTD_compress(packed + size, ROOM - size, "", 0, 3);
	item = passes(host, packed, size);
	assert_int_equal(item->size, 300006);
	assert_memory_equal(item->output, "three ", 6);
	assert_memory_equal((char *)item->output + 6, text_of(300000), 300000);
	fails(host, packed, size - 1, KK_FAIL_OTHER, "");
	packed[size] = 0x1f;
	fails(host, packed, size + 1, KK_FAIL_OTHER, "1 bytes of something else behind the zstd data");
	stage_host_unload(host);
}

static void test_what_is_neither(void **state)
{
	struct stage_host *host = start("decompress", OPTIONS("max_bytes", "2MiB"));
	struct stage_host *compress = start("compress", OPTIONS("max_bytes", "10"));
	(void)state;
	fails(host, "", 0, KK_FAIL_OTHER, "neither zstd nor gzip");
	fails(host, "\x28\xb5\x2f", 3, KK_FAIL_OTHER, "neither");
	fails(host, "\xff\xd8\xff\xe0 a jpeg", 11, KK_FAIL_OTHER, "neither");
	fails(host, "\x1f\x8b", 2, KK_FAIL_OTHER, "ends in the middle");
	fails(host, "\x1f\x8b\x09\x00........", 12, KK_FAIL_OTHER, "damaged gzip data");
	fails(host, NULL, 0, KK_FAIL_OTHER, "no payload");
	fails(compress, NULL, 0, KK_FAIL_OTHER, "no payload");
	fails(compress, "0123456789a", 11, KK_FAIL_TOO_LARGE, "max_bytes is 10");
	stage_host_unload(host);
	stage_host_unload(compress);
}

/* Zeros that unpack to far more than what is allowed: told, not told, and as gzip. */
static void test_bombs(void **state)
{
	static const size_t huge = 64 << 20;
	char *zeros = harness_keep(calloc(1, huge));
	unsigned char *packed = harness_keep(malloc(ROOM));
	struct stage_host *bytes = start("decompress", OPTIONS("max_bytes", "1MiB", "max_ratio", "1000000"));
	struct stage_host *ratio = start("decompress", OPTIONS("max_bytes", "1GiB", "max_ratio", "100"));
	(void)state;
	size_t told = ZSTD_compress(packed, ROOM, zeros, huge, 3);
	fails(bytes, packed, told, KK_FAIL_TOO_LARGE, "max_bytes, 1048576");
	fails(ratio, packed, told, KK_FAIL_TOO_LARGE, "over max_ratio");
	size_t untold = stream(zeros, huge, 20, packed, ROOM);
	fails(bytes, packed, untold, KK_FAIL_TOO_LARGE, "max_bytes, 1048576");
	fails(ratio, packed, untold, KK_FAIL_TOO_LARGE, "over max_ratio");
	size_t member = gzip(zeros, huge, packed, ROOM);
	fails(bytes, packed, member, KK_FAIL_TOO_LARGE, "max_bytes, 1048576");
	fails(ratio, packed, member, KK_FAIL_TOO_LARGE, "over max_ratio");
	assert_int_equal(bytes->reserved, 0);
	/* To the byte. */
	size_t exact = stream(zeros, 1 << 20, 20, packed, ROOM);
	assert_int_equal(passes(bytes, packed, exact)->size, 1 << 20);
	exact = gzip(zeros, 1 << 20, packed, ROOM);
	assert_int_equal(passes(bytes, packed, exact)->size, 1 << 20);
	exact = stream(zeros, (1 << 20) + 1, 20, packed, ROOM);
	fails(bytes, packed, exact, KK_FAIL_TOO_LARGE, "max_bytes");
	stage_host_unload(bytes);
	stage_host_unload(ratio);
}

static void test_windows(void **state)
{
	unsigned char *packed = harness_keep(malloc(ROOM));
	struct stage_host *host = start("decompress", OPTIONS("max_window", "1MiB"));
	(void)state;
	size_t size = stream(text_of(300000), 300000, 21, packed, ROOM);
	fails(host, packed, size, KK_FAIL_TOO_LARGE, "max_window");
	size = stream(text_of(300000), 300000, 20, packed, ROOM);
	assert_int_equal(passes(host, packed, size)->size, 300000);
	stage_host_unload(host);
}

/* Every byte changed, every length: an answer each time, and never more than allowed. */
static void test_damage(void **state)
{
	unsigned char *packed = harness_keep(malloc(ROOM));
	struct stage_host *host = start("decompress", OPTIONS("max_bytes", "64KiB"));
	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		const char *text = text_of(2000);
		size_t size = kind == 0   ? ZSTD_compress(packed, ROOM, text, 2000, 3)
		              : kind == 1 ? stream(text, 2000, 15, packed, ROOM)
		                          : gzip(text, 2000, packed, ROOM);
		for (size_t i = 0; i < size; i++) {
			packed[i] ^= (unsigned char)(1 + i % 255);
			stage_host_forget(host, stage_host_put(host, "k", packed, size));
			packed[i] ^= (unsigned char)(1 + i % 255);
			fails(host, packed, i, KK_FAIL_OTHER, "");
		}
		assert_int_equal(passes(host, packed, size)->size, 2000);
	}
	stage_host_unload(host);
}

static void test_what_plan_refuses(void **state)
{
	static const char *const cases[][3] = {{"window_log", "5", "window_log is 0 or from"},
	                                       {"dictionary", "/dev/null", "not a regular file"},
	                                       {"dictionary", "/nowhere", "No such file"}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stage_host *host = stage_host_load(harness_text("%s/stages/compress.so", KAKEHI_BUILD_DIR));
		stage_host_set(host, cases[i][0], cases[i][1]);
		assert_int_equal(stage_host_plan(host), -1);
		assert_non_null(strstr(host->why, cases[i][2]));
		stage_host_unload(host);
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_there_and_back),
    cmocka_unit_test(test_dictionary),
    cmocka_unit_test(test_one_behind_the_other),
    cmocka_unit_test(test_what_is_neither),
    cmocka_unit_test(test_bombs),
    cmocka_unit_test(test_windows),
    cmocka_unit_test(test_damage),
    cmocka_unit_test(test_what_plan_refuses),
};
HARNESS_MAIN(tests)
