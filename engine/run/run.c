/* SPDX-License-Identifier: Apache-2.0 */
/* Making, mapping and undoing the segments of a run. */
#include "run/commons.h"
#include "run/layout.h"
#include "run/scratch.h"
#include "run/shared.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Positions begin here rather than at 0, so that nobody comes to rely on it. */
#define FIRST_POSITION 1000

static struct kk_run *new_run(const struct kk_plan *plan, unsigned role, struct kk_error *error)
{
	struct kk_run *run = calloc(1, sizeof(*run));
	if (!run) {
		kk_error_set(error, KK_ERR_MEMORY, "no memory for the run");
		return NULL;
	}
	run->plan = plan;
	run->role = role;
	kk_run_layout(plan, &run->layout);
	for (unsigned s = 0; s < KK_PLAN_MAX_STAGES; s++)
		run->bell[s] = -1;
	run->seen = -1;
	for (unsigned i = 0; i < KK_KEEP_KINDS; i++)
		run->keep[i] = -1;
	return run;
}

/* ---- views */

static int view_ring(struct kk_run *run, unsigned r, struct kk_error *error)
{
	const struct run_layout *l = &run->layout;
	if (!l->ring_slots[r])
		return KK_OK;
	int status =
	    kk_ring_attach(&run->ring[r], run->control + l->ring[r], kk_ring_size(l->ring_slots[r]), run->table);
	if (status != KK_OK)
		return kk_error_set(error, status, "ring %u: %s", r, kk_status_text(status));
	if (r <= KK_RING_SKIPPED)
		kk_ring_events(run->ring[r], &run->header->free_items, -1, NULL, -1);
	return KK_OK;
}

/* A stage's workers who also wait for descriptors are told by its bell: of items in the ring it reads from, and of room
 * in the rings it puts into. */
static void view_bells(struct kk_run *run)
{
	const struct kk_plan *plan = run->plan;
	for (unsigned s = 1; s < plan->stage_count; s++) {
		int room_bell = -1;
		for (unsigned e = 0; e < plan->edge_count; e++)
			if (plan->edge[e].to == s && run->bell[plan->edge[e].stage] >= 0)
				room_bell = run->bell[plan->edge[e].stage];
		kk_ring_events(run->ring[KK_RING_STAGE + s], NULL, run->bell[s], NULL, room_bell);
	}
}

static int view_arena(struct kk_run *run, unsigned s, struct kk_error *error)
{
	struct kk_arena_shape shape;
	if (!run->layout.log[s])
		return KK_OK;
	kk_run_shape(&run->plan->stage[s], &shape);
	unsigned char *data = run->arena_memory[s];
	if (data && s == 0)
		data += run->layout.source_data;
	int status = kk_arena_attach(&run->arena[s], run->control + run->layout.log[s], kk_arena_log_size(&shape), data,
	                             kk_arena_data_size(&shape));
	if (status != KK_OK)
		return kk_error_set(error, status, "arena %u: %s", s, kk_status_text(status));
	kk_arena_bell(run->arena[s], run->bell[s]);
	return KK_OK;
}

int kk_run_views(struct kk_run *run, struct kk_error *error)
{
	run->header = (struct run_header *)(void *)run->control;
	run->roles = (struct role_entry *)(void *)(run->control + run->layout.roles);
	run->cursor = (struct source_cursor *)(void *)(run->arena_memory[0] + run->layout.cursor);
	int status = kk_table_attach(&run->table, run->control + run->layout.table, run->layout.table_bytes, run->role);
	if (status != KK_OK)
		return kk_error_set(error, status, "item table: %s", kk_status_text(status));
	for (unsigned r = 0; r < KK_RING_STAGE + run->plan->stage_count && status == KK_OK; r++)
		status = view_ring(run, r, error);
	for (unsigned s = 0; s < run->plan->stage_count && status == KK_OK; s++)
		status = view_arena(run, s, error);
	if (status == KK_OK)
		view_bells(run);
	return status;
}

/* ---- creating */

