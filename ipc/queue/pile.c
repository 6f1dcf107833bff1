/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/queue/pile.c - making and finding piles, and burying who used one. */
#include "queue/pile.h"
#include "family/handle.h"
#include "family/kinds.h"
#include "family/place.h"

#include <inttypes.h>
#include <kakehi/cpus.h>
#include <limits.h>
#include <stdlib.h>

#define SPINS 150

static int make_plan(struct pile_plan *plan, const struct kk_queue_spec *spec, uint32_t order, uint32_t seats)
{
	struct pile_plan p = {.capacity = spec->capacity ? spec->capacity : KK_QUEUE_CAPACITY,
	                      .item_max = spec->item_max ? spec->item_max : KK_QUEUE_ITEM_MAX,
	                      .redeliver = spec->redeliver,
	                      .seats = seats,
	                      .order = (enum pile_order)order,
	                      .joinable = spec->joinable};
	uint32_t in_hand = spec->in_hand ? spec->in_hand : seats;
	if (p.capacity > KK_QUEUE_MAX_CAPACITY || in_hand > KK_QUEUE_MAX_CAPACITY || p.item_max > KK_QUEUE_MAX_ITEM ||
	    seats == 0 || seats > KK_SEAT_MAX || (p.redeliver && !p.joinable) || order > PILE_SMALLEST_FIRST)
		return KK_ERR_INVALID;
	/* Nothing is ever in a hand outside of the guard, if nothing is kept. */
	p.entries = p.capacity + (p.joinable ? in_hand : 0);
	uint64_t at = 0;
	(void)place_part(&at, sizeof(struct pile_memory));
	p.heap_at = place_part(&at, (uint64_t)p.entries * sizeof(uint32_t));
	p.unused_at = place_part(&at, (uint64_t)p.entries * sizeof(uint32_t));
	p.entry_at = place_part(&at, (uint64_t)p.entries * sizeof(struct pile_entry));
	if (p.item_max > PILE_INLINE) {
		p.data_stride = (p.item_max + UINT64_C(63)) & ~UINT64_C(63);
		p.data_at = place_part(&at, p.data_stride * p.entries);
	}
	p.bytes = at;
	*plan = p;
	return KK_OK;
}

static int read_plan(struct pile_plan *plan, const void *memory, uint64_t bytes)
{
	const struct pile_memory *m = memory;
	if (bytes < sizeof(*m) || m->magic != PILE_MAGIC)
		return KK_ERR_CORRUPT;
	if (m->version != PILE_VERSION)
		return KK_ERR_VERSION;
	struct kk_queue_spec spec = {m->capacity, m->item_max, m->in_hand, m->redeliver, m->joinable != 0};
	if (make_plan(plan, &spec, m->order, m->seats) < 0 || plan->bytes > bytes)
		return KK_ERR_CORRUPT;
	return KK_OK;
}

static const struct kk_kind *kind_of(enum pile_order order)
{
	return order == PILE_LAST_FIRST ? &kk_kind_lifo : &kk_kind_priority;
}

/* ---- handles */

/* Completes the handle, or frees it. */
static struct pile *set_up(struct pile *pile, const struct pile_plan *plan, struct kk_error *error)
{
	unsigned char *base = pile->object.memory;
	pile->plan = *plan;
	pile->memory = pile->object.memory;
	pile->heap = (uint32_t *)(void *)(base + plan->heap_at);
	pile->unused = (uint32_t *)(void *)(base + plan->unused_at);
	pile->entry = (struct pile_entry *)(void *)(base + plan->entry_at);
	pile->data = plan->data_stride ? base + plan->data_at : NULL;
	pile->spins = kk_cpus() > 1 ? SPINS : 0;
	pile->hold = calloc(plan->seats + 1, sizeof(*pile->hold));
	if (!pile->hold) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for the handle of a %s",
		                   kind_of(plan->order)->name);
		free(pile);
		return NULL;
	}
	for (uint32_t i = 0; i <= plan->seats; i++)
		pile->hold[i].first = PILE_NONE;
	return pile;
}

