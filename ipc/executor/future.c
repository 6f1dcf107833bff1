/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/future.c - one future: its answer comes out of shared memory once, and is private from then on. */
#include "executor/handle.h"
#include <kakehi/process.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* It ended in a way that nobody knows any more: the task was forgotten. */
#define ENDED_MISSING (TASK_FREEING + 1)
/* How long word of how a worker died is waited for: its warden has it as soon as it is scheduled. */
#define PATIENCE_NS INT64_C(500000000)
#define SPIN_NS     INT64_C(20000)

static struct task *task_of(const struct kk_future *future)
{
	return view_task(&future->executor->look, future->handle);
}

static int ended_as(const struct kk_future *future)
{
	int ended = atomic_load_explicit(&future->ended, memory_order_acquire);
	/* A forked child may have closed what its parent's futures belong to. */
	return ended == 0 && atomic_load(&future->executor->closed) ? ENDED_MISSING : ended;
}

static void set_ended(struct kk_future *future, int as)
{
	/* release: answer and code are seen with it. */
	atomic_store_explicit(&future->ended, as, memory_order_release);
}

/* ---- what this process holds; under the lock */

static void list(struct kk_future *future)
{
	struct kk_executor *executor = future->executor;
	future->before = executor->last;
	future->after = NULL;
	if (executor->last)
		executor->last->after = future;
	else
		executor->first = future;
	executor->last = future;
	executor->held++;
	executor->holds[future->handle]++;
	atomic_store(&future->held, true);
}

/* Off the list; with the last future of this process the lane lets go of the task. */
static void let_go(struct kk_future *future, const struct view *view)
{
	struct kk_executor *executor = future->executor;
	if (!atomic_load(&future->held))
		return;
	if (future->before)
		future->before->after = future->after;
	else
		executor->first = future->after;
	if (future->after)
		future->after->before = future->before;
	else
		executor->last = future->before;
	executor->held--;
	atomic_store(&future->held, false);
	unsigned lane = atomic_load(&executor->lane);
	if (--executor->holds[future->handle] == 0 && lane != NO_LANE)
		task_release(view, future->handle, future->life, lane);
}

struct kk_future *future_new(struct kk_executor *executor, uint32_t handle, uint64_t life)
{
	struct kk_future *future = calloc(1, sizeof(*future));
	if (!future)
		return NULL;
	future->executor = executor;
	future->life = life;
	future->handle = handle;
	future->users = 1;
	pthread_mutex_lock(&executor->lock);
	executor->futures++;
	list(future);
	pthread_mutex_unlock(&executor->lock);
	return future;
}

void future_drop(struct kk_future *future)
{
	if (--future->users > 0)
		return;
	future->executor->futures--;
	while (future->callbacks) {
		struct callback *callback = future->callbacks;
		future->callbacks = callback->next;
		free(callback);
	}
	if (future->answer != future->small)
		free(future->answer);
	free(future);
}

/* ---- fetching; under the lock */

char *end_text(uint32_t end, char *to, size_t size)
{
	struct kk_process_end how = {
	    .exited = end & END_EXITED,
	    .code = end & END_EXITED ? (int)(end & 0xff) : 0,
	    .signal = end & END_EXITED ? 0 : (int)(end & 0xff),
	    .core = end & END_CORE,
	};
	to[0] = '\0';
	return end & END_KNOWN ? kk_process_obituary(&how, to, size) : to;
}

/* Room for the answer, with a NUL behind it for those that are text. */
static bool make_room(struct kk_future *future, size_t bytes)
{
	future->bytes = bytes;
	future->answer = bytes < sizeof(future->small) ? future->small : malloc(bytes + 1);
	if (future->answer)
		((char *)future->answer)[bytes] = '\0';
	return future->answer;
}

static bool fetch_answer(struct kk_future *future, struct task *task)
{
	if (!make_room(future, task->answer_bytes))
		return false;
	if (task->answer_page != 0)
		return room_get(future->executor->memory, ROOM_ANSWERS, task->answer_page, future->answer,
		                task->answer_bytes) == KK_OK;
	if (future->bytes > 0 && future->bytes <= INLINE)
		memcpy(future->answer, task->answer, future->bytes);
	return true;
}

