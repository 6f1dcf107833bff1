/* SPDX-License-Identifier: Apache-2.0 */
#include "process/private.h"
#include "process/living.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
	pthread_mutex_t lock;
	int *fds;
	size_t count, room;
} listed = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The fork that this thread is in is one of ours. */
static _Thread_local bool ours;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int watched;

/* Both locks, so that the child finds what they guard as it should be. Locks are taken in this order: list of the
 * living, one process, private descriptors. */
static void before_fork(void)
{
	kk_living_lock();
	pthread_mutex_lock(&listed.lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&listed.lock);
	kk_living_unlock();
}

static void child_begins(void)
{
	kk_living_forget();
	if (!ours)
		kk_private_drop(true);
	ours = false;
	after_fork();
}

static void watch(void)
{
	watched = pthread_atfork(before_fork, after_fork, child_begins);
}

/* Before anything is private: a program may fork as it likes. */
static int watch_forks(void)
{
	pthread_once(&once, watch);
	errno = watched;
	return watched == 0 ? 0 : -1;
}

pid_t kk_private_fork(void)
{
	pid_t pid;

	ours = true;
	pid = fork();
	ours = false;
	return pid;
}

static int reserve(size_t more)
{
	size_t room = listed.room > 0 ? listed.room * 2 : 64;

	if (listed.count + more <= listed.room)
		return 0;
	int *longer = realloc(listed.fds, room * sizeof(*longer));
	if (!longer) {
		errno = ENOMEM;
		return -1;
	}
	listed.fds = longer;
	listed.room = room;
	return 0;
}

static int make_pipe(int to[2])
{
	return pipe2(to, O_CLOEXEC);
}

static int make_pair(int to[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, to);
}

/* A program that closed a standard stream will put another there: nothing of ours may lie in that place. */
static int lift(int fd)
{
	int lifted;

	if (fd < 0 || fd > 2)
		return fd;
	lifted = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return lifted;
}

static int make_two(int (*make)(int to[2]), int to[2])
{
	if (watch_forks() < 0)
		return -1;
	pthread_mutex_lock(&listed.lock);
	int rc = reserve(2) < 0 ? -1 : make(to);
	for (int i = 0; rc == 0 && i < 2; i++)
		to[i] = lift(to[i]);
	for (int i = 0; rc == 0 && i < 2; i++) {
		if (to[i] >= 0)
			listed.fds[listed.count++] = to[i];
	}
	pthread_mutex_unlock(&listed.lock);
	if (rc == 0 && (to[0] < 0 || to[1] < 0)) {
		kk_private_close(&to[0]);
		kk_private_close(&to[1]);
		errno = EMFILE;
		rc = -1;
	}
	return rc;
}

int kk_private_pipe(int to[2])
{
	return make_two(make_pipe, to);
}

int kk_private_pair(int to[2])
{
	return make_two(make_pair, to);
}

int kk_private_adopt(int fd)
{
	if (fd < 0)
		return -1;
	int rc = watch_forks();
	pthread_mutex_lock(&listed.lock);
	if (rc == 0)
		rc = reserve(1);
	fd = lift(fd);
	if (fd < 0)
		rc = -1;
	if (rc == 0)
		listed.fds[listed.count++] = fd;
	pthread_mutex_unlock(&listed.lock);
	if (rc == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	errno = ENOMEM;
	return -1;
}

void kk_private_close(int *fd)
{
	if (*fd < 0)
		return;
	pthread_mutex_lock(&listed.lock);
	for (size_t i = 0; i < listed.count; i++) {
		if (listed.fds[i] == *fd) {
			listed.fds[i] = listed.fds[--listed.count];
			break;
		}
	}
	close(*fd);
	pthread_mutex_unlock(&listed.lock);
	*fd = -1;
}

void kk_private_drop(bool closing)
{
	for (size_t i = 0; closing && i < listed.count; i++)
		close(listed.fds[i]);
	listed.count = 0;
}