static int check_headroom(const struct kk_run *run, struct kk_error *error)
{
	const struct kk_plan *plan = run->plan;
	uint64_t needed = kk_run_control_bytes(plan) + kk_run_counters_bytes(plan), room;
	char where[200];
	for (unsigned s = 0; s < plan->stage_count; s++)
		needed += kk_run_arena_bytes(plan, s);
	kk_shm_headroom(&room, where, sizeof(where));
	if (needed <= room)
		return KK_OK;
	return kk_error_set(error, KK_ERR_NO_ROOM,
	                    "the run needs %llu MiB of shared memory, but %s has only %llu MiB left",
	                    (unsigned long long)(needed >> 20), where, (unsigned long long)(room >> 20));
}

static void *make_segment(struct kk_shm **shm, uint64_t bytes, const char *label, bool writable, struct kk_error *error)
{
	*shm = kk_shm_create(bytes, label, 0, error);
	return *shm ? kk_shm_map(kk_shm_fd(*shm, writable), bytes, writable, error) : NULL;
}

static int make_segments(struct kk_run *run, struct kk_error *error)
{
	const struct kk_plan *plan = run->plan;
	run->control = make_segment(&run->control_shm, run->layout.control_bytes, "kakehi-control", true, error);
	run->journal = make_segment(&run->recorder_shm, sizeof(struct journal), "kakehi-journal", false, error);
	if (!run->control || !run->journal)
		return KK_ERR_SYSTEM;
	for (unsigned s = 0; s < plan->stage_count; s++) {
		if (!run->layout.arena_bytes[s])
			continue;
		run->arena_memory[s] =
		    make_segment(&run->arena_shm[s], kk_run_arena_bytes(plan, s), "kakehi-arena", false, error);
		if (!run->arena_memory[s])
			return KK_ERR_SYSTEM;
	}
	for (unsigned role = 1; role <= plan->role_count; role++) {
		run->page[role] =
		    make_segment(&run->counters_shm[role], sizeof(struct role_page), "kakehi-counters", false, error);
		if (!run->page[role])
			return KK_ERR_SYSTEM;
	}
	return KK_OK;
}

/* Asynchronous stages that feed a common ring share one bell: a ring has one to ring when there is room. Those that
 * shared one with either of them before must come along. */
static int share_bell(struct kk_run *run, unsigned of[], unsigned one, unsigned other)
{
	unsigned keep = of[one], leave = of[other];
	for (unsigned s = 0; s < run->plan->stage_count; s++) {
		if (run->bell[s] < 0 || of[s] != leave || keep == leave)
			continue;
		if (dup3(run->bell[keep], run->bell[s], O_CLOEXEC) < 0)
			return -1;
		of[s] = keep;
	}
	return 0;
}

static int make_bells(struct kk_run *run, struct kk_error *error)
{
	const struct kk_plan *plan = run->plan;
	unsigned of[KK_PLAN_MAX_STAGES]; /* the stage whose bell it was at first */
	for (unsigned s = 0; s < plan->stage_count; s++) {
		of[s] = s;
		if (!plan->stage[s].asynchronous)
			continue;
		run->bell[s] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (run->bell[s] < 0)
			return kk_error_set(error, KK_ERR_SYSTEM, "eventfd");
	}
	for (unsigned a = 0; a < plan->edge_count; a++) {
		for (unsigned b = 0; b < a; b++) {
			unsigned one = plan->edge[b].stage, other = plan->edge[a].stage;
			if (plan->edge[a].to != plan->edge[b].to || run->bell[one] < 0 || run->bell[other] < 0)
				continue;
			if (share_bell(run, of, one, other) < 0)
				return kk_error_set(error, KK_ERR_SYSTEM, "dup3");
		}
	}
	return KK_OK;
}

/* What the processes that play the source hand to their heirs, beside the cursor. */
static int make_files(struct kk_run *run, struct kk_error *error)
{
	const struct kk_plan *plan = run->plan;
	if (plan->duplicates != KK_DUPLICATES_NONE) {
		run->seen = kk_scratch_open(error);
		if (run->seen < 0)
			return kk_error_wrap(error, "for the keys that came");
	}
	if (!(plan->stage[0].needs & KK_NEED_KEEP))
		return KK_OK;
	run->keep[KK_KEEP_FILE] = kk_scratch_open(error);
	if (run->keep[KK_KEEP_FILE] < 0)
		return kk_error_wrap(error, "for what the source reads");
	if (pipe2(&run->keep[KK_KEEP_PIPE_READ], O_CLOEXEC) < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "pipe");
	return KK_OK;
}
_Static_assert((int)KK_KEEP_PIPE_WRITE == (int)KK_KEEP_PIPE_READ + 1, "as pipe(2) returns them");

