/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/shm/segment.c - three ways to a file in memory that has no name.
 *
 * The read-only descriptor is a second open of the same file, never a dup of the first: whether a mapping may be
 * writable is a property of the open file, and a dup shares it.
 */
#include "shm/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int kk_segment_open(const char *path, int flags, unsigned mode)
{
	int fd;
	do {
		fd = open(path, flags | O_CLOEXEC, mode);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

void kk_segment_close(struct kk_segment *segment)
{
	if (segment->write >= 0)
		(void)close(segment->write);
	if (segment->read >= 0)
		(void)close(segment->read);
	segment->write = segment->read = -1;
}

int kk_segment_allocate(int fd, uint64_t bytes, const char *where, struct kk_error *error)
{
	struct rlimit limit;
	sigset_t all, before;
	int rc;
	/* A file that may not be that large would end us by SIGXFSZ. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && bytes > limit.rlim_cur) {
		errno = EFBIG;
		return kk_error_set(error, KK_ERR_SYSTEM, "cannot allocate %" PRIu64 " bytes of %s", bytes, where);
	}
	/* On tmpfs an interrupted fallocate undoes everything: with a periodic signal it might never end. */
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	do {
		rc = posix_fallocate(fd, 0, (off_t)bytes);
	} while (rc == EINTR);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		return KK_OK;
	errno = rc;
	if (rc == ENOSPC || rc == ENOMEM)
		return kk_error_set(error, KK_ERR_NO_ROOM, "%s cannot take %" PRIu64 " bytes", where, bytes);
	return kk_error_set(error, KK_ERR_SYSTEM, "cannot allocate %" PRIu64 " bytes of %s", bytes, where);
}

/* The second, read-only open of a file that has no name (any more). */
static int open_again(int fd)
{
	char path[32];
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return kk_segment_open(path, O_RDONLY, 0);
}

/* Common end: the memory, the second descriptor if it is not open yet, and the mode. */
static int finish(struct kk_segment *segment, uint64_t bytes, const char *where, struct kk_error *error)
{
	int rc = kk_segment_allocate(segment->write, bytes, where, error);
	if (rc < 0)
		return rc;
	if (segment->read < 0)
		segment->read = open_again(segment->write);
	if (segment->read < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "cannot open the new segment again through /proc/self/fd");
	/* From here on a process without privileges cannot make a writable descriptor out of the other one. */
	if (fchmod(segment->write, 0400) < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "cannot change the mode of the new segment");
	return KK_OK;
}

int kk_segment_nameless(uint64_t bytes, const char *label, struct kk_segment *to, struct kk_error *error)
{
	(void)label;
	struct kk_segment made = {.write = -1, .read = -1};
	int rc;
	made.write = kk_segment_open(KK_SEGMENT_DIRECTORY, O_TMPFILE | O_EXCL | O_RDWR, 0600);
	if (made.write < 0)
		rc = kk_error_set(error, KK_ERR_SYSTEM, "no file without a name in " KK_SEGMENT_DIRECTORY);
	else
		rc = finish(&made, bytes, KK_SEGMENT_DIRECTORY, error);
	if (rc < 0)
		kk_segment_close(&made);
	*to = made;
	return rc;
}

/* A new file under a random name, opened twice. -1 with errno. */
static int open_brief(char *name, size_t size, struct kk_segment *made)
{
	for (int tries = 0; tries < 100; tries++) {
		uint64_t random;
		if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return -1;
		(void)snprintf(name, size, "/kakehi-%016" PRIx64, random);
		made->write = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (made->write >= 0)
			break;
		if (errno != EEXIST && errno != EINTR)
			return -1;
	}
	if (made->write < 0)
		return -1;
	made->read = shm_open(name, O_RDONLY, 0);
	int saved = errno;
	(void)shm_unlink(name);
	errno = saved;
	return made->read < 0 ? -1 : 0;
}

int kk_segment_brief(uint64_t bytes, const char *label, struct kk_segment *to, struct kk_error *error)
{
	(void)label;
	struct kk_segment made = {.write = -1, .read = -1};
	char name[32];
	sigset_t all, before;
	/* Only SIGKILL between the two calls can leave the name behind, with an empty file. */
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = open_brief(name, sizeof(name), &made);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc < 0)
		rc = kk_error_set(error, KK_ERR_SYSTEM, "shm_open");
	else
		rc = finish(&made, bytes, KK_SEGMENT_DIRECTORY, error);
	if (rc < 0)
		kk_segment_close(&made);
	*to = made;
	return rc;
}

int kk_segment_memfd(uint64_t bytes, const char *label, struct kk_segment *to, struct kk_error *error)
{
	struct kk_segment made = {.write = -1, .read = -1};
	char name[100];
	int rc;
	(void)snprintf(name, sizeof(name), "kakehi:%s", label);
	made.write = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (made.write < 0)
		rc = kk_error_set(error, KK_ERR_SYSTEM, "memfd_create");
	else
		rc = finish(&made, bytes, "memfd", error);
	if (rc == KK_OK && fcntl(made.write, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		rc = kk_error_set(error, KK_ERR_SYSTEM, "cannot seal the new segment");
	if (rc < 0)
		kk_segment_close(&made);
	*to = made;
	return rc;
}
