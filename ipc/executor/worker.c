/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/worker.c - what a worker does, process or thread: takes a task, runs it, says how it ended. */
#include "executor/handle.h"
#include "function/answer.h"
#include "wait/point.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPIN_NS INT64_C(20000)

/* Private memory that grows. */
struct heap {
	void *memory;
	size_t room;
};

struct worker {
	struct kk_executor *executor;
	struct executor_memory *memory;
	struct view *view;
	struct post *post;
	void *state; /* of init */
	uint64_t done;
	bool looking; /* it is the one that looks for work without sleeping */
	struct heap args, chunk;
	struct kk_answer answer;
};

/* ---- memory */

static bool reserve(struct heap *heap, size_t bytes)
{
	if (bytes <= heap->room)
		return true;
	size_t room = heap->room ? heap->room : 4096;
	while (room < bytes)
		room *= 2;
	void *memory = realloc(heap->memory, room);
	if (!memory)
		return false;
	*heap = (struct heap){memory, room};
	return true;
}

static uint64_t answer_max(const struct executor_memory *memory)
{
	return (uint64_t)memory->page_count[ROOM_ANSWERS] * PAGE;
}

static int grow_answer(struct kk_answer *answer, size_t bytes)
{
	const struct worker *worker = answer->context;
	struct heap heap = {answer->memory, answer->room};
	if (bytes > answer_max(worker->memory) || !reserve(&heap, bytes))
		return KK_ERR_NO_ROOM;
	answer->memory = heap.memory;
	answer->room = heap.room;
	return KK_OK;
}

/* ---- one task */

static kk_function *find_function(const struct worker *worker, const struct task *task)
{
	if (task->image == worker->executor->image)
		return task->function;
	return task->name[0] ? kk_function_find(task->name) : NULL;
}

/* Where the arguments lie: in the entry, or copied out of their pages; realloc's memory is aligned to 16 bytes. */
static const void *find_args(struct worker *worker, const struct task *task)
{
	if (task->args_page == 0)
		return task->args;
	if (!reserve(&worker->args, task->args_bytes) ||
	    room_get(worker->memory, ROOM_ARGS, task->args_page, worker->args.memory, task->args_bytes) < 0)
		return NULL;
	return worker->args.memory;
}

/* KK_ERR_CANCELLED: the executor was terminated meanwhile. */
static int store_answer(struct worker *worker, uint32_t handle, const void *from, size_t bytes)
{
	struct task *task = view_task(worker->view, handle);
	struct kk_event *event = &worker->memory->pages[ROOM_ANSWERS].room;
	unsigned round = 0;
	task->answer_bytes = (uint32_t)bytes;
	if (bytes <= INLINE) {
		if (bytes > 0)
			memcpy(task->answer, from, bytes);
		return KK_OK;
	}
	for (;;) {
		uint32_t ticket = kk_event_prepare(event);
		int rc = room_put(worker->memory, ROOM_ANSWERS, handle, from, bytes, &task->answer_page);
		if (rc != KK_ERR_NO_ROOM)
			return rc;
		if (executor_state(worker->memory) == EXECUTOR_TERMINATED)
			return KK_ERR_CANCELLED;
		/* What has ended lies here until its holders fetch it: their keepers do. */
		executor_press(worker->memory);
		(void)kk_family_sleep(worker->executor->object.family, event, ticket, -1, &round);
	}
}

static void fail(struct worker *worker, uint32_t handle, int code)
{
	const struct kk_answer *answer = &worker->answer;
	char text[64];
	if (answer->failed && answer->text[0]) {
		task_fail(worker->view, handle, code, answer->text);
		return;
	}
	if (code < 0)
		snprintf(text, sizeof(text), "the function failed: %s", kk_status_text(code));
	else
		snprintf(text, sizeof(text), "the function returned %d", code);
	task_fail(worker->view, handle, code, text);
}

static int call(struct worker *worker, kk_function *function, const void *args, size_t bytes)
{
	struct kk_call one = {
	    .args = args,
	    .args_bytes = bytes,
	    .family = worker->executor->object.family,
	    .state = worker->state,
	    .answer = &worker->answer,
	};
	kk_answer_clear(&worker->answer);
	return function(&one);
}

/* The answers of several calls, one behind the other: length, bytes, up to the next multiple of 8. The first call that
 * fails is the end. */
