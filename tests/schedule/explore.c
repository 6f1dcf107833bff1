/* SPDX-License-Identifier: Apache-2.0 */
#include "explore.h"
#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define FORGET_STACK(from, size) __asan_unpoison_memory_region(from, size)
#else
#define FORGET_STACK(from, size) ((void)0)
#endif

enum { FIBERS_MAX = 12, STACK_BYTES = 128 * 1024, STEPS_MAX = 20000 };

enum fiber_state { READY, WAITING, ASLEEP, THROUGH, DEAD };

struct fiber {
	const char *name;
	fiber_body *body, *heir;
	void *arg;
	enum fiber_state state;
	bool (*is)(void *arg); /* WAITING: for this */
	void *is_arg;
	const void *word; /* ASLEEP: on this futex, since this step */
	uint64_t asleep_since;
	const char *site; /* where it stands */
	ucontext_t context;
};

static struct {
	const struct scenario *scenario;
	struct bounds bounds;
	chooser *choose;
	void *choose_arg;
	bool trace;
	struct execution *execution;
	struct fiber fiber[FIBERS_MAX];
	int count, current; /* current: -1 outside of all fibers */
	bool watching;      /* accesses are the test's own       */
	ucontext_t outside;
} now;

static _Alignas(64) unsigned char stacks[FIBERS_MAX][STACK_BYTES];

uint64_t explore_step(void)
{
	return now.execution->steps;
}

static void leave(void)
{
	setcontext(&now.outside);
	abort();
}

void explore_fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	if (!now.execution->bad[0])
		vsnprintf(now.execution->bad, sizeof(now.execution->bad), format, args);
	va_end(args);
	if (now.current >= 0)
		leave();
}

/* ---- decisions */

static bool is_ready(struct fiber *fiber)
{
	if (fiber->state == WAITING && fiber->is(fiber->is_arg))
		fiber->state = READY;
	return fiber->state == READY;
}

/* The obvious thing first: to go on, or else the next one round. `anyone`: nobody has a right to go on. */
static void list_options(struct options *options, bool may_kill, bool anyone)
{
	bool was_watching = now.watching;
	now.watching = true;
	*options = (struct options){.forced = anyone || !is_ready(&now.fiber[now.current])};
	bool may_preempt = options->forced || now.execution->preemptions < now.bounds.preemptions;
	for (int i = 0; i < now.count; i++) {
		int who = (now.current + i) % now.count;
		if ((i == 0 || may_preempt) && is_ready(&now.fiber[who]))
			options->who[options->count++] = who;
	}
	if (may_kill && !options->forced && now.fiber[now.current].heir && now.execution->kills < now.bounds.kills &&
	    now.count < FIBERS_MAX)
		options->who[options->count++] = KILL;
	now.watching = was_watching;
}

static int decide(const struct options *options)
{
	struct execution *e = now.execution;
	unsigned decision = e->decisions++;
	unsigned index = options->count > 1 ? now.choose(now.choose_arg, decision, options) : 0;
	int who = options->who[index];
	if (index > 0 && e->deviations < DECISIONS_MAX)
		e->deviation[e->deviations++] = (struct deviation){decision, who};
	if (who == KILL)
		e->kills++;
	else if (index > 0 && !options->forced)
		e->preemptions++;
	return who;
}

static void fail_stuck(void)
{
	char text[200] = "";
	size_t length = 0;
	for (int i = 0; i < now.count; i++) {
		const struct fiber *f = &now.fiber[i];
		if ((f->state == ASLEEP || f->state == WAITING) && length < sizeof(text))
			length += (size_t)snprintf(text + length, sizeof(text) - length, " %s %s (%s)", f->name,
			                           f->state == ASLEEP ? "sleeps" : "waits", f->site);
	}
	explore_fail("nobody can go on:%s", text);
}

static bool somebody_is_left(void)
{
	for (int i = 0; i < now.count; i++)
		if (now.fiber[i].state == ASLEEP || now.fiber[i].state == WAITING)
			return true;
	return false;
}

static void switch_to(int who)
{
	struct fiber *from = &now.fiber[now.current];
	now.current = who;
	if (from != &now.fiber[who])
		swapcontext(&from->context, &now.fiber[who].context);
}

/* Lets the decisions say who goes on; comes back when it is the caller's turn again. */
static void schedule(void)
{
	struct options options;
	for (bool may_kill = true;; may_kill = false) {
		list_options(&options, may_kill, false);
		if (options.count == 0) {
			if (somebody_is_left())
				fail_stuck();
			leave();
		}
		int who = decide(&options);
		if (who != KILL) {
			switch_to(who);
			return;
		}
		struct fiber *dead = &now.fiber[now.current];
		if (now.trace)
			printf("%5llu  %-12s killed before: %s\n", (unsigned long long)now.execution->steps, dead->name,
			       dead->site);
		dead->state = DEAD;
		explore_spawn(dead->name, dead->heir, dead->heir, dead->arg);
	}
}

