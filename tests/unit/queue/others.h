/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/queue/others.h - reads what is to be done with a queue of any kind, produces threads and children that do
 * it beside the test. */
#ifndef TESTS_UNIT_QUEUE_OTHERS_H
#define TESTS_UNIT_QUEUE_OTHERS_H

#include "harness.h"
#include <kakehi/family.h>
#include <kakehi/wait.h>
#include <pthread.h>
#include <stdatomic.h>

/* Of the running test; set by it. */
extern struct kk_family *family;

/* A thread that has taken its seat and does `act(queue)`. */
struct task {
	void *queue;
	int (*act)(void *queue);
	_Atomic bool begun;
	int result;
	pthread_t thread;
};

void start(struct task *task, void *queue, int (*act)(void *queue));
/* finish - waits for its end; what act() returned. */
int finish(struct task *task);

/* with_child - a child that does `act(queue)` and is killed, or exits in peace; settled, if it was killed. */
pid_t with_child(void *queue, void (*act)(void *queue), bool kill_it);

/* start_child - one that has done `act(queue)` and stays; end_child - kills and reaps it, which settles nothing. */
pid_t start_child(void *queue, void (*act)(void *queue));
void end_child(pid_t child);

/* was_woken - was the event woken after `ticket` was drawn? */
bool was_woken(struct kk_event *event, uint32_t ticket);
/* must_wake - fails the test if `act(queue)` does not wake who sleeps on any of the events; NULL ends them. */
#define must_wake(events, act, queue) check_wakes(events, act, queue, #act, __LINE__)
void check_wakes(struct kk_event *const *events, void (*act)(void *queue), void *queue, const char *what, int line);

/* bury - an act: settles one death. */
void bury(void *queue);

#endif
