/* SPDX-License-Identifier: Apache-2.0 */
/* The stage `download` where time matters: tries, pauses, rates, servers that are slow, and waiting for memory. */
#include "net.h"

#include <stdlib.h>
#include <string.h>

static void test_retries(void **state)
{
	struct stage_host *host = net_download();
	char base[64];
	struct harness_server *server = net_origin(base, NULL);
	struct stage_item *item;
	uint64_t begin;

	(void)state;
	net_start(host);
	/* No photos: a request that goes well ends with 404, which is not tried again. */
	net_expect_fail(net_get(host, "%s/flaky/1?fails=2", base), KK_FAIL_HTTP_4XX, "404");
	assert_int_equal(net_stat(base, "\"/flaky/1\":"), 3);
	net_expect_fail(net_get(host, "%s/flaky/2?fails=3", base), KK_FAIL_HTTP_5XX, "503");
	assert_int_equal(net_stat(base, "\"/flaky/2\":"), 3);
	begin = harness_now_ms();
	item = net_get(host, "%s/429?after=1", base);
	net_expect_fail(item, KK_FAIL_HTTP_4XX, "404");
	assert_true(harness_now_ms() - begin >= 1000);
	net_end(host);
	harness_server_stop(server);
}

/* Who waits for a retry holds no slot of his host. */
static void test_backoff_holds_no_slot(void **state)
{
	struct stage_host *host = net_download();
	struct stage_item *waiting, *item;
	char base[64];
	struct harness_server *server = net_origin(base, NULL);

	(void)state;
	stage_host_set(host, "per_host", "1");
	stage_host_set(host, "in_flight", "1");
	stage_host_set(host, "retry_delay", "2s");
	net_start(host);
	waiting = stage_host_put(host, harness_text("%s/flaky/1", base), NULL, 0);
	for (unsigned i = 0; i < 5; i++) {
		item = stage_host_put(host, harness_text("%s/zeros?size=1000", base), NULL, 0);
		while (!item->settled)
			assert_int_equal(stage_host_poll(host, 5000), 0);
		net_expect_pass(item);
	}
	assert_false(waiting->settled);
	assert_int_equal(stage_host_settle(host, 10000), 0);
	net_expect_fail(waiting, KK_FAIL_HTTP_4XX, "404");
	net_end(host);
	assert_int_equal(net_stat(base, "\"connections\":"), 2);
	harness_server_stop(server);
}

/* What one request is told holds for all requests to the host, and those to others go on. */
static void test_retry_after(void **state)
{
	struct stage_host *host = net_download();
	struct stage_item *item[10], *other;
	char base[64];
	struct harness_server *server = net_origin(base, NULL);
	uint64_t begin = harness_now_ms();

	(void)state;
	stage_host_set(host, "nameservers", base + 7);
	net_start(host);
	net_get(host, "%s/zeros", base);
	item[0] = stage_host_put(host, harness_text("%s/429/1?after=1&date=1", base), NULL, 0);
	item[1] = stage_host_put(host, harness_text("%s/429/2?after=2&times=1", base), NULL, 0);
	assert_int_equal(stage_host_poll(host, 1000), 0);
	while (net_stat(base, "\"/429/2\":") == 0)
		assert_int_equal(stage_host_poll(host, 10), 0);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(stage_host_poll(host, 10), 0);
	for (unsigned i = 2; i < 10; i++)
		item[i] = stage_host_put(host, harness_text("%s/zeros?size=%u", base, i), NULL, 0);
	other = stage_host_put(host, harness_text("http://good.test%s/zeros", strrchr(base, ':')), NULL, 0);
	while (!other->settled)
		assert_int_equal(stage_host_poll(host, 5000), 0);
	net_expect_pass(other);
	assert_true(harness_now_ms() - begin < 1500);
	assert_int_equal(stage_host_settle(host, 10000), 0);
	assert_true(harness_now_ms() - begin >= 2000);
	for (unsigned i = 2; i < 10; i++)
		net_expect_pass(item[i]);
	assert_int_equal(net_stat(base, "\"early\":"), 0);
	net_end(host);
	harness_server_stop(server);
}

/* Who asks for more than we wait for is asked once, by any of the workers. */
static void test_long_retry_after(void **state)
{
	struct stage_host *host = net_download();
	char base[64];
	struct harness_server *server = net_origin(base, NULL);

	(void)state;
	stage_host_set(host, "nameservers", base + 7);
	stage_host_set(host, "retry_after", "5s");
	net_start(host);
	net_expect_fail(net_get(host, "%s/429/1?after=6", base), KK_FAIL_HTTP_429, "status 429");
	net_expect_fail(net_get(host, "%s/zeros/1", base), KK_FAIL_HTTP_429, "left alone");
	assert_int_equal(net_stat(base, "\"/zeros/1\":"), 0);
	net_expect_pass(net_get(host, "http://good.test%s/zeros/2", strrchr(base, ':')));
	net_end(host);
	harness_server_stop(server);
}

