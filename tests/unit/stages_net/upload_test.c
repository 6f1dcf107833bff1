/* SPDX-License-Identifier: Apache-2.0 */
/* The stage `upload` to HTTP servers (PUT). */
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char png[] = "\x89PNG\r\n\x1a\n and so on";

static struct stage_host *stage(const char *base, const char *path)
{
	struct stage_host *host = net_stage("upload");

	stage_host_set(host, "to", harness_text("%s%s", base, path));
	stage_host_set(host, "retry_delay", "10ms");
	return host;
}

static void settle(struct stage_host *host)
{
	if (stage_host_settle(host, 20000) != 0)
		fail_msg("%s", host->why);
}

static void test_put(void **state)
{
	const char *kept = harness_path("kept");
	struct stage_item *item[100];
	struct stage_host *host;
	char base[64], *data = malloc(200000);
	struct harness_server *server;

	(void)state;
	assert_non_null(data);
	memset(data, 'x', 200000);
	harness_make_dir(kept);
	server = net_origin(base, kept);
	host = stage(base, "/put/{name}.jpg");
	net_start(host);
	assert_int_equal(host->demand.needs, KK_NEED_NETWORK);
	assert_int_equal(host->demand.in_flight, 32 + 192);
	assert_int_equal(host->demand.largest, 0);
	for (unsigned i = 0; i < 100; i++)
		item[i] = stage_host_put(host, harness_text("%u.x", i), data, 2000 * i);
	settle(host);
	for (unsigned i = 0; i < 100; i++) {
		size_t size;

		net_expect_pass(item[i]);
		harness_read(harness_text("%s/%u.jpg", kept, i), &size);
		assert_int_equal(size, 2000 * i);
	}
	/* Once more: 204 is as good as 201. */
	item[0] = stage_host_put(host, "1.x", data, 10);
	settle(host);
	net_expect_pass(item[0]);
	net_end(host);
	assert_int_equal(harness_count_files(kept), 100);
	assert_in_range(net_stat(base, "\"connections\":"), 2, 34);
	harness_server_stop(server);
	free(data);
}

static void test_what_is_sent(void **state)
{
	char base[64];
	struct harness_server *server = net_raw(base);
	struct stage_host *host = stage(base, "/strict/{name}.png");
	struct stage_item *by_magic, *by_field;

	(void)state;
	stage_host_set(host, "headers", "X-Extra: 1");
	net_start(host);
	by_magic = stage_host_put(host, "a b?#%.jpeg", png, sizeof(png));
	by_field = stage_host_item(host, "a b?#%.jpeg", "data", 4);
	stage_host_add_field(by_field, "content_type", "image/png");
	stage_host_give(host, by_field);
	settle(host);
	net_expect_pass(by_magic);
	net_expect_pass(by_field);
	by_field = stage_host_item(host, "a b?#%.jpeg", png, sizeof(png));
	stage_host_add_field(by_field, "content_type", "image/jpeg\r\nX-Evil: 1");
	stage_host_give(host, by_field);
	settle(host);
	net_expect_pass(by_field);
	net_end(host);
	harness_server_stop(server);
}

/* What a server is sent for one item, by these options. */
static const char *sent(const char *base, const char *const options[][2], const char *status, enum kk_verdict verdict)
{
	struct stage_host *host = stage(base, harness_text("/taken/%s/{name}", status)),
	                  *reader = net_stage("download");
	struct stage_item *item;
	const char *text;

	for (; (*options)[0]; options++)
		stage_host_set(host, (*options)[0], (*options)[1]);
	net_start(host);
	item = stage_host_put(host, "x.y", "payload", 7);
	settle(host);
	if (item->verdict != verdict)
		fail_msg("verdict %d: %s", item->verdict, item->message);
	assert_string_equal(stage_host_field(item, "output"), harness_text("%s/taken/%s/x", base, status));
	assert_string_equal(stage_host_field(item, "bytes"), "7");
	net_end(host);
	stage_host_set(reader, "allow_networks", "127.0.0.0/8");
	net_start(reader);
	item = net_get(reader, "%s/last", base);
	net_expect_pass(item);
	text = harness_text("%.*s", (int)item->size, (const char *)item->output);
	net_end(reader);
	return text;
}