static bool fetch_death(struct kk_future *future, const struct task *task)
{
	char how[64], text[160];
	uint64_t died = atomic_load(&task->died);
	end_text((uint32_t)(died & DIED_END_MASK), how, sizeof(how));
	int length = snprintf(text, sizeof(text), "its worker %s%s",
	                      how[0] == 'k' ? "was "
	                      : how[0]      ? "ended: "
	                                    : "",
	                      how[0] ? how : "died");
	if (died_deaths(died) > 1)
		length += snprintf(text + length, sizeof(text) - (size_t)length, ", as did %u before it",
		                   died_deaths(died) - 1);
	if (!make_room(future, (size_t)length))
		return false;
	memcpy(future->answer, text, (size_t)length);
	return true;
}

/* Is the answer ours to read? A forked child has to hold the task itself first. */
static bool hold(struct kk_future *future, const struct view *view)
{
	unsigned lane = atomic_load(&future->executor->lane);
	if (atomic_load(&future->held))
		return true;
	if (lane == NO_LANE || !task_hold(view, future->handle, future->life, lane)) {
		future->code = KK_ERR_MISSING;
		set_ended(future, ENDED_MISSING);
		return false;
	}
	list(future);
	return true;
}

bool future_fetch(struct kk_future *future, const struct view *view)
{
	if (ended_as(future) || !hold(future, view))
		return true;
	struct task *task = task_of(future);
	uint64_t word = atomic_load(&task->word);
	if (word_life(word) != future->life || !word_ended(word))
		return false;
	enum task_state state = word_state(word);
	future->code = state == TASK_CANCELLED ? KK_ERR_CANCELLED : task->code;
	bool fetched =
	    state == TASK_CANCELLED ||
	    (state == TASK_FAILED && task->code == KK_ERR_DIED && task->answer_bytes == 0 ? fetch_death(future, task)
	                                                                                  : fetch_answer(future, task));
	if (!fetched)
		return false;
	set_ended(future, state);
	let_go(future, view);
	return true;
}

bool future_settled(struct kk_future *future)
{
	if (ended_as(future))
		return true;
	const struct task *task = task_of(future);
	uint64_t word = atomic_load(&task->word);
	if (word_life(word) != future->life)
		return !atomic_load(&future->held);
	if (!word_ended(word))
		return false;
	if (word_state(word) != TASK_FAILED || task->code != KK_ERR_DIED || task->answer_bytes > 0 ||
	    (atomic_load(&task->died) & DIED_END_MASK) || future->executor->memory->threads)
		return true;
	/* How its worker died is told by the process that reaps it, if that is still there. */
	int64_t until = atomic_load(&future->patient_until_ns), now = kk_family_now();
	if (until == 0)
		atomic_store(&future->patient_until_ns, until = now + PATIENCE_NS);
	return now >= until || executor_state(future->executor->memory) == EXECUTOR_ORPHANED;
}

uint32_t futures_fetch(struct kk_executor *executor, const struct view *view)
{
	uint32_t fetched = 0;
	struct kk_future *next;
	for (struct kk_future *future = executor->first; future; future = next) {
		next = future->after;
		if (future_settled(future))
			fetched += future_fetch(future, view);
	}
	return fetched;
}

void futures_part(struct kk_executor *executor, const struct view *view)
{
	while (executor->first) {
		set_ended(executor->first, ENDED_MISSING);
		executor->first->code = KK_ERR_MISSING;
		if (view)
			let_go(executor->first, view);
		else
			executor->first = executor->first->after;
	}
	while (executor->watched) {
		struct kk_future *future = executor->watched;
		executor->watched = future->next_watched;
		future->is_watched = false;
		future_drop(future);
	}
	executor->done_first = NULL;
	executor->done_last = &executor->done_first;
}

/* ---- waiting */

/* A worker that sleeps leaves a processor to us. */
static bool worth_spinning(const struct kk_executor *executor)
{
	return executor->cpus > 1 && event_is_waited(kk_ring_items_event(executor->look.work));
}

static void spin(struct kk_future *future)
{
	if (!worth_spinning(future->executor))
		return;
	int64_t until = kk_family_now() + SPIN_NS;
	do {
		for (int i = 0; i < 64; i++) {
			if (kk_future_done(future))
				return;
			kk_relax();
		}
	} while (kk_family_now() < until);
}

