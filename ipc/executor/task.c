/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/task.c - the steps of a task. Letters T and R name them as ipc/MEMORY.md argues them. */
#include "executor/layout.h"
#include "wait/point.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

void task_wake(const struct view *view, const struct task *task, uint64_t word)
{
	struct executor_memory *memory = view->memory;
	if (event_is_waited(&task->ended))
		kk_event_wake((struct kk_event *)(uintptr_t)&task->ended, INT_MAX, -1);
	if (!(word & WATCHED) && atomic_load(&memory->pressure_until_ns) == 0)
		return;
	for (unsigned i = 0; i < LANES; i++) {
		if ((word >> i & 1) && event_is_waited(&memory->lane[i].event))
			kk_event_wake(&memory->lane[i].event, INT_MAX, -1);
	}
}

void task_recycle(const struct view *view, uint32_t handle)
{
	struct task *task = view_task(view, handle);
	room_give_back(view->memory, ROOM_ARGS, handle, task->args_page);
	room_give_back(view->memory, ROOM_ANSWERS, handle, task->answer_page);
	/* There is a slot for every entry: it cannot be full. */
	KK_POINT("R2");
	if (kk_ring_put(view->free, handle, 0) == KK_OK)
		kk_ring_announce(view->free, 1);
}

/* What is left of `word` without `bit`; with the last bit the task becomes ours. */
static uint64_t without(const struct view *view, uint64_t word, uint64_t bit)
{
	word &= ~bit;
	return word & LANE_MASK ? word : word_with(word, TASK_FREEING, view->role) & ~WATCHED;
}

void task_end(const struct view *view, uint32_t handle, enum task_state state)
{
	struct task *task = view_task(view, handle);
	uint64_t word = atomic_load(&task->word), next;
	do {
		/* One that was cancelled stays it. */
		next = word_ended(word) ? word : word_with(word, state, 0);
		next = without(view, next, LANE_TASK);
		KK_POINT("T3");
	} while (!atomic_compare_exchange_weak(&task->word, &word, next));
	if (word_state(next) == TASK_FREEING) {
		task_recycle(view, handle);
		return;
	}
	KK_POINT("T4");
	task_wake(view, task, next);
	/* Last, so that who buries us wakes them again. Others may have put the entry back by now; then it is not ours,
	 * and stays as it is. */
	KK_POINT("T5");
	kk_table_park(view->table, handle);
}

void task_fail(const struct view *view, uint32_t handle, int code, const char *text)
{
	struct task *task = view_task(view, handle);
	/* A holder who reads this sees FAILED first; one that was cancelled has nothing to read. */
	task->code = code;
	task->answer_page = 0;
	task->answer_bytes = (uint32_t)snprintf((char *)task->answer, INLINE, "%s", text);
	if (task->answer_bytes >= INLINE)
		task->answer_bytes = INLINE - 1;
	task_end(view, handle, TASK_FAILED);
}

void task_release(const struct view *view, uint32_t handle, uint64_t life, unsigned lane)
{
	struct task *task = view_task(view, handle);
	const uint64_t bit = UINT64_C(1) << lane;
	uint64_t word = atomic_load(&task->word), next;
	do {
		if (word_life(word) != life || !(word & bit))
			return;
		next = without(view, word, bit);
		KK_POINT("R1");
	} while (!atomic_compare_exchange_weak(&task->word, &word, next));
	if (word_state(next) == TASK_FREEING)
		task_recycle(view, handle);
}

bool task_hold(const struct view *view, uint32_t handle, uint64_t life, unsigned lane)
{
	struct task *task = view_task(view, handle);
	uint64_t word = atomic_load(&task->word);
	do {
		if (word_life(word) != life || !(word & LANE_MASK))
			return false;
	} while (!atomic_compare_exchange_weak(&task->word, &word, word | UINT64_C(1) << lane));
	return true;
}

bool task_watch(const struct view *view, uint32_t handle, uint64_t life)
{
	struct task *task = view_task(view, handle);
	uint64_t word = atomic_load(&task->word);
	do {
		if (word_life(word) != life || word_ended(word) || !(word & LANE_MASK))
			return false;
	} while (!(word & WATCHED) && !atomic_compare_exchange_weak(&task->word, &word, word | WATCHED));
	return true;
}

bool task_cancel(const struct view *view, uint32_t handle, uint64_t life)
{
	struct task *task = view_task(view, handle);
	uint64_t word = atomic_load(&task->word), next;
	do {
		if (word_life(word) != life || word_state(word) != TASK_PENDING)
			return word_life(word) == life && word_state(word) == TASK_CANCELLED;
		next = word_with(word, TASK_CANCELLED, 0);
		KK_POINT("C1");
	} while (!atomic_compare_exchange_weak(&task->word, &word, next));
	KK_POINT("C2");
	task_wake(view, task, next);
	return true;
}
