/* SPDX-License-Identifier: Apache-2.0 */
#include "pegs.h"
#include "family/kinds.h"
#include <sched.h>

static int bury(struct kk_family *family, void *memory, uint64_t bytes, unsigned seat, bool left)
{
	struct pegs *pegs = memory;
	(void)family;
	(void)bytes;
	if (atomic_load(&pegs->dwell) == 1)
		atomic_store(&pegs->dwell, 2);
	while (atomic_load(&pegs->dwell) == 2)
		sched_yield();
	for (int i = 0; i < PEGS; i++) {
		uint32_t held = seat;
		if (atomic_compare_exchange_strong(&pegs->held[i], &held, 0))
			atomic_fetch_add(left ? &pegs->left : &pegs->buried, 1);
	}
	kk_event_wake_all(&pegs->event, -1);
	return atomic_load(&pegs->broken) ? KK_ERR_CORRUPT : KK_OK;
}

static int check(const void *memory, uint64_t bytes, struct kk_error *error)
{
	const struct pegs *pegs = memory;
	if (bytes < sizeof(*pegs) || atomic_load(&pegs->broken))
		return kk_error_set(error, KK_ERR_CORRUPT, "a peg is broken");
	return KK_OK;
}

const struct kk_kind pegs_kind = {
    .name = "row of pegs", .number = KK_KIND_LOCK, .layout = 1, .bury = bury, .check = check};
const struct kk_kind other_kind = {.name = "other thing", .number = OTHER_KIND, .layout = 1};

/* Takes the place of the library's: these are all the kinds there are. */
const struct kk_kind *kk_kind_of(uint32_t number)
{
	return number == pegs_kind.number ? &pegs_kind : number == other_kind.number ? &other_kind : NULL;
}

struct pegs *pegs_make(struct kk_family *family, struct kk_object *object, struct kk_error *error)
{
	if (kk_object_make(family, &pegs_kind, sizeof(struct pegs), object, error) < 0)
		return NULL;
	kk_object_publish(object);
	return object->memory;
}

int pegs_take(struct kk_family *family, struct pegs *pegs)
{
	int seat = kk_family_seat(family);
	if (seat < 0)
		return seat;
	for (int i = 0; i < PEGS; i++) {
		uint32_t nobody = 0;
		if (atomic_compare_exchange_strong(&pegs->held[i], &nobody, (uint32_t)seat))
			return i;
	}
	return KK_ERR_FULL;
}

void pegs_drop(struct pegs *pegs, int peg)
{
	atomic_store(&pegs->held[peg], 0);
	kk_event_wake(&pegs->event, 1, -1);
}

unsigned pegs_held(struct pegs *pegs)
{
	unsigned held = 0;
	for (int i = 0; i < PEGS; i++)
		held += atomic_load(&pegs->held[i]) != 0;
	return held;
}
