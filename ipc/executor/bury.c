/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/bury.c - what a seat had in hand when its sitter died or left: as a worker, as one who submits, as one
 * who lets go, as the keeper of a process. Every step looks at how the task stands and may be done again. */
#include "executor/layout.h"
#include "family/kinds.h"
#include "wait/point.h"

/* ---- a task that a worker had */

/* The post of the worker that sat in the seat: the mark of its death, or one made of where it took the task. */
static unsigned find_post(const struct view *view, uint64_t position, uint32_t *mark)
{
	struct executor_memory *memory = view->memory;
	for (unsigned i = 0; i < memory->posts; i++) {
		uint64_t sitting = atomic_load(&executor_post(memory, i)->sitting);
		if ((uint32_t)sitting == view->role) {
			*mark = (uint32_t)(sitting >> 32);
			return i;
		}
	}
	*mark = (uint32_t)position;
	return POST_UNKNOWN;
}

/* Charges the task with this death, once, however often we come here. Returns how many it has been charged with. */
static unsigned charge(const struct view *view, struct task *task, uint64_t position)
{
	uint32_t mark;
	unsigned post = find_post(view, position, &mark);
	uint32_t who = died_who(post, mark);
	uint64_t died = atomic_load(&task->died);
	while (died >> DIED_WHO_SHIFT != who) {
		uint64_t deaths = died_deaths(died) < DIED_DEATHS_MAX ? died_deaths(died) + 1 : DIED_DEATHS_MAX;
		uint64_t next = (uint64_t)who << DIED_WHO_SHIFT | deaths << DIED_DEATHS_SHIFT;
		if (atomic_compare_exchange_strong(&task->died, &died, next))
			died = next;
	}
	/* The warden writes the end down before it looks for the tasks that it concerns: one of us sees the other. */
	if (post != POST_UNKNOWN) {
		uint64_t end = atomic_load(&executor_post(view->memory, post)->end);
		if ((uint32_t)(end >> 32) == mark && !(died & DIED_END_MASK))
			(void)atomic_compare_exchange_strong(&task->died, &died, died | (end & DIED_END_MASK));
	}
	return died_deaths(died);
}

static int put_back(const struct view *view, uint32_t handle)
{
	int rc = kk_ring_put(view->work, handle, 0);
	if (rc == KK_OK)
		kk_ring_announce(view->work, 1);
	return rc;
}

/* It died of the task, or the task was just in its hand. */
static int settle_running(const struct view *view, uint32_t handle, uint64_t word, uint64_t position)
{
	struct task *task = view_task(view, handle);
	enum executor_state state = executor_state(view->memory);
	room_sweep(view->memory, ROOM_ANSWERS, handle);
	task->answer_page = 0;
	if (state == EXECUTOR_TERMINATED) {
		task_end(view, handle, TASK_CANCELLED);
		return KK_OK;
	}
	if (charge(view, task, position) > view->memory->retries || state > EXECUTOR_TERMINATED) {
		task_fail(view, handle, KK_ERR_DIED, "");
		return KK_OK;
	}
	KK_POINT("bury: again");
	/* Lanes may come and go meanwhile. */
	while (!atomic_compare_exchange_weak(&task->word, &word, word_with(word, TASK_PENDING, 0)))
		;
	return put_back(view, handle);
}

static int settle_taken(const struct view *view, uint32_t handle)
{
	struct task *task = view_task(view, handle);
	uint64_t own = kk_table_own_word(view->table, handle);
	struct kk_own apart = kk_table_own(view->table, handle);
	uint64_t word = atomic_load(&task->word);
	/* The word is of the life in which the dead one took it, if it is still its own. */
	if (kk_table_own_word(view->table, handle) != own)
		return KK_OK;
	if (!(word & LANE_TASK)) {
		task_wake(view, task, word | WATCHED);
		kk_table_park(view->table, handle);
		return KK_OK;
	}
	if (word_state(word) == TASK_RUNNING && word_role(word) == view->role)
		return settle_running(view, handle, word, apart.position);
	if (word_state(word) == TASK_PENDING && executor_state(view->memory) < EXECUTOR_STOPPED)
		return put_back(view, handle);
	/* Cancelled, or nobody will run it. */
	executor_refuse(view, handle);
	return KK_OK;
}

/* ---- a task that was being made */

static int settle_unmade(const struct view *view, uint32_t handle)
{
	struct task *task = view_task(view, handle);
	uint64_t word = atomic_load(&task->word);
	room_sweep(view->memory, ROOM_ARGS, handle);
	KK_POINT("bury: unmade");
	/* Nobody has heard of it. An undertaker of its keeper may be clearing the lane. */
	while (!atomic_compare_exchange_weak(&task->word, &word, word_make(word_life(word), TASK_FREE, 0, 0)))
		;
	int rc = kk_ring_put(view->free, handle, 0);
	if (rc == KK_OK)
		kk_ring_announce(view->free, 1);
	return rc;
}

