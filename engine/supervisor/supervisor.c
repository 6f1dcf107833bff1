/* SPDX-License-Identifier: Apache-2.0 */
/* The main loop: events of roles, signals and the clock, until the last role is played to its end. */
#include "supervisor/supervisor.h"
#include "supervisor/environment.h"
#include "supervisor/outcome.h"
#include "supervisor/role.h"
#include "supervisor/sentinel.h"
#include "supervisor/shutdown.h"
#include "supervisor/start.h"
#include "worker/worker.h"
#include <assert.h>
#include <errno.h>
#include <kakehi/process.h>
#include <kakehi/stage.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS     100000000ull
#define SENTINEL_NS 5000000ull /* to look again for room for a sentinel */
#define HEIR_MS     10000u
#define EVENTS      64
#define ORPHANS_MS  200

struct supervisor {
	struct kk_scene scene;
	struct kk_role *roles; /* [1 .. role_count] */
	struct kk_sentinels sentinels;
	struct kk_shutdown shutdown;
	struct kk_outcome outcome;
	int signals, timer;
	uint64_t tick_ns; /* when to look at everything next */
	bool sentinel_waits;
	bool gathers; /* a stage starts programs: what they leave behind when their worker is killed comes to us */
};

static const char start_variable[] = KK_WORKER_VARIABLE "=3";
static_assert(KK_START_MESSAGE == 3, "start_variable says where the start message is");

static void say(struct supervisor *sup, enum kk_log_level level, const char *text)
{
	kk_report_log(sup->scene.report, level, NULL, text, strlen(text));
}

/* ---- stopping */

static void kill_all(struct supervisor *sup)
{
	sup->scene.given_up = true;
	for (unsigned r = 1; r <= sup->scene.plan->role_count; r++)
		kk_role_give_up(&sup->roles[r]);
}

static void give_up(struct supervisor *sup)
{
	if (kk_shutdown_fail(&sup->shutdown, kk_span_now()))
		kill_all(sup);
}

