/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/head/head.h - reads the first bytes of shared memory, produces the answer to "is that one of ours?". Inside ipc
 * only. Whoever attaches asks before he believes anything else that stands there.
 */
#ifndef IPC_HEAD_HEAD_H
#define IPC_HEAD_HEAD_H

#include <kakehi/error.h>
#include <stdint.h>

/* What such memory begins with: two numbers of 32 bits, magic and version. */
struct head {
	const char *what; /* "dict": in messages */
	uint32_t magic, version;
	uint64_t bytes; /* of the whole header */
};

/* head_check - 0; KK_ERR_CORRUPT: too small, not aligned to 64 bytes, or something else; KK_ERR_VERSION. */
int head_check(const struct head *head, const void *memory, uint64_t bytes, struct kk_error *error);

#endif
