/* SPDX-License-Identifier: Apache-2.0 */
/* stages/download/local.h - reads file: URLs, produces the payloads of files beneath one directory.
 */
#ifndef STAGES_DOWNLOAD_LOCAL_H
#define STAGES_DOWNLOAD_LOCAL_H

#include "rules.h"

struct local;

/* local_new - files beneath `directory`, which exists; in `prepare`. NULL after kk_log. `rules` must outlive it. */
struct local *local_new(struct kk_context *context, const char *directory, const struct rules *rules);
void local_free(struct local *local);

/* local_is_url - is this a file: URL? */
bool local_is_url(const char *url);

/* local_path - the path in a file: URL, decoded, to `to`; false: it has none, names another host, or holds a NUL. */
bool local_path(const char *url, char *to, size_t size);

/* local_submit - the item's key is a file: URL: KK_PASS, KK_FAIL, or KK_LATER for want of room. No link is followed,
 * and nothing but ordinary files is read. */
enum kk_verdict local_submit(struct local *local, struct kk_item *item);

#endif
