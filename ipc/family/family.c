/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/family/family.c - making, joining and leaving a family, and what a process knows of its families. */
#include "family/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <kakehi/shm.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kk_family *families;

void family_lock(void)
{
	(void)pthread_mutex_lock(&lock);
}

void family_unlock(void)
{
	(void)pthread_mutex_unlock(&lock);
}

struct kk_family *family_first(void)
{
	return families;
}

/* ---- layout */

static uint64_t rounded(uint64_t bytes)
{
	return (bytes + FAMILY_ALIGN - 1) / FAMILY_ALIGN * FAMILY_ALIGN;
}

static uint64_t seats_at(void)
{
	return rounded(sizeof(struct family_header));
}

static uint64_t directory_at(uint32_t seats)
{
	return seats_at() + (uint64_t)seats * sizeof(struct family_seat);
}

static uint64_t heap_at(uint32_t seats, uint32_t objects)
{
	return rounded(directory_at(seats) + (uint64_t)objects * sizeof(struct family_entry));
}

/* The private view of a segment that is mapped at `header`. */
static void look_at(struct kk_family *family, struct family_header *header, uint32_t seats, uint32_t objects)
{
	unsigned char *base = (unsigned char *)header;
	family->header = header;
	family->seats = seats;
	family->objects = objects;
	/* Both count from 1. */
	family->seat = (struct family_seat *)(void *)(base + seats_at()) - 1;
	family->entry = (struct family_entry *)(void *)(base + directory_at(seats)) - 1;
	family->heap = base + heap_at(seats, objects);
}

/* ---- the list of this process */

static struct kk_family *new_family(void)
{
	struct kk_family *family = calloc(1, sizeof(*family));
	if (family) {
		family->fd = -1;
		family->opens = 1;
	}
	return family;
}

static void free_family(struct kk_family *family)
{
	if (family->fd >= 0)
		(void)close(family->fd);
	kk_shm_unmap(family->header, family->bytes);
	free(family);
}

static struct kk_family *find_open(const struct stat *file)
{
	struct kk_family *family = families;
	while (family && (family->opens == 0 || family->device != file->st_dev || family->inode != file->st_ino))
		family = family->next;
	return family;
}

void family_release(struct kk_family *family)
{
	struct kk_family **at = &families;
	if (family->opens > 0 || family->sittings)
		return;
	while (*at != family)
		at = &(*at)->next;
	*at = family->next;
	free_family(family);
}

/* ---- creating */

static int read_spec(const struct kk_family_spec *given, struct kk_family_spec *spec, struct kk_error *error)
{
	*spec = given ? *given : (struct kk_family_spec){0};
	spec->bytes = rounded(spec->bytes ? spec->bytes : KK_FAMILY_BYTES);
	spec->seats = spec->seats ? spec->seats : KK_FAMILY_SEATS;
	spec->objects = spec->objects ? spec->objects : KK_FAMILY_OBJECTS;
	spec->label = spec->label ? spec->label : "family";
	if (spec->seats < 2 || spec->seats > KK_SEAT_MAX)
		return kk_error_set(error, KK_ERR_INVALID, "a family has 2 to %u seats, not %" PRIu32, KK_SEAT_MAX,
		                    spec->seats);
	if (spec->objects > FAMILY_OBJECTS_MAX)
		return kk_error_set(error, KK_ERR_INVALID, "a family has at most %u objects, not %" PRIu32,
		                    FAMILY_OBJECTS_MAX, spec->objects);
	if (spec->bytes == 0 || spec->bytes > INT64_MAX / 2)
		return kk_error_set(error, KK_ERR_INVALID, "a family cannot have that many bytes");
	return KK_OK;
}

/* The descriptor to keep, and what the file is. */
static int keep_fd(struct kk_family *family, int fd, struct kk_error *error)
{
	struct stat file;
	family->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (family->fd < 0 || fstat(family->fd, &file) < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "cannot keep the descriptor of a family");
	family->device = file.st_dev;
	family->inode = file.st_ino;
	return KK_OK;
}

static int map_new(struct kk_family *family, const struct kk_family_spec *spec, struct kk_error *error)
{
	family->bytes = heap_at(spec->seats, spec->objects) + spec->bytes;
	family->heap_bytes = spec->bytes;
	struct kk_shm *shm = kk_shm_create(family->bytes, spec->label, 0, error);
	if (!shm)
		return KK_ERR_NO_ROOM;
	int rc = keep_fd(family, kk_shm_fd(shm, true), error);
	kk_shm_free(shm);
	struct family_header *header = rc < 0 ? NULL : kk_shm_map(family->fd, family->bytes, true, error);
	if (!header)
		return KK_ERR_SYSTEM;
	look_at(family, header, spec->seats, spec->objects);
	return KK_OK;
}

