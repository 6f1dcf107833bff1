/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/crew.c - the workers of an executor, as the process that made it keeps them: the warden is a thread that
 * starts them, learns how they end, and replaces them. Worker threads need no warden. */
#include "executor/handle.h"
#include <errno.h>
#include <kakehi/process.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { STILLBORN_MAX = 3, NAME_BYTES = 32 };

#define DELAY_FIRST_NS INT64_C(100000000)
#define DELAY_LAST_NS  INT64_C(5000000000)
#define QUICK_NS       INT64_C(1000000000)
#define WORD_MS        1000 /* for the server to say how a worker has ended */

struct hand {
	struct crew *crew;
	unsigned post;
	struct kk_process *process; /* NULL: none now */
	uint32_t incarnation;
	int64_t started_ns, due_ns; /* the next one is started then, if there is none */
	uint64_t done_before;
	unsigned quick; /* how many in a row died at once, without a task done */
};

struct crew {
	struct kk_executor *executor;
	unsigned count;
	struct kk_process_server *server;
	bool own_server, silent; /* silent: it did not answer the last time, as one that is stopped */
	char name[NAME_BYTES];
	int bell; /* eventfd: something has changed for the warden */
	bool has_warden;
	pthread_t warden;
	pthread_mutex_t lock; /* of who joins, and of what follows */
	pthread_cond_t changed;
	unsigned threads; /* workers that are threads and run */
	unsigned stillborn;
	struct hand hand[];
};

/* ---- breaking down */

static void break_down(struct kk_executor *executor, const char *text)
{
	struct view *view = executor_view(executor, NULL);
	pthread_mutex_lock(&executor->lock);
	/* Written once, before anybody may read it. */
	if (executor_state(executor->memory) < EXECUTOR_BROKEN)
		snprintf(executor->memory->reason, REASON_ROOM, "%.*s", REASON_ROOM - 1, text);
	if (view)
		(void)executor_raise(view, EXECUTOR_BROKEN);
	pthread_mutex_unlock(&executor->lock);
	if (view)
		executor_drain(view);
}

/* ---- worker processes */

struct posting {
	uint64_t ref;
	uint32_t post, incarnation;
};

/* What a worker process is started for. */
static int kk_executor_work(struct kk_call *call)
{
	struct posting posting;
	struct kk_error error;
	if (call->args_bytes != sizeof(posting))
		return KK_ERR_INVALID;
	memcpy(&posting, call->args, sizeof(posting));
	struct kk_executor *executor = kk_executor_open(call->family, posting.ref, &error);
	if (!executor)
		return error.code;
	int rc = worker_run(executor, posting.post, posting.incarnation);
	kk_executor_close(executor);
	return rc == 0 ? 0 : 1;
}
KK_FUNCTION(kk_executor_work)

static uint32_t pack_end(const struct kk_process_end *end)
{
	return END_KNOWN | (end->core ? END_CORE : 0) |
	       (end->exited ? END_EXITED | (uint32_t)end->code : (uint32_t)end->signal);
}

/* Says how the worker ended where its task is charged with it. Whoever buries looks at the post after he has charged.
 */
static void record_end(struct kk_executor *executor, const struct hand *hand, uint32_t end)
{
	const struct view *view = &executor->look;
	const uint32_t who = died_who(hand->post, hand->incarnation);
	atomic_store(&executor_post(executor->memory, hand->post)->end, (uint64_t)hand->incarnation << 32 | end);
	(void)kk_family_bury(executor->object.family);
	for (uint32_t handle = 0; handle < executor->memory->entries; handle++) {
		struct task *task = view_task(view, handle);
		uint64_t died = atomic_load(&task->died);
		if (died >> DIED_WHO_SHIFT != who || (died & DIED_END_MASK))
			continue;
		if (atomic_compare_exchange_strong(&task->died, &died, died | end))
			task_wake(view, task, atomic_load(&task->word) | WATCHED);
	}
}

static int64_t delay_after(unsigned times)
{
	int64_t delay = DELAY_FIRST_NS << (times < 6 ? times : 6);
	return delay < DELAY_LAST_NS ? delay : DELAY_LAST_NS;
}

