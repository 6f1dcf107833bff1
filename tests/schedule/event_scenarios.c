/* SPDX-License-Identifier: Apache-2.0 */
/* The event: tokens are given and waited for. Sleeps have no time-out, so a lost wake-up leaves somebody asleep. */
#include "world.h"
#include <limits.h>
#include <stddef.h>
#include <string.h>

static struct {
	struct kk_event event;
	unsigned tokens, wanted;
} run;

/* Each look at the tokens and each change of them is one access. */
static bool find_token(void)
{
	explore_yield("look for a token");
	if (run.tokens == 0)
		return false;
	run.tokens--;
	return true;
}

static void waiter(void *arg)
{
	(void)arg;
	for (;;) {
		uint32_t ticket = kk_event_prepare(&run.event);
		if (find_token())
			break;
		kk_event_sleep(&run.event, ticket, -1);
	}
}

static void giver(void *arg)
{
	(void)arg;
	explore_yield("give a token");
	run.tokens++;
	kk_event_wake(&run.event, 1, -1);
}

static void twice(void *arg)
{
	giver(arg);
	giver(arg);
}

static void gives_all(void *arg)
{
	(void)arg;
	explore_yield("give all tokens");
	run.tokens += run.wanted;
	kk_event_wake(&run.event, INT_MAX, -1);
}

/* A giver that dies before it has said so: its parent wakes everybody. */
static void after_a_death(void *arg)
{
	(void)arg;
	kk_event_wake_all(&run.event, -1);
	explore_yield("look for missing tokens");
	run.tokens = run.wanted;
	kk_event_wake(&run.event, INT_MAX, -1);
}

static void make(unsigned waiters)
{
	static const char *const names[] = {"waiter 1", "waiter 2", "waiter 3"};
	memset(&run, 0, sizeof(run));
	run.wanted = waiters;
	for (unsigned i = 0; i < waiters; i++)
		explore_spawn(names[i], waiter, NULL, NULL);
}

static void start_one(void)
{
	make(1);
	explore_spawn("giver 1", giver, NULL, NULL);
}

static void start_two(void)
{
	make(2);
	explore_spawn("giver 1", giver, NULL, NULL);
	explore_spawn("giver 2", giver, NULL, NULL);
}

static void start_twice(void)
{
	make(3);
	explore_spawn("giver 1", twice, NULL, NULL);
	explore_spawn("giver 2", giver, NULL, NULL);
}

static void start_all(void)
{
	make(3);
	explore_spawn("giver", gives_all, NULL, NULL);
}

static void start_death(void)
{
	make(1);
	explore_spawn("giver", gives_all, after_a_death, NULL);
}

static void clear(void)
{
}

const struct scenario event_scenarios[] = {
    {"event-1", start_one, NULL, NULL, clear, {6, 0}, {10, 0}, 0},
    {"event-2", start_two, NULL, NULL, clear, {2, 0}, {3, 0}, 0},
    {"event-3", start_twice, NULL, NULL, clear, {1, 0}, {2, 0}, 0},
    {"event-all", start_all, NULL, NULL, clear, {2, 0}, {3, 0}, 0},
    {"event-death", start_death, NULL, NULL, clear, {2, 1}, {4, 2}, 1},
    {0},
};
