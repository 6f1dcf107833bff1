/* SPDX-License-Identifier: Apache-2.0 */
/* A worker that follows a script instead of a stage (fake_run.h). */
#include "fake_run.h"
#include "worker/worker.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct worker {
	struct kk_worker_start start;
	struct kk_plan *plan;
	struct fake_shared *shared;
	struct fake_role *role;
	unsigned stage;
};

static void set_state(struct worker *worker, enum kk_role_state state)
{
	__atomic_store_n(&worker->role->state, state, __ATOMIC_SEQ_CST);
}

static void read_all(int fd, void *to, size_t bytes)
{
	for (size_t got = 0; got < bytes;) {
		ssize_t n = read(fd, (char *)to + got, bytes - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(KK_WORKER_CORRUPT);
		got += (size_t)n;
	}
}

static void complain(struct worker *worker, const char *what)
{
	snprintf(worker->role->complaint, sizeof(worker->role->complaint), "%s", what);
}

/* What every worker must find: its own options only, a clean environment, no descriptor too many. */
static void check_gifts(struct worker *worker)
{
	struct rlimit core;

	for (unsigned s = 0; s < worker->plan->stage_count; s++) {
		const struct kk_plan_stage *stage = &worker->plan->stage[s];
		if (s == worker->stage && strcmp((char *)worker->plan + stage->options, "secret") != 0)
			complain(worker, "its options are missing");
	}
	for (char *at = (char *)worker->plan, *end = at + worker->plan->bytes - 3; at < end; at++) {
		if (memcmp(at, "of", 2) == 0 && at[2] != (char)('0' + worker->stage))
			complain(worker, "another stage's options are there");
	}
	if (getenv("FAKE_PASSWORD") || getenv("HOME") || !getenv("PATH"))
		complain(worker, "the environment is not what it should be");
	for (int fd = worker->start.control + 1; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			complain(worker, "a descriptor too many");
	}
	getrlimit(RLIMIT_CORE, &core);
	if (core.rlim_cur != 0 || getpgrp() != getpid())
		complain(worker, "limits or group are missing");
}

static void take_start(struct worker *worker)
{
	const char *variable = getenv(KK_WORKER_VARIABLE);
	int fd = variable ? atoi(variable) : -1;

	read_all(fd, &worker->start, sizeof(worker->start));
	worker->plan = malloc(worker->start.plan_bytes);
	if (!worker->plan || worker->start.magic != KK_WORKER_MAGIC || worker->start.bytes != sizeof(worker->start))
		_exit(KK_WORKER_CORRUPT);
	read_all(fd, worker->plan, worker->start.plan_bytes);
	worker->shared =
	    mmap(NULL, sizeof(*worker->shared), PROT_READ | PROT_WRITE, MAP_SHARED, worker->start.control, 0);
	if (worker->shared == MAP_FAILED)
		_exit(KK_WORKER_CORRUPT);
	worker->role = &worker->shared->role[worker->start.role];
	worker->role->pid = (uint32_t)getpid();
	while (worker->stage < worker->plan->stage_count &&
	       worker->start.role - worker->plan->stage[worker->stage].first_role >=
	           worker->plan->stage[worker->stage].workers)
		worker->stage++;
	check_gifts(worker);
}

static char act_of(const struct worker *worker)
{
	size_t last = strlen(worker->role->script) - 1, life = worker->start.life - 1;

	return worker->role->script[life < last ? life : last];
}

static void wait_for_ever(void)
{
	while (pause() < 0)
		;
}

static int drain(struct worker *worker)
{
	worker->role->counters.items++;
	if (worker->stage > 0)
		fake_wait(&worker->shared->sentinel[worker->stage]);
	set_state(worker, KK_ROLE_DRAINED);
	return KK_WORKER_DRAINED;
}

static void crash(void)
{
	dprintf(2, "first words\nthe last words");
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

static void work_slowly(struct worker *worker, bool stubborn)
{
	struct timespec now;

	if (stubborn)
		signal(SIGTERM, SIG_IGN);
	clock_gettime(CLOCK_MONOTONIC, &now);
	worker->role->counters.since_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	wait_for_ever();
}

/* One right behind the first is taken for the same; so ask until it has an end. */
static void ask_for_ever(void)
{
	for (;;) {
		kill(getppid(), SIGINT);
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
}

static int ask_stop(struct worker *worker, bool twice)
{
	kill(getppid(), SIGINT);
	fake_wait(&worker->shared->stop);
	if (twice)
		ask_for_ever();
	return drain(worker);
}

static int play(struct worker *worker, enum fake_act act)
{
	switch (act) {
	case FAKE_DRAIN:
		return drain(worker);
	case FAKE_WAIT_STOP:
		fake_wait(&worker->shared->stop);
		return drain(worker);
	case FAKE_ASK_STOP:
	case FAKE_ASK_TWICE:
		return ask_stop(worker, act == FAKE_ASK_TWICE);
	case FAKE_CRASH_LATER:
		worker->role->counters.items++;
		crash();
		break;
	case FAKE_CRASH:
		crash();
		break;
	case FAKE_KILLED:
	case FAKE_KILLED_EARLY:
		raise(SIGKILL);
		break;
	case FAKE_CANNOT:
		dprintf(worker->start.log, "0 cannot open the thing\n");
		return KK_WORKER_CANNOT;
	case FAKE_CORRUPT:
		return KK_WORKER_CORRUPT;
	case FAKE_DISK_FULL:
		return KK_WORKER_DISK_FULL;
	case FAKE_SLOW:
	case FAKE_STUBBORN:
		work_slowly(worker, act == FAKE_STUBBORN);
		break;
	case FAKE_FOR_EVER:
		wait_for_ever();
		break;
	case FAKE_HEIR_WAITS:
		return drain(worker);
	case FAKE_HEIR_HANGS:
	case FAKE_EXIT_0:
		break;
	}
	return 0;
}

static void inherit(struct worker *worker, enum fake_act act)
{
	if (act == FAKE_KILLED_EARLY)
		raise(SIGKILL);
	if (act == FAKE_HEIR_HANGS)
		wait_for_ever();
	for (int i = 0; act == FAKE_HEIR_WAITS && i < 200; i++) {
		worker->role->counters.parks++;
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
}

int main(void)
{
	struct worker worker = {0};
	enum fake_act act;

	take_start(&worker);
	worker.role->counters.since_ns = 0;
	act = (enum fake_act)act_of(&worker);
	inherit(&worker, act);
	set_state(&worker, KK_ROLE_INHERITED);
	set_state(&worker, KK_ROLE_RUNNING);
	_exit(play(&worker, act));
}
