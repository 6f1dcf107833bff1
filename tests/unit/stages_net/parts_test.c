/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the network stages that need no network: address filter, redaction, opt-out header, timers, patterns. */
#include "download/robots.h"
#include "http/address.h"
#include "http/outcome.h"
#include "http/redact.h"
#include "http/timers.h"
#include "upload/target.h"

/* After stage.h: cmocka makes a macro of the word `fail`. */
#include "harness.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	outcome.retry_after_ms = RETRY_AFTER_MOST_MS + 1;
	assert_false(outcome_retryable(&outcome));
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

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_addresses),        cmocka_unit_test(test_address_of_no_network),
    cmocka_unit_test(test_allowed_networks), cmocka_unit_test(test_wrong_networks),
    cmocka_unit_test(test_redaction),        cmocka_unit_test(test_robots),
    cmocka_unit_test(test_timers),           cmocka_unit_test(test_delays),
    cmocka_unit_test(test_targets),          cmocka_unit_test(test_wrong_targets),
};
HARNESS_MAIN(tests)
