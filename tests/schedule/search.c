/* SPDX-License-Identifier: Apache-2.0 */
#include "search.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static void count(struct search *search)
{
	search->schedules++;
	search->steps += search->last.steps;
	search->kills += search->last.kills;
}

/* ---- everything within bounds: depth first, the path's decisions on a stack */

struct path {
	struct {
		unsigned taken, count;
	} node[DECISIONS_MAX];
	unsigned depth, length; /* depth: of the running execution; length: how far it is prescribed */
};

static unsigned follow(void *arg, unsigned decision, const struct options *options)
{
	struct path *path = arg;
	(void)decision;
	if (path->depth == DECISIONS_MAX)
		return 0;
	if (path->depth == path->length) {
		path->node[path->length].taken = 0;
		path->node[path->length++].count = options->count;
	}
	return path->node[path->depth++].taken;
}

/* To the next path in order; false: that was the last one. */
static bool advance(struct path *path)
{
	path->depth = 0;
	while (path->length > 0 && path->node[path->length - 1].taken + 1 == path->node[path->length - 1].count)
		path->length--;
	if (path->length == 0)
		return false;
	path->node[path->length - 1].taken++;
	return true;
}

bool search_bounded(const struct scenario *scenario, const struct bounds *bounds, uint64_t limit, struct search *search)
{
	static struct path path;
	path.length = path.depth = 0;
	for (uint64_t i = 0; i < limit; i++) {
		explore_run(scenario, bounds, follow, &path, false, &search->last);
		count(search);
		if (search->last.bad[0])
			return false;
		if (!advance(&path)) {
			search->complete = true;
			return true;
		}
	}
	return true;
}

/* ---- random */

struct dice {
	uint64_t state;
	unsigned rarity;      /* one decision in so many lets another fiber run     */
	unsigned kill_rarity; /* and one in so many kills, where that is an option */
};

/* splitmix64: any seed is a good one, also the next number. */
static uint64_t roll(struct dice *dice)
{
	uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static unsigned throw_dice(void *arg, unsigned decision, const struct options *options)
{
	struct dice *dice = arg;
	(void)decision;
	bool killable = options->who[options->count - 1] == KILL;
	unsigned fibers = options->count - (killable ? 1 : 0);
	if (killable && roll(dice) % dice->kill_rarity == 0)
		return options->count - 1;
	if (options->forced)
		return (unsigned)(roll(dice) % fibers);
	if (fibers < 2 || roll(dice) % dice->rarity != 0)
		return 0;
	return 1 + (unsigned)(roll(dice) % (fibers - 1));
}

bool search_random(const struct scenario *scenario, uint64_t first_seed, uint64_t number, struct search *search)
{
	const struct bounds bounds = {UINT_MAX, scenario->random_kills};
	for (uint64_t i = 0; i < number; i++) {
		struct dice dice = {.state = first_seed + i};
		dice.rarity = 1u << (1 + roll(&dice) % 5);
		dice.kill_rarity = 1u << (3 + roll(&dice) % 5);
		explore_run(scenario, &bounds, throw_dice, &dice, false, &search->last);
		count(search);
		if (search->last.bad[0]) {
			search->seed = first_seed + i;
			return false;
		}
	}
	return true;
}

/* ---- one again */

struct script {
	const char *next;
	unsigned at;
	int who;
	bool left;
};

static void read_deviation(struct script *script)
{
	char *end;
	unsigned long at = strtoul(script->next, &end, 10);
	script->left = end != script->next && *end == ':';
	if (!script->left)
		return;
	script->at = (unsigned)at;
	script->next = end + 1;
	if (*script->next == 'k') {
		script->who = KILL;
		script->next++;
	} else {
		script->who = (int)strtol(script->next, &end, 10);
		script->next = end;
	}
	if (*script->next == ',')
		script->next++;
}

static unsigned recite(void *arg, unsigned decision, const struct options *options)
{
	struct script *script = arg;
	if (!script->left || decision != script->at)
		return 0;
	int who = script->who;
	read_deviation(script);
	for (unsigned i = 0; i < options->count; i++)
		if (options->who[i] == who)
			return i;
	return 0;
}

bool search_replay(const struct scenario *scenario, const char *deviations, struct search *search)
{
	const struct bounds all = {UINT_MAX, UINT_MAX};
	struct script script = {.next = deviations};
	read_deviation(&script);
	explore_run(scenario, &all, recite, &script, true, &search->last);
	count(search);
	return !search->last.bad[0];
}

void search_print(const struct execution *execution)
{
	for (unsigned i = 0; i < execution->deviations; i++) {
		const struct deviation *d = &execution->deviation[i];
		if (d->who == KILL)
			printf("%s%u:k", i ? "," : "", d->at);
		else
			printf("%s%u:%d", i ? "," : "", d->at, d->who);
	}
	printf("\n");
}
