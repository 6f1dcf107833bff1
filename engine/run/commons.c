/* SPDX-License-Identifier: Apache-2.0 */
#include "run/commons.h"
#include "run/layout.h"
#include <kakehi/cache.h>
#include <kakehi/gate.h>
#include <string.h>

/* Few enough keys share a place among so many; where many permits make places large, there are fewer. */
enum { GATE_PLACES = 4096, GATE_FEWEST_PLACES = 64, GATE_BYTES = 1 << 20 };

#define NS_PER_MS  UINT64_C(1000000)
#define LONGEST_MS (UINT64_C(366) * 86400 * 1000)

/* A time from now on; a year is as good as for ever, and keeps sums within their words. */
static uint64_t in_ms(uint64_t now_ns, uint64_t ms)
{
	return now_ns + (ms < LONGEST_MS ? ms : LONGEST_MS) * NS_PER_MS;
}

bool run_has_gate(const struct kk_plan_stage *stage)
{
	return stage->permits || stage->key_rate != 0 || stage->rate != 0;
}

static struct kk_gate_shape gate_shape(const struct kk_plan_stage *stage)
{
	struct kk_gate_shape shape = {
	    .places = GATE_PLACES,
	    .permits = stage->permits <= KK_PLAN_MAX_PERMITS ? stage->permits : 0,
	    .roles = stage->workers,
	    .key_rate = stage->key_rate,
	    .rate = stage->rate,
	};
	while (shape.places > GATE_FEWEST_PLACES && kk_gate_size(&shape) > GATE_BYTES)
		shape.places /= 2;
	return shape;
}

uint64_t run_gate_size(const struct kk_plan_stage *stage)
{
	struct kk_gate_shape shape = gate_shape(stage);
	return run_has_gate(stage) ? kk_gate_size(&shape) : 0;
}

uint64_t run_cache_size(const struct kk_plan_stage *stage)
{
	return kk_cache_size(stage->cached);
}

static int init_in(const struct kk_run *run, unsigned s, unsigned char *memory, struct kk_error *error)
{
	const struct kk_plan_stage *stage = &run->plan->stage[s];
	struct kk_gate_shape shape = gate_shape(stage);
	int status = KK_OK;
	if (run->layout.gate[s])
		status = kk_gate_init(memory + run->layout.gate[s], run_gate_size(stage), &shape, error);
	if (status == KK_OK && run->layout.cache[s])
		status = kk_cache_init(memory + run->layout.cache[s], run_cache_size(stage), stage->cached, error);
	return status;
}

/* The creator itself keeps no mapping of an arena that it could write. */
int run_commons_init(struct kk_run *run, struct kk_error *error)
{
	int status = KK_OK;
	for (unsigned s = 0; s < run->plan->stage_count && status == KK_OK; s++) {
		uint64_t bytes = kk_run_arena_bytes(run->plan, s);
		if (!run->layout.gate[s] && !run->layout.cache[s])
			continue;
		unsigned char *memory = kk_shm_map(kk_shm_fd(run->arena_shm[s], true), bytes, true, error);
		status = memory ? init_in(run, s, memory, error) : KK_ERR_SYSTEM;
		kk_shm_unmap(memory, bytes);
	}
	return status;
}

int run_commons_attach(struct kk_run *run, struct kk_error *error)
{
	unsigned own = kk_plan_stage_of(run->plan, run->role);
	if (own == run->plan->stage_count)
		return KK_OK;
	const struct kk_plan_stage *stage = &run->plan->stage[own];
	unsigned char *memory = run->arena_memory[own];
	if (run->layout.gate[own]) {
		run->gate = kk_gate_attach(memory + run->layout.gate[own], run_gate_size(stage), error);
		if (!run->gate)
			return error ? error->code : KK_ERR_CORRUPT;
	}
	if (run->layout.cache[own]) {
		run->cache = kk_cache_attach(memory + run->layout.cache[own], run_cache_size(stage), error);
		if (!run->cache)
			return error ? error->code : KK_ERR_CORRUPT;
	}
	run->gate_role = run->role - stage->first_role + 1;
	return KK_OK;
}

void run_commons_detach(struct kk_run *run)
{
	kk_gate_detach(run->gate);
	kk_cache_detach(run->cache);
}

int run_commons_inherit(struct kk_run *run)
{
	return !run->gate || kk_gate_inherit(run->gate, run->gate_role) >= 0 ? KK_OK : KK_ERR_CORRUPT;
}

long run_admit(struct kk_run *run, const char *key)
{
	int64_t wait_ns = run->gate ? kk_gate_admit(run->gate, run->gate_role, key, strlen(key), kk_span_now()) : 0;
	return wait_ns > 0 ? (long)((uint64_t)(wait_ns - 1) / NS_PER_MS) + 1 : 0;
}

void run_leave(struct kk_run *run, const char *key)
{
	if (run->gate)
		(void)kk_gate_leave(run->gate, run->gate_role, key, strlen(key));
}

void run_hold_off(struct kk_run *run, const char *key, uint64_t wait_ms)
{
	if (run->gate)
		kk_gate_hold_off(run->gate, key, strlen(key), in_ms(kk_span_now(), wait_ms));
}

int run_remember(struct kk_run *run, const char *key, const void *what, size_t size, uint64_t keep_ms)
{
	uint64_t now_ns = kk_span_now();
	if (!run->cache)
		return -1;
	int status = kk_cache_store(run->cache, key, strlen(key), what, size, now_ns, in_ms(now_ns, keep_ms));
	return status == KK_OK ? 0 : -1;
}

long run_recall(struct kk_run *run, const char *key, void *to, size_t size)
{
	int64_t bytes = run->cache ? kk_cache_load(run->cache, key, strlen(key), to, size, kk_span_now()) : -1;
	return bytes < 0 ? -1 : (long)bytes;
}
