/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/identity.h - reads a certificate of our own and its key once, produces who we are to TLS servers that
 * ask.
 */
#ifndef STAGES_HTTP_IDENTITY_H
#define STAGES_HTTP_IDENTITY_H

#include <curl/curl.h>
#include <stddef.h>

struct identity;

/* identity_new - from PEM files; `key` "": in the same file; `password` must outlive it. NULL with one sentence in
 * `why`, also if the two do not belong together. Freed with identity_free. */
struct identity *identity_new(const char *certificate, const char *key, const char *password, char *why,
                              size_t why_size);
void identity_free(struct identity *identity);

/* identity_apply - makes the handle's connections show it to a server that asks. */
CURLcode identity_apply(const struct identity *identity, CURL *easy);

#endif