static void on_signal(struct supervisor *sup)
{
	struct signalfd_siginfo info;

	while (read(sup->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (!kk_shutdown_signal(&sup->shutdown, (int)info.ssi_signo, kk_span_now()))
			continue;
		if (sup->shutdown.rung == KK_SHUTDOWN_DRAINING) {
			say(sup, KK_LOG_WARNING, "stopping: what is under way is finished first (again: stop at once)");
			kk_run_stop_source(sup->scene.run);
		} else {
			say(sup, KK_LOG_WARNING, "stopping at once");
			kill_all(sup);
		}
	}
}

static void check_failures(struct supervisor *sup)
{
	struct kk_run_counts counts;

	if (sup->outcome.too_many)
		return;
	kk_run_counts(sup->scene.run, &counts);
	if (!kk_outcome_too_many(sup->scene.plan, &counts))
		return;
	sup->outcome.too_many = true;
	say(sup, KK_LOG_ERROR, "too many items failed (max_failures): stopping the source");
	kk_run_stop_source(sup->scene.run);
}

/* ---- roles */

static void tell_crash_loop(struct supervisor *sup, const struct kk_role *role)
{
	char lines[1200] = "";
	size_t used = 0;

	for (unsigned back = KK_LAST_LINES; back-- > 0;) {
		const char *line = kk_last_lines_get(&role->last_lines, back);
		if (line[0] && used < sizeof(lines))
			used += (size_t)snprintf(lines + used, sizeof(lines) - used, "%s%s",
			                         used ? " | " : "; it said: ", line);
	}
	kk_outcome_fail(&sup->outcome, KK_EXIT_INTERNAL, "%s dies again and again without getting anything done (%s)%s",
	                role->name, role->cause_text[0] ? role->cause_text : "it cannot be started", lines);
}

static void on_news(struct supervisor *sup, const struct kk_role *role, enum kk_role_news news)
{
	switch (news) {
	case KK_ROLE_FINE:
		return;
	case KK_ROLE_CRASH_LOOP:
		tell_crash_loop(sup, role);
		break;
	case KK_ROLE_CORRUPT:
		kk_outcome_fail(&sup->outcome, KK_EXIT_INTERNAL, "%s found the shared memory damaged: %s", role->name,
		                kk_last_lines_get(&role->last_lines, 0));
		break;
	case KK_ROLE_DISK_FULL:
		kk_outcome_fail(&sup->outcome, KK_EXIT_IO, "%s cannot write: %s", role->name,
		                kk_last_lines_get(&role->last_lines, 0));
		break;
	case KK_ROLE_CANNOT_INHERIT:
		kk_outcome_fail(&sup->outcome, KK_EXIT_INTERNAL,
		                "%s does not come to an end with what its predecessor had in hand", role->name);
		break;
	}
	give_up(sup);
}

static void on_end(struct supervisor *sup, struct kk_role *role)
{
	unsigned restarts = role->restarts;
	struct kk_error error = {0};

	on_news(sup, role, kk_role_bury(role, kk_span_now()));
	if (sup->gathers)
		(void)kk_process_end_orphans(ORPHANS_MS);
	/* Who died badly may have written badly. */
	if (role->restarts != restarts && kk_run_check(sup->scene.run, &error) < 0) {
		kk_outcome_fail(&sup->outcome, KK_EXIT_INTERNAL, "after the death of %s: %s", role->name, error.text);
		give_up(sup);
	}
}

static void start_due_roles(struct supervisor *sup, uint64_t now)
{
	for (unsigned r = 1; r <= sup->scene.plan->role_count && !sup->scene.given_up; r++) {
		struct kk_role *role = &sup->roles[r];
		if (role->state == KK_LIFE_WAITING && role->due_ns <= now)
			on_news(sup, role, kk_role_spawn(role, kk_span_now()));
	}
}

static void look_at_roles(struct supervisor *sup, uint64_t now)
{
	for (unsigned r = 1; r <= sup->scene.plan->role_count; r++)
		on_news(sup, &sup->roles[r], kk_role_look(&sup->roles[r], now));
}

static void tell_cpu(const struct supervisor *sup)
{
	uint64_t taken[KK_PLAN_MAX_STAGES + 1] = {0};
	const struct kk_plan *plan = sup->scene.plan;

	for (unsigned r = 1; sup->roles && r <= plan->role_count; r++)
		taken[sup->roles[r].stage] += kk_role_cpu_ns(&sup->roles[r]);
	for (unsigned s = 0; s <= plan->stage_count; s++)
		kk_report_cpu(sup->scene.report, s, taken[s]);
}

static bool all_finished(const struct supervisor *sup)
{
	for (unsigned r = 1; r <= sup->scene.plan->role_count; r++) {
		if (sup->roles[r].state != KK_LIFE_FINISHED)
			return false;
	}
	return true;
}

/* ---- the loop */

static void tick(struct supervisor *sup)
{
	uint64_t now = kk_span_now();

	start_due_roles(sup, now);
	if (now >= sup->tick_ns) {
		sup->tick_ns = now + TICK_NS;
		look_at_roles(sup, now);
		check_failures(sup);
		if (kk_shutdown_tick(&sup->shutdown, now)) {
			say(sup, KK_LOG_WARNING, "shutdown_timeout is over: stopping at once");
			kill_all(sup);
		}
		tell_cpu(sup);
		kk_report_tick(sup->scene.report);
	}
	sup->sentinel_waits =
	    !sup->scene.given_up && kk_sentinels_put(&sup->sentinels, sup->scene.plan, sup->scene.run);
}

/* Wakes us for whatever is due first: a role to start, a sentinel to put, or the tick. */
static void set_timer(struct supervisor *sup)
{
	uint64_t at = sup->tick_ns;

	if (sup->sentinel_waits && kk_span_now() + SENTINEL_NS < at)
		at = kk_span_now() + SENTINEL_NS;
	for (unsigned r = 1; r <= sup->scene.plan->role_count; r++) {
		if (sup->roles[r].state == KK_LIFE_WAITING && sup->roles[r].due_ns < at)
			at = sup->roles[r].due_ns;
	}
	/* Zero would disarm it. */
	at = at ? at : 1;
	timerfd_settime(sup->timer, TFD_TIMER_ABSTIME,
	                &(struct itimerspec){
	                    .it_value = {.tv_sec = (time_t)(at / 1000000000u), .tv_nsec = (long)(at % 1000000000u)}},
	                NULL);
}

static void handle(struct supervisor *sup, uint64_t tag)
{
	struct kk_role *role = &sup->roles[(uint32_t)tag];
	uint64_t expirations;

	switch ((enum kk_watch)(tag >> 32)) {
	case KK_WATCH_SIGNAL:
		on_signal(sup);
		break;
	case KK_WATCH_TIMER:
		/* Only to make it quiet; an interrupted read is repeated by the next wake-up. */
		(void)!read(sup->timer, &expirations, sizeof(expirations));
		break;
	case KK_WATCH_END:
		on_end(sup, role);
		break;
	case KK_WATCH_LOG:
		kk_role_hear(role);
		break;
	}
}

static void loop(struct supervisor *sup)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		tick(sup);
		if (all_finished(sup) || kk_shutdown_is_over(&sup->shutdown, kk_span_now()))
			return;
		set_timer(sup);
		kk_report_flush(sup->scene.report);
		int n = epoll_wait(sup->scene.epoll, events, EVENTS, -1);
		if (n < 0 && errno != EINTR) {
			kk_outcome_fail(&sup->outcome, KK_EXIT_INTERNAL, "epoll_wait: %s", strerror(errno));
			give_up(sup);
			return;
		}
		for (int i = 0; i < n; i++)
			handle(sup, events[i].data.u64);
	}
}

