/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that foreign URLs must not reach: however they are spelt, whatever leads to them. A socket that listens on
 * every address of this machine proves that nobody came. */
#include "net.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a stranger may write between "http://" and ":PORT/". */
static const char *const hosts[] = {
    /* this machine */
    "127.0.0.1",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7F.0.0.1",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "00000177.0.0.01",
    "127.0.0.1.",
    "0",
    "0.0.0.0",
    "0x0",
    "localhost",
    "LOCALHOST.",
    "a.b.localhost",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::0001]",
    /* this machine, carried by IPv6 */
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[2001:0:808:808:0:0:80ff:fffe]",
    /* its neighbours */
    "10.0.0.1",
    "0xa.1",
    "012.0.0.1",
    "167772161",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.257",
    "100.64.0.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[fd00:ec2::254]",
    "[fc00::1]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fe80::1%25lo]",
    "[fec0::1]",
    /* nobody */
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "[ff02::1]",
    "[2001:db8::1]",
    "[100::1]",
    /* characters that become digits, dots and letters */
    "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1",
    "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97\xef\xbc\x8e\xef\xbc\x91",
    "127\xe3\x80\x82"
    "0\xe3\x80\x82"
    "0\xe3\x80\x82"
    "1",
    "\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1",
    "\xe2\x93\x9b\xe2\x93\x9e\xe2\x93\x92\xe2\x93\x90lhost",
    "%31%32%37.0.0.1",
    "127.0.0.1%2e",
    /* names before an @ that look like hosts */
    "example.org@127.0.0.1",
    "example.org:80@127.0.0.1",
    "example.org%20@127.0.0.1",
    "u:p@[::1]",
    /* numbers that are no address, and things that are no host */
    "127.0.0.1.1",
    "4294967296",
    "0x7g.1",
    "256.0.0.1",
    "127.0.0.0x100",
    "[127.0.0.1]",
    "[::1",
    "[::1]x",
    "[::ffff:127.0.0.1%25lo]",
    "127.0.0.1\t",
    "127.0.0.1\\@example.org",
    "127.0.0.1#@example.org",
    "127.0.0.1?@example.org",
};

/* Names of tests/origin/dns.h. */
static const char *const names[] = {
    "good.test",       "private.test", "mapped.test",    "v4-compatible.test", "v4-nat64.test",
    "v4-local64.test", "v4-6to4.test", "v4-teredo.test", "ula.test",           "linklocal.test",
    "metadata.test",   "zero.test",    "loop6.test",     "cgnat.test",         "multicast.test",
    "both.test",       "GOOD.TEST.",   "rebind.test",    "x.mix.test",         "six.test",
};

/* Listens on all addresses, IPv4 and IPv6; accepts nothing by itself. */
static int listen_everywhere(unsigned *port)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6};
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), off = 0;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	*port = ntohs(at.sin6_port);
	return fd;
}

static void expect_nobody(int fd)
{
	int came = accept(fd, NULL, NULL);

	if (came >= 0)
		fail_msg("somebody came");
	assert_int_equal(errno, EAGAIN);
	close(fd);
}

static void expect_blocked(const struct stage_item *item)
{
	bool bad_url = item->fail == KK_FAIL_BAD_URL, blocked = item->fail == KK_FAIL_BLOCKED_ADDRESS;

	if (!item->settled || item->verdict != KK_FAIL || (!bad_url && !blocked))
		fail_msg("%s: verdict %d, class %d: \"%s\"", item->key, item->verdict, item->fail, item->message);
}

static struct stage_host *stage(const char *nameserver)
{
	struct stage_host *host = net_stage("download");

	stage_host_set(host, "nameservers", nameserver);
	stage_host_set(host, "retries", "0");
	return host;
}

static void test_spellings(void **state)
{
	char base[64];
	struct harness_server *server = net_raw(base);
	struct stage_host *host = stage(base + 7);
	unsigned port;
	int everywhere = listen_everywhere(&port);

	(void)state;
	net_start(host);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		expect_blocked(net_get(host, "http://%s:%u/", hosts[i], port));
		expect_blocked(net_get(host, "https://%s:%u/", hosts[i], port));
	}
	net_end(host);
	expect_nobody(everywhere);
	harness_server_stop(server);
}

static void test_names(void **state)
{
	char base[64];
	struct harness_server *server = net_raw(base);
	struct stage_host *host = stage(base + 7);
	unsigned port;
	int everywhere = listen_everywhere(&port);

	(void)state;
	net_start(host);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		net_expect_fail(net_get(host, "http://%s:%u/", names[i], port), KK_FAIL_BLOCKED_ADDRESS, " is ");
		/* From memory the answer is the same. */
		net_expect_fail(net_get(host, "http://%s:%u/", names[i], port), KK_FAIL_BLOCKED_ADDRESS, " is ");
	}
	net_end(host);
	expect_nobody(everywhere);
	harness_server_stop(server);
}

