/* SPDX-License-Identifier: Apache-2.0 */
/* Sums per stage, and how fast they grow. */
#include "report/sample.h"

static void sum_stage(struct kk_stage_sums *sums, const struct kk_plan_stage *stage, const struct kk_run *run)
{
	struct kk_counters one;

	*sums = (struct kk_stage_sums){0};
	for (unsigned i = 0; i < stage->workers; i++) {
		kk_run_read_counters(run, stage->first_role + i, &one);
		sums->items += one.items;
		sums->failed += one.failed;
		/* What it makes tells more than what it gets, but many make nothing. */
		sums->bytes += one.bytes_out ? one.bytes_out : one.bytes_in;
		sums->busy_ns += one.busy_ns;
		sums->starved_ns += one.starved_ns;
		sums->blocked_ns += one.blocked_ns;
		sums->in_flight += one.in_flight;
		sums->redone += one.redone;
		sums->backstops += one.backstops;
	}
}

void kk_samples_take(struct kk_samples *samples, const struct kk_plan *plan, const struct kk_run *run, uint64_t now_ns)
{
	struct kk_sample *sample = &samples->at[samples->taken++ % KK_SAMPLES];

	kk_run_counts(run, &samples->counts);
	sample->at_ns = now_ns;
	sample->settled = samples->counts.done + samples->counts.failed + samples->counts.skipped;
	for (unsigned s = 0; s < plan->stage_count; s++)
		sum_stage(&sample->stage[s], &plan->stage[s], run);
}

const struct kk_sample *kk_samples_last(const struct kk_samples *samples)
{
	return &samples->at[(samples->taken + KK_SAMPLES - 1) % KK_SAMPLES];
}

const struct kk_sample *kk_samples_first(const struct kk_samples *samples)
{
	return &samples->at[samples->taken < KK_SAMPLES ? 0 : samples->taken % KK_SAMPLES];
}

static double seconds_between(const struct kk_sample *first, const struct kk_sample *last)
{
	return (double)(last->at_ns - first->at_ns) / 1e9;
}

/* A dead worker's counters may lag: what shrank did not grow. */
static double growth(uint64_t first, uint64_t last)
{
	return last > first ? (double)(last - first) : 0;
}

static unsigned percent(double part, double whole)
{
	double value = whole > 0 ? 100 * part / whole : 0;

	return value > 100 ? 100 : (unsigned)(value + 0.5);
}

void kk_samples_rates(const struct kk_samples *samples, const struct kk_plan *plan, const struct kk_run *run,
                      unsigned stage, struct kk_stage_rates *to)
{
	const struct kk_sample *first = kk_samples_first(samples), *last = kk_samples_last(samples);
	const struct kk_stage_sums *from = &first->stage[stage], *until = &last->stage[stage];
	const struct kk_plan_stage *about = &plan->stage[stage];
	double seconds = seconds_between(first, last);

	*to = (struct kk_stage_rates){0};
	if (about->ring_slots)
		to->queue_percent = percent((double)kk_run_queue(run, stage), about->ring_slots);
	if (seconds <= 0)
		return;
	to->items_per_s = growth(from->items, until->items) / seconds;
	to->bytes_per_s = growth(from->bytes, until->bytes) / seconds;
	to->busy_percent = percent(growth(from->busy_ns, until->busy_ns) / 1e9, seconds * about->workers);
}

double kk_samples_per_s(const struct kk_samples *samples)
{
	const struct kk_sample *first = kk_samples_first(samples), *last = kk_samples_last(samples);
	double seconds = seconds_between(first, last);

	return seconds > 0 ? growth(first->settled, last->settled) / seconds : 0;
}
