/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/join.c - the end of a parent in peace: its children first. */
#include "deadline/deadline.h"
#include "process/child.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define GRACE_MS 1000

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int arranged;

static void arrange(void)
{
	arranged = atexit(kk_process_join_all);
}

int kk_join_at_exit(void)
{
	pthread_once(&once, arrange);
	return arranged == 0 ? KK_OK : KK_ERR_MEMORY;
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

void kk_process_join_all(void)
{
	struct kk_process *one;
	int64_t deadline_ms;

	terminate_daemons();
	while (kk_living_calls(is_joined, &one, 1) > 0) {
		kk_child_await(one);
		if (is_mine(one))
			return;
	}
	deadline_ms = kk_deadline(GRACE_MS);
	while (kk_living_calls(is_daemon, &one, 1) > 0) {
		if (kk_process_wait(one, kk_deadline_left(deadline_ms), NULL) == KK_ERR_TIMEOUT)
			kk_process_kill(one, SIGKILL);
		kk_child_await(one);
		if (is_mine(one))
			return;
	}
	kk_server_stop_default();
}