/* Braces and what foreign names hold are no part of the URL's own structure. */
static void test_urls(void **state)
{
	static const char *const rows[][3] = {
	    {"/taken/200/{{{name}}}", "x.y", "/taken/200/%7Bx%7D"},
	    {"/taken/200/{name}?v=1", "a/../b?#.y", "/taken/200/b%3F%23?v=1"},
	    {"/taken/200/{key}", "../../etc", "/taken/200/_._.._etc"},
	    {"/taken/200/{name}.{ext}", "http://h/a b.jpg", "/taken/200/a%20b.jpg"},
	    {"/taken/200/{name}.{ext}?v=.{{x}}", "photo", "/taken/200/photo?v=.%7Bx%7D"},
	};
	char base[64];
	struct harness_server *server = net_raw(base);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stage_host *host = stage(base, rows[i][0]);
		struct stage_item *item;

		net_start(host);
		item = stage_host_put(host, rows[i][1], "payload", 7);
		settle(host);
		net_expect_pass(item);
		assert_string_equal(stage_host_field(item, "output"), harness_text("%s%s", base, rows[i][2]));
		net_end(host);
	}
	harness_server_stop(server);
}

static void expect_words(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("no \"%s\" in \"%s\"", words, text);
}

static void test_options(void **state)
{
	static const char *const none[][2] = {{NULL, NULL}};
	static const char *const post[][2] = {{"method", "post"},
	                                      {"checksum", "content-md5"},
	                                      {"type", "image/x-own"},
	                                      {"bearer", "s3cret"},
	                                      {NULL, NULL}};
	static const char *const digest[][2] = {
	    {"checksum", "content-digest"}, {"basic", "u:p"}, {"expect", "202"}, {"expect", "299"}, {NULL, NULL}};
	static const char *const hex[][2] = {{"checksum", "x-checksum-sha256"}, {"existing", "error"}, {NULL, NULL}};
	static const char *const skip_[][2] = {{"existing", "skip"}, {NULL, NULL}};
	char base[64];
	struct harness_server *server = net_raw(base);
	const char *text;

	(void)state;
	text = sent(base, none, "200", KK_PASS);
	expect_words(text, "PUT /taken/200/x HTTP/1.1\r\n");
	expect_words(text, "Content-Type: application/octet-stream\r\n");
	assert_null(strstr(text, "Expect:"));
	assert_null(strstr(text, "If-None-Match"));
	text = sent(base, post, "201", KK_PASS);
	expect_words(text, "POST /taken/201/x HTTP/1.1\r\n");
	expect_words(text, "Content-Length: 7\r\n");
	expect_words(text, "Content-Type: image/x-own\r\n");
	expect_words(text, "Content-MD5: Mhw89IbtUJFk7eweGYH+yA==\r\n");
	expect_words(text, "Authorization: Bearer s3cret\r\n");
	text = sent(base, digest, "299", KK_PASS);
	expect_words(text, "Content-Digest: sha-256=:I59Z7VXnN8dxR89VrQwbAwttfudIp0JpUvm4UtWpNeU=:\r\n");
	expect_words(text, "Authorization: Basic dTpw\r\n");
	sent(base, digest, "200", KK_FAIL);
	sent(base, none, "202", KK_FAIL);
	text = sent(base, hex, "204", KK_PASS);
	expect_words(text, "X-Checksum-Sha256: 239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5\r\n");
	expect_words(text, "If-None-Match: *\r\n");
	/* Not there when we asked, there when we came. */
	sent(base, hex, "412", KK_FAIL);
	sent(base, skip_, "412", KK_SKIP);
	harness_server_stop(server);
}