static int init_rings(struct kk_run *run)
{
	const struct run_layout *l = &run->layout;
	int status = kk_table_init(run->control + l->table, l->heads, sizeof(struct item_head));
	for (unsigned r = 0; r < KK_RING_STAGE + run->plan->stage_count && status == KK_OK; r++)
		if (l->ring_slots[r])
			status = kk_ring_init(run->control + l->ring[r], l->ring_slots[r], r, FIRST_POSITION);
	for (unsigned s = 0; s < run->plan->stage_count && status == KK_OK; s++) {
		struct kk_arena_shape shape;
		kk_run_shape(&run->plan->stage[s], &shape);
		if (l->log[s])
			status = kk_arena_init(run->control + l->log[s], &shape);
	}
	return status;
}

/* Every source item that can be under way waits as unused, under its first header. */
static int fill_free_ring(struct kk_run *run)
{
	int status = KK_OK;
	for (uint32_t group = 0; group < run->plan->groups && status == KK_OK; group++)
		status = kk_ring_put(run->ring[KK_RING_UNUSED], group * run->plan->lanes, 0);
	return status;
}

static int build(struct kk_run *run, struct kk_error *error)
{
	int status = check_headroom(run, error);
	if (status == KK_OK)
		status = make_segments(run, error);
	if (status == KK_OK)
		status = make_bells(run, error);
	if (status == KK_OK)
		status = make_files(run, error);
	if (status == KK_OK)
		status = run_commons_init(run, error);
	if (status != KK_OK)
		return status;
	status = init_rings(run);
	if (status != KK_OK)
		return kk_error_set(error, status, "the plan's sizes are impossible");
	status = kk_run_views(run, error);
	if (status != KK_OK)
		return status;
	status = fill_free_ring(run);
	if (status != KK_OK)
		return kk_error_set(error, status, "the plan's sizes are impossible");
	run->header->plan_version = run->plan->version;
	run->header->magic = KK_RUN_MAGIC;
	run->shared = run_shared_attach(run, true, error);
	return run->shared ? KK_OK : KK_ERR_MEMORY;
}

struct kk_run *kk_run_create(const struct kk_plan *plan, struct kk_error *error)
{
	struct kk_run *run = new_run(plan, 0, error);
	if (run && build(run, error) != KK_OK) {
		kk_run_free(run);
		run = NULL;
	}
	return run;
}

/* ---- attaching */

static int map_what_was_given(struct kk_run *run, const struct kk_run_fds *fds, struct kk_error *error)
{
	const struct kk_plan *plan = run->plan;
	unsigned own = kk_plan_stage_of(plan, run->role);
	run->control = kk_shm_map(fds->control, run->layout.control_bytes, true, error);
	run->page[run->role] = kk_shm_map(fds->counters, sizeof(struct role_page), true, error);
	if (!run->control || !run->page[run->role])
		return KK_ERR_SYSTEM;
	if (fds->recorder_state >= 0) {
		run->journal = kk_shm_map(fds->recorder_state, sizeof(struct journal), true, error);
		if (!run->journal)
			return KK_ERR_SYSTEM;
	}
	for (unsigned s = 0; s < plan->stage_count; s++) {
		bool writable = s == own && fds->arena_write >= 0;
		int fd = writable ? fds->arena_write : fds->arena_read[s];
		if (fd < 0)
			continue;
		run->arena_memory[s] = kk_shm_map(fd, kk_run_arena_bytes(plan, s), writable, error);
		if (!run->arena_memory[s])
			return KK_ERR_SYSTEM;
	}
	if (!run->arena_memory[0])
		return kk_error_set(error, KK_ERR_INVALID, "the source's arena was not given");
	return KK_OK;
}

