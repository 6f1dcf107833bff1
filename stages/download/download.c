/* SPDX-License-Identifier: Apache-2.0 */
/* The stage `download`: the item's key is a URL, its new payload is what that URL answers. */
#include "transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct options {
	int64_t in_flight, per_host, retries, redirects;
	uint64_t timeout_ms, connect_timeout_ms, low_speed_bytes, low_speed_time_ms, retry_delay_ms, max_bytes;
	const char *user_agent, *proxy, *ca_file;
	struct kk_strings headers, allow_networks, nameservers;
	bool opt_out;
};

struct download {
	struct http *http;
	struct transfer_rules rules;
};

#define AT(field) offsetof(struct options, field)

static const struct kk_option rows[] = {
    {
        .name = "in_flight",
        .type = KK_OPTION_INT,
        .at = AT(in_flight),
        .def = "64",
        .min = 1,
        .max = 1024,
        .unit = "requests",
        .text = "How many requests one worker has under way at once.",
    },
    {
        .name = "per_host",
        .type = KK_OPTION_INT,
        .at = AT(per_host),
        .def = "8",
        .min = 1,
        .max = 1024,
        .unit = "requests",
        .text = "How many of them go to the same host at once, shared among the stage's workers (at least one each).",
    },
    {
        .name = "timeout",
        .type = KK_OPTION_DURATION,
        .at = AT(timeout_ms),
        .def = "30s",
        .min = 1,
        .max = 86400000,
        .text =
            "How long one try may take in all, with redirects, without the time it waits for its turn or for memory.",
    },
    {
        .name = "connect_timeout",
        .type = KK_OPTION_DURATION,
        .at = AT(connect_timeout_ms),
        .def = "5s",
        .min = 1,
        .max = 86400000,
        .text = "How long a connection may take to be made, with TLS.",
    },
    {
        .name = "low_speed_bytes",
        .type = KK_OPTION_SIZE,
        .at = AT(low_speed_bytes),
        .def = "1KiB",
        .text = "Fewer bytes a second than this, for low_speed_time, and the try is given up.",
    },
    {
        .name = "low_speed_time",
        .type = KK_OPTION_DURATION,
        .at = AT(low_speed_time_ms),
        .def = "10s",
        .text = "How long a transfer may be slower than low_speed_bytes; 0s: as long as it likes.",
    },
    {
        .name = "max_bytes",
        .type = KK_OPTION_SIZE,
        .flags = KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(max_bytes),
        .def = "50MiB",
        .min = 1,
        .max = 1099511627776.0,
        .text = "The largest body; a larger one fails as soon as that is known.",
    },
    {
        .name = "retries",
        .type = KK_OPTION_INT,
        .at = AT(retries),
        .def = "2",
        .max = 100,
        .unit = "tries",
        .text = "How often a try that failed for a passing reason is repeated (no connection, time-out, 429, 5xx).",
    },
    {
        .name = "retry_delay",
        .type = KK_OPTION_DURATION,
        .at = AT(retry_delay_ms),
        .def = "1s",
        .min = 1,
        .max = 3600000,
        .text = "The pause before the first retry, varied by chance; it doubles, up to 30s. Retry-After is honoured up "
                "to 60s.",
    },
    {
        .name = "redirects",
        .type = KK_OPTION_INT,
        .at = AT(redirects),
        .def = "5",
        .max = 50,
        .unit = "redirects",
        .text = "How many redirects are followed; 0: none.",
    },
    {
        .name = "allow_networks",
        .type = KK_OPTION_LIST,
        .at = AT(allow_networks),
        .text = "Networks to open although they are not the public internet, such as 127.0.0.0/8 or 10.0.0.0/8.",
    },
    {
        .name = "user_agent",
        .type = KK_OPTION_STRING,
        .at = AT(user_agent),
        .def = "kakehi/0.1 (image pipeline)",
        .text = "The User-Agent header; the part before the slash is the name that X-Robots-Tag may call us by.",
    },
    {
        .name = "headers",
        .type = KK_OPTION_LIST,
        .flags = KK_OPTION_SECRET,
        .at = AT(headers),
        .text =
            "More headers, each \"Name: value\"; after a redirect to another host only Accept and its like are sent.",
    },
    {
        .name = "opt_out",
        .type = KK_OPTION_BOOL,
        .flags = KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(opt_out),
        .def = "true",
        .text = "Honour an X-Robots-Tag with noai, noimageai, noindex or noimageindex: the item fails as opted-out.",
    },
    {
        .name = "proxy",
        .type = KK_OPTION_STRING,
        .flags = KK_OPTION_SECRET,
        .at = AT(proxy),
        .text = "A proxy's URL (http, https, socks5h, with its port), which then resolves and filters names; variables "
                "such as http_proxy are ignored.",
    },
    {
        .name = "nameservers",
        .type = KK_OPTION_LIST,
        .at = AT(nameservers),
        .text = "Name servers to ask, as address or address:port, instead of those of /etc/resolv.conf.",
    },
    {
        .name = "ca_file",
        .type = KK_OPTION_STRING,
        .flags = KK_OPTION_PATH,
        .at = AT(ca_file),
        .text = "A PEM file of the certificate authorities to trust instead of the system's.",
    },
    {0},
};

