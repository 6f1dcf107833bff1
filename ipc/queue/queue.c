/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/queue/queue.c - making queues, finding them, and looking at them from outside. */
#include "family/kinds.h"
#include "family/place.h"
#include "queue/layout.h"

#include <inttypes.h>
#include <kakehi/cpus.h>
#include <stdlib.h>
#include <string.h>

#define SPINS 150

/* ---- the plan */

int queue_plan_make(struct queue_plan *plan, const struct kk_queue_spec *spec, uint32_t seats)
{
	struct queue_plan p = {.capacity = spec->capacity ? spec->capacity : KK_QUEUE_CAPACITY,
	                       .item_max = spec->item_max ? spec->item_max : KK_QUEUE_ITEM_MAX,
	                       .notes = seats,
	                       .redeliver = spec->redeliver,
	                       .seats = seats,
	                       .joinable = spec->joinable};
	uint32_t in_hand = spec->in_hand ? spec->in_hand : seats;
	if (p.capacity > KK_QUEUE_MAX_CAPACITY || in_hand > KK_QUEUE_MAX_CAPACITY || p.item_max > KK_QUEUE_MAX_ITEM ||
	    seats == 0 || seats > KK_SEAT_MAX || (p.redeliver && !p.joinable))
		return KK_ERR_INVALID;
	p.items = p.capacity + in_hand;
	/* Behind `capacity` items there is room for all notes and the sentinel. */
	p.slots[QUEUE_WORK] = place_slots(p.capacity + p.notes + 1);
	p.slots[QUEUE_FREE] = p.slots[QUEUE_LOST] = place_slots(p.items);
	p.slots[QUEUE_BACK] = place_slots(p.items + p.notes);
	p.slots[QUEUE_LATE] = p.slots[QUEUE_NOTES] = place_slots(p.notes);
	uint64_t at = 0;
	(void)place_part(&at, sizeof(struct queue_memory));
	p.table_bytes = kk_table_size(p.items + p.notes, sizeof(struct queue_entry));
	p.table_at = place_part(&at, p.table_bytes);
	for (int i = 0; i < QUEUE_RINGS; i++)
		p.ring_at[i] = place_part(&at, kk_ring_size(p.slots[i]));
	if (p.item_max > QUEUE_INLINE) {
		p.data_stride = (p.item_max + UINT64_C(63)) & ~UINT64_C(63);
		p.data_at = place_part(&at, p.data_stride * p.items);
	}
	p.bytes = at;
	*plan = p;
	return KK_OK;
}

int queue_plan_read(struct queue_plan *plan, const void *memory, uint64_t bytes)
{
	const struct queue_memory *m = memory;
	if (bytes < sizeof(*m) || m->magic != QUEUE_MAGIC)
		return KK_ERR_CORRUPT;
	if (m->version != QUEUE_VERSION)
		return KK_ERR_VERSION;
	struct kk_queue_spec spec = {m->capacity, m->item_max, m->in_hand, m->redeliver, m->joinable != 0};
	if (queue_plan_make(plan, &spec, m->seats) < 0 || plan->bytes > bytes)
		return KK_ERR_CORRUPT;
	return KK_OK;
}

/* ---- sides */

void queue_side_free(struct queue_side *side)
{
	if (!side)
		return;
	for (int i = 0; i < QUEUE_RINGS; i++)
		kk_ring_detach(side->ring[i]);
	kk_table_detach(side->table);
	free(side);
}

/* Who waits for items waits for all rings that bring some; who waits for room, for all that make some. */
static void set_events(struct queue_side *side)
{
	struct kk_event *items = kk_ring_items_event(side->ring[QUEUE_WORK]);
	kk_ring_events(side->ring[QUEUE_BACK], items, -1, NULL, -1);
	kk_ring_events(side->ring[QUEUE_LATE], items, -1, NULL, -1);
	kk_ring_events(side->ring[QUEUE_FREE], &side->memory->room, -1, NULL, -1);
}

