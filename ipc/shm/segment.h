/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/shm/segment.h - reads a size, produces the descriptors of a file in memory, in one of three ways. */
#ifndef IPC_SHM_SEGMENT_H
#define IPC_SHM_SEGMENT_H

#include <kakehi/error.h>
#include <stdint.h>

#define KK_SEGMENT_DIRECTORY "/dev/shm"

/* Two open file descriptions of one file without a name; -1 where there is none. */
struct kk_segment {
	int write, read;
};

/* Makes a file of `bytes` bytes, really allocated, mode 0400 at the end. 0 or an error code; nothing is left then. */
typedef int kk_segment_make(uint64_t bytes, const char *label, struct kk_segment *to, struct kk_error *error);

kk_segment_make kk_segment_nameless; /* O_TMPFILE in /dev/shm: it never has a name                   */
kk_segment_make kk_segment_brief;    /* shm_open and shm_unlink: it has one for some microseconds    */
kk_segment_make kk_segment_memfd;    /* memfd_create, sealed against shrinking and growing           */

/* kk_segment_allocate - posix_fallocate that signals cannot interrupt. 0, KK_ERR_NO_ROOM or KK_ERR_SYSTEM. */
int kk_segment_allocate(int fd, uint64_t bytes, const char *where, struct kk_error *error);

/* kk_segment_open - shm_open and friends ready for EINTR: opens `path` close-on-exec, or -1 with errno. */
int kk_segment_open(const char *path, int flags, unsigned mode);

/* kk_segment_close - closes both descriptors. */
void kk_segment_close(struct kk_segment *segment);

#endif
