/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the network stages that need no network: address filter, redaction, opt-out header, timers, patterns. */
#include "download/image_header.h"
#include "download/robots.h"
#include "download/rules.h"
#include "http/address.h"
#include "http/base64.h"
#include "http/outcome.h"
#include "http/redact.h"
#include "http/retry_after.h"
#include "http/timers.h"
#include "upload/name.h"
#include "upload/target.h"
#include "whole/whole.h"

/* After stage.h: cmocka makes a macro of the word `fail`. */
#include "harness.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- addresses */

static const struct {
	const char *spelling; /* as in a URL: whatever the C library takes for an address */
	bool denied;
} spellings[] = {
    {"127.0.0.1", true},
    {"127.255.255.254", true},
    {"127.1", true},
    {"2130706433", true},
    {"0x7f000001", true},
    {"0x7f.1", true},
    {"0177.0.0.1", true},
    {"017700000001", true},
    {"0", true},
    {"0.0.0.0", true},
    {"0.1.2.3", true},
    {"10.0.0.1", true},
    {"10.255.255.255", true},
    {"11.0.0.0", false},
    {"9.255.255.255", false},
    {"100.63.255.255", false},
    {"100.64.0.1", true},
    {"100.127.255.255", true},
    {"100.128.0.0", false},
    {"169.254.169.254", true},
    {"0xa9fea9fe", true},
    {"2852039166", true},
    {"169.253.255.255", false},
    {"172.15.255.255", false},
    {"172.16.0.1", true},
    {"172.31.255.255", true},
    {"172.32.0.0", false},
    {"192.0.0.1", true},
    {"192.0.1.1", false},
    {"192.0.2.1", true},
    {"192.88.99.1", true},
    {"192.168.0.1", true},
    {"192.167.255.255", false},
    {"198.17.255.255", false},
    {"198.18.0.1", true},
    {"198.19.255.255", true},
    {"198.20.0.0", false},
    {"198.51.100.7", true},
    {"203.0.113.7", true},
    {"223.255.255.255", false},
    {"224.0.0.1", true},
    {"239.255.255.255", true},
    {"240.0.0.1", true},
    {"255.255.255.255", true},
    {"8.8.8.8", false},
    {"134744072", false},
    {"::", true},
    {"::1", true},
    {"0:0:0:0:0:0:0:1", true},
    {"::2", true},
    {"::8.8.8.8", true},
    {"::ffff:127.0.0.1", true},
    {"::ffff:7f00:1", true},
    {"::ffff:10.0.0.1", true},
    {"::ffff:169.254.169.254", true},
    {"::ffff:8.8.8.8", false},
    {"::ffff:0:127.0.0.1", true},
    {"64:ff9b::127.0.0.1", true},
    {"64:ff9b::a00:1", true},
    {"64:ff9b::8.8.8.8", false},
    {"64:ff9b:1::8.8.8.8", true},
    {"100::1", true},
    {"2001::1", true},
    {"2001:0:808:808:0:0:f5ff:fffe", true},
    {"2001:0:a00:1:0:0:f7f7:f7f7", true},
    {"2001:0:808:808:0:0:f7f7:f7f7", false},
    {"2001:2::1", true},
    {"2001:10::1", true},
    {"2001:db8::1", true},
    {"2001:4860:4860::8888", false},
    {"2002:7f00:1::", true},
    {"2002:c0a8:101::1", true},
    {"2002:808:808::1", false},
    {"2606:4700::1111", false},
    {"3fff::1", true},
    {"fc00::1", true},
    {"fdff::1", true},
    {"fe80::1", true},
    {"febf::1", true},
    {"fec0::1", true},
    {"ff02::1", true},
    {"fe00::1", false},
};

static const char *judge(const struct address_list *allowed, const char *spelling)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *info;
	const char *kind;

	if (getaddrinfo(spelling, NULL, &hints, &info) != 0)
		fail_msg("%s is no address", spelling);
	kind = address_denied(allowed, info->ai_addr);
	freeaddrinfo(info);
	return kind;
}

static void test_addresses(void **state)
{
	static const struct address_list none;

	(void)state;
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		const char *kind = judge(&none, spellings[i].spelling);

		if ((kind != NULL) != spellings[i].denied)
			fail_msg("%s: %s", spellings[i].spelling, kind ? kind : "allowed");
	}
}

