/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/trust.h - reads a file of certificate authorities once, produces the trust of all TLS connections.
 *
 * libcurl reads the file again for each new connection (or keeps it, but then opens it after the sandbox has closed);
 * parsing 140 certificates takes longer than the handshake. All connections share one store instead.
 */
#ifndef STAGES_HTTP_TRUST_H
#define STAGES_HTTP_TRUST_H

#include <curl/curl.h>

struct trust;

/* trust_new - reads `file`, "": the system's. A file without any usable certificate is an error. NULL on failure. */
struct trust *trust_new(const char *file);
void trust_free(struct trust *trust);

/* trust_apply - makes the handle's connections believe these authorities and no others. NULL: none at all. */
CURLcode trust_apply(struct trust *trust, CURL *easy);

#endif
