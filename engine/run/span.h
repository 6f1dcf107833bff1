/* SPDX-License-Identifier: Apache-2.0 */
/* engine/run/span.h - reads spans of time, produces how they are distributed: counts in buckets whose width grows with
 * them, four for each doubling, so that a quantile is right within an eighth from 64 ns to half an hour.
 */
#ifndef ENGINE_RUN_SPAN_H
#define ENGINE_RUN_SPAN_H

#include <stdint.h>

enum { KK_SPAN_BUCKETS = 136 };

/* kk_span_now - CLOCK_MONOTONIC in nanoseconds: spans begin and end by it. */
uint64_t kk_span_now(void);

struct kk_spans {
	uint64_t longest_ns;
	uint64_t count[KK_SPAN_BUCKETS];
};

/* kk_spans_bucket - where a span of so many nanoseconds is counted. */
unsigned kk_spans_bucket(uint64_t ns);

/* kk_spans_quantile - the span that the share `q` (0 .. 1) of all does not exceed, in nanoseconds, as far as buckets
 * can tell and never more than the longest; 0 if there are none. */
uint64_t kk_spans_quantile(const struct kk_spans *spans, double q);

/* kk_spans_total - how many there are. */
uint64_t kk_spans_total(const struct kk_spans *spans);

/* kk_spans_merge - counts those of `from` in `to` as well. */
void kk_spans_merge(struct kk_spans *to, const struct kk_spans *from);

#endif
