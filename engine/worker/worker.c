/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a worker: read the start message, map the run, inherit, open the stage inside its sandbox, work until the
 * role is drained. The order matters: what a predecessor left is finished before any code of a stage is loaded, so
 * that not even a stage that cannot be loaded keeps an item. */
#include "worker/worker.h"
#include "config/module.h"
#include "config/option.h"
#include "worker/crew.h"
#include "worker/sandbox.h"
#include "worker/sanitizer.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- what the ways of working share */

void worker_current(struct worker *worker, enum current_kind kind, uint32_t handle)
{
	kk_word_store(&worker->entry->current,
	              (uint64_t)worker->start.life << 32 | (uint64_t)kind << 24 | (handle & 0xffffff));
}

void worker_next_call(struct worker *worker)
{
	kk_word_count(&worker->page->counters.calls, ++worker->now.calls);
}

void worker_call_begins(struct worker *worker)
{
	worker->now.since_ns = worker->last_ns = kk_span_now();
	kk_word_store(&worker->page->counters.since_ns, worker->now.since_ns);
}

uint64_t worker_call_ends(struct worker *worker)
{
	worker->last_ns = kk_span_now();
	uint64_t took = worker->last_ns - worker->now.since_ns;
	worker->now.busy_ns += took;
	worker->now.since_ns = 0;
	worker_publish_counters(worker);
	return took;
}

void worker_publish_counters(struct worker *worker)
{
	uint64_t *to = (uint64_t *)(void *)&worker->page->counters;
	const uint64_t *from = (const uint64_t *)(const void *)&worker->now;
	for (size_t i = 0; i < sizeof(worker->now) / sizeof(*from); i++)
		kk_word_count(&to[i], from[i]);
	worker_items_took(worker);
}

bool worker_sleep(struct worker *worker, struct kk_event *event, uint32_t ticket)
{
	worker->now.parks++;
	/* Sleeping for want of room or items is no fault of an item: the deadline does not run. */
	uint64_t since = worker->now.since_ns, slept = kk_span_now();
	worker->now.since_ns = 0;
	worker_publish_counters(worker);
	bool timed_out = kk_event_sleep(event, ticket, KK_BACKSTOP_NS) == KK_ERR_TIMEOUT;
	worker->last_ns = kk_span_now();
	if (worker->in && event == kk_ring_items_event(worker->in))
		worker->now.starved_ns += worker->last_ns - slept;
	else
		worker->now.blocked_ns += worker->last_ns - slept;
	if (since) {
		worker->now.since_ns = since + (worker->last_ns - slept);
		kk_word_store(&worker->page->counters.since_ns, worker->now.since_ns);
	}
	return timed_out;
}

void worker_late(struct worker *worker)
{
	worker->now.backstops++;
}

int worker_take(struct worker *worker, uint32_t *handles, int size)
{
	int64_t inherited = handles_shift(&worker->redo);
	struct kk_event *event = kk_ring_items_event(worker->in);
	bool late = false;
	uint32_t ticket = 0;
	if (inherited >= 0) {
		handles[0] = (uint32_t)inherited;
		return 1;
	}
	for (bool prepared = false;; prepared = !prepared) {
		int taken = kk_ring_take(worker->in, handles, size);
		if (taken != KK_ERR_EMPTY) {
			if (late && taken > 0)
				worker_late(worker);
			return taken;
		}
		if (prepared) {
			late = worker_sleep(worker, event, ticket);
		} else {
			deliver_announce(worker);
			worker_publish_counters(worker);
			ticket = kk_event_prepare(event);
		}
	}
}

void worker_state(struct worker *worker, enum kk_role_state state)
{
	kk_word_store(&worker->entry->state, state);
}

/* ---- beginning */

static int read_all(int fd, void *to, size_t bytes)
{
	char *at = to;
	while (bytes > 0) {
		ssize_t got = read(fd, at, bytes);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		at += got;
		bytes -= (size_t)got;
	}
	return 0;
}

static int read_start(struct worker *worker, int fd)
{
	struct kk_worker_start *start = &worker->start;
	if (read_all(fd, start, sizeof(*start)) < 0 || start->magic != KK_WORKER_MAGIC ||
	    start->bytes != sizeof(*start) || start->plan_bytes < sizeof(struct kk_plan) ||
	    start->plan_bytes > UINT32_MAX)
		return -1;
	worker->plan = malloc(start->plan_bytes);
	if (!worker->plan || read_all(fd, worker->plan, start->plan_bytes) < 0 ||
	    kk_plan_check(worker->plan, start->plan_bytes) < 0 || start->role == 0 ||
	    start->role > worker->plan->role_count)
		return -1;
	close(fd);
	worker->role = start->role;
	worker->stage = kk_plan_stage_of(worker->plan, worker->role);
	if (worker->stage < worker->plan->stage_count)
		worker->stage_plan = &worker->plan->stage[worker->stage];
	return 0;
}

