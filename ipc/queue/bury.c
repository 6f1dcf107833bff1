/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/queue/bury.c - what becomes of what the dead had in hand in a queue. Acts as the dead seat, so every step of its
 * own is recorded under that seat as well, and whoever repeats it finds it as if the dead had done it. */
#include "family/kinds.h"
#include "queue/layout.h"

#include <string.h>

#define CLAIM_BITS 48
#define CLAIM_MASK ((UINT64_C(1) << CLAIM_BITS) - 1)
#define CLAIM_MADE (UINT64_C(1) << 47)

struct burial {
	struct kk_family *family;
	const struct queue_plan *plan;
	struct queue_side *side;
	bool left;
	uint32_t note; /* an unused one in the dead's hand; QUEUE_NONE: none */
};

/* Where an entry goes that the dead held, by the ring out of which they had it. */
static const enum queue_ring after_claim[QUEUE_RINGS] = {
    [QUEUE_WORK] = QUEUE_BACK, [QUEUE_FREE] = QUEUE_FREE,   [QUEUE_BACK] = QUEUE_BACK,
    [QUEUE_LATE] = QUEUE_LATE, [QUEUE_NOTES] = QUEUE_NOTES, [QUEUE_LOST] = QUEUE_FREE,
};
/* And one that they were putting into a ring, where nobody can find it: an item is not put. */
static const enum queue_ring after_put[QUEUE_RINGS] = {
    [QUEUE_WORK] = QUEUE_FREE, [QUEUE_FREE] = QUEUE_FREE,   [QUEUE_BACK] = QUEUE_BACK,
    [QUEUE_LATE] = QUEUE_LATE, [QUEUE_NOTES] = QUEUE_NOTES, [QUEUE_LOST] = QUEUE_LOST,
};

static int put(struct burial *b, uint32_t handle, enum queue_ring to)
{
	return kk_ring_put(b->side->ring[to], handle, 0) == KK_OK ? KK_OK : KK_ERR_CORRUPT;
}

/* One more death with this item, counted once for each claim. How many there were. */
static uint64_t charge(struct queue_entry *entry, const struct kk_own *own)
{
	uint64_t claim = CLAIM_MADE | (uint64_t)own->ring << KK_POSITION_BITS | own->position;
	uint64_t count = entry->deaths >> CLAIM_BITS;
	if ((entry->deaths & CLAIM_MASK) != claim && count < 0xffff)
		entry->deaths = ++count << CLAIM_BITS | claim;
	return count;
}

static int settle_item(struct burial *b, uint32_t handle, const struct kk_own *own)
{
	enum queue_ring to = own->state == KK_OWN_QUEUED ? after_put[own->ring] : after_claim[own->ring];
	if (own->state != KK_OWN_QUEUED && to == QUEUE_BACK) {
		uint64_t deaths = b->left ? 0 : charge(queue_entry_of(b->side, handle), own);
		uint32_t most = b->plan->redeliver;
		if (own->state == KK_OWN_COMMIT && (most == 0 || (deaths > most && most != KK_QUEUE_ALWAYS)))
			to = QUEUE_LOST;
	}
	return put(b, handle, to);
}

/* Into the ring behind everything that the dead had put. */
static int post(struct burial *b, uint32_t note)
{
	int rc = kk_ring_put(b->side->ring[QUEUE_WORK], note, 0);
	return rc == KK_ERR_CLOSED ? put(b, note, QUEUE_LATE) : rc == KK_OK ? KK_OK : KK_ERR_CORRUPT;
}

static int settle_note(struct burial *b, uint32_t handle, const struct kk_own *own)
{
	if (own->state == KK_OWN_QUEUED)
		return own->ring == QUEUE_WORK ? post(b, handle) : put(b, handle, own->ring);
	if (own->ring != QUEUE_NOTES)
		return put(b, handle, after_claim[own->ring]);
	b->note = handle;
	return KK_OK;
}

static int settle(struct burial *b, uint32_t handle)
{
	struct kk_own own = kk_table_own(b->side->table, handle);
	if (own.role != b->side->seat || own.state == KK_OWN_IDLE || own.state == KK_OWN_PARKED)
		return KK_OK;
	if (own.ring >= QUEUE_RINGS)
		return KK_ERR_CORRUPT;
	if (own.state == KK_OWN_QUEUED && kk_table_published(b->side->table, b->side->ring[own.ring], handle))
		return KK_OK;
	return queue_is_note(b->side, handle) ? settle_note(b, handle, &own) : settle_item(b, handle, &own);
}