static void watch(void)
{
	if (!now.scenario->watch || now.watching)
		return;
	now.watching = true;
	now.scenario->watch();
	now.watching = false;
}

void explore_yield(const char *site)
{
	if (now.current < 0 || now.watching)
		return;
	struct fiber *me = &now.fiber[now.current];
	me->site = site;
	watch();
	if (++now.execution->steps > STEPS_MAX)
		explore_fail("no end after %d steps; %s is at: %s", STEPS_MAX, me->name, site);
	schedule();
	if (now.trace)
		printf("%5llu  %-12s %s\n", (unsigned long long)now.execution->steps, me->name, site);
}

void explore_wait(bool (*is)(void *arg), void *arg)
{
	struct fiber *me = &now.fiber[now.current];
	watch();
	me->site = "wait";
	me->state = WAITING;
	me->is = is;
	me->is_arg = arg;
	schedule();
}

/* ---- fibers */

static void fiber_main(void)
{
	struct fiber *me = &now.fiber[now.current];
	me->body(me->arg);
	watch();
	me->state = THROUGH;
	schedule();
	abort();
}

void explore_spawn(const char *name, fiber_body *body, fiber_body *heir, void *arg)
{
	if (now.count == FIBERS_MAX)
		abort();
	struct fiber *fiber = &now.fiber[now.count];
	*fiber = (struct fiber){.name = name, .body = body, .heir = heir, .arg = arg, .state = READY, .site = "start"};
	if (getcontext(&fiber->context))
		abort();
	FORGET_STACK(stacks[now.count], STACK_BYTES);
	fiber->context.uc_stack.ss_sp = stacks[now.count];
	fiber->context.uc_stack.ss_size = STACK_BYTES;
	fiber->context.uc_link = NULL;
	makecontext(&fiber->context, fiber_main, 0);
	now.count++;
}

/* ---- what the library calls */

static const char *point;

void kk_point(const char *site);
/* Only names the next access: the yield is in front of it. */
void kk_point(const char *site)
{
	point = site;
}

void schedule_yield(const char *function);
void schedule_yield(const char *function)
{
	const char *site = point ? point : function;
	point = NULL;
	explore_yield(site);
}

static long futex_wait(const uint32_t *word, uint32_t value, bool for_ever)
{
	struct fiber *me = &now.fiber[now.current];
	if (*word != value) {
		errno = EAGAIN;
		return -1;
	}
	if (!for_ever)
		explore_fail("a sleep with a time-out hides lost wake-ups");
	me->state = ASLEEP;
	me->word = word;
	me->asleep_since = now.execution->steps;
	schedule();
	explore_yield("awake");
	return 0;
}

static struct fiber *longest_asleep(const uint32_t *word)
{
	struct fiber *first = NULL;
	for (int i = 0; i < now.count; i++) {
		struct fiber *f = &now.fiber[i];
		if (f->state == ASLEEP && f->word == word && (!first || f->asleep_since < first->asleep_since))
			first = f;
	}
	return first;
}

static long futex_wake(const uint32_t *word, uint32_t count)
{
	long woken = 0;
	struct fiber *fiber;
	while (woken < count && (fiber = longest_asleep(word))) {
		fiber->state = READY;
		woken++;
	}
	return woken;
}

struct timespec;
long schedule_futex(void *word, int operation, unsigned value, const struct timespec *timeout);
long schedule_futex(void *word, int operation, unsigned value, const struct timespec *timeout)
{
	point = NULL;
	if (now.current < 0 || now.watching)
		return 0;
	explore_yield(operation == FUTEX_WAIT ? "futex: wait" : "futex: wake");
	return operation == FUTEX_WAIT ? futex_wait(word, value, !timeout) : futex_wake(word, value);
}

/* ---- an execution */

static void run_fibers(void)
{
	/* Comes back here a second time from leave(). */
	static bool started;
	started = false;
	if (getcontext(&now.outside))
		abort();
	if (started)
		return;
	started = true;
	struct options options;
	now.current = 0;
	list_options(&options, false, true);
	now.current = options.count ? decide(&options) : 0;
	setcontext(&now.fiber[now.current].context);
	abort();
}

void explore_run(const struct scenario *scenario, const struct bounds *bounds, chooser *choose, void *arg, bool trace,
                 struct execution *execution)
{
	execution->bad[0] = '\0';
	execution->deviations = execution->decisions = execution->preemptions = execution->kills = 0;
	execution->steps = 0;
	now.scenario = scenario;
	now.bounds = *bounds;
	now.choose = choose;
	now.choose_arg = arg;
	now.trace = trace;
	now.execution = execution;
	now.count = 0;
	now.current = -1;
	now.watching = false;
	point = NULL;
	scenario->start();
	run_fibers();
	now.current = -1;
	if (!execution->bad[0] && scenario->finish)
		scenario->finish();
	scenario->clear();
}