/* ---- setting up and clearing away */

/* What was ignored when we were started (nohup, a shell's background) stays ignored. */
static void block_signals(sigset_t *taken, sigset_t *old)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action;

	sigemptyset(taken);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(taken, signals[i]);
	}
	sigprocmask(SIG_BLOCK, taken, old);
}

static int watch(const struct supervisor *sup, int fd, enum kk_watch kind)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = kk_watch_tag(kind, 0)};

	return fd < 0 ? -1 : epoll_ctl(sup->scene.epoll, EPOLL_CTL_ADD, fd, &event);
}

static int set_up(struct supervisor *sup, const struct kk_supervise *what, const sigset_t *signals)
{
	const struct kk_plan *plan = what->plan;

	sup->scene = (struct kk_scene){.plan = plan,
	                               .run = what->run,
	                               .report = what->report,
	                               .level = what->level,
	                               .program = what->program,
	                               .heir_ns = (what->heir_ms ? what->heir_ms : HEIR_MS) * 1000000ull,
	                               .run_moved_ns = kk_span_now()};
	sup->shutdown.timeout_ns = plan->shutdown_timeout_ms * 1000000u;
	sup->scene.epoll = epoll_create1(EPOLL_CLOEXEC);
	sup->signals = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	sup->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (sup->scene.epoll < 0 || watch(sup, sup->signals, KK_WATCH_SIGNAL) < 0 ||
	    watch(sup, sup->timer, KK_WATCH_TIMER) < 0)
		return -1;
	sup->scene.environment = kk_environment_make(environ, start_variable);
	sup->roles = calloc(plan->role_count + 1, sizeof(*sup->roles));
	if (!sup->scene.environment || !sup->roles)
		return -1;
	for (unsigned r = 1; r <= plan->role_count; r++)
		kk_role_init(&sup->roles[r], &sup->scene, r);
	for (unsigned s = 0; s < plan->stage_count; s++)
		sup->gathers = sup->gathers || plan->stage[s].needs & KK_NEED_EXEC;
	if (sup->gathers)
		(void)kk_process_gather();
	return 0;
}

static void clear_away(struct supervisor *sup)
{
	for (unsigned r = 1; sup->roles && r <= sup->scene.plan->role_count; r++)
		kk_role_fini(&sup->roles[r]);
	if (sup->gathers)
		(void)kk_process_end_orphans(ORPHANS_MS);
	free(sup->roles);
	free(sup->scene.environment);
	if (sup->timer >= 0)
		close(sup->timer);
	if (sup->signals >= 0)
		close(sup->signals);
	if (sup->scene.epoll >= 0)
		close(sup->scene.epoll);
}

static int sum_up(struct supervisor *sup)
{
	struct kk_outcome *outcome = &sup->outcome;
	struct kk_run_counts counts;
	int exit_code;

	kk_run_counts(sup->scene.run, &counts);
	outcome->signal = sup->shutdown.signal;
	outcome->complete = sup->shutdown.rung != KK_SHUTDOWN_KILLING;
	if (!outcome->failure)
		kk_outcome_check(outcome, sup->scene.run, &counts);
	exit_code = kk_outcome_exit(outcome, sup->scene.plan, &counts);
	tell_cpu(sup);
	kk_report_end(sup->scene.report, &(struct kk_report_end){.exit_code = exit_code,
	                                                         .signal = outcome->failure ? 0 : outcome->signal,
	                                                         .reason = outcome->reason,
	                                                         .counts = counts});
	return exit_code;
}

int kk_supervise(const struct kk_supervise *what, int *signal)
{
	struct supervisor sup = {.scene.epoll = -1, .scene.plan = what->plan, .signals = -1, .timer = -1};
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old_pipe;
	sigset_t signals, old_signals;
	int exit_code;

	/* Whoever reads our output may go; the run does not need them. */
	sigaction(SIGPIPE, &ignore, &old_pipe);
	block_signals(&signals, &old_signals);
	kk_report_start(what->report);
	if (set_up(&sup, what, &signals) < 0) {
		kk_outcome_fail(&sup.outcome, KK_EXIT_INTERNAL, "cannot set up the supervisor: %s", strerror(errno));
		kk_shutdown_fail(&sup.shutdown, kk_span_now());
	} else {
		loop(&sup);
	}
	exit_code = sum_up(&sup);
	*signal = exit_code > KK_EXIT_SIGNAL ? sup.outcome.signal : 0;
	clear_away(&sup);
	sigprocmask(SIG_SETMASK, &old_signals, NULL);
	sigaction(SIGPIPE, &old_pipe, NULL);
	return exit_code;
}
