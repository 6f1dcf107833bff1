/* SPDX-License-Identifier: Apache-2.0 */
/* stages/zstd/frames.c - frames of zstd. */
#include "unpack.h"
#include <zstd_errors.h>

static int damaged(struct room *room, size_t status)
{
	if (ZSTD_getErrorCode(status) == ZSTD_error_frameParameter_windowTooLarge)
		return room_wrong(room, KK_FAIL_TOO_LARGE, "a zstd frame that takes more memory than max_window");
	if (ZSTD_getErrorCode(status) == ZSTD_error_memory_allocation)
		return room_wrong(room, KK_FAIL_MEMORY, "zstd: %s", ZSTD_getErrorName(status));
	return room_wrong(room, KK_FAIL_OTHER, "damaged zstd data: %s", ZSTD_getErrorName(status));
}

/* whole - the frame says that `content` bytes are in it. */
static int whole(ZSTD_DCtx *context, struct room *room, const unsigned char *at, size_t size, size_t content)
{
	if (room_for(room, content) != 0)
		return -1;
	size_t got = ZSTD_decompressDCtx(context, room->to + room->used, content, at, size);
	if (ZSTD_isError(got))
		return damaged(room, got);
	return room_take(room, got);
}

/* piecemeal - nobody knows how much is in it. */
static int piecemeal(ZSTD_DCtx *context, struct room *room, const unsigned char *at, size_t size)
{
	ZSTD_inBuffer in = {at, size, 0};
	size_t left = ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
	do {
		ZSTD_outBuffer out = {.pos = 0};
		out.dst = room_next(room, &out.size);
		if (!out.dst)
			return -1;
		size_t before = in.pos;
		left = ZSTD_decompressStream(context, &out, &in);
		if (ZSTD_isError(left))
			return damaged(room, left);
		if (room_take(room, out.pos) != 0)
			return -1;
		if (left && in.pos == before && out.pos == 0)
			return room_wrong(room, KK_FAIL_OTHER, "the zstd data ends in the middle");
	} while (left);
	return 0;
}

int unpack_frame(ZSTD_DCtx *context, struct room *room, const unsigned char *at, size_t size, size_t *used)
{
	*used = ZSTD_findFrameCompressedSize(at, size);
	if (ZSTD_getErrorCode(*used) == ZSTD_error_srcSize_wrong)
		return room_wrong(room, KK_FAIL_OTHER, "the zstd data ends in the middle");
	if (ZSTD_isError(*used))
		return damaged(room, *used);
	unsigned long long content = ZSTD_getFrameContentSize(at, *used);
	if (content == ZSTD_CONTENTSIZE_ERROR)
		return room_wrong(room, KK_FAIL_OTHER, "damaged zstd data: its header");
	if (content == ZSTD_CONTENTSIZE_UNKNOWN)
		return piecemeal(context, room, at, *used);
	return whole(context, room, at, *used, content > SIZE_MAX ? SIZE_MAX : (size_t)content);
}
