/* SPDX-License-Identifier: Apache-2.0 */
/* stages/list/unpack.h - reads raw bytes, produces the text in them: as it is, or out of gzip or zstd.
 *
 * Members and frames one behind the other are one text. The first bytes decide what it is.
 */
#ifndef STAGES_LIST_UNPACK_H
#define STAGES_LIST_UNPACK_H

#include "raw.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum unpack_kind { UNPACK_AUTO = 0, UNPACK_NONE, UNPACK_GZIP, UNPACK_ZSTD };

struct unpack {
	struct raw *raw; /* borrowed                                            */
	enum unpack_kind kind;
	unsigned window_log; /* zstd: frames that need more are refused             */
	uint64_t at;         /* none: of the text; else of in[from] in what is raw  */
	unsigned char *in;
	size_t from, to;
	uint64_t began; /* where the member or frame did                          */
	bool inside;    /* a member or frame has begun and not ended                  */
	bool full;      /* there was no room for all that it could have given         */
	void *state;    /* z_stream or ZSTD_DCtx                                       */
	char why[200];  /* what is wrong with what is packed; "": nothing so far      */
};

/* unpack_open - at the start. `kind` AUTO: to be found out. Nothing is read yet. */
void unpack_open(struct unpack *unpack, struct raw *raw, enum unpack_kind kind, unsigned window_log);

/* unpack_read - up to `size` bytes. Returns how many, 0 at the end; -1 with errno (EAGAIN: nothing has come for a
 * while), errno EBADMSG: with a sentence in `why`. */
ssize_t unpack_read(struct unpack *unpack, void *to, size_t size, char *why, size_t why_size);

/* unpack_seek - plain text only: goes on at this offset. false: it is not plain, or not known to be yet. */
bool unpack_seek(struct unpack *unpack, uint64_t at);

/* unpack_close - frees it all. A zeroed one may be closed. */
void unpack_close(struct unpack *unpack);

#endif
