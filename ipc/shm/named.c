/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/shm/named.c - segments that unrelated processes find by name.
 *
 * A name appears only once the segment behind it is whole: the file is made without a name, filled, and then linked,
 * which fails if the name is taken. Where that is not possible (no O_TMPFILE, no /proc) it is made under its name and
 * the magic number is stored last; who attaches in between is told that it is not a segment (yet).
 */
#include <kakehi/shm.h>

#include "shm/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMED_MAGIC   0x6b6b736dU
#define NAMED_VERSION 1U
#define NAME_MAX_LEN  200

/* The first bytes of a named segment. Written by its creator before the name appears, read by all.
 * magic: stored last with release, loaded first with acquire, which makes the other fields visible. */
struct named_header {
	_Atomic uint32_t magic;
	uint32_t version;
	uint64_t bytes; /* usable, behind this header */
	uint64_t reserved[6];
};
_Static_assert(sizeof(struct named_header) == 64, "the usable bytes start aligned");

struct kk_shm_named {
	struct named_header *header;
	uint64_t bytes; /* usable: from the file's size, since others can write the header */
	char name[NAME_MAX_LEN + 1];
};

static int check_name(const char *name, struct kk_error *error)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t length = name ? strlen(name) : 0;
	if (length == 0 || length > NAME_MAX_LEN || name[0] == '.' || strspn(name, good) != length)
		return kk_error_set(error, KK_ERR_INVALID,
		                    "a segment's name has 1 to %d letters, digits, '.', '_' or '-' and no leading dot",
		                    NAME_MAX_LEN);
	return KK_OK;
}

static void path_of(const char *name, char *to, size_t size)
{
	(void)snprintf(to, size, "%s/%s", KK_SEGMENT_DIRECTORY, name);
}

/* The error of a system call on the segment `name`. */
static int system_error(const char *what, const char *name, struct kk_error *error)
{
	if (errno == EEXIST)
		return kk_error_set(error, KK_ERR_EXISTS, "there is a segment \"%s\" already", name);
	if (errno == ENOENT)
		return kk_error_set(error, KK_ERR_MISSING, "there is no segment \"%s\"", name);
	return kk_error_set(error, KK_ERR_SYSTEM, "cannot %s segment \"%s\"", what, name);
}

/* Gives the file its memory and its header. The mapping is returned in `to`. */
static int fill(int fd, uint64_t bytes, struct named_header **to, struct kk_error *error)
{
	int rc = kk_segment_allocate(fd, bytes + sizeof(struct named_header), KK_SEGMENT_DIRECTORY, error);
	if (rc < 0)
		return rc;
	struct named_header *header = kk_shm_map(fd, bytes + sizeof(struct named_header), true, error);
	if (!header)
		return KK_ERR_SYSTEM;
	header->version = NAMED_VERSION;
	header->bytes = bytes;
	/* release: pairs with the acquire in attach(); whoever sees the magic number sees the rest. */
	atomic_store_explicit(&header->magic, NAMED_MAGIC, memory_order_release);
	*to = header;
	return KK_OK;
}

/* The usual way. KK_ERR_SYSTEM: not possible here, try the other one. */
static int create_whole(const char *name, uint64_t bytes, struct named_header **to, struct kk_error *error)
{
	char path[sizeof(KK_SEGMENT_DIRECTORY) + 1 + NAME_MAX_LEN], link[32];
	int fd = kk_segment_open(KK_SEGMENT_DIRECTORY, O_TMPFILE | O_RDWR, 0600);
	if (fd < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "no file without a name in " KK_SEGMENT_DIRECTORY);
	int rc = fill(fd, bytes, to, error);
	if (rc == KK_OK) {
		path_of(name, path, sizeof(path));
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		if (linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0) {
			/* ENOENT means that there is no /proc here: not something the caller should hear of. */
			rc = errno == ENOENT ? KK_ERR_SYSTEM : system_error("create", name, error);
			kk_shm_unmap(*to, bytes + sizeof(struct named_header));
			*to = NULL;
		}
	}
	(void)close(fd);
	return rc;
}

static int create_in_place(const char *name, uint64_t bytes, struct named_header **to, struct kk_error *error)
{
	char path[sizeof(KK_SEGMENT_DIRECTORY) + 1 + NAME_MAX_LEN];
	path_of(name, path, sizeof(path));
	int fd = kk_segment_open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		return system_error("create", name, error);
	int rc = fill(fd, bytes, to, error);
	if (rc < 0)
		(void)unlink(path);
	(void)close(fd);
	return rc;
}

static int create(const char *name, uint64_t bytes, struct named_header **to, struct kk_error *error)
{
	uint64_t room;
	char where[256];
	if (bytes == 0 || bytes > INT64_MAX / 2)
		return kk_error_set(error, KK_ERR_INVALID, "a segment of %" PRIu64 " bytes cannot be", bytes);
	kk_shm_headroom(&room, where, sizeof(where));
	if (bytes > room)
		return kk_error_set(error, KK_ERR_NO_ROOM,
		                    "segment \"%s\" needs %" PRIu64 " bytes, there are %" PRIu64 " left (%s)", name,
		                    bytes, room, where);
	int rc = create_whole(name, bytes, to, error);
	if (rc == KK_ERR_SYSTEM)
		rc = create_in_place(name, bytes, to, error);
	return rc;
}