static int attach(struct worker *worker)
{
	const struct kk_worker_start *start = &worker->start;
	struct kk_error error = {.code = 0};
	struct kk_run_fds fds = {
	    .control = start->control,
	    .counters = start->counters,
	    .arena_write = start->arena_write,
	    .recorder_state = start->recorder_state,
	    .seen = start->seen,
	};
	for (unsigned i = 0; i < KK_KEEP_KINDS; i++)
		fds.keep[i] = start->keep[i];
	for (unsigned s = 0; s < KK_PLAN_MAX_STAGES; s++) {
		fds.arena_read[s] = start->arena_read[s];
		fds.bell[s] = start->bell[s];
	}
	worker->run = kk_run_attach(worker->plan, worker->role, &fds, &error);
	if (!worker->run) {
		worker_log(worker, KK_LOG_ERROR, "%s", error.text);
		return -1;
	}
	worker->tells = worker->plan->only || start->log_level >= KK_LOG_DEBUG;
	worker->watched = worker->tells || worker->run->layout.note_stride;
	worker->entry = &worker->run->roles[worker->role];
	worker->page = worker->run->page[worker->role];
	worker->now = worker->page->counters;
	worker->now.since_ns = 0;
	worker->now.in_flight = 0;
	if (!worker->stage_plan) {
		worker->in = worker->run->ring[KK_RING_RECORDER];
	} else {
		worker->in = worker->run->ring[KK_RING_STAGE + worker->stage];
		worker->arena = worker->run->arena[worker->stage];
		deliver_routes(worker);
	}
	if (turns_open(worker) < 0) {
		worker_log(worker, KK_LOG_ERROR, "no memory for the items under way");
		return -1;
	}
	return 0;
}

/* ---- opening the stage */

static void fill_context(struct worker *worker)
{
	const struct kk_plan_stage *plan = worker->stage_plan;
	worker->context = (struct kk_context){
	    .host = &worker_host,
	    .options = worker->options,
	    .stage = kk_plan_text(worker->plan, plan->name),
	    .worker = worker->role - plan->first_role,
	    .workers = plan->workers,
	    .seed = kk_random_worker(worker->plan->seed, worker->role),
	};
	kk_random_seed(&worker->random, worker->context.seed);
	if (worker->stage == 0) {
		uint64_t next = kk_word_load(&worker->run->cursor->next);
		worker->context.position = worker->run->cursor->position[next & 1];
		worker->read = worker->run->cursor->read[next & 1];
	}
}

static int load_stage(struct worker *worker)
{
	const struct kk_plan_stage *plan = worker->stage_plan;
	struct kk_error error = {.code = 0};
	int status = kk_module_load(kk_plan_text(worker->plan, plan->module), &worker->module, &error);
	if (status == KK_OK) {
		worker->store = kk_store_new();
		worker->options = calloc(1, worker->module->options_size ? worker->module->options_size : 1);
		status = worker->store && worker->options
		             ? kk_options_unpack(worker->module->options, worker->options, worker->module->options_size,
		                                 (const char *)worker->plan + plan->options, plan->options_bytes,
		                                 worker->store, &error)
		             : kk_error_set(&error, KK_ERR_MEMORY, "no memory for the stage's options");
	}
	if (status != KK_OK)
		worker_log(worker, KK_LOG_ERROR, "%s", error.text);
	return status;
}

/* Private memory: what the process has now, and what the stage declared it may need on top. Shared mappings do not
 * count. A sanitizer's shadow memory would: such builds go without. */
static void limit_heap(struct worker *worker)
{
	char text[200] = "";
	unsigned long size, resident, shared, code, library, data;
	if (worker->statm < 0 || pread(worker->statm, text, sizeof(text) - 1, 0) <= 0 ||
	    sscanf(text, "%lu %lu %lu %lu %lu %lu", &size, &resident, &shared, &code, &library, &data) != 6) {
		worker_log(worker, KK_LOG_WARNING, "cannot measure this process: its heap has no limit");
		return;
	}
	uint64_t bytes = data * (uint64_t)sysconf(_SC_PAGESIZE) + worker->stage_plan->heap;
	struct rlimit limit = {bytes, bytes};
	if (setrlimit(RLIMIT_DATA, &limit) < 0)
		worker_log(worker, KK_LOG_WARNING, "its heap has no limit: %s", strerror(errno));
}

