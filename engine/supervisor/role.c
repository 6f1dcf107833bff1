/* SPDX-License-Identifier: Apache-2.0 */
/* The lives of one role. */
#include "supervisor/role.h"
#include "supervisor/start.h"
#include "worker/worker.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define FIRST_NS 60000000000ull /* to start; there is nothing to inherit yet */
#define KILL_NS  2000000000ull  /* from SIGTERM to SIGKILL, past the deadline of an item                  */
#define MS       1000000ull

#define HUNG_HEIRS 2 /* heirs in a row that are killed since they hang; the next one ends the run */

static const char *const state_names[] = {
    [KK_LIFE_WAITING] = "waiting", [KK_LIFE_STARTING] = "starting", [KK_LIFE_PLAYING] = "playing",
    [KK_LIFE_WARNED] = "warned",   [KK_LIFE_KILLED] = "killed",     [KK_LIFE_FINISHED] = "finished",
};

const char *kk_life_state_name(enum kk_life_state state)
{
	return (unsigned)state < sizeof(state_names) / sizeof(*state_names) ? state_names[state] : "?";
}

static void say(const struct kk_role *role, enum kk_log_level level, const char *text)
{
	kk_report_log(role->scene->report, level, role->name, text, strlen(text));
}

static void set_state(struct kk_role *role, enum kk_life_state state)
{
	char text[80];

	if (role->scene->level >= KK_LOG_DEBUG) {
		snprintf(text, sizeof(text), "%s -> %s (life %u)", kk_life_state_name(role->state),
		         kk_life_state_name(state), role->life);
		say(role, KK_LOG_DEBUG, text);
	}
	role->state = state;
}

uint64_t kk_watch_tag(enum kk_watch kind, unsigned role)
{
	return (uint64_t)kind << 32 | role;
}

static int watch(const struct kk_role *role, int fd, enum kk_watch kind)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = kk_watch_tag(kind, role->number)};

	return epoll_ctl(role->scene->epoll, EPOLL_CTL_ADD, fd, &event);
}

void kk_role_init(struct kk_role *role, struct kk_scene *scene, unsigned number)
{
	const struct kk_plan *plan = scene->plan;

	*role = (struct kk_role){
	    .scene = scene, .number = number, .stage = kk_plan_stage_of(plan, number), .log.fd = -1, .chatter.fd = -1};
	if (role->stage < plan->stage_count)
		snprintf(role->name, sizeof(role->name), "%.80s/%u", kk_plan_text(plan, plan->stage[role->stage].name),
		         number - plan->stage[role->stage].first_role);
	else
		snprintf(role->name, sizeof(role->name), "recorder");
	kk_setbacks_init(&role->setbacks, plan->attempts);
}

/* ---- what it says */

static void take_log(void *argument, const char *line, size_t length)
{
	struct kk_role *role = argument;
	enum kk_log_level level = kk_log_level(&line, &length);

	if (level <= KK_LOG_WARNING) {
		kk_last_lines_add(&role->last_lines, line, length);
		role->last_was_chatter = false;
	}
	kk_report_log(role->scene->report, level, role->name, line, length);
}

static void take_chatter(void *argument, const char *line, size_t length)
{
	struct kk_role *role = argument;

	kk_last_lines_add(&role->last_lines, line, length);
	role->last_was_chatter = true;
	kk_report_log(role->scene->report, KK_LOG_DEBUG, role->name, line, length);
}

void kk_role_hear(struct kk_role *role)
{
	kk_log_read(&role->log, take_log, role);
	kk_log_read(&role->chatter, take_chatter, role);
}

static void stop_hearing(struct kk_role *role)
{
	kk_log_close(&role->log, take_log, role);
	kk_log_close(&role->chatter, take_chatter, role);
}

/* ---- birth */

static struct kk_process *exec_worker(const struct kk_role *role, const struct kk_start *start, struct kk_error *error)
{
	const struct kk_process_limit no_core = {RLIMIT_CORE, 0};
	char title[112];
	const char *const argv[] = {title, NULL};

