/* SPDX-License-Identifier: Apache-2.0 */
/* engine/cli/main.c - reads argv and the environment, produces the call of one verb, or a worker. */
#include "cli/verb.h"
#include "config/exit.h"
#include "config/quantity.h"
#include "worker/worker.h"
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int start_worker(const char *descriptor)
{
	uint64_t fd;

	if (kk_quantity_unsigned(descriptor, &fd, NULL) != KK_OK || fd > INT_MAX) {
		fprintf(stderr, "kakehi: %s is for the program itself; do not set it\n", KK_WORKER_VARIABLE);
		return KK_EXIT_USAGE;
	}
	return kk_worker_main((int)fd);
}

static bool is_help(const char *argument)
{
	return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

/* Is help asked for among the arguments, before a "--"? */
static bool asks_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (is_help(argv[i]))
			return true;
	}
	return false;
}

static int run_verb(int argc, char **argv)
{
	const char *nearest = NULL;
	const struct kk_verb *verb = kk_verb_find(argv[0], &nearest);

	if (verb)
		return asks_help(argc, argv) ? kk_verb_help(verb) : verb->run(argc, argv);
	fprintf(stderr, "kakehi: there is no verb \"%s\"\n", argv[0]);
	if (nearest)
		fprintf(stderr, "        did you mean \"%s\"?\n", nearest);
	fputs("        `kakehi help` lists them all\n", stderr);
	return KK_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	const char *worker = getenv(KK_WORKER_VARIABLE);
	int code = KK_EXIT_USAGE;

	if (worker)
		return start_worker(worker);
	if (argc < 2) {
		kk_verb_usage(stderr);
	} else if (is_help(argv[1])) {
		kk_verb_usage(stdout);
		code = 0;
	} else if (strcmp(argv[1], "--version") == 0) {
		char *version[] = {"version", NULL};
		code = run_verb(1, version);
	} else {
		code = run_verb(argc - 1, argv + 1);
	}
	/* a full disk or a closed pipe must not pass for success */
	if (fflush(stdout) != 0 && code == 0)
		code = KK_EXIT_IO;
	return code;
}
