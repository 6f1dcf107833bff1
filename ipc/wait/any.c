/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/wait/any.c - waiting for many things at once.
 *
 * The words of all objects are slept on by one futex_waitv; each is prepared, and looked at again, as for a sleep on it
 * alone (ipc/MEMORY.md, "Park and wake": the kernel compares every ticket before it lets us sleep). Descriptors in the
 * same call are polled by a thread of its own, the scout, which announces what it saw on one more word.
 */
#include <kakehi/family.h>
#include <kakehi/wait_any.h>

#include "family/object.h"
#include "wait/look.h"
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOOK_FIRST_NS INT64_C(10000000) /* after the dead, as kk_family_sleep does */
#define LOOK_LAST_NS  INT64_C(160000000)
#define NAP_FIRST_NS  INT64_C(1000000) /* where the kernel cannot wait for all at once */
#define NAP_LAST_NS   INT64_C(8000000)

/* Polls the descriptors until one has something or the waiting is over. */
struct scout {
	pthread_t thread;
	struct pollfd *fds; /* its own copy; the last one is `stop` */
	nfds_t count;
	int stop; /* an eventfd */
	bool running;
	_Atomic bool done; /* it has seen something: release / acquire */
	struct kk_event news;
};

struct waiting {
	struct kk_waitable *items;
	size_t count;
	struct pollfd *fds; /* of the descriptors, in their order, and one more */
	nfds_t fd_count;
	struct futex_waitv *words; /* of the objects, and the scout's */
	unsigned word_count;
	struct scout scout;
	int64_t deadline_ns, look_ns, nap_ns, looked_ns;
};

struct kk_waitable kk_descriptor_waitable(int fd, short events)
{
	return (struct kk_waitable){.fd = fd, .events = events};
}

static bool is_descriptor(const struct kk_waitable *item)
{
	return item->event == NULL;
}

/* ---- looking */

/* Which descriptors have something? How many, or KK_ERR_INVALID. */
static int look_at_descriptors(struct waiting *w)
{
	int found = 0, rc;
	nfds_t at = 0;
	do {
		rc = poll(w->fds, w->fd_count, 0);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return errno == ENOMEM ? KK_ERR_MEMORY : KK_ERR_SYSTEM;
	for (size_t i = 0; i < w->count; i++) {
		struct kk_waitable *item = &w->items[i];
		if (!is_descriptor(item))
			continue;
		item->revents = w->fds[at++].revents;
		if (item->revents & POLLNVAL)
			return KK_ERR_INVALID;
		item->is_ready = item->revents != 0;
		found += item->is_ready;
	}
	return found;
}

static int look(struct waiting *w)
{
	int found = w->fd_count > 0 ? look_at_descriptors(w) : 0;
	for (size_t i = 0; i < w->count && found >= 0; i++) {
		struct kk_waitable *item = &w->items[i];
		if (is_descriptor(item))
			continue;
		item->is_ready = item->ready(item->object);
		found += item->is_ready;
	}
	return found;
}

static void look_after_the_dead(struct waiting *w)
{
	struct kk_family *last = NULL;
	for (size_t i = 0; i < w->count; i++) {
		if (!w->items[i].family || w->items[i].family == last)
			continue;
		last = w->items[i].family;
		(void)kk_family_bury(last);
	}
	w->looked_ns = kk_family_now();
}

/* ---- the scout */

static void *scout_out(void *argument)
{
	struct scout *scout = argument;
	int rc;
	do {
		rc = poll(scout->fds, scout->count, -1);
	} while (rc < 0 && errno == EINTR);
	/* release: pairs with start_scout. */
	atomic_store_explicit(&scout->done, true, memory_order_release);
	kk_event_wake_all(&scout->news, -1);
	return NULL;
}

static void end_scout(struct scout *scout)
{
	uint64_t one = 1;
	if (scout->running) {
		while (write(scout->stop, &one, sizeof(one)) < 0 && errno == EINTR)
			;
		(void)pthread_join(scout->thread, NULL);
	}
	if (scout->running || scout->fds)
		(void)close(scout->stop);
	free(scout->fds);
	*scout = (struct scout){.running = false};
}

/* 0; or an error: there is no scout, and the caller has to take naps. */
static int start_scout(struct waiting *w)
{
	struct scout *scout = &w->scout;
	sigset_t all, before;
	if (scout->running && !atomic_load_explicit(&scout->done, memory_order_acquire))
		return KK_OK;
	/* The last one saw something that somebody else has taken. */
	end_scout(scout);
	struct pollfd *fds = malloc((w->fd_count + 1) * sizeof(*fds));
	int stop = eventfd(0, EFD_CLOEXEC);
	if (!fds || stop < 0) {
		free(fds);
		if (stop >= 0)
			(void)close(stop);
		return KK_ERR_SYSTEM;
	}
	memcpy(fds, w->fds, w->fd_count * sizeof(*fds));
	fds[w->fd_count] = (struct pollfd){.fd = stop, .events = POLLIN};
	scout->fds = fds;
	scout->count = w->fd_count + 1;
	scout->stop = stop;
	/* Signals are for the program's threads. */
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	scout->running = pthread_create(&scout->thread, NULL, scout_out, scout) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return scout->running ? KK_OK : KK_ERR_SYSTEM;
}

/* ---- sleeping */

/* Can the kernel wait for several words? relaxed: whoever asks first finds the same. */
static _Atomic bool no_waitv;

static void prepare(struct waiting *w, unsigned n, struct kk_event *event)
{
	w->words[n] = (struct futex_waitv){
	    .val = kk_event_prepare(event), .uaddr = (uintptr_t)event_word(event), .flags = FUTEX_32};
}

/* P1 for all words. */
static void prepare_all(struct waiting *w)
{
	unsigned n = 0;
	for (size_t i = 0; i < w->count; i++)
		if (!is_descriptor(&w->items[i]))
			prepare(w, n++, w->items[i].event);
	if (w->fd_count > 0)
		prepare(w, n++, &w->scout.news);
}

/* When to look again: the deadline, or `step_ns` from now. */
static struct timespec until(const struct waiting *w, int64_t step_ns)
{
	int64_t at = kk_family_now() + step_ns;
	if (w->deadline_ns >= 0 && w->deadline_ns < at)
		at = w->deadline_ns;
	return (struct timespec){at / 1000000000, at % 1000000000};
}

/* Sleeps on all words. False: that is not possible here. */
static bool sleep_on_words(struct waiting *w)
{
	struct timespec limit = until(w, w->look_ns);
	long rc = syscall(SYS_futex_waitv, w->words, w->word_count, 0, &limit, CLOCK_MONOTONIC);
	if (rc < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL)) {
		atomic_store_explicit(&no_waitv, true, memory_order_relaxed);
		return false;
	}
	if (rc < 0 && errno == ETIMEDOUT)
		w->look_ns = w->look_ns < LOOK_LAST_NS ? w->look_ns * 2 : LOOK_LAST_NS;
	return true;
}

