/* SPDX-License-Identifier: Apache-2.0 */
#include "run/span.h"
#include <time.h>

enum { UNIT_BITS = 6 }; /* the first buckets are 64 ns wide */

uint64_t kk_span_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

unsigned kk_spans_bucket(uint64_t ns)
{
	uint64_t units = ns >> UNIT_BITS;
	if (units < 4)
		return (unsigned)units;
	unsigned power = 63 - (unsigned)__builtin_clzll(units);
	unsigned bucket = (power - 1) * 4 + (units >> (power - 2) & 3);
	return bucket < KK_SPAN_BUCKETS ? bucket : KK_SPAN_BUCKETS - 1;
}

/* Where a bucket begins. */
static uint64_t begin_of(unsigned bucket)
{
	if (bucket < 4)
		return (uint64_t)bucket << UNIT_BITS;
	return (4ULL + bucket % 4) << (bucket / 4 - 1) << UNIT_BITS;
}

uint64_t kk_spans_total(const struct kk_spans *spans)
{
	uint64_t total = 0;
	for (unsigned b = 0; b < KK_SPAN_BUCKETS; b++)
		total += spans->count[b];
	return total;
}

uint64_t kk_spans_quantile(const struct kk_spans *spans, double q)
{
	double wanted = q * (double)kk_spans_total(spans), seen = 0;
	for (unsigned b = 0; b < KK_SPAN_BUCKETS; b++) {
		double here = (double)spans->count[b];
		if (here > 0 && seen + here >= wanted) {
			double begin = (double)begin_of(b), width = (double)begin_of(b + 1) - begin;
			double at = begin + width * (wanted - seen) / here;
			return at < (double)spans->longest_ns ? (uint64_t)at : spans->longest_ns;
		}
		seen += here;
	}
	return 0;
}

void kk_spans_merge(struct kk_spans *to, const struct kk_spans *from)
{
	if (from->longest_ns > to->longest_ns)
		to->longest_ns = from->longest_ns;
	for (unsigned b = 0; b < KK_SPAN_BUCKETS; b++)
		to->count[b] += from->count[b];
}
