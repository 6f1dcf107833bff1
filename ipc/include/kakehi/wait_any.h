/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/wait_any.h - reads many things that one can wait for, produces those that are ready.
 *
 * Like multiprocessing.connection.wait: connections, queues, the ends of processes, sockets, futures (the descriptor of
 * kk_executor_fd).
 *
 *	struct kk_waitable item[] = {kk_connection_waitable(one), kk_connection_waitable(other),
 *	                             kk_descriptor_waitable(kk_process_sentinel(child), POLLIN)};
 *	count = kk_wait_any(item, 3, -1);
 *	if (item[0].is_ready) ...
 *
 * Objects of a family have no descriptors: a child that finds one by its reference could not inherit any. So an event
 * loop awaits a queue or a connection by a thread that calls this. One call sleeps on the futex words of all of them
 * (futex_waitv, Linux 5.16), so nothing is armed, counted or left behind, and who wakes pays nothing for being waited
 * for by many. Descriptors in the same call are polled by a thread that lives as long as the call. On older kernels,
 * and for more than 127 objects, it looks again every few milliseconds instead.
 */
#ifndef KAKEHI_WAIT_ANY_H
#define KAKEHI_WAIT_ANY_H

#include <kakehi/error.h>
#include <kakehi/wait.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kk_family;

/* One thing to wait for: an object of a family, or a descriptor. Made by kk_X_waitable(x), kk_descriptor_waitable; or
 * by a program for a word of its own that it announces with kk_event_wake. */
struct kk_waitable {
	void *object;                /* the handle that it was made of; NULL: a descriptor                       */
	bool (*ready)(void *object); /* is there something to do? Any thread; must not wait                      */
	struct kk_event *event;      /* woken whenever that may have become true                                 */
	struct kk_family *family;    /* whose deaths may make it true; NULL: none                                */
	int fd;                      /* a descriptor and what to poll(2) it for                                  */
	short events;
	short revents; /* what poll said of it                                                     */
	bool is_ready; /* the answer                                                               */
};

/* kk_descriptor_waitable - a descriptor; `events` as for poll(2). For the end of a process: kk_process_sentinel and
 * POLLIN. */
KK_API struct kk_waitable kk_descriptor_waitable(int fd, short events);

/* kk_wait_any - waits until at least one of `count` items is ready and sets is_ready of each. Returns how many are, or
 * KK_ERR_TIMEOUT; KK_ERR_INVALID (no items and no end to the waiting, a closed descriptor), KK_ERR_MEMORY,
 * KK_ERR_SYSTEM. What is ready may have been taken by somebody else by the time the caller gets to it. */
KK_API int kk_wait_any(struct kk_waitable *items, size_t count, int timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