int queue_side_make(struct queue_side **to, const struct queue_plan *plan, void *memory, unsigned seat)
{
	unsigned char *base = memory;
	struct queue_side *side = calloc(1, sizeof(*side));
	int rc = side ? KK_OK : KK_ERR_MEMORY;
	if (rc == KK_OK) {
		*side = (struct queue_side){.memory = memory,
		                            .data = plan->data_stride ? base + plan->data_at : NULL,
		                            .data_stride = plan->data_stride,
		                            .items = plan->items,
		                            .item_max = plan->item_max,
		                            .seat = seat,
		                            .keeps = plan->joinable,
		                            .held_first = QUEUE_NONE};
		rc = kk_table_attach(&side->table, base + plan->table_at, plan->table_bytes, seat);
	}
	if (rc == KK_OK && kk_table_entries(side->table) != plan->items + plan->notes)
		rc = KK_ERR_CORRUPT;
	for (int i = 0; rc == KK_OK && i < QUEUE_RINGS; i++) {
		rc = kk_ring_attach(&side->ring[i], base + plan->ring_at[i], kk_ring_size(plan->slots[i]), side->table);
		if (rc == KK_OK && kk_ring_slots(side->ring[i]) != plan->slots[i])
			rc = KK_ERR_CORRUPT;
	}
	if (rc == KK_OK) {
		set_events(side);
		rc = kk_ring_limit(side->ring[QUEUE_WORK], plan->capacity);
	}
	if (rc < 0)
		queue_side_free(side);
	else
		*to = side;
	return rc;
}

int queue_side_new(struct kk_queue *queue, unsigned seat, struct queue_side **side)
{
	int rc = queue_side_make(side, &queue->plan, queue->object.memory, seat);
	if (rc == KK_OK)
		/* release: another thread of this process may sit here later. */
		atomic_store_explicit(&queue->side[seat], *side, memory_order_release);
	return rc;
}

/* ---- making and finding */

static struct kk_queue *new_handle(const struct kk_object *object, const struct queue_plan *plan,
                                   struct kk_error *error)
{
	struct kk_queue *queue = calloc(1, sizeof(*queue) + (plan->seats + 1) * sizeof(queue->side[0]));
	if (!queue) {
		kk_error_set(error, KK_ERR_MEMORY, "no memory for the handle of a queue");
		return NULL;
	}
	queue->object = *object;
	queue->plan = *plan;
	/* Spinning is of use only if somebody can work meanwhile. */
	queue->spins = kk_cpus() > 1 ? SPINS : 0;
	int rc = queue_side_make(&queue->looker, plan, object->memory, 0);
	if (rc < 0) {
		kk_error_set(error, rc, "the queue cannot be used: %s", kk_status_text(rc));
		free(queue);
		return NULL;
	}
	return queue;
}

void kk_queue_close(struct kk_queue *queue)
{
	if (!queue)
		return;
	for (uint32_t i = 1; i <= queue->plan.seats; i++)
		queue_side_free(atomic_load_explicit(&queue->side[i], memory_order_acquire));
	queue_side_free(queue->looker);
	free(queue);
}

void kk_queue_destroy(struct kk_queue *queue)
{
	if (queue)
		(void)kk_object_destroy(&queue->object);
	kk_queue_close(queue);
}

static int lay_out(void *memory, const struct queue_plan *plan)
{
	unsigned char *base = memory;
	struct queue_memory *m = memory;
	int rc = kk_table_init(base + plan->table_at, plan->items + plan->notes, sizeof(struct queue_entry));
	for (unsigned i = 0; rc == KK_OK && i < QUEUE_RINGS; i++)
		rc = kk_ring_init(base + plan->ring_at[i], plan->slots[i], i, 0);
	m->version = QUEUE_VERSION;
	m->capacity = plan->capacity;
	m->item_max = plan->item_max;
	m->in_hand = plan->items - plan->capacity;
	m->redeliver = plan->redeliver;
	m->joinable = plan->joinable;
	m->seats = plan->seats;
	m->magic = QUEUE_MAGIC;
	return rc;
}

static int fill(const struct queue_plan *plan, void *memory, unsigned seat)
{
	struct queue_side *side;
	int rc = queue_side_make(&side, plan, memory, seat);
	if (rc < 0)
		return rc;
	rc = kk_ring_fill(side->ring[QUEUE_FREE], 0, plan->items);
	if (rc == KK_OK)
		rc = kk_ring_fill(side->ring[QUEUE_NOTES], plan->items, plan->notes);
	queue_side_free(side);
	return rc;
}

