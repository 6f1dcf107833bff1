/* SPDX-License-Identifier: Apache-2.0 */
/* engine/report/redact.h - reads a key, produces what of it may be shown. */
#ifndef ENGINE_REPORT_REDACT_H
#define ENGINE_REPORT_REDACT_H

#include <stddef.h>

/* kk_redact - copies `key`, cut at `size` (> 0); a URL's user and password, and the values of query parameters that
 * carry signatures or tokens, become "***". */
void kk_redact(const char *key, char *to, size_t size);

#endif
