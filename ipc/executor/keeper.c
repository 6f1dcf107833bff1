/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/keeper.c - the thread of a process that holds its lane, hears of futures that end, and calls what was to
 * be called then. With its seat the lane is given up, in whatever way the process ends. */
#include "executor/handle.h"
#include <limits.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct kk_event any_future;

struct kk_event *futures_event(void)
{
	return &any_future;
}

/* ---- those who are told; under the lock */

void future_tell(struct kk_future *future)
{
	struct kk_executor *executor = future->executor;
	uint64_t one = 1;
	future->next_done = NULL;
	*executor->done_last = future;
	executor->done_last = &future->next_done;
	if (executor->bell >= 0 && write(executor->bell, &one, sizeof(one)) < 0) {
		/* The counter is at its limit: it polls readable already. */
	}
}

void future_unwatch(struct kk_future *future)
{
	struct kk_executor *executor = future->executor;
	future->watch_wanted = false;
	for (struct kk_future **at = &executor->done_first; *at; at = &(*at)->next_done) {
		if (*at != future)
			continue;
		*at = future->next_done;
		if (executor->done_last == &future->next_done)
			executor->done_last = at;
		break;
	}
}

bool future_put_under_watch(struct kk_future *future, const struct view *view)
{
	struct kk_executor *executor = future->executor;
	if (future->is_watched)
		return true;
	if (!task_watch(view, future->handle, future->life) && future_fetch(future, view))
		return false;
	future->is_watched = true;
	future->users++;
	future->next_watched = executor->watched;
	executor->watched = future;
	return true;
}

/* ---- the keeper */

/* The callbacks of one that has ended, in order; more may be added meanwhile. Leaves the lock while they run. */
static void call_back(struct kk_future *future)
{
	struct kk_executor *executor = future->executor;
	while (future->callbacks) {
		struct callback *callback = future->callbacks;
		future->callbacks = callback->next;
		pthread_mutex_unlock(&executor->lock);
		callback->call(future, callback->arg);
		free(callback);
		pthread_mutex_lock(&executor->lock);
	}
}

/* Takes those that have ended off the list of the watched ones: they come out in the order in which they were put in.
 */
static struct kk_future *take_ended(struct kk_executor *executor, const struct view *view)
{
	struct kk_future *ended = NULL, **at = &executor->watched;
	while (*at) {
		struct kk_future *future = *at;
		if (!future_settled(future) || !future_fetch(future, view)) {
			at = &future->next_watched;
			continue;
		}
		*at = future->next_watched;
		future->next_watched = ended;
		ended = future;
	}
	return ended;
}

/* Returns whether there was something to do. */
static bool attend(struct kk_executor *executor, const struct view *view)
{
	struct executor_memory *memory = executor->memory;
	bool busy = false;
	pthread_mutex_lock(&executor->lock);
	int64_t pressure = atomic_load(&memory->pressure_until_ns);
	if (pressure != 0) {
		busy = futures_fetch(executor, view) > 0;
		if (kk_family_now() > pressure)
			(void)atomic_compare_exchange_strong(&memory->pressure_until_ns, &pressure, 0);
	}
	struct kk_future *ended = take_ended(executor, view);
	busy = busy || ended;
	if (ended)
		kk_event_wake(&any_future, INT_MAX, -1);
	while (ended) {
		struct kk_future *future = ended;
		ended = future->next_watched;
		if (future->watch_wanted)
			future_tell(future);
		call_back(future);
		future->is_watched = false;
		future_drop(future);
	}
	pthread_mutex_unlock(&executor->lock);
	return busy;
}

static int take_lane(struct kk_executor *executor, const struct view *view)
{
	for (unsigned i = 0; i < LANES; i++) {
		uint32_t nobody = 0;
		if (!atomic_compare_exchange_strong(&executor->memory->lane[i].seat, &nobody, view->role))
			continue;
		/* The threads of a process do not die at one moment: one may have outlived its keeper's burial. */
		executor_leave_lane(view, i);
		if (executor->owner)
			atomic_store(&executor->memory->owner, view->role);
		atomic_store(&executor->lane, i);
		return KK_OK;
	}
	return KK_ERR_FULL;
}