struct kk_run *kk_run_attach(const struct kk_plan *plan, unsigned role, const struct kk_run_fds *fds,
                             struct kk_error *error)
{
	struct kk_run *run = new_run(plan, role, error);
	if (!run)
		return NULL;
	memcpy(run->bell, fds->bell, sizeof(run->bell));
	int status = map_what_was_given(run, fds, error);
	if (status == KK_OK && ((struct run_header *)(void *)run->control)->magic != KK_RUN_MAGIC)
		status = kk_error_set(error, KK_ERR_CORRUPT, "the control segment is not one");
	if (status == KK_OK)
		status = kk_run_views(run, error);
	if (status == KK_OK)
		status = run_commons_attach(run, error);
	if (status == KK_OK) {
		run->shared = run_shared_attach(run, false, error);
		status = run->shared ? KK_OK : KK_ERR_MEMORY;
	}
	if (status != KK_OK) {
		kk_run_free(run);
		run = NULL;
	}
	return run;
}

/* ---- descriptors */

/* Is what `from` produces ever seen by `to`? Stages stand behind all they read from. */
static bool feeds(const struct kk_plan *plan, unsigned from, unsigned to)
{
	bool reached[KK_PLAN_MAX_STAGES] = {[0] = false};
	reached[from] = true;
	for (unsigned s = from; s < to; s++)
		for (unsigned e = 0; e < plan->edge_count; e++)
			if (plan->edge[e].stage == s && reached[s])
				reached[plan->edge[e].to] = true;
	return to < KK_PLAN_MAX_STAGES && reached[to];
}

void kk_run_fds(const struct kk_run *run, unsigned role, struct kk_run_fds *fds)
{
	const struct kk_plan *plan = run->plan;
	unsigned own = kk_plan_stage_of(plan, role);
	fds->control = kk_shm_fd(run->control_shm, true);
	fds->counters = kk_shm_fd(run->counters_shm[role], true);
	fds->seen = own == 0 ? run->seen : -1;
	for (unsigned i = 0; i < KK_KEEP_KINDS; i++)
		fds->keep[i] = own == 0 ? run->keep[i] : -1;
	fds->recorder_state = own == plan->stage_count ? kk_shm_fd(run->recorder_shm, true) : -1;
	fds->arena_write = own < plan->stage_count && run->arena_shm[own] ? kk_shm_fd(run->arena_shm[own], true) : -1;
	for (unsigned s = 0; s < KK_PLAN_MAX_STAGES; s++) {
		bool wanted = s < plan->stage_count && run->arena_shm[s] && s != own &&
		              (s == 0 || (run->layout.log[s] &&
		                          (own < plan->stage_count ? feeds(plan, s, own) : plan->dead_letter != 0)));
		fds->arena_read[s] = wanted ? kk_shm_fd(run->arena_shm[s], false) : -1;
		fds->bell[s] = run->bell[s];
	}
}

const char *kk_run_memory_note(const struct kk_run *run)
{
	const char *note = kk_shm_note(run->control_shm);
	for (unsigned s = 0; s < run->plan->stage_count && !note; s++)
		note = run->arena_shm[s] ? kk_shm_note(run->arena_shm[s]) : NULL;
	return note;
}

void kk_run_free(struct kk_run *run)
{
	if (!run)
		return;
	const struct kk_plan *plan = run->plan;
	run_shared_detach(run->shared);
	run_commons_detach(run);
	for (unsigned r = 0; r < KK_RING_STAGE + plan->stage_count; r++)
		kk_ring_detach(run->ring[r]);
	for (unsigned s = 0; s < plan->stage_count; s++) {
		kk_arena_detach(run->arena[s]);
		kk_shm_unmap(run->arena_memory[s], kk_run_arena_bytes(plan, s));
		kk_shm_free(run->arena_shm[s]);
		if (run->bell[s] >= 0 && run->role == 0)
			close(run->bell[s]);
	}
	if (run->seen >= 0)
		close(run->seen);
	for (unsigned i = 0; i < KK_KEEP_KINDS; i++)
		if (run->keep[i] >= 0)
			close(run->keep[i]);
	kk_table_detach(run->table);
	for (unsigned role = 1; role <= plan->role_count; role++) {
		kk_shm_unmap(run->page[role], sizeof(struct role_page));
		kk_shm_free(run->counters_shm[role]);
	}
	kk_shm_unmap(run->journal, sizeof(struct journal));
	kk_shm_free(run->recorder_shm);
	kk_shm_unmap(run->control, run->layout.control_bytes);
	kk_shm_free(run->control_shm);
	free(run);
}
