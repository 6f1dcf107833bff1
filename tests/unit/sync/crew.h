/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/sync/crew.h - reads functions, produces processes and threads that share a family and a board of numbers.
 * What fails in a child ends it with a status that fails the test; in the test itself cmocka's asserts are used.
 */
#ifndef TESTS_UNIT_SYNC_CREW_H
#define TESTS_UNIT_SYNC_CREW_H

#include "harness.h"
#include <kakehi/family.h>
#include <pthread.h>
#include <stdatomic.h>

enum { CREW_MAX = 64, CREW_LIMIT_MS = 20000 };

/* Shared by a test and its children. What each number means is the test's affair. */
struct crew_board {
	_Atomic int ready, gone, go, stop;
	_Atomic long count, other, worst;
	long plain, plain_too; /* guarded by what is tested */
	_Atomic long of[CREW_MAX];
};

/* The family and the board of the running test, of which crew_begin makes new ones. */
extern struct kk_family *crew_family;
extern struct crew_board *crew_board;

void crew_begin(unsigned seats);
void crew_end(void);

/* crew_start - a child that runs `run(number)`, leaves its seat in peace and ends with what that returned.
 * crew_finish - waits for its end, which must be with 0. crew_kill - kills and reaps it. */
pid_t crew_start(int (*run)(int number), int number);
void crew_finish(pid_t pid);
void crew_kill(pid_t pid);

/* crew_must - in a child: ends it if something is not so, after it said what. */
#define crew_must(condition) crew_check(condition, #condition, __FILE__, __LINE__)
void crew_check(bool holds, const char *what, const char *file, int line);

/* crew_stay - in a child: until it is killed. */
int crew_stay(void);

/* crew_until - waits until the number on the board is at least `value`; fails after 20 s. In a child it ends that. */
void crew_until(_Atomic int *number, int value);
/* crew_until_asleep - until the process sleeps in the kernel. */
void crew_until_asleep(pid_t pid);
/* crew_until_count - until `count(arg)` says `value`. */
void crew_until_count(unsigned (*count)(void *arg), void *arg, unsigned value);

/* Threads of this process: each leaves its seat when it ends. */
pthread_t crew_thread(void *(*run)(void *arg), void *arg);
void *crew_join(pthread_t thread);

#endif
