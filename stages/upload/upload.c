/* SPDX-License-Identifier: Apache-2.0 */
/* The stage `upload`: the item's payload becomes a file in a directory or a resource on an HTTP server.
 *
 * A directory settles its items in `submit`; a server, with many in flight, in `poll`.
 */
#include "put.h"
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct options {
	const char *to, *mode, *user_agent, *proxy, *ca_file;
	int existing, durability;
	int64_t in_flight, per_host, retries;
	uint64_t timeout_ms, connect_timeout_ms, retry_delay_ms;
	struct kk_strings headers, nameservers;
};

struct upload {
	struct target target;
	struct directory *directory; /* one of the two */
	struct http *http;
	struct put_settings put;
	int never; /* an epoll set without members: what to wait for when nothing is ever pending; -1 */
};

#define AT(field) offsetof(struct options, field)

static const char *const existing_words[] = {"overwrite", "skip", "error", NULL};
static const char *const durability_words[] = {"none", "normal", "full", NULL};

static const struct kk_option rows[] = {
    {
        .name = "to",
        .type = KK_OPTION_STRING,
        .flags = KK_OPTION_REQUIRED | KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(to),
        .text = "Where outputs go: a path such as out/{id}.jpg, or the URL of a server that takes PUT.",
    },
    {
        .name = "existing",
        .type = KK_OPTION_ENUM,
        .at = AT(existing),
        .def = "overwrite",
        .words = existing_words,
        .text = "What to do where an output of that name exists: replace it, skip the item, or fail it.",
    },
    {
        .name = "durability",
        .type = KK_OPTION_ENUM,
        .at = AT(durability),
        .def = "none",
        .words = durability_words,
        .text =
            "Directory: what must have reached the disk before an item is done: nothing, the file, or its name too.",
    },
    {
        .name = "mode",
        .type = KK_OPTION_STRING,
        .at = AT(mode),
        .def = "0644",
        .text = "Directory: permissions of the files, in octal; the umask takes away from them.",
    },
    {
        .name = "in_flight",
        .type = KK_OPTION_INT,
        .at = AT(in_flight),
        .def = "32",
        .min = 1,
        .max = 1024,
        .unit = "requests",
        .text = "Server: how many requests one worker has under way at once.",
    },
    {
        .name = "per_host",
        .type = KK_OPTION_INT,
        .at = AT(per_host),
        .def = "32",
        .min = 1,
        .max = 1024,
        .unit = "requests",
        .text = "Server: how many connections there are to it at once, shared among the stage's workers (at least one "
                "each).",
    },
    {
        .name = "timeout",
        .type = KK_OPTION_DURATION,
        .at = AT(timeout_ms),
        .def = "30s",
        .min = 1,
        .max = 86400000,
        .text = "Server: how long one try may take in all.",
    },
    {
        .name = "connect_timeout",
        .type = KK_OPTION_DURATION,
        .at = AT(connect_timeout_ms),
        .def = "5s",
        .min = 1,
        .max = 86400000,
        .text = "Server: how long a connection may take to be made, with TLS.",
    },
    {
        .name = "retries",
        .type = KK_OPTION_INT,
        .at = AT(retries),
        .def = "2",
        .max = 100,
        .unit = "tries",
        .text =
            "Server: how often a try that failed for a passing reason is repeated (no connection, time-out, 429, 5xx).",
    },
    {
        .name = "retry_delay",
        .type = KK_OPTION_DURATION,
        .at = AT(retry_delay_ms),
        .def = "1s",
        .min = 1,
        .max = 3600000,
        .text = "Server: the pause before the first retry, varied by chance; it doubles, up to 30s.",
    },
    {
        .name = "user_agent",
        .type = KK_OPTION_STRING,
        .at = AT(user_agent),
        .def = "kakehi/0.1 (image pipeline)",
        .text = "Server: the User-Agent header.",
    },
    {
        .name = "headers",
        .type = KK_OPTION_LIST,
        .flags = KK_OPTION_SECRET,
        .at = AT(headers),
        .text = "Server: more headers, each \"Name: value\".",
    },
    {
        .name = "proxy",
        .type = KK_OPTION_STRING,
        .flags = KK_OPTION_SECRET,
        .at = AT(proxy),
        .text =
            "Server: a proxy's URL (http, https, socks5h, with its port); variables such as http_proxy are ignored.",
    },
    {
        .name = "nameservers",
        .type = KK_OPTION_LIST,
        .at = AT(nameservers),
        .text = "Server: name servers to ask, as address or address:port, instead of those of /etc/resolv.conf.",
    },
    {
        .name = "ca_file",
        .type = KK_OPTION_STRING,
        .flags = KK_OPTION_PATH,
        .at = AT(ca_file),
        .text = "Server: a PEM file of the certificate authorities to trust instead of the system's.",
    },
    {0},
};

