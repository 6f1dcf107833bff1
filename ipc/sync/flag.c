/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/sync/flag.c - a flag that others can wait for. Why it is right: ipc/MEMORY.md, "Flag". */
#include <kakehi/flag.h>

#include "family/handle.h"
#include "family/kinds.h"
#include "wait/look.h"
#include "wait/point.h"
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SET = 1, EPOCH_ONE = 2 };

/* Shared.
 *   field   written by                               read by
 *   word    who sets it (CAS), who clears it         all
 *   event   who waits, who sets it, burials          both */
struct flag_memory {
	_Atomic uint32_t word; /* epoch:31 set:1; the epoch counts how often it became set */
	struct kk_event event;
};

struct kk_flag {
	struct kk_object object;
	struct flag_memory *memory;
};

void kk_flag_set(struct kk_flag *flag)
{
	struct flag_memory *memory = flag->memory;
	uint32_t word = atomic_load(&memory->word);
	KK_POINT("flag: set");
	while (!(word & SET) && !atomic_compare_exchange_weak(&memory->word, &word, (word + EPOCH_ONE) | SET))
		;
	KK_POINT("flag: wake");
	/* Also if it was set already: who did so may have been stopped in between. */
	kk_event_wake(&memory->event, INT_MAX, -1);
}

void kk_flag_clear(struct kk_flag *flag)
{
	KK_POINT("flag: clear");
	atomic_fetch_and(&flag->memory->word, ~(uint32_t)SET);
}

bool kk_flag_is_set(const struct kk_flag *flag)
{
	return atomic_load(&flag->memory->word) & SET;
}

/* Is it set, or was it since the word was `first`? */
static bool has_come(const struct flag_memory *memory, uint32_t first)
{
	uint32_t word = atomic_load(&memory->word);
	return (word & SET) || word / EPOCH_ONE != first / EPOCH_ONE;
}

int kk_flag_wait(struct kk_flag *flag, int timeout_ms)
{
	struct flag_memory *memory = flag->memory;
	uint32_t first = atomic_load(&memory->word);
	if (first & SET)
		return KK_OK;
	int64_t deadline_ns = kk_family_deadline(timeout_ms);
	unsigned round = 0;
	for (int rc = KK_OK;;) {
		uint32_t ticket = kk_event_prepare(&memory->event);
		KK_POINT("flag: look");
		if (has_come(memory, first))
			return KK_OK;
		if (rc == KK_ERR_TIMEOUT)
			return rc;
		rc = kk_family_sleep(flag->object.family, &memory->event, ticket, deadline_ns, &round);
	}
}

static int bury(struct kk_family *family, void *at, uint64_t bytes, unsigned seat, bool left)
{
	struct flag_memory *memory = at;
	(void)family;
	(void)seat;
	(void)left;
	if (bytes < sizeof(*memory))
		return KK_ERR_CORRUPT;
	kk_event_wake_all(&memory->event, -1);
	return KK_OK;
}

const struct kk_kind kk_kind_flag = {.name = "flag", .number = KK_KIND_FLAG, .layout = 1, .bury = bury};

struct kk_flag *kk_flag_create(struct kk_family *family, struct kk_error *error)
{
	struct kk_flag *flag = handle_create(family, &kk_kind_flag, sizeof(*flag), sizeof(struct flag_memory), error);
	if (!flag)
		return NULL;
	flag->memory = flag->object.memory;
	kk_object_publish(&flag->object);
	return flag;
}

struct kk_flag *kk_flag_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	struct kk_flag *flag =
	    handle_open(family, ref, &kk_kind_flag, sizeof(*flag), sizeof(struct flag_memory), error);
	if (flag)
		flag->memory = flag->object.memory;
	return flag;
}

uint64_t kk_flag_ref(const struct kk_flag *flag)
{
	return flag->object.ref;
}

void kk_flag_close(struct kk_flag *flag)
{
	free(flag);
}

void kk_flag_destroy(struct kk_flag *flag)
{
	handle_destroy(flag ? &flag->object : NULL);
}
