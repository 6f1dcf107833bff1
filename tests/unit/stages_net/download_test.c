/* SPDX-License-Identifier: Apache-2.0 */
/* The stage `download` against real servers that behave well, badly and not at all. */
#include "net.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_bodies(void **state)
{
	static const unsigned sizes[] = {1, 1000, 65535, 65536, 65537, 300000, 3000000};
	struct stage_host *host = net_download();
	char base[64];
	struct harness_server *server = net_origin(base, NULL);

	(void)state;
	net_start(host);
	for (unsigned chunked = 0; chunked < 2; chunked++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct stage_item *item = net_get(host, "%s/zeros?size=%u&chunked=%u", base, sizes[i], chunked);

			net_expect_pass(item);
			assert_int_equal(item->size, sizes[i]);
			assert_int_equal(((char *)item->output)[sizes[i] - 1], 'x');
			assert_string_equal(stage_host_field(item, "status"), "200");
			assert_string_equal(stage_host_field(item, "type"), "image/jpeg");
			assert_string_equal(stage_host_field(item, "attempts"), "1");
			assert_string_equal(stage_host_field(item, "url"), item->key);
		}
	}
	net_end(host);
	harness_server_stop(server);
}

static void test_empty_and_unclean(void **state)
{
	struct stage_host *host = net_download();
	char base[64];
	struct harness_server *server = net_raw(base);
	struct stage_item *item;

	(void)state;
	net_start(host);
	item = net_get(host, "%s/empty", base);
	net_expect_pass(item);
	assert_int_equal(item->size, 0);
	assert_true(item->committed);
	item = net_get(host, "%s/unclean", base);
	net_expect_pass(item);
	assert_int_equal(item->size, 3);
	net_end(host);
	harness_server_stop(server);
}

static void test_many_at_once(void **state)
{
	struct stage_host *host = net_download();
	struct stage_item *item[200];
	char base[64];
	struct harness_server *server = net_origin(base, NULL);

	(void)state;
	stage_host_set(host, "per_host", "5");
	net_start(host);
	assert_int_equal(host->demand.in_flight, 64 + 960);
	assert_int_equal(host->demand.permits, 5);
	for (unsigned i = 0; i < 200; i++)
		item[i] = stage_host_put(host, harness_text("%s/zeros?size=%u", base, 1000 + i), NULL, 0);
	assert_int_equal(stage_host_settle(host, 30000), 0);
	for (unsigned i = 0; i < 200; i++) {
		net_expect_pass(item[i]);
		assert_int_equal(item[i]->size, 1000 + i);
	}
	net_end(host);
	/* /stats itself is one more connection. */
	assert_in_range(net_stat(base, "\"connections\":"), 2, 6);
	assert_in_range(net_stat(base, "\"most\":"), 1, 5);
	harness_server_stop(server);
}

/* Hands on what is settled, as the next stage would: its room is free again. How many these were. */
static unsigned hand_on(struct stage_host *host, struct stage_item **item, unsigned count)
{
	unsigned handed = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!item[i] || !item[i]->settled)
			continue;
		net_expect_pass(item[i]);
		stage_host_forget(host, item[i]);
		item[i] = NULL;
		handed++;
	}
	return handed;
}

/* Room for few answers and turns for fewer; each time all room is taken before any is given back, so that again and
 * again a turn comes when there is no room. Nobody must keep the others from theirs, also where redirects hold room. */
static void test_little_room(void **state)
{
	enum { ITEMS = 60, PLACES = 4, FIRST = 64 << 10 };
	struct stage_host *host = net_download();
	struct stage_item *item[ITEMS];
	char base[64];
	struct harness_server *server = net_origin(base, NULL);
	unsigned done = 0, fruitless = 0;

	(void)state;
	stage_host_set(host, "per_host", "2");
	net_start(host);
	host->room = PLACES * FIRST;
	for (unsigned i = 0; i < ITEMS; i++)
		item[i] = stage_host_put(
		    host,
		    harness_text(i % 3 ? "%s/zeros?size=1000" : "%s/redirect-to?url=/zeros%%3Fsize%%3D1000", base),
		    NULL, 0);
	while (done < ITEMS && fruitless < 300) {
		size_t reserved = host->reserved;

		stage_host_poll(host, 100);
		fruitless++;
		if (host->reserved != reserved && host->reserved + FIRST <= host->room)
			continue;
		unsigned handed = hand_on(host, item, ITEMS);
		done += handed;
		if (handed)
			fruitless = 0;
	}
	assert_int_equal(done, ITEMS);
	net_end(host);
	harness_server_stop(server);
}