/* When is it to be replaced? Such as die at once, again and again, are given time. */
static void plan_successor(struct hand *hand, enum post_state state, const struct kk_process_end *end)
{
	struct crew *crew = hand->crew;
	struct post *post = executor_post(crew->executor->memory, hand->post);
	char text[REASON_ROOM], how[64];
	int64_t now = kk_family_now();
	hand->due_ns = now;
	switch (state) {
	case POST_REFUSED:
		break_down(crew->executor, post->reason);
		return;
	case POST_STARTING:
		if (++crew->stillborn < STILLBORN_MAX) {
			hand->due_ns = now + delay_after(crew->stillborn);
			return;
		}
		snprintf(text, sizeof(text), "workers end before they are ready: %s",
		         crew->silent ? "their fork server does not say how"
		                      : kk_process_obituary(end, how, sizeof(how)));
		break_down(crew->executor, text);
		return;
	default:
		break;
	}
	crew->stillborn = 0;
	bool quick =
	    now - hand->started_ns < QUICK_NS && atomic_load(&post->done) == hand->done_before && state == POST_READY;
	hand->quick = quick ? hand->quick + 1 : 0;
	if (hand->quick > 1)
		hand->due_ns = now + delay_after(hand->quick - 2);
}

/* It has ended; how, its server says, unless that is stopped: then nobody knows. Only one of several waits for that. */
static void bury_worker(struct hand *hand)
{
	struct crew *crew = hand->crew;
	struct kk_executor *executor = crew->executor;
	struct post *post = executor_post(executor->memory, hand->post);
	struct kk_process_end end = {0};
	int rc = kk_process_wait(hand->process, crew->silent ? 0 : WORD_MS, &end);
	crew->silent = rc == KK_ERR_TIMEOUT;
	enum post_state state = (enum post_state)atomic_load(&post->state);
	atomic_store(&post->pid, 0);
	atomic_store(&post->state, POST_EMPTY);
	if (rc == KK_OK)
		record_end(executor, hand, pack_end(&end));
	kk_process_free(hand->process);
	hand->process = NULL;
	if (executor_state(executor->memory) < EXECUTOR_STOPPED)
		plan_successor(hand, state, &end);
}

static void start_worker(struct hand *hand)
{
	struct crew *crew = hand->crew;
	struct kk_executor *executor = crew->executor;
	struct post *post = executor_post(executor->memory, hand->post);
	struct kk_error error = {0};
	char name[NAME_BYTES + 16];
	struct posting posting = {executor->object.ref, hand->post, ++hand->incarnation & 0xfffff};
	hand->incarnation = posting.incarnation;
	snprintf(name, sizeof(name), "%s-%u", crew->name, hand->post + 1);
	struct kk_process_spec spec = {
	    .call = kk_executor_work,
	    .args = &posting,
	    .args_bytes = sizeof(posting),
	    .method = KK_START_FORKSERVER,
	    .server = crew->server,
	    .family = executor->object.family,
	    .name = name,
	    .daemon = true,
	};
	hand->started_ns = kk_family_now();
	hand->done_before = atomic_load(&post->done);
	atomic_store(&post->state, POST_STARTING);
	hand->process = kk_process_spawn(&spec, &error);
	if (hand->process) {
		crew->silent = false;
		return;
	}
	crew->silent = error.code == KK_ERR_TIMEOUT;
	atomic_store(&post->state, POST_EMPTY);
	if (error.code == KK_ERR_DIED || ++crew->stillborn >= STILLBORN_MAX) {
		kk_error_wrap(&error, "cannot start a worker");
		break_down(executor, error.text);
	}
	hand->due_ns = hand->started_ns + delay_after(crew->stillborn);
}

/* Starts those that are due; returns in how many milliseconds the next one is, -1: none. A server that does not answer
 * is asked for one only. */
static int start_due(struct crew *crew)
{
	int64_t now = kk_family_now(), next = INT64_MAX;
	bool in_vain = false;
	for (unsigned i = 0; i < crew->count; i++) {
		struct hand *hand = &crew->hand[i];
		if (hand->process || executor_state(crew->executor->memory) >= EXECUTOR_STOPPED)
			continue;
		if (hand->due_ns <= now && !in_vain) {
			start_worker(hand);
			in_vain = !hand->process && crew->silent;
		}
		if (!hand->process && hand->due_ns < next)
			next = hand->due_ns;
	}
	if (next == INT64_MAX)
		return -1;
	return next > now ? (int)((next - now) / 1000000 + 1) : 0;
}

