/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/executor.c - making an executor, opening it, giving it work, shutting it down. */
#include "executor/handle.h"
#include "executor/kind.h"
#include <errno.h>
#include <kakehi/cpus.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* ---- shape */

/* Differs between programs that were executed, not between forks. */
static uint64_t image_of_process(void)
{
	uint64_t image;
	memcpy(&image, (const void *)getauxval(AT_RANDOM), sizeof(image));
	return image > IMAGE_OTHER ? image : image + 2;
}

static uint64_t align64(uint64_t bytes)
{
	return (bytes + 63) & ~UINT64_C(63);
}

static uint32_t slots_for(uint32_t entries)
{
	uint32_t slots = 1;
	while (slots < entries)
		slots *= 2;
	return slots;
}

static uint64_t place(uint64_t *at, uint64_t bytes)
{
	uint64_t here = *at;
	*at = align64(here + bytes);
	return here;
}

/* Says where everything lies; returns how many bytes that takes. */
static uint64_t lay_out(struct executor_memory *shape)
{
	uint64_t at = align64(sizeof(*shape));
	shape->slots = slots_for(shape->entries);
	shape->table_at = place(&at, kk_table_size(shape->entries, sizeof(struct task)));
	shape->free_at = place(&at, kk_ring_size(shape->slots));
	shape->work_at = place(&at, kk_ring_size(shape->slots));
	shape->post_at = place(&at, shape->posts * sizeof(struct post));
	for (int i = 0; i < ROOMS; i++) {
		shape->owner_at[i] = place(&at, shape->page_count[i] * sizeof(uint32_t));
		shape->next_at[i] = place(&at, shape->page_count[i] * sizeof(uint32_t));
		at = (at + PAGE - 1) / PAGE * PAGE;
		shape->page_at[i] = place(&at, (uint64_t)shape->page_count[i] * PAGE);
	}
	return at;
}

static int name_function(struct function_name *to, kk_function *function, struct kk_error *error)
{
	const char *name = function ? kk_function_name(function) : NULL;
	to->function = function;
	if (name && strlen(name) >= sizeof(to->name))
		return kk_error_set(error, KK_ERR_INVALID, "the name of function \"%s\" is too long", name);
	if (name)
		strcpy(to->name, name);
	return KK_OK;
}

static uint32_t pages_for(uint64_t bytes)
{
	return (uint32_t)(((bytes ? bytes : KK_EXECUTOR_ROOM) + PAGE - 1) / PAGE);
}

static int make_shape(struct executor_memory *shape, const struct kk_executor_spec *spec, struct kk_error *error)
{
	shape->posts = spec->workers ? spec->workers : kk_cpus();
	shape->entries = spec->tasks ? spec->tasks : KK_EXECUTOR_TASKS;
	shape->retries = spec->retries;
	shape->share = spec->tasks_per_worker;
	shape->threads = spec->threads;
	shape->maker_image = image_of_process();
	shape->init_bytes = (uint32_t)spec->init_bytes;
	if (!spec->workers && shape->posts > KK_EXECUTOR_WORKERS)
		shape->posts = KK_EXECUTOR_WORKERS;
	if (shape->posts > KK_EXECUTOR_WORKERS)
		return kk_error_set(error, KK_ERR_INVALID, "%u workers: there can be at most %u", spec->workers,
		                    KK_EXECUTOR_WORKERS);
	if (shape->entries > 1U << 20)
		return kk_error_set(error, KK_ERR_INVALID, "%u tasks: there can be at most %u", spec->tasks, 1U << 20);
	if (spec->args_room > UINT64_C(1) << 31 || spec->answer_room > UINT64_C(1) << 31)
		return kk_error_set(error, KK_ERR_INVALID, "room for arguments or answers is at most 2 GiB");
	if (spec->retries >= DIED_DEATHS_MAX)
		return kk_error_set(error, KK_ERR_INVALID, "%u retries: there can be at most %u", spec->retries,
		                    DIED_DEATHS_MAX - 1);
	if (spec->init_bytes > KK_EXECUTOR_INIT_MAX || (spec->init_bytes && !spec->init_args))
		return kk_error_set(error, KK_ERR_INVALID, "init can have at most %u bytes of arguments",
		                    KK_EXECUTOR_INIT_MAX);
	shape->page_count[ROOM_ARGS] = pages_for(spec->args_room);
	shape->page_count[ROOM_ANSWERS] = pages_for(spec->answer_room);
	if (spec->init_bytes)
		memcpy(shape->init_args, spec->init_args, spec->init_bytes);
	int rc = name_function(&shape->init, spec->init, error);
	return rc < 0 ? rc : name_function(&shape->fini, spec->fini, error);
}

/* ---- handles */