static void test_statuses(void **state)
{
	struct stage_host *host = net_download();
	char base[64];
	struct harness_server *server = net_origin(base, NULL), *raw;

	(void)state;
	net_start(host);
	net_expect_fail(net_get(host, "%s/status/404", base), KK_FAIL_HTTP_4XX, "404");
	net_expect_fail(net_get(host, "%s/status/500", base), KK_FAIL_HTTP_5XX, "500");
	net_expect_fail(net_get(host, "%s/status/304", base), KK_FAIL_OTHER, "304");
	assert_int_equal(net_stat(base, "\"/status/404\":"), 1);
	assert_int_equal(net_stat(base, "\"/status/500\":"), 3);
	harness_server_stop(server);
	raw = net_raw(base);
	net_expect_fail(net_get(host, "%s/partial", base), KK_FAIL_OTHER, "206");
	net_expect_fail(net_get(host, "%s/much-later", base), KK_FAIL_HTTP_429, "429");
	net_end(host);
	harness_server_stop(raw);
}

static void test_broken_answers(void **state)
{
	static const char *const paths[] = {"/garbage", "/reset", "/short-chunk", "/endless-head"};
	struct stage_host *host = net_download();
	char base[64], origin[64];
	struct harness_server *server = net_raw(base), *other = net_origin(origin, NULL);

	(void)state;
	net_start(host);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		net_expect_fail(net_get(host, "%s%s", base, paths[i]), KK_FAIL_ABORTED, "");
	net_expect_fail(net_get(host, "%s/short", origin), KK_FAIL_ABORTED, "shorter");
	assert_int_equal(net_stat(origin, "\"/short\":"), 3);
	net_end(host);
	harness_server_stop(server);
	harness_server_stop(other);
}

static void test_no_server(void **state)
{
	struct stage_host *host = net_download();
	char base[64];
	struct harness_server *server = net_raw(base);

	(void)state;
	harness_server_stop(server);
	net_start(host);
	net_expect_fail(net_get(host, "%s/x", base), KK_FAIL_CONNECT, "no connection");
	net_end(host);
}

static void test_too_large(void **state)
{
	struct stage_host *host = net_download();
	char base[64], origin[64];
	struct harness_server *server = net_raw(base), *other = net_origin(origin, NULL);
	struct stage_item *item;

	(void)state;
	stage_host_set(host, "max_bytes", "100000");
	net_start(host);
	assert_int_equal(host->demand.largest, 100000);
	net_expect_fail(net_get(host, "%s/huge", base), KK_FAIL_TOO_LARGE, "100000");
	net_expect_fail(net_get(host, "%s/endless", origin), KK_FAIL_TOO_LARGE, "100000");
	net_expect_fail(net_get(host, "%s/zeros?size=100001&chunked=1", origin), KK_FAIL_TOO_LARGE, "");
	item = net_get(host, "%s/zeros?size=100000&chunked=1", origin);
	net_expect_pass(item);
	assert_int_equal(item->room, 100000);
	net_end(host);
	harness_server_stop(server);
	harness_server_stop(other);
}

