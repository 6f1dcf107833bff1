/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/executor.c - making an executor, opening it, shutting it down. */
#include "executor/handle.h"
#include "family/kinds.h"
#include <kakehi/cpus.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* ---- handles */

/* Differs between programs that were executed, not between forks. */
static uint64_t image_of_process(void)
{
	uint64_t image;
	memcpy(&image, (const void *)getauxval(AT_RANDOM), sizeof(image));
	return image > IMAGE_OTHER ? image : image + 2;
}

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
	handles_remove(executor);
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
		rc = shape_lay(executor, shape, error);
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
	if (shape_make(shape, spec, error) < 0)
		goto out;
	shape->maker_image = image_of_process();
	uint64_t bytes = shape_lay_out(shape);
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
	const struct kk_object object = executor->object;
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
	pthread_mutex_lock(&executor->lock);
	futures_part(executor, view);
	empty_handle(executor);
	executor->closed = true;
	bool last = executor->futures == 0;
	/* From here on whoever frees the last future frees the handle. */
	pthread_mutex_unlock(&executor->lock);
	if (owner)
		(void)kk_object_destroy(&object);
	if (own_family)
		kk_family_close(object.family);
	if (last)
		executor_free(executor);
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