static struct http_settings settings_of(const struct options *options, unsigned workers)
{
	static const struct kk_strings none = {NULL, 0};
	unsigned share = (unsigned)options->per_host / (workers ? workers : 1);

	return (struct http_settings){
	    .in_flight = (unsigned)options->in_flight,
	    .per_host = share ? share : 1,
	    .retries = (unsigned)options->retries,
	    .timeout_ms = options->timeout_ms,
	    .connect_timeout_ms = options->connect_timeout_ms,
	    .retry_delay_ms = options->retry_delay_ms,
	    .user_agent = options->user_agent,
	    .proxy = options->proxy,
	    .ca_file = options->ca_file,
	    .headers = &options->headers,
	    .nameservers = &options->nameservers,
	    .allow_networks = &none,
	    .any_address = true, /* the config names the host, no foreign data does */
	};
}

/* Permissions in octal; -1 if that is not what it is. */
static long parse_mode(const char *text)
{
	char *end;
	long mode = strtol(text, &end, 8);

	return *text && strlen(text) <= 5 && strspn(text, "01234567") == strlen(text) && mode <= 0777 && !*end ? mode
	                                                                                                       : -1;
}

static int plan(const void *given, struct kk_demand *demand, char *why, size_t why_size)
{
	const struct options *options = given;
	struct http_settings settings = settings_of(options, 1);
	struct target target;

	if (target_parse(&target, options->to, why, why_size) != 0)
		return -1;
	demand->in_flight = target.http ? settings.in_flight : 1;
	demand->heap = target.http ? http_heap(settings.in_flight) : 1U << 20;
	demand->needs = target.http ? KK_NEED_NETWORK : KK_NEED_READ | KK_NEED_WRITE;
	target_free(&target);
	if (parse_mode(options->mode) < 0) {
		snprintf(why, why_size, "mode: \"%s\" is not permissions in octal, such as 0644", options->mode);
		return -1;
	}
	return http_check(&settings, why, why_size);
}

static int prepare_http(struct kk_context *context, struct upload *upload)
{
	const struct options *options = context->options;
	struct http_settings settings = settings_of(options, context->workers);

	upload->put = (struct put_settings){
	    .root = upload->target.root,
	    .rest = upload->target.rest,
	    .existing = (enum existing)options->existing,
	};
	upload->http = http_new(context, &settings, &put_ops);
	return upload->http ? 0 : -1;
}

static int prepare_directory(struct kk_context *context, struct upload *upload)
{
	const struct options *options = context->options;
	struct directory_settings settings = {
	    .root = upload->target.root,
	    .rest = upload->target.rest,
	    .existing = (enum existing)options->existing,
	    .durability = (enum durability)options->durability,
	    .mode = (mode_t)parse_mode(options->mode),
	};

	upload->never = epoll_create1(EPOLL_CLOEXEC);
	if (upload->never < 0) {
		kk_log(context, KK_LOG_ERROR, "epoll: %s", strerror(errno));
		return -1;
	}
	upload->directory = directory_new(context, &settings);
	return upload->directory ? 0 : -1;
}

static int prepare(struct kk_context *context)
{
	const struct options *options = context->options;
	struct upload *upload = calloc(1, sizeof(*upload));
	char why[512] = "out of memory";

	if (!upload || target_parse(&upload->target, options->to, why, sizeof(why)) != 0) {
		kk_log(context, KK_LOG_ERROR, "%s", why);
		free(upload);
		return -1;
	}
	upload->never = -1;
	context->state = upload;
	return upload->target.http ? prepare_http(context, upload) : prepare_directory(context, upload);
}

static enum kk_verdict submit(struct kk_context *context, struct kk_item *item)
{
	struct upload *upload = context->state;

	if (!item->data)
		return kk_fail(item, KK_FAIL_OTHER, "the item has no payload to store");
	if (upload->http)
		return put_submit(upload->http, &upload->put, item);
	return directory_store(upload->directory, item);
}

static int poll_all(struct kk_context *context)
{
	struct upload *upload = context->state;

	return upload->http ? http_poll(upload->http) : 0;
}

static int wait_for(struct kk_context *context, int *timeout_ms)
{
	struct upload *upload = context->state;

	return upload->http ? http_wait(upload->http, timeout_ms) : upload->never;
}

static void close_all(struct kk_context *context)
{
	struct upload *upload = context->state;

	if (!upload)
		return;
	http_free(upload->http);
	directory_free(upload->directory);
	if (upload->never >= 0)
		close(upload->never);
	target_free(&upload->target);
	free(upload);
	context->state = NULL;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_SINK,
    .name = "upload",
    .text = "Stores the payload as a file in a directory, or on an HTTP server by PUT.",
    .options = rows,
    .options_size = sizeof(struct options),
    .plan = plan,
    .prepare = prepare,
    .submit = submit,
    .poll = poll_all,
    .wait = wait_for,
    .close = close_all,
};
