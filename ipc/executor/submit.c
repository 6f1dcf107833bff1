/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/submit.c - a task from its place to the ring of work. */
#include "executor/handle.h"
#include <string.h>

/* What keeps new tasks out; KK_OK: nothing. */
static int refusal(const struct kk_executor *executor, struct kk_error *error)
{
	switch (executor_state(executor->memory)) {
	case EXECUTOR_OPEN:
		return KK_OK;
	case EXECUTOR_BROKEN:
		return kk_error_set(error, KK_ERR_BROKEN, "%s", executor->memory->reason);
	case EXECUTOR_ORPHANED:
		return kk_error_set(error, KK_ERR_BROKEN, "the process that kept the workers has ended");
	default:
		return kk_error_set(error, KK_ERR_CLOSED, "the executor has been shut down");
	}
}

/* A task of ours that is worth waiting for if there is no free place: in the middle of those that have not ended, so
 * that half of the places are free when we are woken. NULL: we have none. */
static struct task *middle_task(struct kk_executor *executor, const struct view *view)
{
	struct task *task = NULL;
	pthread_mutex_lock(&executor->lock);
	struct kk_future *future = executor->first;
	for (uint32_t i = 0; future && i < executor->held / 2; i++)
		future = future->after;
	if (future)
		task = view_task(view, future->handle);
	pthread_mutex_unlock(&executor->lock);
	return task;
}

static uint32_t fetch_all(struct kk_executor *executor, const struct view *view)
{
	pthread_mutex_lock(&executor->lock);
	uint32_t fetched = futures_fetch(executor, view);
	pthread_mutex_unlock(&executor->lock);
	return fetched;
}

/* Waits until there may be a free place. `round` as for kk_family_sleep. */
static int await_place(struct kk_executor *executor, const struct view *view, int64_t deadline_ns, unsigned *round)
{
	struct task *task = middle_task(executor, view);
	struct kk_event *event = task ? &task->ended : kk_ring_items_event(view->free);
	if (!task)
		executor_press(executor->memory);
	uint32_t ticket = kk_event_prepare(event);
	if (kk_ring_count(view->free) > 0 || executor_state(executor->memory) != EXECUTOR_OPEN ||
	    (task && word_ended(atomic_load(&task->word))))
		return KK_OK;
	return kk_family_sleep(executor->object.family, event, ticket, deadline_ns, round);
}

static int take_place(struct kk_executor *executor, const struct view *view, int64_t deadline_ns, uint32_t *handle,
                      struct kk_error *error)
{
	unsigned round = 0;
	for (;;) {
		int rc = refusal(executor, error);
		if (rc < 0)
			return rc;
		rc = kk_ring_take(view->free, handle, 1);
		if (rc == 1)
			return KK_OK;
		if (rc != KK_ERR_EMPTY)
			return kk_error_set(error, KK_ERR_CORRUPT, "the executor's places are not sound");
		if (fetch_all(executor, view) > 0)
			continue;
		if (await_place(executor, view, deadline_ns, &round) == KK_ERR_TIMEOUT)
			return kk_error_set(error, KK_ERR_TIMEOUT, "all %u places for tasks are taken",
			                    executor->memory->entries);
	}
}

static void give_place_back(const struct view *view, uint32_t handle)
{
	if (kk_ring_put(view->free, handle, 0) == KK_OK)
		kk_ring_announce(view->free, 1);
}

/* Long arguments wait for pages. */
static int put_args(struct kk_executor *executor, const struct view *view, uint32_t handle, const struct order *order,
                    int64_t deadline_ns, struct kk_error *error)
{
	struct executor_memory *memory = executor->memory;
	struct task *task = view_task(view, handle);
	struct kk_event *event = &memory->pages[ROOM_ARGS].room;
	unsigned round = 0;
	if (order->bytes <= INLINE) {
		if (order->bytes > 0)
			memcpy(task->args, order->args, order->bytes);
		return KK_OK;
	}
	for (;;) {
		uint32_t ticket = kk_event_prepare(event);
		int rc = room_put(memory, ROOM_ARGS, handle, order->args, order->bytes, &task->args_page);
		if (rc != KK_ERR_NO_ROOM)
			return rc;
		rc = refusal(executor, error);
		if (rc < 0)
			return rc;
		if (fetch_all(executor, view) > 0)
			continue;
		executor_press(memory);
		if (kk_family_sleep(executor->object.family, event, ticket, deadline_ns, &round) == KK_ERR_TIMEOUT)
			return kk_error_set(error, KK_ERR_TIMEOUT, "no room for %zu bytes of arguments", order->bytes);
	}
}

