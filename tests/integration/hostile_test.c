/* SPDX-License-Identifier: Apache-2.0 */
/* What strangers send: each answer costs its own item, no worker, and no name leads out of the folder of outputs. */
#include "pipeline.h"
#include "server.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { BOMB_BYTES = 64 << 20 };

/* No worker was lost. */
static void expect_no_restarts(const struct run *run)
{
	static const char member[] = "\"restarts\":";

	assert_int_equal(run->deaths, 0);
	assert_non_null(strstr(run->end, member));
	for (const char *at = run->end; (at = strstr(at, member)); at++)
		assert_int_equal(at[sizeof(member) - 1], '0');
}

/* The class of the failure of the item whose key ends so; "done" if it has none. */
static const char *class_of(const char *end)
{
	const char *errors = harness_read(harness_path("errors.ndjson"), NULL);
	char *line;

	for (size_t i = 0; (line = harness_line(errors, i)); i++) {
		const char *key = harness_json(line, "key");

		if (strlen(key) >= strlen(end) && strcmp(key + strlen(key) - strlen(end), end) == 0)
			return harness_json(line, "class");
	}
	return "done";
}

/* ---- answers */

/* A photograph, the first `share` per cent of it, with something before and behind. */
static void write_photo(const char *name, const char *before, unsigned share, const char *behind)
{
	size_t size, head = strlen(before), tail = strlen(behind);
	char *photo = harness_read(PHOTOS "/Aqua.jpg", &size), *bytes;

	size = size * share / 100;
	bytes = harness_keep(malloc(head + size + tail));
	memcpy(bytes, before, head);
	memcpy(bytes + head, photo, size);
	memcpy(bytes + head + size, behind, tail);
	harness_write(harness_path("files/%s", name), bytes, head + size + tail);
}

static void put_chunk(FILE *to, const char *type, const void *data, uint32_t size)
{
	unsigned char number[4];
	uLong crc = crc32(crc32(0, (const Bytef *)type, 4), data, size);

	for (unsigned i = 0; i < 4; i++)
		number[i] = (unsigned char)(size >> (24 - 8 * i));
	fwrite(number, 1, 4, to);
	fwrite(type, 1, 4, to);
	fwrite(data, 1, size, to);
	for (unsigned i = 0; i < 4; i++)
		number[i] = (unsigned char)(crc >> (24 - 8 * i));
	fwrite(number, 1, 4, to);
}

/* A right and small PNG of 30,000 x 30,000 black pixels. */
static void write_huge_png(void)
{
	static const unsigned char header[13] = {0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30, 1};
	const uLong raw = 30000UL * (1 + 30000 / 8);
	uLongf size = compressBound(raw);
	void *zeros = harness_keep(calloc(1, raw)), *packed = harness_keep(malloc(size));
	FILE *file = fopen(harness_path("files/huge.png"), "we");

	assert_non_null(file);
	assert_int_equal(compress2(packed, &size, zeros, raw, 1), Z_OK);
	fwrite("\x89PNG\r\n\x1a\n", 1, 8, file);
	put_chunk(file, "IHDR", header, sizeof(header));
	put_chunk(file, "IDAT", packed, (uint32_t)size);
	put_chunk(file, "IEND", "", 0);
	assert_int_equal(fclose(file), 0);
}

static const struct {
	const char *path, *class;
} answers[] = {
    {"photo/1", "done"},
    {"endless", "too-large"},
    {"drip?ms=1000", "slow"},
    {"silent", "timeout"},
    {"redirect-loop", "too-many-redirects"},
    {"files/huge.png", "too-large"},
    {"png?width=30000&height=30000&size=100000", "not-an-image"}, /* nothing follows its header */
    {"png?width=30000&height=30000&size=20000000", "too-large"},
    {"png?width=4294967295&height=4294967295&size=1000", "not-an-image"},
    {"cut/1?percent=50", "not-an-image"},
    {"files/truncated.jpg", "not-an-image"},
    {"files/jpeg-and-zip.jpg", "done"},
    {"files/jpeg-and-html.jpg", "done"},
    {"files/html-and-jpeg.jpg", "not-an-image"},
    {"fake", "not-an-image"},
    {"bomb?size=20000000", "too-large"},
    {"short", "aborted"},
    {"reset", "aborted"},
    {"photo/2", "done"},
};

static const char zip_end[] = "PK\x05\x06ZIPZIPZIPZIPZIPZIP";
static const char script[] = "<html><script>alert(1)</script></html>";

/* What was behind a picture is not in its thumbnail. */
static void expect_clean(const char *name)
{
	size_t size;
	char *bytes = harness_read(harness_path("out/%s.jpg", name), &size);

	assert_null(memmem(bytes, size, "ZIPZIP", 6));
	assert_null(memmem(bytes, size, "script", 6));
}