static bool fetch(struct kk_future *future, const struct view *view)
{
	pthread_mutex_lock(&future->executor->lock);
	bool fetched = future_fetch(future, view);
	pthread_mutex_unlock(&future->executor->lock);
	return fetched;
}

int future_adopt(struct kk_future *future)
{
	if (ended_as(future) || atomic_load(&future->held))
		return KK_OK;
	struct view *view = executor_view(future->executor, NULL);
	int rc = view ? keeper_start(future->executor) : KK_ERR_FULL;
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&future->executor->lock);
	if (!ended_as(future))
		(void)hold(future, view);
	pthread_mutex_unlock(&future->executor->lock);
	return KK_OK;
}

/* Until it has ended and is fetched. KK_OK, KK_ERR_TIMEOUT, KK_ERR_MEMORY, KK_ERR_FULL. */
static int await_end(struct kk_future *future, int timeout_ms)
{
	struct kk_executor *executor = future->executor;
	int64_t deadline_ns = timeout_ms <= 0 ? timeout_ms : kk_family_deadline(timeout_ms);
	unsigned round = 0;
	int rc = KK_OK;
	if (ended_as(future))
		return KK_OK;
	struct task *task = task_of(future);
	struct view *view = executor_view(executor, NULL);
	if (!view)
		return KK_ERR_FULL;
	rc = future_adopt(future);
	if (rc < 0)
		return rc;
	if (timeout_ms != 0 && !kk_future_done(future))
		spin(future);
	while (rc == KK_OK && !future_settled(future)) {
		uint32_t ticket = kk_event_prepare(&task->ended);
		if (future_settled(future))
			break;
		rc = kk_family_sleep(executor->object.family, &task->ended, ticket, deadline_ns, &round);
	}
	/* Also if it is not settled, but has ended: then time is over for learning more. */
	if (fetch(future, view))
		return KK_OK;
	return rc == KK_ERR_TIMEOUT ? rc : KK_ERR_MEMORY;
}

static int outcome(const struct kk_future *future, struct kk_error *error)
{
	const char *text = future->answer ? future->answer : "";
	switch (ended_as(future)) {
	case TASK_DONE:
		return KK_OK;
	case TASK_CANCELLED:
		return kk_error_set(error, KK_ERR_CANCELLED, "the task was cancelled");
	case ENDED_MISSING:
		return kk_error_set(error, KK_ERR_MISSING, "the future is forgotten");
	default:
		break;
	}
	if (future->code == KK_ERR_DIED || future->code == KK_ERR_BROKEN)
		return kk_error_set(error, future->code, "%s", text);
	return kk_error_set(error, KK_ERR_FAILED, "%s", text[0] ? text : "the function failed");
}

static int await_outcome(struct kk_future *future, int timeout_ms, struct kk_error *error)
{
	int rc = await_end(future, timeout_ms);
	if (rc == KK_ERR_TIMEOUT)
		return kk_error_set(error, rc, "the task has not ended yet");
	return rc < 0 ? kk_error_set(error, rc, "cannot fetch the answer") : outcome(future, error);
}

int kk_future_result(struct kk_future *future, int timeout_ms, const void **data, size_t *bytes, struct kk_error *error)
{
	int rc = await_outcome(future, timeout_ms, error);
	if (data)
		*data = rc == KK_OK ? future->answer : NULL;
	if (bytes)
		*bytes = rc == KK_OK ? future->bytes : 0;
	return rc;
}

int kk_future_exception(struct kk_future *future, int timeout_ms, int *code, struct kk_error *error)
{
	int rc = await_outcome(future, timeout_ms, error);
	if (code)
		*code = rc == KK_ERR_FAILED ? future->code : rc;
	return rc;
}

/* ---- asking */

bool kk_future_done(struct kk_future *future)
{
	if (ended_as(future))
		return true;
	uint64_t word = atomic_load(&task_of(future)->word);
	/* Of another life: it was fetched just now, or is forgotten. */
	return word_life(word) == future->life ? word_ended(word) : !atomic_load(&future->held);
}

bool kk_future_running(struct kk_future *future)
{
	if (ended_as(future))
		return false;
	uint64_t word = atomic_load(&task_of(future)->word);
	return word_life(word) == future->life && word_state(word) == TASK_RUNNING;
}

