/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/join.c - the end of a parent in peace: its children first. */
#include "process/child.h"
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define GRACE_MS 1000

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void arrange(void)
{
	atexit(kk_process_join_all);
}

void kk_join_at_exit(void)
{
	pthread_once(&once, arrange);
}

static bool is_mine(struct kk_process *process)
{
	bool mine = process->owner == getpid();

	if (mine) {
		pthread_mutex_lock(&process->lock);
		mine = !process->reaped && !process->taken;
		pthread_mutex_unlock(&process->lock);
	}
	return mine;
}

static bool is_active(struct kk_process *process)
{
	return is_mine(process) && kk_process_is_alive(process);
}

static bool is_daemon(struct kk_process *process)
{
	return process->daemon && is_mine(process);
}

static bool is_joined(struct kk_process *process)
{
	return !process->daemon && is_mine(process);
}

size_t kk_process_active_children(struct kk_process **to, size_t max)
{
	return kk_living_calls(is_active, to, max);
}

static void terminate_daemons(void)
{
	struct kk_process *some[64];
	size_t count = kk_living_calls(is_daemon, some, 64);

	/* A daemon that did not fit is killed below. */
	for (size_t i = 0; i < count && i < 64; i++)
		kk_process_terminate(some[i]);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void kk_process_join_all(void)
{
	struct kk_process *one;
	int64_t until;

	terminate_daemons();
	while (kk_living_calls(is_joined, &one, 1) > 0) {
		if (kk_process_wait(one, -1, NULL) < 0 && is_mine(one))
			return;
	}
	until = now_ms() + GRACE_MS;
	while (kk_living_calls(is_daemon, &one, 1) > 0) {
		int64_t left = until - now_ms();
		if (kk_process_wait(one, left > 0 ? (int)left : 0, NULL) == KK_ERR_TIMEOUT)
			kk_process_kill(one, SIGKILL);
		if (kk_process_wait(one, -1, NULL) < 0 && is_mine(one))
			return;
	}
	kk_server_stop_default();
}
