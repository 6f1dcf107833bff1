/* SPDX-License-Identifier: Apache-2.0 */
/* compress - transform: the payload becomes a zstd frame (RFC 8878).
 *
 * One context per worker. The frame is made straight into the reservation, in one call: no window is copied.
 */
#define ZSTD_STATIC_LINKING_ONLY /* for the estimates of memory; what makes the frames is the stable interface */
#include "dictionary.h"
#include <errno.h>
#include <inttypes.h>
#include <kakehi/stage.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { OTHER_HEAP = 1 << 20 };

struct compress_options {
	int64_t level, window_log;
	bool long_mode, checksum, content_size;
	const char *dictionary;
	uint64_t max_bytes;
};

struct compress {
	ZSTD_CCtx *context;
	struct dictionary dictionary;
};

#define AT(field) offsetof(struct compress_options, field)
static const struct kk_option rows[] = {
    {.name = "level",
     .type = KK_OPTION_INT,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(level),
     .def = "3",
     .min = -7,
     .max = 22,
     .text = "How hard to try: -7 is fastest, 22 smallest; above 19 it takes much memory."},
    {.name = "long",
     .type = KK_OPTION_BOOL,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(long_mode),
     .def = "false",
     .text = "Look for matches far away too (within the window)."},
    {.name = "window_log",
     .type = KK_OPTION_INT,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(window_log),
     .def = "0",
     .min = 0,
     .max = 31,
     .text = "How far back matches may lie: 2 to the power of this, in bytes, 10 to 31; 0: as the level has it. Above "
             "27 who unpacks it must allow for it."},
    {.name = "checksum",
     .type = KK_OPTION_BOOL,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(checksum),
     .def = "true",
     .text = "End the frame with a checksum of the content."},
    {.name = "content_size",
     .type = KK_OPTION_BOOL,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(content_size),
     .def = "true",
     .text = "Write the content's size into the frame's header."},
    {.name = "dictionary",
     .type = KK_OPTION_STRING,
     .flags = KK_OPTION_AFFECTS_OUTPUT | KK_OPTION_PATH,
     .at = AT(dictionary),
     .def = "",
     .text = "A file with a dictionary, as `zstd --train` makes it; who unpacks needs the same."},
    {.name = "max_bytes",
     .type = KK_OPTION_SIZE,
     .at = AT(max_bytes),
     .def = "50MiB",
     .min = 1,
     .max = 4177526784.0,
     .unit = "bytes",
     .text = "Fail payloads larger than this."},
    {0},
};
#undef AT

/* ---- options */

struct setting {
	ZSTD_cParameter parameter;
	int value;
};
enum { SETTINGS = 8, LONG_WINDOW_LOG = 27, LONG_BELOW_WINDOW = 7, LONG_BUCKET_LOG = 3, LONG_MATCH = 64 };

static void settings_of(const struct compress_options *o, struct setting to[SETTINGS])
{
	int64_t window = o->window_log == 0 && o->long_mode ? LONG_WINDOW_LOG : o->window_log;
	int64_t hash =
	    window - LONG_BELOW_WINDOW > ZSTD_LDM_HASHLOG_MIN ? window - LONG_BELOW_WINDOW : ZSTD_LDM_HASHLOG_MIN;
	to[0] = (struct setting){ZSTD_c_compressionLevel, (int)o->level};
	to[1] = (struct setting){ZSTD_c_enableLongDistanceMatching, o->long_mode ? ZSTD_ps_enable : ZSTD_ps_disable};
	to[2] = (struct setting){ZSTD_c_windowLog, (int)window};
	to[3] = (struct setting){ZSTD_c_checksumFlag, o->checksum};
	to[4] = (struct setting){ZSTD_c_contentSizeFlag, o->content_size};
	/* The estimate divides by these as they are, where the work would fill in its own: they are the same. */
	to[5] = (struct setting){ZSTD_c_ldmHashLog, o->long_mode ? (int)hash : 0};
	to[6] = (struct setting){ZSTD_c_ldmMinMatch, o->long_mode ? LONG_MATCH : 0};
	to[7] = (struct setting){ZSTD_c_ldmBucketSizeLog, o->long_mode ? LONG_BUCKET_LOG : 0};
}

/* estimate - bytes that a context with these settings takes; 0: zstd does not accept them, `why` says so. */
static size_t estimate(const struct compress_options *o, char *why, size_t why_size)
{
	struct setting settings[SETTINGS];
	ZSTD_CCtx_params *params = ZSTD_createCCtxParams();
	size_t status = 0, bytes = 0;
	settings_of(o, settings);
	snprintf(why, why_size, "out of memory");
	for (int i = 0; params && i < SETTINGS && !ZSTD_isError(status); i++)
		status = ZSTD_CCtxParams_setParameter(params, settings[i].parameter, settings[i].value);
	if (params && !ZSTD_isError(status))
		status = bytes = ZSTD_estimateCCtxSize_usingCCtxParams(params);
	if (ZSTD_isError(status)) {
		snprintf(why, why_size, "zstd does not accept these options: %s", ZSTD_getErrorName(status));
		bytes = 0;
	}
	ZSTD_freeCCtxParams(params);
	return bytes;
}