static void test_redirects(void **state)
{
	struct stage_host *host = net_download();
	char base[64], origin[64];
	struct harness_server *server = net_raw(base), *other = net_origin(origin, NULL);
	struct stage_item *item;

	(void)state;
	net_start(host);
	net_expect_fail(net_get(host, "%s/redirect/5", origin), KK_FAIL_HTTP_4XX, "404 (redirected to 127.0.0.1)");
	net_expect_fail(net_get(host, "%s/redirect/6", origin), KK_FAIL_REDIRECTS, "more than 5");
	net_expect_fail(net_get(host, "%s/redirect-loop", origin), KK_FAIL_REDIRECTS, "more than 5");
	net_expect_fail(net_get(host, "%s/nowhere", base), KK_FAIL_OTHER, "without a Location");
	item = net_get(host, "%s/to-ftp", base);
	net_expect_fail(item, KK_FAIL_BAD_URL, "ftp://***@h/x");
	net_expect_fail(net_get(host, "%s/to-file", base), KK_FAIL_BAD_URL, "file:");
	net_expect_fail(net_get(host, "%s/to-metadata", base), KK_FAIL_BLOCKED_ADDRESS, "link-local");
	item = net_get(host, "%s/a/relative", base);
	net_expect_pass(item);
	assert_string_equal(stage_host_field(item, "url"), harness_text("%s/echo?Signature=***&v=1", base));
	assert_non_null(memmem(item->output, item->size, "GET /echo?Signature=abc&v=1 HTTP/1.1", 36));
	net_end(host);
	harness_server_stop(server);
	harness_server_stop(other);
}

static bool has(const struct stage_item *item, const char *text)
{
	return memmem(item->output, item->size, text, strlen(text)) != NULL;
}

static void test_headers(void **state)
{
	struct stage_host *host = net_download();
	char base[64];
	struct harness_server *server = net_raw(base);
	struct stage_item *item;

	(void)state;
	stage_host_set(host, "allow_networks", "::1");
	stage_host_set(host, "headers", "Authorization: Bearer xyz");
	stage_host_set(host, "headers", "Accept: image/*");
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	net_start(host);
	item = net_get(host, "%s/echo?a b", base);
	net_expect_pass(item);
	assert_true(has(item, "GET /echo?a+b HTTP/1.1\r\n") || has(item, "GET /echo?a%20b HTTP/1.1\r\n"));
	assert_true(has(item, "User-Agent: kakehi/0.1 ("));
	assert_true(has(item, "Authorization: Bearer xyz\r\n"));
	assert_true(has(item, harness_text("Host: %s\r\n", base + 7)));
	assert_false(has(item, "Accept-Encoding"));
	/* Another host is not told what this one was told. */
	item = net_get(host, "%s/elsewhere", base);
	net_expect_pass(item);
	assert_false(has(item, "Authorization"));
	assert_true(has(item, "Accept: image/*\r\n"));
	assert_true(has(item, "Host: localhost:"));
	net_end(host);
	harness_server_stop(server);
}

/* Credentials go to whom they are for, and never where a redirect leads. */
static void test_credentials(void **state)
{
	static const struct {
		const char *name, *value, *sent;
	} rows[] = {
	    {"bearer", "s3cret", "Authorization: Bearer s3cret\r\n"},
	    {"basic", "user:pass word", "Authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n"},
	    {"headers", "X-Key: s3cret", "X-Key: s3cret\r\n"},
	};
	char base[64];
	struct harness_server *server = net_raw(base);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned named = 0; named < 3; named++) {
			struct stage_host *host = net_download();
			struct stage_item *item;

			stage_host_set(host, rows[i].name, rows[i].value);
			if (named)
				stage_host_set(host, "auth_hosts", named == 1 ? "127.0.0.1" : "other.test");
			net_start(host);
			item = net_get(host, "%s/echo", base);
			net_expect_pass(item);
			assert_int_equal(has(item, rows[i].sent), named != 2);
			item = net_get(host, "%s/elsewhere", base);
			net_expect_pass(item);
			assert_false(has(item, rows[i].sent));
			/* And back again: who has led us away does not decide what we say at home. */
			item = net_get(host, "%s/away-and-back", base);
			net_expect_pass(item);
			assert_false(has(item, rows[i].sent));
			assert_null(strstr(host->last_log, "s3cret"));
			net_end(host);
		}
	}
	harness_server_stop(server);
}

