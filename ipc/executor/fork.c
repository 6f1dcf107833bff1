/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/fork.c - handles in a forked child: they go on to be good, but no thread of the parent is there. */
#include "executor/handle.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct kk_executor *handles;

/* Nobody of this process is in the middle of anything while it forks. */
static void before_fork(void)
{
	pthread_mutex_lock(&list_lock);
	for (struct kk_executor *one = handles; one; one = one->next_handle)
		pthread_mutex_lock(&one->lock);
}

static void in_parent(void)
{
	for (struct kk_executor *one = handles; one; one = one->next_handle)
		pthread_mutex_unlock(&one->lock);
	pthread_mutex_unlock(&list_lock);
}

static void in_child(void)
{
	for (struct kk_executor *one = handles; one; one = one->next_handle) {
		if (!atomic_load(&one->closed))
			executor_reset(one);
		pthread_mutex_unlock(&one->lock);
	}
	pthread_mutex_unlock(&list_lock);
}

void executor_reset(struct kk_executor *executor)
{
	struct kk_future *next;
	executor->owner = false;
	executor->crew = NULL;
	executor->keeper_state = KEEPER_NONE;
	atomic_store(&executor->lane, NO_LANE);
	pthread_cond_init(&executor->keeper_changed, NULL);
	memset(executor->holds, 0, executor->memory->entries * sizeof(*executor->holds));
	/* The tasks are held by the parent's lane: who uses such a future has to hold it anew. */
	for (struct kk_future *future = executor->first; future; future = next) {
		next = future->after;
		future->before = future->after = NULL;
		atomic_store(&future->held, false);
	}
	for (struct kk_future *future = executor->watched; future; future = next) {
		next = future->next_watched;
		future->is_watched = future->watch_wanted = false;
		future->callbacks = NULL;
		future->users--;
	}
	executor->first = executor->last = executor->watched = executor->done_first = NULL;
	executor->done_last = &executor->done_first;
	executor->held = 0;
	if (executor->bell >= 0)
		close(executor->bell);
	executor->bell = -1;
}

/* No lock: threads that use executors while the process exits are beyond help, and these here wait for others. */
static void end_all(void)
{
	for (struct kk_executor *one = handles; one; one = one->next_handle) {
		if (one->owner && !atomic_load(&one->closed))
			(void)kk_executor_terminate(one);
	}
}

void handles_end_at_exit(void)
{
	(void)atexit(end_all);
}

static int watch_result;

static void watch(void)
{
	if (pthread_atfork(before_fork, in_parent, in_child) != 0)
		watch_result = KK_ERR_MEMORY;
}

int handles_watch_forks(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)pthread_once(&once, watch);
	return watch_result;
}

void handles_add(struct kk_executor *executor)
{
	pthread_mutex_lock(&list_lock);
	executor->next_handle = handles;
	handles = executor;
	pthread_mutex_unlock(&list_lock);
}

void handles_remove(struct kk_executor *executor)
{
	pthread_mutex_lock(&list_lock);
	struct kk_executor **at = &handles;
	while (*at && *at != executor)
		at = &(*at)->next_handle;
	if (*at)
		*at = executor->next_handle;
	pthread_mutex_unlock(&list_lock);
}
