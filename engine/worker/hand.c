/* SPDX-License-Identifier: Apache-2.0 */
/* An item in hand. */
#include "worker/crew.h"
#include "worker/pair.h"
#include <errno.h>
#include <string.h>

static uint64_t fields_offset(uint64_t size)
{
	return (size + 7) & ~UINT64_C(7);
}

/* Points the item at the payload it came with. */
static int show_payload(struct hand *hand, const struct item_head *head, unsigned side)
{
	const struct kk_block_ref *ref = &head->pay[side];
	if (ref->index == 0)
		return 0;
	const void *data = kk_block_read(hand->worker->run->arena[head->pay_stage[side]], ref);
	if (!data || ref->extra > KK_FIELD_ROOM)
		return -1;
	hand->item.data = data;
	hand->item.size = ref->size;
	hand->inherited = ref->extra;
	return 0;
}

void hand_clear(struct hand *hand, struct worker *worker, uint32_t handle)
{
	hand->worker = worker;
	hand->handle = handle;
	hand->settled = false;
	hand->verdict = KK_PASS;
	hand->reserved.index = 0;
	hand->committed = false;
	hand->field_bytes = 0;
	hand->began_ns = 0;
	hand->lane = 0;
	hand->inherited = 0;
	hand->fail_class = KK_FAIL_OTHER;
	hand->text[0] = 0;
}

int hand_take(struct hand *hand, struct worker *worker, uint32_t handle)
{
	struct source_record *record = run_record(worker->run, handle);
	struct item_head head; /* a copy: what was checked cannot change any more */
	struct kk_own own;
	hand_clear(hand, worker, handle);
	hand->item = (struct kk_item){
	    .context = &worker->context,
	    .sequence = record->sequence,
	    .key = record->bytes,
	};
	if (!kk_table_look(worker->run->table, handle, &head, ITEM_HEAD_HOP, &own) || !head_is_sound(worker, &head))
		return -1;
	hand->lane = head.lane;
	if (worker->watched)
		note_taken(hand);
	/* An heir must not take what an earlier stage left here for something that was made and not decided upon. */
	run_head(worker->run, handle)->pay[!own.side].index = 0;
	return show_payload(hand, &head, own.side);
}

/* The big block is for whoever could not go on without it. A worker with other payloads in the making can wait for
 * those; where what is made may wait for its turn, it is for the oldest item alone, which then waits for nothing. */
static bool may_take_big(const struct hand *hand, bool growing)
{
	struct worker *worker = hand->worker;
	if (worker->stage_plan->in_order)
		return turn_has_come(worker, hand->item.sequence, hand->handle);
	return growing || kk_block_claimed(worker->arena) == 0;
}

/* Room for `bytes` and the fields behind them. */
static int claim_block(struct hand *hand, uint64_t bytes)
{
	struct kk_arena *arena = hand->worker->arena;
	int status = kk_block_alloc(arena, bytes + KK_FIELD_ROOM, false, &hand->reserved);
	if (status == KK_ERR_NO_ROOM && may_take_big(hand, false))
		status = kk_block_alloc(arena, bytes + KK_FIELD_ROOM, true, &hand->reserved);
	return status;
}

static int regrow_block(struct hand *hand, uint64_t bytes)
{
	struct kk_arena *arena = hand->worker->arena;
	int status = kk_block_grow_inside(arena, &hand->reserved, hand->reserved_bytes, bytes + KK_FIELD_ROOM);
	if (status == KK_ERR_NO_ROOM && may_take_big(hand, true))
		status = kk_block_grow(arena, &hand->reserved, hand->reserved_bytes, bytes + KK_FIELD_ROOM);
	return status;
}

/* Tries `claim` until there is room, if this worker may wait for it. */
static int with_room(struct hand *hand, int (*claim)(struct hand *, uint64_t), uint64_t bytes)
{
	struct worker *worker = hand->worker;
	int status = claim(hand, bytes);
	bool late = false;
	while (status == KK_ERR_NO_ROOM && worker->may_wait) {
		struct kk_event *room = kk_arena_room_event(worker->arena);
		deliver_announce(worker);
		uint32_t ticket = kk_event_prepare(room);
		status = claim(hand, bytes);
		if (status == KK_OK && late)
			worker_late(worker);
		if (status == KK_ERR_NO_ROOM)
			late = worker_sleep(worker, room, ticket);
	}
	if (status == KK_ERR_NO_ROOM)
		worker->wants_room = true;
	return status;
}

static void *after_claim(struct hand *hand, uint64_t bytes, int status)
{
	if (status != KK_OK) {
		errno = status == KK_ERR_NO_ROOM ? EAGAIN : EFBIG;
		return NULL;
	}
	hand->reserved_bytes = bytes;
	void *memory = kk_block_memory(hand->worker->arena, &hand->reserved);
	if (!memory)
		hand->worker->corrupt = true;
	return memory;
}

void *hand_reserve(struct hand *hand, uint64_t bytes)
{
	struct worker *worker = hand->worker;
	hand_cancel(hand);
	if (!worker->arena || bytes > worker->stage_plan->largest) {
		errno = EFBIG;
		return NULL;
	}
	return after_claim(hand, bytes, with_room(hand, claim_block, bytes));
}

