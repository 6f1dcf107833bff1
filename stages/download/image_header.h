/* SPDX-License-Identifier: Apache-2.0 */
/* stages/download/image_header.h - reads the beginning of a file, produces whether it is an image and how large one.
 *
 * Nothing is decoded: of jpeg, png, webp, gif and avif the fields are found that say width and height. It is meant for
 * refusing early what would be refused anyway; what it cannot tell is for the decoder to judge.
 */
#ifndef STAGES_DOWNLOAD_IMAGE_HEADER_H
#define STAGES_DOWNLOAD_IMAGE_HEADER_H

#include <stddef.h>
#include <stdint.h>

enum image_verdict {
	IMAGE_MORE = 0, /* not enough bytes to say                              */
	IMAGE_NONE,     /* not the beginning of an image of a kind we know      */
	IMAGE_UNSIZED,  /* an image; how large does not stand at its beginning  */
	IMAGE_SIZED,    /* an image of this width and height                    */
};

/* image_header - judges the first `size` bytes; asked again with more bytes after IMAGE_MORE. Width and height are set
 * for IMAGE_SIZED only. */
enum image_verdict image_header(const void *data, size_t size, uint32_t *width, uint32_t *height);

#endif