/* Given up before the body: the server has sent a few kilobytes of what it has. */
static void test_early_abort(void **state)
{
	struct stage_host *host = net_download();
	char base[64];
	struct harness_server *server = net_origin(base, NULL);

	(void)state;
	stage_host_set(host, "images", "true");
	stage_host_set(host, "max_pixels", "50000000");
	stage_host_set(host, "max_side", "20000");
	stage_host_set(host, "types", "image/*");
	stage_host_set(host, "retries", "5");
	net_start(host);
	net_expect_fail(net_get(host, "%s/png?size=40000000", base), KK_FAIL_TOO_LARGE, "30000 x 30000");
	net_expect_fail(net_get(host, "%s/png?size=40000000&width=1&height=20001", base), KK_FAIL_TOO_LARGE,
	                "max_side");
	net_expect_fail(net_get(host, "%s/zeros?size=40000000", base), KK_FAIL_NOT_AN_IMAGE, "begin");
	net_expect_fail(net_get(host, "%s/status/200", base), KK_FAIL_NOT_AN_IMAGE, "text/plain");
	net_expect_pass(net_get(host, "%s/png?size=1000&width=5000&height=5000", base));
	net_end(host);
	/* 120 MB were there to be had; what the system buffers is on the way before anybody can refuse it. */
	assert_in_range(net_stat(base, "\"bytes\":"), 1000, 30000000);
	assert_int_equal(net_stat(base, "\"/zeros\":"), 1);
	harness_server_stop(server);
}

static void test_packed(void **state)
{
	struct stage_host *host = net_download(), *unpacking = net_download();
	char base[64];
	struct harness_server *server = net_origin(base, NULL);
	struct stage_item *item;

	(void)state;
	net_start(host);
	net_expect_fail(net_get(host, "%s/bomb", base), KK_FAIL_ABORTED, "compressed");
	assert_int_equal(net_stat(base, "\"/bomb\":"), 1);
	net_end(host);
	stage_host_set(unpacking, "unpack", "true");
	net_start(unpacking);
	item = net_get(unpacking, "%s/bomb?size=500000", base);
	net_expect_pass(item);
	assert_int_equal(item->size, 500000);
	net_expect_fail(net_get(unpacking, "%s/bomb/1?size=40000000", base), KK_FAIL_TOO_LARGE, "200 times");
	net_expect_pass(net_get(unpacking, "%s/zeros?size=40000000", base));
	net_end(unpacking);
	harness_server_stop(server);
}

static void test_files(void **state)
{
	struct stage_host *closed = net_download(), *host = net_download();
	const char *dir = harness_path("dir");
	static const char *const refused[] = {"/dir/../secret",
	                                      "/secret",
	                                      "/dir",
	                                      "/dir/",
	                                      "/dir/link",
	                                      "/dir/away/secret",
	                                      "/dir/%2e%2e/secret",
	                                      "/dirt",
	                                      "/dir/sub",
	                                      "/dir/pipe",
	                                      "/dir/in%00",
	                                      "/dir/%",
	                                      "/dir/sub/../../secret",
	                                      "/dir/null",
	                                      "/dir/sub/up/secret"};
	struct stage_item *item;

	(void)state;
	harness_make_dir(dir);
	harness_make_dir(harness_path("dir/sub"));
	harness_write_text(harness_path("secret"), "secret");
	harness_write_text(harness_path("dirt"), "secret");
	harness_write_text(harness_path("dir/sub/a b.jpg"), "inside");
	assert_int_equal(symlink("../secret", harness_path("dir/link")), 0);
	assert_int_equal(symlink("..", harness_path("dir/away")), 0);
	assert_int_equal(symlink("../..", harness_path("dir/sub/up")), 0);
	assert_int_equal(symlink("/dev/null", harness_path("dir/null")), 0);
	assert_int_equal(mkfifo(harness_path("dir/pipe"), 0600), 0);
	net_start(closed);
	net_expect_fail(net_get(closed, "file://%s/dir/sub/a%%20b.jpg", harness_dir()), KK_FAIL_BAD_URL, "allow_files");
	net_end(closed);
	stage_host_set(host, "allow_files", dir);
	stage_host_set(host, "max_bytes", "10");
	net_start(host);
	assert_int_equal(host->demand.needs, KK_NEED_NETWORK | KK_NEED_READ);
	item = net_get(host, "file://%s/dir/sub/a%%20b.jpg", harness_dir());
	net_expect_pass(item);
	assert_int_equal(item->size, 6);
	assert_memory_equal(item->output, "inside", 6);
	net_expect_pass(net_get(host, "FILE://localhost%s/dir//sub/a%%20b.jpg", harness_dir()));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		net_expect_fail(net_get(host, "file://%s%s", harness_dir(), refused[i]), KK_FAIL_BAD_URL, "");
	net_expect_fail(net_get(host, "file://other%s/dir/sub/a%%20b.jpg", harness_dir()), KK_FAIL_BAD_URL, "");
	net_expect_fail(net_get(host, "file:dir/sub"), KK_FAIL_BAD_URL, "");
	net_expect_fail(net_get(host, "file://%s/dir/none", harness_dir()), KK_FAIL_OTHER, "No such file");
	harness_write_text(harness_path("dir/large"), "larger than ten");
	net_expect_fail(net_get(host, "file://%s/dir/large", harness_dir()), KK_FAIL_TOO_LARGE, "max_bytes");
	net_end(host);
	/* One that has more in it than its size says, as one that somebody is writing to. */
	host = net_download();
	stage_host_set(host, "allow_files", "/proc");
	net_start(host);
	net_expect_fail(net_get(host, "file:///proc/version"), KK_FAIL_OTHER, "longer while it was read");
	net_end(host);
}

