/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/shape.c - from what was asked for to where everything lies in the memory of an executor. */
#include "executor/handle.h"
#include "family/place.h"
#include <kakehi/cpus.h>
#include <string.h>

uint64_t shape_lay_out(struct executor_memory *shape)
{
	uint64_t at = 0;
	(void)place_part(&at, sizeof(*shape));
	shape->slots = place_slots(shape->entries);
	shape->table_at = place_part(&at, kk_table_size(shape->entries, sizeof(struct task)));
	shape->free_at = place_part(&at, kk_ring_size(shape->slots));
	shape->work_at = place_part(&at, kk_ring_size(shape->slots));
	shape->post_at = place_part(&at, shape->posts * sizeof(struct post));
	for (int i = 0; i < ROOMS; i++) {
		shape->owner_at[i] = place_part(&at, shape->page_count[i] * sizeof(uint32_t));
		shape->next_at[i] = place_part(&at, shape->page_count[i] * sizeof(uint32_t));
		at = (at + PAGE - 1) / PAGE * PAGE;
		shape->page_at[i] = place_part(&at, (uint64_t)shape->page_count[i] * PAGE);
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
		memcpy(to->name, name, strlen(name) + 1);
	return KK_OK;
}

static uint32_t pages_for(uint64_t bytes)
{
	return (uint32_t)(((bytes ? bytes : KK_EXECUTOR_ROOM) + PAGE - 1) / PAGE);
}

int shape_make(struct executor_memory *shape, const struct kk_executor_spec *spec, struct kk_error *error)
{
	shape->posts = spec->workers ? spec->workers : kk_cpus();
	shape->entries = spec->tasks ? spec->tasks : KK_EXECUTOR_TASKS;
	shape->retries = spec->retries;
	shape->share = spec->tasks_per_worker;
	shape->threads = spec->threads;
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

int shape_lay(struct kk_executor *executor, const struct executor_memory *shape, struct kk_error *error)
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
	if (rc != KK_OK)
		return kk_error_set(error, rc, "cannot lay out the executor");
	rc = kk_ring_fill(view.free, 0, memory->entries);
	view_close(&view);
	return rc;
}
