/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/view.c - what one role needs to act on an executor, and the changes that concern all of it. */
#include "executor/layout.h"
#include <limits.h>

int view_open(struct view *view, struct executor_memory *memory, uint64_t bytes, unsigned role)
{
	*view = (struct view){.memory = memory, .role = role};
	if (memory->table_at > bytes || memory->free_at > bytes || memory->work_at > bytes)
		return KK_ERR_CORRUPT;
	int rc = kk_table_attach(&view->table, executor_at(memory, memory->table_at), bytes - memory->table_at, role);
	if (rc == KK_OK)
		rc = kk_ring_attach(&view->free, executor_at(memory, memory->free_at), bytes - memory->free_at,
		                    view->table);
	if (rc == KK_OK)
		rc = kk_ring_attach(&view->work, executor_at(memory, memory->work_at), bytes - memory->work_at,
		                    view->table);
	if (rc < 0)
		view_close(view);
	return rc;
}

void view_close(struct view *view)
{
	kk_ring_detach(view->work);
	kk_ring_detach(view->free);
	kk_table_detach(view->table);
	*view = (struct view){0};
}

static void wake_lanes(struct executor_memory *memory)
{
	for (unsigned i = 0; i < LANES; i++) {
		if (atomic_load_explicit(&memory->lane[i].seat, memory_order_relaxed) != 0)
			kk_event_wake(&memory->lane[i].event, INT_MAX, -1);
	}
}

void executor_wake_all(const struct view *view)
{
	struct executor_memory *memory = view->memory;
	kk_event_wake_all(kk_ring_items_event(view->work), -1);
	kk_event_wake_all(kk_ring_items_event(view->free), -1);
	kk_event_wake_all(&memory->stopped, -1);
	for (int i = 0; i < ROOMS; i++)
		kk_event_wake_all(&memory->pages[i].room, -1);
	for (unsigned i = 0; i < LANES; i++) {
		if (atomic_load_explicit(&memory->lane[i].seat, memory_order_relaxed) != 0)
			kk_event_wake_all(&memory->lane[i].event, -1);
	}
}

bool executor_raise(const struct view *view, enum executor_state to)
{
	uint32_t now = atomic_load(&view->memory->state);
	do {
		if (now >= (uint32_t)to)
			return false;
	} while (!atomic_compare_exchange_weak(&view->memory->state, &now, (uint32_t)to));
	executor_wake_all(view);
	return true;
}

#define PRESSURE_NS INT64_C(200000000)

void executor_press(struct executor_memory *memory)
{
	atomic_store(&memory->pressure_until_ns, kk_family_now() + PRESSURE_NS);
	wake_lanes(memory);
}

bool executor_busy(const struct view *view)
{
	for (uint32_t handle = 0; handle < kk_table_entries(view->table); handle++) {
		if (atomic_load(&view_task(view, handle)->word) & LANE_TASK)
			return true;
	}
	return false;
}

void executor_stop_if_done(const struct view *view)
{
	/* Who submits sets LANE_TASK before he looks at the state: if we overlook his task, he sees CLOSING and takes
	 * it back himself. */
	if (executor_state(view->memory) == EXECUTOR_CLOSING && !executor_busy(view))
		(void)executor_raise(view, EXECUTOR_STOPPED);
}

void executor_refuse(const struct view *view, uint32_t handle)
{
	switch (executor_state(view->memory)) {
	case EXECUTOR_BROKEN:
		task_fail(view, handle, KK_ERR_BROKEN, view->memory->reason);
		break;
	case EXECUTOR_ORPHANED:
		task_fail(view, handle, KK_ERR_BROKEN, "the process that kept the workers has ended");
		break;
	default:
		task_end(view, handle, TASK_CANCELLED);
		break;
	}
}

void executor_drain(const struct view *view)
{
	uint32_t handle;
	while (kk_ring_take(view->work, &handle, 1) == 1)
		executor_refuse(view, handle);
}