static void test_opting_out(void **state)
{
	struct stage_host *host = net_download(), *rude = net_download();
	char base[64];
	struct harness_server *server = net_raw(base);

	(void)state;
	net_start(host);
	net_expect_fail(net_get(host, "%s/robots/us", base), KK_FAIL_OPTED_OUT, "header");
	net_expect_fail(net_get(host, "%s/robots/second", base), KK_FAIL_OPTED_OUT, "");
	net_expect_pass(net_get(host, "%s/robots/other", base));
	net_end(host);
	stage_host_set(rude, "opt_out", "ignore");
	net_start(rude);
	net_expect_pass(net_get(rude, "%s/robots/us", base));
	net_end(rude);
	harness_server_stop(server);
}

static void test_blocked(void **state)
{
	static const char *const hosts[] = {"127.0.0.1",
	                                    "2130706433",
	                                    "0x7f.1",
	                                    "017700000001",
	                                    "[::1]",
	                                    "localhost",
	                                    "10.0.0.1",
	                                    "169.254.169.254",
	                                    "0",
	                                    "a.localhost",
	                                    "[::ffff:127.0.0.1]",
	                                    "[64:ff9b::7f00:1]",
	                                    "localhost.",
	                                    "127.0.0.1."};
	struct stage_host *host = net_stage("download");
	char base[64];
	struct harness_server *server = net_raw(base);
	const char *port = strrchr(base, ':');

	(void)state;
	net_start(host);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		net_expect_fail(net_get(host, "http://%s%s/echo", hosts[i], port), KK_FAIL_BLOCKED_ADDRESS, " is a");
	net_end(host);
	harness_server_stop(server);
}

static void test_bad_urls(void **state)
{
	static const char *const urls[] = {"",
	                                   "x",
	                                   "ftp://h/x",
	                                   "file:///etc/passwd",
	                                   "http://",
	                                   "//h/x",
	                                   "http://h:99999/",
	                                   "http://a b/",
	                                   "gopher://h/",
	                                   "http://h\n/"};
	struct stage_host *host = net_download();

	(void)state;
	net_start(host);
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		net_expect_fail(net_get(host, "%s", urls[i]), KK_FAIL_BAD_URL, "URL");
	net_end(host);
}