/* Is what is mapped here a segment of ours? Its size is the file's, which the header only repeats: others can write
 * the header, nobody makes the file smaller without meaning harm to all. */
static int check_header(const struct named_header *header, uint64_t usable, uint64_t want, const char *name,
                        struct kk_error *error)
{
	/* acquire: pairs with the release in fill(). */
	if (atomic_load_explicit(&header->magic, memory_order_acquire) != NAMED_MAGIC)
		return kk_error_set(error, KK_ERR_CORRUPT,
		                    "segment \"%s\" was not made by kakehi, or its creator has not finished", name);
	if (header->version != NAMED_VERSION)
		return kk_error_set(error, KK_ERR_VERSION, "segment \"%s\" has layout version %u, this library has %u",
		                    name, header->version, NAMED_VERSION);
	if (header->bytes != usable || usable < want)
		return kk_error_set(error, KK_ERR_CORRUPT,
		                    "segment \"%s\" has %" PRIu64 " bytes, says that it has %" PRIu64 ", and %" PRIu64
		                    " were expected",
		                    name, usable, header->bytes, want);
	return KK_OK;
}

/* Under a name that nobody has. */
static int create_somewhere(struct kk_shm_named *named, struct kk_error *error)
{
	int rc = KK_ERR_EXISTS;
	for (int tries = 0; tries < 100 && rc == KK_ERR_EXISTS; tries++) {
		uint64_t random;
		if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return kk_error_set(error, KK_ERR_SYSTEM, "getrandom");
		(void)snprintf(named->name, sizeof(named->name), "kk-%016" PRIx64, random);
		rc = create(named->name, named->bytes, &named->header, error);
	}
	return rc;
}

static int attach(const char *name, uint64_t want, bool writable, struct kk_shm_named *named, struct kk_error *error)
{
	char path[sizeof(KK_SEGMENT_DIRECTORY) + 1 + NAME_MAX_LEN];
	struct named_header *header = NULL;
	struct stat st = {0};
	path_of(name, path, sizeof(path));
	int fd = kk_segment_open(path, (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return system_error("open", name, error);
	int rc = fstat(fd, &st) < 0 ? system_error("look at", name, error) : KK_OK;
	if (rc == KK_OK && (!S_ISREG(st.st_mode) || st.st_size <= (off_t)sizeof(*header)))
		rc = kk_error_set(error, KK_ERR_CORRUPT,
		                  "segment \"%s\" was not made by kakehi, or its creator has not finished", name);
	if (rc == KK_OK) {
		named->bytes = (uint64_t)st.st_size - sizeof(*header);
		header = kk_shm_map(fd, (uint64_t)st.st_size, writable, error);
		rc = header ? check_header(header, named->bytes, want, name, error) : KK_ERR_SYSTEM;
	}
	if (rc < 0)
		kk_shm_unmap(header, (uint64_t)st.st_size);
	else
		named->header = header;
	(void)close(fd);
	return rc;
}

struct kk_shm_named *kk_shm_open_named(const char *name, enum kk_shm_open how, uint64_t bytes, struct kk_error *error)
{
	struct kk_shm_named *named = NULL;
	bool somewhere = !name && how == KK_SHM_CREATE;
	if (!somewhere && check_name(name, error) < 0)
		return NULL;
	named = calloc(1, sizeof(*named));
	if (!named) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a segment's handle");
		return NULL;
	}
	named->bytes = bytes;
	int rc;
	if (somewhere) {
		rc = create_somewhere(named, error);
	} else {
		(void)snprintf(named->name, sizeof(named->name), "%s", name);
		rc = how == KK_SHM_CREATE ? create(name, bytes, &named->header, error)
		                          : attach(name, bytes, how == KK_SHM_ATTACH, named, error);
	}
	if (rc < 0) {
		free(named);
		return NULL;
	}
	return named;
}

const char *kk_shm_named_name(const struct kk_shm_named *named)
{
	return named->name;
}

void *kk_shm_named_memory(const struct kk_shm_named *named)
{
	return named->header + 1;
}

uint64_t kk_shm_named_bytes(const struct kk_shm_named *named)
{
	return named->bytes;
}

void kk_shm_close_named(struct kk_shm_named *named)
{
	if (!named)
		return;
	kk_shm_unmap(named->header, named->bytes + sizeof(*named->header));
	free(named);
}

int kk_shm_unlink_named(const char *name, struct kk_error *error)
{
	char path[sizeof(KK_SEGMENT_DIRECTORY) + 1 + NAME_MAX_LEN];
	int rc = check_name(name, error);
	if (rc < 0)
		return rc;
	path_of(name, path, sizeof(path));
	return unlink(path) < 0 ? system_error("remove", name, error) : KK_OK;
}
