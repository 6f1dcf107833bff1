/* SPDX-License-Identifier: Apache-2.0 */
#include "unpack.h"
#include "../packed/packed.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { IN_BYTES = 64 << 10 };

void unpack_open(struct unpack *unpack, struct raw *raw, enum unpack_kind kind, unsigned window_log)
{
	*unpack = (struct unpack){.raw = raw, .kind = kind, .window_log = window_log};
}

/* broken - notes what is wrong, to be told when all that came before it has been given. What is no member or frame at
 * all is where it begins. */
static ssize_t broken(struct unpack *unpack, const char *what, const char *detail, ssize_t got)
{
	if (!unpack->inside)
		unpack->at = unpack->began;
	snprintf(unpack->why, sizeof(unpack->why), "%s%s%s%s at byte %" PRIu64 " of the file", what,
	         *detail ? " (" : "", detail, *detail ? ")" : "", unpack->at);
	return got;
}

/* ---- finding out */

static enum unpack_kind kind_of(const unsigned char *magic, size_t size)
{
	if (packed_is_gzip(magic, size))
		return UNPACK_GZIP;
	return packed_is_zstd(magic, size) ? UNPACK_ZSTD : UNPACK_NONE;
}

/* find_kind - looks at the first bytes. 0, or -1 with errno. */
static int find_kind(struct unpack *unpack)
{
	unsigned char magic[PACKED_MAGIC_BYTES];
	size_t size = 0;
	while (size < sizeof(magic)) {
		ssize_t got = raw_read(unpack->raw, magic + size, sizeof(magic) - size, size);
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		size += (size_t)got;
	}
	unpack->kind = kind_of(magic, size);
	return 0;
}

/* make_state - 0, or -1 with errno. */
static int make_state(struct unpack *unpack)
{
	errno = ENOMEM;
	unpack->in = malloc(IN_BYTES);
	if (!unpack->in)
		return -1;
	if (unpack->kind == UNPACK_ZSTD) {
		ZSTD_DCtx *context = ZSTD_createDCtx();
		unpack->state = context;
		return context && !ZSTD_isError(
		                      ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, (int)unpack->window_log))
		           ? 0
		           : -1;
	}
	z_stream *stream = calloc(1, sizeof(*stream));
	if (stream && inflateInit2(stream, MAX_WBITS + PACKED_GZIP_ONLY) != Z_OK) {
		free(stream);
		stream = NULL;
	}
	unpack->state = stream;
	return stream ? 0 : -1;
}

/* ---- unpacking */

/* refill - more of what is packed. Bytes there; 0 at the end; -1 with errno. */
static ssize_t refill(struct unpack *unpack)
{
	if (unpack->from < unpack->to)
		return (ssize_t)(unpack->to - unpack->from);
	ssize_t got = raw_read(unpack->raw, unpack->in, IN_BYTES, unpack->at);
	unpack->from = 0;
	unpack->to = got > 0 ? (size_t)got : 0;
	return got;
}

static void use_up(struct unpack *unpack, size_t bytes)
{
	unpack->from += bytes;
	unpack->at += bytes;
}

static ssize_t from_zstd(struct unpack *unpack, void *to, size_t size)
{
	if (!unpack->inside)
		unpack->began = unpack->at;
	ZSTD_inBuffer in = {unpack->in + unpack->from, unpack->to - unpack->from, 0};
	ZSTD_outBuffer out = {to, size, 0};
	size_t left = ZSTD_decompressStream(unpack->state, &out, &in);
	use_up(unpack, in.pos);
	if (!ZSTD_isError(left)) {
		unpack->inside = left != 0;
		return (ssize_t)out.pos;
	}
	if (ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge)
		return broken(unpack, "a zstd frame that takes more memory than max_window", "", 0);
	return broken(unpack, "not zstd, or damaged", ZSTD_getErrorName(left), (ssize_t)out.pos);
}

static ssize_t from_gzip(struct unpack *unpack, void *to, size_t size)
{
	z_stream *stream = unpack->state;
	if (!unpack->inside && inflateReset(stream) != Z_OK)
		return broken(unpack, "not gzip", "", 0);
	if (!unpack->inside)
		unpack->began = unpack->at;
	stream->next_in = unpack->in + unpack->from;
	stream->avail_in = (uInt)(unpack->to - unpack->from);
	stream->next_out = to;
	stream->avail_out = size > UINT32_MAX ? UINT32_MAX : (uInt)size;
	uInt room = stream->avail_out;
	int status = inflate(stream, Z_NO_FLUSH);
	use_up(unpack, unpack->to - unpack->from - stream->avail_in);
	ssize_t got = (ssize_t)(room - stream->avail_out);
	if (status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR) {
		unpack->inside = status != Z_STREAM_END;
		return got;
	}
	return broken(unpack, "not gzip, or damaged", stream->msg ? stream->msg : zError(status), got);
}

ssize_t unpack_read(struct unpack *unpack, void *to, size_t size, char *why, size_t why_size)
{
	if (unpack->kind == UNPACK_AUTO && find_kind(unpack) < 0)
		return -1;
	if (unpack->kind == UNPACK_NONE) {
		ssize_t got = raw_read(unpack->raw, to, size, unpack->at);
		unpack->at += got > 0 ? (uint64_t)got : 0;
		return got;
	}
	if (!unpack->state && make_state(unpack) < 0)
		return -1;
	while (!*unpack->why) {
		ssize_t there = unpack->full && unpack->inside ? 1 : refill(unpack);
		if (there < 0)
			return -1;
		if (there == 0 && !unpack->inside)
			return 0;
		ssize_t got = there == 0                    ? broken(unpack, "what is packed ends in the middle", "", 0)
		              : unpack->kind == UNPACK_ZSTD ? from_zstd(unpack, to, size)
		                                            : from_gzip(unpack, to, size);
		unpack->full = got == (ssize_t)size;
		if (got != 0)
			return got;
	}
	snprintf(why, why_size, "%s", unpack->why);
	errno = EBADMSG;
	return -1;
}

bool unpack_seek(struct unpack *unpack, uint64_t at)
{
	if (unpack->kind != UNPACK_NONE)
		return false;
	unpack->at = at;
	return true;
}

void unpack_close(struct unpack *unpack)
{
	if (unpack->state && unpack->kind == UNPACK_ZSTD)
		ZSTD_freeDCtx(unpack->state);
	if (unpack->state && unpack->kind == UNPACK_GZIP) {
		inflateEnd(unpack->state);
		free(unpack->state);
	}
	free(unpack->in);
	*unpack = (struct unpack){.raw = NULL};
}
