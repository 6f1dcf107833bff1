/* SPDX-License-Identifier: Apache-2.0 */
/* stages/packed/packed.h - reads the first bytes of something, produces how it is packed.
 *
 * The folder is no stage: two stages share it.
 */
#ifndef STAGES_PACKED_PACKED_H
#define STAGES_PACKED_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* So many first bytes are enough to tell. */
#define PACKED_MAGIC_BYTES 4

/* packed_is_gzip - a member (RFC 1952). */
static inline bool packed_is_gzip(const uint8_t *at, size_t size)
{
	return size >= 2 && at[0] == 0x1f && at[1] == 0x8b;
}

/* packed_is_zstd - a frame, or one to be passed over (RFC 8878). */
static inline bool packed_is_zstd(const uint8_t *at, size_t size)
{
	static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd}, skippable[] = {0x2a, 0x4d, 0x18};

	return size >= PACKED_MAGIC_BYTES &&
	       (memcmp(at, frame, 4) == 0 || ((at[0] & 0xf0) == 0x50 && memcmp(at + 1, skippable, 3) == 0));
}

/* packed_window_log - zstd: of the largest window that is not above `bytes`, from 10 to 31. */
static inline unsigned packed_window_log(uint64_t bytes)
{
	unsigned log = 10;

	while (log < 31 && UINT64_C(2) << log <= bytes)
		log++;
	return log;
}

/* inflateInit2: added to the window's bits, gzip alone is taken. */
#define PACKED_GZIP_ONLY 16

#endif
