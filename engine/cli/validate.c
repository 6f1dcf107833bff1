/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "config/describe.h"
#include "config/quantity.h"
#include "graph/budget.h"
#include "graph/plan.h"
#include "run/run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, EXIT_FAILED = 70 };

static double mib(uint64_t bytes)
{
	return (double)bytes / (1024 * 1024);
}

/* The least whole MiB that is enough, as a config would spell it. */
static const char *spell_up(uint64_t bytes, char *to, size_t size)
{
	uint64_t unit = UINT64_C(1) << 20;

	return kk_quantity_size_text((bytes + unit - 1) / unit * unit, to, size);
}

static void print_plan(const char *file, const struct kk_plan *plan)
{
	static const struct kk_budget_sizes sizes = {
	    .control = kk_run_control_bytes, .arena = kk_run_arena_bytes, .counters = kk_run_counters_bytes};
	uint32_t workers = plan->role_count - 1;
	struct kk_budget budget;
	char memory[40], smallest[40];

	kk_budget_count(plan, &sizes, &budget);
	/* the recorder and the supervisor are processes, too */
	printf(
	    "%s: ok: source and %u stage%s, %u workers, %u processes; memory %s: fixed %.1f, arenas %.1f, heaps %.1f "
	    "MiB; smallest %s\n",
	    file, plan->stage_count - 1, plan->stage_count == 2 ? "" : "s", workers, plan->role_count + 1,
	    kk_quantity_size_text(plan->memory, memory, sizeof(memory)), mib(budget.control + budget.counters),
	    mib(budget.arenas), mib(budget.heaps), spell_up(plan->smallest, smallest, sizeof(smallest)));
}

static int validate(const char *file)
{
	struct kk_describe_request request = {.file = file};
	struct kk_plan *plan = NULL;
	char *text = NULL;
	int code = kk_describe(&request, &plan, &text);

	fputs(text ? text : "kakehi validate: out of memory\n", stderr);
	if (code == 0)
		print_plan(file, plan);
	free(text);
	free(plan);
	return code;
}

int kk_cli_validate(int argc, char **argv)
{
	int code = 0, first = 1;

	if (argc > 1 && strcmp(argv[1], "--") == 0) {
		first = 2;
	} else if (argc > 1 && argv[1][0] == '-') {
		fprintf(stderr, "kakehi validate: there is no option \"%s\"\n", argv[1]);
		return EXIT_USAGE;
	}
	if (first >= argc) {
		fputs("usage: kakehi validate CONFIG...\n", stderr);
		return EXIT_USAGE;
	}
	for (int i = first; i < argc; i++) {
		int one = validate(argv[i]);
		/* of several failures, one of the program itself is the one to tell */
		if (!code || one == EXIT_FAILED)
			code = one;
	}
	return code;
}
