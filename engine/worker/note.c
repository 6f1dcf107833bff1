/* SPDX-License-Identifier: Apache-2.0 */
/* What is noted of an item on its way, for the recorder: the times at every stage, the outcome of the last one.
 *
 * All of it is written by the item's holder before the decision it belongs to; a holder that dies before that leaves
 * notes that its heir writes anew.
 */
#include "worker/crew.h"
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert((int)NOTE_FIELDS_ROOM == (int)KK_FIELD_ROOM, "a note holds all fields that an item can have");

static uint32_t microseconds(uint64_t from_ns, uint64_t to_ns)
{
	uint64_t us = to_ns > from_ns ? (to_ns - from_ns) / 1000 : 0;
	return us < NOTE_NEVER ? (uint32_t)us : NOTE_NEVER - 1;
}

void note_failure(struct worker *worker, struct item_head *head, unsigned side, int signal, unsigned attempts)
{
	const struct kk_plan *plan = worker->plan;
	bool keep = plan->dead_letter && !plan->only && head->pay[side].index != 0;
	head->fail_stage = (uint8_t)worker->stage;
	head->signal = (uint8_t)signal;
	head->attempts = (uint8_t)(attempts < UINT8_MAX ? attempts : UINT8_MAX);
	head->kept = (uint8_t)(keep ? HEAD_KEPT + side : 0);
	worker->now.failed++;
}

void note_begun(struct hand *hand)
{
	const struct worker *worker = hand->worker;
	struct item_note *note = run_note(worker->run, hand->handle);
	hand->began_ns = kk_span_now();
	if (!worker->run->layout.note_stride)
		return;
	note->ended = 0;
	note->stamp_ns = hand->began_ns;
	for (unsigned s = 0; s < worker->plan->stage_count; s++)
		note->time[s] = (struct note_time){NOTE_NEVER, 0};
	note->time[0].waited_us = 0;
}

void note_taken(struct hand *hand)
{
	const struct worker *worker = hand->worker;
	struct item_note *note = run_note(worker->run, hand->handle);
	hand->began_ns = kk_span_now();
	if (worker->run->layout.note_stride)
		note->time[worker->stage] = (struct note_time){microseconds(note->stamp_ns, hand->began_ns), 0};
}

/* The fields that the stage has just set, before those that the payload came with: the newest are found first. */
static void note_outcome(const struct hand *hand, struct item_note *note)
{
	uint32_t inherited = hand->inherited;
	XXH128_canonical_t hash;
	XXH128_canonicalFromHash(&hash, XXH3_128bits(hand->item.data, hand->item.size));
	memcpy(note->hash, hash.digest, sizeof(note->hash));
	note->bytes = hand->item.size;
	note->stage = hand->worker->stage;
	if (hand->field_bytes + inherited > sizeof(note->fields))
		inherited = 0;
	memcpy(note->fields, hand->fields, hand->field_bytes);
	if (inherited)
		memcpy(note->fields + hand->field_bytes, hand_inherited_fields(hand), inherited);
	note->own_bytes = hand->field_bytes;
	note->field_bytes = hand->field_bytes + inherited;
	note->ended = hand->item.sequence + 1;
}

void note_settled(struct hand *hand, enum kk_verdict verdict)
{
	const struct worker *worker = hand->worker;
	struct item_note *note = run_note(worker->run, hand->handle);
	if (worker->tells)
		tell_item(hand, verdict);
	if (!worker->run->layout.note_stride)
		return;
	note->stamp_ns = kk_span_now();
	note->time[worker->stage].worked_us = microseconds(hand->began_ns, note->stamp_ns);
	if (verdict == KK_PASS && worker->route[hand->lane].count == 0)
		note_outcome(hand, note);
}

void note_branch(const struct kk_run *run, uint32_t from, uint32_t to)
{
	const struct item_note *parent = run_note(run, from);
	struct item_note *note = run_note(run, to);
	note->ended = 0;
	note->stamp_ns = parent->stamp_ns;
	memcpy(note->time, parent->time, run->plan->stage_count * sizeof(note->time[0]));
}
