/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/redact.h - reads a URL, produces one that may be shown: no userinfo, no signatures, no tokens.
 */
#ifndef STAGES_HTTP_REDACT_H
#define STAGES_HTTP_REDACT_H

#include <stddef.h>

/* redact_url - writes the URL to `to` (cut at `size`), with "***" for userinfo and for the values of query parameters
 * that look like a signature, a token or a key. Returns `to`. */
const char *redact_url(const char *url, char *to, size_t size);

#endif
