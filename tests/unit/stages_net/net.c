/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stage_host *net_stage(const char *name)
{
	struct stage_host *host = stage_host_load(harness_text("%s/stages/%s.so", KAKEHI_BUILD_DIR, name));

	if (!host->stage)
		fail_msg("%s", host->why);
	return host;
}

struct stage_host *net_download(void)
{
	struct stage_host *host = net_stage("download");

	stage_host_set(host, "allow_networks", "127.0.0.0/8");
	stage_host_set(host, "retry_delay", "10ms");
	return host;
}

void net_start(struct stage_host *host)
{
	if (stage_host_start(host) != 0)
		fail_msg("%s", host->why);
}

void net_end(struct stage_host *host)
{
	if (stage_host_stop(host) != 0)
		fail_msg("%s", host->why);
	stage_host_unload(host);
}

struct harness_server *net_raw(char base[64])
{
	const char *const argv[] = {KAKEHI_BUILD_DIR "/tests/bin/net-raw", NULL};
	struct harness_server *server = harness_server_start(argv);

	snprintf(base, 64, "http://127.0.0.1:%u", harness_server_port(server));
	return server;
}

struct harness_server *net_origin(char base[64], const char *put)
{
	const char *argv[] = {KAKEHI_BUILD_DIR "/tests/bin/kakehi-origin", put ? "--put" : NULL, put, NULL};
	struct harness_server *server = harness_server_start(argv);

	snprintf(base, 64, "http://127.0.0.1:%u", harness_server_port(server));
	return server;
}

struct stage_item *net_get(struct stage_host *host, const char *url, ...)
{
	struct stage_item *item;
	char text[4096];
	va_list args;

	va_start(args, url);
	vsnprintf(text, sizeof(text), url, args);
	va_end(args);
	item = stage_host_put(host, text, NULL, 0);
	if (stage_host_settle(host, 20000) != 0)
		fail_msg("%s: %s", text, host->why);
	return item;
}

void net_expect_fail(const struct stage_item *item, enum kk_fail_class why, const char *words)
{
	if (!item->settled || item->verdict != KK_FAIL || item->fail != why || !strstr(item->message, words))
		fail_msg("%s: verdict %d, class %d (not %d): \"%s\" (not \"%s\")", item->key, item->verdict, item->fail,
		         why, item->message, words);
}

void net_expect_pass(const struct stage_item *item)
{
	if (!item->settled || item->verdict != KK_PASS)
		fail_msg("%s: verdict %d, class %d: \"%s\"", item->key, item->verdict, item->fail, item->message);
}

unsigned long net_stat(const char *base, const char *after)
{
	struct stage_host *host = net_stage("download");
	const char *found;
	struct stage_item *item;
	unsigned long number;
	char *text;

	stage_host_set(host, "allow_networks", "127.0.0.0/8");
	net_start(host);
	item = net_get(host, "%s/-/stats", base);
	net_expect_pass(item);
	text = harness_text("%.*s", (int)item->size, (const char *)item->output);
	found = strstr(text, after);
	number = found ? strtoul(found + strlen(after), NULL, 10) : 0;
	net_end(host);
	return number;
}