static void test_rates(void **state)
{
	struct stage_host *host = net_download();
	char base[64];
	struct harness_server *server = net_origin(base, NULL);
	uint64_t begin;

	(void)state;
	stage_host_set(host, "per_host_rate", "20");
	net_start(host);
	begin = harness_now_ms();
	for (unsigned i = 0; i < 40; i++)
		stage_host_put(host, harness_text("%s/zeros/%u", base, i), NULL, 0);
	assert_int_equal(stage_host_settle(host, 10000), 0);
	assert_in_range(harness_now_ms() - begin, 900, 5000);
	assert_in_range(net_stat(base, "\"busiest\":"), 15, 41);
	net_end(host);
	harness_server_stop(server);
}

static void test_times(void **state)
{
	struct stage_host *host = net_download(), *slow = net_download();
	char base[64], origin[64];
	struct harness_server *server = net_raw(base), *other = net_origin(origin, NULL);

	(void)state;
	stage_host_set(host, "retries", "0");
	stage_host_set(host, "timeout", "300ms");
	net_start(host);
	net_expect_fail(net_get(host, "%s/silent", base), KK_FAIL_TIMEOUT, "300 ms");
	net_expect_fail(net_get(host, "%s/drip?ms=20", origin), KK_FAIL_TIMEOUT, "300 ms");
	net_end(host);
	stage_host_set(slow, "retries", "0");
	stage_host_set(slow, "low_speed_time", "300ms");
	stage_host_set(slow, "low_speed_bytes", "100KiB");
	net_start(slow);
	net_expect_fail(net_get(slow, "%s/slow?bps=1000", origin), KK_FAIL_SLOW, "102400 bytes a second");
	net_expect_fail(net_get(slow, "%s/silent", base), KK_FAIL_TIMEOUT, "no answer within 300 ms");
	net_expect_pass(net_get(slow, "%s/slow?bps=400000&size=300000", origin));
	net_end(slow);
	harness_server_stop(server);
	harness_server_stop(other);
}

static void test_name_trouble(void **state)
{
	struct stage_host *host = net_download();
	char base[64];
	struct harness_server *server = net_raw(base);
	const char *port = strrchr(base, ':');
	struct stage_item *silent, *item;

	(void)state;
	stage_host_set(host, "nameservers", base + 7);
	stage_host_set(host, "timeout", "1s");
	stage_host_set(host, "retry_delay", "600ms");
	stage_host_set(host, "retries", "1");
	net_start(host);
	silent = stage_host_put(host, harness_text("http://silent.test%s/", port), NULL, 0);
	/* A name that nobody answers for holds up nobody else. */
	for (unsigned i = 0; i < 20; i++) {
		item = stage_host_put(host, harness_text("http://good.test%s/echo", port), NULL, 0);
		while (!item->settled)
			assert_int_equal(stage_host_poll(host, 5000), 0);
		net_expect_pass(item);
	}
	assert_false(silent->settled);
	net_expect_fail(net_get(host, "http://fail.test%s/", port), KK_FAIL_DNS_TEMPORARY, "all failed");
	net_expect_pass(net_get(host, "http://late.test%s/echo", port));
	assert_int_equal(stage_host_settle(host, 20000), 0);
	net_expect_fail(silent, KK_FAIL_DNS_TEMPORARY, "");
	net_end(host);
	harness_server_stop(server);
}

/* The arena is full: submitting waits, growing pauses, and both go on when there is room again. */
static void test_no_room(void **state)
{
	struct stage_host *host = net_download();
	char origin[64];
	struct harness_server *server = net_origin(origin, NULL);
	struct stage_item *large, *small, *later;

	(void)state;
	stage_host_set(host, "timeout", "400ms");
	host->room = 200000;
	net_start(host);
	large = stage_host_put(host, harness_text("%s/zeros?size=180000", origin), NULL, 0);
	small = stage_host_put(host, harness_text("%s/zeros?size=100", origin), NULL, 0);
	while (!small->settled)
		assert_int_equal(stage_host_poll(host, 5000), 0);
	net_expect_pass(small);
	/* `large` has 64 KiB and needs 180 kB, `small` still holds its own. Paused time is not its time. */
	for (uint64_t begin = harness_now_ms(); harness_now_ms() - begin < 600;)
		assert_int_equal(stage_host_poll(host, 50), 0);
	assert_false(large->settled);
	stage_host_forget(host, small);
	/* As the engine does when room may have appeared. */
	assert_int_equal(stage_host_poll(host, 0), 0);
	assert_int_equal(stage_host_settle(host, 10000), 0);
	net_expect_pass(large);
	assert_int_equal(large->size, 180000);
	/* Without room for its beginning an answer is not even asked for. */
	later = stage_host_put(host, harness_text("%s/zeros/later", origin), NULL, 0);
	for (uint64_t begin = harness_now_ms(); harness_now_ms() - begin < 600;)
		assert_int_equal(stage_host_poll(host, 50), 0);
	assert_false(later->settled);
	assert_int_equal(net_stat(origin, "\"/zeros/later\":"), 0);
	stage_host_forget(host, large);
	assert_int_equal(stage_host_poll(host, 0), 0);
	assert_int_equal(stage_host_settle(host, 10000), 0);
	net_expect_pass(later);
	net_end(host);
	harness_server_stop(server);
}

