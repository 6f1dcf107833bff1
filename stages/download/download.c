/* SPDX-License-Identifier: Apache-2.0 */
/* The stage `download`: the item's key is a URL, its new payload is what that URL answers. */
#include "local.h"
#include "transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	struct http_options http;
	int64_t redirects, max_pixels, max_side;
	uint64_t low_speed_bytes, low_speed_time_ms, max_bytes;
	struct kk_strings allow_networks, types;
	const char *allow_files;
	bool images, unpack;
	int opt_out;
};

struct download {
	struct http *http;
	struct local *local; /* NULL: no files */
	struct rules rules;
};

#define AT(field) offsetof(struct options, field)

enum { OPT_OUT_HONOUR = 0, OPT_OUT_IGNORE };
static const char *const opt_out_words[] = {[OPT_OUT_HONOUR] = "honour", [OPT_OUT_IGNORE] = "ignore", NULL};

static const struct kk_option rows[] = {
    /* Many wait: hundreds of names that nobody answers for must not keep the others from their turn. */
    HTTP_OPTIONS(struct options, http, "", "64", "960", "8"),
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
        .name = "redirects",
        .type = KK_OPTION_INT,
        .at = AT(redirects),
        .def = "5",
        .max = 50,
        .unit = "redirects",
        .text = "How many redirects are followed; 0: none.",
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
        .name = "types",
        .type = KK_OPTION_LIST,
        .flags = KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(types),
        .text = "The media types that are wanted, such as image/jpeg or image/*; an answer of another type is given up "
                "before its body, one that names no type is taken.",
    },
    {
        .name = "images",
        .type = KK_OPTION_BOOL,
        .flags = KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(images),
        .def = "false",
        .text =
            "Give a body up that does not begin as an image does (jpeg, png, webp, gif, avif, heic, tiff, jxl, bmp), "
            "whatever its type says.",
    },
    {
        .name = "max_pixels",
        .type = KK_OPTION_INT,
        .flags = KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(max_pixels),
        .def = "0",
        .max = 1e12,
        .unit = "pixels",
        .text = "Give an image up as soon as its header says that it has more pixels; 0: any number.",
    },
    {
        .name = "max_side",
        .type = KK_OPTION_INT,
        .flags = KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(max_side),
        .def = "0",
        .max = 4294967295.0,
        .unit = "pixels",
        .text = "Give an image up as soon as its header says that it is wider or higher; 0: any length.",
    },
    {
        .name = "opt_out",
        .type = KK_OPTION_ENUM,
        .flags = KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(opt_out),
        .def = "honour",
        .words = opt_out_words,
        .text =
            "What to do where X-Robots-Tag says noai, noimageai, noindex, noimageindex or none, to all or to the name "
            "before the slash in user_agent, or where TDM-Reservation is 1: fail the item as opted-out, or take it.",
    },
    {
        .name = "unpack",
        .type = KK_OPTION_BOOL,
        .flags = KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(unpack),
        .def = "false",
        .text =
            "Ask for compressed bodies and unpack them, to max_bytes and 200 times their size at most; otherwise one "
            "that comes compressed is given up.",
    },
    {
        .name = "allow_networks",
        .type = KK_OPTION_LIST,
        .at = AT(allow_networks),
        .text = "Networks to open although they are not the public internet, such as 127.0.0.0/8 or 10.0.0.0/8.",
    },
    {
        .name = "allow_files",
        .type = KK_OPTION_STRING,
        .flags = KK_OPTION_PATH | KK_OPTION_EXISTS,
        .at = AT(allow_files),
        .text = "A directory beneath which file: URLs may name files; without it they are refused.",
    },
    {0},
};

static struct http_settings settings_of(const struct options *options)
{
	return (struct http_settings){
	    .options = &options->http,
	    .redirects = (unsigned)options->redirects,
	    .low_speed_bytes = options->low_speed_bytes,
	    .low_speed_time_ms = options->low_speed_time_ms,
	    .allow_networks = &options->allow_networks,
	    .unpack = options->unpack,
	};
}

static int plan(const void *given, struct kk_demand *demand, char *why, size_t why_size)
{
	static const char *const fields[] = {"status", "attempts", "type", "url", NULL};
	const struct options *options = given;
	struct http_settings settings = settings_of(options);
	const char *wrong = rules_types_wrong(&options->types);

	http_demand(&settings, sizeof(struct transfer), demand);
	demand->fields = fields;
	demand->largest = options->max_bytes;
	if (*options->allow_files)
		demand->needs |= KK_NEED_READ;
	if (wrong) {
		snprintf(why, why_size, "types: \"%s\" is not a media type such as image/jpeg or image/*", wrong);
		return -1;
	}
	return http_check(&settings, why, why_size);
}

static struct rules rules_of(const struct options *options)
{
	struct rules rules = {
	    .max_bytes = options->max_bytes,
	    .max_pixels = (uint64_t)options->max_pixels,
	    .max_side = (uint64_t)options->max_side,
	    .images = options->images,
	    .types = &options->types,
	    .opt_out = options->opt_out == OPT_OUT_HONOUR,
	    .unpack = options->unpack,
	};

	strncat(rules.robot, options->http.user_agent, sizeof(rules.robot) - 1);
	rules.robot[strcspn(rules.robot, "/ ")] = 0;
	return rules;
}

static int prepare(struct kk_context *context)
{
	const struct options *options = context->options;
	struct http_settings settings = settings_of(options);
	struct download *download = calloc(1, sizeof(*download));

	if (!download) {
		kk_log(context, KK_LOG_ERROR, "out of memory");
		return -1;
	}
	context->state = download;
	download->rules = rules_of(options);
	if (*options->allow_files) {
		download->local = local_new(context, options->allow_files, &download->rules);
		if (!download->local)
			return -1;
	}
	download->http = http_new(context, &settings, &transfer_ops);
	return download->http ? 0 : -1;
}

static enum kk_verdict submit(struct kk_context *context, struct kk_item *item)
{
	struct download *download = context->state;
	struct request *request;

	if (!item->key)
		return kk_fail(item, KK_FAIL_BAD_URL, "the item has no key to take as a URL");
	if (local_is_url(item->key))
		return download->local ? local_submit(download->local, item)
		                       : kk_fail(item, KK_FAIL_BAD_URL, "file: URLs need allow_files");
	request = http_take(download->http, item);
	if (!request)
		return KK_LATER;
	transfer_init(http_job(request), &download->rules);
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
	local_free(download->local);
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
