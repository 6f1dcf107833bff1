/* SPDX-License-Identifier: Apache-2.0 */
#include "torment.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SEC INT64_C(1000000000)

struct victim {
	pid_t pid;             /* 0: through                    */
	int64_t stopped_until; /* it is to go on then; 0: it runs */
};

/* One run, as the parent sees it. */
struct run {
	const struct torment *plan;
	struct torment_result result;
	struct victim victim[TORMENT_WORKERS_MAX + 1];
	int64_t begin, next_kill, next_stop, moved;
	uint64_t seen;
	bool stopping;
};

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

/* A random time on average 1 / rate after now. */
static int64_t some_time_from(int64_t now, double rate)
{
	return rate > 0 ? now + (int64_t)(2.0 * (double)NS_PER_SEC / rate * ((double)rand() / RAND_MAX)) : INT64_MAX;
}

static void start(struct run *run, unsigned role)
{
	pid_t pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(70);
	}
	if (pid == 0) {
		sigset_t none;
		sigemptyset(&none);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigprocmask(SIG_SETMASK, &none, NULL);
		_exit(run->plan->work(role));
	}
	run->victim[role] = (struct victim){.pid = pid};
}

static unsigned somebody(const struct run *run)
{
	unsigned role = 1 + (unsigned)rand() % run->plan->workers;
	return run->victim[role].pid ? role : 0;
}

static void hurt(struct run *run, int64_t now)
{
	if (now >= run->next_kill) {
		unsigned role = somebody(run);
		if (role)
			kill(run->victim[role].pid, SIGKILL);
		run->next_kill = some_time_from(now, run->plan->kills_per_sec);
	}
	if (now >= run->next_stop) {
		unsigned role = somebody(run);
		if (role && !run->victim[role].stopped_until && kill(run->victim[role].pid, SIGSTOP) == 0) {
			run->victim[role].stopped_until = now + (1 + rand() % TORMENT_STOP_MS) * INT64_C(1000000);
			run->result.stops++;
		}
		run->next_stop = some_time_from(now, run->plan->stops_per_sec);
	}
}

static void let_go_on(struct run *run, int64_t now)
{
	for (unsigned role = 1; role <= run->plan->workers; role++) {
		struct victim *v = &run->victim[role];
		if (v->stopped_until && (run->stopping || now >= v->stopped_until)) {
			v->stopped_until = 0;
			if (v->pid)
				kill(v->pid, SIGCONT);
		}
	}
}

static void bury(struct run *run, pid_t pid, int status)
{
	unsigned role = 1;
	while (role <= run->plan->workers && run->victim[role].pid != pid)
		role++;
	if (role > run->plan->workers)
		return;
	run->victim[role] = (struct victim){0};
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		if (run->plan->drained)
			run->plan->drained(role);
		return;
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		run->result.deaths++;
	else
		run->result.faults++;
	if (run->plan->bury)
		run->plan->bury();
	start(run, role);
}

static bool anybody(const struct run *run)
{
	for (unsigned role = 1; role <= run->plan->workers; role++)
		if (run->victim[role].pid)
			return true;
	return false;
}

/* Until somebody dies, or something is to be done. */
static void wait_a_little(void)
{
	sigset_t child;
	const struct timespec limit = {0, 1000000};
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigtimedwait(&child, NULL, &limit);
}

static void note_progress(struct run *run, int64_t now)
{
	uint64_t progress = run->plan->progress();
	if (progress != run->seen) {
		run->seen = progress;
		run->moved = now;
	}
	if (now - run->moved > TORMENT_HANG_MS * INT64_C(1000000)) {
		run->result.hung = true;
		run->result.hung_after_sec = (double)(run->moved - run->begin) / (double)NS_PER_SEC;
	}
}

static void come_to_an_end(struct run *run, int64_t now)
{
	run->stopping = true;
	run->next_kill = run->next_stop = INT64_MAX;
	run->moved = now;
	run->result.seconds = (double)(now - run->begin) / (double)NS_PER_SEC;
	run->result.progress = run->plan->progress();
	run->plan->stop();
}

static void end_all(struct run *run)
{
	for (unsigned role = 1; role <= run->plan->workers; role++)
		if (run->victim[role].pid)
			kill(run->victim[role].pid, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

struct torment_result torment_run(const struct torment *plan)
{
	struct run *run = calloc(1, sizeof(*run));
	sigset_t child, before;
	if (!run)
		exit(70);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &before);
	srand(plan->seed);
	run->plan = plan;
	run->begin = run->moved = now_ns();
	run->next_kill = some_time_from(run->begin, plan->kills_per_sec);
	run->next_stop = some_time_from(run->begin, plan->stops_per_sec);
	for (unsigned role = 1; role <= plan->workers; role++)
		start(run, role);
	while (anybody(run) && !run->result.hung) {
		int status;
		pid_t pid;
		int64_t now = now_ns();
		if (!run->stopping && now - run->begin > (int64_t)(plan->seconds * (double)NS_PER_SEC))
			come_to_an_end(run, now);
		hurt(run, now);
		let_go_on(run, now);
		if (plan->tick)
			plan->tick();
		note_progress(run, now);
		wait_a_little();
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			bury(run, pid, status);
	}
	end_all(run);
	sigprocmask(SIG_SETMASK, &before, NULL);
	struct torment_result result = run->result;
	free(run);
	return result;
}