static unsigned count_living(const struct crew *crew)
{
	unsigned living = 0;
	for (unsigned i = 0; i < crew->count; i++)
		living += crew->hand[i].process != NULL;
	return living;
}

static void kill_all(struct crew *crew)
{
	for (unsigned i = 0; i < crew->count; i++) {
		if (crew->hand[i].process)
			(void)kk_process_kill(crew->hand[i].process, SIGKILL);
	}
}

static void await_change(struct crew *crew, struct pollfd *polled, int timeout_ms)
{
	uint64_t rung;
	for (unsigned i = 0; i < crew->count; i++) {
		struct kk_process *process = crew->hand[i].process;
		polled[i] = (struct pollfd){.fd = process ? kk_process_pidfd(process) : -1, .events = POLLIN};
	}
	polled[crew->count] = (struct pollfd){.fd = crew->bell, .events = POLLIN};
	if (poll(polled, crew->count + 1, timeout_ms) <= 0)
		return;
	if (polled[crew->count].revents && read(crew->bell, &rung, sizeof(rung)) < 0) {
		/* Somebody's ring was seen before. */
	}
	for (unsigned i = 0; i < crew->count; i++) {
		if (polled[i].revents)
			bury_worker(&crew->hand[i]);
	}
}

static void *ward(void *arg)
{
	struct crew *crew = arg;
	struct kk_executor *executor = crew->executor;
	struct pollfd polled[KK_EXECUTOR_WORKERS + 1];
	for (;;) {
		enum executor_state state = executor_state(executor->memory);
		int timeout_ms = start_due(crew);
		if (state == EXECUTOR_TERMINATED)
			kill_all(crew);
		if (state >= EXECUTOR_STOPPED && count_living(crew) == 0)
			break;
		await_change(crew, polled, timeout_ms);
	}
	(void)kk_family_leave(executor->object.family);
	thread_ended();
	return NULL;
}

/* ---- worker threads */

static void leave_thread(struct hand *hand)
{
	struct crew *crew = hand->crew;
	(void)kk_family_leave(crew->executor->object.family);
	thread_ended();
	pthread_mutex_lock(&crew->lock);
	crew->threads--;
	pthread_cond_broadcast(&crew->changed);
	pthread_mutex_unlock(&crew->lock);
}

static void *work_as_thread(void *arg);

static int start_thread(struct hand *hand)
{
	pthread_t thread;
	struct crew *crew = hand->crew;
	pthread_mutex_lock(&crew->lock);
	crew->threads++;
	pthread_mutex_unlock(&crew->lock);
	int rc = thread_start(&thread, work_as_thread, hand);
	if (rc == KK_OK) {
		(void)pthread_detach(thread);
		return KK_OK;
	}
	pthread_mutex_lock(&crew->lock);
	crew->threads--;
	pthread_mutex_unlock(&crew->lock);
	return rc;
}

/* A task has called pthread_exit: it failed, and somebody else takes the post. */
static void replace_thread(void *arg)
{
	struct hand *hand = arg;
	if (start_thread(hand) < 0)
		break_down(hand->crew->executor, "cannot start another worker thread");
	leave_thread(hand);
}

static int run_as_thread(struct hand *hand)
{
	struct kk_executor *executor = hand->crew->executor;
	int rc = KK_OK;
	while (rc == KK_OK && executor_state(executor->memory) < EXECUTOR_STOPPED)
		rc = worker_run(executor, hand->post, ++hand->incarnation);
	return rc;
}

static void *work_as_thread(void *arg)
{
	struct hand *hand = arg;
	struct kk_executor *executor = hand->crew->executor;
	const struct post *post = executor_post(executor->memory, hand->post);
	pthread_cleanup_push(replace_thread, hand);
	if (run_as_thread(hand) != KK_OK)
		break_down(executor,
		           atomic_load(&post->state) == POST_REFUSED ? post->reason : "a worker thread cannot work");
	pthread_cleanup_pop(0);
	leave_thread(hand);
	return NULL;
}

/* ---- all of them */

/* Where new workers come from. A fork of this process knows all its functions, but is right only for a process that has
 * no threads; else the program is started anew. */