static void lay_out(struct pile_memory *m, const struct pile_plan *plan, uint32_t in_hand)
{
	m->version = PILE_VERSION;
	m->order = plan->order;
	m->capacity = plan->capacity;
	m->item_max = plan->item_max;
	m->in_hand = in_hand;
	m->redeliver = plan->redeliver;
	m->joinable = plan->joinable;
	m->seats = plan->seats;
	/* All entries are FREE; the first who uses it builds the rest. */
	atomic_store(&m->stale, 1);
	m->magic = PILE_MAGIC;
}

struct pile *pile_create(struct kk_family *family, enum pile_order order, const struct kk_queue_spec *spec,
                         struct kk_error *error)
{
	static const struct kk_queue_spec defaults = {.capacity = 0};
	const struct kk_kind *kind = kind_of(order);
	struct pile_plan plan;
	if (make_plan(&plan, spec ? spec : &defaults, order, kk_family_seats(family)) < 0) {
		(void)kk_error_set(error, KK_ERR_INVALID,
		                   "a %s has a capacity of up to %u items of up to %u bytes, and only a joinable one "
		                   "redelivers",
		                   kind->name, KK_QUEUE_MAX_CAPACITY, KK_QUEUE_MAX_ITEM);
		return NULL;
	}
	struct pile *pile = handle_create(family, kind, sizeof(*pile), plan.bytes, error);
	if (!pile) {
		(void)kk_error_wrap(error, "a %s of %" PRIu64 " bytes", kind->name, plan.bytes);
		return NULL;
	}
	struct kk_object object = pile->object;
	lay_out(object.memory, &plan, spec && spec->in_hand ? spec->in_hand : plan.seats);
	pile = set_up(pile, &plan, error);
	if (pile)
		kk_object_publish(&object);
	else
		(void)kk_object_destroy(&object);
	return pile;
}

struct pile *pile_open(struct kk_family *family, enum pile_order order, uint64_t ref, struct kk_error *error)
{
	struct pile_plan plan;
	struct pile *pile = handle_open(family, ref, kind_of(order), sizeof(*pile), sizeof(struct pile_memory), error);
	if (!pile)
		return NULL;
	int rc = read_plan(&plan, pile->object.memory, pile->object.bytes);
	if (rc == KK_OK && (plan.seats != kk_family_seats(family) || plan.order != order))
		rc = KK_ERR_CORRUPT;
	if (rc == KK_OK)
		return set_up(pile, &plan, error);
	(void)kk_error_set(error, rc, "the header of the %s is not sound", kind_of(order)->name);
	free(pile);
	return NULL;
}

uint64_t pile_ref(const struct pile *pile)
{
	return pile->object.ref;
}

void pile_close(struct pile *pile)
{
	if (pile)
		free(pile->hold);
	free(pile);
}

void pile_destroy(struct pile *pile)
{
	if (pile)
		(void)kk_object_destroy(&pile->object);
	pile_close(pile);
}

/* ---- looking */

void pile_usage(struct pile *pile, struct kk_queue_usage *usage)
{
	*usage = (struct kk_queue_usage){.capacity = pile->plan.capacity,
	                                 .item_max = pile->plan.item_max,
	                                 .shut = atomic_load(&pile->memory->shut) != 0};
	for (uint32_t number = 0; number < pile->plan.entries; number++) {
		uint64_t word = pile_look(pile, number);
		enum pile_state state = pile_state_of(word);
		usage->waiting += state == PILE_WAITING || state == PILE_RETURNED;
		usage->in_hand += state == PILE_HELD;
		usage->lost += pile_lost_of(word);
	}
	usage->unfinished = usage->waiting + usage->in_hand;
}

