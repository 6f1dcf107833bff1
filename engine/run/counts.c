/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of a run: read off the rings, which no kill can make wrong. */
#include "run/layout.h"
#include <string.h>

void kk_run_counts(const struct kk_run *run, struct kk_run_counts *counts)
{
	*counts = (struct kk_run_counts){
	    .done = kk_ring_puts(run->ring[KK_RING_DONE]),
	    .failed = kk_ring_puts(run->ring[KK_RING_FAILED]),
	    .skipped = kk_ring_puts(run->ring[KK_RING_SKIPPED]),
	    .source_ended = kk_word_load(&run->cursor->ended) != 0,
	};
	/* Read after them: whatever was settled had been begun. */
	counts->in = kk_word_load(&run->cursor->next);
	counts->left = counts->in - counts->done - counts->failed - counts->skipped;
	uint64_t entries = kk_word_load(&run->journal->entries);
	memcpy(counts->by_class, run->journal->state[entries & 1].by_class, sizeof(counts->by_class));
}

uint64_t kk_run_queue(const struct kk_run *run, unsigned stage)
{
	unsigned r = stage == run->plan->stage_count ? KK_RING_RECORDER : KK_RING_STAGE + stage;
	return run->ring[r] ? kk_ring_count(run->ring[r]) : 0;
}

int kk_run_unfinished_check(const struct kk_run *run, struct kk_error *error)
{
	uint64_t home = 0;
	for (unsigned r = KK_RING_UNUSED; r <= KK_RING_SKIPPED; r++)
		home += kk_ring_count(run->ring[r]);
	if (home != run->plan->groups)
		return kk_error_set(error, KK_ERR_CORRUPT, "%llu of %u item headers did not come home",
		                    (unsigned long long)(run->plan->groups - home), run->plan->groups);
	for (unsigned s = 0; s < run->plan->stage_count; s++) {
		uint32_t used = run->arena[s] ? kk_arena_used(run->arena[s]) : 0;
		if (used)
			return kk_error_set(error, KK_ERR_CORRUPT, "%u blocks of stage %u were never freed", used, s);
	}
	return KK_OK;
}

void kk_run_read_counters(const struct kk_run *run, unsigned role, struct kk_counters *to)
{
	const uint64_t *from = (const uint64_t *)(const void *)&run->page[role]->counters;
	uint64_t *words = (uint64_t *)(void *)to;
	for (size_t i = 0; i < sizeof(*to) / sizeof(uint64_t); i++)
		words[i] = kk_word_load(&from[i]);
}

static void add_spans(struct kk_spans *to, const struct kk_spans *page)
{
	struct kk_spans copy = {.longest_ns = kk_word_load(&page->longest_ns)};
	for (unsigned b = 0; b < KK_SPAN_BUCKETS; b++)
		copy.count[b] = kk_word_load(&page->count[b]);
	kk_spans_merge(to, &copy);
}

void kk_run_add_spans(const struct kk_run *run, unsigned role, struct kk_run_spans *to)
{
	add_spans(&to->calls, &run->page[role]->calls_took);
	add_spans(&to->items, &run->page[role]->items_took);
}
