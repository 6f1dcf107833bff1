/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/thread.c - the threads that the library starts by itself: keepers, wardens, workers. */
#include "executor/handle.h"
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>

static _Atomic unsigned running;

int thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	sigset_t all, old;
	/* The program's signals are not for it. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	atomic_fetch_add(&running, 1);
	int failed = pthread_create(thread, NULL, run, arg);
	if (failed)
		atomic_fetch_sub(&running, 1);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return failed ? KK_ERR_MEMORY : KK_OK;
}

void thread_ended(void)
{
	atomic_fetch_sub(&running, 1);
}

bool threads_are_ours(void)
{
	struct stat tasks;
	/* One of ours that has ended may be seen for a moment longer. */
	for (int i = 0; i < 100; i++) {
		if (stat("/proc/self/task", &tasks) < 0)
			return false;
		if (tasks.st_nlink <= 2 + 1 + atomic_load(&running))
			return true;
		sched_yield();
	}
	return false;
}
