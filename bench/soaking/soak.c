/* SPDX-License-Identifier: Apache-2.0 */
/* bench-soak [--seconds S] [--workers N] [--kills PER-SECOND] [--stops PER-SECOND] [--seed N]
 *
 * Numbered, checksummed items on the rings while workers are killed and stopped, after the same without. Exit status 0:
 * nothing was lost, doubled, spoilt or leaked, nobody hung, and nobody had to be woken by the back-stop.
 */
#include "items.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static double number(const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);
	if (*text && !*end && value >= least && value <= most)
		return value;
	fprintf(stderr, "bench-soak: %s is not a number from %g to %g\n", text, least, most);
	exit(2);
}

static void print_run(const char *name, const struct items_result *r)
{
	const struct torment_result *t = &r->torment;
	double rate = t->seconds > 0 ? (double)t->progress / t->seconds : 0;
	const uint64_t leaked = r->leaked_entries + r->leaked_blocks;
	printf("%-12s %10llu %7u %7u %6llu %8llu %7llu %7llu %11llu %12.0f\n", name, (unsigned long long)r->items,
	       t->deaths, t->stops, (unsigned long long)r->lost, (unsigned long long)r->doubled,
	       (unsigned long long)r->spoilt, (unsigned long long)leaked, (unsigned long long)r->backstops, rate);
	if (t->hung)
		printf("hung after %.1f s\n", t->hung_after_sec);
	if (t->faults || r->fault)
		printf("%u workers ended by themselves; %s\n", t->faults, r->fault ? r->fault : "the memory is sound");
	fflush(stdout);
}

static double rate_of(const struct items_result *r)
{
	return r->torment.seconds > 0 ? (double)r->torment.progress / r->torment.seconds : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"seconds", required_argument, NULL, 's'}, {"workers", required_argument, NULL, 'w'},
	    {"kills", required_argument, NULL, 'k'},   {"stops", required_argument, NULL, 't'},
	    {"seed", required_argument, NULL, 'r'},    {NULL, 0, NULL, 0},
	};
	struct items_plan plan = {.workers = 16, .seconds = 60, .kills_per_sec = 20, .stops_per_sec = 50, .seed = 1};
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			plan.seconds = number(optarg, 0.1, 1e6);
		else if (option == 'w')
			plan.workers = (unsigned)number(optarg, 3, TORMENT_WORKERS_MAX);
		else if (option == 'k')
			plan.kills_per_sec = number(optarg, 0, 1000);
		else if (option == 't')
			plan.stops_per_sec = number(optarg, 0, 1000);
		else if (option == 'r')
			plan.seed = (unsigned)number(optarg, 0, 1e9);
		else
			return 2;
	}
	struct items_plan calm = plan;
	calm.kills_per_sec = calm.stops_per_sec = 0;
	calm.seconds = plan.seconds / 5 < 10 ? plan.seconds / 5 : 10;
	printf("%u workers, %g kills and %g stops a second, %g s\n", plan.workers, plan.kills_per_sec,
	       plan.stops_per_sec, plan.seconds);
	printf("%-12s %10s %7s %7s %6s %8s %7s %7s %11s %12s\n", "", "items", "deaths", "stops", "lost", "doubled",
	       "spoilt", "leaked", "back-stops", "items/s");
	fflush(stdout);
	struct items_result before = items_run(&calm);
	print_run("undisturbed", &before);
	struct items_result result = items_run(&plan);
	print_run("tormented", &result);
	if (rate_of(&before) > 0)
		printf("throughput relative to undisturbed: %.0f %%\n", 100 * rate_of(&result) / rate_of(&before));
	bool sound = items_are_sound(&before) && items_are_sound(&result) && before.backstops + result.backstops == 0;
	return sound ? 0 : 1;
}