/* Under the guard: do heap and counts say what the words say? */
static bool is_in_order(const struct pile *pile)
{
	const struct pile_memory *m = pile->memory;
	uint32_t waiting = 0, in_heap = 0;
	for (uint32_t number = 0; number < pile->plan.entries; number++) {
		const struct pile_entry *entry = pile_entry_of(pile, number);
		enum pile_state state = pile_state_of(pile_look(pile, number));
		if (state != PILE_WAITING && state != PILE_REMOVED)
			continue;
		in_heap++;
		waiting += state == PILE_WAITING;
		if (entry->place >= m->heap_count || pile->heap[entry->place] != number ||
		    entry->bytes > pile->plan.item_max)
			return false;
	}
	return in_heap == m->heap_count && waiting == atomic_load_explicit(&m->waiting, memory_order_relaxed);
}

int pile_check(struct pile *pile, struct kk_error *error)
{
	struct pile_plan plan;
	if (read_plan(&plan, pile->memory, pile->object.bytes) < 0 || plan.bytes != pile->plan.bytes)
		return kk_error_set(error, KK_ERR_CORRUPT, "the header of the %s was overwritten",
		                    kind_of(pile->plan.order)->name);
	int seat = kk_family_seat(pile->object.family);
	if (seat < 0)
		return kk_error_set(error, seat, "no seat to look from");
	int rc = pile_enter(pile, (unsigned)seat, -1);
	bool sound = rc == KK_OK && is_in_order(pile);
	if (rc == KK_OK)
		pile_leave(pile);
	return sound ? KK_OK
	             : kk_error_set(error, KK_ERR_CORRUPT, "the order of the %s is not sound",
	                            kind_of(pile->plan.order)->name);
}

/* ---- burying */

/* Of the dead's own: back, or lost and counted, in one store. */
static uint64_t after_death(const struct pile_plan *plan, uint64_t word, bool left)
{
	uint64_t deaths = pile_deaths_of(word), lost = pile_lost_of(word), generation = pile_generation_of(word);
	if (!left && deaths < 0xff)
		deaths++;
	if (plan->redeliver == 0 || (deaths > plan->redeliver && plan->redeliver != KK_QUEUE_ALWAYS && !left))
		return pile_word(PILE_FREE, 0, lost < 0xffff ? lost + 1 : lost, 0, generation + 1);
	return pile_word(PILE_RETURNED, 0, lost, deaths, generation);
}

static int bury_pile(struct kk_family *family, void *memory, uint64_t bytes, unsigned seat, bool left)
{
	struct pile_memory *m = memory;
	struct pile_plan plan;
	(void)family;
	int rc = read_plan(&plan, memory, bytes);
	if (rc < 0)
		return rc;
	struct pile_entry *entry = (struct pile_entry *)(void *)((unsigned char *)memory + plan.entry_at);
	for (uint32_t number = 0; number < plan.entries; number++) {
		uint64_t word = atomic_load_explicit(&entry[number].word, memory_order_acquire);
		if (pile_state_of(word) == PILE_HELD && pile_seat_of(word) == seat)
			atomic_store_explicit(&entry[number].word, after_death(&plan, word, left),
			                      memory_order_release);
	}
	/* Also if nothing was found: an earlier try may have died right before this. */
	atomic_store(&m->stale, 1);
	kk_guard_bury(&m->guard, seat);
	kk_event_wake_all(&m->items, -1);
	kk_event_wake_all(&m->room, -1);
	kk_event_wake_all(&m->done, -1);
	return KK_OK;
}

static int check_header(const void *memory, uint64_t bytes, struct kk_error *error)
{
	struct pile_plan plan;
	if (read_plan(&plan, memory, bytes) < 0)
		return kk_error_set(error, KK_ERR_CORRUPT, "the header of a lifo or priority queue is not sound");
	return KK_OK;
}

const struct kk_kind kk_kind_lifo = {
    .name = "lifo", .number = KK_KIND_LIFO, .layout = PILE_VERSION, .bury = bury_pile, .check = check_header};
const struct kk_kind kk_kind_priority = {.name = "priority queue",
                                         .number = KK_KIND_PRIORITY,
                                         .layout = PILE_VERSION,
                                         .bury = bury_pile,
                                         .check = check_header};
