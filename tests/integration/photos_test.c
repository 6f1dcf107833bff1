/* SPDX-License-Identifier: Apache-2.0 */
/* The main job: photographs through download, resize and upload. */
#include "pipeline.h"
#include "server.h"

#include <string.h>

#define COUNT 60u

/* Every file of `dir` is a whole JPEG. */
static void expect_jpegs(const char *dir, unsigned count)
{
	assert_int_equal(harness_count_files(dir), count);
	for (unsigned i = 0; i < count; i++) {
		size_t size;
		char *bytes = harness_read(harness_text("%s/%u.jpg", dir, i), &size);

		assert_true(size > 100);
		assert_memory_equal(bytes, "\xff\xd8\xff", 3);
		assert_memory_equal(bytes + size - 2, "\xff\xd9", 2);
	}
}

static void test_to_a_directory(void **state)
{
	struct harness_server *origin = origin_start();
	struct run run;

	(void)state;
	origin_urls(origin, COUNT, "photo/%u");
	pipeline_photos("64MiB", "out/{name}.jpg");
	run = pipeline_run();
	pipeline_expect(&run, 0, COUNT, 0);
	assert_int_equal(run.deaths, 0);
	expect_jpegs(harness_path("out"), COUNT);
	assert_non_null(strstr(run.err, harness_text("in %u = done %u + failed 0 + skipped 0 + left 0", COUNT, COUNT)));
	harness_server_stop(origin);
}

static void test_to_the_origin_by_put(void **state)
{
	struct harness_server *origin = origin_start();
	struct run run;
	char why[500];

	(void)state;
	origin_urls(origin, COUNT, "photo/%u");
	pipeline_photos("96MiB", harness_text("http://127.0.0.1:%u/put/{name}.jpg", harness_server_port(origin)));
	run = pipeline_run();
	pipeline_expect(&run, 0, COUNT, 0);
	expect_jpegs(harness_path("put"), COUNT);
	pipeline_photos("64MiB", "out/{name}.jpg");
	run = pipeline_run();
	pipeline_expect(&run, 0, COUNT, 0);
	if (!harness_same_files(harness_path("put"), harness_path("out"), why, sizeof(why)))
		fail_msg("PUT and directory differ: %s", why);
	harness_server_stop(origin);
}

static void test_nginx_get_and_put(void **state)
{
	struct nginx *nginx = nginx_start();
	char *list = harness_text("%s", "");
	static const char *const photos[] = {"Aqua", "Garden", "GreenMeadow", "Storm", "YellowFlower"};
	size_t count = sizeof(photos) / sizeof(photos[0]);
	struct run run;

	(void)state;
	for (size_t i = 0; i < count; i++)
		list = harness_text("%shttp://127.0.0.1:%u/photos/%s.jpg\n", list, nginx_port(nginx), photos[i]);
	list = harness_text("%shttp://127.0.0.1:%u/photos/None.jpg\n", list, nginx_port(nginx));
	harness_write_text(harness_path("urls.txt"), "%s", list);
	pipeline_photos("96MiB", harness_text("http://127.0.0.1:%u/put/small/{name}.jpg", nginx_port(nginx)));
	run = pipeline_run();
	pipeline_expect(&run, 1, count, 1);
	assert_int_equal(harness_count_files(harness_path("put/small")), count);
	assert_int_equal(pipeline_errors("class", "http-4xx"), 1);
	nginx_stop(nginx);
}

static void test_failures_are_named(void **state)
{
	static const struct {
		const char *path, *class;
	} cases[] = {
	    {"status/404", "http-4xx"},
	    {"status/500", "http-5xx"},
	    {"short", "aborted"},
	    {"redirect-loop", "too-many-redirects"},
	    {"fake", "not-an-image"},
	    {"noai", "opted-out"},
	    {"zeros?size=3000000", "too-large"},
	    {"zeros?size=3000000&chunked=1", "too-large"},
	    {"endless", "too-large"},
	    {"redirect-to?url=http://169.254.169.254/", "blocked-address"},
	};
	size_t count = sizeof(cases) / sizeof(cases[0]);
	struct harness_server *origin = origin_start();
	char *list = harness_text("http://127.0.0.1:%u/photo/1\n", harness_server_port(origin));
	struct run run;

	(void)state;
	for (size_t i = 0; i < count; i++)
		list = harness_text("%shttp://127.0.0.1:%u/%s\n", list, harness_server_port(origin), cases[i].path);
	harness_write_text(harness_path("urls.txt"), "%s", list);
	pipeline_photos("64MiB", "out/{name}.jpg");
	run = pipeline_run();
	pipeline_expect(&run, 1, 1, count);
	assert_int_equal(harness_count_files(harness_path("out")), 1);
	assert_int_equal(harness_count_lines(harness_read(harness_path("errors.ndjson"), NULL)), count);
	for (size_t i = 0; i < count; i++)
		if (pipeline_errors("key", cases[i].path) == 0 || pipeline_errors("class", cases[i].class) == 0)
			fail_msg("%s: no %s in\n%s", cases[i].path, cases[i].class,
			         harness_read(harness_path("errors.ndjson"), NULL));
	harness_server_stop(origin);
}

static void test_loopback_is_denied_unless_allowed(void **state)
{
	struct harness_server *origin = origin_start();
	struct run run;

	(void)state;
	origin_urls(origin, 2, "photo/%u");
	pipeline_config("pipeline: denied\nmemory: 128MiB\n"
	                "source: { use: list, with: { path: urls.txt } }\n"
	                "stages:\n"
	                "  - { name: fetch, use: download, with: { max_bytes: 2MiB, in_flight: 2 } }\n"
	                "  - { name: end, use: discard }\n"
	                "errors: { file: errors.ndjson }\n");
	run = pipeline_run();
	pipeline_expect(&run, 1, 0, 2);
	assert_int_equal(pipeline_errors("class", "blocked-address"), 2);
	harness_server_stop(origin);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_to_a_directory),
    cmocka_unit_test(test_to_the_origin_by_put),
    cmocka_unit_test(test_nginx_get_and_put),
    cmocka_unit_test(test_failures_are_named),
    cmocka_unit_test(test_loopback_is_denied_unless_allowed),
};

HARNESS_MAIN(tests)