static int compress_plan(const void *options, struct kk_demand *demand, char *why, size_t why_size)
{
	static const char *const fields[] = {"raw_bytes", "compressed_bytes", NULL};
	const struct compress_options *o = options;
	struct dictionary dictionary;
	if (o->window_log > 0 && o->window_log < ZSTD_WINDOWLOG_MIN) {
		snprintf(why, why_size, "window_log is 0 or from %d to %d", ZSTD_WINDOWLOG_MIN, ZSTD_WINDOWLOG_MAX);
		return -1;
	}
	size_t bytes = estimate(o, why, why_size), least = ZSTD_estimateCCtxSize((int)o->level);
	if (bytes == 0 || dictionary_read(&dictionary, o->dictionary, why, why_size) != 0)
		return -1;
	if (bytes < least)
		bytes = least; /* tables for small payloads may be the larger ones */
	if (dictionary.size)
		bytes += 2 * dictionary.size + ZSTD_estimateCDictSize(dictionary.size, (int)o->level);
	dictionary_free(&dictionary);
	demand->fields = fields;
	demand->heap = bytes + OTHER_HEAP;
	demand->largest = ZSTD_compressBound(o->max_bytes);
	return 0;
}

/* ---- work */

static int compress_prepare(struct kk_context *context)
{
	const struct compress_options *o = context->options;
	char why[400] = "out of memory";
	struct compress *c = calloc(1, sizeof(*c));
	if (c && dictionary_read(&c->dictionary, o->dictionary, why, sizeof(why)) == 0) {
		context->state = c;
		return 0;
	}
	kk_log(context, KK_LOG_ERROR, "%s", why);
	free(c);
	return -1;
}

static int compress_open(struct kk_context *context)
{
	struct compress *c = context->state;
	struct setting settings[SETTINGS];
	size_t status = 0;
	settings_of(context->options, settings);
	c->context = ZSTD_createCCtx();
	for (int i = 0; c->context && i < SETTINGS && !ZSTD_isError(status); i++)
		status = ZSTD_CCtx_setParameter(c->context, settings[i].parameter, settings[i].value);
	if (c->context && !ZSTD_isError(status) && c->dictionary.size)
		status = ZSTD_CCtx_loadDictionary(c->context, c->dictionary.bytes, c->dictionary.size);
	dictionary_free(&c->dictionary);
	if (c->context && !ZSTD_isError(status))
		return 0;
	kk_log(context, KK_LOG_ERROR, "cannot set zstd up: %s",
	       c->context ? ZSTD_getErrorName(status) : "out of memory");
	return -1;
}

static void set_sizes(struct kk_item *item, size_t raw, size_t compressed)
{
	char text[24];
	snprintf(text, sizeof(text), "%zu", raw);
	if (kk_set_field(item, "raw_bytes", text) != 0)
		return; /* an item full of fields goes without these */
	snprintf(text, sizeof(text), "%zu", compressed);
	(void)kk_set_field(item, "compressed_bytes", text);
}

static enum kk_verdict compress_process(struct kk_context *context, struct kk_item *item)
{
	const struct compress_options *o = context->options;
	struct compress *c = context->state;
	if (!item->data)
		return kk_fail(item, KK_FAIL_OTHER, "it has no payload to compress");
	if (item->size > o->max_bytes)
		return kk_fail(item, KK_FAIL_TOO_LARGE, "%zu bytes, max_bytes is %" PRIu64, item->size, o->max_bytes);
	size_t room = ZSTD_compressBound(item->size);
	void *to = kk_reserve(item, room);
	if (!to)
		return kk_fail(item, KK_FAIL_MEMORY, "no room for %zu bytes: %s", room, strerror(errno));
	size_t size = ZSTD_compress2(c->context, to, room, item->data, item->size);
	if (ZSTD_isError(size))
		return kk_fail(item, KK_FAIL_MEMORY, "zstd: %s", ZSTD_getErrorName(size));
	if (kk_commit(item, size) != 0)
		return kk_fail(item, KK_FAIL_MEMORY, "the payload was not accepted");
	set_sizes(item, item->size, size);
	return KK_PASS;
}

static void compress_close(struct kk_context *context)
{
	struct compress *c = context->state;
	if (!c)
		return;
	ZSTD_freeCCtx(c->context);
	dictionary_free(&c->dictionary);
	free(c);
	context->state = NULL;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "compress",
    .text = "Compresses payloads with zstd.",
    .options = rows,
    .options_size = sizeof(struct compress_options),
    .plan = compress_plan,
    .prepare = compress_prepare,
    .open = compress_open,
    .process = compress_process,
    .close = compress_close,
};
