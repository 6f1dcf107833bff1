/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/base64.h - reads bytes, produces them in base 64 (RFC 4648, with padding).
 */
#ifndef STAGES_HTTP_BASE64_H
#define STAGES_HTTP_BASE64_H

#include <stddef.h>

/* Bytes that `size` bytes take with their NUL. */
#define BASE64_SIZE(size) (((size) + 2) / 3 * 4 + 1)

/* base64_encode - writes BASE64_SIZE(size) bytes to `to`, which is returned. */
char *base64_encode(const void *data, size_t size, char *to);

#endif