static int get_server(struct crew *crew, struct kk_process_server *given, struct kk_error *error)
{
	struct kk_executor *executor = crew->executor;
	crew->server = given;
	if (given)
		return KK_OK;
	bool fork = threads_are_ours();
	crew->server = kk_process_server_start(fork ? KK_START_FORK : KK_START_SPAWN, error);
	crew->own_server = crew->server;
	if (!crew->server)
		return KK_ERR_SYSTEM;
	atomic_store(&executor->memory->image, fork ? executor->image : IMAGE_OTHER);
	return KK_OK;
}

/* A process that ends without closing its executors: their workers go first, before anybody takes their ends for
 * deaths. */
static void watch_exit(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)pthread_once(&once, handles_end_at_exit);
}

static int start_threads(struct crew *crew, struct kk_error *error)
{
	atomic_store(&crew->executor->memory->image, crew->executor->image);
	for (unsigned i = 0; i < crew->count; i++) {
		if (start_thread(&crew->hand[i]) < 0)
			return kk_error_set(error, KK_ERR_MEMORY, "cannot start a thread");
	}
	return KK_OK;
}

static int start_processes(struct crew *crew, const struct kk_executor_spec *spec, struct kk_error *error)
{
	int rc = get_server(crew, spec->server, error);
	if (rc < 0)
		return rc;
	/* The first ones here, so that who cannot have workers is told at once. */
	(void)start_due(crew);
	if (executor_state(crew->executor->memory) == EXECUTOR_BROKEN)
		return kk_error_set(error, KK_ERR_BROKEN, "%s", crew->executor->memory->reason);
	watch_exit();
	crew->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (crew->bell < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "cannot make an eventfd");
	rc = thread_start(&crew->warden, ward, crew);
	if (rc < 0)
		return kk_error_set(error, rc, "cannot start a thread");
	crew->has_warden = true;
	return KK_OK;
}

int crew_start(struct kk_executor *executor, const struct kk_executor_spec *spec, struct kk_error *error)
{
	unsigned count = executor->memory->posts;
	struct crew *crew = calloc(1, sizeof(*crew) + count * sizeof(crew->hand[0]));
	if (!crew)
		return kk_error_set(error, KK_ERR_MEMORY, "no memory for %u workers", count);
	crew->executor = executor;
	crew->count = count;
	crew->bell = -1;
	snprintf(crew->name, sizeof(crew->name), "%s", spec->name ? spec->name : "worker");
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->changed, NULL);
	for (unsigned i = 0; i < count; i++)
		crew->hand[i] = (struct hand){.crew = crew, .post = i};
	executor->crew = crew;
	/* The server is forked before there is a keeper: it is to have one thread. The workers do not outlive us. */
	int rc = executor->memory->threads ? KK_OK : start_processes(crew, spec, error);
	if (rc == KK_OK && keeper_start(executor) < 0)
		rc = kk_error_set(error, KK_ERR_FULL, "no seat in the family for the keeper of the executor");
	if (rc == KK_OK && executor->memory->threads)
		rc = start_threads(crew, error);
	return rc;
}

static void ring(struct crew *crew)
{
	uint64_t one = 1;
	if (crew->bell >= 0 && write(crew->bell, &one, sizeof(one)) < 0) {
		/* The counter is at its limit: it will be seen. */
	}
}

void crew_kill(struct kk_executor *executor)
{
	if (executor->crew)
		ring(executor->crew);
}

void crew_join(struct kk_executor *executor)
{
	struct crew *crew = executor->crew;
	if (!crew)
		return;
	pthread_mutex_lock(&crew->lock);
	while (crew->threads > 0)
		pthread_cond_wait(&crew->changed, &crew->lock);
	if (crew->has_warden) {
		/* If nobody ever worked, nobody is there to say that all is done. */
		ring(crew);
		pthread_join(crew->warden, NULL);
		crew->has_warden = false;
	}
	if (crew->own_server)
		kk_process_server_stop(crew->server);
	crew->own_server = false;
	pthread_mutex_unlock(&crew->lock);
}

void crew_free(struct kk_executor *executor)
{
	struct crew *crew = executor->crew;
	if (!crew)
		return;
	for (unsigned i = 0; i < crew->count; i++)
		kk_process_free(crew->hand[i].process);
	if (crew->bell >= 0)
		close(crew->bell);
	pthread_cond_destroy(&crew->changed);
	pthread_mutex_destroy(&crew->lock);
	free(crew);
	executor->crew = NULL;
}
