/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a ring of handles. */
#include "rings.h"
#include <sched.h>

enum { LOOKS = 64, BACKSTOP_NS = 1000000000 };

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

static bool is_over(const struct waiter *waiter)
{
	if (!crew_stopped(waiter->control))
		return false;
	return !waiter->drains || atomic_load(&waiter->control->producers_done) >= (uint32_t)waiter->producers;
}

static int park(struct waiter *waiter, void *end, uint64_t *words, int max)
{
	struct kk_event *event = waiter->rival->event(end);
	uint32_t ticket = kk_event_prepare(event);
	int taken = waiter->rival->take(end, words, max);
	if (taken == 0 && !is_over(waiter) && kk_event_sleep(event, ticket, BACKSTOP_NS) == KK_ERR_TIMEOUT)
		waiter->backstop++;
	return taken;
}

int wait_take(struct waiter *waiter, void *end, uint64_t *words, int max)
{
	for (int looks = 0;; looks++) {
		/* Over first: whoever was through before our look had put everything. */
		bool over = is_over(waiter);
		if (over && !waiter->drains)
			return 0;
		int taken = waiter->rival->take(end, words, max);
		if (taken == 0 && !over && looks >= LOOKS) {
			if (waiter->waiting == WAIT_YIELD)
				sched_yield();
			else
				taken = park(waiter, end, words, max);
		} else if (taken == 0 && !over) {
			pause_briefly();
		}
		if (taken > 0)
			return taken;
		if (taken < 0 || over)
			return 0;
	}
}

void wait_put(struct waiter *waiter, void *end, const uint64_t *words, int count)
{
	int done = 0;
	while (done < count) {
		int put = waiter->rival->put(end, words + done, count - done);
		if (put < 0)
			return;
		done += put;
		/* The rings are as large as the table: only rings that count a taker's reserved place as taken get
		 * here. */
		if (done < count)
			sched_yield();
	}
	if (waiter->waiting == WAIT_PARK)
		waiter->rival->wake(end, count);
}
