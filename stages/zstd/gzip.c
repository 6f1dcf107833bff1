/* SPDX-License-Identifier: Apache-2.0 */
/* stages/zstd/gzip.c - members of gzip. */
#include "unpack.h"
#include <limits.h>
#include <stdint.h>

int unpack_member(z_stream *stream, struct room *room, const unsigned char *at, size_t size, size_t *used)
{
	int status = inflateReset(stream);
	stream->next_in = (unsigned char *)(uintptr_t)at;
	stream->avail_in = size > UINT_MAX ? UINT_MAX : (uInt)size;
	while (status == Z_OK) {
		size_t there;
		stream->next_out = room_next(room, &there);
		if (!stream->next_out)
			return -1;
		uInt out = there > UINT_MAX ? UINT_MAX : (uInt)there;
		stream->avail_out = out;
		status = inflate(stream, Z_NO_FLUSH);
		if (room_take(room, out - stream->avail_out) != 0)
			return -1;
	}
	*used = (size_t)(stream->next_in - at);
	if (status == Z_STREAM_END)
		return 0;
	if (status == Z_BUF_ERROR)
		return room_wrong(room, KK_FAIL_OTHER, "the gzip data ends in the middle");
	if (status == Z_MEM_ERROR)
		return room_wrong(room, KK_FAIL_MEMORY, "gzip: out of memory");
	return room_wrong(room, KK_FAIL_OTHER, "damaged gzip data: %s", stream->msg ? stream->msg : zError(status));
}