static struct kk_executor *new_handle(struct kk_family *family, struct kk_error *error)
{
	struct kk_executor *executor = calloc(1, sizeof(*executor));
	if (!executor || handles_watch_forks() < 0) {
		kk_error_set(error, KK_ERR_MEMORY, "no memory for the handle of an executor");
		free(executor);
		return NULL;
	}
	executor->object.family = family;
	executor->image = image_of_process();
	executor->cpus = kk_cpus();
	executor->bell = -1;
	executor->done_last = &executor->done_first;
	atomic_init(&executor->lane, NO_LANE);
	pthread_mutex_init(&executor->lock, NULL);
	pthread_cond_init(&executor->keeper_changed, NULL);
	return executor;
}

void executor_free(struct kk_executor *executor)
{
	pthread_cond_destroy(&executor->keeper_changed);
	pthread_mutex_destroy(&executor->lock);
	free(executor);
}

/* All but what its futures need. */
static void empty_handle(struct kk_executor *executor)
{
	for (unsigned i = 0; i <= KK_SEAT_MAX; i++) {
		struct view *view = atomic_load(&executor->view[i]);
		if (view)
			view_close(view);
		free(view);
	}
	if (executor->look.table)
		view_close(&executor->look);
	if (executor->bell >= 0)
		close(executor->bell);
	free(executor->holds);
}

static void free_handle(struct kk_executor *executor)
{
	empty_handle(executor);
	executor_free(executor);
}

static int attach(struct kk_executor *executor, struct kk_error *error)
{
	executor->memory = executor->object.memory;
	executor->holds = calloc(executor->memory->entries, sizeof(*executor->holds));
	int rc =
	    executor->holds ? view_open(&executor->look, executor->memory, executor->object.bytes, 0) : KK_ERR_MEMORY;
	if (rc < 0)
		return kk_error_set(error, rc, "cannot use the executor");
	handles_add(executor);
	return KK_OK;
}

struct view *executor_view(struct kk_executor *executor, struct kk_error *error)
{
	int seat = kk_family_seat(executor->object.family);
	if (seat < 0) {
		kk_error_set(error, seat, "no seat in the family for this thread");
		return NULL;
	}
	struct view *view = atomic_load_explicit(&executor->view[seat], memory_order_acquire);
	if (view)
		return view;
	view = malloc(sizeof(*view));
	int rc = view ? view_open(view, executor->memory, executor->object.bytes, (unsigned)seat) : KK_ERR_MEMORY;
	if (rc < 0) {
		kk_error_set(error, rc, "cannot use the executor");
		free(view);
		return NULL;
	}
	atomic_store_explicit(&executor->view[seat], view, memory_order_release);
	return view;
}

/* ---- creating */

static int init_memory(struct kk_executor *executor, const struct executor_memory *shape, struct kk_error *error)
{
	struct executor_memory *memory = executor->object.memory;
	struct view view;
	memcpy(memory, shape, sizeof(*shape));
	int rc = kk_table_init(executor_at(memory, memory->table_at), memory->entries, sizeof(struct task));
	if (rc == KK_OK)
		rc = kk_ring_init(executor_at(memory, memory->free_at), memory->slots, RING_FREE, 0);
	if (rc == KK_OK)
		rc = kk_ring_init(executor_at(memory, memory->work_at), memory->slots, RING_WORK, 0);
	if (rc == KK_OK)
		rc =
		    view_open(&view, memory, executor->object.bytes, (unsigned)kk_family_seat(executor->object.family));
	if (rc < 0)
		return kk_error_set(error, rc, "cannot lay out the executor");
	rc = kk_ring_fill(view.free, 0, memory->entries);
	view_close(&view);
	return rc;
}

/* A family that has room for the executor and for threads of the caller. */
static struct kk_family *own_family(const struct executor_memory *shape, uint64_t bytes, struct kk_error *error)
{
	struct kk_family_spec spec = {
	    .bytes = bytes + 65536,
	    .seats = shape->posts + 64 < KK_SEAT_MAX ? shape->posts + 64 : KK_SEAT_MAX,
	    .objects = 16,
	    .label = "executor",
	};
	return kk_family_create(&spec, error);
}

static int make_object(struct kk_executor *executor, const struct executor_memory *shape, uint64_t bytes,
                       struct kk_error *error)
{
	int rc = kk_object_make(executor->object.family, &kk_kind_executor, bytes, &executor->object, error);
	if (rc == KK_OK)
		rc = init_memory(executor, shape, error);
	if (rc == KK_OK)
		rc = attach(executor, error);
	if (rc == KK_OK)
		kk_object_publish(&executor->object);
	else if (executor->object.memory)
		(void)kk_object_destroy(&executor->object);
	return rc;
}

