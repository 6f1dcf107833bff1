/* SPDX-License-Identifier: Apache-2.0 */
/* tests/origin/certificate.h - reads nothing, produces a TLS certificate that expired yesterday.
 */
#ifndef TESTS_ORIGIN_CERTIFICATE_H
#define TESTS_ORIGIN_CERTIFICATE_H

/* A certificate for 127.0.0.1 and its key, in PEM; to be freed with certificate_free. */
struct certificate {
	char *key, *certificate;
};

/* certificate_make - signed by itself, valid for the day before yesterday. 0 or -1. */
int certificate_make(struct certificate *to);
void certificate_free(struct certificate *certificate);

#endif
