/* SPDX-License-Identifier: Apache-2.0 */
#include "wait/look.h"
#include "wait/point.h"
#include <errno.h>
#include <kakehi/wait.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long futex(_Atomic uint32_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

static void ring_bell(int bell)
{
	uint64_t one = 1;
	if (bell < 0)
		return;
	KK_POINT("bell");
	if (write(bell, &one, sizeof(one)) < 0) {
		/* The counter is at its limit: whoever watches it has been told already. */
	}
	KK_POINT("bell: rung");
}

uint32_t kk_event_prepare(struct kk_event *event)
{
	KK_POINT("P1");
	uint32_t ticket = atomic_fetch_or(event_word(event), EVENT_WAITED) | EVENT_WAITED;
	/* Pairs with the fence in kk_event_wake: either we see the change or the waker sees our flag. */
	atomic_thread_fence(memory_order_seq_cst);
	KK_POINT("P2");
	return ticket;
}

int kk_event_sleep(struct kk_event *event, uint32_t ticket, int64_t timeout_ns)
{
	struct timespec limit = {timeout_ns / 1000000000, timeout_ns % 1000000000};
	KK_POINT("P3");
	bool late =
	    futex(event_word(event), FUTEX_WAIT, ticket, timeout_ns < 0 ? NULL : &limit) < 0 && errno == ETIMEDOUT;
	KK_POINT("P3: awake");
	return late ? KK_ERR_TIMEOUT : KK_OK;
}

/* The flag may be taken down only if nobody sleeps behind it. A waiter may have gone to sleep between a wake that
 * found nobody and taking the flag down: hence the second wake, after it. One who comes later finds the word changed
 * and does not sleep; also if another waiter has put the flag up again by then, since taking it down counts as well. */
static void lower_flag(_Atomic uint32_t *word, uint32_t value, int bell)
{
	KK_POINT("W4");
	if (!atomic_compare_exchange_strong(word, &value, (value & ~(uint32_t)EVENT_WAITED) + EVENT_ONE_WAKE))
		return;
	KK_POINT("W4: flag down");
	ring_bell(bell);
	futex(word, FUTEX_WAKE, INT_MAX, NULL);
	KK_POINT("W4: done");
}

void kk_event_wake(struct kk_event *event, int count, int bell)
{
	_Atomic uint32_t *word = event_word(event);
	atomic_thread_fence(memory_order_seq_cst);
	KK_POINT("W2");
	if (!(atomic_load_explicit(word, memory_order_relaxed) & EVENT_WAITED))
		return;
	KK_POINT("W3");
	uint32_t value = atomic_fetch_add(word, EVENT_ONE_WAKE) + EVENT_ONE_WAKE;
	KK_POINT("W3: counted");
	ring_bell(bell);
	if (futex(word, FUTEX_WAKE, (uint32_t)count, NULL) == 0)
		lower_flag(word, value, bell);
}

void kk_event_wake_all(struct kk_event *event, int bell)
{
	_Atomic uint32_t *word = event_word(event);
	KK_POINT("wake all");
	atomic_fetch_add(word, EVENT_ONE_WAKE);
	KK_POINT("wake all: counted");
	ring_bell(bell);
	futex(word, FUTEX_WAKE, INT_MAX, NULL);
	KK_POINT("wake all: done");
}

bool kk_event_waited(const struct kk_event *event)
{
	/* As in kk_event_wake: the caller's change comes before this look, and before what he looks at because of it.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(event_word(event), memory_order_relaxed) & EVENT_WAITED;
}
