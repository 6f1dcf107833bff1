/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/shm/room.h - reads what the kernel says about limits, produces the bytes that may still be taken. */
#ifndef IPC_SHM_ROOM_H
#define IPC_SHM_ROOM_H

#include <stddef.h>
#include <stdint.h>

/* Where the numbers are read from; tests point this at files of their own. */
struct kk_room_sources {
	const char *meminfo;  /* /proc/meminfo                                           */
	const char *cgroup;   /* /proc/self/cgroup                                       */
	const char *v1, *v2;  /* mount points of the v1 memory and of the v2 hierarchy   */
	const char *v2_mixed; /* the v2 hierarchy where v1 has the usual mount point     */
};
extern const struct kk_room_sources kk_room_of_system;

/* kk_room_memory - the least of what the machine and each cgroup above this process have left; `where` names it. What
 * cannot be read does not bound; without `meminfo` only free memory counts, not what caches would give back. */
void kk_room_memory(const struct kk_room_sources *sources, uint64_t *bytes, char *where, size_t where_size);

/* kk_room_directory - bytes that the file system of `path` has left. 0, or -1 with errno. */
int kk_room_directory(const char *path, uint64_t *bytes);

#endif
