/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

static const char origin_program[] = KAKEHI_BUILD_DIR "/tests/bin/kakehi-origin";
static struct harness_server *server;

struct reply {
	CURLcode curl;
	long status;
	char *body;
	size_t size;
	char *type, *location;
};

static int start(void **state)
{
	char *photos = harness_path("photos"), *put = harness_path("put");
	const char *const argv[] = {origin_program, "--root", harness_dir(), "--photos", photos, "--put", put, NULL};

	(void)state;
	harness_make_dir(photos);
	harness_make_dir(put);
	harness_write_text(harness_path("photos/a.jpg"), "photo a");
	harness_write_text(harness_path("photos/b.jpg"), "photo b");
	harness_write_text(harness_path("hello"), "hello, world");
	server = harness_server_start(argv);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	harness_server_stop(server);
	return 0;
}

static size_t keep(char *data, size_t one, size_t size, void *to)
{
	struct reply *reply = to;
	char *longer = realloc(reply->body, reply->size + size + 1);

	if (!longer)
		return 0;
	memcpy(longer + reply->size, data, size);
	reply->body = longer;
	reply->size += size;
	longer[reply->size] = 0;
	return one * size;
}

static char *copy(const char *text)
{
	return text ? harness_text("%s", text) : NULL;
}

/* One request; a `body` makes it a PUT. Gives up after two seconds. */
static struct reply request(const char *path, const char *body)
{
	char *url = harness_text("http://127.0.0.1:%u%s", harness_server_port(server), path);
	FILE *upload = body ? fmemopen((void *)(uintptr_t)body, strlen(body), "r") : NULL;
	struct reply reply = {.body = calloc(1, 1)};
	CURL *curl = curl_easy_init();
	char *text = NULL;

	assert_non_null(curl);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 2000L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
	if (upload) {
		curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(curl, CURLOPT_READDATA, upload);
		curl_easy_setopt(curl, CURLOPT_INFILESIZE, (long)strlen(body));
	}
	reply.curl = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
	curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &text);
	reply.type = copy(text);
	curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &text);
	reply.location = copy(text);
	curl_easy_cleanup(curl);
	harness_keep(reply.body);
	if (upload)
		fclose(upload);
	return reply;
}

static void test_files_and_photos(void **state)
{
	(void)state;
	assert_string_equal(request("/files/hello", NULL).body, "hello, world");
	assert_int_equal(request("/files/none", NULL).status, 404);
	assert_int_equal(request("/files/../etc/passwd", NULL).status, 404);
	assert_string_equal(request("/photo/0", NULL).body, "photo a");
	assert_string_equal(request("/photo/5", NULL).body, "photo b");
	assert_string_equal(request("/photo/5", NULL).type, "image/jpeg");
}

static void test_put(void **state)
{
	(void)state;
	assert_int_equal(request("/put/x.jpg", "one").status, 201);
	assert_int_equal(request("/put/x.jpg", "two").status, 204);
	assert_string_equal(harness_read(harness_path("put/x.jpg"), NULL), "two");
	assert_int_equal(harness_count_files(harness_path("put")), 1);
	assert_int_equal(request("/put/a/b", "one").status, 403);
	assert_string_equal(request("/put/x.jpg", NULL).body, "two");
	assert_int_equal(request("/files/hello", "one").status, 403);
}

static void test_answers(void **state)
{
	static const struct {
		const char *path;
		long status;
	} cases[] = {
	    {"/status/404", 404},      {"/status/500", 500},      {"/nothing", 404},         {"/redirect/0", 200},
	    {"/redirect/2", 302},      {"/429?after=1", 429},     {"/429?after=1", 200},     {"/noai", 200},
	    {"/flaky/1?fails=2", 503}, {"/flaky/1?fails=2", 503}, {"/flaky/1?fails=2", 200}, {"/fake", 200},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reply reply = request(cases[i].path, NULL);

		if (reply.status != cases[i].status)
			fail_msg("%s: status %ld", cases[i].path, reply.status);
	}
	assert_string_equal(request("/type/text/plain", NULL).type, "text/plain");
	assert_non_null(strstr(request("/redirect/2", NULL).location, "/redirect/1"));
	assert_non_null(strstr(request("/redirect-loop", NULL).location, "/redirect-loop"));
	assert_string_equal(request("/redirect-to?url=http://example.org/", NULL).location, "http://example.org/");
}

static void test_bodies(void **state)
{
	(void)state;
	assert_int_equal(request("/short", NULL).curl, CURLE_PARTIAL_FILE);
	assert_int_equal(request("/zeros?size=100000", NULL).size, 100000);
	assert_int_equal(request("/zeros?size=100000&chunked=1", NULL).size, 100000);
	assert_int_equal(request("/drip?ms=10", NULL).curl, CURLE_OPERATION_TIMEDOUT);
	assert_int_equal(request("/slow?bps=1000&size=100", NULL).size, 100);
	assert_string_equal(request("/delay/1?ms=10", NULL).body, "photo b");
}