/* A nap, which a descriptor ends early. */
static void nap(struct waiting *w, int64_t step_ns)
{
	int64_t now = kk_family_now();
	struct timespec at = until(w, step_ns);
	int64_t left = (int64_t)at.tv_sec * 1000000000 + at.tv_nsec - now;
	struct timespec limit = {left / 1000000000, left % 1000000000};
	if (left > 0)
		(void)ppoll(w->fds, w->fd_count, &limit, NULL);
}

/* Until something may have happened. Everything is prepared, and was looked at after that. */
static void sleep_a_while(struct waiting *w)
{
	bool objects = w->word_count > (w->fd_count > 0);
	if (!objects) {
		nap(w, INT64_C(3600) * 1000000000);
		return;
	}
	bool able = w->word_count <= FUTEX_WAITV_MAX && !atomic_load_explicit(&no_waitv, memory_order_relaxed);
	if (!able || (w->fd_count > 0 && !w->scout.running) || !sleep_on_words(w)) {
		nap(w, w->nap_ns);
		w->nap_ns = w->nap_ns < NAP_LAST_NS ? w->nap_ns * 2 : NAP_LAST_NS;
	}
	if (kk_family_now() - w->looked_ns >= w->look_ns)
		look_after_the_dead(w);
}

static int wait_for(struct waiting *w, int timeout_ms)
{
	int found = look(w);
	while (found == 0) {
		if (timeout_ms == 0 || (w->deadline_ns >= 0 && kk_family_now() >= w->deadline_ns)) {
			look_after_the_dead(w);
			found = look(w);
			return found == 0 ? KK_ERR_TIMEOUT : found;
		}
		bool mixed = w->fd_count > 0 && w->word_count > 1;
		if (mixed && !atomic_load_explicit(&no_waitv, memory_order_relaxed))
			(void)start_scout(w);
		prepare_all(w);
		found = look(w);
		if (found == 0)
			sleep_a_while(w);
		if (found == 0)
			found = look(w);
	}
	return found;
}

/* ---- the call */

static int list_items(struct waiting *w)
{
	for (size_t i = 0; i < w->count; i++) {
		struct kk_waitable *item = &w->items[i];
		item->is_ready = false;
		item->revents = 0;
		if (!is_descriptor(item)) {
			w->word_count++;
			continue;
		}
		if (item->fd < 0)
			return KK_ERR_INVALID;
		w->fds[w->fd_count++] = (struct pollfd){.fd = item->fd, .events = item->events};
	}
	w->word_count += w->fd_count > 0;
	return KK_OK;
}

int kk_wait_any(struct kk_waitable *items, size_t count, int timeout_ms)
{
	struct waiting w = {.items = items, .count = count, .look_ns = LOOK_FIRST_NS, .nap_ns = NAP_FIRST_NS};
	if (count > INT_MAX / sizeof(*w.words) || (count == 0 && timeout_ms < 0))
		return KK_ERR_INVALID;
	w.deadline_ns = kk_family_deadline(timeout_ms);
	w.fds = calloc(count + 1, sizeof(*w.fds));
	w.words = calloc(count + 1, sizeof(*w.words));
	int rc = w.fds && w.words ? list_items(&w) : KK_ERR_MEMORY;
	if (rc == KK_OK)
		rc = wait_for(&w, timeout_ms);
	end_scout(&w.scout);
	free(w.fds);
	free(w.words);
	return rc;
}
