/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/wait.c - waiting for several futures, of any executors: the keepers hear of them, and wake us. */
#include "executor/handle.h"
#include <stdlib.h>
#include <string.h>

/* Where those who wait for these futures sleep: at the lane if they are all of one executor, else where the keepers of
 * all executors wake them. */
struct place {
	struct kk_executor *executor; /* NULL: several */
	unsigned round;
};

static struct place place_for(struct kk_future *const *futures, size_t count)
{
	struct place place = {count > 0 ? futures[0]->executor : NULL, 0};
	for (size_t i = 1; i < count; i++) {
		if (futures[i]->executor != place.executor)
			place.executor = NULL;
	}
	return place;
}

static struct kk_event *event_of(const struct place *place)
{
	unsigned lane = place->executor ? atomic_load(&place->executor->lane) : NO_LANE;
	return lane == NO_LANE ? futures_event() : &place->executor->memory->lane[lane].event;
}

/* From now on the end of these futures wakes us. KK_OK, KK_ERR_FULL, KK_ERR_MEMORY. */
static int watch(const struct place *place, struct kk_future *const *futures, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct kk_executor *executor = futures[i]->executor;
		/* It may have outlived its executor. */
		if (kk_future_done(futures[i]))
			continue;
		struct view *view = executor_view(executor, NULL);
		int rc = view ? future_adopt(futures[i]) : KK_ERR_FULL;
		if (rc < 0)
			return rc;
		if (place->executor) {
			(void)task_watch(view, futures[i]->handle, futures[i]->life);
			continue;
		}
		pthread_mutex_lock(&executor->lock);
		(void)future_put_under_watch(futures[i], view);
		pthread_mutex_unlock(&executor->lock);
	}
	return KK_OK;
}

/* Until one more may have ended. Where keepers wake us, they look after the dead. */
static int sleep_once(struct place *place, struct kk_event *event, uint32_t ticket, int64_t deadline_ns)
{
	int64_t left_ns = -1;
	if (place->executor)
		return kk_family_sleep(place->executor->object.family, event, ticket, deadline_ns, &place->round);
	if (deadline_ns >= 0) {
		left_ns = deadline_ns - kk_family_now();
		if (left_ns <= 0)
			return KK_ERR_TIMEOUT;
	}
	return kk_event_sleep(event, ticket, left_ns);
}

static bool failed(struct kk_future *future)
{
	/* It has ended: this does not wait. */
	int rc = kk_future_exception(future, 0, NULL, NULL);
	return rc < 0 && rc != KK_ERR_CANCELLED && rc != KK_ERR_TIMEOUT;
}

static long count_done(struct kk_future *const *futures, size_t count, bool *any_failed)
{
	long done = 0;
	for (size_t i = 0; i < count; i++) {
		if (!kk_future_done(futures[i]))
			continue;
		done++;
		if (any_failed && !*any_failed)
			*any_failed = failed(futures[i]);
	}
	return done;
}

/* All of them: one after the other will do. */
static long wait_all(struct kk_future *const *futures, size_t count, int64_t deadline_ns)
{
	for (size_t i = 0; i < count; i++) {
		int left_ms = -1;
		if (deadline_ns >= 0) {
			int64_t left_ns = deadline_ns - kk_family_now();
			left_ms = left_ns > 0 ? (int)((left_ns + 999999) / 1000000) : 0;
		}
		int rc = kk_future_exception(futures[i], left_ms, NULL, NULL);
		if (rc == KK_ERR_FULL || rc == KK_ERR_MEMORY)
			return rc;
	}
	return count_done(futures, count, NULL);
}

static long wait_some(struct kk_future *const *futures, size_t count, enum kk_wait_for what, int64_t deadline_ns)
{
	struct place place = place_for(futures, count);
	int rc = KK_ERR_TIMEOUT;
	for (bool watched = false;; watched = true) {
		struct kk_event *event = event_of(&place);
		uint32_t ticket = kk_event_prepare(event);
		bool any_failed = false;
		long done = count_done(futures, count, what == KK_FIRST_EXCEPTION ? &any_failed : NULL);
		if (any_failed || done == (long)count || (what == KK_FIRST_COMPLETED && done > 0))
			return done;
		rc = watched ? sleep_once(&place, event, ticket, deadline_ns) : watch(&place, futures, count);
		if (rc < 0)
			return rc == KK_ERR_TIMEOUT ? count_done(futures, count, NULL) : rc;
	}
}

long kk_future_wait(struct kk_future *const *futures, size_t count, enum kk_wait_for what, int timeout_ms)
{
	int64_t deadline_ns = kk_family_deadline(timeout_ms);
	if ((count > 0 && !futures) || what > KK_ALL_COMPLETED)
		return KK_ERR_INVALID;
	return what == KK_ALL_COMPLETED ? wait_all(futures, count, deadline_ns)
	                                : wait_some(futures, count, what, deadline_ns);
}

/* ---- as they are completed */

struct kk_as_completed {
	size_t left, at; /* where the next look begins: all get their turn */
	bool watched;
	struct place place;
	struct kk_future *future[];
};

static int by_address(const void *a, const void *b)
{
	uintptr_t one = (uintptr_t) * (struct kk_future *const *)a, other = (uintptr_t) * (struct kk_future *const *)b;
	return (one > other) - (one < other);
}

struct kk_as_completed *kk_as_completed(struct kk_future *const *futures, size_t count, struct kk_error *error)
{
	struct kk_as_completed *iterator = calloc(1, sizeof(*iterator) + count * sizeof(iterator->future[0]));
	if (!iterator) {
		kk_error_set(error, KK_ERR_MEMORY, "no memory to go through %zu futures", count);
		return NULL;
	}
	if (count > 0) {
		memcpy(iterator->future, futures, count * sizeof(iterator->future[0]));
		qsort(iterator->future, count, sizeof(iterator->future[0]), by_address);
	}
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || iterator->future[i] != iterator->future[i - 1])
			iterator->future[iterator->left++] = iterator->future[i];
	}
	iterator->place = place_for(iterator->future, iterator->left);
	return iterator;
}

static struct kk_future *take_done(struct kk_as_completed *iterator)
{
	for (size_t i = 0; i < iterator->left; i++) {
		size_t at = (iterator->at + i) % iterator->left;
		struct kk_future *future = iterator->future[at];
		if (!kk_future_done(future))
			continue;
		iterator->future[at] = iterator->future[--iterator->left];
		iterator->at = at;
		return future;
	}
	return NULL;
}

int kk_as_completed_next(struct kk_as_completed *iterator, int timeout_ms, struct kk_future **future)
{
	int64_t deadline_ns = kk_family_deadline(timeout_ms);
	while (iterator->left > 0) {
		struct kk_event *event = event_of(&iterator->place);
		uint32_t ticket = kk_event_prepare(event);
		*future = take_done(iterator);
		if (*future)
			return 1;
		int rc = iterator->watched ? sleep_once(&iterator->place, event, ticket, deadline_ns)
		                           : watch(&iterator->place, iterator->future, iterator->left);
		if (rc < 0)
			return rc;
		iterator->watched = true;
	}
	*future = NULL;
	return 0;
}

void kk_as_completed_free(struct kk_as_completed *iterator)
{
	free(iterator);
}
