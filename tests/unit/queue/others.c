/* SPDX-License-Identifier: Apache-2.0 */
#include "others.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct kk_family *family;

static void *run(void *arg)
{
	struct task *task = arg;
	assert_true(kk_family_seat(family) > 0);
	atomic_store(&task->begun, true);
	task->result = task->act(task->queue);
	return NULL;
}

void start(struct task *task, void *queue, int (*act)(void *queue))
{
	*task = (struct task){.queue = queue, .act = act};
	assert_int_equal(pthread_create(&task->thread, NULL, run, task), 0);
	while (!atomic_load(&task->begun))
		sched_yield();
}

int finish(struct task *task)
{
	assert_int_equal(pthread_join(task->thread, NULL), 0);
	return task->result;
}

pid_t with_child(void *queue, void (*act)(void *queue), bool kill_it)
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		act(queue);
		if (kill_it)
			raise(SIGKILL);
		exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(kill_it ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(kk_family_bury(family), kill_it);
	return child;
}

pid_t start_child(void *queue, void (*act)(void *queue))
{
	int ready[2];
	char byte;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		act(queue);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(9);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return child;
}

void end_child(pid_t child)
{
	int status;
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

bool was_woken(struct kk_event *event, uint32_t ticket)
{
	return kk_event_sleep(event, ticket, 0) == KK_OK;
}

void check_wakes(struct kk_event *const *events, void (*act)(void *queue), void *queue, const char *what, int line)
{
	uint32_t ticket[8];
	for (int i = 0; events[i]; i++)
		ticket[i] = kk_event_prepare(events[i]);
	act(queue);
	for (int i = 0; events[i]; i++)
		if (!was_woken(events[i], ticket[i]))
			fail_msg("line %d: %s does not wake event %d", line, what, i);
}

void bury(void *queue)
{
	(void)queue;
	assert_int_equal(kk_family_bury(family), 1);
}
