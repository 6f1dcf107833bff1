/* SPDX-License-Identifier: Apache-2.0 */
/* stages/download/transfer.h - reads the body of an answer, produces the item's payload.
 */
#ifndef STAGES_DOWNLOAD_TRANSFER_H
#define STAGES_DOWNLOAD_TRANSFER_H

#include "../http/http.h"

/* What all transfers of a worker have in common. */
struct transfer_rules {
	uint64_t max_bytes;
	bool opt_out;   /* honour X-Robots-Tag                          */
	char robot[64]; /* the name that such a header may call us by   */
};

/* The payload of one item while it grows. The job of a request (http_job). */
struct transfer {
	const struct transfer_rules *rules;
	char *at;
	size_t size, room; /* bytes received, bytes reserved at `at` */
	size_t want;       /* room that was not there                */
	bool opted_out;
};

/* transfer_reserve - the first reservation of an item. 0, or -1: no room now. */
int transfer_reserve(struct transfer *transfer, const struct transfer_rules *rules, struct kk_item *item);

extern const struct http_ops transfer_ops;

#endif
