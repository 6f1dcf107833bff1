/* SPDX-License-Identifier: Apache-2.0 */
/* engine/report/sample.h - reads the counters of all roles now and a few seconds ago, produces rates per stage.
 */
#ifndef ENGINE_REPORT_SAMPLE_H
#define ENGINE_REPORT_SAMPLE_H

#include "run/run.h"

#define KK_SAMPLES 8

/* Sums over the roles of one stage. */
struct kk_stage_sums {
	uint64_t items, failed, bytes, busy_ns, starved_ns, blocked_ns, in_flight, redone, backstops;
};

/* One moment. */
struct kk_sample {
	uint64_t at_ns; /* CLOCK_MONOTONIC; 0: not taken */
	uint64_t settled;
	struct kk_stage_sums stage[KK_PLAN_MAX_STAGES];
};

/* What people look at. */
struct kk_stage_rates {
	double items_per_s, bytes_per_s;
	unsigned busy_percent, queue_percent;
};

/* The last KK_SAMPLES moments, in a circle. Zero-initialise it. */
struct kk_samples {
	struct kk_sample at[KK_SAMPLES];
	unsigned taken;
	struct kk_run_counts counts; /* of the last moment */
};

/* kk_samples_take - adds this moment. */
void kk_samples_take(struct kk_samples *samples, const struct kk_plan *plan, const struct kk_run *run, uint64_t now_ns);
/* kk_samples_last, kk_samples_first - the newest and the oldest moment that is kept; at_ns is 0 if there is none. */
const struct kk_sample *kk_samples_last(const struct kk_samples *samples);
const struct kk_sample *kk_samples_first(const struct kk_samples *samples);
/* kk_samples_rates - of one stage, between the oldest and the newest moment. */
void kk_samples_rates(const struct kk_samples *samples, const struct kk_plan *plan, const struct kk_run *run,
                      unsigned stage, struct kk_stage_rates *to);
/* kk_samples_per_s - items settled per second, between the same moments. */
double kk_samples_per_s(const struct kk_samples *samples);

#endif