static void test_address_of_no_network(void **state)
{
	static const struct address_list none;
	struct sockaddr local = {.sa_family = AF_UNIX};

	(void)state;
	assert_non_null(address_denied(&none, &local));
}

static struct address_list parse(const char *const *texts, size_t count)
{
	struct kk_strings strings = {texts, count};
	struct address_list list;
	char why[200];

	if (address_list_parse(&list, &strings, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	return list;
}

static void test_allowed_networks(void **state)
{
	static const char *const texts[] = {"127.0.0.0/8", "10.1.2.3", "fd00::/8", "192.168.4.0/22", "64:ff9b::/96"};
	struct address_list list = parse(texts, 5);

	(void)state;
	assert_null(judge(&list, "127.0.0.1"));
	assert_null(judge(&list, "::ffff:127.0.0.1"));
	assert_null(judge(&list, "10.1.2.3"));
	assert_non_null(judge(&list, "10.1.2.4"));
	assert_null(judge(&list, "fd12::1"));
	assert_non_null(judge(&list, "fc00::1"));
	assert_null(judge(&list, "192.168.7.255"));
	assert_non_null(judge(&list, "192.168.8.0"));
	assert_null(judge(&list, "64:ff9b::127.0.0.1"));
	/* What opens an IPv4 network does not open it to those who carry it in something else. */
	assert_non_null(judge(&list, "2002:7f00:1::"));
	address_list_free(&list);
}

static void test_wrong_networks(void **state)
{
	static const char *const wrong[] = {
	    "",     "x",          "10.0.0.0/33", "10.0.0.0/",   "10.0.0.0/-1", "10.0.0.1/8",
	    "10/8", "fd00::/129", "fd00::1/64",  "10.0.0.0/8 ", "1.2.3.4/08x", "localhost"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct kk_strings strings = {&wrong[i], 1};
		struct address_list list;
		char why[200];

		if (address_list_parse(&list, &strings, why, sizeof(why)) == 0)
			fail_msg("\"%s\" was taken for a network", wrong[i]);
		assert_null(list.at);
	}
}

/* ---- URLs that may be shown */

static void test_redaction(void **state)
{
	static const char *const rows[][2] = {
	    {"http://h/a?b=c", "http://h/a?b=c"},
	    {"https://user:pass@h:1/a", "https://***@h:1/a"},
	    {"http://a@b@h/x@y", "http://***@h/x@y"},
	    {"http://h/?X-Amz-Signature=abc&x=1&token=z#f", "http://h/?X-Amz-Signature=***&x=1&token=***#f"},
	    {"http://h/?sig=a;api_key=b", "http://h/?sig=***;api_key=***"},
	    {"http://h/?cookie=a#token=b", "http://h/?cookie=***#token=***"},
	    {"http://h/a#x=1&token=b", "http://h/a#x=1&token=***"},
	    {"user:pass@h/x", "***@h/x"},
	    {"", ""},
	};
	char to[200];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(redact_url(rows[i][0], to, sizeof(to)), rows[i][1]);
	assert_string_equal(redact_url("http://user@host/", to, 12), "http://***@");
}

/* ---- opting out */

static void test_robots(void **state)
{
	static const struct {
		const char *line;
		bool denies;
	} rows[] = {
	    {"X-Robots-Tag: noai", true},
	    {"x-robots-tag:noindex", true},
	    {"X-Robots-Tag: all, NoImageIndex ", true},
	    {"X-Robots-Tag: none", true},
	    {"X-Robots-Tag: kakehi: noimageai", true},
	    {"X-Robots-Tag: *: noai", true},
	    {"X-Robots-Tag: googlebot: noindex", false},
	    {"X-Robots-Tag: googlebot: noindex, noai", false},
	    {"X-Robots-Tag: googlebot: noindex, kakehi: noai", true},
	    {"X-Robots-Tag: unavailable_after: 25 Jun 2030 15:00:00 PST, noai", true},
	    {"X-Robots-Tag: max-image-preview: large", false},
	    {"X-Robots-Tag: nofollow, noarchive", false},
	    {"X-Robots-Tag:", false},
	    {"X-Robots-Tag: ,,", false},
	    {"X-Robots-Tags: noai", false},
	    {"Robots: noai", false},
	    {"X-Robots-Tag: unavailable_after: Saturday, 25-Jun-30 15:00:00 PST, noai", true},
	    {"X-Robots-Tag: unavailable_after: 2030-06-25T15:00:00, noindex", true},
	    {"X-Robots-Tag: otherbot: unavailable_after: 25 Jun 2030 15:00:00 PST, noai", false},
	    {"X-Robots-Tag: \x01: noai", false},
	    {"TDM-Reservation: 1", true},
	    {"tdm-reservation:1", true},
	    {"TDM-Reservation: 0", false},
	    {"TDM-Reservation: 10", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (robots_denies(rows[i].line, strlen(rows[i].line), "kakehi") != rows[i].denies)
			fail_msg("%s", rows[i].line);
}

/* ---- timers */

static void test_timers(void **state)
{
	struct timer timer[200] = {0};
	struct timers timers;
	uint64_t last = 0, seed = 7;
	size_t popped = 0;

	(void)state;
	assert_int_equal(timers_init(&timers, 200), 0);
	assert_true(timers_next(&timers) == TIMERS_NEVER);
	for (size_t i = 0; i < 200; i++)
		timers_set(&timers, &timer[i], (seed = seed * 6364136223846793005ULL + 1) >> 54);
	for (size_t i = 0; i < 200; i += 3)
		timers_set(&timers, &timer[i], (seed = seed * 6364136223846793005ULL + 1) >> 54);
	for (size_t i = 0; i < 200; i += 5)
		timers_cancel(&timers, &timer[i]);
	timers_cancel(&timers, &timer[0]);
	for (struct timer *next; (next = timers_pop(&timers, 2000)); popped++) {
		assert_true(next->due_ms >= last);
		assert_int_equal((next - timer) % 5 == 0, 0);
		last = next->due_ms;
	}
	assert_int_equal(popped, 160);
	timers_set(&timers, &timer[1], 100);
	assert_null(timers_pop(&timers, 99));
	assert_ptr_equal(timers_pop(&timers, 100), &timer[1]);
	timers_fini(&timers);
}

/* ---- retries */

static void test_delays(void **state)
{
	struct outcome outcome = {.class = KK_FAIL_HTTP_5XX};

	(void)state;
	for (uint64_t random = 0; random < 5000; random += 7) {
		uint64_t first = outcome_delay_ms(&outcome, 1000, 1, random * 99991);
		uint64_t third = outcome_delay_ms(&outcome, 1000, 3, random * 99991);

		assert_in_range(first, 500, 1000);
		assert_in_range(third, 2000, 4000);
	}
	assert_in_range(outcome_delay_ms(&outcome, 1000, 60, 0), 15000, 30000);
	assert_true(outcome_retryable(&outcome));
	outcome.retry_after_ms = 7000;
	assert_int_equal(outcome_delay_ms(&outcome, 1000, 1, 0), 7000);
	assert_true(outcome_retryable(&outcome));
	outcome.final = true;
	assert_false(outcome_retryable(&outcome));
}

static void test_retry_after(void **state)
{
	/* Sun, 06 Nov 1994 08:49:37 GMT */
	static const time_t then = 784111777;
	static const struct {
		const char *value;
		uint64_t ms;
	} rows[] = {
	    {"0", 0},
	    {"1", 1000},
	    {" 120 ", 120000},
	    {"86400", 86400000},
	    {"99999999999999999999999999", RETRY_AFTER_MOST_MS},
	    {"12x", 0},
	    {"-5", 0},
	    {"1.5", 0},
	    {"", 0},
	    {"soon", 0},
	    {"Sun, 06 Nov 1994 08:49:37 GMT", 10000},
	    {"Sunday, 06-Nov-94 08:49:37 GMT", 10000},
	    {"Sun Nov  6 08:49:37 1994", 10000},
	    {"Sun, 06 Nov 1994 08:49:27 GMT", 0},
	    {"Sun, 06 Nov 1993 08:49:27 GMT", 0},
	    {"Sun, 06 Nov 2094 08:49:37 GMT", RETRY_AFTER_MOST_MS},
	    {"Sun, 06 Nov 1994 08:49:37 GMT, and more", 0},
	    {"Sun, 06 Nov 99999999999999 08:49:37 GMT", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (retry_after_ms(rows[i].value, then - 10) != rows[i].ms)
			fail_msg("\"%s\": %llu", rows[i].value,
			         (unsigned long long)retry_after_ms(rows[i].value, then - 10));
}

static void test_base64(void **state)
{
	static const char *const rows[][2] = {{"", ""},
	                                      {"f", "Zg=="},
	                                      {"fo", "Zm8="},
	                                      {"foo", "Zm9v"},
	                                      {"foob", "Zm9vYg=="},
	                                      {"fooba", "Zm9vYmE="},
	                                      {"\xff\xfe", "//4="},
	                                      {"foobar", "Zm9vYmFy"}};
	char to[BASE64_SIZE(6)];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(base64_encode(rows[i][0], strlen(rows[i][0]), to), rows[i][1]);
}

/* ---- images, by their first bytes */

#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *bytes;
	size_t size;
	enum image_verdict verdict;
	uint32_t width, height;
} headers[] = {
    {BYTES("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x75\x30\0\0\x01\x00\x08\x02"), IMAGE_SIZED, 30000, 256},
    {BYTES("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDX\0\0\x75\x30\0\0\x01\x00"), IMAGE_UNSIZED, 0, 0},
    {BYTES("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\0\0\0\0\0"), IMAGE_UNSIZED, 0, 0},
    {BYTES("GIF89a\x10\x27\x01\x00\x00"), IMAGE_SIZED, 10000, 1},
    {BYTES("GIF87a\x00\x00\x01\x00"), IMAGE_UNSIZED, 0, 0},
    {BYTES("GIF88a\x00\x00\x01\x00"), IMAGE_NONE, 0, 0},
    {BYTES("RIFF....WEBPVP8 ....\0\0\0\x9d\x01\x2a\x40\x41\x00\x02"), IMAGE_SIZED, 0x140, 512},
    {BYTES("RIFF....WEBPVP8 ....\0\0\0\x9d\x01\x2b\x40\x01\x00\x02"), IMAGE_UNSIZED, 0, 0},
    {BYTES("RIFF....WEBPVP8X....\0\0\0\0\xff\xff\x00\x00\x00\x01"), IMAGE_SIZED, 65536, 65537},
    {BYTES("RIFF....WEBPVP8L....\x2f\xff\xc0\x03\x00\0\0\0\0\0"), IMAGE_SIZED, 256, 16},
    {BYTES("RIFF....WAVE"), IMAGE_NONE, 0, 0},
    {BYTES("\xff\xd8\xff\xe0\0\x04..\xff\xff\xc2\0\x0b\x08\x01\x00\x02\x00"), IMAGE_SIZED, 512, 256},
    {BYTES("\xff\xd8\xff\xc4\0\x02\xff\xc0\0\x0b\x08\0\0\x02\x00"), IMAGE_UNSIZED, 0, 0},
    {BYTES("\xff\xd8\xff\xda\0\x02"), IMAGE_UNSIZED, 0, 0},
    {BYTES("\xff\xd8\xff\xe0\0\x01xxxxxxxx"), IMAGE_UNSIZED, 0, 0},
    {BYTES("\xff\xd8\xff\xe0\0\x04..xxxxxxx"), IMAGE_UNSIZED, 0, 0},
    {BYTES("\xff\xd8\xff\xe1\xff\xff............"), IMAGE_MORE, 0, 0},
    {BYTES("\0\0\0\x10"
           "ftypavif....\0\0\0\x30meta....\0\0\0\x24iprp\0\0\0\x1cipco\0\0\0\x14ispe....\0\0\x10\0"
           "\0\0\x08\0\0\0\0\x08mdat"),
     IMAGE_SIZED, 4096, 2048},
    {BYTES("\0\0\0\x10"
           "ftypavif....\0\0\0\x08mdat........"),
     IMAGE_UNSIZED, 0, 0},
    {BYTES("\0\0\0\x10"
           "ftypavif....\0\0\0\x01"
           "free"),
     IMAGE_UNSIZED, 0, 0},
    {BYTES("\0\0\0\x10"
           "ftypqt  "),
     IMAGE_NONE, 0, 0},
    {BYTES("II*\0...."), IMAGE_UNSIZED, 0, 0},
    {BYTES("BM"), IMAGE_UNSIZED, 0, 0},
    {BYTES("<html>"), IMAGE_NONE, 0, 0},
    {BYTES(""), IMAGE_MORE, 0, 0},
};

/* Each is judged at every length, out of memory of just that length; with less it may want more, but say nothing else.
 */
static void test_image_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		for (size_t size = 0; size <= headers[i].size; size++) {
			uint32_t width = 0, height = 0;
			char *copy = malloc(size ? size : 1);
			enum image_verdict verdict;

			assert_non_null(copy);
			memcpy(copy, headers[i].bytes, size);
			verdict = image_header(copy, size, &width, &height);
			free(copy);
			if (verdict != headers[i].verdict && (size == headers[i].size || verdict != IMAGE_MORE))
				fail_msg("row %zu, %zu bytes: %d", i, size, verdict);
			if (verdict == IMAGE_SIZED && (width != headers[i].width || height != headers[i].height))
				fail_msg("row %zu, %zu bytes: %u x %u", i, size, width, height);
		}
	}
}

static void test_rules(void **state)
{
	static const char *const types[] = {"image/*", "application/octet-stream"};
	const struct kk_strings list = {types, 2};
	struct rules rules = {.max_pixels = 1000000, .max_side = 20000, .images = true, .types = &list};
	struct reason reason;
	bool known;

	(void)state;
	assert_true(rules_take_type(&rules, "image/png", &reason));
	assert_true(rules_take_type(&rules, " Image/JPEG; q=1", &reason));
	assert_true(rules_take_type(&rules, "application/octet-stream", &reason));
	assert_true(rules_take_type(&rules, NULL, &reason));
	assert_true(rules_take_type(&rules, "", &reason));
	assert_false(rules_take_type(&rules, "text/html; charset=utf-8", &reason));
	assert_int_equal(reason.class, KK_FAIL_NOT_AN_IMAGE);
	assert_string_equal(reason.text, "its type is text/html, which is not among `types`");
	assert_false(rules_take_type(&rules, "application/octet-streams", &reason));
	assert_false(rules_take_type(&rules, "image", &reason));
	assert_false(rules_take_type(&rules, "x\x1b[2J", &reason));
	assert_null(strchr(reason.text, 0x1b));

	assert_true(rules_take_beginning(&rules, BYTES("GIF89a\xe8\3\xe8\3"), false, &known, &reason));
	assert_true(known);
	assert_false(rules_take_beginning(&rules, BYTES("GIF89a\xe9\3\xe8\3"), false, &known, &reason));
	assert_int_equal(reason.class, KK_FAIL_TOO_LARGE);
	assert_non_null(strstr(reason.text, "1001 x 1000"));
	assert_false(rules_take_beginning(&rules, BYTES("GIF89a\x21\x4e\1\0"), false, &known, &reason));
	assert_non_null(strstr(reason.text, "max_side"));
	assert_true(rules_take_beginning(&rules, BYTES("GIF"), false, &known, &reason));
	assert_false(known);
	assert_false(rules_take_beginning(&rules, BYTES("GIF"), true, &known, &reason));
	assert_int_equal(reason.class, KK_FAIL_NOT_AN_IMAGE);
	assert_false(rules_take_beginning(&rules, "", 0, true, &known, &reason));
	assert_false(rules_take_beginning(&rules, BYTES("<html>"), false, &known, &reason));
	rules.images = false;
	assert_true(rules_take_beginning(&rules, BYTES("<html>"), false, &known, &reason));
}

/* ---- names of outputs */

static void test_names(void **state)
{
	static const char *const rows[][2] = {
	    {"a/b", "a/b"},         {"-rf", "_-rf"},         {"a/-rf/-x", "a/_-rf/_-x"},
	    {"con", "_con"},        {"NUL.jpg", "_NUL.jpg"}, {"com1.x", "_com1.x"},
	    {"com0", "com0"},       {"coma1", "coma1"},      {"x/Lpt9/y", "x/_Lpt9/y"},
	    {"console", "console"}, {"a-b", "a-b"},          {"", ""},
	};
	char path[32];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		strcpy(path, rows[i][0]);
		assert_true(name_make_safe(path, sizeof(path)));
		assert_string_equal(path, rows[i][1]);
	}
	strcpy(path, "-/-/-");
	assert_false(name_make_safe(path, 8));
	strcpy(path, "-/-/-");
	assert_true(name_make_safe(path, 9));
	strcpy(path, "x/y.jpg");
	assert_true(name_spread(path, sizeof(path), "0123456789", 2));
	assert_string_equal(path, "x/01/23/y.jpg");
	strcpy(path, "y.jpg");
	assert_true(name_spread(path, 9, "0123456789", 1));
	assert_string_equal(path, "01/y.jpg");
	assert_false(name_spread(path, 11, "0123456789", 1));
}

static void test_paths(void **state)
{
	static const char *const wrong[] = {
	    "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", ".kakehi-a.part", "a/.kakehi-", "./a"};
	char longest[300];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (name_is_path(wrong[i]))
			fail_msg("\"%s\"", wrong[i]);
	memset(longest, 'x', sizeof(longest));
	longest[255] = 0;
	assert_true(name_is_path(longest));
	longest[255] = 'x';
	longest[256] = 0;
	assert_false(name_is_path(longest));
	longest[100] = '/';
	assert_true(name_is_path(longest));
	assert_true(name_is_path("..a/...b"));
}

/* ---- where outputs go */

static void test_targets(void **state)
{
	static const struct {
		const char *pattern, *root, *rest;
		bool http;
	} rows[] = {
	    {"out/{id}.jpg", "out", "{id}.jpg", false},
	    {"{id}.jpg", ".", "{id}.jpg", false},
	    {"/{id}", "/", "{id}", false},
	    {"/srv/a/{n}/b/{id}.jpg", "/srv/a", "{n}/b/{id}.jpg", false},
	    {"../x/pre-{id}", "../x", "pre-{id}", false},
	    {"http://h:81/a/{id}.jpg", "http://h:81", "/a/{id}.jpg", true},
	    {"HTTPS://h/{id}", "HTTPS://h", "/{id}", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct target target;
		char why[200];

		if (target_parse(&target, rows[i].pattern, why, sizeof(why)) != 0)
			fail_msg("%s: %s", rows[i].pattern, why);
		assert_string_equal(target.root, rows[i].root);
		assert_string_equal(target.rest, rows[i].rest);
		assert_int_equal(target.http, rows[i].http);
		target_free(&target);
	}
}

static void test_wrong_targets(void **state)
{
	static const char *const wrong[] = {
	    "out/x.jpg",     "",         "out/{id}/",   "{id}/../x",     "{id}/./x", "out/{id}//x", "ftp://h/{id}",
	    "http://{id}/x", "http://h", "http://{id}", "http://h/{id}/"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct target target;
		char why[300] = "";

		if (target_parse(&target, wrong[i], why, sizeof(why)) == 0)
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_true(strlen(why) > 10);
	}
}

/* What is in a pipe that nobody writes to any more is a file that may be shorter or longer than it was said to be. */
static const char *read_five(size_t size)
{
	char to[16];
	const char *wrong;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(whole_write(ends[1], "bytes", 5), 0);
	close(ends[1]);
	wrong = whole_read(ends[0], to, size);
	assert_memory_equal(to, "bytes", size < 5 ? size : 5);
	close(ends[0]);
	return wrong;
}

static void test_whole_files(void **state)
{
	char byte;

	(void)state;
	assert_null(read_five(5));
	assert_string_equal(read_five(4), "became longer while it was read");
	assert_string_equal(read_five(6), "became shorter while it was read");
	assert_string_equal(whole_read(-1, &byte, 1), strerror(EBADF));
	assert_string_equal(whole_read(-1, &byte, 0), strerror(EBADF));
	assert_int_equal(whole_write(-1, "", 0), 0);
	assert_int_equal(whole_write(-1, "x", 1), -1);
	assert_int_equal(errno, EBADF);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_addresses),
    cmocka_unit_test(test_address_of_no_network),
    cmocka_unit_test(test_allowed_networks),
    cmocka_unit_test(test_wrong_networks),
    cmocka_unit_test(test_redaction),
    cmocka_unit_test(test_robots),
    cmocka_unit_test(test_timers),
    cmocka_unit_test(test_delays),
    cmocka_unit_test(test_targets),
    cmocka_unit_test(test_wrong_targets),
    cmocka_unit_test(test_retry_after),
    cmocka_unit_test(test_base64),
    cmocka_unit_test(test_image_headers),
    cmocka_unit_test(test_rules),
    cmocka_unit_test(test_names),
    cmocka_unit_test(test_paths),
    cmocka_unit_test(test_whole_files),
};
HARNESS_MAIN(tests)