/* Names that nobody answers for take no connection, even if there are more of them than connections. */
static void test_dead_names(void **state)
{
	struct stage_host *host = net_download();
	char base[64], origin[64];
	struct harness_server *raw = net_raw(base), *server = net_origin(origin, NULL);
	struct stage_item *item[100];
	uint64_t begin;

	(void)state;
	stage_host_set(host, "nameservers", base + 7);
	stage_host_set(host, "in_flight", "4");
	stage_host_set(host, "timeout", "3s");
	stage_host_set(host, "retries", "0");
	net_start(host);
	begin = harness_now_ms();
	for (unsigned i = 0; i < 100; i++)
		item[i] = stage_host_put(
		    host, i % 2 ? harness_text("%s/zeros/%u", origin, i) : harness_text("http://mute%u.mix.test/", i),
		    NULL, 0);
	for (unsigned i = 1; i < 100; i += 2)
		while (!item[i]->settled)
			assert_int_equal(stage_host_poll(host, 5000), 0);
	assert_true(harness_now_ms() - begin < 2500);
	for (unsigned i = 0; i < 100; i += 2)
		assert_false(item[i]->settled);
	assert_int_equal(stage_host_settle(host, 10000), 0);
	for (unsigned i = 0; i < 100; i += 2)
		net_expect_fail(item[i], KK_FAIL_DNS_TEMPORARY, "no answer");
	net_end(host);
	harness_server_stop(server);
	harness_server_stop(raw);
}

/* Checks and forgets what is settled, in whatever order, as the stages downstream do. Returns how many. */
static unsigned reap(struct stage_host *host, struct stage_item **item, unsigned count)
{
	unsigned reaped = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!item[i] || !item[i]->settled)
			continue;
		net_expect_pass(item[i]);
		assert_int_equal(item[i]->size, 1000 + i * 7000);
		stage_host_forget(host, item[i]);
		item[i] = NULL;
		reaped++;
	}
	return reaped;
}

/* Many bodies of unknown length grow against too little room for all of them at once. */
static void test_growing_against_room(void **state)
{
	struct stage_host *host = net_download();
	char origin[64];
	struct harness_server *server = net_origin(origin, NULL);
	struct stage_item *item[40] = {NULL};
	unsigned next = 0, done = 0, reaped = 0;

	(void)state;
	/* Enough for one of four to grow to the end, whatever the others hold. */
	host->room = 1400000;
	stage_host_set(host, "in_flight", "4");
	net_start(host);
	while (done < 40) {
		if (next < 40 && host->pending < 4 && host->room - host->reserved >= 65536) {
			item[next] = stage_host_put(
			    host, harness_text("%s/zeros?size=%u&chunked=1", origin, 1000 + next * 7000), NULL, 0);
			next++;
		}
		/* What was reaped has made room, and room is a reason to poll at once. */
		assert_int_equal(stage_host_poll(host, reaped || (next < 40 && host->pending < 4) ? 0 : 10000), 0);
		reaped = reap(host, item, next);
		done += reaped;
	}
	net_end(host);
	harness_server_stop(server);
}

/* One that hangs does not hold up the others. */
static void test_no_straggler(void **state)
{
	struct stage_host *host = net_download();
	char base[64], origin[64];
	struct harness_server *server = net_raw(base), *other = net_origin(origin, NULL);
	struct stage_item *hung, *item;

	(void)state;
	stage_host_set(host, "timeout", "20s");
	net_start(host);
	hung = stage_host_put(host, harness_text("%s/silent", base), NULL, 0);
	for (unsigned i = 0; i < 50; i++) {
		item = stage_host_put(host, harness_text("%s/zeros?size=10000", origin), NULL, 0);
		while (!item->settled)
			assert_int_equal(stage_host_poll(host, 5000), 0);
		net_expect_pass(item);
	}
	assert_false(hung->settled);
	/* Closing with a request in flight drops it. */
	assert_int_equal(stage_host_stop(host), -1);
	stage_host_unload(host);
	harness_server_stop(server);
	harness_server_stop(other);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_retries),      cmocka_unit_test(test_backoff_holds_no_slot),
    cmocka_unit_test(test_retry_after),  cmocka_unit_test(test_long_retry_after),
    cmocka_unit_test(test_rates),        cmocka_unit_test(test_times),
    cmocka_unit_test(test_name_trouble), cmocka_unit_test(test_no_room),
    cmocka_unit_test(test_dead_names),   cmocka_unit_test(test_growing_against_room),
    cmocka_unit_test(test_no_straggler),
};
HARNESS_MAIN(tests)
