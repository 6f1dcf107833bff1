/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi run: reads a config, produces its outputs. */
#include "run/run.h"
#include "cli/cli.h"
#include "config/describe.h"
#include "config/quantity.h"
#include "graph/plan.h"
#include "report/report.h"
#include "supervisor/outcome.h"
#include "supervisor/supervisor.h"
#include <errno.h>
#include <getopt.h>
#include <kakehi/process.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define MAX_SHARDS 1000000

/* A supervisor holds four descriptors for each worker and some for each stage. */
#define DESCRIPTORS_WANTED 16384

struct run_options {
	const char *file;
	struct kk_selection selection;
	enum kk_log_level level;
	bool json, quiet, help;
};

static const char usage[] = "usage: kakehi run [OPTION...] CONFIG\n";
static const char help[] =
    "\nRuns the pipeline of a config to its end.\n\n"
    "  --limit N          stop after N items of the source\n"
    "  --shard I/N        only part I (1 ..) of N: machines that share a list take one each\n"
    "  --only KEY         only the item with this key\n"
    "  --log-level LEVEL  error, warning, info (the default) or debug\n"
    "  --quiet            no progress and no summary\n"
    "  --json             events as NDJSON on standard output\n\n"
    "Exit status: 0 if every item is done, 1 if some failed, 2 for a wrong command line, 70 for an internal error,\n"
    "74 if a file cannot be written (a full disk), 75 if --limit stopped it early, 78 if the config is wrong.\n"
    "The first SIGINT or SIGTERM finishes what is under way, the second ends at once; then it dies of the first.\n";

static const char *const level_words[] = {
    [KK_LOG_ERROR] = "error", [KK_LOG_WARNING] = "warning", [KK_LOG_INFO] = "info", [KK_LOG_DEBUG] = "debug"};

static int parse_level(const char *word, enum kk_log_level *level)
{
	for (size_t i = 0; i < sizeof(level_words) / sizeof(*level_words); i++) {
		if (strcmp(word, level_words[i]) == 0) {
			*level = (enum kk_log_level)i;
			return 0;
		}
	}
	fprintf(stderr, "kakehi run: --log-level is one of error, warning, info, debug, not \"%s\"\n", word);
	return -1;
}

static int parse_limit(const char *word, uint64_t *limit)
{
	char *end;

	errno = 0;
	*limit = strtoull(word, &end, 10);
	if (errno == 0 && *limit > 0 && *end == '\0' && word[0] >= '0' && word[0] <= '9')
		return 0;
	fprintf(stderr, "kakehi run: --limit is a number of items from 1, not \"%s\"\n", word);
	return -1;
}

static int parse_shard(const char *word, struct kk_selection *selection)
{
	const char *slash = strchr(word, '/');
	uint64_t shard = 0, shards = 0;
	char part[16] = "";

	if (slash && (size_t)(slash - word) < sizeof(part))
		memcpy(part, word, (size_t)(slash - word));
	if (kk_quantity_unsigned(part, &shard, NULL) == KK_OK &&
	    kk_quantity_unsigned(slash + 1, &shards, NULL) == KK_OK && shard >= 1 && shard <= shards &&
	    shards <= MAX_SHARDS) {
		selection->shard = (uint32_t)shard;
		selection->shards = (uint32_t)shards;
		return 0;
	}
	fprintf(stderr, "kakehi run: --shard is one part of several, such as 2/8, not \"%s\"\n", word);
	return -1;
}

static int parse_option(struct run_options *options, int option, const char *word)
{
	switch (option) {
	case 'j':
		options->json = true;
		return 0;
	case 'q':
		options->quiet = true;
		return 0;
	case 'n':
		return parse_limit(optarg, &options->selection.limit);
	case 's':
		return parse_shard(optarg, &options->selection);
	case 'o':
		options->selection.only = optarg;
		return 0;
	case 'l':
		return parse_level(optarg, &options->level);
	case 'h':
		options->help = true;
		return 0;
	default:
		fprintf(stderr, "kakehi run: there is no option \"%s\", or its value is missing\n%s", word, usage);
		return -1;
	}
}

static int parse_arguments(struct run_options *options, int argc, char **argv)
{
	static const struct option rows[] = {
	    {"json", no_argument, NULL, 'j'},        {"quiet", no_argument, NULL, 'q'},
	    {"limit", required_argument, NULL, 'n'}, {"log-level", required_argument, NULL, 'l'},
	    {"shard", required_argument, NULL, 's'}, {"only", required_argument, NULL, 'o'},
	    {"help", no_argument, NULL, 'h'},        {0}};
	int option;

	/* getopt's own messages would begin with argv[0], which is the verb alone. */
	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, argv, "", rows, NULL)) >= 0) {
		if (parse_option(options, option, argv[optind - 1]) < 0)
			return -1;
	}
	if (options->help)
		return 0;
	if (optind != argc - 1) {
		fputs(usage, stderr);
		return -1;
	}
	options->file = argv[optind];
	return 0;
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS_WANTED)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
	/* If it stays low and does not do, opening says so. */
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int run_plan(const struct kk_plan *plan, const struct run_options *options, int *signal)
{
	struct kk_report_options report_options = {.text_fd = STDERR_FILENO,
	                                           .json_fd = options->json ? STDOUT_FILENO : -1,
	                                           .level = options->level,
	                                           .quiet = options->quiet};
	struct kk_error error = {0};
	struct kk_report *report = NULL;
	struct kk_run *run = kk_run_create(plan, &error);
	int exit_code = KK_EXIT_INTERNAL;

	if (!run) {
		exit_code = error.code == KK_ERR_NO_ROOM ? KK_EXIT_CONFIG : KK_EXIT_INTERNAL;
		goto out;
	}
	report = kk_report_create(plan, run, &report_options, &error);
	if (!report)
		goto out;
	exit_code = kk_supervise(
	    &(struct kk_supervise){.plan = plan, .run = run, .report = report, .level = options->level}, signal);
out:
	if (!report)
		fprintf(stderr, "kakehi: error: %s\n", error.text);
	kk_report_free(report);
	kk_run_free(run);
	return exit_code;
}

int kk_cli_run(int argc, char **argv)
{
	struct run_options options = {.level = KK_LOG_INFO};
	struct kk_plan *plan = NULL;
	char *text = NULL;
	int exit_code, signal = 0;

	if (parse_arguments(&options, argc, argv) < 0)
		return EXIT_USAGE;
	if (options.help)
		return printf("%s%s", usage, help) < 0 ? KK_EXIT_IO : 0;
	raise_descriptor_limit();
	exit_code = kk_describe(&(struct kk_describe_request){.file = options.file, .selection = options.selection},
	                        &plan, &text);
	if (text)
		fputs(text, stderr);
	else
		fputs("kakehi: error: out of memory\n", stderr);
	if (exit_code == 0)
		exit_code = run_plan(plan, &options, &signal);
	free(text);
	free(plan);
	if (signal)
		kk_process_raise(signal);
	return exit_code;
}
