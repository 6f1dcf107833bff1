/* SPDX-License-Identifier: Apache-2.0 */
/* schedule [option...] [scenario...] - explores the schedules of all scenarios, or of the named ones. */
#include "search.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A part of it, where KAKEHI_TEST_PART is set: on an emulated processor. */
enum { RANDOM_PART = 200, RANDOM_QUICK = 4000, RANDOM_FULL = 200000 };
#define LIMIT_PART  UINT64_C(2000)
#define LIMIT_QUICK UINT64_C(400000)
#define LIMIT_FULL  UINT64_C(3000000)

static const struct scenario *const families[] = {ring_scenarios, heir_scenarios, block_scenarios, event_scenarios};

static struct {
	bool full, mutant, part;
	uint64_t seed, random;
	const char *replay;
} option;

static struct {
	uint64_t bounded, random, steps, kills;
	unsigned scenarios, bad;
} total;

static const char usage[] =
    "schedule [option...] [scenario...]\n"
    "  --full           larger bounds, more random schedules\n"
    "  --random N       so many random schedules for each scenario\n"
    "  --seed S         the first of their seeds\n"
    "  --replay D       one schedule of one scenario, with a trace\n"
    "  --must-fail      the program was built from a mutant: at least one scenario must find it out\n";

static void report(const struct scenario *scenario, const struct search *search, bool random)
{
	printf("%s: %s\n", scenario->name, search->last.bad);
	if (random)
		printf("  again: --seed %llu --random 1 %s\n", (unsigned long long)search->seed, scenario->name);
	printf("  in steps: %s --replay ", scenario->name);
	search_print(&search->last);
}

static bool run_bounded(const struct scenario *scenario)
{
	static struct search search;
	memset(&search, 0, sizeof(search));
	const struct bounds *bounds = option.full ? &scenario->full : &scenario->quick;
	const uint64_t limit = option.full ? LIMIT_FULL : option.part ? LIMIT_PART : LIMIT_QUICK;
	bool good = search_bounded(scenario, bounds, limit, &search);
	printf("%-16s preemptions <= %u, kills <= %u: %9llu schedules%s\n", scenario->name, bounds->preemptions,
	       bounds->kills, (unsigned long long)search.schedules, good && !search.complete ? ", not all" : "");
	total.bounded += search.schedules;
	total.steps += search.steps;
	total.kills += search.kills;
	if (!good)
		report(scenario, &search, false);
	/* What is tried on every change is tried exhaustively; the long run goes as far as its limit and says so. */
	if (good && !search.complete && !option.mutant && !option.full && !option.part) {
		printf("%s: the bounds are too wide to be tried exhaustively\n", scenario->name);
		return false;
	}
	return good;
}

static bool run_random(const struct scenario *scenario)
{
	static struct search search;
	memset(&search, 0, sizeof(search));
	bool good = search_random(scenario, option.seed, option.random, &search);
	total.random += search.schedules;
	total.steps += search.steps;
	total.kills += search.kills;
	if (!good)
		report(scenario, &search, true);
	return good;
}

static bool run_replay(const struct scenario *scenario)
{
	static struct search search;
	memset(&search, 0, sizeof(search));
	if (search_replay(scenario, option.replay, &search))
		return true;
	report(scenario, &search, false);
	return false;
}

static bool run(const struct scenario *scenario)
{
	if (option.replay)
		return run_replay(scenario);
	return run_bounded(scenario) && run_random(scenario);
}

static bool is_wanted(const struct scenario *scenario, char **names)
{
	if (!*names)
		return true;
	while (*names && strcmp(*names, scenario->name) != 0)
		names++;
	return *names;
}

static int read_options(int argc, char **argv)
{
	static const struct option options[] = {
	    {"full", no_argument, NULL, 'f'},       {"random", required_argument, NULL, 'r'},
	    {"seed", required_argument, NULL, 's'}, {"replay", required_argument, NULL, 'p'},
	    {"must-fail", no_argument, NULL, 'm'},  {0}};
	int c, random_given = 0;
	option.seed = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			option.full = true;
			break;
		case 'r':
			option.random = strtoull(optarg, NULL, 10);
			random_given = 1;
			break;
		case 's':
			option.seed = strtoull(optarg, NULL, 10);
			break;
		case 'p':
			option.replay = optarg;
			break;
		case 'm':
			option.mutant = true;
			break;
		default:
			return -1;
		}
	}
	option.part = getenv("KAKEHI_TEST_PART") && !option.mutant;
	if (!random_given)
		option.random = option.full ? RANDOM_FULL : option.part ? RANDOM_PART : RANDOM_QUICK;
	return option.replay && argc - optind != 1 ? -1 : optind;
}

int main(int argc, char **argv)
{
	int first = read_options(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (first < 0) {
		fputs(usage, stderr);
		return 2;
	}
	for (unsigned f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
		for (const struct scenario *s = families[f]; s->name; s++) {
			if (!is_wanted(s, argv + first))
				continue;
			total.scenarios++;
			total.bad += !run(s);
			if (total.bad && option.mutant)
				break;
		}
	}
	printf("%u scenarios, %llu schedules within bounds, %llu random ones, %llu kills, %llu steps: %u bad\n",
	       total.scenarios, (unsigned long long)total.bounded, (unsigned long long)total.random,
	       (unsigned long long)total.kills, (unsigned long long)total.steps, total.bad);
	if (total.scenarios == 0)
		return 2;
	return option.mutant ? total.bad == 0 : total.bad != 0;
}
