/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/exif.h - reads an EXIF block of a foreign picture, produces which way up it is to be held. Nothing in
 * the block is believed: every offset is checked.
 */
#ifndef STAGES_RESIZE_EXIF_H
#define STAGES_RESIZE_EXIF_H

#include <stddef.h>

#define EXIF_MAGIC      "Exif\0"
#define EXIF_MAGIC_SIZE 6

/* exif_orientation - 1 .. 8 of a block that starts with EXIF_MAGIC; 1 (upright) if it says nothing that makes sense. */
int exif_orientation(const unsigned char *block, size_t size);

/* exif_set_upright - changes the orientation that the block names, if it names one, to 1. */
void exif_set_upright(unsigned char *block, size_t size);

#endif
