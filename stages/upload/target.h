/* SPDX-License-Identifier: Apache-2.0 */
/* stages/upload/target.h - reads the pattern `to`, produces where outputs go: a directory or an HTTP server.
 */
#ifndef STAGES_UPLOAD_TARGET_H
#define STAGES_UPLOAD_TARGET_H

#include <stdbool.h>
#include <stddef.h>

/* A pattern in two parts. */
struct target {
	bool http;
	char *root; /* "out", "/srv/a", ".", "http://host:81": no placeholder in it          */
	char *rest; /* "{id}.jpg", "x/{n}.jpg"; for HTTP with the '/' that begins the path   */
};

/* target_parse - splits `pattern`; freed with target_free. 0, or -1 with one sentence in `why`. */
int target_parse(struct target *target, const char *pattern, char *why, size_t why_size);
void target_free(struct target *target);

#endif