static void test_names(void **state)
{
	struct stage_host *host = net_download();
	char base[64];
	struct harness_server *server = net_raw(base);
	const char *port = strrchr(base, ':');
	struct stage_item *item[20];

	(void)state;
	stage_host_set(host, "nameservers", base + 7);
	net_start(host);
	for (unsigned i = 0; i < 20; i++)
		item[i] = stage_host_put(host, harness_text("http://good.test%s/echo", port), NULL, 0);
	assert_int_equal(stage_host_settle(host, 20000), 0);
	for (unsigned i = 0; i < 20; i++) {
		net_expect_pass(item[i]);
		assert_true(has(item[i], "Host: good.test:"));
	}
	net_expect_pass(net_get(host, "http://both.test%s/echo", port));
	net_expect_pass(net_get(host, "http://GOOD.test.%s/echo", port));
	net_expect_fail(net_get(host, "http://private.test%s/", port), KK_FAIL_BLOCKED_ADDRESS, "a private address");
	net_expect_fail(net_get(host, "http://none.test%s/", port), KK_FAIL_DNS_NONE, "no such name");
	net_expect_fail(net_get(host, "http://none.test%s/again", port), KK_FAIL_DNS_NONE, "no such name");
	/* The same question is asked once: good, both, private and none, and perhaps the search domains of none. */
	item[0] = net_get(host, "%s/questions", base);
	assert_in_range(strtoul(harness_text("%.*s", (int)item[0]->size, (char *)item[0]->output), NULL, 10), 4, 8);
	net_end(host);
	harness_server_stop(server);
}

/* An IPv6 address that leads nowhere does not hold up the IPv4 one beside it. */
static void test_two_families(void **state)
{
	struct stage_host *host = net_download();
	char base[64];
	struct harness_server *server = net_raw(base);
	uint64_t begin = harness_now_ms();

	(void)state;
	stage_host_set(host, "nameservers", base + 7);
	stage_host_set(host, "allow_networks", "2001:db8::/32");
	net_start(host);
	net_expect_pass(net_get(host, "http://six.test%s/echo", strrchr(base, ':')));
	assert_true(harness_now_ms() - begin < 2000);
	net_end(host);
	harness_server_stop(server);
}

/* What no name server could say is asked again; what they have said is not, for a while. */
static void test_what_is_remembered(void **state)
{
	static const struct {
		const char *name;
		unsigned least, most;
	} rows[] = {{"good.test", 1, 1}, {"none.test", 1, 1}, {"fail.test", 2, 20}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stage_host *host = net_download();
		char base[64];
		struct harness_server *server = net_raw(base);
		struct stage_item *item;

		stage_host_set(host, "nameservers", base + 7);
		stage_host_set(host, "retries", "0");
		net_start(host);
		for (unsigned round = 0; round < 2; round++)
			net_get(host, "http://%s%s/echo", rows[i].name, strrchr(base, ':'));
		item = net_get(host, "%s/questions", base);
		net_expect_pass(item);
		assert_in_range(strtoul(harness_text("%.*s", (int)item->size, (char *)item->output), NULL, 10),
		                rows[i].least, rows[i].most + 1);
		net_end(host);
		harness_server_stop(server);
	}
}

static void test_proxy(void **state)
{
	struct stage_host *host = net_stage("download");
	char base[64];
	struct harness_server *server = net_raw(base);
	struct stage_item *item;

	(void)state;
	stage_host_set(host, "proxy", base);
	stage_host_set(host, "retries", "0");
	net_start(host);
	/* The server gets the whole URL and answers 404 to that path: it was asked as a proxy. */
	item = net_get(host, "http://name.invalid/x");
	net_expect_fail(item, KK_FAIL_HTTP_4XX, "404");
	net_expect_fail(net_get(host, "http://10.1.2.3/x"), KK_FAIL_BLOCKED_ADDRESS, "private");
	net_end(host);
	harness_server_stop(server);
}

