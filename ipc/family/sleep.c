/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/family/sleep.c - sleeping until another member has done something, or has died. */
#include "family/layout.h"

#include <time.h>

#define FIRST_LOOK_NS INT64_C(10000000)
#define LAST_ROUND    4U /* 160 ms */

int64_t kk_family_now(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t kk_family_deadline(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : kk_family_now() + (int64_t)timeout_ms * 1000000;
}

/* Who is woken all the time, for other reasons than his own, has to look as well. */
static void look_if_due(struct kk_family *family)
{
	int64_t now = kk_family_now();
	if (now - atomic_load_explicit(&family->looked_ns, memory_order_relaxed) < FIRST_LOOK_NS << LAST_ROUND)
		return;
	atomic_store_explicit(&family->looked_ns, now, memory_order_relaxed);
	(void)kk_family_bury(family);
}

int kk_family_sleep(struct kk_family *family, struct kk_event *event, uint32_t ticket, int64_t deadline_ns,
                    unsigned *round)
{
	int64_t limit = FIRST_LOOK_NS << (*round < LAST_ROUND ? *round : LAST_ROUND);
	bool last = false;
	if (deadline_ns >= 0) {
		int64_t left = deadline_ns - kk_family_now();
		last = left <= limit;
		limit = last ? left : limit;
	}
	if (limit > 0 && kk_event_sleep(event, ticket, limit) == KK_OK) {
		look_if_due(family);
		return KK_OK;
	}
	++*round;
	atomic_store_explicit(&family->looked_ns, kk_family_now(), memory_order_relaxed);
	/* Also at the very end: who waits for a moment again and again would else never look. */
	int buried = kk_family_bury(family);
	return last && buried <= 0 ? KK_ERR_TIMEOUT : KK_OK;
}
