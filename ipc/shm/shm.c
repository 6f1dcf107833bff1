/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/shm/shm.c - segments without a name: where they are made, and mapping them. */
#include <kakehi/shm.h>

#include "shm/room.h"
#include "shm/segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct kk_shm {
	struct kk_segment segment;
	uint64_t bytes;
	char note[200];
};

static uint64_t whole_pages(uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	return (bytes + page - 1) / page * page;
}

void kk_shm_headroom(uint64_t *bytes, char *where, size_t where_size)
{
	kk_room_memory(&kk_room_of_system, bytes, where, where_size);
}

/* Is there memory for it at all? */
static int check_memory(uint64_t bytes, const char *label, struct kk_error *error)
{
	uint64_t room;
	char where[256];
	kk_shm_headroom(&room, where, sizeof(where));
	if (bytes <= room)
		return KK_OK;
	return kk_error_set(error, KK_ERR_NO_ROOM,
	                    "shared memory for %s needs %" PRIu64 " bytes, there are %" PRIu64 " left (%s)", label,
	                    bytes, room, where);
}

/* Tries /dev/shm; a refusal becomes the note. */
static int make_in_directory(struct kk_shm *shm, const char *label, unsigned flags)
{
	uint64_t room;
	struct kk_error error = {0};
	int rc = KK_ERR_SYSTEM;
	if (kk_room_directory(KK_SEGMENT_DIRECTORY, &room) < 0) {
		(void)snprintf(shm->note, sizeof(shm->note), "memfd: " KK_SEGMENT_DIRECTORY ": %s", strerror(errno));
		return KK_ERR_SYSTEM;
	}
	if (room < shm->bytes) {
		(void)snprintf(shm->note, sizeof(shm->note),
		               "memfd: " KK_SEGMENT_DIRECTORY " has only %" PRIu64 " of the %" PRIu64
		               " KiB that %s needs",
		               room / 1024, shm->bytes / 1024, label);
		return KK_ERR_NO_ROOM;
	}
	if (!(flags & KK_SHM_BRIEF_NAME))
		rc = kk_segment_nameless(shm->bytes, label, &shm->segment, &error);
	if (rc == KK_ERR_SYSTEM)
		rc = kk_segment_brief(shm->bytes, label, &shm->segment, &error);
	if (rc < 0)
		(void)snprintf(shm->note, sizeof(shm->note), "memfd: %.*s", (int)sizeof(shm->note) - 8, error.text);
	return rc;
}

struct kk_shm *kk_shm_create(uint64_t bytes, const char *label, unsigned flags, struct kk_error *error)
{
	struct kk_shm *shm = NULL;
	int rc;
	if (bytes == 0 || bytes > INT64_MAX / 2 || !label) {
		(void)kk_error_set(error, KK_ERR_INVALID, "a segment of %" PRIu64 " bytes cannot be", bytes);
		return NULL;
	}
	bytes = whole_pages(bytes);
	if (check_memory(bytes, label, error) < 0)
		return NULL;
	shm = calloc(1, sizeof(*shm));
	if (!shm) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a segment's handle");
		return NULL;
	}
	shm->bytes = bytes;
	shm->segment = (struct kk_segment){.write = -1, .read = -1};
	if (flags & KK_SHM_MEMFD)
		(void)snprintf(shm->note, sizeof(shm->note), "memfd: as asked for");
	if ((flags & KK_SHM_MEMFD) || make_in_directory(shm, label, flags) < 0) {
		rc = kk_segment_memfd(bytes, label, &shm->segment, error);
		if (rc < 0) {
			(void)kk_error_wrap(error, "shared memory for %s", label);
			kk_shm_free(shm);
			shm = NULL;
		}
	}
	return shm;
}

void kk_shm_free(struct kk_shm *shm)
{
	if (!shm)
		return;
	kk_segment_close(&shm->segment);
	free(shm);
}

int kk_shm_fd(const struct kk_shm *shm, bool writable)
{
	return writable ? shm->segment.write : shm->segment.read;
}

uint64_t kk_shm_bytes(const struct kk_shm *shm)
{
	return shm->bytes;
}

const char *kk_shm_note(const struct kk_shm *shm)
{
	return shm->note[0] ? shm->note : NULL;
}

void *kk_shm_map(int fd, uint64_t bytes, bool writable, struct kk_error *error)
{
	struct stat st;
	if (fstat(fd, &st) < 0) {
		(void)kk_error_set(error, KK_ERR_SYSTEM, "fstat of a segment");
		return NULL;
	}
	/* Beyond its end a mapping would raise SIGBUS. */
	if (bytes == 0 || st.st_size < 0 || (uint64_t)st.st_size < bytes) {
		(void)kk_error_set(error, KK_ERR_CORRUPT,
		                   "a segment has %" PRId64 " bytes where %" PRIu64 " were expected",
		                   (int64_t)st.st_size, bytes);
		return NULL;
	}
	void *memory = mmap(NULL, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		(void)kk_error_set(error, KK_ERR_SYSTEM, "mmap of %" PRIu64 " shared bytes", bytes);
		return NULL;
	}
	return memory;
}

void kk_shm_unmap(void *memory, uint64_t bytes)
{
	if (memory)
		(void)munmap(memory, bytes);
}
