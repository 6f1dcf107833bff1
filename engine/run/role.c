/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor does with a run that goes: roles, sentinels, stopping. */
#include "run/layout.h"
#include <stdio.h>
#include <string.h>

enum kk_role_state kk_run_role_state(const struct kk_run *run, unsigned role)
{
	return (enum kk_role_state)kk_word_load(&run->roles[role].state);
}

uint32_t kk_run_begin_life(struct kk_run *run, unsigned role, enum kk_cause cause, const char *text)
{
	struct role_entry *entry = &run->roles[role];
	entry->cause = cause;
	snprintf(entry->text, sizeof(entry->text), "%s", text ? text : "");
	kk_word_store(&entry->state, KK_ROLE_STARTING);
	return ++entry->life;
}

void kk_run_in_hand(const struct kk_run *run, unsigned role, char *to, size_t size)
{
	const struct role_entry *entry = &run->roles[role];
	uint64_t current = kk_word_load(&entry->current);
	uint32_t handle = current & 0xffffff;
	to[0] = 0;
	if (current >> 32 != entry->life || ((current >> 24) & 0xff) != CURRENT_ITEM || handle >= run->layout.heads)
		return;
	/* The source's arena is the source's alone: what it says is bounded, not trusted. */
	const char *key = run_record(run, handle)->bytes;
	size_t room = run->layout.record_stride - sizeof(struct source_record);
	snprintf(to, size, "%.*s", (int)strnlen(key, room), key);
}

/* The dead process may have owed a wake-up at any ring or arena its role works on. A death is rare and a needless
 * wake-up harmless, so everybody is asked to look again. */
void kk_run_wake_all(struct kk_run *run)
{
	for (unsigned r = 0; r < KK_RING_STAGE + run->plan->stage_count; r++) {
		if (!run->ring[r])
			continue;
		kk_event_wake_all(kk_ring_items_event(run->ring[r]), -1);
		kk_event_wake_all(kk_ring_room_event(run->ring[r]), -1);
	}
	for (unsigned s = 0; s < run->plan->stage_count; s++) {
		if (run->arena[s])
			kk_event_wake_all(kk_arena_room_event(run->arena[s]), -1);
		if (run->bell[s] >= 0)
			kk_event_wake_all(&run->header->free_items, run->bell[s]);
	}
}

void kk_run_stop_source(struct kk_run *run)
{
	kk_word_store(&run->header->stop, 1);
	kk_event_wake_all(&run->header->free_items, run->bell[0]);
	if (run->arena[0])
		kk_event_wake_all(kk_arena_room_event(run->arena[0]), -1);
}

bool kk_run_stopping(const struct kk_run *run)
{
	return kk_word_load(&run->header->stop) != 0;
}

int kk_run_put_sentinel(struct kk_run *run, unsigned stage)
{
	unsigned r = stage == run->plan->stage_count ? KK_RING_RECORDER : KK_RING_STAGE + stage;
	return kk_ring_close(run->ring[r]);
}

int kk_run_check(const struct kk_run *run, struct kk_error *error)
{
	if (run->header->magic != KK_RUN_MAGIC)
		return kk_error_set(error, KK_ERR_CORRUPT, "the header of the control segment was overwritten");
	int status = KK_OK;
	for (unsigned r = 0; r < KK_RING_STAGE + run->plan->stage_count && status == KK_OK; r++)
		if (run->ring[r])
			status = kk_ring_check(run->ring[r], error);
	for (unsigned s = 0; s < run->plan->stage_count && status == KK_OK; s++)
		if (run->arena[s])
			status = kk_arena_check(run->arena[s], error);
	return status;
}
