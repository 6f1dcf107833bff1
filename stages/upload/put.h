/* SPDX-License-Identifier: Apache-2.0 */
/* stages/upload/put.h - reads payloads, produces resources on an HTTP server (PUT).
 */
#ifndef STAGES_UPLOAD_PUT_H
#define STAGES_UPLOAD_PUT_H

#include "../http/http.h"
#include "directory.h"

struct put_settings {
	const char *root, *rest; /* the two parts of the pattern (target.h) */
	enum existing existing;
};

/* The job of a request (http_job). */
struct put {
	const struct put_settings *settings;
	const char *data;
	size_t size, sent;
	bool asking; /* HEAD: is it there already? */
};

/* put_submit - starts the item's request. KK_PENDING, KK_FAIL or KK_LATER. `settings` must outlive it. */
enum kk_verdict put_submit(struct http *http, const struct put_settings *settings, struct kk_item *item);

extern const struct http_ops put_ops;

#endif