void *hand_grow(struct hand *hand, uint64_t bytes)
{
	if (hand->reserved.index == 0)
		return hand_reserve(hand, bytes);
	if (bytes > hand->worker->stage_plan->largest) {
		errno = EFBIG;
		return NULL;
	}
	if (bytes <= hand->reserved_bytes)
		return kk_block_memory(hand->worker->arena, &hand->reserved);
	return after_claim(hand, bytes, with_room(hand, regrow_block, bytes));
}

void hand_cancel(struct hand *hand)
{
	if (hand->reserved.index != 0)
		kk_block_cancel(hand->worker->arena, &hand->reserved);
	hand->reserved.index = 0;
	hand->committed = false;
	hand->field_bytes = 0;
}

int hand_commit(struct hand *hand, uint64_t bytes)
{
	if (hand->reserved.index == 0 || bytes > hand->reserved_bytes)
		return -1;
	hand->committed = true;
	hand->committed_bytes = bytes;
	return 0;
}

/* ---- fields */

const char *hand_inherited_fields(const struct hand *hand)
{
	return (const char *)hand->item.data + fields_offset(hand->item.size);
}

const char *hand_field(const struct hand *hand, const char *name)
{
	const struct source_record *record = run_record(hand->worker->run, hand->handle);
	const char *carried = record->bytes + record->key_bytes, *inherited = NULL;
	const char *value = pair_find(carried, carried + record->field_bytes, name);
	if (!value)
		value = pair_find(hand->fields, hand->fields + hand->field_bytes, name);
	if (!value && hand->inherited)
		inherited = hand_inherited_fields(hand);
	return inherited ? pair_find(inherited, inherited + hand->inherited, name) : value;
}

int hand_set_field(struct hand *hand, const char *name, const char *value)
{
	size_t name_bytes = strlen(name) + 1, value_bytes = strlen(value) + 1;
	if (name_bytes == 1 || name_bytes + value_bytes + hand->field_bytes + hand->inherited + 8 > KK_FIELD_ROOM)
		return -1;
	memcpy(hand->fields + hand->field_bytes, name, name_bytes);
	memcpy(hand->fields + hand->field_bytes + name_bytes, value, value_bytes);
	hand->field_bytes += (uint32_t)(name_bytes + value_bytes);
	return 0;
}

/* ---- verdicts */

enum kk_verdict hand_fail(struct hand *hand, enum kk_fail_class why, const char *text)
{
	hand->fail_class = why < KK_FAIL_CLASS_COUNT ? why : KK_FAIL_OTHER;
	size_t length = strnlen(text, sizeof(hand->text) - 1);
	memcpy(hand->text, text, length);
	hand->text[length] = 0;
	return KK_FAIL;
}

/* Finishes the new payload: fields behind it (the newest first, so that they are found first), the rest given back.
 * false: the log of blocks is corrupt. */
static bool seal(struct hand *hand, struct item_head *head, unsigned side)
{
	struct kk_arena *arena = hand->worker->arena;
	uint64_t offset = fields_offset(hand->committed_bytes);
	char *to = kk_block_memory(arena, &hand->reserved);
	if (!to)
		return false;
	to += offset;
	memcpy(to, hand->fields, hand->field_bytes);
	if (hand->inherited)
		memcpy(to + hand->field_bytes, hand_inherited_fields(hand), hand->inherited);
	hand->reserved.size = (uint32_t)hand->committed_bytes;
	hand->reserved.extra = hand->field_bytes + hand->inherited;
	kk_block_shrink(arena, &hand->reserved, offset + hand->reserved.extra);
	head->pay[side] = hand->reserved;
	head->pay_stage[side] = (uint8_t)hand->worker->stage;
	kk_block_share(arena, &hand->reserved, 1u << hand->lane);
	hand->reserved.index = 0;
	return true;
}

/* Who takes it is part of the decision, so that an heir does not decide again. An item that nobody takes is skipped. */
static enum kk_verdict choose_ways(struct hand *hand, struct item_head *head, unsigned side)
{
	uint64_t bytes = hand->committed ? hand->committed_bytes : head->pay[side].index ? head->pay[side].size : 0;
	head->ways = deliver_ways(hand, bytes);
	return head->ways || hand->worker->route[hand->lane].count == 0 ? KK_PASS : KK_SKIP;
}

void hand_settle(struct hand *hand, enum kk_verdict verdict)
{
	struct worker *worker = hand->worker;
	struct item_head *head = run_head(worker->run, hand->handle);
	unsigned side = kk_table_own(worker->run->table, hand->handle).side;
	if (verdict != KK_PASS && verdict != KK_SKIP)
		verdict = KK_FAIL;
	if (verdict == KK_PASS)
		verdict = choose_ways(hand, head, side);
	if (worker->watched)
		note_settled(hand, verdict);
	head->replaced = 0;
	head->verdict = (uint8_t)verdict;
	if (verdict == KK_PASS && hand->committed) {
		worker->now.bytes_out += hand->committed_bytes;
		if (seal(hand, head, !side))
			head->replaced = 1;
		else
			worker->corrupt = true;
	} else {
		hand_cancel(hand);
	}
	if (verdict == KK_FAIL) {
		head->fail_class = (uint8_t)hand->fail_class;
		memcpy(head->text, hand->text, sizeof(head->text));
		note_failure(worker, head, side, 0, 1 + (unsigned)(head->trials >> 56));
	}
	if (head->trials != 0)
		head->trials = 0; /* what it survived here says nothing about the next stage */
	worker->now.items++;
	worker->now.bytes_in += hand->item.size;
}
