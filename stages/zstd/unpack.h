/* SPDX-License-Identifier: Apache-2.0 */
/* stages/zstd/unpack.h - reads something packed, produces what is in it, in a room.
 *
 * Both take one frame or member off the front: *used gets its bytes. 0, or -1 as noted in the room.
 */
#ifndef STAGES_ZSTD_UNPACK_H
#define STAGES_ZSTD_UNPACK_H

#include "room.h"
#include <stddef.h>
#include <zlib.h>
#include <zstd.h>

/* unpack_frame - zstd. Of a frame that says how much is in it, straight into the room; else through the context's
 * window. */
int unpack_frame(ZSTD_DCtx *context, struct room *room, const unsigned char *at, size_t size, size_t *used);

/* unpack_member - gzip. */
int unpack_member(z_stream *stream, struct room *room, const unsigned char *at, size_t size, size_t *used);

#endif
