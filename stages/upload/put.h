/* SPDX-License-Identifier: Apache-2.0 */
/* stages/upload/put.h - reads payloads, produces resources on an HTTP server (PUT or POST).
 */
#ifndef STAGES_UPLOAD_PUT_H
#define STAGES_UPLOAD_PUT_H

#include "../http/http.h"
#include "checksum.h"
#include "directory.h"

enum put_method { PUT_PUT = 0, PUT_POST };

struct put_settings {
	const char *root, *rest; /* the two parts of the pattern (target.h)                    */
	enum put_method method;
	enum existing existing;
	enum checksum checksum;
	const char *type;                /* the Content-Type; "": the payload's own           */
	const struct kk_strings *expect; /* statuses that mean success; none: 200, 201, 204   */
};

/* The job of a request (http_job). */
struct put {
	const struct put_settings *settings;
	const char *data;
	size_t size, sent;
	bool asking; /* HEAD: is it there already? */
	char checksum[CHECKSUM_BYTES];
};

/* put_check - are the settings well formed? 0, or -1 with one sentence in `why`. */
int put_check(const struct put_settings *settings, char *why, size_t why_size);

/* put_submit - starts the item's request. KK_PENDING, KK_FAIL or KK_LATER. `settings` must outlive it. */
enum kk_verdict put_submit(struct http *http, const struct put_settings *settings, struct kk_item *item);

extern const struct http_ops put_ops;

#endif
