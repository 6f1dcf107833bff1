/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi run: reads a config, produces its outputs. */
#include "run/run.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/outline.h"
#include "config/describe.h"
#include "config/exit.h"
#include "graph/plan.h"
#include "report/report.h"
#include "supervisor/supervisor.h"
#include <kakehi/process.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* A supervisor holds four descriptors for each worker and some for each stage. */
#define DESCRIPTORS_WANTED 16384

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS_WANTED)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
	/* If it stays low and does not do, opening says so. */
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int run_plan(const struct kk_plan *plan, const struct kk_asked *asked, int *signal)
{
	struct kk_report_options report_options = {.text_fd = STDERR_FILENO,
	                                           .json_fd = asked->json ? STDOUT_FILENO : -1,
	                                           .level = asked->level,
	                                           .quiet = asked->quiet};
	struct kk_error error = {0};
	struct kk_report *report = NULL;
	struct kk_run *run = kk_run_create(plan, &error);
	int exit_code = KK_EXIT_INTERNAL;

	if (!run) {
		exit_code = error.code == KK_ERR_NO_ROOM  ? KK_EXIT_CONFIG
		            : error.code == KK_ERR_SYSTEM ? KK_EXIT_IO
		                                          : KK_EXIT_INTERNAL;
		goto out;
	}
	report = kk_report_create(plan, run, &report_options, &error);
	if (!report)
		goto out;
	exit_code = kk_supervise(
	    &(struct kk_supervise){.plan = plan, .run = run, .report = report, .level = asked->level}, signal);
out:
	if (!report)
		fprintf(stderr, "kakehi: error: %s\n", error.text);
	kk_report_free(report);
	kk_run_free(run);
	return exit_code;
}

int kk_cli_run(int argc, char **argv)
{
	struct kk_asked asked = {.level = KK_LOG_INFO};
	struct kk_plan *plan = NULL;
	char *text = NULL;
	int exit_code, signal = 0;

	if (kk_arguments_read(&asked, kk_arguments_run, 1, 1, argc, argv) < 0)
		return KK_EXIT_USAGE;
	asked.describe.file = asked.operands[0];
	raise_descriptor_limit();
	exit_code = kk_describe(&asked.describe, &plan, &text);
	fputs(text ? text : "kakehi: error: out of memory\n", stderr);
	if (exit_code == 0 && asked.dry_run)
		kk_outline_plan(plan, stdout);
	else if (exit_code == 0)
		exit_code = run_plan(plan, &asked, &signal);
	free(text);
	free(plan);
	if (signal)
		kk_process_raise(signal);
	return exit_code;
}
