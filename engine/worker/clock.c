/* SPDX-License-Identifier: Apache-2.0 */
/* What calls and items took, without reading the clock more often than a batch begins and ends.
 *
 * Of a batch only the sum is known: its calls are counted as equally long. Where it took much longer than the batches
 * before, that is most likely one call, and the rest was as usual.
 */
#include "worker/crew.h"

#define SLOW_BATCH_NS UINT64_C(1000000)
#define FAST_CALL_NS  UINT64_C(5000)

static void add(struct kk_spans *page, uint64_t ns, uint64_t times)
{
	uint64_t *count = &page->count[kk_spans_bucket(ns)];
	kk_word_count(count, *count + times);
	if (ns > page->longest_ns)
		kk_word_count(&page->longest_ns, ns);
}

void worker_calls_took(struct worker *worker, uint64_t ns, unsigned calls)
{
	uint64_t each = ns / calls, usual = worker->usual_ns;
	worker->usual_ns = each;
	if (calls > 1 && ns > SLOW_BATCH_NS && usual && each > 2 * usual) {
		add(&worker->page->calls_took, usual, calls - 1);
		add(&worker->page->calls_took, ns - usual * (calls - 1), 1);
	} else {
		add(&worker->page->calls_took, each, calls);
	}
}

bool worker_is_fast(const struct worker *worker)
{
	return worker->usual_ns != 0 && worker->usual_ns < FAST_CALL_NS;
}

void worker_item_done(struct worker *worker, uint64_t born_ns)
{
	if (worker->birth_count == KK_BATCH_MAX)
		worker_items_took(worker);
	worker->births[worker->birth_count++] = born_ns;
}

void worker_items_took(struct worker *worker)
{
	for (unsigned i = 0; i < worker->birth_count; i++) {
		uint64_t born_ns = worker->births[i];
		add(&worker->page->items_took, worker->last_ns > born_ns ? worker->last_ns - born_ns : 0, 1);
	}
	worker->birth_count = 0;
}