/* Once a role says what is missing; its heirs have the same. */
static int close_sandbox(struct worker *worker, unsigned needs)
{
	char level[400];
	struct kk_sandbox_paths paths = {
	    .write = (const char *const *)worker->writes,
	    .count = worker->write_count,
	    .nowhere_else = !worker->stage_plan,
	};
	int status = kk_sandbox_enter(needs, &paths, level, sizeof(level));
	enum kk_log_level loud = worker->start.life == 1 ? KK_LOG_WARNING : KK_LOG_DEBUG;
	worker_log(worker, status < 0 ? KK_LOG_ERROR : status > 0 ? loud : KK_LOG_DEBUG, "sandbox: %s", level);
	return status < 0 ? -1 : 0;
}

static int open_chooser(struct worker *worker)
{
	bool begun = kk_word_load(&worker->run->cursor->next) > 0;
	worker->chooser = chooser_open(worker->plan, worker->start.seen, begun);
	if (!worker->chooser)
		worker_log(worker, KK_LOG_ERROR, "cannot use the file of keys that came: %s", strerror(errno));
	return worker->chooser ? 0 : -1;
}

static int open_stage(struct worker *worker)
{
	const struct kk_stage *module = worker->module;
	worker->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	fill_context(worker);
	if (worker->stage == 0 && open_chooser(worker) < 0)
		return -1;
	if (module->prepare && module->prepare(&worker->context) < 0)
		return -1;
	if (close_sandbox(worker, worker->stage_plan->needs) < 0)
		return -1;
	if (module->open && module->open(&worker->context) < 0)
		return -1;
	if (!KK_SANITIZED)
		limit_heap(worker);
	return 0;
}

/* ---- the whole of it */

static int work_stage(struct worker *worker)
{
	const struct kk_stage *module = worker->module;
	int status = worker->stage == 0                 ? work_source(worker)
	             : worker->stage_plan->asynchronous ? work_flight(worker)
	                                                : work_line(worker);
	if (status == KK_WORKER_DRAINED && module->drain && module->drain(&worker->context) < 0) {
		worker_log(worker, KK_LOG_ERROR, "the stage could not drain");
		status = KK_WORKER_CANNOT;
	}
	/* Nothing is asked of memory that is not sound. */
	if (status != KK_WORKER_CORRUPT && module->close)
		module->close(&worker->context);
	return status;
}

static int play_stage(struct worker *worker)
{
	if (load_stage(worker) != KK_OK || open_stage(worker) < 0)
		return KK_WORKER_CANNOT;
	worker_state(worker, KK_ROLE_RUNNING);
	return work_stage(worker);
}

static int play_ordering(struct worker *worker)
{
	if (close_sandbox(worker, 0) < 0)
		return KK_WORKER_CANNOT;
	worker_state(worker, KK_ROLE_RUNNING);
	return work_order(worker);
}

static int play_recorder(struct worker *worker)
{
	if (recorder_open(worker) < 0)
		return KK_WORKER_DISK_FULL;
	if (close_sandbox(worker, worker->write_count ? KK_NEED_WRITE : 0) < 0)
		return KK_WORKER_CANNOT;
	worker_state(worker, KK_ROLE_RUNNING);
	return work_recorder(worker);
}

static int play(struct worker *worker)
{
	if (attach(worker) < 0)
		return KK_WORKER_CORRUPT;
	int status = inherit(worker);
	if (status < 0) {
		worker_log(worker, KK_LOG_ERROR, "cannot take over: %s", kk_status_text(status));
		return KK_WORKER_CORRUPT;
	}
	worker_state(worker, KK_ROLE_INHERITED);
	int exit_status = !worker->stage_plan            ? play_recorder(worker)
	                  : worker->stage_plan->ordering ? play_ordering(worker)
	                                                 : play_stage(worker);
	deliver_announce(worker);
	worker_publish_counters(worker);
	if (exit_status == KK_WORKER_DRAINED)
		worker_state(worker, KK_ROLE_DRAINED);
	return exit_status;
}

static void free_worker(struct worker *worker)
{
	for (size_t i = 0; i < worker->write_count; i++)
		free(worker->writes[i]);
	chooser_close(worker->chooser);
	kk_run_free(worker->run);
	kk_store_free(worker->store);
	free(worker->options);
	free(worker->redo.at);
	free(worker->turns.list);
	free(worker->plan);
	free(worker);
}

int kk_worker_main(int start_fd)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	if (!worker)
		return KK_WORKER_CANNOT;
	worker->statm = -1;
	prctl(PR_SET_NAME, "kakehi"); /* it was started under the name "exe" */
	signal(SIGXFSZ, SIG_IGN);     /* a limit of the size of files is told as a full disk is */
	int status = read_start(worker, start_fd) < 0 ? KK_WORKER_CORRUPT : play(worker);
	free_worker(worker);
	return status;
}