static void config_answers(void)
{
	pipeline_config("pipeline: hostile\nmemory: 192MiB\n"
	                "source: { use: list, with: { path: urls.txt } }\n"
	                "stages:\n"
	                "  - name: fetch\n"
	                "    use: download\n"
	                "    workers: 2\n"
	                "    with: { in_flight: 16, per_host: 32, max_bytes: 2MiB, timeout: 9s, low_speed_time: 3s,\n"
	                "            retries: 0, unpack: true, allow_networks: [127.0.0.0/8] }\n"
	                "  - { name: thumb, use: resize, workers: 2, heap: 32MiB, with: { width: 96, height: 96 } }\n"
	                "  - { name: store, use: upload, with: { to: \"out/{name}.jpg\" } }\n"
	                "errors: { file: errors.ndjson }\n");
}

static void test_answers(void **state)
{
	struct harness_server *origin = origin_start();
	size_t count = sizeof(answers) / sizeof(answers[0]), good = 0;
	char *list = harness_text("%s", "");
	struct run run;

	(void)state;
	write_huge_png();
	write_photo("truncated.jpg", "", 60, "");
	write_photo("jpeg-and-zip.jpg", "", 100, zip_end);
	write_photo("jpeg-and-html.jpg", "", 100, script);
	write_photo("html-and-jpeg.jpg", script, 100, "");
	for (size_t i = 0; i < count; i++) {
		list = harness_text("%shttp://127.0.0.1:%u/%s\n", list, harness_server_port(origin), answers[i].path);
		good += strcmp(answers[i].class, "done") == 0;
	}
	harness_write_text(harness_path("urls.txt"), "%s", list);
	config_answers();
	run = pipeline_run();
	for (size_t i = 0; i < count; i++)
		if (strcmp(class_of(answers[i].path), answers[i].class) != 0)
			fail_msg("%s: expected %s, got %s", answers[i].path, answers[i].class,
			         class_of(answers[i].path));
	pipeline_expect(&run, 1, good, count - good);
	expect_no_restarts(&run);
	assert_int_equal(harness_count_files(harness_path("out")), good);
	expect_clean("jpeg-and-zip");
	expect_clean("jpeg-and-html");
	harness_server_stop(origin);
}

/* ---- packed payloads */

static void write_bombs(void)
{
	void *zeros = harness_keep(calloc(1, BOMB_BYTES));
	size_t room = ZSTD_compressBound(BOMB_BYTES), size;
	void *packed = harness_keep(malloc(room));
	gzFile gzip = gzopen(harness_path("in/bomb.gz"), "w");

	assert_non_null(gzip);
	assert_int_equal(gzwrite(gzip, zeros, BOMB_BYTES), BOMB_BYTES);
	assert_int_equal(gzclose(gzip), Z_OK);
	size = ZSTD_compress(packed, room, zeros, BOMB_BYTES, 19);
	assert_false(ZSTD_isError(size));
	harness_write(harness_path("in/bomb.zst"), packed, size);
	/* Its beginning promises less than what comes. */
	harness_write(harness_path("in/cut.zst"), packed, size / 2);
	size = ZSTD_compress(packed, room, "good", 4, 3);
	harness_write(harness_path("in/good.zst"), packed, size);
}

static void test_bombs(void **state)
{
	struct run run;

	(void)state;
	harness_make_dir(harness_path("in"));
	write_bombs();
	pipeline_config("pipeline: bombs\nmemory: 256MiB\n"
	                "source: { use: files, with: { paths: [in] } }\n"
	                "stages:\n"
	                "  - { name: unpack, use: decompress, workers: 2, with: { max_bytes: 32MiB } }\n"
	                "  - { name: store, use: upload, with: { to: \"out/{name}\" } }\n"
	                "errors: { file: errors.ndjson }\n");
	run = pipeline_run();
	pipeline_expect(&run, 1, 1, 3);
	expect_no_restarts(&run);
	assert_string_equal(class_of("in/bomb.gz"), "too-large");
	assert_string_equal(class_of("in/bomb.zst"), "too-large");
	assert_string_not_equal(class_of("in/cut.zst"), "done");
	assert_int_equal(harness_count_files(harness_path("out")), 1);
}

/* ---- names */

#define A50  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A300 A50 A50 A50 A50 A50 A50