/* A server that may be asked sends us everywhere else. */
static void test_redirects(void **state)
{
	char base[64], origin[64];
	struct harness_server *raw = net_raw(base), *server = net_origin(origin, NULL);
	struct stage_host *host = stage(base + 7);
	unsigned port;
	int everywhere = listen_everywhere(&port);

	(void)state;
	stage_host_set(host, "allow_networks", "127.0.0.1/32");
	net_start(host);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct stage_item *item;

		/* Only what is not 127.0.0.1 itself: that is open. */
		if (strpbrk(hosts[i], "#?\\% \t") || !strstr(hosts[i], "169.254"))
			continue;
		item = net_get(host, "%s/redirect-to?url=http://%s:%u/", origin, hosts[i], port);
		expect_blocked(item);
		assert_non_null(strstr(item->message, "redirected"));
	}
	expect_blocked(net_get(host, "%s/redirect-to?url=http://[::1]:%u/", origin, port));
	expect_blocked(net_get(host, "%s/redirect-to?url=http://127.0.0.2:%u/", origin, port));
	expect_blocked(net_get(host, "%s/redirect-to?url=//10.1.2.3:%u/", origin, port));
	expect_blocked(net_get(host, "%s/redirect-to?url=http://private.test:%u/", origin, port));
	expect_blocked(net_get(host, "%s/redirect-to?url=file:///etc/passwd", origin));
	expect_blocked(net_get(host, "%s/redirect-to?url=gopher://127.0.0.1:%u/", origin, port));
	expect_blocked(net_get(host, "%s/redirect-to?url=http://loop6.test:%u/", origin, port));
	net_end(host);
	expect_nobody(everywhere);
	harness_server_stop(server);
	harness_server_stop(raw);
}

/* A name that leads somewhere else the second time: what was judged is what is connected to, each time anew. */
static void test_rebinding(void **state)
{
	char base[64];
	struct harness_server *server = net_raw(base);
	struct stage_host *host = stage(base + 7), *again;
	unsigned port;
	int everywhere = listen_everywhere(&port);

	(void)state;
	stage_host_set(host, "allow_networks", "127.0.0.1");
	net_start(host);
	/* The first answer, 127.0.0.1, is open and remembered; the server answers there. */
	net_expect_pass(net_get(host, "http://rebind.test%s/echo", strrchr(base, ':')));
	net_expect_pass(net_get(host, "http://rebind.test%s/echo", strrchr(base, ':')));
	net_end(host);
	again = stage(base + 7);
	stage_host_set(again, "allow_networks", "127.0.0.1");
	net_start(again);
	net_expect_fail(net_get(again, "http://rebind.test:%u/", port), KK_FAIL_BLOCKED_ADDRESS, "loopback");
	net_end(again);
	expect_nobody(everywhere);
	harness_server_stop(server);
}

/* What another worker remembers for us is not believed: a private address in the shared memory stays closed. */
static void test_poisoned_memory(void **state)
{
	static const struct {
		uint8_t state, count, family, address[16];
	} poisons[] = {
	    {2, 1, AF_INET, {127, 0, 0, 1}},
	    {2, 1, AF_INET, {10, 0, 0, 1}},
	    {2, 1, AF_INET6, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
	    {2, 200, AF_INET, {127, 0, 0, 1}},
	    {2, 0, AF_INET, {127, 0, 0, 1}},
	    {2, 1, AF_UNIX, {127, 0, 0, 1}},
	    {77, 1, AF_INET, {127, 0, 0, 1}},
	};
	char base[64];
	struct harness_server *server = net_raw(base);
	struct stage_host *host = stage(base + 7);
	unsigned port;
	int everywhere = listen_everywhere(&port);

	(void)state;
	net_start(host);
	for (size_t i = 0; i < sizeof(poisons) / sizeof(poisons[0]); i++) {
		uint8_t entry[2 + 8 * 17] = {poisons[i].state, poisons[i].count, poisons[i].family};

		memcpy(entry + 3, poisons[i].address, 16);
		assert_int_equal(kk_remember(&host->context, "dns metadata.test", entry, sizeof(entry), 60000), 0);
		net_expect_fail(net_get(host, "http://metadata.test:%u/", port), KK_FAIL_BLOCKED_ADDRESS, " is ");
	}
	net_end(host);
	expect_nobody(everywhere);
	harness_server_stop(server);
}

/* Opening one network opens no other. */
static void test_one_network(void **state)
{
	static const char *const closed[] = {"10.0.0.1",      "[::1]",       "169.254.169.254",   "192.168.0.1",
	                                     "0.0.0.0",       "[::]",        "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
	                                     "[::127.0.0.1]", "private.test"};
	char base[64];
	struct harness_server *server = net_raw(base);
	const char *port = strrchr(base, ':');
	struct stage_host *host = stage(base + 7);

	(void)state;
	stage_host_set(host, "allow_networks", "127.0.0.0/8");
	net_start(host);
	net_expect_pass(net_get(host, "http://127.0.0.1%s/echo", port));
	net_expect_pass(net_get(host, "http://0x7f.1%s/echo", port));
	net_expect_pass(net_get(host, "http://good.test%s/echo", port));
	net_expect_pass(net_get(host, "http://localhost%s/echo", port));
	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++)
		net_expect_fail(net_get(host, "http://%s%s/echo", closed[i], port), KK_FAIL_BLOCKED_ADDRESS, " is ");
	net_end(host);
	harness_server_stop(server);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_spellings), cmocka_unit_test(test_names),           cmocka_unit_test(test_redirects),
    cmocka_unit_test(test_rebinding), cmocka_unit_test(test_poisoned_memory), cmocka_unit_test(test_one_network),
};
HARNESS_MAIN(tests)
