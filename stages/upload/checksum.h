/* SPDX-License-Identifier: Apache-2.0 */
/* stages/upload/checksum.h - reads a payload, produces the header by which a server can check it.
 */
#ifndef STAGES_UPLOAD_CHECKSUM_H
#define STAGES_UPLOAD_CHECKSUM_H

#include <stddef.h>

enum checksum { CHECKSUM_NONE = 0, CHECKSUM_CONTENT_MD5, CHECKSUM_CONTENT_DIGEST, CHECKSUM_X };

/* The words of the enum, in its order, closed by NULL. */
extern const char *const checksum_words[];

/* The longest header line with its NUL. */
#define CHECKSUM_BYTES 200

/* checksum_header - "Name: value"; "" for CHECKSUM_NONE. 0, or -1: the library cannot. */
int checksum_header(enum checksum kind, const void *data, size_t size, char to[CHECKSUM_BYTES]);

#endif