	snprintf(title, sizeof(title), "kakehi: %s", role->name);
	return kk_process_spawn(
	    &(struct kk_process_spec){
	        .path = role->scene->program ? role->scene->program : "/proc/self/exe",
	        .argv = argv,
	        .environment = role->scene->environment,
	        .fds = start->fds,
	        .fd_count = start->fd_count,
	        .limits = &no_core,
	        .limit_count = 1,
	        .lifeline = KK_START_LIFELINE,
	        .die_with_thread = true,
	        .own_group = true,
	    },
	    error);
}

static int start_process(struct kk_role *role, struct kk_error *error)
{
	const struct kk_scene *scene = role->scene;
	struct kk_start start = {.message = -1};
	int log = -1, chatter = -1, rc = KK_ERR_SYSTEM;

	if (kk_log_open(&role->log, &log) < 0 || kk_log_open(&role->chatter, &chatter) < 0) {
		kk_error_set(error, rc, "cannot make a log pipe");
		goto out;
	}
	rc = kk_start_make(&start,
	                   &(struct kk_start_request){.plan = scene->plan,
	                                              .run = scene->run,
	                                              .role = role->number,
	                                              .life = role->life,
	                                              .level = scene->level,
	                                              .log = log,
	                                              .chatter = chatter},
	                   error);
	if (rc < 0)
		goto out;
	rc = KK_ERR_SYSTEM;
	role->process = exec_worker(role, &start, error);
	if (!role->process)
		goto out;
	if (watch(role, kk_process_pidfd(role->process), KK_WATCH_END) < 0 ||
	    watch(role, role->log.fd, KK_WATCH_LOG) < 0 || watch(role, role->chatter.fd, KK_WATCH_LOG) < 0) {
		kk_error_set(error, rc, "cannot watch a worker");
		goto out;
	}
	rc = KK_OK;
out:
	kk_start_done(&start);
	if (log >= 0)
		close(log);
	if (chatter >= 0)
		close(chatter);
	return rc;
}

/* Decides about the next life after one that came to nothing. */
static enum kk_role_news play_again(struct kk_role *role, uint64_t now_ns, bool from_outside)
{
	bool loop = kk_setbacks_add(&role->setbacks, &(struct kk_setback){.now_ns = now_ns,
	                                                                  .items = role->items,
	                                                                  .run_moved_ns = role->scene->run_moved_ns,
	                                                                  .from_outside = from_outside});

	role->due_ns = now_ns + kk_setbacks_delay_ns(&role->setbacks);
	set_state(role, KK_LIFE_WAITING);
	return loop ? KK_ROLE_CRASH_LOOP : KK_ROLE_FINE;
}

enum kk_role_news kk_role_spawn(struct kk_role *role, uint64_t now_ns)
{
	struct kk_error error = {0};

	role->life = kk_run_begin_life(role->scene->run, role->number, role->cause, role->cause_text);
	role->last_lines.count = 0;
	role->since_ns = now_ns;
	role->due_ns = now_ns + (role->life > 1 ? role->scene->heir_ns : FIRST_NS);
	if (start_process(role, &error) == KK_OK) {
		set_state(role, KK_LIFE_STARTING);
		return KK_ROLE_FINE;
	}
	kk_process_free(role->process);
	role->process = NULL;
	stop_hearing(role);
	say(role, KK_LOG_ERROR, error.text);
	kk_last_lines_add(&role->last_lines, error.text, strlen(error.text));
	return play_again(role, now_ns, false);
}

/* ---- life */

/* The time of an heir runs while it works. One that waits for room in a ring, as any producer does, sleeps again and
 * again, which its counters show. */
static enum kk_role_news look_at_start(struct kk_role *role, const struct kk_counters *counters, uint64_t now_ns)
{
	enum kk_role_state state = kk_run_role_state(role->scene->run, role->number);
	uint64_t time_ns = role->life > 1 ? role->scene->heir_ns : FIRST_NS;

	if (counters->parks != role->parks)
		role->due_ns = now_ns + time_ns;
	role->parks = counters->parks;
	if (state >= KK_ROLE_INHERITED) {
		role->cause = KK_CAUSE_NONE;
		role->cause_text[0] = '\0';
		role->hung = 0;
		set_state(role, KK_LIFE_PLAYING);
	} else if (now_ns > role->due_ns) {
		return KK_ROLE_CANNOT_INHERIT;
	}
	return KK_ROLE_FINE;
}