static void test_stats(void **state)
{
	char *stats, *paths, *host = harness_text("127.0.0.1:%u", harness_server_port(server));

	(void)state;
	request("/photo/1", NULL);
	request("/photo/1", NULL);
	stats = request("/stats", NULL).body;
	assert_string_equal(harness_json(stats, "requests"), "3");
	paths = harness_json(stats, "paths");
	assert_string_equal(harness_json(paths, "/photo/1"), "2");
	assert_string_equal(harness_json(harness_json(harness_json(stats, "hosts"), host), "most"), "1");
}

static char *of_host(const char *member)
{
	char *host = harness_text("127.0.0.1:%u", harness_server_port(server));

	return harness_json(harness_json(harness_json(request("/-/stats", NULL).body, "hosts"), host), member);
}

/* What comes while the server has asked to be left alone is noticed, and what asks for the count is not counted. */
static void test_early(void **state)
{
	uint64_t begin;

	(void)state;
	assert_int_equal(request("/429?after=1", NULL).status, 429);
	assert_string_equal(of_host("early"), "0");
	for (begin = harness_now_ms(); harness_now_ms() - begin < 500;)
		request("/photo/1", NULL);
	assert_string_not_equal(of_host("early"), "0");
	assert_true(strtoul(of_host("busiest"), NULL, 10) >= 2);
	assert_string_equal(of_host("busiest"), of_host("requests"));
	assert_string_equal(of_host("now"), "0");
	assert_int_equal(request("/429/2?after=1&date=1&times=2", NULL).status, 429);
	assert_int_equal(request("/429/2?after=1&date=1&times=2", NULL).status, 429);
	assert_int_equal(request("/429/2?after=1&date=1&times=2", NULL).status, 200);
}

static void test_broken(void **state)
{
	struct reply reply;

	(void)state;
	assert_int_equal(request("/reset", NULL).curl, CURLE_GOT_NOTHING);
	assert_int_equal(request("/silent", NULL).curl, CURLE_OPERATION_TIMEDOUT);
	assert_int_equal(request("/silent?ms=10", NULL).curl, CURLE_GOT_NOTHING);
	assert_string_equal(request("/cut/1", NULL).body, "pho");
	reply = request("/png?size=1000&width=70000", NULL);
	assert_int_equal(reply.size, 1000);
	assert_memory_equal(reply.body + 12, "IHDR\0\1\x11\x70\0\0\x75\x30", 12);
	reply = request("/bomb?size=10000000", NULL);
	assert_in_range(reply.size, 1000, 20000);
	assert_memory_equal(reply.body, "\x1f\x8b", 2);
}

/* A client that has gone does not count as one who is being served. */
static bool nobody_there(void *what)
{
	(void)what;
	return strcmp(of_host("now"), "0") == 0;
}

static void test_who_has_gone(void **state)
{
	(void)state;
	request("/silent", NULL);
	request("/drip?ms=100000", NULL);
	assert_true(harness_wait_until(nobody_there, NULL, 5000));
}

static unsigned lines_with(const char *text, const char *end)
{
	unsigned count = 0;

	while ((text = strstr(text, end))) {
		text += strlen(end);
		count++;
	}
	return count;
}

static void test_mix(void **state)
{
	char *mix = request("/-/mix", NULL).body;

	(void)state;
	assert_int_equal(harness_count_lines(mix), 10000);
	assert_int_equal(lines_with(mix, "\tok\n"), 6926 + 60 + 60 + 40);
	assert_int_equal(lines_with(mix, "\tdns-none\n"), 588);
	assert_int_equal(lines_with(mix, "\thttp-4xx\n"), 940 + 555);
	assert_int_equal(lines_with(mix, "//h49.mix.test:"), lines_with(mix, "//h48.mix.test:"));
	mix = request("/-/mix?count=20000&hosts=3", NULL).body;
	assert_int_equal(lines_with(mix, "\topted-out\n"), 32);
	assert_null(strstr(mix, "//h3.mix.test"));
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, start, stop)

static const struct CMUnitTest tests[] = {
    WITH_SERVER(test_files_and_photos), WITH_SERVER(test_put),          WITH_SERVER(test_answers),
    WITH_SERVER(test_bodies),           WITH_SERVER(test_stats),        WITH_SERVER(test_early),
    WITH_SERVER(test_broken),           WITH_SERVER(test_who_has_gone), WITH_SERVER(test_mix),
};

HARNESS_MAIN(tests)