static int call_each(struct worker *worker, kk_function *function, const unsigned char *args, size_t bytes, size_t each,
                     size_t *answered)
{
	uint64_t at = 0;
	for (size_t i = 0; i < bytes; i += each) {
		int code = call(worker, function, args + i, each);
		uint64_t length = worker->answer.bytes, whole = sizeof(length) + ((length + 7) & ~UINT64_C(7));
		if (code != 0)
			return code;
		if (at + whole > answer_max(worker->memory) || !reserve(&worker->chunk, at + whole)) {
			worker->answer.failed = true;
			snprintf(worker->answer.text, sizeof(worker->answer.text),
			         "the answers of a chunk are larger than the room for answers");
			return KK_ERR_NO_ROOM;
		}
		memcpy((char *)worker->chunk.memory + at, &length, sizeof(length));
		if (length > 0)
			memcpy((char *)worker->chunk.memory + at + sizeof(length), worker->answer.memory, length);
		at += whole;
	}
	*answered = at;
	return KK_OK;
}

static int run(struct worker *worker, const struct task *task, const void **answer, size_t *bytes)
{
	kk_function *function = find_function(worker, task);
	const void *args = find_args(worker, task);
	int code;
	kk_answer_clear(&worker->answer);
	if (!function || !args) {
		worker->answer.failed = true;
		snprintf(worker->answer.text, sizeof(worker->answer.text), "%s",
		         function ? "the worker has no memory for the arguments"
		                  : "the worker does not know the function: it is not registered there");
		return function ? KK_ERR_MEMORY : KK_ERR_MISSING;
	}
	if (task->item_bytes > 0) {
		code = call_each(worker, function, args, task->args_bytes, task->item_bytes, bytes);
		*answer = worker->chunk.memory;
	} else {
		code = call(worker, function, args, task->args_bytes);
		*answer = worker->answer.memory;
		*bytes = worker->answer.bytes;
	}
	return code;
}

static void work(struct worker *worker, uint32_t handle)
{
	struct task *task = view_task(worker->view, handle);
	uint64_t word = atomic_load(&task->word);
	const void *answer = NULL;
	size_t bytes = 0;
	do {
		if (word_state(word) != TASK_PENDING || executor_state(worker->memory) >= EXECUTOR_STOPPED) {
			executor_refuse(worker->view, handle);
			return;
		}
		KK_POINT("T1");
	} while (!atomic_compare_exchange_weak(&task->word, &word, word_with(word, TASK_RUNNING, worker->view->role)));
	KK_POINT("T2");
	int code = run(worker, task, &answer, &bytes);
	int rc = code == 0 ? store_answer(worker, handle, answer, bytes) : KK_OK;
	/* Counted before it is seen to have ended. */
	atomic_store_explicit(&worker->post->done, atomic_load_explicit(&worker->post->done, memory_order_relaxed) + 1,
	                      memory_order_relaxed);
	if (code != 0 || (rc < 0 && rc != KK_ERR_CANCELLED))
		fail(worker, handle, code != 0 ? code : rc);
	else
		task_end(worker->view, handle, rc == KK_OK ? TASK_DONE : TASK_CANCELLED);
	worker->done++;
}

/* ---- looking for work */

/* One worker at a time looks for a while before it sleeps; as long as it does, nobody who submits has to wake anybody.
 */
static bool look(struct worker *worker)
{
	uint32_t nobody = 0;
	if (worker->executor->cpus < 2 ||
	    (!worker->looking &&
	     !atomic_compare_exchange_strong(&worker->memory->spinner, &nobody, worker->view->role)))
		return false;
	worker->looking = true;
	int64_t until = kk_family_now() + SPIN_NS;
	do {
		for (int i = 0; i < 64; i++) {
			if (kk_ring_count(worker->view->work) > 0)
				return true;
			kk_relax();
		}
	} while (kk_family_now() < until && executor_state(worker->memory) == EXECUTOR_OPEN);
	return false;
}

/* Whoever submitted while we looked has woken nobody: we do, if there is more than we take. */
static void stop_looking(struct worker *worker)
{
	if (!worker->looking)
		return;
	worker->looking = false;
	atomic_store(&worker->memory->spinner, 0);
	atomic_thread_fence(memory_order_seq_cst);
	if (kk_ring_count(worker->view->work) > 0)
		kk_ring_announce(worker->view->work, 1);
}

