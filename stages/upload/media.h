/* SPDX-License-Identifier: Apache-2.0 */
/* stages/upload/media.h - reads the first bytes of a payload, produces its media type.
 */
#ifndef STAGES_UPLOAD_MEDIA_H
#define STAGES_UPLOAD_MEDIA_H

#include <stddef.h>

/* media_type - by the magic bytes; "application/octet-stream" if they are not known. A static text. */
const char *media_type(const void *data, size_t size);

#endif