/* The limit holds for the whole run; for now each worker watches over its share. */
static unsigned share_of(int64_t per_host, unsigned workers)
{
	unsigned share = (unsigned)per_host / (workers ? workers : 1);

	return share ? share : 1;
}

static struct http_settings settings_of(const struct options *options, unsigned workers)
{
	return (struct http_settings){
	    .in_flight = (unsigned)options->in_flight,
	    .per_host = share_of(options->per_host, workers),
	    .retries = (unsigned)options->retries,
	    .redirects = (unsigned)options->redirects,
	    .timeout_ms = options->timeout_ms,
	    .connect_timeout_ms = options->connect_timeout_ms,
	    .low_speed_bytes = options->low_speed_bytes,
	    .low_speed_time_ms = options->low_speed_time_ms,
	    .retry_delay_ms = options->retry_delay_ms,
	    .user_agent = options->user_agent,
	    .proxy = options->proxy,
	    .ca_file = options->ca_file,
	    .headers = &options->headers,
	    .nameservers = &options->nameservers,
	    .allow_networks = &options->allow_networks,
	};
}

static int plan(const void *given, struct kk_demand *demand, char *why, size_t why_size)
{
	const struct options *options = given;
	struct http_settings settings = settings_of(options, 1);

	demand->largest = options->max_bytes;
	demand->in_flight = settings.in_flight;
	demand->heap = http_heap(settings.in_flight);
	demand->needs = KK_NEED_NETWORK;
	return http_check(&settings, why, why_size);
}

static int prepare(struct kk_context *context)
{
	const struct options *options = context->options;
	struct http_settings settings = settings_of(options, context->workers);
	struct download *download = calloc(1, sizeof(*download));

	if (!download) {
		kk_log(context, KK_LOG_ERROR, "out of memory");
		return -1;
	}
	context->state = download;
	download->rules.max_bytes = options->max_bytes;
	download->rules.opt_out = options->opt_out;
	strncat(download->rules.robot, options->user_agent, sizeof(download->rules.robot) - 1);
	download->rules.robot[strcspn(download->rules.robot, "/ ")] = 0;
	download->http = http_new(context, &settings, &transfer_ops);
	return download->http ? 0 : -1;
}

static enum kk_verdict submit(struct kk_context *context, struct kk_item *item)
{
	struct download *download = context->state;
	struct request *request;

	if (!item->key)
		return kk_fail(item, KK_FAIL_BAD_URL, "the item has no key to take as a URL");
	request = http_take(download->http, item);
	if (!request)
		return KK_LATER;
	if (transfer_reserve(http_job(request), &download->rules, item) != 0) {
		bool later = errno == EAGAIN;

		http_give_back(request);
		return later ? KK_LATER : kk_fail(item, KK_FAIL_MEMORY, "no room for any payload");
	}
	return http_start(request, item->key);
}

static int poll_all(struct kk_context *context)
{
	struct download *download = context->state;

	return http_poll(download->http);
}

static int wait_for(struct kk_context *context, int *timeout_ms)
{
	struct download *download = context->state;

	return http_wait(download->http, timeout_ms);
}

static void close_all(struct kk_context *context)
{
	struct download *download = context->state;

	if (!download)
		return;
	http_free(download->http);
	free(download);
	context->state = NULL;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "download",
    .text = "Gets the item's key, a URL, over HTTP; the answer's body is the new payload.",
    .options = rows,
    .options_size = sizeof(struct options),
    .plan = plan,
    .prepare = prepare,
    .submit = submit,
    .poll = poll_all,
    .wait = wait_for,
    .close = close_all,
};