/* Stages with many items in flight keep their deadlines themselves. */
static bool is_past_deadline(struct kk_role *role, const struct kk_counters *counters, uint64_t now_ns)
{
	const struct kk_plan *plan = role->scene->plan;
	uint64_t time_ns;

	if (counters->calls != role->calls || role->calls_ns < role->since_ns) {
		role->calls = counters->calls;
		role->calls_ns = now_ns;
	}

	if (role->stage >= plan->stage_count || plan->stage[role->stage].asynchronous || counters->since_ns == 0)
		return false;
	time_ns = plan->stage[role->stage].item_timeout_ms * MS;
	/* A batch has one start: the item in hand has had no longer than since the count of calls stands still. */
	uint64_t start_ns = counters->since_ns > role->calls_ns ? counters->since_ns : role->calls_ns;
	return time_ns > 0 && now_ns > start_ns && now_ns - start_ns > time_ns;
}

static void note_progress(struct kk_role *role, const struct kk_counters *counters, uint64_t now_ns)
{
	if (counters->items != role->items)
		role->scene->run_moved_ns = now_ns;
	role->items = counters->items;
}

static void keep_deadline(struct kk_role *role, const struct kk_counters *counters, uint64_t now_ns)
{
	if (role->state == KK_LIFE_PLAYING && is_past_deadline(role, counters, now_ns)) {
		say(role, KK_LOG_WARNING, "its item takes too long, SIGTERM");
		kk_process_kill(role->process, SIGTERM);
		role->due_ns = now_ns + KILL_NS;
		set_state(role, KK_LIFE_WARNED);
	} else if (role->state == KK_LIFE_WARNED && now_ns >= role->due_ns) {
		kk_process_kill_group(role->process, SIGKILL);
		set_state(role, KK_LIFE_KILLED);
	}
}

enum kk_role_news kk_role_look(struct kk_role *role, uint64_t now_ns)
{
	enum kk_role_news news = KK_ROLE_FINE;
	struct kk_counters counters;

	if (!role->process)
		return KK_ROLE_FINE;
	kk_run_read_counters(role->scene->run, role->number, &counters);
	if (role->state == KK_LIFE_STARTING)
		news = look_at_start(role, &counters, now_ns);
	if (news == KK_ROLE_CANNOT_INHERIT && role->hung < HUNG_HEIRS) {
		/* It may have been stopped, or have met with a machine that swaps: the next one may come to an end. */
		say(role, KK_LOG_WARNING, "it does not come to an end with what it inherited, SIGKILL");
		kk_process_kill_group(role->process, SIGKILL);
		role->hung++;
		role->due_ns = now_ns + role->scene->heir_ns;
		news = KK_ROLE_FINE;
	}
	note_progress(role, &counters, now_ns);
	keep_deadline(role, &counters, now_ns);
	return news;
}

/* ---- death */

/* Who died before it had inherited has done nothing of its own: its heir is told what it was told. */
static void note_cause(struct kk_role *role, const struct kk_process_end *end)
{
	bool timed_out = role->state == KK_LIFE_WARNED || role->state == KK_LIFE_KILLED;
	char name[24];

	if (role->state == KK_LIFE_STARTING)
		return;
	if (timed_out) {
		role->cause = KK_CAUSE_TIMEOUT;
		snprintf(role->cause_text, sizeof(role->cause_text), "time-out %.3gs",
		         (double)role->scene->plan->stage[role->stage].item_timeout_ms / 1e3);
		return;
	}
	role->cause = end->signal == SIGKILL ? KK_CAUSE_KILLED : KK_CAUSE_CRASH;
	if (end->exited)
		snprintf(role->cause_text, sizeof(role->cause_text), "exit %d", end->code);
	else
		snprintf(role->cause_text, sizeof(role->cause_text), "%s",
		         kk_process_signal_name(end->signal, name, sizeof(name)));
}