/* As JSON writes them. DIR stands for the test's directory. */
static const char *const names[] = {
    "..",
    ".",
    "../escaped",
    "../../escaped",
    "../../../../../../../../tmp/escaped",
    "a/../../../escaped",
    "..\\\\..\\\\escaped",
    "%2e%2e%2fescaped",
    "http://host/..%2f..%2fescaped",
    "http://host/../../../escaped",
    "DIR/escaped",
    "//DIR/escaped",
    "file://DIR/escaped",
    "\\u002e\\u002e/escaped",
    "\\u001b[2Jescaped",
    "one\\ntwo\\rthree\\tfour",
    "\\u007f\\u0001\\u0002",
    "\\u202egpj.exe",
    A300,
    "../" A300,
    A300 "/../../escaped",
    "con",
    "NUL.txt",
    "com1",
    "lpt9.jpg",
    "-rf",
    "--help",
    "~root",
    "$(touch escaped)",
    "`touch escaped`; touch escaped",
    "*?<>|:\\\"",
    ".kakehi-part",
    ".hidden",
    "link",
    "link/escaped",
    " ",
    "trailing. ",
};

static char *put_dir(const char *name)
{
	const char *place = strstr(name, "DIR");

	if (!place)
		return harness_text("%s", name);
	return harness_text("%.*s%s%s", (int)(place - name), name, harness_dir(), place + 3);
}

static size_t outside;

/* Nothing but what the test has made and asked for lies beside root/. */
static int look(const char *path, const struct stat *status, int type, struct FTW *at)
{
	static const char *const known[] = {"/pipeline.yaml", "/names.ndjson", "/errors.ndjson", "/manifest.ndjson"};
	const char *rest = path + strlen(harness_dir());

	(void)status;
	(void)at;
	if (type == FTW_D || type == FTW_DP || strncmp(rest, "/root/", 6) == 0)
		return 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(rest, known[i]) == 0)
			return 0;
	/* The program's own output, which the harness keeps. */
	if (strncmp(rest, "/.output-", 9) == 0 || strncmp(rest, "/.errors-", 9) == 0)
		return 0;
	printf("%s lies outside\n", path);
	outside++;
	return 0;
}

/* Names of files have no control characters, and programs do not take them for options. */
static int look_inside(const char *path, const struct stat *status, int type, struct FTW *at)
{
	const char *name = path + at->base;

	(void)status;
	(void)type;
	assert_true(name[0] != '-');
	for (; *name; name++)
		assert_true((unsigned char)*name >= ' ' && *name != 0x7f);
	return 0;
}

/* Each as a key and as a field, and as a field alone: keys with control characters are refused at once. */
static void write_names(void)
{
	char *list = harness_text("%s", "");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *name = put_dir(names[i]);

		list = harness_text("%s{\"url\": \"%s\", \"caption\": \"%s\"}\n"
		                    "{\"url\": \"plain-%zu\", \"caption\": \"%s\"}\n",
		                    list, name, name, i, name);
	}
	harness_write_text(harness_path("names.ndjson"), "%s", list);
}

static void test_names(void **state)
{
	size_t count = sizeof(names) / sizeof(names[0]);
	struct run run;

	(void)state;
	harness_make_dir(harness_path("root"));
	harness_make_dir(harness_path("root/folder"));
	harness_make_dir(harness_path("elsewhere"));
	assert_int_equal(symlink(harness_path("elsewhere"), harness_path("root/folder/link")), 0);
	write_names();
	pipeline_config("pipeline: names\nmemory: 192MiB\n"
	                "source: { use: list, with: { path: names.ndjson, key: url, fields: [caption] } }\n"
	                "stages:\n"
	                "  - { name: make, use: exec, with: { command: [printf, x], max_bytes: 1KiB } }\n"
	                "  - { name: key, use: upload, from: make, with: { to: \"root/key/{key}\" } }\n"
	                "  - { name: name, use: upload, from: make, with: { to: \"root/name/{name}.txt\" } }\n"
	                "  - { name: field, use: upload, from: make, with: { to: \"root/field/{caption}\" } }\n"
	                "  - { name: folder, use: upload, from: make, with: { to: \"root/folder/{caption}/{key}\" } }\n"
	                "  - { name: bare, use: upload, from: make, with: { to: \"root/{caption}{ext}\" } }\n"
	                "manifest: { file: manifest.ndjson }\n"
	                "errors: { file: errors.ndjson }\n");
	run = pipeline_run();
	if (run.in != 2 * count)
		fail_msg("%s", run.err);
	assert_int_equal(run.left, 0);
	/* Four keys that the source refuses, and a folder that is a link. */
	if (run.failed < 5 || run.failed > 8)
		fail_msg("%s\n%s", run.err, harness_read(harness_path("errors.ndjson"), NULL));
	expect_no_restarts(&run);
	assert_int_equal(nftw(harness_dir(), look, 16, FTW_PHYS), 0);
	assert_int_equal(outside, 0);
	assert_false(harness_exists("/tmp/escaped"));
	assert_int_equal(nftw(harness_path("root"), look_inside, 16, FTW_PHYS), 0);
	assert_in_range(harness_count_files(harness_path("root/key")), 2 * count - 16, 2 * count);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_answers),
    cmocka_unit_test(test_bombs),
    cmocka_unit_test(test_names),
};

HARNESS_MAIN(tests)
