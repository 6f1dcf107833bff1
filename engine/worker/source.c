/* SPDX-License-Identifier: Apache-2.0 */
/* The source's way of working: take a free header, let the stage fill it, commit it by moving the cursor, send it on.
 *
 * What this run does not want - another shard's, not the one that --only names - is no item: its header serves the next
 * one. A key that came before is an item that is skipped.
 *
 * The cursor is the commit. An item whose number the cursor has not passed does not exist: an heir forgets it and the
 * stage makes it again, from the position that belongs to the cursor. The record carries the own word of the claim it
 * was written under, so that a stale record is never taken for a committed one.
 */
#include "worker/crew.h"
#include <errno.h>
#include <string.h>

struct batch {
	uint32_t handle[KK_BATCH_MAX];
	int count, next;
};

/* All that --limit lets through is made. Whether there is more only the stage knows, so it is called once more. */
static bool at_limit(const struct worker *worker)
{
	uint64_t limit = worker->plan->limit;
	return limit && kk_word_load(&worker->run->cursor->next) >= limit;
}

static int take_free(struct worker *worker, struct batch *batch)
{
	batch->next = 0;
	batch->count = 0;
	int64_t kept = handles_shift(&worker->redo);
	if (kept >= 0) {
		batch->handle[0] = (uint32_t)kept;
		batch->count = 1;
	}
	for (unsigned r = KK_RING_UNUSED; r <= KK_RING_SKIPPED && batch->count == 0; r++) {
		int taken = kk_ring_take(worker->run->ring[r], batch->handle, KK_BATCH_MAX);
		if (taken == KK_ERR_CORRUPT)
			worker->corrupt = true;
		batch->count = taken > 0 ? taken : 0;
	}
	return batch->count;
}

/* Sleeps until headers come home. false: there is nothing more to do here. */
static bool refill(struct worker *worker, struct batch *batch)
{
	struct kk_event *event = &worker->run->header->free_items;
	bool late = false;
	uint32_t ticket = 0;
	deliver_announce(worker);
	worker_publish_counters(worker);
	for (bool prepared = false; !kk_run_stopping(worker->run) && !worker->corrupt; prepared = !prepared) {
		if (take_free(worker, batch) > 0) {
			if (late)
				worker_late(worker);
			return true;
		}
		if (prepared)
			late = worker_sleep(worker, event, ticket) && deliver_many_home(worker->run);
		else
			ticket = kk_event_prepare(event);
	}
	return false;
}

/* Makes the header and its siblings ready for a new source item. */
static void begin(struct worker *worker, struct hand *hand, uint32_t handle, uint64_t sequence)
{
	struct kk_run *run = worker->run;
	struct item_head *head = run_head(run, handle);
	struct source_record *record = run_record(run, handle);
	const uint32_t lanes = run->plan->lanes;
	if (lanes > 1) {
		uint32_t base = handle - handle % lanes;
		for (uint32_t i = 0; i < lanes; i++)
			if (base + i != handle)
				kk_table_idle(run->table, base + i);
		kk_word_store(run_group(run, handle), sequence << 32 | 0xffu << 20);
	}
	head->trials = 0;
	head->lane = 0;
	head->sequence = sequence;
	head->pay[0].index = 0;
	head->pay[1].index = 0;
	record->own = 0;
	record->sequence = sequence;
	record->handle = handle;
	record->key_bytes = 0;
	record->field_bytes = 0;
	record->bytes[0] = 0;
	record->occurrence = 0;
	hand_clear(hand, worker, handle);
	hand->item = (struct kk_item){.context = &worker->context, .sequence = sequence};
	if (worker->watched)
		note_begun(hand);
}

/* The payload a source made is the item's first one: side 0, nothing replaced. */
static void attach_payload(struct worker *worker, struct hand *hand)
{
	struct item_head *head = run_head(worker->run, hand->handle);
	if (!hand->committed) {
		hand_cancel(hand);
		return;
	}
	hand->reserved.size = (uint32_t)hand->committed_bytes;
	kk_block_shrink(worker->arena, &hand->reserved, hand->committed_bytes);
	head->pay[0] = hand->reserved;
	head->pay_stage[0] = 0;
	kk_block_share(worker->arena, &hand->reserved, 1u);
	hand->reserved.index = 0;
	hand->committed = false;
	worker->now.bytes_out += hand->committed_bytes;
}

/* The item begins to exist with the store of the cursor, and not before. */
static bool commit(struct worker *worker, struct hand *hand, enum kk_verdict verdict)
{
	struct kk_run *run = worker->run;
	struct source_record *record = run_record(run, hand->handle);
	if (verdict == KK_FAIL)
		hand_cancel(hand);
	attach_payload(worker, hand);
	hand_settle(hand, verdict);
	if (record->key_bytes == 0)
		record->key_bytes = 1;
	record->after = hand->item.position;
	record->born_ns = worker_is_fast(worker) ? worker->last_ns : kk_span_now();
	record->own = kk_table_own_word(run->table, hand->handle);
	uint64_t next = hand->item.sequence + 1;
	run->cursor->position[next & 1] = hand->item.position;
	run->cursor->read[next & 1] = worker->read;
	kk_word_store(&run->cursor->next, next);
	worker->context.position = hand->item.position;
	return deliver(worker, hand->handle, true);
}

