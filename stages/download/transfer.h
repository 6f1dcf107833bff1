/* SPDX-License-Identifier: Apache-2.0 */
/* stages/download/transfer.h - reads the body of an answer, produces the item's payload.
 */
#ifndef STAGES_DOWNLOAD_TRANSFER_H
#define STAGES_DOWNLOAD_TRANSFER_H

#include "../http/http.h"
#include "rules.h"

/* The payload of one item while it grows. The job of a request (http_job). */
struct transfer {
	const struct rules *rules;
	char *at;          /* NULL: nothing is reserved              */
	size_t size, room; /* bytes received, bytes reserved at `at` */
	size_t want;       /* room that was not there                */
	bool opted_out;
	bool packed; /* the body is compressed, which nobody asked for   */
	bool known;  /* its beginning has been judged                    */
};

/* transfer_init - before http_start. */
void transfer_init(struct transfer *transfer, const struct rules *rules);

extern const struct http_ops transfer_ops;

#endif
