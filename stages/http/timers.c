/* SPDX-License-Identifier: Apache-2.0 */
#include "timers.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

int timers_init(struct timers *timers, size_t most)
{
	*timers = (struct timers){.heap = calloc(most, sizeof(struct timer *)), .room = most};
	return timers->heap ? 0 : -1;
}

void timers_fini(struct timers *timers)
{
	free(timers->heap);
	*timers = (struct timers){0};
}

static void put(struct timers *timers, size_t i, struct timer *timer)
{
	timers->heap[i] = timer;
	timer->place = i + 1;
}

static void sift_up(struct timers *timers, size_t i, struct timer *timer)
{
	while (i > 0 && timers->heap[(i - 1) / 2]->due_ms > timer->due_ms) {
		put(timers, i, timers->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(timers, i, timer);
}

static void sift_down(struct timers *timers, size_t i, struct timer *timer)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < timers->count && timers->heap[child + 1]->due_ms < timers->heap[child]->due_ms)
			child++;
		if (child >= timers->count || timers->heap[child]->due_ms >= timer->due_ms)
			break;
		put(timers, i, timers->heap[child]);
		i = child;
	}
	put(timers, i, timer);
}

void timers_cancel(struct timers *timers, struct timer *timer)
{
	struct timer *last;
	size_t i = timer->place;

	if (i == 0)
		return;
	timer->place = 0;
	last = timers->heap[--timers->count];
	if (last == timer)
		return;
	i--;
	if (i > 0 && timers->heap[(i - 1) / 2]->due_ms > last->due_ms)
		sift_up(timers, i, last);
	else
		sift_down(timers, i, last);
}

void timers_set(struct timers *timers, struct timer *timer, uint64_t due_ms)
{
	timers_cancel(timers, timer);
	assert(timers->count < timers->room); /* one timer per request, room for all: the caller's promise */
	timer->due_ms = due_ms;
	timers->count++;
	sift_up(timers, timers->count - 1, timer);
}

uint64_t timers_next(const struct timers *timers)
{
	return timers->count ? timers->heap[0]->due_ms : TIMERS_NEVER;
}

struct timer *timers_pop(struct timers *timers, uint64_t now_ms)
{
	struct timer *first;

	if (timers_next(timers) > now_ms)
		return NULL;
	first = timers->heap[0];
	timers_cancel(timers, first);
	return first;
}

uint64_t timers_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