static void test_retries(void **state)
{
	char base[64], *data = malloc(500000);
	struct harness_server *server = net_raw(base);
	struct stage_host *host = stage(base, "/reluctant/{name}");
	struct stage_item *item;

	(void)state;
	assert_non_null(data);
	memset(data, 'x', 500000);
	net_start(host);
	item = stage_host_put(host, "x", data, 500000);
	settle(host);
	net_expect_pass(item);
	net_end(host);
	harness_server_stop(server);
	free(data);
}

static void test_existing(void **state)
{
	const char *kept = harness_path("kept"), *path = harness_path("kept/x");
	char base[64];
	struct harness_server *server;
	struct stage_host *host;
	struct stage_item *item;

	(void)state;
	harness_make_dir(kept);
	harness_write_text(path, "old");
	server = net_origin(base, kept);
	/* What is stored by /put is not served by it; a HEAD for a file that the origin has: 200. */
	host = stage(base, "/zeros/{name}");
	stage_host_set(host, "existing", "skip");
	net_start(host);
	item = stage_host_put(host, "x", "new", 3);
	settle(host);
	assert_int_equal(item->verdict, KK_SKIP);
	net_end(host);
	host = stage(base, "/zeros/{name}");
	stage_host_set(host, "existing", "error");
	net_start(host);
	item = stage_host_put(host, "x", "new", 3);
	settle(host);
	net_expect_fail(item, KK_FAIL_IO, "exists already");
	net_end(host);
	harness_server_stop(server);
}

/* Asked with HEAD first, and then put because it is not there. */
static void test_existing_is_not_there(void **state)
{
	char base[64];
	struct harness_server *server = net_raw(base);
	struct stage_host *host = stage(base, "/fresh/{name}");
	struct stage_item *item;

	(void)state;
	stage_host_set(host, "existing", "skip");
	net_start(host);
	item = stage_host_put(host, "x", "new", 3);
	settle(host);
	net_expect_pass(item);
	net_end(host);
	harness_server_stop(server);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *path;
		enum kk_fail_class why;
	} rows[] = {
	    {"/none/{name}", KK_FAIL_HTTP_4XX},
	    {"/garbage?{name}", KK_FAIL_HTTP_4XX},
	    {"/elsewhere/{name}", KK_FAIL_REDIRECTS},
	};
	char base[64];
	struct harness_server *server = net_raw(base);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stage_host *host = stage(base, rows[i].path);
		struct stage_item *item;

		net_start(host);
		item = stage_host_put(host, "x", "data", 4);
		settle(host);
		net_expect_fail(item, rows[i].why, "status");
		net_end(host);
	}
	harness_server_stop(server);
}

static void test_no_payload(void **state)
{
	struct stage_host *host = stage("http://127.0.0.1:9", "/{name}");

	(void)state;
	net_start(host);
	net_expect_fail(stage_host_put(host, "x", NULL, 0), KK_FAIL_OTHER, "no payload");
	net_end(host);
}

static void test_time_and_no_server(void **state)
{
	char base[64];
	struct harness_server *server = net_raw(base);
	struct stage_host *host = stage(base, "/stall/{name}");
	struct stage_item *item;

	(void)state;
	stage_host_set(host, "timeout", "300ms");
	stage_host_set(host, "retries", "1");
	net_start(host);
	item = stage_host_put(host, "x", "data", 4);
	settle(host);
	net_expect_fail(item, KK_FAIL_TIMEOUT, "300 ms");
	harness_server_stop(server);
	item = stage_host_put(host, "x", "data", 4);
	settle(host);
	net_expect_fail(item, KK_FAIL_CONNECT, "no connection");
	net_end(host);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_put),
    cmocka_unit_test(test_what_is_sent),
    cmocka_unit_test(test_retries),
    cmocka_unit_test(test_existing),
    cmocka_unit_test(test_existing_is_not_there),
    cmocka_unit_test(test_refusals),
    cmocka_unit_test(test_no_payload),
    cmocka_unit_test(test_urls),
    cmocka_unit_test(test_options),
    cmocka_unit_test(test_time_and_no_server),
};
HARNESS_MAIN(tests)
