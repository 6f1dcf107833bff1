/* SPDX-License-Identifier: Apache-2.0 */
/* What one would write with pthreads alone: a ring under a robust mutex, with two conditions. */
#include "rival.h"
#include <errno.h>
#include <pthread.h>
#include <time.h>

enum { SLOTS = 1024 };

struct memory {
	pthread_mutex_t mutex;
	pthread_cond_t items, room;
	uint64_t head, tail; /* taken, put */
	uint64_t slot[SLOTS];
};

static size_t bytes_of(uint32_t slots)
{
	(void)slots;
	return sizeof(struct memory);
}

static int make(struct channel *channel)
{
	struct memory *m = channel->memory;
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;
	int bad = pthread_mutexattr_init(&mutex) | pthread_condattr_init(&cond);
	bad |= pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	bad |= pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
	bad |= pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
	bad |= pthread_mutex_init(&m->mutex, &mutex);
	bad |= pthread_cond_init(&m->items, &cond) | pthread_cond_init(&m->room, &cond);
	pthread_mutexattr_destroy(&mutex);
	pthread_condattr_destroy(&cond);
	return bad ? -1 : 0;
}

static void *open_end(const struct channel *channel, const struct seat *seat)
{
	(void)seat;
	return channel->memory;
}

/* The state behind a dead owner is taken as it is: head and tail move in one store each. */
static int settled(struct memory *m, int status)
{
	return status == EOWNERDEAD ? pthread_mutex_consistent(&m->mutex) : status;
}

static int put(void *end, const uint64_t *words, int count)
{
	struct memory *m = end;
	if (settled(m, pthread_mutex_lock(&m->mutex)) != 0)
		return -1;
	while (m->tail - m->head == SLOTS)
		if (settled(m, pthread_cond_wait(&m->room, &m->mutex)) != 0)
			return -1;
	int done = 0;
	for (; done < count && m->tail - m->head < SLOTS; done++) {
		m->slot[m->tail % SLOTS] = words[done];
		m->tail++;
	}
	pthread_cond_signal(&m->items);
	pthread_mutex_unlock(&m->mutex);
	return done;
}

static int take(void *end, uint64_t *words, int max)
{
	struct memory *m = end;
	struct timespec until;
	int status = 0, taken = 0;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	if (settled(m, pthread_mutex_lock(&m->mutex)) != 0)
		return -1;
	while (m->tail == m->head && status == 0)
		status = settled(m, pthread_cond_timedwait(&m->items, &m->mutex, &until));
	for (; taken < max && m->head != m->tail; taken++) {
		words[taken] = m->slot[m->head % SLOTS];
		m->head++;
	}
	pthread_cond_signal(&m->room);
	pthread_mutex_unlock(&m->mutex);
	return taken;
}

static void close_end(void *end)
{
	(void)end;
}

extern const struct rival rival_mutex;
const struct rival rival_mutex = {
    .name = "robust mutex",
    .bytes = bytes_of,
    .make = make,
    .open = open_end,
    .put = put,
    .take = take,
    .close = close_end,
};
