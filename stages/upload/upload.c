/* SPDX-License-Identifier: Apache-2.0 */
/* The stage `upload`: the item's payload becomes a file in a directory or a resource on an HTTP server.
 *
 * A directory settles its items in `submit`, or, where their names must reach the disk, many at once in `poll`; a
 * server, with many in flight, always there.
 */
#include "name.h"
#include "put.h"
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct options {
	struct http_options http;
	const char *to, *mode, *type;
	int existing, durability, method, checksum;
	int64_t subfolders;
	struct kk_strings expect;
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
static const char *const method_words[] = {[PUT_PUT] = "put", [PUT_POST] = "post", NULL};
static const char *const durability_words[] = {"none", "normal", "full", NULL};

static const struct kk_option rows[] = {
    {
        .name = "to",
        .type = KK_OPTION_STRING,
        .flags = KK_OPTION_REQUIRED | KK_OPTION_AFFECTS_OUTPUT | KK_OPTION_NAMES,
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
        .name = "subfolders",
        .type = KK_OPTION_INT,
        .flags = KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(subfolders),
        .def = "0",
        .max = NAME_LEVELS,
        .unit = "levels",
        .text = "Directory: so many levels of directories with 256 each, by the item's id, before the file's name, for "
                "more files than one directory should hold.",
    },
    {
        .name = "method",
        .type = KK_OPTION_ENUM,
        .at = AT(method),
        .def = "put",
        .words = method_words,
        .text = "Server: how the payload is sent.",
    },
    {
        .name = "type",
        .type = KK_OPTION_STRING,
        .flags = KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(type),
        .text = "Server: the Content-Type; otherwise what the stage before says, the payload's first bytes or its "
                "server.",
    },
    {
        .name = "checksum",
        .type = KK_OPTION_ENUM,
        .at = AT(checksum),
        .def = "none",
        .words = checksum_words,
        .text = "Server: a header by which it can check what has arrived (MD5 or SHA-256).",
    },
    {
        .name = "expect",
        .type = KK_OPTION_LIST,
        .at = AT(expect),
        .text = "Server: the statuses that mean success; none named: 200, 201 and 204.",
    },
    HTTP_OPTIONS(struct options, http, "Server: ", "32", "192", "32"),
    {0},
};

static struct http_settings settings_of(const struct options *options)
{
	/* The config names the host, no foreign data does. */
	return (struct http_settings){.options = &options->http, .any_address = true};
}

static struct put_settings put_of(const struct options *options, const struct target *target)
{
	return (struct put_settings){
	    .root = target->root,
	    .rest = target->rest,
	    .method = (enum put_method)options->method,
	    .existing = (enum existing)options->existing,
	    .checksum = (enum checksum)options->checksum,
	    .type = options->type,
	    .expect = &options->expect,
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
	struct http_settings settings = settings_of(options);
	struct target target;
	struct put_settings put;
	int wrong;

	if (target_parse(&target, options->to, why, why_size) != 0)
		return -1;
	if (target.http) {
		http_demand(&settings, sizeof(struct put), demand);
	} else {
		demand->in_flight = options->durability == DURABILITY_FULL ? DIRECTORY_BATCH : 1;
		demand->heap = 1U << 20;
		demand->needs = KK_NEED_READ | KK_NEED_WRITE;
	}
	put = put_of(options, &target);
	wrong = put_check(&put, why, why_size);
	target_free(&target);
	if (wrong)
		return -1;
	if (parse_mode(options->mode) < 0) {
		snprintf(why, why_size, "mode: \"%s\" is not permissions in octal, such as 0644", options->mode);
		return -1;
	}
	return http_check(&settings, why, why_size);
}

static int prepare_http(struct kk_context *context, struct upload *upload)
{
	struct http_settings settings = settings_of(context->options);

	upload->put = put_of(context->options, &upload->target);
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
	    .subfolders = (unsigned)options->subfolders,
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

	if (upload->http)
		return http_poll(upload->http);
	directory_flush(upload->directory);
	return 0;
}

static int wait_for(struct kk_context *context, int *timeout_ms)
{
	struct upload *upload = context->state;

	if (upload->http)
		return http_wait(upload->http, timeout_ms);
	if (directory_pending(upload->directory))
		*timeout_ms = 0;
	return upload->never;
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
    .text = "Stores the payload as a file in a directory, or on an HTTP server by PUT or POST.",
    .options = rows,
    .options_size = sizeof(struct options),
    .plan = plan,
    .prepare = prepare,
    .submit = submit,
    .poll = poll_all,
    .wait = wait_for,
    .close = close_all,
};