/* Headers that were taken and not needed go back, uncounted. */
static void give_back(struct worker *worker, struct batch *batch)
{
	while (batch->next < batch->count)
		deliver_put(worker, KK_RING_UNUSED, batch->handle[batch->next++], 0, true);
	for (int64_t kept; (kept = handles_shift(&worker->redo)) >= 0;)
		deliver_put(worker, KK_RING_UNUSED, (uint32_t)kept, 0, true);
	deliver_announce(worker);
}

/* What has become of a header. */
enum made {
	MADE_ITEM,
	MADE_NOTHING, /* it serves the next item                       */
	MADE_ENOUGH,  /* there are more items than the limit lets through */
	MADE_END,     /* there are no more items                       */
	MADE_BROKEN,  /* the disk: said in the log                     */
};

/* Is what the stage has read an item of this run? */
static enum made judge(struct worker *worker, struct hand *hand, enum kk_verdict *verdict)
{
	struct source_record *record = run_record(worker->run, hand->handle);
	const char *key = hand->item.key ? hand->item.key : "";
	bool whole = *verdict == KK_PASS && hand->item.key;
	switch (chooser_choose(worker->chooser, key, whole, worker->read, &record->occurrence)) {
	case CHOICE_TAKE:
		return MADE_ITEM;
	case CHOICE_LEAVE:
		return MADE_NOTHING;
	case CHOICE_DUPLICATE:
		hand_cancel(hand);
		*verdict = KK_SKIP;
		return MADE_ITEM;
	case CHOICE_BROKEN:
		break;
	}
	worker_log(worker, KK_LOG_ERROR, "cannot use the file of keys that came: %s", strerror(errno));
	return MADE_BROKEN;
}

static enum made make_one(struct worker *worker, uint32_t handle)
{
	struct hand *hand = &worker->hand;
	enum made made;
	begin(worker, hand, handle, kk_word_load(&worker->run->cursor->next));
	deliver_announce(worker); /* the stage may wait for its input as long as it likes */
	worker_next_call(worker);
	enum kk_verdict verdict = worker->module->next(&worker->context, &hand->item);
	switch (verdict) {
	case KK_END:
		made = MADE_END;
		break;
	case KK_BROKEN:
		made = MADE_BROKEN;
		break;
	case KK_LATER:
		made = at_limit(worker) ? MADE_ENOUGH : MADE_NOTHING;
		break;
	default:
		made = judge(worker, hand, &verdict);
		worker->read++;
	}
	if (made == MADE_ITEM && at_limit(worker))
		made = MADE_ENOUGH;
	if (made != MADE_ITEM)
		hand_cancel(hand);
	else if (!commit(worker, hand, verdict))
		worker->corrupt = true;
	return made;
}

static bool satisfied(const struct worker *worker)
{
	return chooser_satisfied(worker->chooser, kk_word_load(&worker->run->cursor->next));
}

/* Works through one batch, or until something else than an item is made. */
static enum made make_batch(struct worker *worker, struct batch *batch)
{
	enum made made = MADE_ITEM;
	unsigned calls = 0;
	worker_call_begins(worker);
	while (made < MADE_ENOUGH && batch->next < batch->count && !worker->corrupt && !kk_run_stopping(worker->run)) {
		made = satisfied(worker) ? MADE_END : make_one(worker, batch->handle[batch->next]);
		batch->next += made == MADE_ITEM;
		calls++;
		if (!worker_is_fast(worker)) {
			worker_calls_took(worker, worker_call_ends(worker), calls);
			worker_call_begins(worker);
			calls = 0;
		}
	}
	uint64_t took_ns = worker_call_ends(worker);
	if (calls > 0)
		worker_calls_took(worker, took_ns, calls);
	return made;
}

int work_source(struct worker *worker)
{
	struct batch batch = {.count = 0};
	enum made made = MADE_ITEM;
	worker->may_wait = true;
	while (refill(worker, &batch)) {
		made = make_batch(worker, &batch);
		if (made == MADE_END)
			kk_word_store(&worker->run->cursor->ended, 1);
		if (made >= MADE_ENOUGH || batch.next < batch.count)
			break; /* or stopped in the middle */
	}
	give_back(worker, &batch);
	return worker->corrupt ? KK_WORKER_CORRUPT : made == MADE_BROKEN ? KK_WORKER_DISK_FULL : KK_WORKER_DRAINED;
}