/* ---- the walk */

/* Tasks that the dead one was about to put back: its own word tells whether it had begun to. */
static void finish_freeing(const struct view *view)
{
	for (uint32_t handle = 0; handle < kk_table_entries(view->table); handle++) {
		struct task *task = view_task(view, handle);
		uint64_t word = atomic_load(&task->word);
		if (word_state(word) != TASK_FREEING || word_role(word) != view->role)
			continue;
		struct kk_own own = kk_table_own(view->table, handle);
		bool begun = (own.state == KK_OWN_QUEUED || own.state == KK_OWN_CLAIMED) && own.ring == RING_FREE;
		if (begun || atomic_load(&task->word) != word)
			continue;
		room_sweep(view->memory, ROOM_ARGS, handle);
		room_sweep(view->memory, ROOM_ANSWERS, handle);
		task->args_page = task->answer_page = 0;
		task_recycle(view, handle);
	}
}

static int no_decisions(void *arg, uint32_t handle)
{
	(void)arg;
	(void)handle;
	return KK_ERR_CORRUPT;
}

static int settle_claimed(void *arg, uint32_t handle, unsigned ring)
{
	const struct view *view = arg;
	if (ring == RING_FREE)
		return settle_unmade(view, handle);
	return ring == RING_WORK ? settle_taken(view, handle) : KK_ERR_CORRUPT;
}

static struct kk_ring *find_ring(void *arg, unsigned number)
{
	const struct view *view = arg;
	return number == RING_FREE ? view->free : number == RING_WORK ? view->work : NULL;
}

static int never_full(void *arg, struct kk_ring *ring)
{
	(void)arg;
	(void)ring;
	return KK_ERR_CORRUPT;
}

/* A process that held futures is gone, or closes its handle. */
void executor_leave_lane(const struct view *view, unsigned lane)
{
	for (uint32_t handle = 0; handle < kk_table_entries(view->table); handle++)
		task_release(view, handle, word_life(atomic_load(&view_task(view, handle)->word)), lane);
}

static void leave_lanes(const struct view *view)
{
	for (unsigned i = 0; i < LANES; i++) {
		uint32_t seat = view->role;
		if (atomic_load(&view->memory->lane[i].seat) != seat)
			continue;
		executor_leave_lane(view, i);
		KK_POINT("bury: lane");
		(void)atomic_compare_exchange_strong(&view->memory->lane[i].seat, &seat, 0);
	}
}

static void leave_posts(const struct view *view)
{
	struct executor_memory *memory = view->memory;
	uint32_t spinner = view->role;
	(void)atomic_compare_exchange_strong(&memory->spinner, &spinner, 0);
	for (unsigned i = 0; i < memory->posts; i++) {
		struct post *post = executor_post(memory, i);
		uint64_t sitting = atomic_load(&post->sitting);
		if ((uint32_t)sitting == view->role)
			(void)atomic_compare_exchange_strong(&post->sitting, &sitting, 0);
	}
}

static int bury(struct kk_family *family, void *memory, uint64_t bytes, unsigned seat, bool left)
{
	struct view view;
	(void)family;
	(void)left;
	int rc = view_open(&view, memory, bytes, seat);
	if (rc < 0)
		return rc;
	struct kk_heir heir = {no_decisions, settle_claimed, find_ring, never_full, &view};
	finish_freeing(&view);
	rc = kk_table_inherit(view.table, &heir) < 0 ? KK_ERR_CORRUPT : KK_OK;
	leave_lanes(&view);
	leave_posts(&view);
	if (atomic_load(&view.memory->owner) == seat && executor_state(view.memory) != EXECUTOR_STOPPED)
		(void)executor_raise(&view, EXECUTOR_ORPHANED);
	if (executor_state(view.memory) >= EXECUTOR_STOPPED)
		executor_drain(&view);
	executor_stop_if_done(&view);
	executor_wake_all(&view);
	view_close(&view);
	return rc;
}

static int check(const void *memory, uint64_t bytes, struct kk_error *error)
{
	struct view view;
	int rc = view_open(&view, (struct executor_memory *)(uintptr_t)memory, bytes, 0);
	if (rc < 0)
		return kk_error_set(error, KK_ERR_CORRUPT, "an executor: its table or a ring was overwritten");
	rc = kk_ring_check(view.free, error);
	if (rc == KK_OK)
		rc = kk_ring_check(view.work, error);
	view_close(&view);
	return rc;
}

const struct kk_kind kk_kind_executor = {
    .name = "executor",
    .number = KK_KIND_EXECUTOR,
    .layout = EXECUTOR_LAYOUT,
    .bury = bury,
    .check = check,
};