static int name_order(const struct kk_executor *executor, struct task *task, const struct order *order,
                      struct kk_error *error)
{
	uint64_t image = atomic_load_explicit(&executor->memory->image, memory_order_relaxed);
	task->function = order->function;
	task->image = executor->image;
	task->name[0] = '\0';
	if (image == executor->image)
		return KK_OK;
	const char *name = kk_function_name(order->function);
	if (name && strlen(name) < sizeof(task->name))
		strcpy(task->name, name);
	else if (image != 0)
		return kk_error_set(
		    error, KK_ERR_INVALID,
		    "the function is not registered: workers that were started afresh know it by name only");
	return KK_OK;
}

/* Wakes a worker, unless one is looking for work anyway: it passes the call on before it begins to work. */
static void call_worker(const struct view *view)
{
	if (atomic_load(&view->memory->spinner) == 0)
		kk_ring_announce(view->work, 1);
}

static int publish(struct kk_executor *executor, const struct view *view, uint32_t handle, struct kk_error *error)
{
	struct task *task = view_task(view, handle);
	uint64_t life = word_life(atomic_load_explicit(&task->word, memory_order_relaxed));
	int rc = kk_ring_put(view->work, handle, 0);
	if (rc < 0)
		return kk_error_set(error, KK_ERR_CORRUPT, "the executor's ring is not sound");
	call_worker(view);
	/* Whoever closes looks for tasks after he has said so; we look after our task can be seen. */
	if (executor_state(executor->memory) == EXECUTOR_OPEN || !task_cancel(view, handle, life))
		return KK_OK;
	if (executor_state(executor->memory) >= EXECUTOR_STOPPED)
		executor_drain(view);
	return refusal(executor, error);
}

struct kk_future *executor_order(struct kk_executor *executor, const struct order *order, int timeout_ms,
                                 struct kk_error *error)
{
	struct view *view = executor_view(executor, error);
	int64_t deadline_ns = timeout_ms <= 0 ? timeout_ms : kk_family_deadline(timeout_ms);
	struct kk_future *future = NULL;
	uint32_t handle;
	if (!view)
		return NULL;
	int rc = keeper_start(executor);
	if (rc < 0) {
		kk_error_set(error, rc, "no lane or no seat for this process");
		return NULL;
	}
	if (order->bytes > (uint64_t)executor->memory->page_count[ROOM_ARGS] * PAGE) {
		kk_error_set(error, KK_ERR_INVALID, "%zu bytes of arguments: there is room for %llu", order->bytes,
		             (unsigned long long)executor->memory->page_count[ROOM_ARGS] * PAGE);
		return NULL;
	}
	if (take_place(executor, view, deadline_ns, &handle, error) < 0)
		return NULL;
	struct task *task = view_task(view, handle);
	uint64_t life = life_after(word_life(atomic_load_explicit(&task->word, memory_order_relaxed)));
	task->args_page = 0;
	rc = name_order(executor, task, order, error);
	if (rc == KK_OK)
		rc = put_args(executor, view, handle, order, deadline_ns, error);
	if (rc == KK_OK && !(future = future_new(executor, handle, life)))
		rc = kk_error_set(error, KK_ERR_MEMORY, "no memory for a future");
	if (rc < 0) {
		room_give_back(executor->memory, ROOM_ARGS, handle, task->args_page);
		give_place_back(view, handle);
		return NULL;
	}
	task->args_bytes = (uint32_t)order->bytes;
	task->item_bytes = order->item_bytes;
	task->answer_page = task->answer_bytes = 0;
	task->code = 0;
	atomic_store_explicit(&task->died, 0, memory_order_relaxed);
	atomic_store(&task->word,
	             word_make(life, TASK_PENDING, 0, LANE_TASK | UINT64_C(1) << atomic_load(&executor->lane)));
	if (publish(executor, view, handle, error) == KK_OK)
		return future;
	kk_future_free(future);
	return NULL;
}

struct kk_future *kk_executor_submit(struct kk_executor *executor, kk_function *function, const void *args,
                                     size_t bytes, int timeout_ms, struct kk_error *error)
{
	const struct order order = {function, args, bytes, 0};
	if (!function || (bytes > 0 && !args)) {
		kk_error_set(error, KK_ERR_INVALID, "a task needs a function, and its arguments");
		return NULL;
	}
	return executor_order(executor, &order, timeout_ms, error);
}