static void write_obituary(struct kk_role *role, const struct kk_process_end *end, const struct kk_counters *counters,
                           uint64_t now_ns)
{
	bool timed_out = role->state == KK_LIFE_WARNED || role->state == KK_LIFE_KILLED;
	char how[96], obituary[48], item[300];

	kk_process_obituary(end, obituary, sizeof(obituary));
	if (timed_out)
		snprintf(how, sizeof(how), "%s, %s", role->cause_text, obituary);
	else
		snprintf(how, sizeof(how), "%s%s", obituary,
		         role->state == KK_LIFE_STARTING ? " while inheriting" : "");
	kk_run_in_hand(role->scene->run, role->number, item, sizeof(item));
	kk_report_death(role->scene->report,
	                &(struct kk_report_death){
	                    .role = role->number,
	                    .who = role->name,
	                    .pid = kk_process_pid(role->process),
	                    .how = how,
	                    .uptime = (double)(now_ns - role->since_ns) / 1e9,
	                    .restarts = role->restarts,
	                    .item = item,
	                    .in_hand = counters->in_flight ? counters->in_flight : counters->since_ns != 0,
	                    /* Whoever was killed from outside has not spoken of it. */
	                    .last_words = end->signal == SIGKILL ? "" : kk_last_lines_get(&role->last_lines, 0),
	                    .last_words_logged = !role->last_was_chatter,
	                });
}

static enum kk_role_news news_of(const struct kk_process_end *end)
{
	if (end->exited && end->code == KK_WORKER_CORRUPT)
		return KK_ROLE_CORRUPT;
	if (end->exited && end->code == KK_WORKER_DISK_FULL)
		return KK_ROLE_DISK_FULL;
	return KK_ROLE_FINE;
}

static enum kk_role_news mourn(struct kk_role *role, const struct kk_process_end *end,
                               const struct kk_counters *counters, uint64_t now_ns)
{
	bool from_outside = end->signal == SIGKILL && role->state != KK_LIFE_KILLED;
	enum kk_role_news news = news_of(end);

	note_cause(role, end);
	role->restarts++;
	write_obituary(role, end, counters, now_ns);
	kk_run_wake_all(role->scene->run);
	if (news == KK_ROLE_FINE)
		news = play_again(role, now_ns, from_outside);
	else
		set_state(role, KK_LIFE_FINISHED);
	return news;
}

enum kk_role_news kk_role_bury(struct kk_role *role, uint64_t now_ns)
{
	enum kk_role_news news = KK_ROLE_FINE;
	struct kk_process_end end;
	struct kk_counters counters;

	if (!role->process || kk_process_wait(role->process, 0, &end) < 0)
		return KK_ROLE_FINE;
	stop_hearing(role);
	role->cpu_ns += (end.user_us + end.system_us) * 1000;
	kk_run_read_counters(role->scene->run, role->number, &counters);
	/* It may have inherited and worked since we last looked. */
	if (role->state == KK_LIFE_STARTING)
		look_at_start(role, &counters, now_ns);
	note_progress(role, &counters, now_ns);
	if (role->scene->given_up || kk_run_role_state(role->scene->run, role->number) == KK_ROLE_DRAINED)
		set_state(role, KK_LIFE_FINISHED);
	else
		news = mourn(role, &end, &counters, now_ns);
	kk_process_free(role->process);
	role->process = NULL;
	return news;
}

uint64_t kk_role_cpu_ns(const struct kk_role *role)
{
	struct timespec taken = {0};
	clockid_t clock;

	if (role->process && clock_getcpuclockid(kk_process_pid(role->process), &clock) == 0 &&
	    clock_gettime(clock, &taken) < 0)
		taken = (struct timespec){0};
	return role->cpu_ns + (uint64_t)taken.tv_sec * 1000000000u + (uint64_t)taken.tv_nsec;
}

void kk_role_give_up(struct kk_role *role)
{
	if (role->process)
		kk_process_kill_group(role->process, SIGKILL);
	else if (role->state != KK_LIFE_FINISHED)
		set_state(role, KK_LIFE_FINISHED);
}

void kk_role_fini(struct kk_role *role)
{
	kk_process_abandon(role->process);
	role->process = NULL;
	stop_hearing(role);
}
