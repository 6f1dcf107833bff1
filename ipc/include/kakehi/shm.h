/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/shm.h - reads a size, produces a segment: memory that processes share through a descriptor.
 *
 * A segment has no name, so that nothing is left behind whoever is killed: processes get at it by inheriting one of
 * its two descriptors. All of its memory is there from the start: touching it can neither fail nor raise SIGBUS, and
 * a lack of room is an error of kk_shm_create.
 *
 * Named segments, for processes that are not related, are the second half of this header.
 */
#ifndef KAKEHI_SHM_H
#define KAKEHI_SHM_H

#include <kakehi/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A segment, seen by the process that made it. Private memory. */
struct kk_shm;

enum kk_shm_flag {
	KK_SHM_MEMFD = 1 << 0,      /* do not even try /dev/shm                                            */
	KK_SHM_BRIEF_NAME = 1 << 1, /* shm_open and unlink at once, also where a nameless file is possible */
};

/* kk_shm_create - makes a segment of at least `bytes` bytes, all zero, really allocated; `label` says in messages and
 * in /proc/PID/maps what it is for. In /dev/shm if that has the room, else (or with KK_SHM_MEMFD) by memfd_create,
 * sealed against shrinking and growing; kk_shm_note tells. Both descriptors are close-on-exec.
 * NULL on error: KK_ERR_NO_ROOM with what is needed, what there is and where, before anything is written;
 * KK_ERR_INVALID, KK_ERR_MEMORY, KK_ERR_SYSTEM. Any process; free with kk_shm_free. */
KK_API struct kk_shm *kk_shm_create(uint64_t bytes, const char *label, unsigned flags, struct kk_error *error);

/* kk_shm_free - closes both descriptors. Mappings stay until they are unmapped; the memory is gone with the last
 * mapping and descriptor of any process. NULL does nothing. */
KK_API void kk_shm_free(struct kk_shm *shm);

/* kk_shm_fd - the descriptor to inherit or to map; owned by the segment. The read-only one is an open file of its own:
 * it cannot be mapped writable, and as the file's mode is 0400 a process without privileges cannot open it again for
 * writing either (short of changing the mode, which a sandbox has to forbid). */
KK_API int kk_shm_fd(const struct kk_shm *shm, bool writable);

/* kk_shm_bytes - its size: what was asked for, rounded up to whole pages. */
KK_API uint64_t kk_shm_bytes(const struct kk_shm *shm);

/* kk_shm_note - why it was not made in the usual way ("memfd: /dev/shm has only 64 MiB"), else NULL. Lives as long as
 * the segment. */
KK_API const char *kk_shm_note(const struct kk_shm *shm);

/* kk_shm_map - maps the first `bytes` bytes of a segment's descriptor, shared. NULL on error: KK_ERR_CORRUPT if the
 * segment is smaller than that, KK_ERR_SYSTEM. Any process; undo with kk_shm_unmap. */
KK_API void *kk_shm_map(int fd, uint64_t bytes, bool writable, struct kk_error *error);

/* kk_shm_unmap - undoes kk_shm_map; `bytes` as given there. NULL does nothing. */
KK_API void kk_shm_unmap(void *memory, uint64_t bytes);

/* kk_shm_headroom - bytes that segments may take now in all, before the machine or a cgroup above this process has no
 * memory left; `where` gets the name of what ends first ("cgroup /a/b", "memory of this machine"). A sum of planned
 * segments is checked against it before the first one is made. /dev/shm does not bound it, since memfd takes its
 * place. Page cache that can be dropped counts as room. */
KK_API void kk_shm_headroom(uint64_t *bytes, char *where, size_t where_size);

/* ---- named segments: shared_memory.SharedMemory of multiprocessing. They outlive their processes, until
 * kk_shm_unlink_named. */

/* A named segment, mapped. Private memory. */
struct kk_shm_named;

enum kk_shm_open {
	KK_SHM_CREATE = 1, /* it must not exist yet */
	KK_SHM_ATTACH,     /* it must exist                                          */
	KK_SHM_READ,       /* the same, mapped for reading alone: writing is SIGSEGV */
};

/* kk_shm_open_named - makes or finds the segment `name` (letters, digits, '.', '_', '-'; no leading dot; at most 200
 * bytes), mode 0600, and maps it. CREATE: `bytes` usable bytes, all zero; `name` NULL: under a name that nobody has
 * yet. ATTACH, READ: at least `bytes` must be there. NULL on error: KK_ERR_EXISTS, KK_ERR_MISSING, KK_ERR_NO_ROOM,
 * KK_ERR_CORRUPT (not a segment of kakehi, or too small), KK_ERR_VERSION, KK_ERR_INVALID, KK_ERR_SYSTEM. Close with
 * kk_shm_close_named. */
KK_API struct kk_shm_named *kk_shm_open_named(const char *name, enum kk_shm_open how, uint64_t bytes,
                                              struct kk_error *error);
/* kk_shm_named_name - its name; lives as long as the handle. */
KK_API const char *kk_shm_named_name(const struct kk_shm_named *named);
/* kk_shm_named_memory - its first usable byte, 64-byte aligned; valid until it is closed. */
KK_API void *kk_shm_named_memory(const struct kk_shm_named *named);
/* kk_shm_named_bytes - its usable bytes. */
KK_API uint64_t kk_shm_named_bytes(const struct kk_shm_named *named);
/* kk_shm_close_named - unmaps it; the segment stays. NULL does nothing. */
KK_API void kk_shm_close_named(struct kk_shm_named *named);
/* kk_shm_unlink_named - removes the name; who has the segment mapped keeps it. KK_ERR_MISSING, KK_ERR_INVALID,
 * KK_ERR_SYSTEM. */
KK_API int kk_shm_unlink_named(const char *name, struct kk_error *error);

#ifdef __cplusplus
}
#endif
#endif