static void test_wrong_options(void **state)
{
	static const struct {
		const char *name, *value, *words;
	} rows[] = {
	    {"allow_networks", "10.0.0.0/33", "10.0.0.0/33"},
	    {"headers", "no colon", "header 1"},
	    {"headers", "X: a\r\nY: b", "header 1"},
	    {"headers", "Bad Name: x", "header 1"},
	    {"user_agent", "a\nb", "user_agent"},
	    {"proxy", "ftp://h", "proxy"},
	    {"proxy", "socks5h://h", "proxy"},
	    {"bearer", "a\nb", "bearer"},
	    {"basic", "nobody", "user:password"},
	    {"key", "key.pem", "cert"},
	    {"types", "jpeg", "types"},
	    {"types", "image/", "types"},
	    {"opt_out", "maybe", "opt_out"},
	    {"waiting", "-1", "waiting"},
	    {"nameservers", "dns.example", "dns.example"},
	    {"in_flight", "0", "in_flight"},
	    {"max_bytes", "0", "max_bytes"},
	    {"no_such", "1", "no_such"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stage_host *host = net_stage("download");

		stage_host_set(host, rows[i].name, rows[i].value);
		if (stage_host_plan(host) == 0 || !strstr(host->why, rows[i].words))
			fail_msg("%s: %s: \"%s\"", rows[i].name, rows[i].value, host->why);
		stage_host_unload(host);
	}
}

static void test_missing_ca_file(void **state)
{
	struct stage_host *host = net_stage("download");

	(void)state;
	stage_host_set(host, "ca_file", "/nonexistent.pem");
	assert_int_equal(stage_host_start(host), -1);
	assert_non_null(strstr(host->why, "/nonexistent.pem"));
	stage_host_unload(host);
}

/* ---- https, by a certificate of our own */

struct secure_server {
	struct harness_program *program;
	const char *certificate;
	unsigned port;
};

static bool has_port(void *what)
{
	struct secure_server *server = what;
	const char *line = strstr(harness_out(server->program), "ACCEPT 127.0.0.1:");

	server->port = line ? (unsigned)strtoul(strchr(line, ':') + 1, NULL, 10) : 0;
	return server->port != 0 && strchr(line, '\n');
}

/* `client` NULL: it asks nobody for a certificate; else only who has this one is let in. */
static void start_secure_asking(struct secure_server *server, const char *client)
{
	const char *key = harness_path("key.pem"), *certificate = harness_path("certificate.pem");
	const char *const make[] = {
	    "openssl", "req",   "-x509", "-newkey",   "ec",       "-pkeyopt", "ec_paramgen_curve:P-256",
	    "-nodes",  "-days", "2",     "-subj",     "/CN=test", "-addext",  "subjectAltName=IP:127.0.0.1",
	    "-keyout", key,     "-out",  certificate, NULL};
	const char *const serve[] = {"openssl", "s_server",
	                             "-accept", "127.0.0.1:0",
	                             "-key",    key,
	                             "-cert",   certificate,
	                             "-www",    client ? "-Verify" : NULL,
	                             "1",       "-verify_return_error",
	                             "-CAfile", client,
	                             NULL};

	assert_int_equal(harness_exec(make, NULL).exit_code, 0);
	server->certificate = certificate;
	server->program = harness_start(serve, NULL);
	assert_true(harness_wait_until(has_port, server, 10000));
}

static void start_secure(struct secure_server *server)
{
	start_secure_asking(server, NULL);
}

static void stop_secure(struct secure_server *server)
{
	assert_int_equal(kill(harness_pid(server->program), SIGTERM), 0);
	harness_finish(server->program);
}

/* Believed with ca_file, not without, and not under another name. */
static void test_tls(void **state)
{
	struct stage_host *host = net_download(), *doubting = net_download();
	struct secure_server server;

	(void)state;
	start_secure(&server);
	stage_host_set(host, "ca_file", server.certificate);
	stage_host_set(host, "retries", "0");
	net_start(host);
	for (unsigned i = 0; i < 3; i++)
		net_expect_pass(net_get(host, "https://127.0.0.1:%u/", server.port));
	net_expect_fail(net_get(host, "https://localhost:%u/", server.port), KK_FAIL_TLS, "certificate");
	net_end(host);
	net_start(doubting);
	net_expect_fail(net_get(doubting, "https://127.0.0.1:%u/", server.port), KK_FAIL_TLS, "certificate");
	net_end(doubting);
	stop_secure(&server);
}

/* A server that asks who we are. */
static void test_identity(void **state)
{
	struct stage_host *host = net_download(), *nobody = net_download(), *wrong = net_download();
	const char *own_key = harness_path("own-key.pem"), *own = harness_path("own.pem");
	const char *const make[] = {
	    "openssl",  "req",     "-x509", "-newkey", "ec",    "-pkeyopt", "ec_paramgen_curve:P-256",
	    "-passout", "pass:pw", "-days", "2",       "-subj", "/CN=us",   "-keyout",
	    own_key,    "-out",    own,     NULL};
	struct secure_server server;

	(void)state;
	assert_int_equal(harness_exec(make, NULL).exit_code, 0);
	start_secure_asking(&server, own);
	stage_host_set(host, "ca_file", server.certificate);
	stage_host_set(host, "cert", own);
	stage_host_set(host, "key", own_key);
	stage_host_set(host, "key_password", "pw");
	net_start(host);
	net_expect_pass(net_get(host, "https://127.0.0.1:%u/", server.port));
	net_end(host);
	stage_host_set(nobody, "ca_file", server.certificate);
	stage_host_set(nobody, "retries", "0");
	net_start(nobody);
	assert_int_equal(net_get(nobody, "https://127.0.0.1:%u/", server.port)->verdict, KK_FAIL);
	net_end(nobody);
	stage_host_set(wrong, "cert", own);
	stage_host_set(wrong, "key", own_key);
	stage_host_set(wrong, "key_password", "other");
	assert_int_equal(stage_host_start(wrong), -1);
	assert_non_null(strstr(wrong->why, "key_password"));
	stage_host_unload(wrong);
	stop_secure(&server);
}

/* From now on this process can open no file. */
static int forbid_files(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 1, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static bool passes(struct stage_host *host, const char *url)
{
	return net_get(host, "%s", url)->verdict == KK_PASS;
}

/* As in a worker: `prepare` may read files, nobody may afterwards. */
static int without_files(struct stage_host *host, const char *raw_port, unsigned secure_port)
{
	struct stage_item *item;

	if (forbid_files() != 0)
		return 1;
	if (!passes(host, harness_text("https://127.0.0.1:%u/", secure_port)))
		return 2;
	if (!passes(host, harness_text("http://good.test%s/echo", raw_port)))
		return 3;
	if (!passes(host, harness_text("http://localhost%s/echo", raw_port)))
		return 4;
	item = net_get(host,
	               "http://b\xc3\xbc"
	               "cher.test%s/",
	               raw_port);
	if (item->fail != KK_FAIL_DNS_NONE || !strstr(item->message, "xn--bcher-kva.test"))
		return 5;
	return 0;
}

static void test_sandboxed(void **state)
{
	struct stage_host *host = net_download();
	struct secure_server secure;
	char base[64];
	struct harness_server *server = net_raw(base);
	int status = -1;
	pid_t child;

	(void)state;
	start_secure(&secure);
	stage_host_set(host, "ca_file", secure.certificate);
	stage_host_set(host, "nameservers", base + 7);
	stage_host_set(host, "allow_networks", "::1");
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		net_start(host);
		_exit(without_files(host, strrchr(base, ':'), secure.port));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	stage_host_unload(host);
	stop_secure(&secure);
	harness_server_stop(server);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_bodies),          cmocka_unit_test(test_empty_and_unclean),
    cmocka_unit_test(test_many_at_once),    cmocka_unit_test(test_little_room),
    cmocka_unit_test(test_statuses),        cmocka_unit_test(test_broken_answers),
    cmocka_unit_test(test_no_server),       cmocka_unit_test(test_too_large),
    cmocka_unit_test(test_redirects),       cmocka_unit_test(test_headers),
    cmocka_unit_test(test_opting_out),      cmocka_unit_test(test_blocked),
    cmocka_unit_test(test_bad_urls),        cmocka_unit_test(test_names),
    cmocka_unit_test(test_proxy),           cmocka_unit_test(test_wrong_options),
    cmocka_unit_test(test_missing_ca_file), cmocka_unit_test(test_tls),
    cmocka_unit_test(test_sandboxed),       cmocka_unit_test(test_credentials),
    cmocka_unit_test(test_early_abort),     cmocka_unit_test(test_packed),
    cmocka_unit_test(test_files),           cmocka_unit_test(test_identity),
    cmocka_unit_test(test_two_families),    cmocka_unit_test(test_what_is_remembered),
};
HARNESS_MAIN(tests)