static void *keep(void *arg)
{
	struct kk_executor *executor = arg;
	struct kk_family *family = executor->object.family;
	struct view *view = executor_view(executor, NULL);
	int rc = view ? take_lane(executor, view) : KK_ERR_FULL;
	unsigned round = 0;
	pthread_mutex_lock(&executor->lock);
	bool leaving = rc < 0;
	executor->keeper_status = rc;
	executor->keeper_state = leaving ? KEEPER_REFUSED : KEEPER_READY;
	pthread_cond_broadcast(&executor->keeper_changed);
	pthread_mutex_unlock(&executor->lock);
	while (!leaving) {
		struct kk_event *event = &executor->memory->lane[atomic_load(&executor->lane)].event;
		uint32_t ticket = kk_event_prepare(event);
		if (!attend(executor, view))
			(void)kk_family_sleep(family, event, ticket, -1, &round);
		pthread_mutex_lock(&executor->lock);
		leaving = executor->keeper_state == KEEPER_LEAVING;
		pthread_mutex_unlock(&executor->lock);
	}
	/* What has ended by now is told before its future loses its executor. */
	while (rc == KK_OK && attend(executor, view))
		;
	/* Buries itself: the lane, and all that it held, is free when this returns. */
	(void)kk_family_leave(family);
	thread_ended();
	return NULL;
}

int keeper_start(struct kk_executor *executor)
{
	int rc = KK_OK;
	if (atomic_load_explicit(&executor->lane, memory_order_acquire) != NO_LANE)
		return KK_OK;
	pthread_mutex_lock(&executor->lock);
	if (executor->keeper_state == KEEPER_REFUSED) {
		/* Perhaps there is a seat by now. */
		pthread_join(executor->keeper, NULL);
		executor->keeper_state = KEEPER_NONE;
	}
	if (executor->keeper_state == KEEPER_NONE) {
		rc = thread_start(&executor->keeper, keep, executor);
		if (rc == KK_OK)
			executor->keeper_state = KEEPER_STARTING;
	}
	while (rc == KK_OK && executor->keeper_state == KEEPER_STARTING)
		pthread_cond_wait(&executor->keeper_changed, &executor->lock);
	if (rc == KK_OK && executor->keeper_state == KEEPER_REFUSED)
		rc = executor->keeper_status;
	pthread_mutex_unlock(&executor->lock);
	return rc;
}

void keeper_nudge(struct kk_executor *executor)
{
	unsigned lane = atomic_load(&executor->lane);
	if (lane != NO_LANE)
		kk_event_wake(&executor->memory->lane[lane].event, INT_MAX, -1);
}

void keeper_stop(struct kk_executor *executor)
{
	pthread_mutex_lock(&executor->lock);
	bool running = executor->keeper_state == KEEPER_READY;
	bool refused = executor->keeper_state == KEEPER_REFUSED;
	if (running)
		executor->keeper_state = KEEPER_LEAVING;
	pthread_mutex_unlock(&executor->lock);
	if (running)
		keeper_nudge(executor);
	if (running || refused)
		pthread_join(executor->keeper, NULL);
	pthread_mutex_lock(&executor->lock);
	executor->keeper_state = KEEPER_NONE;
	atomic_store(&executor->lane, NO_LANE);
	pthread_mutex_unlock(&executor->lock);
}

/* ---- event loops */

int kk_executor_fd(struct kk_executor *executor)
{
	pthread_mutex_lock(&executor->lock);
	if (executor->bell < 0)
		executor->bell = eventfd(executor->done_first ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
	int fd = executor->bell;
	pthread_mutex_unlock(&executor->lock);
	return fd < 0 ? KK_ERR_SYSTEM : fd;
}

struct kk_future *kk_executor_next_done(struct kk_executor *executor)
{
	uint64_t rung;
	pthread_mutex_lock(&executor->lock);
	struct kk_future *future = executor->done_first;
	if (future) {
		executor->done_first = future->next_done;
		if (!executor->done_first)
			executor->done_last = &executor->done_first;
		future->watch_wanted = false;
	}
	/* Under the lock: nobody adds one between the look and the silence. */
	if (!executor->done_first && executor->bell >= 0 && read(executor->bell, &rung, sizeof(rung)) < 0) {
		/* It had not been rung. */
	}
	pthread_mutex_unlock(&executor->lock);
	return future;
}