bool kk_future_cancelled(struct kk_future *future)
{
	uint64_t word = atomic_load(&task_of(future)->word);
	int ended = ended_as(future);
	return ended ? ended == TASK_CANCELLED : word_life(word) == future->life && word_state(word) == TASK_CANCELLED;
}

bool kk_future_cancel(struct kk_future *future)
{
	struct view *view = ended_as(future) ? NULL : executor_view(future->executor, NULL);
	if (!view)
		return ended_as(future) == TASK_CANCELLED;
	return task_cancel(view, future->handle, future->life);
}

/* ---- references */

uint64_t kk_future_ref(const struct kk_future *future)
{
	return future->life << 24 | future->handle;
}

struct kk_future *kk_future_open(struct kk_executor *executor, uint64_t ref, struct kk_error *error)
{
	uint32_t handle = ref & 0xffffff;
	struct view *view = executor_view(executor, error);
	if (!view)
		return NULL;
	int rc = keeper_start(executor);
	struct kk_future *future = NULL;
	if (rc == KK_OK && handle >= executor->memory->entries)
		rc = KK_ERR_MISSING;
	if (rc == KK_OK && !(future = calloc(1, sizeof(*future))))
		rc = KK_ERR_MEMORY;
	if (rc < 0) {
		kk_error_set(error, rc, "cannot open the future");
		return NULL;
	}
	future->executor = executor;
	future->life = ref >> 24;
	future->handle = handle;
	future->users = 1;
	pthread_mutex_lock(&executor->lock);
	executor->futures++;
	bool held = hold(future, view);
	if (!held)
		future_drop(future);
	pthread_mutex_unlock(&executor->lock);
	if (held)
		return future;
	kk_error_set(error, KK_ERR_MISSING, "the future is forgotten");
	return NULL;
}

void kk_future_free(struct kk_future *future)
{
	if (!future)
		return;
	struct kk_executor *executor = future->executor;
	/* One that has ended is held by nobody, and may have outlived its executor. */
	struct view *view = ended_as(future) ? NULL : executor_view(executor, NULL);
	pthread_mutex_lock(&executor->lock);
	/* Nobody is to hear of it any more, but by its callbacks. */
	if (future->watch_wanted)
		future_unwatch(future);
	if (!future->callbacks) {
		if (view)
			let_go(future, view);
		if (!ended_as(future))
			set_ended(future, ENDED_MISSING);
	}
	future_drop(future);
	bool last = executor->closed && executor->futures == 0;
	pthread_mutex_unlock(&executor->lock);
	if (last)
		executor_free(executor);
}

/* ---- being told */

int kk_future_add_done_callback(struct kk_future *future, void (*call)(struct kk_future *future, void *arg), void *arg)
{
	struct kk_executor *executor = future->executor;
	if (ended_as(future) && !atomic_load(&future->is_watched)) {
		call(future, arg);
		return KK_OK;
	}
	struct callback *callback = malloc(sizeof(*callback));
	struct view *view = executor_view(executor, NULL);
	int rc = callback && view ? future_adopt(future) : KK_ERR_MEMORY;
	if (rc < 0) {
		free(callback);
		return rc;
	}
	*callback = (struct callback){call, arg, NULL};
	pthread_mutex_lock(&executor->lock);
	bool later = future_put_under_watch(future, view);
	struct callback **end = &future->callbacks;
	while (*end)
		end = &(*end)->next;
	if (later)
		*end = callback;
	pthread_mutex_unlock(&executor->lock);
	if (!later) {
		call(future, arg);
		free(callback);
	}
	return KK_OK;
}

int kk_future_watch(struct kk_future *future)
{
	struct kk_executor *executor = future->executor;
	if (executor->closed)
		return KK_ERR_CLOSED;
	struct view *view = executor_view(executor, NULL);
	int rc = view ? future_adopt(future) : KK_ERR_FULL;
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&executor->lock);
	bool before = future->watch_wanted;
	future->watch_wanted = true;
	if (!future_put_under_watch(future, view) && !before)
		future_tell(future);
	pthread_mutex_unlock(&executor->lock);
	return KK_OK;
}
