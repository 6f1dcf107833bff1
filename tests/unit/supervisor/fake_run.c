/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_run.h"
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct kk_run {
	const struct kk_plan *plan;
	struct fake_shared *shared;
	int fd;
};

static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

void fake_wait(uint32_t *word)
{
	while (load(word) == 0)
		syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

void fake_set(uint32_t *word)
{
	__atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* ---- plan */

static uint32_t add_text(struct kk_plan *plan, const char *text, size_t bytes)
{
	uint32_t at = (uint32_t)plan->bytes;

	memcpy((char *)plan + at, text, bytes);
	plan->bytes += bytes;
	return at;
}

static void add_stage(struct kk_plan *plan, unsigned workers, enum kk_stage_kind kind)
{
	struct kk_plan_stage *stage = &plan->stage[plan->stage_count];
	char name[16], options[32];
	int bytes;

	snprintf(name, sizeof(name), "stage%u", plan->stage_count);
	/* The '_' becomes the NUL between an option's name and its value. */
	bytes = snprintf(options, sizeof(options), "secret_of%u", plan->stage_count) + 1;
	options[6] = '\0';
	*stage = (struct kk_plan_stage){
	    .name = add_text(plan, name, strlen(name) + 1),
	    .use = add_text(plan, "fake", 5),
	    .kind = kind,
	    .workers = workers,
	    .first_role = plan->role_count + 1,
	    .in_flight = 1,
	    .ring_slots = kind == KK_SOURCE ? 0 : 64,
	    .options = add_text(plan, options, (size_t)bytes),
	    .options_bytes = (uint32_t)bytes,
	};
	if (plan->stage_count > 0)
		plan->edge[plan->edge_count++] = (struct kk_plan_edge){.stage = (uint16_t)(plan->stage_count - 1),
		                                                       .to = (uint16_t)plan->stage_count};
	plan->stage_count++;
	plan->role_count += workers;
}

struct kk_plan *fake_plan_make(unsigned middles, unsigned workers)
{
	struct kk_plan *plan = calloc(1, sizeof(*plan) + 4096);

	if (!plan)
		abort();
	*plan = (struct kk_plan){.magic = KK_PLAN_MAGIC,
	                         .version = KK_PLAN_VERSION,
	                         .bytes = sizeof(*plan),
	                         .lanes = 1,
	                         .groups = 64,
	                         .record_bytes = 64,
	                         .attempts = 3,
	                         .shutdown_timeout_ms = 60000};
	plan->name = add_text(plan, "fake", 5);
	plan->config = add_text(plan, "fake.yaml", 10);
	add_stage(plan, workers, KK_SOURCE);
	for (unsigned i = 0; i < middles; i++)
		add_stage(plan, workers, KK_TRANSFORM);
	add_stage(plan, workers, KK_SINK);
	plan->role_count++;
	return plan;
}

/* ---- run.h */

struct kk_run *fake_run_make(const struct kk_plan *plan)
{
	struct kk_run *run = calloc(1, sizeof(*run));

	if (!run || plan->role_count >= FAKE_ROLES)
		abort();
	run->plan = plan;
	run->fd = memfd_create("fake", MFD_CLOEXEC);
	if (run->fd < 0 || ftruncate(run->fd, sizeof(*run->shared)) < 0)
		abort();
	run->shared = mmap(NULL, sizeof(*run->shared), PROT_READ | PROT_WRITE, MAP_SHARED, run->fd, 0);
	if (run->shared == MAP_FAILED)
		abort();
	for (unsigned r = 1; r <= plan->role_count; r++)
		strcpy(run->shared->role[r].script, "d");
	return run;
}

struct fake_shared *fake_run_shared(struct kk_run *run)
{
	return run->shared;
}

void kk_run_free(struct kk_run *run)
{
	munmap(run->shared, sizeof(*run->shared));
	close(run->fd);
	free(run);
}

void kk_run_fds(const struct kk_run *run, unsigned role, struct kk_run_fds *fds)
{
	(void)role;
	memset(fds, 0xff, sizeof(*fds));
	fds->control = run->fd;
}

const char *kk_run_memory_note(const struct kk_run *run)
{
	(void)run;
	return NULL;
}

enum kk_role_state kk_run_role_state(const struct kk_run *run, unsigned role)
{
	return (enum kk_role_state)load(&run->shared->role[role].state);
}

uint32_t kk_run_begin_life(struct kk_run *run, unsigned role, enum kk_cause cause, const char *text)
{
	struct fake_role *entry = &run->shared->role[role];
	uint32_t life = ++entry->life;

	entry->state = KK_ROLE_STARTING;
	entry->cause[life % FAKE_LIVES] = cause;
	snprintf(entry->text[life % FAKE_LIVES], sizeof(entry->text[0]), "%s", text);
	return life;
}

void kk_run_in_hand(const struct kk_run *run, unsigned role, char *to, size_t size)
{
	(void)run;
	(void)role;
	if (size > 0)
		to[0] = 0;
}

void kk_run_wake_all(struct kk_run *run)
{
	run->shared->wakes++;
}

void kk_run_stop_source(struct kk_run *run)
{
	fake_set(&run->shared->stop);
}

bool kk_run_stopping(const struct kk_run *run)
{
	return load(&run->shared->stop);
}

int kk_run_put_sentinel(struct kk_run *run, unsigned stage)
{
	if (run->shared->sentinel_full) {
		run->shared->sentinel_full--;
		return KK_ERR_FULL;
	}
	fake_set(&run->shared->sentinel[stage]);
	return KK_OK;
}

int kk_run_check(const struct kk_run *run, struct kk_error *error)
{
	return run->shared->unsound ? kk_error_set(error, KK_ERR_CORRUPT, "a ring is broken") : KK_OK;
}

int kk_run_unfinished_check(const struct kk_run *run, struct kk_error *error)
{
	return run->shared->unfinished ? kk_error_set(error, KK_ERR_CORRUPT, "a block is not free") : KK_OK;
}

void kk_run_counts(const struct kk_run *run, struct kk_run_counts *counts)
{
	*counts = run->shared->counts;
}

uint64_t kk_run_queue(const struct kk_run *run, unsigned stage)
{
	(void)stage;
	return run->shared->queue;
}

void kk_run_read_counters(const struct kk_run *run, unsigned role, struct kk_counters *to)
{
	*to = run->shared->role[role].counters;
}

void kk_run_add_spans(const struct kk_run *run, unsigned role, struct kk_run_spans *to)
{
	kk_spans_merge(&to->calls, &run->shared->role[role].spans.calls);
	kk_spans_merge(&to->items, &run->shared->role[role].spans.items);
}

int kk_run_shared_text(const struct kk_run *run, unsigned object, char *to, size_t size)
{
	return snprintf(to, size, "%s = 42", kk_plan_text(run->plan, run->plan->shared[object].name));
}