/* Zeros are empty seats and free entries. */
static int init(struct kk_family *family, struct kk_error *error)
{
	int rc = family_knows_deaths() ? family_init_mutex(&family->header->heap) : KK_ERR_SYSTEM;
	for (uint32_t i = 1; i <= family->seats && rc == KK_OK; i++)
		rc = family_init_mutex(&family->seat[i].life);
	if (rc < 0)
		return kk_error_set(error, rc, "this system has no robust mutexes that we know");
	family->header->version = FAMILY_VERSION;
	family->header->seats = family->seats;
	family->header->objects = family->objects;
	family->header->mutex_bytes = sizeof(pthread_mutex_t);
	family->header->bytes = family->bytes;
	family->header->heap_at = heap_at(family->seats, family->objects);
	family->header->heap_bytes = family->heap_bytes;
	family->header->magic = FAMILY_MAGIC;
	return KK_OK;
}

struct kk_family *kk_family_create(const struct kk_family_spec *given, struct kk_error *error)
{
	struct kk_family_spec spec;
	struct kk_family *family = NULL;
	int rc = read_spec(given, &spec, error);
	if (rc < 0)
		goto out;
	family = new_family();
	rc = family ? family_watch_ends() : KK_ERR_MEMORY;
	if (rc < 0) {
		rc = kk_error_set(error, rc, "no memory for a family's handle");
		goto out;
	}
	rc = map_new(family, &spec, error);
	if (rc == KK_OK)
		rc = init(family, error);
out:
	if (rc < 0) {
		if (family)
			free_family(family);
		return NULL;
	}
	family_lock();
	family->next = families;
	families = family;
	family_unlock();
	return family;
}

/* ---- joining */

static int check_header(const struct family_header *header, uint64_t bytes, struct kk_error *error)
{
	if (bytes < sizeof(*header) || header->magic != FAMILY_MAGIC)
		return kk_error_set(error, KK_ERR_CORRUPT, "this descriptor is not one of a family");
	if (header->version != FAMILY_VERSION || header->mutex_bytes != sizeof(pthread_mutex_t))
		return kk_error_set(error, KK_ERR_VERSION,
		                    "the family has layout version %" PRIu32 ", this library has %u", header->version,
		                    FAMILY_VERSION);
	if (header->seats < 2 || header->seats > KK_SEAT_MAX || header->objects == 0 ||
	    header->objects > FAMILY_OBJECTS_MAX || header->bytes > bytes ||
	    header->heap_at != heap_at(header->seats, header->objects) || header->heap_at > header->bytes ||
	    header->heap_bytes != header->bytes - header->heap_at)
		return kk_error_set(error, KK_ERR_CORRUPT, "the header of a family is damaged");
	return KK_OK;
}

static int map_old(struct kk_family *family, int fd, uint64_t bytes, struct kk_error *error)
{
	int rc = keep_fd(family, fd, error);
	if (rc < 0)
		return rc;
	if (bytes == 0)
		return check_header(NULL, 0, error);
	family->header = kk_shm_map(family->fd, bytes, true, error);
	if (!family->header)
		return KK_ERR_SYSTEM;
	family->bytes = bytes;
	rc = check_header(family->header, bytes, error);
	if (rc < 0)
		return rc;
	family->heap_bytes = family->header->heap_bytes;
	look_at(family, family->header, family->header->seats, family->header->objects);
	return KK_OK;
}

/* Under the lock: of two threads that open the same family one finds the other's. */
static struct kk_family *open_locked(int fd, struct kk_error *error)
{
	struct stat file;
	struct kk_family *family;
	if (fstat(fd, &file) < 0) {
		(void)kk_error_set(error, KK_ERR_SYSTEM, "no family at descriptor %d", fd);
		return NULL;
	}
	family = find_open(&file);
	if (family) {
		family->opens++;
		return family;
	}
	family = new_family();
	if (!family) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a family's handle");
		return NULL;
	}
	if (map_old(family, fd, (uint64_t)file.st_size, error) < 0) {
		free_family(family);
		return NULL;
	}
	family->next = families;
	families = family;
	return family;
}

struct kk_family *kk_family_open(int fd, struct kk_error *error)
{
	if (family_watch_ends() < 0) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a family's handle");
		return NULL;
	}
	family_lock();
	struct kk_family *family = open_locked(fd, error);
	family_unlock();
	return family;
}

/* ---- leaving */

void kk_family_close(struct kk_family *family)
{
	if (!family)
		return;
	family_lock();
	if (--family->opens == 0) {
		family_stand_up(family);
		family_release(family);
	}
	family_unlock();
}

/* ---- asking */

int kk_family_fd(const struct kk_family *family)
{
	return family->fd;
}

unsigned kk_family_seats(const struct kk_family *family)
{
	return family->seats;
}

void *kk_family_base(const struct kk_family *family)
{
	return family->header;
}
