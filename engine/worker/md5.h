/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/md5.h - reads bytes, produces their MD5 (RFC 1321): for names of files that others know by it, and for
 * nothing that has to be safe. It is not libcrypto's: loading that takes half a MiB of every worker's own memory.
 */
#ifndef ENGINE_WORKER_MD5_H
#define ENGINE_WORKER_MD5_H

#include <stddef.h>
#include <stdint.h>

#define KK_MD5_BYTES 16

void kk_md5(const void *data, size_t size, uint8_t to[KK_MD5_BYTES]);

#endif