/* ---- the note of a producer's death */

/* Which note it will be stands in `producer` before it is posted: who repeats the burial sees by the note's own word
 * whether it was. Afterwards nobody but us could claim it as this seat. */
static int file_note(struct burial *b, _Atomic uint32_t *producer)
{
	uint32_t value = atomic_load_explicit(producer, memory_order_relaxed);
	if (value == PRODUCER_YES) {
		if (b->note == QUEUE_NONE && kk_ring_take(b->side->ring[QUEUE_NOTES], &b->note, 1) <= 0)
			return KK_OK; /* too many that nobody was told of */
		value = PRODUCER_FILING + b->note;
		atomic_store_explicit(producer, value, memory_order_relaxed);
	}
	uint32_t handle = value - PRODUCER_FILING;
	if (handle != b->note)
		return KK_OK;
	struct queue_note *note = kk_table_entry(b->side->table, handle);
	struct kk_sitter sitter = {.pid = 0};
	if (!note)
		return KK_ERR_CORRUPT;
	(void)kk_family_sitter(b->family, b->side->seat, &sitter);
	*note = (struct queue_note){.pid = (uint32_t)sitter.pid, .seat = b->side->seat};
	memcpy(note->name, sitter.name, sizeof(note->name));
	b->note = QUEUE_NONE;
	return post(b, handle);
}

static int settle_producer(struct burial *b)
{
	_Atomic uint32_t *producer = &b->side->memory->producer[b->side->seat];
	int rc = KK_OK;
	if (atomic_load_explicit(producer, memory_order_relaxed) != PRODUCER_NONE) {
		if (!b->left)
			rc = file_note(b, producer);
		/* release: the next sitter begins with it. */
		atomic_store_explicit(producer, PRODUCER_NONE, memory_order_release);
	}
	if (b->note != QUEUE_NONE && put(b, b->note, QUEUE_NOTES) < 0)
		rc = KK_ERR_CORRUPT;
	return rc;
}

/* What stands in LOST has been counted by that. */
static int drain_lost(struct burial *b)
{
	uint32_t handle;
	int rc = KK_OK;
	while (rc == KK_OK && kk_ring_take(b->side->ring[QUEUE_LOST], &handle, 1) > 0)
		rc = put(b, handle, QUEUE_FREE);
	return rc;
}

static int bury_queue(struct kk_family *family, void *memory, uint64_t bytes, unsigned seat, bool left)
{
	struct queue_plan plan;
	struct burial b = {.family = family, .plan = &plan, .left = left, .note = QUEUE_NONE};
	int worst = queue_plan_read(&plan, memory, bytes);
	if (worst == KK_OK)
		worst = queue_side_make(&b.side, &plan, memory, seat);
	if (worst != KK_OK)
		return worst;
	/* Notes come beside the capacity. */
	(void)kk_ring_limit(b.side->ring[QUEUE_WORK], plan.slots[QUEUE_WORK]);
	for (uint32_t handle = 0; handle < plan.items + plan.notes; handle++) {
		int rc = settle(&b, handle);
		worst = rc < 0 ? rc : worst;
	}
	int producer = settle_producer(&b), lost = drain_lost(&b);
	worst = producer < 0 ? producer : lost < 0 ? lost : worst;
	/* The dead may have changed something, or have been woken, and told nobody. */
	kk_event_wake_all(kk_ring_items_event(b.side->ring[QUEUE_WORK]), -1);
	kk_event_wake_all(kk_ring_room_event(b.side->ring[QUEUE_WORK]), -1);
	kk_event_wake_all(&b.side->memory->room, -1);
	kk_event_wake_all(&b.side->memory->done, -1);
	queue_side_free(b.side);
	return worst;
}

static int check_queue(const void *memory, uint64_t bytes, struct kk_error *error)
{
	struct queue_plan plan;
	if (queue_plan_read(&plan, memory, bytes) < 0)
		return kk_error_set(error, KK_ERR_CORRUPT, "the header of a queue is not sound");
	return KK_OK;
}

const struct kk_kind kk_kind_queue = {
    .name = "queue",
    .number = KK_KIND_QUEUE,
    .layout = QUEUE_VERSION,
    .bury = bury_queue,
    .check = check_queue,
};
