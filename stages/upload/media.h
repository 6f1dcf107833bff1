/* SPDX-License-Identifier: Apache-2.0 */
/* stages/upload/media.h - reads the first bytes of a payload, produces its media type.
 */
#ifndef STAGES_UPLOAD_MEDIA_H
#define STAGES_UPLOAD_MEDIA_H

#include <stddef.h>

/* What is sent where nothing is known. */
#define MEDIA_UNKNOWN "application/octet-stream"

/* media_type - by the magic bytes; NULL if they are not known. A static text. */
const char *media_type(const void *data, size_t size);

#endif
