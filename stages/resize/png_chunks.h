/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/png_chunks.h - reads the chunks of a PNG file, produces what its metadata take once they are unpacked:
 * a few kilobytes of them may become gigabytes, and libvips' own limits are 50 MiB for each of 100.
 */
#ifndef STAGES_RESIZE_PNG_CHUNKS_H
#define STAGES_RESIZE_PNG_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

/* No profile or text that a picture needs is larger than this. */
#define PNG_METADATA_MAX (4ULL << 20)

/* png_metadata_bytes - of all chunks that hold no pixels, those that are compressed unpacked; counts no further than a
 * little beyond PNG_METADATA_MAX. What is damaged counts for as much as can be unpacked. */
uint64_t png_metadata_bytes(const void *data, size_t size);

#endif
