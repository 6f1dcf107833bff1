/* SPDX-License-Identifier: Apache-2.0 */
/* decompress - transform: a payload that is zstd or gzip becomes what is in it.
 *
 * The first bytes decide which. Frames and members one behind the other are one content; anything else behind them
 * fails the item. A payload of a few bytes may unpack to any number of them, so that number is limited in bytes and by
 * ratio, and is checked before the room for it is taken, where the frame tells it.
 */
#include "../packed/packed.h"
#include "dictionary.h"
#include "unpack.h"
#include <inttypes.h>
#include <kakehi/stage.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* However small a payload is, it may unpack to this much. */
enum { RATIO_FLOOR = 1 << 20, OTHER_HEAP = 1 << 20 };

struct decompress_options {
	uint64_t max_bytes, max_window;
	double max_ratio;
	const char *dictionary;
};

struct decompress {
	ZSTD_DCtx *context;
	struct dictionary dictionary;
	z_stream gzip;
	bool gzip_ready;
};

#define AT(field) offsetof(struct decompress_options, field)
static const struct kk_option rows[] = {
    {.name = "max_bytes",
     .type = KK_OPTION_SIZE,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(max_bytes),
     .def = "50MiB",
     .min = 1,
     .max = 4294901760.0,
     .unit = "bytes",
     .text = "Fail what unpacks to more than this."},
    {.name = "max_ratio",
     .type = KK_OPTION_FLOAT,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(max_ratio),
     .def = "1000",
     .min = 1,
     .max = 1e9,
     .text = "Fail what unpacks to more than so many times its size (and more than 1 MiB)."},
    {.name = "max_window",
     .type = KK_OPTION_SIZE,
     .at = AT(max_window),
     .def = "8MiB",
     .min = 1024,
     .max = 2147483648.0,
     .unit = "bytes",
     .text = "Fail zstd frames that need more memory than this; those that tell their content's size need none."},
    {.name = "dictionary",
     .type = KK_OPTION_STRING,
     .flags = KK_OPTION_AFFECTS_OUTPUT | KK_OPTION_PATH,
     .at = AT(dictionary),
     .def = "",
     .text = "A file with the dictionary that zstd frames were made with."},
    {0},
};
#undef AT

static int decompress_plan(const void *options, struct kk_demand *demand, char *why, size_t why_size)
{
	static const char *const fields[] = {"compression", "raw_bytes", "compressed_bytes", NULL};
	const struct decompress_options *o = options;
	struct dictionary dictionary;
	if (dictionary_read(&dictionary, o->dictionary, why, why_size) != 0)
		return -1;
	demand->fields = fields;
	demand->heap = o->max_window + OTHER_HEAP + 2 * dictionary.size;
	demand->largest = o->max_bytes;
	dictionary_free(&dictionary);
	return 0;
}

static int decompress_prepare(struct kk_context *context)
{
	const struct decompress_options *o = context->options;
	char why[400] = "out of memory";
	struct decompress *d = calloc(1, sizeof(*d));
	if (d && dictionary_read(&d->dictionary, o->dictionary, why, sizeof(why)) == 0) {
		context->state = d;
		return 0;
	}
	kk_log(context, KK_LOG_ERROR, "%s", why);
	free(d);
	return -1;
}

static int decompress_open(struct kk_context *context)
{
	const struct decompress_options *o = context->options;
	struct decompress *d = context->state;
	size_t status = 0;
	d->context = ZSTD_createDCtx();
	if (d->context)
		status = ZSTD_DCtx_setParameter(d->context, ZSTD_d_windowLogMax, (int)packed_window_log(o->max_window));
	if (d->context && !ZSTD_isError(status) && d->dictionary.size)
		status = ZSTD_DCtx_loadDictionary(d->context, d->dictionary.bytes, d->dictionary.size);
	dictionary_free(&d->dictionary);
	d->gzip_ready = inflateInit2(&d->gzip, MAX_WBITS + PACKED_GZIP_ONLY) == Z_OK;
	if (d->context && !ZSTD_isError(status) && d->gzip_ready)
		return 0;
	kk_log(context, KK_LOG_ERROR, "cannot set zstd up: %s",
	       ZSTD_isError(status) ? ZSTD_getErrorName(status) : "out of memory");
	return -1;
}

/* ---- work */

static int unpack_all(struct decompress *d, struct room *room)
{
	const unsigned char *at = room->item->data;
	size_t size = room->item->size, used;
	bool gzip = packed_is_gzip(at, size);
	if (!gzip && !packed_is_zstd(at, size))
		return room_wrong(room, KK_FAIL_OTHER, "neither zstd nor gzip");
	for (size_t done = 0; done < size; done += used) {
		const unsigned char *next = at + done;
		size_t left = size - done;
		if (!(gzip ? packed_is_gzip(next, left) : packed_is_zstd(next, left)))
			return room_wrong(room, KK_FAIL_OTHER, "%zu bytes of something else behind the %s data", left,
			                  gzip ? "gzip" : "zstd");
		if ((gzip ? unpack_member(&d->gzip, room, next, left, &used)
		          : unpack_frame(d->context, room, next, left, &used)) != 0)
			return -1;
	}
	return room_for(room, 0);
}

static void set_facts(struct kk_item *item, size_t raw)
{
	char text[24];
	const char *format = packed_is_gzip(item->data, item->size) ? "gzip" : "zstd";
	snprintf(text, sizeof(text), "%zu", raw);
	if (kk_set_field(item, "compression", format) != 0 || kk_set_field(item, "raw_bytes", text) != 0)
		return; /* an item full of fields goes without these */
	snprintf(text, sizeof(text), "%zu", item->size);
	(void)kk_set_field(item, "compressed_bytes", text);
}

static enum kk_verdict decompress_process(struct kk_context *context, struct kk_item *item)
{
	const struct decompress_options *o = context->options;
	if (!item->data)
		return kk_fail(item, KK_FAIL_OTHER, "it has no payload to decompress");
	double ratio = (double)item->size * o->max_ratio;
	double by_ratio = ratio > RATIO_FLOOR ? ratio : RATIO_FLOOR;
	bool stricter = by_ratio < (double)o->max_bytes;
	struct room room = {
	    .item = item, .limit = stricter ? (size_t)by_ratio : (size_t)o->max_bytes, .by_ratio = stricter};
	if (unpack_all(context->state, &room) != 0)
		return kk_fail(item, room.why, "%s", room.text);
	if (kk_commit(item, room.used) != 0)
		return kk_fail(item, KK_FAIL_MEMORY, "the payload was not accepted");
	set_facts(item, room.used);
	return KK_PASS;
}

static void decompress_close(struct kk_context *context)
{
	struct decompress *d = context->state;
	if (!d)
		return;
	ZSTD_freeDCtx(d->context);
	if (d->gzip_ready)
		inflateEnd(&d->gzip);
	dictionary_free(&d->dictionary);
	free(d);
	context->state = NULL;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "decompress",
    .text = "Unpacks payloads that are zstd or gzip.",
    .options = rows,
    .options_size = sizeof(struct decompress_options),
    .plan = decompress_plan,
    .prepare = decompress_prepare,
    .open = decompress_open,
    .process = decompress_process,
    .close = decompress_close,
};