static void await_work(struct worker *worker, unsigned *round)
{
	struct kk_event *event = kk_ring_items_event(worker->view->work);
	if (look(worker))
		return;
	stop_looking(worker);
	executor_stop_if_done(worker->view);
	uint32_t ticket = kk_event_prepare(event);
	if (kk_ring_count(worker->view->work) > 0 || executor_state(worker->memory) >= EXECUTOR_STOPPED)
		return;
	(void)kk_family_sleep(worker->executor->object.family, event, ticket, -1, round);
}

static int serve(struct worker *worker)
{
	const uint32_t share = worker->memory->share;
	unsigned round = 0;
	while (executor_state(worker->memory) < EXECUTOR_STOPPED && (share == 0 || worker->done < share)) {
		uint32_t handle;
		int rc = kk_ring_take(worker->view->work, &handle, 1);
		if (rc == 1) {
			stop_looking(worker);
			work(worker, handle);
			round = 0;
		} else if (rc == KK_ERR_EMPTY) {
			await_work(worker, &round);
		} else {
			return KK_ERR_CORRUPT;
		}
	}
	stop_looking(worker);
	executor_stop_if_done(worker->view);
	return KK_OK;
}

/* ---- from the first to the last */

static kk_function *resolve(const struct worker *worker, const struct function_name *function, uint64_t image)
{
	if (image == worker->executor->image)
		return function->function;
	return function->name[0] ? kk_function_find(function->name) : NULL;
}

static int start(struct worker *worker)
{
	struct executor_memory *memory = worker->memory;
	if (!memory->init.function)
		return KK_OK;
	kk_function *init = resolve(worker, &memory->init, memory->maker_image);
	struct kk_call one = {
	    .args = memory->init_args,
	    .args_bytes = memory->init_bytes,
	    .family = worker->executor->object.family,
	    .answer = &worker->answer,
	};
	kk_answer_clear(&worker->answer);
	int code = init ? init(&one) : KK_ERR_MISSING;
	worker->state = one.state;
	return code;
}

static void refuse_post(struct worker *worker, int code)
{
	struct post *post = worker->post;
	const char *text = worker->answer.failed ? worker->answer.text : "";
	char number[32];
	snprintf(number, sizeof(number), "it returned %d", code);
	if (!text[0])
		text = code < 0 ? kk_status_text(code) : number;
	snprintf(post->reason, sizeof(post->reason), "init failed in a worker: %.200s", text);
	atomic_store(&post->state, POST_REFUSED);
}

static void finish(struct worker *worker)
{
	struct executor_memory *memory = worker->memory;
	kk_function *fini = memory->fini.function ? resolve(worker, &memory->fini, memory->maker_image) : NULL;
	struct kk_call one = {.family = worker->executor->object.family, .state = worker->state};
	if (fini)
		(void)fini(&one);
}

int worker_run(struct kk_executor *executor, unsigned i, uint32_t incarnation)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	struct view *view = executor_view(executor, NULL);
	int rc = worker && view ? KK_OK : KK_ERR_MEMORY;
	uint64_t unknown = 0;
	if (rc < 0)
		goto out;
	*worker = (struct worker){
	    .executor = executor,
	    .memory = executor->memory,
	    .view = view,
	    .post = executor_post(executor->memory, i),
	    .answer = {.grow = grow_answer, .context = worker},
	};
	atomic_store(&worker->post->pid, (uint32_t)getpid());
	atomic_store(&worker->post->sitting, (uint64_t)incarnation << 32 | view->role);
	(void)atomic_compare_exchange_strong(&executor->memory->image, &unknown, executor->image);
	rc = start(worker);
	if (rc != 0) {
		refuse_post(worker, rc);
		rc = rc < 0 ? rc : KK_ERR_FAILED;
		goto out;
	}
	atomic_store(&worker->post->state, POST_READY);
	rc = serve(worker);
	finish(worker);
	atomic_store(&worker->post->state, POST_RELIEVED);
out:
	if (worker) {
		free(worker->args.memory);
		free(worker->chunk.memory);
		free(worker->answer.memory);
	}
	free(worker);
	return rc;
}