struct kk_executor *executor_make(struct kk_family *family, const struct kk_executor_spec *spec, struct kk_error *error)
{
	struct executor_memory *shape = aligned_alloc(64, sizeof(*shape));
	struct kk_executor *executor = NULL;
	const bool own = !family;
	if (!shape) {
		kk_error_set(error, KK_ERR_MEMORY, "no memory for the shape of an executor");
		return NULL;
	}
	memset(shape, 0, sizeof(*shape));
	if (make_shape(shape, spec, error) < 0)
		goto out;
	uint64_t bytes = lay_out(shape);
	if (own)
		family = own_family(shape, bytes, error);
	if (family)
		executor = new_handle(family, error);
	if (executor && make_object(executor, shape, bytes, error) < 0) {
		free_handle(executor);
		executor = NULL;
	}
	if (executor) {
		executor->owner = true;
		executor->own_family = own;
	} else if (own) {
		kk_family_close(family);
	}
out:
	free(shape);
	return executor;
}

struct kk_executor *kk_executor_create(struct kk_family *family, const struct kk_executor_spec *spec,
                                       struct kk_error *error)
{
	static const struct kk_executor_spec defaults;
	spec = spec ? spec : &defaults;
	struct kk_executor *executor = executor_make(family, spec, error);
	if (executor && crew_start(executor, spec, error) < 0) {
		kk_executor_close(executor);
		executor = NULL;
	}
	return executor;
}

struct kk_executor *kk_executor_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	struct kk_executor *executor = new_handle(family, error);
	if (!executor)
		return NULL;
	int rc = kk_object_find(family, ref, &kk_kind_executor, &executor->object, error);
	if (rc == KK_OK)
		rc = attach(executor, error);
	if (rc == KK_OK)
		return executor;
	free_handle(executor);
	return NULL;
}

uint64_t kk_executor_ref(const struct kk_executor *executor)
{
	return executor->object.ref;
}

struct kk_family *kk_executor_family(const struct kk_executor *executor)
{
	return executor->object.family;
}

/* ---- ending */

int kk_executor_shutdown(struct kk_executor *executor, bool wait, bool cancel_futures)
{
	struct view *view = executor_view(executor, NULL);
	if (!view || (wait && !executor->owner))
		return KK_ERR_INVALID;
	(void)executor_raise(view, EXECUTOR_CLOSING);
	for (uint32_t handle = 0; cancel_futures && handle < kk_table_entries(view->table); handle++)
		(void)task_cancel(view, handle, word_life(atomic_load(&view_task(view, handle)->word)));
	executor_stop_if_done(view);
	if (wait)
		crew_join(executor);
	return KK_OK;
}

int kk_executor_terminate(struct kk_executor *executor)
{
	struct view *view = executor_view(executor, NULL);
	if (!view || !executor->owner)
		return KK_ERR_INVALID;
	(void)executor_raise(view, EXECUTOR_TERMINATED);
	crew_kill(executor);
	crew_join(executor);
	(void)kk_family_bury(executor->object.family);
	executor_drain(view);
	return KK_OK;
}

void kk_executor_close(struct kk_executor *executor)
{
	if (!executor)
		return;
	struct kk_family *family = executor->object.family;
	const bool owner = executor->owner, own_family = executor->own_family;
	if (owner)
		(void)kk_executor_shutdown(executor, true, false);
	crew_free(executor);
	struct view *view = executor_view(executor, NULL);
	pthread_mutex_lock(&executor->lock);
	if (view)
		(void)futures_fetch(executor, view);
	pthread_mutex_unlock(&executor->lock);
	keeper_stop(executor);
	handles_remove(executor);
	pthread_mutex_lock(&executor->lock);
	futures_part(executor, view);
	empty_handle(executor);
	executor->closed = true;
	bool last = executor->futures == 0;
	pthread_mutex_unlock(&executor->lock);
	if (owner)
		(void)kk_object_destroy(&executor->object);
	if (own_family)
		kk_family_close(family);
	if (last)
		executor_free(executor);
}

/* ---- submitting */

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

/* ---- asking */

void kk_executor_usage(struct kk_executor *executor, struct kk_executor_usage *usage)
{
	struct executor_memory *memory = executor->memory;
	struct view *view = executor_view(executor, NULL);
	*usage = (struct kk_executor_usage){.places = memory->entries};
	for (uint32_t handle = 0; view && handle < memory->entries; handle++) {
		uint64_t word = atomic_load(&view_task(view, handle)->word);
		usage->pending += word_state(word) == TASK_PENDING;
		usage->running += word_state(word) == TASK_RUNNING;
		usage->kept += word_ended(word);
	}
	for (unsigned i = 0; i < memory->posts; i++) {
		usage->workers += atomic_load(&executor_post(memory, i)->state) == POST_READY;
		usage->done += atomic_load(&executor_post(memory, i)->done);
	}
	for (int i = 0; i < ROOMS; i++) {
		usage->pages += memory->page_count[i];
		usage->pages_used += room_used(memory, i);
	}
}

pid_t kk_executor_worker(struct kk_executor *executor, unsigned i)
{
	return i < executor->memory->posts ? (pid_t)atomic_load(&executor_post(executor->memory, i)->pid) : 0;
}