struct kk_queue *kk_queue_create(struct kk_family *family, const struct kk_queue_spec *spec, struct kk_error *error)
{
	static const struct kk_queue_spec defaults = {.capacity = 0};
	struct queue_plan plan;
	struct kk_object object;
	struct kk_queue *queue = NULL;
	if (queue_plan_make(&plan, spec ? spec : &defaults, kk_family_seats(family)) < 0) {
		kk_error_set(error, KK_ERR_INVALID,
		             "a queue has a capacity of up to %u items of up to %u bytes, and only a "
		             "joinable one redelivers",
		             KK_QUEUE_MAX_CAPACITY, KK_QUEUE_MAX_ITEM);
		return NULL;
	}
	if (kk_object_make(family, &kk_kind_queue, plan.bytes, &object, error) < 0) {
		kk_error_wrap(error, "a queue of %" PRIu64 " bytes", plan.bytes);
		return NULL;
	}
	int rc = lay_out(object.memory, &plan);
	if (rc == KK_OK)
		rc = fill(&plan, object.memory, (unsigned)kk_family_seat(family));
	if (rc == KK_OK)
		queue = new_handle(&object, &plan, error);
	else
		kk_error_set(error, rc, "a queue cannot be made: %s", kk_status_text(rc));
	if (queue)
		kk_object_publish(&object);
	else
		(void)kk_object_destroy(&object);
	return queue;
}

struct kk_queue *kk_queue_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	struct kk_object object;
	struct queue_plan plan;
	if (kk_object_find(family, ref, &kk_kind_queue, &object, error) < 0)
		return NULL;
	int rc = queue_plan_read(&plan, object.memory, object.bytes);
	if (rc == KK_OK && plan.seats != kk_family_seats(family))
		rc = KK_ERR_CORRUPT;
	if (rc < 0) {
		kk_error_set(error, rc, "the header of the queue is not sound");
		return NULL;
	}
	return new_handle(&object, &plan, error);
}

uint64_t kk_queue_ref(const struct kk_queue *queue)
{
	return queue->object.ref;
}

/* ---- looking */

uint32_t kk_queue_size(const struct kk_queue *queue)
{
	const struct queue_side *side = queue->looker;
	return (uint32_t)(kk_ring_count(side->ring[QUEUE_BACK]) + kk_ring_count(side->ring[QUEUE_WORK]) +
	                  kk_ring_count(side->ring[QUEUE_LATE]));
}

bool kk_queue_empty(const struct kk_queue *queue)
{
	return kk_queue_size(queue) == 0;
}

bool kk_queue_full(const struct kk_queue *queue)
{
	const struct queue_side *side = queue->looker;
	return kk_ring_count(side->ring[QUEUE_WORK]) >= queue->plan.capacity ||
	       kk_ring_count(side->ring[QUEUE_FREE]) == 0;
}

void kk_queue_usage(const struct kk_queue *queue, struct kk_queue_usage *usage)
{
	const struct queue_side *side = queue->looker;
	*usage = (struct kk_queue_usage){.capacity = queue->plan.capacity,
	                                 .item_max = queue->plan.item_max,
	                                 .lost = kk_ring_puts(side->ring[QUEUE_LOST]),
	                                 .shut = kk_ring_closed(side->ring[QUEUE_WORK])};
	for (uint32_t handle = 0; handle < queue->plan.items; handle++) {
		struct kk_own own = kk_table_own(side->table, handle);
		bool comes = own.ring == QUEUE_WORK || own.ring == QUEUE_BACK;
		if (own.state == KK_OWN_QUEUED)
			usage->waiting += comes;
		else if (own.state == KK_OWN_CLAIMED || own.state == KK_OWN_COMMIT)
			usage->in_hand++;
		usage->unfinished += comes && own.state != KK_OWN_IDLE;
	}
}

static int check_rings(const struct queue_side *side, struct kk_error *error)
{
	int rc = KK_OK;
	for (int i = 0; rc == KK_OK && i < QUEUE_RINGS; i++)
		rc = kk_ring_check(side->ring[i], error);
	for (uint32_t handle = 0; rc == KK_OK && handle < kk_table_entries(side->table); handle++) {
		struct kk_own own = kk_table_own(side->table, handle);
		if (own.ring >= QUEUE_RINGS || own.role == 0 || own.state == KK_OWN_IDLE || own.state > KK_OWN_COMMIT)
			rc = kk_error_set(error, KK_ERR_CORRUPT, "entry %" PRIu32 " of the queue is nowhere", handle);
	}
	return rc;
}

int kk_queue_check(const struct kk_queue *queue, struct kk_error *error)
{
	struct queue_plan plan;
	if (queue_plan_read(&plan, queue->object.memory, queue->object.bytes) < 0 || plan.bytes != queue->plan.bytes)
		return kk_error_set(error, KK_ERR_CORRUPT, "the header of the queue was overwritten");
	return check_rings(queue->looker, error);
}
